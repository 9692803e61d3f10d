"""COCO's annotation files: JSON with images, annotations and categories. No picture is decoded here."""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from suite.data.folders import layout, paired
from suite.data.folders.boxes import Boxes, Listing, around
from suite.data.folders.named_pictures import NamedPictures
from suite.data.folders.tables import read_text
from suite.data.folders.text_files import read_each, read_json
from suite.data.folders.things import Frame, frame_of, number_of
from suite.data.set_aside import SetAside, UnusableError

LAYOUT = "COCO"
_COCO_KEYS = ("images", "annotations", "categories")
_BACKGROUND = "without an annotation, taken as background"
_POLYGON = "with a polygon and no bbox, of which the box around it is taken"

Key = int | str  # an id, by which 1, 1.0 and "1" are the same


_Json: TypeAlias = dict[str, Any]


class _Annotation(NamedTuple):
    name: str  # for messages
    content: _Json


class _Image(NamedTuple):
    part: str
    content: _Json
    annotations: list[_Annotation]


def find_coco(root: Path) -> list[Path]:
    """The JSON files that may be annotations, if one of them has a list of such a file."""
    files = find_json(root)
    if any(_lists(path) for path in files):
        return files
    deeper = [path for path, _ in layout.find_files(root, {"": [root]})[0] if path.suffix.lower() == ".json"]
    return _of_instances([path for path in deeper if _lists(path) == len(_COCO_KEYS)])


def _lists(path: Path) -> int:
    """How many of the lists of such a file a file has."""
    try:
        text = read_text(path, "a COCO file")
    except ValueError:
        return 0
    return sum(f'"{key}"' in text for key in _COCO_KEYS)


def _of_instances(files: list[Path]) -> list[Path]:
    return [file for file in files if file.name.startswith("instances_")] or files


def find_json(root: Path) -> list[Path]:
    """All JSON files where annotations are, or only `instances_*.json` where there are some."""
    folders = [root, *(path for path in sorted(root.iterdir()) if path.is_dir())]
    folders = [
        path
        for path in folders
        if path == root or path.name.lower() == "annotations" or paired.part_named(path.name)
    ]
    files = [file for folder in folders for file in paired.list_files(folder, root)[0]]
    return _of_instances([file for file in files if file.suffix.lower() == ".json"])


def list_coco(root: Path, json_files: Sequence[Path]) -> Listing:
    """Lists the pictures of COCO annotation files.

    Entries that cannot be used are set aside one by one. Ids may be numbers or texts: 1, 1.0 and "1" are one.

    Args:
        root: The folder, with the pictures anywhere in it.
        json_files: As `find_coco` or `find_json` gives them.

    Raises:
        ValueError: No file is such an annotation file, several are for one part, none is for train, or two
            give one category different names.
    """  # noqa: DOC501  UnusableError is caught
    contents = _read_json_files(root, json_files)
    aside: list[SetAside] = []
    names = _categories(root, contents, aside)
    ordered = sorted(names, key=lambda category: (isinstance(category, str), category))
    labels = {category: label for label, category in enumerate(ordered)}
    pictures = NamedPictures(root)
    sources: dict[Path, _Image] = {}
    for part, (json_file, content) in contents.items():
        file = json_file.relative_to(root).as_posix()
        images = _images(content, file, aside)
        rows_of = _rows_by_image(content, file, {key for key, _ in images}, aside)
        for key, image in images:
            try:
                if len({row["file_name"] for other, row in images if other == key}) > 1:
                    raise UnusableError(f"its image id {key} is that of several files")
                path = pictures.find(image["file_name"], json_file, part)
                if path in sources:
                    _merge(sources[path], part, rows_of[key])
                sources[path] = _Image(part, image, rows_of[key])
            except UnusableError as error:
                aside.append(SetAside(str(image["file_name"]), error.reason))
    return Listing(
        [(path, image.part) for path, image in sources.items()],
        contents,
        lambda path: _coco_boxes(path, sources[path], labels),
        tuple(names[category] for category in labels),
        aside,
        {path for path, _ in contents.values()},
        LAYOUT,
    )


def _key(value: object) -> Key | None:
    """An id as other programs read it: 1, 1.0, "1" and "1.0" are the same; None if it is none."""
    if isinstance(value, str):
        text = value.strip()
        return int(text.split(".")[0]) if re.fullmatch(r"-?(0|[1-9]\d{0,17})(\.0+)?", text) else text or None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _categories(
    root: Path, contents: Mapping[str, tuple[Path, _Json]], aside: list[SetAside]
) -> dict[Key, str]:
    """Names by id, of all files."""
    names: dict[Key, str] = {}
    for path, content in contents.values():
        for number, row in enumerate(content["categories"], 1):
            key = _key(row.get("id")) if isinstance(row, dict) else None
            if key is None or not isinstance(row.get("name"), str | int):
                reason = f"category number {number} has no id or no name"
                aside.append(SetAside.below(root, path, reason))
            elif names.setdefault(key, str(row["name"])) != str(row["name"]):
                raise ValueError(
                    f"expected one name for category {key} in {str(root)!r}, received {names[key]!r} and "
                    f"{row['name']!r} in {path.name!r}; give the categories of all files the same ids"
                )
    return names


