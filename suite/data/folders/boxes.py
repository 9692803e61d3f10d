"""What the forms of label files have in common: the boxes of a picture, and the listing of a folder."""

import math
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from suite.data.set_aside import SetAside, UnusableError

WITHOUT_AREA = "with a box of no area, which is left out"
_OVERSHOOT = 0.01  # of the picture's side, by which rounding may carry a box over the border


class Boxes(NamedTuple):
    """The boxes of one picture: `(m, 4)` float32, `(m,)` int64, `(m,)` bool, as in `DetectionSet`.

    What was assumed of them is in `remarks`, such as "without a label file, taken as background"; boxes of no
    area are left out, and `without_area` counts them.
    """

    boxes: np.ndarray
    labels: np.ndarray
    is_crowd: np.ndarray
    remarks: tuple[str, ...] = ()
    without_area: int = 0

    @classmethod
    def of(
        cls,
        boxes: Sequence[Sequence[float]],
        labels: Sequence[int],
        is_crowd: Sequence[bool],
        remarks: tuple[str, ...] = (),
    ) -> "Boxes":
        """Makes arrays of lists, without the boxes of no area.

        Args:
            boxes: A box of 4 numbers each.
            labels: The class of each.
            is_crowd: Whether it is many things in one.
            remarks: What was assumed.
        """
        rows = np.array(boxes, np.float32).reshape(-1, 4)
        kept = (rows[:, 2:] > rows[:, :2]).all(axis=1)
        left_out = int(np.count_nonzero(~kept))
        if left_out:
            remarks = (*remarks, WITHOUT_AREA)
        return cls(
            rows[kept], np.array(labels, np.int64)[kept], np.array(is_crowd, bool)[kept], remarks, left_out
        )


class Listing(NamedTuple):
    """What a folder holds, before a picture is opened.

    Attributes:
        files: Pairs of the path of a picture and its part.
        parts: The parts that the folder is divided into.
        read_boxes: Gives the boxes of a path, or raises `UnusableError`.
        classes: Class names by label.
        aside: What is left out already.
        read: Files beside the pictures that were read: labels and names.
        layout: What the form is called, such as "Pascal VOC".
        problems: Why the folder cannot be used as a whole.
    """

    files: list[tuple[Path, str]]
    parts: Collection[str]
    read_boxes: Callable[[Path], Boxes]
    classes: tuple[str, ...]
    aside: list[SetAside]
    read: Collection[Path]
    layout: str
    problems: tuple[str, ...] = ()


def clipped(top: float, left: float, bottom: float, right: float) -> list[float]:
    """Cuts a box at the border of its picture, which it may reach over by 1 % of the side.

    Args:
        top: As a share of the picture's height.
        left: As a share of its width.
        bottom: As a share of its height.
        right: As a share of its width.

    Returns:
        [top, left, bottom, right] in [0, 1]; one side is another where it has no area.

    Raises:
        UnusableError: A box that reaches further out, or ends before it begins.
    """
    sides = (top, left, bottom, right)
    if not all(map(math.isfinite, sides)):
        raise UnusableError("has a box with a side that is no finite number")
    if min(sides) < -_OVERSHOOT or max(sides) > 1 + _OVERSHOOT:
        raise UnusableError("has a box that reaches out of the image")
    if bottom < top or right < left:
        raise UnusableError("has a box that ends before it begins")
    return [min(max(side, 0.0), 1.0) for side in sides]


def around(corners: Sequence[float]) -> tuple[float, float, float, float]:
    """`(top, left, bottom, right)` of the box around a polygon of x, y, x, y, ...."""
    across, down = corners[::2], corners[1::2]
    return min(down), min(across), max(down), max(across)
