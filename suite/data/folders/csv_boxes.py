"""Tables with a row a box, as TensorFlow's object detection and Model Maker take them."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from suite.data.folders import layout
from suite.data.folders.boxes import Listing
from suite.data.folders.folder_pairs import place_of
from suite.data.folders.named_pictures import NamedPictures
from suite.data.folders.tables import Row, Table, part_named, read_table
from suite.data.folders.text_files import read_each
from suite.data.folders.things import Annotated, Thing, list_things, number_of, numbers_of
from suite.data.pictures.file_kinds import is_picture
from suite.data.set_aside import SetAside, UnusableError

LAYOUT = "CSV"
_WANTED = "a table of boxes"
_MOST_RELATIVE = 1.01  # of sides that are shares of the picture
_HEAD = 4096  # bytes that tell whether a table is one of boxes
_NAMES = {
    "file": "filename file file_name image image_name image_path image_id imageid img path photo picture",
    "label": "class label class_name classname label_name labelname category category_name cell_type name",
    "left": "xmin x_min x1 left x bbox_x",
    "top": "ymin y_min y1 top y bbox_y",
    "right": "xmax x_max x2 right",
    "bottom": "ymax y_max y2 bottom",
    "part": "split set part subset usage",
    "height": "height image_height",
    "width": "width image_width",
    "box": "bbox box bounding_box",
    "box_width": "w bbox_width box_width bbox_w width",
    "box_height": "h bbox_height box_height bbox_h height",
}
_BOXES = (("left", "top", "right", "bottom"), ("box",), ("left", "top", "box_width", "box_height"))
_ONE_CLASS = "object"  # where no column has classes
_UNNAMED = "whose boxes have no class, taken as 'object'"
# Rows without names of columns: of Model Maker (the part, then corners), and of keras-retinanet.
_OF_MODEL_MAKER = {"part": 0, "file": 1, "label": 2, "left": 3, "top": 4, "right": 7, "bottom": 8}
_OF_RETINANET = {"file": 0, "left": 1, "top": 2, "right": 3, "bottom": 4, "label": 5}
_PARTS = layout.PARTS | {"validate": "validation", "unassigned": "train"}


class BoxTable(NamedTuple):
    """A table of boxes: its rows, and the numbers of its columns by what they hold."""

    table: Table
    rows: Sequence[Row]
    columns: dict[str, int]


def find_csv(root: Path) -> list[Path]:
    """The tables in a folder whose rows are boxes."""
    files = [path for path, _ in layout.find_files(root, {"": [root]})[0]]
    return [path for path in files if path.suffix.lower() in layout.TABLES and _is_of_boxes(path)]


def _is_of_boxes(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(_HEAD).decode("utf-8-sig", errors="replace")
    lines = head.replace("\0", "").splitlines()
    return bool(lines) and bool(_columns(re.split("[,;\t|]", lines[0])))


def _columns(cells: Sequence[str]) -> dict[str, int]:
    """The numbers of the columns, from the first row; empty where it is not that of a table of boxes."""
    names = [cell.strip(" \"'").casefold() for cell in cells]
    found = {
        what: names.index(name)
        for what, usual in _NAMES.items()
        for name in usual.split()[::-1]
        if name in names
    }
    box = next((some for some in _BOXES if all(what in found for what in some)), ())
    if "file" in found and box:
        used = {found[what] for what in box}
        about = ("file", "label", "part", "height", "width")
        return {what: found[what] for what in about if what in found and found[what] not in used} | {
            what: found[what] for what in box
        }
    if len(names) >= 9 and names[0] in _PARTS and is_picture(Path(names[1]).suffix):
        return _OF_MODEL_MAKER
    are_numbers = len(names) == 6 and all(number_of(cell) >= 0 for cell in names[1:5])
    return _OF_RETINANET if are_numbers and is_picture(Path(names[0]).suffix) else {}


def list_csv(root: Path, paths: Sequence[Path]) -> Listing:
    """Lists the pictures that tables of boxes name.

    Sides are in pixels, or in shares of the picture where all of a table are at most 1. A picture that no row
    names is not used; one whose row has no box is background.

    Args:
        root: The folder, with the pictures anywhere in it.
        paths: As `find_csv` gives them.

    Raises:
        ValueError: A table cannot be read.
    """
    pictures = NamedPictures(root)
    found: dict[Path, Annotated] = {}
    aside: list[SetAside] = []
    for path, table in read_each(paths, _read).items():
        is_relative = _is_relative(table)
        for row in table.rows:
            name, part = _picture(row, table, path, root)
            try:
                picture = pictures.find(name, path, part)
            except UnusableError as error:
                aside.append(
                    SetAside(name or f"{path.relative_to(root).as_posix()}:{row.line}", error.reason)
                )
                continue
            before = found.setdefault(picture, Annotated(part, [], *_stated(row, table)))
            if isinstance(before.things, list):
                try:
                    before.things.extend(_things(row, table, is_relative))
                except UnusableError as error:
                    reason = UnusableError(f"its row in line {row.line} of {path.name} {error.reason}")
                    found[picture] = before._replace(things=reason)
    aside = list(dict.fromkeys(aside))  # a picture that is missing has many rows
    if "train" not in {picture.part for picture in found.values()}:
        found = {path: picture._replace(part="train") for path, picture in found.items()}
    return list_things(found, aside, paths, LAYOUT)


def _read(path: Path) -> BoxTable:
    table = read_table(path, _WANTED)
    columns = _columns(table.rows[0].cells)
    if not columns:
        raise ValueError(f"expected {_WANTED}, received {str(path)!r} without such columns; mend it")
    first = table.rows[0].cells[columns["left" if "left" in columns else "box"]]
    has_names = math.isnan(number_of(first)) if "left" in columns else re.search(r"\d", first) is None
    return BoxTable(table, table.rows[1:] if has_names else table.rows, columns)


def _is_relative(table: BoxTable) -> bool:
    corners = [_corners(row, table) for row in table.rows]
    sides = [side for corner in corners for side in corner[2:] if not math.isnan(side)]
    return bool(sides) and max(sides) <= _MOST_RELATIVE


def _corners(row: Row, table: BoxTable) -> tuple[float, float, float, float]:
    """`(left, top, right, bottom)`, NaN what is no number."""
    if "box" in table.columns:
        numbers = [number_of(text) for text in re.findall(r"[^\s,;\[\]()]+", _cell(row, table, "box"))]
        left, top, width, height = numbers if len(numbers) == 4 else [math.nan] * 4
        return left, top, left + width, top + height
    names = next(some for some in _BOXES if all(what in table.columns for what in some))
    left, top, right, bottom = (number_of(_cell(row, table, what)) for what in names)
    return (left, top, right, bottom) if "right" in names else (left, top, left + right, top + bottom)


def _cell(row: Row, table: BoxTable, what: str) -> str:
    place = table.columns.get(what, len(row.cells))
    return row.cells[place] if place < len(row.cells) else ""


def _picture(row: Row, table: BoxTable, path: Path, root: Path) -> tuple[str, str]:
    """The name of the picture of a row, and its part."""
    part = _PARTS.get(_cell(row, table, "part").casefold()) or part_named(path.name)
    return _cell(row, table, "file"), part or place_of(path.parent, root).part or "train"


def _stated(row: Row, table: BoxTable) -> tuple[float, float]:
    return number_of(_cell(row, table, "height")), number_of(_cell(row, table, "width"))


def _things(row: Row, table: BoxTable, is_relative: bool) -> list[Thing]:
    """The thing of a row; none where all its cells of a box are empty."""
    if len(row.cells) != table.table.width:
        raise UnusableError(f"has {len(row.cells)} cells for {table.table.width} columns")
    boxes = [what for some in _BOXES for what in some if what in table.columns]
    cells = [_cell(row, table, what) for what in boxes]
    is_named = "label" in table.columns
    label = _cell(row, table, "label") if is_named else _ONE_CLASS
    if not any(cells) and not (is_named and label):
        return []
    if not label:
        raise UnusableError("has no class")
    left, top, right, bottom = numbers_of(_corners(row, table))
    remark = "" if is_named else _UNNAMED
    return [Thing(f"box in line {row.line}", label, (top, left, bottom, right), remark, is_relative)]
