"""CVAT's files for images: XML with the shapes of many pictures. No picture is decoded here."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from suite.data.folders import layout
from suite.data.folders.boxes import Listing, around
from suite.data.folders.entries import Entry, find_texts, list_entries
from suite.data.folders.tables import read_text
from suite.data.folders.text_files import read_each
from suite.data.folders.things import POLYGON, ROUND, Thing, number_of, numbers_of
from suite.data.set_aside import UnusableError

LAYOUT = "CVAT"
_SIDES = {
    "box": ("xtl", "ytl", "xbr", "ybr"),
    "ellipse": ("cx", "cy", "rx", "ry"),
    "mask": ("left", "top", "width", "height"),
}
_POINTS = ("polygon", "polyline", "points", "cuboid")
_NO_AREA = ("polyline", "points")
_TURNED = "with turned boxes, of which the upright one around each is taken"


def find_cvat(root: Path) -> list[Path]:
    """The XML files in a folder that list images with their shapes."""
    return find_texts(root, ".xml", lambda text: "<annotations" in text[:1000] and "<image " in text)


def list_cvat(root: Path, paths: Sequence[Path]) -> Listing:
    """Lists the pictures that the files name; the classes are the labels of the shapes.

    Args:
        root: The folder, with the pictures anywhere in it.
        paths: As `find_cvat` gives them.

    Raises:
        ValueError: A file is no XML.
    """
    contents = read_each(paths, _parse)
    return list_entries(
        root, {path: list(map(_entry, tree.iter("image"))) for path, tree in contents.items()}, LAYOUT
    )


def _parse(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(read_text(path, "a CVAT file").lstrip())
    except ElementTree.ParseError as error:
        raise ValueError(
            f"expected a CVAT file, received {path.name!r}: no XML ({error}); mend it"
        ) from error


def _entry(image: ElementTree.Element) -> Entry:
    height, width = (number_of(image.get(side)) for side in ("height", "width"))
    part = layout.PART_NAMES.get((image.get("subset") or "").casefold(), "")
    things: list[Thing] | UnusableError
    try:
        things = list(_things(image))
    except UnusableError as error:
        things = error
    return Entry(image.get("name"), things, height, width, part)


def _things(image: ElementTree.Element) -> Iterator[Thing]:
    shapes = [shape for shape in image if shape.tag in (*_SIDES, *_POINTS)]
    for number, shape in enumerate(shapes, 1):
        name, label = f"shape number {number}", (shape.get("label") or "").strip()
        try:
            if not label:
                raise UnusableError("has no label")
            sides, remark = _sides(shape)
        except UnusableError as error:
            raise UnusableError(f"its {name} {error.reason}") from error
        yield Thing(name, label, sides, remark)


def _sides(shape: ElementTree.Element) -> tuple[tuple[float, float, float, float], str]:
    """`(top, left, bottom, right)` in pixels, and a remark; those of a point or a line have no area."""
    if shape.tag in _POINTS:
        numbers = numbers_of(
            value for point in (shape.get("points") or "").split(";") for value in point.split(",")
        )
        if len(numbers) < 2 or len(numbers) % 2:
            raise UnusableError("has no points of x and y")
        return around(numbers[:2] * 2 if shape.tag in _NO_AREA else numbers), POLYGON
    one, two, three, four = numbers_of(shape.get(side) for side in _SIDES[shape.tag])
    if shape.tag == "ellipse":
        return (two - four, one - three, two + four, one + three), ROUND
    if shape.tag == "mask":
        return (two, one, two + four, one + three), POLYGON
    angle = number_of(shape.get("rotation"))
    if math.isnan(angle) or not angle % 360:
        return (two, one, four, three), ""
    return turned((two, one, four, three), angle), _TURNED


def turned(sides: tuple[float, float, float, float], angle: float) -> tuple[float, float, float, float]:
    """The upright box around one that is turned about its middle.

    Args:
        sides: (top, left, bottom, right) in pixels.
        angle: In degrees.
    """
    top, left, bottom, right = sides
    sine, cosine = abs(math.sin(math.radians(angle))), abs(math.cos(math.radians(angle)))
    across = ((right - left) * cosine + (bottom - top) * sine) / 2
    down = ((right - left) * sine + (bottom - top) * cosine) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return y - down, x - across, y + down, x + across
