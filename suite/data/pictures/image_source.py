"""Labeled pictures for training, decoded once and read again and again.

TensorFlow is imported where it is used, so that scanning a folder starts at once.
"""

import contextlib
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from suite.data.pictures.augmentation import augment
from suite.data.pictures.images import load_image
from suite.data.row_file import RowFile

if TYPE_CHECKING:
    import tensorflow as tf


class ImageSource:
    """Labeled pictures that can be read again and again, each time in another order and augmentation.

    A picture is decoded when it is first needed, and kept (as it is before augmentation) in a temporary file
    as long as `disk_limit` allows; the others are decoded every time. Memory does not grow with the pictures.
    """

    def __init__(
        self,
        files: Sequence[Any],
        labels: Sequence[int] | np.ndarray,
        size: tuple[int, int],
        *,
        load: Callable[[Any, tuple[int, int]], np.ndarray] = load_image,
        folder: str | os.PathLike[str] | None = None,
        disk_limit: int = 2**32,
    ):
        """Prepares to read; nothing is read yet.

        Args:
            files: n paths, or whatever `load` takes.
            labels: n class indices.
            size: `(height, width)` in pixels that every picture is stretched to.
            load: Gives a picture of `files` at that size, `(height, width, 3)` uint8.
            folder: Where decoded pictures are kept; the system's folder for temporary files by default. The
                file has no name and goes with the process.
            disk_limit: Bytes that they may take; never more than half of what is free there.

        Raises:
            ValueError: Not as many labels as files.
        """
        if len(files) != len(labels):
            raise ValueError(
                f"expected a label per file, received {len(files)} files and {len(labels)} labels"
            )
        self.files = tuple(files)
        self.labels = np.asarray(labels, np.int32)
        self.shape = (*size, 3)
        self._load = load
        free = shutil.disk_usage(folder or tempfile.gettempdir()).free
        kept = min(len(self.files), min(disk_limit, free // 2) // math.prod(self.shape))
        self._kept = RowFile.temporary((kept, *self.shape), np.uint8, folder)
        self._is_kept = np.zeros(kept, bool)

    def __len__(self) -> int:
        return len(self.files)

    def image(self, index: int) -> np.ndarray:
        """Picture number `index`: `(height, width, 3)` uint8, not augmented."""
        if index < len(self._is_kept) and self._is_kept[index]:
            return self._kept[index]
        image = self._load(self.files[index], self.shape[:2])
        if index < len(self._is_kept):
            with contextlib.suppress(OSError):  # the disk is full: it will be decoded again
                self._kept.write(index, image[None])
                self._is_kept[index] = True
        return image

    def batches(
        self,
        batch_size: int,
        *,
        order_seed: int | None = None,
        augment_seed: int | None = None,
        start: int = 0,
    ) -> "tf.data.Dataset":
        """One pass over all pictures, a pure function of the seeds: a resumed run repeats it exactly.

        Args:
            batch_size: Pictures per batch; the last batch has what is left.
            order_seed: Seed of the order, another one each epoch. None: the order of `files`.
            augment_seed: Passes each picture through `augment`, seeded by this and its index. None: as they
                are.
            start: Pictures of the order that are left out: where an interrupted pass goes on.

        Returns:
            `(images, labels)`: `(batch, height, width, 3)` uint8 and `(batch,)` int32.
        """
        import tensorflow as tf

        from suite.data.batches import without_tuning

        order: np.ndarray = np.arange(len(self))
        if order_seed is not None:
            order = np.random.default_rng(order_seed).permutation(order)
        indices = tf.data.Dataset.from_tensor_slices(order[start:])
        examples = indices.map(lambda index: self._example(index, augment_seed), tf.data.AUTOTUNE)
        return without_tuning(examples.batch(batch_size).prefetch(2))

    def _example(self, index: "tf.Tensor", augment_seed: int | None) -> "tuple[tf.Tensor, tf.Tensor]":
        """Picture and label number `index`, as tensors."""
        import tensorflow as tf

        # Declared stateless (the same index gives the same picture), so that it runs in parallel under
        # `enable_op_determinism` too.
        image = tf.numpy_function(self.image, [index], tf.uint8, stateful=False)
        image = tf.ensure_shape(image, self.shape)
        if augment_seed is not None:
            image = augment(image, tf.stack([tf.cast(augment_seed, tf.int64), index]))
        return image, tf.gather(self.labels, index)
