"""The files of the VGG Image Annotator: JSON or CSV with the regions of many pictures."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from suite.data.folders.boxes import Listing, around
from suite.data.folders.entries import Entry, find_texts, list_entries
from suite.data.folders.tables import read_text
from suite.data.folders.text_files import read_each, read_json
from suite.data.folders.things import POLYGON, ROUND, Thing, numbers_of
from suite.data.set_aside import UnusableError

LAYOUT = "VIA"
_COLUMNS = ("region_shape_attributes", "region_attributes")
ONE_CLASS = "object"  # where regions have no attributes
_USUAL = ("class", "label", "name", "type", "category", "object")
_UNNAMED = "whose regions have no class, taken as 'object'"
_SIDES = {
    "rect": ("x", "y", "width", "height"),
    "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
}


def find_via(root: Path) -> list[Path]:
    """The JSON and CSV files in a folder that the annotator wrote."""

    def is_json(text: str) -> bool:
        return '"regions"' in text and '"filename"' in text and '"shapes"' not in text

    def is_table(text: str) -> bool:
        return {"filename", *_COLUMNS} <= set(text.partition("\n")[0].replace('"', "").split(","))

    return [*find_texts(root, ".json", is_json), *find_texts(root, ".csv", is_table)]


def list_via(root: Path, paths: Sequence[Path]) -> Listing:
    """Lists the pictures that the files name; the classes are the values of the attribute that names them.

    Args:
        root: The folder, with the pictures anywhere in it.
        paths: As `find_via` gives them.

    Raises:
        ValueError: A file is broken.
    """
    contents = read_each(paths, _entries)
    attribute = _attribute(
        region for entries in contents.values() for entry in entries for region in _regions(entry)
    )
    return list_entries(
        root,
        {
            path: [
                Entry(entry.get("filename") if isinstance(entry, dict) else None, _things(entry, attribute))
                for entry in entries
            ]
            for path, entries in contents.items()
        },
        LAYOUT,
    )


def _entries(path: Path) -> list[Any]:
    """The entries of pictures: of a project, of the annotations alone, or of a table with a row a region."""
    if path.suffix.lower() == ".csv":
        return _of_table(path)
    content = read_json(path, "a VIA file")
    content = content.get("_via_img_metadata", content) if isinstance(content, dict) else content
    entries = list(content.values()) if isinstance(content, dict) else content
    if not isinstance(entries, list):
        raise ValueError(
            f"expected a VIA file, received {path.name!r} with {type(content).__name__}; mend it"
        )
    return entries


def _of_table(path: Path) -> list[Any]:
    entries: dict[str, dict[str, Any]] = {}
    for row in csv.DictReader(io.StringIO(read_text(path, "a VIA table"))):
        entry = entries.setdefault(row["filename"], {"filename": row["filename"], "regions": []})
        try:
            shape, attributes = (json.loads(row[column] or "{}") for column in _COLUMNS)
        except ValueError:
            shape, attributes = None, {}
        if shape != {}:  # a picture without a region has a row, too
            entry["regions"].append({"shape_attributes": shape, "region_attributes": attributes})
    return list(entries.values())


def _regions(entry: Any) -> list[Any]:
    """The regions of a picture, which older versions number in an object."""
    regions = entry.get("regions") if isinstance(entry, dict) else None
    return (
        list(regions.values()) if isinstance(regions, dict) else regions if isinstance(regions, list) else []
    )


def _attributes(region: Any) -> Iterator[tuple[str, str]]:
    """The attributes of a region with a value: a text, or the boxes that are checked."""
    attributes = region.get("region_attributes") if isinstance(region, dict) else None
    for name, value in attributes.items() if isinstance(attributes, dict) else ():
        checked = [key for key, is_so in value.items() if is_so] if isinstance(value, dict) else [value]
        if len(checked) == 1 and isinstance(checked[0], str | int) and str(checked[0]).strip():
            yield name, str(checked[0]).strip()


def _attribute(regions: Iterable[Any]) -> str:
    """The attribute that names the classes: one of a usual name, or else that which most regions have."""
    counts = Counter(name for region in regions for name, _ in _attributes(region))
    usual = [name for name in counts if name.casefold() in _USUAL]
    return max(usual or counts, key=lambda name: counts[name], default="")


def _things(entry: Any, attribute: str) -> list[Thing] | UnusableError:
    things = []
    for number, region in enumerate(_regions(entry), 1):
        try:
            label = dict(_attributes(region)).get(attribute, "") if attribute else ONE_CLASS
            if not label:
                raise UnusableError(f"has no {attribute}")
            sides, remark = _sides(region)
            things.append(Thing(f"region {number}", label, sides, remark if attribute else _UNNAMED))
        except UnusableError as error:
            return UnusableError(f"its region {number} {error.reason}")
    return things


def _sides(region: Any) -> tuple[tuple[float, float, float, float], str]:
    """`(top, left, bottom, right)` in pixels, and a remark."""
    shape = region.get("shape_attributes") if isinstance(region, dict) else None
    kind = shape.get("name") if isinstance(shape, dict) else None
    if shape is None or not isinstance(kind, str):
        raise UnusableError("has no shape")
    if kind in _SIDES:
        x, y, *more = numbers_of(shape.get(name) for name in _SIDES[kind])
        if kind == "rect":
            return (y, x, y + more[1], x + more[0]), ""
        across, down = more[0], more[-1]
        return (y - down, x - across, y + down, x + across), ROUND
    xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys) or len(xs) < 3:
        raise UnusableError(f"is a {kind}, which has no box")
    return around(numbers_of(side for point in zip(xs, ys, strict=True) for side in point)), POLYGON
