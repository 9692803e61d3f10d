"""Settings of a detector that its photos decide: the size of images and cells, and how boxes are chosen."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from suite.data.folders.boxes import Boxes
from suite.evaluation.detection import COCO_THRESHOLDS, Truths, mean_average_precision
from suite.layers import NonMaximumSuppression

SIDES = (256, 320, 384)
SMALL = 0.25  # quantile of the sizes in each class that has to be seen well
RARE = 10  # boxes: of classes with fewer, all are looked at together
ENOUGH_PIXELS = 20.0  # of a small thing, at stride 8
LEAST_PIXELS = 14.0  # at the largest side: below it, cells of 4 pixels
SCORE = 0.03  # least score of a detection
OVERLAPS = (0.5, 0.6, 0.7)  # IoU from which the worse of two boxes goes
WORTH = 0.002  # of mAP: what another overlap than the first has to gain
FEWEST, MOST = 20, 300  # detections in an image
FEWEST_ROUNDS, MOST_ROUNDS = 8, 64
CHUNK = 4  # images at a time, whose candidates are compared with each other


class Grid(NamedTuple):
    """Pixels of an image's side, and from cell to cell."""

    side: int
    stride: int


def sizes_of(boxes: Sequence[np.ndarray]) -> np.ndarray:
    """The geometric mean of the sides of every box, as shares of those of the image: `(n,)`."""
    rows = np.concatenate(boxes)
    return np.sqrt(np.maximum((rows[:, 2:] - rows[:, :2]).prod(axis=1), 1e-9))


def choose_grid(photos: Sequence[Boxes], side: int = 0) -> Grid:
    """Chooses the least side at which the small things of every class have enough pixels.

    Args:
        photos: The boxes of each.
        side: What was asked for; 0: any of `SIDES`.
    """
    if not any(len(photo.boxes) for photo in photos):
        return Grid(side or SIDES[0], 8)  # reading the folder says so
    sizes = sizes_of([photo.boxes for photo in photos])
    labels = np.concatenate([photo.labels for photo in photos])
    of_classes = [sizes[labels == label] for label in np.unique(labels)]
    common = [of_class for of_class in of_classes if len(of_class) >= RARE]
    small = min(float(np.quantile(each, SMALL)) for each in common or [sizes])
    if not side:
        side = next((each for each in SIDES if each * small >= ENOUGH_PIXELS), SIDES[-1])
    return Grid(side, 4 if side * small < LEAST_PIXELS else 8)


def most_detections(boxes: Sequence[np.ndarray]) -> int:
    """Room for half as many again as any photo of training has, in tens."""
    most = max(len(each) for each in boxes)
    return int(np.clip(-(-most * 3 // 20) * 10, FEWEST, MOST))


def choose_suppression(
    boxes: np.ndarray, scores: np.ndarray, truths: Truths, num_classes: int, detections: int
) -> dict[str, Any]:
    """Chooses what overlap is too much, by validation, and as many candidates and rounds as are exact there.

    Args:
        boxes: Every cell's, `(n, cells, 4)`.
        scores: `(n, cells, num_classes)`.
        truths: Of the same images.
        num_classes: Number of classes.
        detections: Most in an image.

    Returns:
        Arguments of `NonMaximumSuppression`.
    """
    cells = boxes.shape[1]
    over = int((scores.max(axis=-1) >= SCORE).sum(axis=1).max(initial=0))
    candidates = int(np.clip(-(-over * 5 // 200) * 50, min(cells, max(100, detections)), min(cells, 600)))
    chosen: dict[str, Any] = {}
    best = -np.inf
    for overlap in OVERLAPS:
        settings = {
            "max_detections": detections,
            "iou_threshold": overlap,
            "score_threshold": SCORE,
            "candidates": candidates,
            "rounds": FEWEST_ROUNDS,
        }
        found = suppressed(boxes, scores, settings)
        while suppression_gap(found, boxes, scores, settings) > 0 and settings["rounds"] < MOST_ROUNDS:
            settings["rounds"] *= 2
            found = suppressed(boxes, scores, settings)
        value = mean_average_precision(found, truths, num_classes, COCO_THRESHOLDS)
        if value > best + WORTH * bool(chosen):
            best, chosen = value, settings
    return chosen


def suppressed(boxes: np.ndarray, scores: np.ndarray, settings: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """What `NonMaximumSuppression` keeps of every cell's boxes.

    Args:
        boxes: `(n, cells, 4)` float32 of (top, left, bottom, right) in [0, 1].
        scores: `(n, cells, num_classes)` float32 in [0, 1].
        settings: Arguments of the layer.
    """
    layer = NonMaximumSuppression(**settings)
    parts = [
        layer([boxes[start : start + CHUNK], scores[start : start + CHUNK]])
        for start in range(0, len(boxes), CHUNK)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def suppression_gap(
    found: Mapping[str, np.ndarray], boxes: np.ndarray, scores: np.ndarray, settings: Mapping[str, Any]
) -> float:
    """Largest difference of the scores kept from those that TensorFlow's greedy suppression keeps.

    Args:
        found: Of `suppressed`.
        boxes: Every cell's, `(n, cells, 4)`.
        scores: `(n, cells, num_classes)`.
        settings: Of the suppression.
    """
    best = np.where(scores == scores.max(axis=-1, keepdims=True), scores, 0)  # one class a cell, as ours
    most, gap = settings["max_detections"], 0.0
    for start in range(0, len(boxes), CHUNK):
        rows = slice(start, start + CHUNK)
        greedy = tf.image.combined_non_max_suppression(
            boxes[rows][:, :, None], best[rows], most, most,
            settings["iou_threshold"], settings["score_threshold"],
        )  # fmt: skip
        gap = max(gap, float(np.abs(greedy.nmsed_scores.numpy() - found["scores"][rows]).max()))
    return gap
