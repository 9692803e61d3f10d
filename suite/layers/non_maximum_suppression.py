"""Non-maximum suppression."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from suite.layers.tensors import Tensor


@keras.saving.register_keras_serializable("suite")
class NonMaximumSuppression(keras.layers.Layer):
    """Keeps the best box of each thing and drops those of the same class that overlap it.

    Greedy suppression goes through the boxes from the highest score down and keeps each that no kept one of
    its class overlaps. Written as

        kept[i] = no j before i with kept[j] and IoU[j, i] > iou_threshold

    it can start from "all kept" and be repeated for all boxes at a time: after r rounds, every box is right
    whose fate hangs on a chain of at most r others. Only built-in operators are needed and no loop, so the
    layer works in every exported format, for any batch size. Without trainable weights; no gradient.

    Called on `[boxes, scores]`: `(batch, n, 4)` float of (top, left, bottom, right), and
    `(batch, n, num_classes)` float in [0, 1]; or maps, with rows and columns in place of n. A box takes part
    with its best class. Gives a dict, best first: "boxes" `(batch, max_detections, 4)` float32,
    "scores" and "labels" `(batch, max_detections)` float32 and int32; all 0 where there are fewer detections.

    Args:
        max_detections: Most boxes to keep.
        iou_threshold: Float in [0, 1]; overlaps above it are too much.
        score_threshold: Float in (0, 1); boxes with less are dropped at first.
        candidates: Most boxes to look at, those with the highest scores.
        rounds: r.
        **keras_arguments: Those of `keras.layers.Layer`, such as name.

    Raises:
        ValueError: A threshold out of its range, fewer candidates than detections, no boxes or an unknown
            number of them.

    Reference:
        Zheng et al. (2021), Enhancing geometric factors in model learning and inference for object detection
        and instance segmentation: "Cluster-NMS", with the proof that it equals the greedy one.

    Attributes:
        decides: True: rounding may turn what is nearly equal, so two runtimes need not give the same.
        needs_float: True: the area of a small box is less than a step of an integer of 8 bits.
    """

    decides = needs_float = True

    def __init__(
        self,
        max_detections: int = 20,
        iou_threshold: float = 0.5,
        score_threshold: float = 0.05,
        candidates: int = 100,
        rounds: int = 10,
        **keras_arguments: Any,
    ):
        super().__init__(dtype=keras_arguments.pop("dtype", "float32"), **keras_arguments)
        if not (0 <= iou_threshold <= 1 and 0 < score_threshold < 1):
            raise ValueError(
                "expected iou_threshold in [0, 1] and score_threshold in (0, 1), received "
                f"{iou_threshold} and {score_threshold}"
            )
        if not 1 <= max_detections <= candidates:
            raise ValueError(
                "expected at least as many candidates as detections, received "
                f"{candidates} and {max_detections}"
            )
        self.max_detections, self.candidates, self.rounds = int(max_detections), int(candidates), int(rounds)
        self.iou_threshold, self.score_threshold = float(iou_threshold), float(score_threshold)

    def call(self, inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        boxes, scores = (_in_a_row(each) for each in inputs)
        if not boxes.shape[1]:
            raise ValueError(
                f"expected a fixed number of boxes, at least 1, received {tuple(boxes.shape)}; pad them"
            )
        labels = tf.argmax(scores, axis=-1, output_type=tf.int32)
        scores = tf.reduce_max(scores, axis=-1)
        boxes, scores, labels = _best(boxes, scores, labels, min(self.candidates, boxes.shape[1]))
        scores = scores * self._kept(boxes, labels) * tf.cast(scores >= self.score_threshold, scores.dtype)
        kept = min(self.max_detections, boxes.shape[1])
        boxes, scores, labels = _padded(self.max_detections - kept, *_best(boxes, scores, labels, kept))
        is_found = scores > 0
        return {
            "boxes": boxes * tf.cast(is_found, boxes.dtype)[..., None],
            "scores": scores,
            "labels": labels * tf.cast(is_found, tf.int32),
        }

    def _kept(self, boxes: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """1 for the boxes to keep, else 0: `(batch, candidates)`, from boxes in the order of their scores."""
        shared, united = _areas_with_each_other(boxes)
        # Not shared / united: integers cannot divide by what they round to 0.
        rivals = tf.cast(shared > self.iou_threshold * united, boxes.dtype)
        rivals *= tf.cast(labels[:, :, None] == labels[:, None, :], boxes.dtype)
        rivals *= np.tri(boxes.shape[1], k=-1, dtype=np.float32)  # row i: those before i  (B, K, K)
        kept = tf.ones_like(rivals[:, :, 0])
        for _ in range(self.rounds):
            kept = 1 - tf.reduce_max(rivals * kept[:, None, :], axis=-1)
        return kept

    def get_config(self) -> dict[str, Any]:
        names = ("max_detections", "iou_threshold", "score_threshold", "candidates", "rounds")
        return super().get_config() | {name: getattr(self, name) for name in names}


def _in_a_row(values: Tensor) -> tf.Tensor:
    """A map's values by cell, `(batch, n, values)`."""
    return (
        tf.reshape(values, (-1, values.shape[1] * values.shape[2], values.shape[3]))
        if len(values.shape) == 4
        else values
    )


def _best(
    boxes: tf.Tensor, scores: tf.Tensor, labels: tf.Tensor, count: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The `count` boxes with the highest scores, in their order."""
    scores, rows = tf.math.top_k(scores, count)
    boxes, labels = (tf.gather(values, rows, batch_dims=1) for values in (boxes, labels))
    return boxes, scores, labels


def _padded(missing: int, *arrays: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Arrays `(batch, n, ...)` with `missing` rows of 0 behind."""
    if not missing:
        return arrays
    return tuple(
        tf.pad(array, [[0, 0], [0, missing], *[[0, 0]] * (len(array.shape) - 2)]) for array in arrays
    )


def _areas_with_each_other(boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Intersection and union of each two of `(batch, n, 4)` boxes: `(batch, n, n)` both."""
    top, left, bottom, right = (boxes[..., side] for side in range(4))

    def overlap(first: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
        ends = tf.minimum(last[:, :, None], last[:, None, :])
        return tf.maximum(ends - tf.maximum(first[:, :, None], first[:, None, :]), 0)

    area = (bottom - top) * (right - left)
    shared = overlap(top, bottom) * overlap(left, right)
    return shared, area[:, :, None] + area[:, None, :] - shared
