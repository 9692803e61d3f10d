import numpy as np
import pytest

from suite.evaluation.detection import Truths
from suite.evaluation.detection_errors import (
    BAD_BOX,
    DOUBLE,
    IGNORED,
    NOTHING,
    RIGHT,
    WRONG_CLASS,
    best_score,
    judge,
)

CAT, DOG = 0, 1
LEFT, RIGHT_HALF, CROWD = (0.0, 0.0, 0.4, 0.4), (0.0, 0.5, 0.4, 0.9), (0.6, 0.0, 1.0, 1.0)
TRUTHS = Truths(
    [np.array([LEFT, RIGHT_HALF, CROWD])], [np.array([CAT, DOG, CAT])], [np.array([False, False, True])]
)


def found(*rows):
    return {
        "boxes": np.array([[box for box, _, _ in rows]]),
        "scores": np.array([[score for _, score, _ in rows]]),
        "labels": np.array([[label for _, _, label in rows]]),
    }


def test_each_kind_of_error():
    shifted = (0.0, 0.2, 0.4, 0.6)  # an IoU of 1/3 with LEFT
    rows = [
        (LEFT, 0.9, CAT, RIGHT),
        (LEFT, 0.8, CAT, DOUBLE),
        (RIGHT_HALF, 0.7, CAT, WRONG_CLASS),
        (shifted, 0.6, CAT, BAD_BOX),
        ((0.45, 0.45, 0.55, 0.55), 0.5, DOG, NOTHING),
        ((0.7, 0.1, 0.9, 0.3), 0.4, CAT, IGNORED),
        (LEFT, 0.1, CAT, "below the least score"),
    ]
    (judged,) = judge(found(*(row[:3] for row in reversed(rows))), TRUTHS, 0.3)
    assert list(judged.kinds) == [row[3] for row in rows[:6]]
    assert judged.missed.tolist() == [False, True, False]
    assert judged.wrong == 5  # four wrong detections and a dog


def test_nothing_found_and_nothing_there():
    empty = {"boxes": np.zeros((1, 2, 4)), "scores": np.zeros((1, 2)), "labels": np.zeros((1, 2), int)}
    (judged,) = judge(empty, TRUTHS, 0.3)
    assert judged.kinds == () and judged.wrong == 2
    nothing = Truths([np.zeros((0, 4))], [np.zeros(0, int)])
    (judged,) = judge(found((LEFT, 0.9, CAT)), nothing, 0.3)
    assert judged.kinds == (NOTHING,) and not len(judged.missed)


def test_the_best_score_leaves_the_wrong_ones_out():
    rows = [(LEFT, 0.9, CAT), (RIGHT_HALF, 0.6, DOG), ((0.45, 0.45, 0.55, 0.55), 0.4, DOG)]
    assert best_score(found(*rows), TRUTHS, (0.3, 0.5, 0.7)) == pytest.approx(0.5)
