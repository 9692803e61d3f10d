"""Images with boxes as `tf.data` pipelines."""

import numpy as np
import tensorflow as tf

from suite.data.sets.detection_sets import DetectionSet


def box_examples(data: DetectionSet, part: str, limit: int | None = None) -> tf.data.Dataset:
    """Gives the images of a part with their boxes, crowds left out.

    Args:
        data: A set.
        part: "train", "validation" or "test".
        limit: Most images to give; None for all.

    Returns:
        One by one, `(height, width, 3)` uint8, `(m, 4)` float32 and `(m,)` int64.
    """
    kept = [np.flatnonzero(~crowd) for crowd in data.is_crowd[part][:limit]]
    boxes, labels = (
        tf.RaggedTensor.from_row_lengths(
            np.concatenate([rows[chosen] for rows, chosen in zip(arrays[part][:limit], kept, strict=True)]),
            [len(chosen) for chosen in kept],
        )
        for arrays in (data.boxes, data.labels)
    )
    examples = tf.data.Dataset.from_tensor_slices((data.images[part][:limit], boxes, labels))
    return examples.map(lambda image, rows, labels: (image, tf.ensure_shape(rows, (None, 4)), labels))


def random_mirror(image: tf.Tensor, boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirrors an image at random along each axis, and its boxes with it.

    Args:
        image: `(height, width, channels)`.
        boxes: `(..., 4)` of (top, left, bottom, right) in [0, 1].

    Returns:
        Both, of the same shapes.
    """
    top, left, bottom, right = tf.unstack(boxes, axis=-1)
    upside, sideways = tf.unstack(tf.random.uniform([2]) < 0.5)
    image = tf.where(upside, image[::-1], image)
    image = tf.where(sideways, image[:, ::-1], image)
    top, bottom = tf.where(upside, 1 - bottom, top), tf.where(upside, 1 - top, bottom)
    left, right = tf.where(sideways, 1 - right, left), tf.where(sideways, 1 - left, right)
    return image, tf.stack([top, left, bottom, right], axis=-1)


def single_boxes(data: DetectionSet, part: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gives the images of a part that have one box, which is no crowd.

    Args:
        data: A set.
        part: "train", "validation" or "test".

    Returns:
        `(n, height, width, 3)` uint8, `(n, 4)` float32 and `(n,)` int64.

    Raises:
        ValueError: There is none.
    """
    rows = [row for row, crowd in enumerate(data.is_crowd[part]) if len(crowd) == 1 and not crowd[0]]
    if not rows:
        raise ValueError(f"expected {part} images with one box in {data.source}, received none")
    boxes, labels = (
        np.concatenate([values[part][row] for row in rows]) for values in (data.boxes, data.labels)
    )
    return data.images[part][rows], boxes, labels
