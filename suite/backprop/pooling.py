"""Pooling: one number for each window of each channel, the largest or the mean."""

from collections.abc import Iterator

import numpy as np

from suite.backprop.convolution import windows


def max_pooling(X: np.ndarray, size: int, stride: int) -> np.ndarray:
    """The largest value of each window.

    Args:
        X: `(n, height, width, channels)` float.
        size: Side of the windows in pixels.
        stride: Pixels from one window to the next.

    Returns:
        `(n, rows, columns, channels)`, as many as fit without padding.
    """
    return windows(X, (size, size), stride).max(axis=(4, 5))


def max_pooling_backward(dZ: np.ndarray, X: np.ndarray, size: int, stride: int) -> np.ndarray:
    """Each window's derivative goes to its winner alone; among equals, to the first one, row by row.

    Args:
        dZ: `(n, rows, columns, channels)` derivative of the cost by Z.
        X: `(n, height, width, channels)`, what the layer was given.
        size: As in `max_pooling`.
        stride: As in `max_pooling`.

    Returns:
        Derivative by X, of its shape; where windows overlap, the sum.
    """
    patches = windows(X, (size, size), stride)
    winner = patches.reshape(*patches.shape[:4], -1).argmax(axis=4)
    dX = np.zeros(X.shape, dZ.dtype)
    for place, pixels in _places(dZ.shape, size, stride):
        dX[pixels] += dZ * (winner == place)
    return dX


def average_pooling(X: np.ndarray, size: int, stride: int) -> np.ndarray:
    """The mean of each window; arguments and result as of `max_pooling`."""
    return windows(X, (size, size), stride).mean(axis=(4, 5))


def average_pooling_backward(dZ: np.ndarray, X: np.ndarray, size: int, stride: int) -> np.ndarray:
    """Each window's derivative is spread evenly, 1 / size^2 to each pixel; as `max_pooling_backward`."""
    dX = np.zeros(X.shape, dZ.dtype)
    for _, pixels in _places(dZ.shape, size, stride):
        dX[pixels] += dZ / size**2
    return dX


def _places(shape: tuple[int, ...], size: int, stride: int) -> Iterator[tuple[int, tuple[slice, ...]]]:
    """For each place in a window its number, and the pixels that all the windows have there."""
    _, rows, columns, _ = shape
    for row in range(size):
        for column in range(size):
            down = slice(row, row + stride * rows, stride)
            right = slice(column, column + stride * columns, stride)
            yield row * size + column, (slice(None), down, right)
