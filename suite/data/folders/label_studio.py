"""Label Studio's JSON, in full or "MIN": regions of many pictures in percent. No picture is decoded here."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from suite.data.folders.boxes import Listing, around
from suite.data.folders.entries import Entry, find_texts, list_entries
from suite.data.folders.text_files import read_each, read_json
from suite.data.folders.things import POLYGON, ROUND, Thing, number_of, numbers_of
from suite.data.set_aside import UnusableError

LAYOUT = "Label Studio"
_KINDS = ("rectanglelabels", "polygonlabels", "ellipselabels", "labels")
_SIDES = ("x", "y", "width", "height")
_IMAGE = re.compile(r"\.(jpe?g|png|webp|bmp|gif|tiff?)$", re.IGNORECASE)
_UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")  # what Label Studio writes before the name of a file


def find_label_studio(root: Path) -> list[Path]:
    """The JSON files in a folder that Label Studio wrote of pictures with boxes or polygons."""
    return find_texts(
        root, ".json", lambda text: re.search('"(?:rectangle|polygon|ellipse)labels"', text) is not None
    )


def list_label_studio(root: Path, paths: Sequence[Path]) -> Listing:
    """Lists the pictures that the files name; the classes are the labels of the regions.

    Of several annotations of a picture, the first that was not canceled is taken.

    Args:
        root: The folder, with the pictures anywhere in it.
        paths: As `find_label_studio` gives them.

    Raises:
        ValueError: A file is broken.
    """
    names = {path.name for path in root.rglob("*")}
    contents = read_each(paths, _tasks)
    return list_entries(
        root, {path: [_entry(task, names) for task in tasks] for path, tasks in contents.items()}, LAYOUT
    )


def _tasks(path: Path) -> list[Any]:
    content = read_json(path, "a Label Studio file")
    if not isinstance(content, list):
        raise ValueError(f"expected a Label Studio file, a list of tasks, received {path.name!r}; mend it")
    return content


def _entry(task: Any, names: set[str]) -> Entry:
    regions = list(_regions(task))
    sizes = [[number_of(each.get(f"original_{side}")) for side in ("height", "width")] for each in regions]
    height, width = sizes[0] if sizes else (float("nan"), float("nan"))
    things: list[Thing] | UnusableError
    try:
        things = [_thing(number, region) for number, region in enumerate(regions, 1)]
    except UnusableError as error:
        things = error
    return Entry(_file(task, names), things, height, width)


def _file(task: Any, names: set[str]) -> str | None:
    """The name of the picture: the first text that is one of a picture file, as it lies in the folder."""
    data = task.get("data", task) if isinstance(task, dict) else {}
    texts = [unquote(text).split("?d=")[-1] for text in data.values() if isinstance(text, str)]
    file = next((text for text in texts if _IMAGE.search(text)), None)
    name = Path(file.replace("\\", "/")).name if file else ""
    return _UPLOADED.sub("", name) if name not in names and _UPLOADED.sub("", name) in names else file


def _regions(task: Any) -> Iterator[dict[str, Any]]:
    """The regions of a task, each with its kind and its numbers in one object."""
    if not isinstance(task, dict):
        return
    if "data" in task:
        made = task.get("annotations") or task.get("completions") or []
        kept = [each for each in made if isinstance(each, dict) and not each.get("was_cancelled")]
        results = kept[0].get("result") if kept else []
        for result in results if isinstance(results, list) else []:
            value = result.get("value") if isinstance(result, dict) else None
            if isinstance(value, dict) and any(kind in value for kind in _KINDS):
                yield result | value
        return
    for values in task.values():
        for value in values if isinstance(values, list) else []:
            if isinstance(value, dict) and any(kind in value for kind in _KINDS):
                yield value


def _thing(number: int, region: dict[str, Any]) -> Thing:
    name = f"region {number}"
    try:
        labels = next(region[kind] for kind in _KINDS if kind in region)
        if (
            not isinstance(labels, list)
            or not labels
            or not isinstance(labels[0], str)
            or not labels[0].strip()
        ):
            raise UnusableError("has no label")
        (top, left, bottom, right), remark = _sides(region)
    except UnusableError as error:
        raise UnusableError(f"its {name} {error.reason}") from error
    return Thing(name, labels[0].strip(), (top / 100, left / 100, bottom / 100, right / 100), remark, True)


def _sides(region: dict[str, Any]) -> tuple[tuple[float, float, float, float], str]:
    """`(top, left, bottom, right)` in percent, and a remark."""
    if "points" in region:
        points = region["points"]
        if not isinstance(points, list) or len(points) < 3 or not all(isinstance(p, list) for p in points):
            raise UnusableError("has no points of x and y")
        return around(numbers_of(value for point in points for value in point[:2])), POLYGON
    if "radiusX" in region:
        x, y, across, down = numbers_of(region.get(side) for side in ("x", "y", "radiusX", "radiusY"))
        return (y - down, x - across, y + down, x + across), ROUND
    left, top, width, height = numbers_of(region.get(side) for side in _SIDES)
    if number_of(region.get("rotation") or 0):
        raise UnusableError("is turned; export the project without rotation, or as polygons")
    return (top, left, top + height, left + width), ""
