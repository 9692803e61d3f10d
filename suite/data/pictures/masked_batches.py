"""Batches of pictures with their masks for training, each time another window of each."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.data.batches import without_tuning
from suite.data.pictures.mask_augmentation import augment_with_mask

if TYPE_CHECKING:
    import tensorflow as tf


def masked_batches(
    images: Any, masks: Any, size: tuple[int, int], *, batch_size: int, steps: int, seed: int, turns: bool
) -> "tf.data.Dataset":
    """Batches of augmented pictures and masks: a pure function of the seed, whatever was drawn before.

    All pictures are seen once before any is seen again.

    Args:
        images: `(n, height, width, 3)` uint8, an array or a `RowFile`.
        masks: `(n, height, width)` uint8, class indices or 255.
        size: `(height, width)` of the windows in pixels.
        batch_size: Pictures a batch.
        steps: Batches.
        seed: Of order and augmentation.
        turns: As of `augment_with_mask`.

    Returns:
        `steps` pairs of `(batch, *size, 3)` and `(batch, *size)` uint8.
    """
    import tensorflow as tf

    count = batch_size * steps
    order = np.concatenate(list(_passes(len(images), count, seed)))[:count]

    def pair(row: int) -> tuple[np.ndarray, np.ndarray]:
        return images[int(row)], masks[int(row)]

    def example(row: "tf.Tensor", number: "tf.Tensor") -> "tuple[tf.Tensor, tf.Tensor]":
        # Declared stateless (the same row gives the same picture), so that it runs in parallel.
        image, mask = tf.numpy_function(pair, [row], (tf.uint8, tf.uint8), stateful=False)
        image, mask = tf.ensure_shape(image, images.shape[1:]), tf.ensure_shape(mask, masks.shape[1:])
        return augment_with_mask(image, mask, tf.stack([tf.cast(seed, tf.int64), number]), size, turns)

    rows = tf.data.Dataset.from_tensor_slices((order, np.arange(count)))
    examples = rows.map(example, tf.data.AUTOTUNE)
    return without_tuning(examples.batch(batch_size, drop_remainder=True).prefetch(2))


def _passes(rows: int, count: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    for _ in range(-(-count // rows)):
        yield rng.permutation(rows)
