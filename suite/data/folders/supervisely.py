"""Supervisely's files: JSON with the objects of a picture, one a picture, in ann/ beside img/."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from suite.data.folders.boxes import Listing, around
from suite.data.folders.folder_pairs import FolderPair
from suite.data.folders.labelme import JsonForm, find_json_pairs, list_json_pairs
from suite.data.folders.things import POLYGON, Thing, numbers_of
from suite.data.set_aside import UnusableError

LAYOUT = "Supervisely"
_NO_AREA = ("point", "line", "polyline")


def find_supervisely(root: Path) -> list[FolderPair]:
    """The folders of the pictures and of the JSON files; none where there are no such files."""
    return find_json_pairs(root, lambda text: '"classTitle"' in text and '"objects"' in text)


def list_supervisely(root: Path, pairs: Sequence[FolderPair]) -> Listing:
    """Lists a folder of pictures and JSON files; the classes are the titles in them, in natural order.

    Args:
        root: The folder.
        pairs: As `find_supervisely` gives them.
    """
    return list_json_pairs(root, pairs, JsonForm(LAYOUT, "objects", _thing, _size))


def _size(content: Mapping[str, Any]) -> tuple[object, object]:
    size = content.get("size")
    return (size.get("height"), size.get("width")) if isinstance(size, dict) else (None, None)


def _thing(number: int, content: Any) -> Thing:
    """An object as a thing; a point or a line, which has no box, as one of no area."""
    name = f"object number {number}"
    try:
        title = content.get("classTitle") if isinstance(content, dict) else None
        if not isinstance(title, str) or not title.strip():
            raise UnusableError("has no classTitle")
        kind, points = content.get("geometryType"), content.get("points")
        outline = points.get("exterior") if isinstance(points, dict) else None
        if kind == "bitmap":
            raise UnusableError("is a bitmap; export the project as polygons, rectangles or masks")
        if not isinstance(outline, list) or not outline or not all(isinstance(p, list) for p in outline):
            raise UnusableError("has no points of x and y")
        numbers = numbers_of(side for point in outline for side in point[:2])
        remark = "" if kind == "rectangle" else POLYGON
        return Thing(name, title.strip(), around(numbers[:2] * 2 if kind in _NO_AREA else numbers), remark)
    except UnusableError as error:
        raise UnusableError(f"its {name} {error.reason}") from error
