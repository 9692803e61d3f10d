"""Losses of detectors: how wrong boxes are, and how wrong a map of centers."""

import tensorflow as tf

_SMALLEST = 1e-7


def generalized_iou(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Gives the generalized IoU of boxes with boxes, one by one; its derivative is never flat.

    Args:
        a: `(..., 4)` float of (top, left, bottom, right), top <= bottom and left <= right.
        b: The same shape.

    Returns:
        `(...)`: the IoU, less the share of the smallest box around both that neither covers; in (-1, 1].

    Reference:
        Rezatofighi et al. (2019), Generalized intersection over union, algorithm 1.
    """
    shared = _area(tf.maximum(a[..., :2], b[..., :2]), tf.minimum(a[..., 2:], b[..., 2:]))
    around = _area(tf.minimum(a[..., :2], b[..., :2]), tf.maximum(a[..., 2:], b[..., 2:]))
    united = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - shared
    return shared / (united + _SMALLEST) - (around - united) / (around + _SMALLEST)


def _area(first: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
    sides = tf.maximum(last - first, 0)
    return sides[..., 0] * sides[..., 1]


def center_focal_loss(heatmaps: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Gives the focal loss of maps of centers, which asks less of cells next to a center.

    Args:
        heatmaps: `(batch, rows, columns, num_classes)` in [0, 1]; 1 at the centers.
        logits: The same shape.

    Returns:
        `(batch,)`: -(1 - p)^2 log p over the centers and -(1 - heat)^4 p^2 log(1 - p) over all others, in
        nats, summed over an image. Divided by the mean number of centers in an image, so that their mean is
        the loss a center of the batch; where there is none, by 1 / batch.

    Reference:
        Zhou, Wang, Krähenbühl (2019), Objects as points, equation 1, alpha = 2 and beta = 4.
    """
    p = tf.sigmoid(logits)
    is_center = tf.cast(heatmaps == 1, logits.dtype)
    right = is_center * (1 - p) ** 2 * tf.math.log_sigmoid(logits)
    wrong = (1 - heatmaps) ** 4 * p**2 * tf.math.log_sigmoid(-logits)
    sums = -tf.reduce_sum(right + wrong, axis=(1, 2, 3))
    return per_thing(sums, tf.reduce_sum(is_center), least=1)


def box_loss(cells: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    """Gives the loss of the boxes near the middle of a thing.

    Args:
        cells: `(batch, rows, columns, 5)` as `suite.models.detector.encode` gives it: the box that a cell is
            to give, and how much it counts.
        boxes: `(batch, rows, columns, 4)` in [0, 1].

    Returns:
        `(batch,)`: 1 - generalized IoU, weighted; the mean over the batch is that of its cells.
    """
    target, weight = cells[..., :4], cells[..., 4]
    wrong = tf.reduce_sum(weight * (1 - generalized_iou(target, boxes)), axis=(1, 2))
    return per_thing(wrong, tf.reduce_sum(weight), least=1e-6)


def per_thing(sums: tf.Tensor, count: tf.Tensor, least: float) -> tf.Tensor:
    """Divides sums over images by how much a batch holds, so that their mean is that of all it holds.

    Args:
        sums: `(batch,)`.
        count: Scalar: of the whole batch.
        least: The least to divide by.

    Returns:
        `(batch,)`, whose mean is sum(sums) / count: each image counts by what it holds.
    """
    return sums * tf.cast(tf.shape(sums)[0], sums.dtype) / tf.maximum(count, least)
