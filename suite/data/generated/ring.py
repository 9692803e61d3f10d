"""Eight heaps of points around a ring: a set whose modes can be counted and whose density is known."""

import numpy as np
import tensorflow as tf
from scipy.special import logsumexp

HEAPS, DEVIATION = 8, 0.05
_ANGLES = 2 * np.pi * np.arange(HEAPS) / HEAPS
MODES = 2 * np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1).astype(np.float32)


def draw_points(number: int | tf.Tensor, n: int, seed: int) -> tf.Tensor:
    """Draws a batch of points.

    Args:
        number: Of the batch; another number, other points.
        n: How many.
        seed: Same seed and number, same points.

    Returns:
        `(n, 2)` float32; each from a heap at random, a Gaussian of `DEVIATION` around one of `MODES`.
    """
    places, offsets = tf.unstack(tf.random.split(tf.cast((seed, number), tf.int64), 2))
    heaps = tf.random.stateless_uniform((n,), places, 0, HEAPS, tf.int32)
    return tf.gather(MODES, heaps) + tf.random.stateless_normal((n, 2), offsets, 0, DEVIATION)


def batches(steps: int, seed: int, batch_size: int = 128) -> tf.data.Dataset:
    """Gives batches of new points.

    Args:
        steps: How many batches.
        seed: As of `draw_points`.
        batch_size: Points each.

    Returns:
        `steps` batches, `(batch_size, 2)` float32.
    """
    numbers = tf.data.Dataset.range(steps)
    return numbers.map(lambda number: draw_points(number, batch_size, seed)).prefetch(8)


def log_density(points: np.ndarray) -> np.ndarray:
    """Gives the natural logarithm of the density of the eight heaps at `(n, 2)` points."""
    squares = np.sum((points[:, None] - MODES) ** 2, axis=2)
    return logsumexp(-squares / (2 * DEVIATION**2), axis=1) - np.log(HEAPS * 2 * np.pi * DEVIATION**2)
