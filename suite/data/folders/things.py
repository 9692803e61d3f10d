"""Things in pictures by the names of their classes, as most forms of annotation files have them."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from suite.data.folders import layout
from suite.data.folders.boxes import Boxes, Listing, clipped
from suite.data.pictures.images import SIDEWAYS, orientation_of, upright_size
from suite.data.set_aside import SetAside, UnusableError

POLYGON = "with polygons, of which the box around each is taken"
ROUND = "with circles or ellipses, of which the box around each is taken"
BACKGROUND = "without an annotation, taken as background"
TURNED = "with boxes as before EXIF turns the photo, which are turned with it"


class Thing(NamedTuple):
    """A thing in a picture.

    Attributes:
        name: For messages, such as "object number 3".
        label: Name of its class.
        sides: (top, left, bottom, right) in pixels, or in shares of the picture where `is_relative`.
        remark: What was assumed of it.
        is_relative: Of `sides`.
    """

    name: str
    label: str
    sides: tuple[float, float, float, float]
    remark: str = ""
    is_relative: bool = False


class Annotated(NamedTuple):
    """A picture with what is said of it.

    Attributes:
        part: "train", "validation" or "test".
        things: In it; or why they cannot be used.
        height: Of the picture in pixels, as its annotations say; NaN where they do not.
        width: Of the picture.
    """

    part: str
    things: list[Thing] | UnusableError
    height: float = math.nan
    width: float = math.nan


def list_things(
    pictures: Mapping[Path, Annotated],
    aside: list[SetAside],
    read: Collection[Path],
    layout_name: str,
) -> Listing:
    """A listing whose classes are the names that occur, in natural order.

    Args:
        pictures: What is said of each.
        aside: What is left out already.
        read: The annotation files.
        layout_name: What the form is called.
    """
    names = {thing.label for picture in pictures.values() for thing in _sound(picture)}
    classes = tuple(sorted(names, key=layout.natural))
    files = [(path, picture.part) for path, picture in pictures.items()]
    parts = {part for _, part in files} or {"train"}
    return Listing(
        files, parts, lambda path: _boxes(path, pictures[path], classes), classes, aside, read, layout_name
    )


def _sound(picture: Annotated) -> Sequence[Thing]:
    return picture.things if isinstance(picture.things, list) else ()


def _boxes(path: Path, picture: Annotated, classes: tuple[str, ...]) -> Boxes:
    if isinstance(picture.things, UnusableError):
        raise picture.things
    frame = frame_of(path, picture.height, picture.width)
    rows = []
    for thing in picture.things:
        measure = Frame(1, 1, frame.orientation) if thing.is_relative else frame
        try:
            rows.append(measure.clipped(*thing.sides))
        except UnusableError as error:
            raise UnusableError(f"its {thing.name} {error.reason}") from error
    labels = [classes.index(thing.label) for thing in picture.things]
    said = {thing.remark for thing in picture.things if thing.remark}
    remarks = said | frame.remarks if rows else {BACKGROUND}
    return Boxes.of(rows, labels, [False] * len(rows), tuple(sorted(remarks)))


class Frame(NamedTuple):
    """What the sides of boxes are measured in.

    Attributes:
        height: Of the picture in pixels, as its boxes have it.
        width: Of the picture.
        orientation: By which EXIF turns the picture, and the boxes with it; 1 where they are upright.
    """

    height: float
    width: float
    orientation: int = 1

    @property
    def remarks(self) -> set[str]:
        """What is assumed, if anything."""
        return {TURNED} if self.orientation != 1 else set()

    def clipped(self, top: float, left: float, bottom: float, right: float) -> list[float]:
        """`clipped` of the box in the upright picture.

        Args:
            top: In pixels, as all.
            left: The left one.
            bottom: The lower one.
            right: The right one.
        """
        top, bottom, left, right = (
            top / self.height, bottom / self.height, left / self.width, right / self.width
        )  # fmt: skip
        turned = {
            5: (left, top, right, bottom),
            6: (left, 1 - bottom, right, 1 - top),
            7: (1 - right, 1 - bottom, 1 - left, 1 - top),
            8: (1 - right, top, 1 - left, bottom),
        }
        return clipped(*turned.get(self.orientation, (top, left, bottom, right)))


def frame_of(path: Path, height: float, width: float) -> Frame:
    """The frame of a picture's boxes: the upright picture, or as it lies in the file, where they say so.

    Args:
        path: The picture.
        height: As its annotations say; NaN or 0 where they do not.
        width: The same.

    Raises:
        UnusableError: The picture has another size.
    """
    size = upright_size(path)
    known = (height if height > 0 else size[0], width if width > 0 else size[1])
    if known == size:
        return Frame(*size)
    turned = orientation_of(path)
    if known == size[::-1] and turned in SIDEWAYS:
        return Frame(*known, turned)
    raise UnusableError(
        f"{size[1]} x {size[0]} pixels upright, but its annotations say {known[1]:g} x {known[0]:g}"
    )


def number_of(value: object) -> float:
    """A number, or the text of one with a point or a comma; NaN for everything else."""
    try:
        text = value.strip().replace(",", ".") if isinstance(value, str) else value
        return float(text) if isinstance(text, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return math.nan


def numbers_of(values: Iterable[object]) -> list[float]:
    """Numbers, of which none may be anything else.

    Raises:
        UnusableError: One is.
    """
    numbers = [number_of(value) for value in values]
    if any(map(math.isnan, numbers)):
        raise UnusableError("has a side that is no number")
    return numbers
