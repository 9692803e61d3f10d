"""Batches of arrays for training."""

from typing import Any

import tensorflow as tf


def shuffled(arrays: Any, batch_size: int, seed: int) -> tf.data.Dataset:
    """Batches in a random order, another one in each pass.

    Args:
        arrays: One array, or a tuple or dictionary of them; each has one row an example.
        batch_size: Examples a batch; the last batch of a pass has those that are left.
        seed: Decides the orders, together with TensorFlow's own seed.

    Returns:
        Batches of the structure of `arrays`.

    Raises:
        ValueError: The arrays do not have as many rows as each other.
    """
    counts = sorted({len(array) for array in tf.nest.flatten(arrays)})
    if len(counts) > 1:
        received = ", ".join(map(str, counts))
        raise ValueError(f"expected as many rows in each array, received {received}; pair them")
    with tf.device("CPU"):  # where batches are made
        arrays = tf.nest.map_structure(tf.convert_to_tensor, arrays)

    def take(rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return tf.nest.map_structure(lambda array: tf.gather(array, rows), arrays)

    # A batch is taken at once, which is far faster than row by row.
    rows = tf.data.Dataset.range(counts[0]).shuffle(counts[0], seed=seed).batch(batch_size)
    return rows.map(take, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def without_tuning(batches: tf.data.Dataset) -> tf.data.Dataset:
    """The same batches, made by as many threads as there are cores from the start; tf.data tunes nothing.

    With tuning, the end of an iterator may wait for the thread that tunes (TensorFlow 2.21): some passes over
    the data then take twice their time.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)
