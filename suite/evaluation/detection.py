"""How well boxes are found: average precision by the rules of COCO.

Boxes are `(top, left, bottom, right)` float in [0, 1] of the image's height and width. Coordinates are
continuous: a box over the whole image is (0, 0, 1, 1).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

COCO_THRESHOLDS = tuple(float(threshold) for threshold in np.linspace(0.5, 0.95, 10))
MAXIMUM_DETECTIONS = 100  # in an image, of a class

_RECALLS = np.linspace(0, 1, 101)


class Truths(NamedTuple):
    """What is to be found in n images.

    Attributes:
        boxes: An image, `(m, 4)` float in [0, 1].
        labels: An image, `(m,)` int in [0, num_classes).
        is_crowd: An image, `(m,)` bool: regions where a detection of that class is neither right nor wrong.
            None: there are none.
    """

    boxes: Sequence[np.ndarray]
    labels: Sequence[np.ndarray]
    is_crowd: Sequence[np.ndarray] | None = None


class _Matched(NamedTuple):
    """The detections of one class in one image, best first: `(k,)`, `(thresholds, k)`, `(thresholds, k)`."""

    scores: np.ndarray
    is_right: np.ndarray
    is_ignored: np.ndarray


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Gives the intersection over union of each box in `a` with each in `b`.

    Args:
        a: `(n, 4)` float.
        b: `(m, 4)` float.

    Returns:
        `(n, m)` float64 in [0, 1]; 0 for boxes without area.
    """
    intersections, areas = _intersections(a, b), _areas(a)[:, None]
    return _divide(intersections, areas + _areas(b) - intersections)


def average_precisions(
    detections: Mapping[str, np.ndarray],
    truths: Truths,
    num_classes: int,
    thresholds: Sequence[float] = COCO_THRESHOLDS,
) -> np.ndarray:
    """Gives the average precision of each class at each IoU, by the rules of COCO's own evaluation.

    The detections of a class are taken from the highest score down, equal scores in the order given, at most
    100 an image. Each is right if the best-fitting truth that is still free has an IoU of the threshold or
    more, and takes that truth. One that fits only a crowd region (intersection over the detection's area) is
    left out. Precision is made non-increasing from the end and averaged over the recalls 0, 0.01, ..., 1.

    Args:
        detections: "boxes" `(n, K, 4)` float in [0, 1], "scores" `(n, K)` and "labels" `(n, K)`, whole
            numbers in [0, num_classes). Rows with a score of 0 or less are padding.
        truths: Of the same n images.
        num_classes: Number of classes.
        thresholds: T values of IoU in (0, 1].

    Returns:
        `(T, num_classes)` float64 in [0, 1]; NaN for a class with no truths but crowds.

    Raises:
        ValueError: Shapes that do not fit each other, or labels or thresholds out of range.

    Reference:
        Lin et al. (2014), Microsoft COCO; `COCOeval` of pycocotools, area "all".
    """
    return MatchedDetections(detections, truths, num_classes, thresholds).average_precisions()


