"""LabelMe's files: JSON with the shapes of a picture, one a picture. No picture is decoded here."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from suite.data.folders import layout, part_lists
from suite.data.folders.boxes import Listing, around
from suite.data.folders.folder_pairs import FolderPair, find_folder_pairs, match_pairs
from suite.data.folders.tables import read_text
from suite.data.folders.text_files import read_text_of_picture
from suite.data.folders.things import POLYGON, ROUND, Annotated, Thing, list_things, number_of, numbers_of
from suite.data.set_aside import UnusableError

LAYOUT = "LabelMe"
_SAMPLE = 20  # JSON files of a folder that are looked into
_NO_AREA = ("point", "line", "linestrip", "points")


def find_labelme(root: Path) -> list[FolderPair]:
    """The folders of the pictures and of the JSON files; none where there are no such files."""

    def is_ours(text: str) -> bool:
        return '"shapes"' in text and ('"imagePath"' in text or '"shape_type"' in text)

    return find_json_pairs(root, is_ours)


def find_json_pairs(root: Path, is_ours: Callable[[str], bool]) -> list[FolderPair]:
    """The folders of the pictures and of their JSON files, where a file of them is of a form.

    Args:
        root: The folder.
        is_ours: Whether a text is.
    """
    pairs = find_folder_pairs(root, lambda path: path.suffix.lower() == ".json")
    return [
        pair for pair in pairs if any(is_ours(_text(path)) for path in _json_files(pair.others)[:_SAMPLE])
    ]


def _json_files(folder: Path) -> list[Path]:
    return [path for path in layout.list_entries(folder, folder)[1] if path.suffix.lower() == ".json"]


def _text(path: Path) -> str:
    try:
        return read_text(path, "a JSON file")
    except ValueError:
        return ""


def list_labelme(root: Path, pairs: Sequence[FolderPair]) -> Listing:
    """Lists a folder of pictures and JSON files; the classes are the labels in them, in natural order.

    Args:
        root: The folder.
        pairs: As `find_labelme` gives them.
    """
    form = JsonForm(
        LAYOUT, "shapes", _thing, lambda content: (content.get("imageHeight"), content.get("imageWidth"))
    )
    return list_json_pairs(root, pairs, form)


class JsonForm(NamedTuple):
    """A form of JSON files, one a picture.

    Attributes:
        name: What it is called.
        things: The key of the list of things.
        thing: The thing of an entry of that list, with its number from 1.
        size: What a file says of the height and width of the picture.
    """

    name: str
    things: str
    thing: Callable[[int, Any], Thing]
    size: Callable[[Mapping[str, Any]], tuple[object, object]]


def list_json_pairs(root: Path, pairs: Sequence[FolderPair], form: JsonForm) -> Listing:
    """Lists a folder of pictures that have a JSON file each.

    Args:
        root: The folder.
        pairs: As `find_json_pairs` gives them.
        form: Of the files.
    """
    matched = match_pairs(root, pairs, "annotation file", lambda _, path: path.suffix.lower() == ".json")
    files, aside = matched.complete(root, "no annotation file for it")
    read = {*matched.other_of.values()}
    pictures = {image: _annotated(part, matched.other_of[image], form) for image, part in files}
    if {picture.part for picture in pictures.values()} == {"train"}:
        files, _, lists = part_lists.divide(root, [(path, "train") for path in pictures], aside)
        pictures = {path: pictures[path]._replace(part=part) for path, part in files}
        read |= lists
    return list_things(pictures, aside, read, form.name)


def _annotated(part: str, path: Path, form: JsonForm) -> Annotated:
    try:
        content = json.loads(read_text_of_picture(path, "annotation file"))
        listed = content.get(form.things) if isinstance(content, dict) else None
        if not isinstance(listed, list):
            raise UnusableError(f"its annotation file {path.name} has no list of {form.things}")
        things = [form.thing(number, each) for number, each in enumerate(listed, 1)]
        height, width = map(number_of, form.size(content))
        return Annotated(part, things, height, width)
    except UnusableError as error:
        return Annotated(part, error)
    except (ValueError, RecursionError) as error:
        return Annotated(part, UnusableError(f"its annotation file {path.name} is no JSON ({error})"))


def _thing(number: int, shape: Any) -> Thing:
    """A shape as a thing; a point or a line, which has no box, as one of no area."""
    name = f"shape number {number}"
    try:
        if not isinstance(shape, dict):
            raise UnusableError("is no shape")
        kind, points = shape.get("shape_type") or "polygon", shape.get("points")
        label = shape.get("label")
        if not isinstance(label, str | int) or isinstance(label, bool) or not str(label).strip():
            raise UnusableError("has no label")
        if not isinstance(points, list) or not all(isinstance(p, list) and len(p) == 2 for p in points):
            raise UnusableError("has no points of x and y")
        numbers = numbers_of(side for point in points for side in point)
        if kind in _NO_AREA and numbers:
            return Thing(name, str(label).strip(), around(numbers[:2] * 2))
        if kind == "circle" and len(numbers) == 4:
            x, y, *edge = numbers
            radius = ((edge[0] - x) ** 2 + (edge[1] - y) ** 2) ** 0.5
            return Thing(name, str(label).strip(), (y - radius, x - radius, y + radius, x + radius), ROUND)
        if len(numbers) < (4 if kind == "rectangle" else 6):
            raise UnusableError(f"is a {kind} of {len(points)} points")
        remark = "" if kind == "rectangle" else POLYGON
        return Thing(name, str(label).strip(), around(numbers), remark)
    except UnusableError as error:
        raise UnusableError(f"its {name} {error.reason}") from error
