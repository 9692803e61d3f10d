"""A small single-shot detector without anchors: each cell tells of centers, and of the box around it."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from suite.layers import BoxesFromDistances, NonMaximumSuppression
from suite.models.blocks import convolution

STRIDE = 4  # pixels from cell to cell
SPREAD = 0.09  # standard deviation of a thing's heat, as a share of its sides


def build_detector(
    input_shape: tuple[int, int, int],
    num_classes: int,
    filters: Sequence[int] = (24, 48, 96),
    **suppression: Any,
) -> tuple[keras.Model, keras.Model]:
    """Builds a detector twice, on the same weights: to be trained, and to be used.

    Args:
        input_shape: `(height, width, channels)`, sides that are multiples of 8.
        num_classes: Number of classes, without a background.
        filters: At 1/2, 1/4 and 1/8 of the size.
        **suppression: Arguments of `NonMaximumSuppression`.

    Returns:
        Two models from "image", `(batch, height, width, channels)` uint8 in [0, 255]. The first gives a dict
        for each cell: "heatmap", logits `(batch, rows, columns, num_classes)`, and "boxes",
        `(batch, rows, columns, 4)` of (top, left, bottom, right) in [0, 1]. The second gives what
        `NonMaximumSuppression` does: "boxes", "scores", "labels".

    Raises:
        ValueError: Sides that do not fit.

    Reference:
        Zhou, Wang, Krähenbühl (2019), Objects as points (the heatmap); Tian et al. (2019), FCOS (distances);
        Lin et al. (2017), Feature pyramid networks (the way back up).
    """
    if any(side % (2 * STRIDE) for side in input_shape[:2]):
        raise ValueError(f"expected sides that are multiples of {2 * STRIDE}, received {input_shape[:2]}")
    image = keras.Input(input_shape, dtype="uint8", name="image")
    x = feature_map(image, filters)

    low = keras.initializers.Constant(-2)  # at first hardly a center, and boxes of a quarter of each side
    heatmap = layers.Conv2D(num_classes, 1, bias_initializer=low, name="heatmap")(convolution(x, filters[1]))
    distances = layers.Conv2D(4, 1, activation="sigmoid", bias_initializer=low, name="distances")
    boxes = BoxesFromDistances(name="boxes")(distances(convolution(x, filters[1])))
    maps = keras.Model(image, {"heatmap": heatmap, "boxes": boxes}, name="detector_maps")

    scores = layers.Activation("sigmoid", name="scores")(heatmap)
    found = NonMaximumSuppression(name="suppression", **suppression)([boxes, scores])
    return maps, keras.Model(image, found, name="detector")


def feature_map(image: keras.KerasTensor, filters: Sequence[int] = (24, 48, 96)) -> keras.KerasTensor:
    """Convolutions down to 1/8 of the size, then up again, so that each cell sees far and still fine.

    Args:
        image: `(batch, height, width, channels)` in [0, 255].
        filters: At 1/2, 1/4 and 1/8 of the size.

    Returns:
        `(batch, height / 4, width / 4, filters[1])`.
    """
    x = layers.Rescaling(1 / 127.5, -1)(image)
    x = convolution(x, filters[0], strides=2)
    x = fine = convolution(convolution(x, filters[1], strides=2), filters[1])
    x = convolution(x, filters[2], strides=2)
    for _ in range(2):
        x = layers.Add()([x, convolution(x, filters[2])])
    x = layers.Add()([layers.UpSampling2D()(convolution(x, filters[1], 1)), fine])
    return convolution(x, filters[1])


def encode(
    boxes: tf.Tensor,
    labels: tf.Tensor,
    grid: tuple[int, int],
    num_classes: int,
    least_spread: float = 0.0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Writes boxes as the maps that the detector is to give.

    Args:
        boxes: `(m, 4)` float32 of (top, left, bottom, right) in [0, 1]; m may be 0.
        labels: `(m,)` int in [0, num_classes).
        grid: `(rows, columns)` of cells.
        num_classes: Number of classes.
        least_spread: Cells: the least standard deviation of what cells have to care, so that the boxes of
            things that are smaller than a cell are learned by its neighbors, too.

    Returns:
        `(rows, columns, num_classes)` float32, a Gaussian around each center, 1 in its cell; and
        `(rows, columns, 5)` float32: the box of the nearest thing, and how much the cell has to care.

    Reference:
        Liu et al. (2020), Training-time-friendly network for real-time object detection, section 3.
    """
    sides = tf.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    cells = tf.floor((boxes[:, :2] + boxes[:, 2:]) / 2 * tf.constant(grid, tf.float32))
    offsets = [
        (tf.range(count, dtype=tf.float32)[:, None] - cells[:, axis]) / count
        for axis, count in enumerate(grid)
    ]  # (cells, m)

    def around(least: float) -> tf.Tensor:
        spreads = [tf.maximum(SPREAD * sides[:, axis], least / count) for axis, count in enumerate(grid)]
        rows, columns = (
            tf.exp(-0.5 * (offset / spread) ** 2) for offset, spread in zip(offsets, spreads, strict=True)
        )
        # In front a thing that is nowhere, for the cells that have none.
        return tf.pad(rows[:, None] * columns, [[0, 0], [0, 0], [1, 0]])  # (rows, columns, 1 + m)

    heat = around(0.0)
    care = around(least_spread) if least_spread else heat
    boxes, labels = tf.pad(boxes, [[1, 0], [0, 0]]), tf.pad(labels, [[1, 0]], constant_values=-1)
    heatmap = [tf.reduce_max(tf.where(labels == label, heat, 0), axis=-1) for label in range(num_classes)]
    nearest, weight = tf.argmax(care, axis=-1), tf.reduce_max(care, axis=-1, keepdims=True)
    return tf.stack(heatmap, axis=-1), tf.concat([tf.gather(boxes, nearest), weight], axis=-1)