class MatchedDetections:
    """Detections beside the truths of their images, for average precisions of any choice of images."""

    def __init__(
        self,
        detections: Mapping[str, np.ndarray],
        truths: Truths,
        num_classes: int,
        thresholds: Sequence[float] = COCO_THRESHOLDS,
    ):
        """Takes what `average_precisions` does, and raises what it does."""
        limits = _limits(thresholds)
        detections = _check_detections(detections, num_classes)
        checked = _check_truths(truths, len(detections["scores"]), num_classes)
        self._thresholds = len(limits)
        self._matched = [
            list(_match_images(detections, checked, label, limits)) for label in range(num_classes)
        ]
        self._totals = np.array(
            [
                [int(np.sum((labels == label) & ~crowd)) for _, labels, crowd in checked]
                for label in range(num_classes)
            ]
        ).reshape(num_classes, len(checked))

    def average_precisions(self, images: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Gives the average precision of each class at each IoU.

        Args:
            images: Numbers of images, which may repeat; by default each once.

        Returns:
            As the function of that name.
        """
        rows = np.arange(self._totals.shape[1]) if images is None else np.asarray(images)
        columns = [
            self._of_class([of_class[row] for row in rows], int(totals[rows].sum()))
            for of_class, totals in zip(self._matched, self._totals, strict=True)
        ]
        return np.stack(columns, axis=1)

    def _of_class(self, matched: Sequence["_Matched"], total: int) -> np.ndarray:
        """Average precision of one class, `(thresholds,)`."""
        if not total:
            return np.full(self._thresholds, np.nan)
        scores, is_right, is_ignored = (
            np.concatenate(parts, axis=-1) for parts in zip(*matched, strict=True)
        )
        order = np.argsort(-scores, kind="stable")
        rows = zip(is_right[:, order], is_ignored[:, order], strict=True)
        return np.array([_interpolated(right[~ignored], total) for right, ignored in rows])


def mean_average_precision(
    detections: Mapping[str, np.ndarray],
    truths: Truths,
    num_classes: int,
    thresholds: Sequence[float] = (0.5,),
) -> float:
    """Gives the mean of `average_precisions` over thresholds and the classes that have truths.

    Args:
        detections: As for `average_precisions`.
        truths: As for `average_precisions`.
        num_classes: As for `average_precisions`.
        thresholds: (0.5,) for AP@.5, `COCO_THRESHOLDS` for COCO's AP.

    Returns:
        A number in [0, 1].

    Raises:
        ValueError: As for `average_precisions`, or there is no truth but crowds.
    """
    values = average_precisions(detections, truths, num_classes, thresholds)
    if np.isnan(values).all():
        raise ValueError("expected at least one box to find that is no crowd, received none")
    return float(np.nanmean(values))


def _areas(boxes: np.ndarray) -> np.ndarray:
    boxes = np.asarray(boxes, np.float64)
    return np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1)


def _intersections(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Common areas `(n, m)`."""
    a, b = np.asarray(a, np.float64)[:, None], np.asarray(b, np.float64)
    sides = np.minimum(a[..., 2:], b[:, 2:]) - np.maximum(a[..., :2], b[:, :2])  # (n, m, 2)
    return np.maximum(sides, 0).prod(axis=2)


def _divide(areas: np.ndarray, totals: np.ndarray) -> np.ndarray:
    return np.divide(areas, totals, out=np.zeros_like(areas), where=totals > 0)


def _limits(thresholds: Sequence[float]) -> np.ndarray:
    """The least IoUs that match, a hair below 1 as in COCO."""
    limits = np.atleast_1d(np.asarray(thresholds, np.float64))
    if limits.ndim != 1 or not len(limits) or not ((limits > 0) & (limits <= 1)).all():
        raise ValueError(f"expected IoU thresholds in (0, 1], received {thresholds}")
    return np.minimum(limits, 1 - 1e-10)


def _check_detections(detections: Mapping[str, np.ndarray], num_classes: int) -> dict[str, np.ndarray]:
    missing = {"boxes", "scores", "labels"} - set(detections)
    if missing:
        raise ValueError(
            f"expected detections with boxes, scores and labels, received {', '.join(sorted(detections))}"
        )
    boxes, scores, labels = (np.asarray(detections[key]) for key in ("boxes", "scores", "labels"))
    if scores.ndim != 2 or labels.shape != scores.shape or boxes.shape != (*scores.shape, 4):
        raise ValueError(
            "expected detections with boxes (n, K, 4), scores (n, K) and labels (n, K), received "
            f"{boxes.shape}, {scores.shape} and {labels.shape}"
        )
    _check_labels("detections", labels[scores > 0], num_classes)
    # Exported models may give labels as float.
    return {"boxes": boxes.astype(np.float64), "scores": scores.astype(np.float64), "labels": labels}


def _check_truths(truths: Truths, n: int, num_classes: int) -> list[tuple[np.ndarray, ...]]:
    """Boxes, labels and crowds of each image."""
    crowds = truths.is_crowd
    if crowds is None:
        crowds = [np.zeros(len(labels), bool) for labels in truths.labels]
    lengths = [len(part) for part in (truths.boxes, truths.labels, crowds)]
    if lengths != [n] * 3:
        raise ValueError(f"expected truths for {n} images as for the detections, received {lengths}")
    checked: list[tuple[np.ndarray, ...]] = []
    for index, (boxes, labels, crowd) in enumerate(zip(truths.boxes, truths.labels, crowds, strict=True)):
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        labels, crowd = np.asarray(labels), np.asarray(crowd, bool)
        if labels.shape != (len(boxes),) or crowd.shape != (len(boxes),):
            raise ValueError(
                f"expected a label and a crowd flag for each of the {len(boxes)} boxes of image {index}, "
                f"received {labels.shape} and {crowd.shape}"
            )
        _check_labels("truths", labels, num_classes)
        checked.append((boxes, labels, crowd))
    return checked


def _check_labels(name: str, labels: np.ndarray, num_classes: int) -> None:
    wrong = labels[~((labels >= 0) & (labels < num_classes) & (labels == np.floor(labels)))]
    if wrong.size:
        raise ValueError(f"expected labels of {name} in 0, ..., {num_classes - 1}, received {wrong[0]}")


def _match_images(
    detections: dict[str, np.ndarray], truths: list[tuple[np.ndarray, ...]], label: int, limits: np.ndarray
) -> Iterator[_Matched]:
    is_chosen = (detections["scores"] > 0) & (detections["labels"] == label)
    for index, (boxes, labels, crowd) in enumerate(truths):
        chosen = np.flatnonzero(is_chosen[index])
        scores = detections["scores"][index, chosen]
        order = np.argsort(-scores, kind="stable")[:MAXIMUM_DETECTIONS]
        found = detections["boxes"][index, chosen[order]]
        is_mine = labels == label
        matches = _match(found, boxes[is_mine & ~crowd], boxes[is_mine & crowd], limits)
        yield _Matched(scores[order], *matches)


def _match(
    found: np.ndarray, boxes: np.ndarray, crowds: np.ndarray, limits: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which of the boxes found, best first, are right and which are to be ignored, at each threshold."""
    is_right = np.zeros((len(limits), len(found)), bool)
    crowd_shares = _divide(_intersections(found, crowds), np.repeat(_areas(found)[:, None], len(crowds), 1))
    is_in_crowd = crowd_shares.max(axis=1, initial=0) >= limits[:, None]
    if len(boxes):
        free = np.broadcast_to(box_iou(found, boxes)[:, None, ::-1], (len(found), len(limits), len(boxes)))
        free = (
            free.copy()
        )  # (found, thresholds, boxes): 0 once taken; reversed, as of equals COCO takes the last
        rows = np.arange(len(limits))
        for index in np.flatnonzero(free.max(axis=(1, 2)) >= limits.min()):
            best = free[index].argmax(axis=1)
            is_right[:, index] = free[index, rows, best] >= limits
            free[:, rows[is_right[:, index]], best[is_right[:, index]]] = 0
    return is_right, is_in_crowd & ~is_right


def _interpolated(is_right: np.ndarray, total: int) -> float:
    """Mean precision at 101 recalls, from whether each detection is right, best first."""
    right = np.cumsum(is_right)
    precision = right / np.arange(1, len(right) + 1)
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0)
    return float(envelope[np.searchsorted(right / total, _RECALLS)].mean())