def _images(content: _Json, file: str, aside: list[SetAside]) -> list[tuple[Key, _Json]]:
    """The entries of images that name a file, with their id."""
    images = []
    for number, row in enumerate(content["images"], 1):
        key = _key(row.get("id")) if isinstance(row, dict) else None
        if key is None or not isinstance(row.get("file_name"), str) or not row["file_name"].strip():
            aside.append(SetAside(file, f"image number {number} has no id or no file_name"))
        else:
            images.append((key, row))
    return images


def _merge(image: _Image, part: str, annotations: Sequence[_Annotation]) -> None:
    """Adds the annotations of a second entry for one file.

    Raises:
        UnusableError: Always, since the second entry is none of its own.
    """
    if part != image.part:
        raise UnusableError(f"the image file is listed for {image.part}, too")
    there = [_meaning(row) for row in image.annotations]
    image.annotations.extend(row for row in annotations if _meaning(row) not in there)
    raise UnusableError("the image file is listed twice; the annotations of both entries are taken together")


def _meaning(row: _Annotation) -> tuple[Key | None, str]:
    return _key(row.content.get("category_id")), str(row.content.get("bbox"))


def _read_json_files(root: Path, json_files: Sequence[Path]) -> dict[str, tuple[Path, _Json]]:
    """Annotation files and their contents by part; files of other content are left out if there are any."""
    read = [*read_each(json_files, lambda path: read_json(path, "a COCO file")).items()]
    found = [(path, content) for path, content in read if _is_coco(content)]
    if not found:
        path, content = read[0]
        received = ", ".join(list(content)[:6]) if isinstance(content, dict) else type(content).__name__
        raise ValueError(
            f"expected a COCO file with the lists images, annotations and categories, received {path.name!r} "
            f"with {received or 'nothing'}; move it away if it is another file"
        )
    contents: dict[str, tuple[Path, _Json]] = {}
    for path, content in found:
        tokens = [*re.split(r"[^A-Za-z0-9]+", path.stem), path.parent.name if path.parent != root else ""]
        part = next(filter(None, map(paired.part_named, tokens)), "train")
        if part in contents:
            raise ValueError(
                f"expected one COCO file for {part} in {str(root)!r}, received {path.name!r} as "
                "another; move it away"
            )
        contents[part] = path, content
    if "train" not in contents:
        raise ValueError(
            f"expected a COCO file for train in {str(root)!r}, received "
            f"{', '.join(path.name for path, _ in found)}; name one instances_train.json"
        )
    return contents


def _is_coco(content: Any) -> bool:
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in _COCO_KEYS)


def _rows_by_image(
    content: _Json, file: str, known: set[Key], aside: list[SetAside]
) -> defaultdict[Key, list[_Annotation]]:
    """Annotations by image id, and entries for those of no image."""
    rows_of = defaultdict(list)
    for number, row in enumerate(content["annotations"], 1):
        own = _key(row.get("id")) if isinstance(row, dict) else None
        name = f"annotation number {number}" if own is None else f"annotation {own}"
        key = _key(row.get("image_id")) if isinstance(row, dict) else None
        if key is None:
            aside.append(SetAside(file, f"{name} has no image_id"))
        elif key not in known:
            aside.append(SetAside(file, f"{name} is for the image id {key}, which is not listed"))
        else:
            rows_of[key].append(_Annotation(name, row))
    return rows_of


def _coco_boxes(path: Path, image: _Image, labels: Mapping[Key, int]) -> Boxes:
    frame = frame_of(path, number_of(image.content.get("height")), number_of(image.content.get("width")))
    rows = [_box(row, labels, frame) for row in image.annotations]
    remarks = {remark for _, _, remark in rows if remark} | frame.remarks if rows else {_BACKGROUND}
    crowds = [number_of(row.content.get("iscrowd")) == 1 for row in image.annotations]
    boxes, of_class = [box for box, _, _ in rows], [label for _, label, _ in rows]
    return Boxes.of(boxes, of_class, crowds, tuple(sorted(remarks)))


def _box(row: _Annotation, labels: Mapping[Key, int], frame: Frame) -> tuple[list[float], int, str]:
    """Box, label and remark ("" for none) of an annotation."""
    try:
        category = _key(row.content.get("category_id"))
        if category is None:
            raise UnusableError("has no category_id")
        if category not in labels:
            raise UnusableError(f"has category {category}, which is not listed")
        (top, left, bottom, right), remark = _sides(row.content)
        box = frame.clipped(top, left, bottom, right)
    except UnusableError as error:
        raise UnusableError(f"its {row.name} {error.reason}") from error
    return box, labels[category], remark


def _sides(row: Mapping[str, Any]) -> tuple[tuple[float, float, float, float], str]:
    """`(top, left, bottom, right)` in pixels, and a remark."""
    values, polygons = row.get("bbox"), row.get("segmentation")
    if isinstance(values, str):  # as it stands in a table
        values = [piece for piece in re.split(r"[\s,\[\]()]+", values) if piece]
    if not values:
        if isinstance(polygons, list) and polygons and all(isinstance(each, list) for each in polygons):
            corners = [number_of(value) for each in polygons for value in each]
            if len(corners) >= 6 and len(corners) % 2 == 0:
                return around(corners), _POLYGON
        raise UnusableError("has no bbox")
    numbers = [number_of(value) for value in values] if isinstance(values, list) else []
    if len(numbers) != 4 or any(map(math.isnan, numbers)):
        raise UnusableError("has a bbox that is not four numbers")
    left, top, box_width, box_height = numbers
    return (top, left, top + box_height, left + box_width), ""
