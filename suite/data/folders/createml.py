"""Create ML's JSON: boxes of many pictures by their middles, in pixels. No picture is decoded here."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from suite.data.folders.boxes import Listing
from suite.data.folders.entries import Entry, find_texts, list_entries
from suite.data.folders.text_files import read_each, read_json
from suite.data.folders.things import Thing, numbers_of
from suite.data.set_aside import UnusableError

LAYOUT = "Create ML"
_SIDES = ("x", "y", "width", "height")


def find_createml(root: Path) -> list[Path]:
    """The JSON files in a folder that list pictures with the coordinates of their boxes."""

    def is_ours(text: str) -> bool:
        return text.lstrip()[:1] == "[" and re.search(r'"coordinates"\s*:\s*\{', text) is not None

    return find_texts(root, ".json", is_ours)


def list_createml(root: Path, paths: Sequence[Path]) -> Listing:
    """Lists the pictures that the files name; the classes are the labels of the boxes.

    Args:
        root: The folder, with the pictures anywhere in it.
        paths: As `find_createml` gives them.

    Raises:
        ValueError: A file is broken.
    """
    contents = read_each(paths, lambda path: read_json(path, "a Create ML file"))
    return list_entries(root, {path: list(map(_entry, rows)) for path, rows in contents.items()}, LAYOUT)


def _entry(row: Any) -> Entry:
    row = row if isinstance(row, dict) else {}
    boxes = row.get("annotations") or row.get("annotation") or []
    things: list[Thing] | UnusableError
    try:
        things = [
            _thing(number, box) for number, box in enumerate(boxes if isinstance(boxes, list) else [], 1)
        ]
    except UnusableError as error:
        things = error
    return Entry(row.get("image") or row.get("imagefilename"), things)


def _thing(number: int, box: Any) -> Thing:
    name = f"annotation number {number}"
    label = box.get("label") if isinstance(box, dict) else None
    sides = box.get("coordinates") if isinstance(box, dict) else None
    if not isinstance(label, str) or not label.strip():
        raise UnusableError(f"its {name} has no label")
    if not isinstance(sides, dict):
        raise UnusableError(f"its {name} has no coordinates")
    try:
        x, y, width, height = numbers_of(sides.get(side) for side in _SIDES)
    except UnusableError as error:
        raise UnusableError(f"its {name} {error.reason}") from error
    corners = (y - height / 2, x - width / 2, y + height / 2, x + width / 2)
    return Thing(name, label.strip(), corners)
