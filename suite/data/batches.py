"""Batches of arrays for training."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
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


def by_length(
    texts: tuple[np.ndarray, np.ndarray], batch_size: int, seed: int, passes: int = 1
) -> Callable[[int], tf.data.Dataset]:
    """Batches of texts of about the same length, each padded no further than its longest.

    Args:
        texts: Ids `(n, length)` int32, filled up with 0 at the end, and labels `(n,)` int64.
        batch_size: Texts a batch, or a few less, so that none is left over.
        seed: Decides, with the number of the epoch, what stands with what, and in which order.
        passes: How often each text comes in an epoch.

    Returns:
        A function of the epoch, counted from 1, that gives batches of ids `(batch, longest)` and labels.
    """
    ids, labels = texts
    every = np.tile(np.arange(len(ids)), passes)
    lengths = np.count_nonzero(ids, axis=1)

    def of_epoch(epoch: int) -> tf.data.Dataset:
        rng = np.random.default_rng((seed, epoch))
        order = every[np.argsort(lengths[every] + rng.uniform(0, 4, len(every)))]
        batches = np.array_split(order, -(-len(order) // batch_size))

        def draw() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for place in rng.permutation(len(batches)):
                rows = batches[place]
                yield ids[rows, : max(1, lengths[rows].max())], labels[rows]

        kinds = (tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.int64))
        dataset = tf.data.Dataset.from_generator(draw, output_signature=kinds)
        return dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(2)

    return of_epoch


def without_tuning(batches: tf.data.Dataset) -> tf.data.Dataset:
    """The same batches, made by as many threads as there are cores from the start; tf.data tunes nothing.

    With tuning, the end of an iterator may wait for the thread that tunes (TensorFlow 2.21): some passes over
    the data then take twice their time.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)
