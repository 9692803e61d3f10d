"""What is wrong with detections: doubles, other classes, boxes beside the thing; and what is missed."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from suite.evaluation.detection import Truths, box_iou

RIGHT, DOUBLE, WRONG_CLASS, BAD_BOX, NOTHING, IGNORED = (
    "right", "double", "wrong class", "bad box", "nothing there", "in a crowd",
)  # fmt: skip
WRONG = (DOUBLE, WRONG_CLASS, BAD_BOX, NOTHING)
GOOD, SOME = 0.5, 0.1  # IoU of a box that is right, and of one that is meant for a thing


class Judged(NamedTuple):
    """The detections of one image, best first, and its things.

    Attributes:
        boxes: `(k, 4)`.
        scores: `(k,)`.
        labels: `(k,)` int.
        kinds: k of `RIGHT`, `WRONG` and `IGNORED`.
        missed: `(m,)` bool, the things of the truth that no detection is right about; crowds are not missed.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    kinds: tuple[str, ...]
    missed: np.ndarray

    @property
    def wrong(self) -> int:
        """How many answers are wrong or missing."""
        return sum(kind in WRONG for kind in self.kinds) + int(self.missed.sum())


def judge(detections: Mapping[str, np.ndarray], truths: Truths, least: float) -> list[Judged]:
    """Says of each detection with a score of at least `least` what it is.

    Args:
        detections: As for `average_precisions`.
        truths: Of the same images.
        least: The score from which a detection counts, in (0, 1].

    Reference:
        Bolya et al. (2020), TIDE, a general toolbox for identifying object detection errors (the kinds).
    """
    judged = []
    for index, (boxes, labels) in enumerate(zip(truths.boxes, truths.labels, strict=True)):
        crowd = np.zeros(len(labels), bool) if truths.is_crowd is None else truths.is_crowd[index]
        scores = np.asarray(detections["scores"][index])
        order = np.argsort(-scores, kind="stable")
        order = order[scores[order] >= least]
        found = detections["boxes"][index][order], scores[order], detections["labels"][index][order]
        kinds, missed = _kinds(found[0], found[2], np.asarray(boxes).reshape(-1, 4), labels, crowd)
        judged.append(Judged(*found, kinds, missed))
    return judged


def _kinds(
    found: np.ndarray, given: np.ndarray, boxes: np.ndarray, labels: np.ndarray, crowd: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray]:
    overlaps = box_iou(found, boxes)
    free, kinds = ~crowd, []
    for row, label in zip(overlaps, given, strict=True):
        mine = np.where((labels == label) & free, row, 0.0)
        taken = np.where((labels == label) & ~free & ~crowd, row, 0.0)
        if mine.max(initial=0) >= GOOD:
            free[int(mine.argmax())] = False
            kinds.append(RIGHT)
        elif np.where(crowd & (labels == label), row, 0.0).max(initial=0) > 0:
            kinds.append(IGNORED)
        elif taken.max(initial=0) >= GOOD:
            kinds.append(DOUBLE)
        elif np.where((labels != label) & ~crowd, row, 0.0).max(initial=0) >= GOOD:
            kinds.append(WRONG_CLASS)
        else:
            near = np.where((labels == label) & ~crowd, row, 0.0).max(initial=0)
            kinds.append(BAD_BOX if near >= SOME else NOTHING)
    return tuple(kinds), free & ~crowd


def best_score(detections: Mapping[str, np.ndarray], truths: Truths, scores: Sequence[float]) -> float:
    """Chooses the score from which right and wrong detections are balanced best: the highest F1.

    Args:
        detections: As for `average_precisions`.
        truths: Of the same images.
        scores: To choose from.
    """

    def f1(least: float) -> float:
        judged = judge(detections, truths, least)
        right = sum(each.kinds.count(RIGHT) for each in judged)
        return 2 * right / max(1, 2 * right + sum(each.wrong for each in judged))

    return max(scores, key=f1)
