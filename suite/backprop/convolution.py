"""Convolution as networks compute it: a kernel slides over the image, not flipped (cross-correlation)."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def output_size(size: int, kernel_size: int, stride: int = 1, padding: int = 0) -> int:
    """(W - F + 2 P) / S + 1, rounded down: how often the kernel fits along one axis.

    Args:
        size: Pixels along the axis, W.
        kernel_size: Pixels of the kernel, F.
        stride: Pixels from one place of the kernel to the next, S.
        padding: Zeros on each side, P.

    Returns:
        Number of outputs along the axis, at least 1.

    Raises:
        ValueError: A stride below 1, a padding below 0, or a kernel larger than the padded image.
    """
    if stride < 1 or padding < 0 or not 1 <= kernel_size <= size + 2 * padding:
        raise ValueError(
            f"expected stride >= 1, padding >= 0 and a kernel of 1 to size + 2 * padding pixels, received "
            f"stride {stride}, padding {padding}, kernel {kernel_size} on {size} pixels"
        )
    return (size - kernel_size + 2 * padding) // stride + 1


def windows(X: np.ndarray, kernel_size: tuple[int, int], stride: int) -> np.ndarray:
    """The patches that a kernel sees: a view `(n, rows, columns, channels, *kernel_size)`.

    Args:
        X: `(n, height, width, channels)`.
        kernel_size: `(height, width)` of the kernel.
        stride: Pixels from one patch to the next.
    """
    patches = sliding_window_view(X, kernel_size, axis=(1, 2))  # type: ignore[call-overload]  # NumPy 2.2
    return patches[:, ::stride, ::stride]


def convolution(X: np.ndarray, W: np.ndarray, b: np.ndarray, stride: int = 1, padding: int = 0) -> np.ndarray:
    """Z[i, j] = b + the sum of W times the patch of X at (i, j) * stride.

    Args:
        X: `(n, height, width, channels)` float.
        W: `(kernel height, kernel width, channels, filters)` float.
        b: `(filters,)` float.
        stride: Pixels from one patch to the next.
        padding: Zeros around the image, on each side.

    Returns:
        `(n, rows, columns, filters)`, the sizes from `output_size`.

    Raises:
        ValueError: The kernel does not fit.
    """
    shape = [output_size(X.shape[axis], W.shape[axis - 1], stride, padding) for axis in (1, 2)]
    Z = _patches(X, W, stride, padding) @ _as_matrix(W)
    Z += b
    return Z.reshape(len(X), *shape, W.shape[3])


def convolution_parameter_gradients(
    dZ: np.ndarray, X: np.ndarray, W: np.ndarray, stride: int = 1, padding: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """A shared weight gets the sum of what each of its places would get unshared, and so does the bias.

    Args:
        dZ: `(n, rows, columns, filters)` derivative of the cost by Z.
        X: `(n, height, width, channels)`, what the layer was given.
        W: `(kernel height, kernel width, channels, filters)`; its shape is all that counts.
        stride: As in `convolution`.
        padding: As in `convolution`.

    Returns:
        Derivatives by W, of its shape, and by b, `(filters,)`.
    """
    rows = dZ.reshape(-1, dZ.shape[3])
    dW = _patches(X, W, stride, padding).T @ rows
    height, width, channels, filters = W.shape
    return dW.reshape(channels, height, width, filters).transpose(1, 2, 0, 3), rows.sum(axis=0)


def convolution_input_gradient(
    dZ: np.ndarray, X: np.ndarray, W: np.ndarray, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """dX is a full convolution of dZ with the kernel flipped: padded so that every overlap counts.

    With a stride, dZ is spread out first, with zeros between.

    Args:
        dZ: `(n, rows, columns, filters)` derivative of the cost by Z.
        X: `(n, height, width, channels)`; its shape is all that counts.
        W: `(kernel height, kernel width, channels, filters)`.
        stride: As in `convolution`.
        padding: As in `convolution`.

    Returns:
        Derivative by X, of its shape.

    Reference:
        Dumoulin, Visin (2016), A guide to convolution arithmetic for deep learning, section 4.
    """
    kernel = W.shape[:2]
    n, *size, _ = X.shape
    # Every pixel of the padded image, and kernel - 1 more on each side, where its first and last patch reach.
    padded = [pixels + 2 * padding for pixels in size]
    spread = np.zeros((n, *(p + k - 1 for p, k in zip(padded, kernel, strict=True)), W.shape[3]), dZ.dtype)
    rows, columns = (
        slice(k - 1, k - 1 + stride * count, stride) for k, count in zip(kernel, dZ.shape[1:3], strict=True)
    )
    spread[:, rows, columns] = dZ
    flipped = W[::-1, ::-1].transpose(0, 1, 3, 2)
    full = convolution(spread, flipped, np.zeros(W.shape[2], dZ.dtype))
    return full[:, padding : padding + size[0], padding : padding + size[1]]


def _patches(X: np.ndarray, W: np.ndarray, stride: int, padding: int) -> np.ndarray:
    """One patch a row, `(n * rows * columns, channels * kernel height * kernel width)`."""
    if padding:
        X = np.pad(X, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    return windows(X, W.shape[:2], stride).reshape(-1, W[..., 0].size)


def _as_matrix(W: np.ndarray) -> np.ndarray:
    """The kernels as columns, in the order of `_patches`."""
    return W.transpose(2, 0, 1, 3).reshape(-1, W.shape[3])
