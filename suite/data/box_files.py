"""Label files of a user's pictures: YOLO's lines of text and COCO's JSON. No picture is decoded here."""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from suite.data import annotated, layout
from suite.data.annotated import Unusable
from suite.data.segmentation_sets import read_names

_OVERSHOOT = 0.01  # of the picture's side, by which rounding may carry a box over the border
_COCO_KEYS = ("images", "annotations", "categories")
_QUOTED = r"'(?:[^']|'')*'|\"[^\"]*\""


class Boxes(NamedTuple):
    """The boxes of one picture: `(m, 4)` float32, `(m,)` int64, `(m,)` bool, as in `DetectionSet`."""

    boxes: np.ndarray
    labels: np.ndarray
    is_crowd: np.ndarray

    @classmethod
    def of(cls, boxes: Sequence, labels: Sequence, is_crowd: Sequence) -> "Boxes":
        """Makes arrays of lists."""
        rows = np.array(boxes, np.float32).reshape(-1, 4)
        return cls(rows, np.array(labels, np.int64), np.array(is_crowd, bool))


class Listing(NamedTuple):
    """What a folder holds, before a picture is opened.

    Attributes:
        files: Pairs of the path of a picture and its part.
        parts: The parts that the folder is divided into.
        read_boxes: Gives the boxes of a path, or raises `Unusable`.
        classes: Class names by label.
        aside: `{"file", "reason"}` for what is left out already.
    """

    files: list[tuple[Path, str]]
    parts: Iterable[str]
    read_boxes: Callable[[Path], Boxes]
    classes: tuple[str, ...]
    aside: list[dict[str, str]]


def list_pictures(root: Path) -> Listing:
    """Lists a folder in either form.

    Raises:
        ValueError: It has neither, or what it has cannot be read as a whole.
    """
    pairs = annotated.find_pairs(root, "images", "labels")
    if pairs:
        return _list_yolo(root, pairs)
    files = _find_coco(root)
    if files:
        return _list_coco(root, files)
    raise ValueError(
        f"expected images/ and labels/, or annotations/*.json, in {str(root)!r}, received "
        f"{annotated.contents(root)}; put the pictures in images/ and a YOLO label file for each in labels/, "
        "or a COCO file in annotations/"
    )


def _list_yolo(root: Path, pairs: Mapping[str, tuple[Path, Path]]) -> Listing:
    """Lists a folder of images and label files.

    Args:
        root: The folder.
        pairs: By part, the folder of the images and that of the label files.

    Raises:
        ValueError: There are no class names.
    """
    classes = _yolo_names(root, [labels for _, labels in pairs.values()])
    files, label_of, aside = [], {}, []
    for part, (image_folder, label_folder) in pairs.items():
        images, others = annotated.list_files(image_folder, root)
        labels, more = annotated.list_files(label_folder, root)
        by_stem = {path.stem: path for path in labels if path.suffix == ".txt" and path.name != "classes.txt"}
        files += [(image, part) for image in images]
        label_of |= {image: by_stem[image.stem] for image in images if image.stem in by_stem}
        alone = sorted(by_stem.keys() - {image.stem for image in images})
        aside += [*others, *more, *(layout.entry(by_stem[stem], root, "no image for it") for stem in alone)]
    return Listing(files, pairs, lambda path: _read_lines(label_of.get(path), len(classes)), classes, aside)


def _yolo_names(root: Path, label_folders: Sequence[Path]) -> tuple[str, ...]:
    for path in (root / "classes.txt", *(folder / "classes.txt" for folder in label_folders)):
        if names := read_names(path):
            return names
    for path in (root / "data.yaml", root / "data.yml"):
        if path.is_file() and (names := parse_names(path.read_text(encoding="utf-8-sig", errors="replace"))):
            return names
    raise ValueError(
        f"expected the names of the classes in classes.txt or data.yaml in {str(root)!r}, received none; "
        "write classes.txt with one name a line, the first for class 0"
    )


def parse_names(text: str) -> tuple[str, ...]:
    """Finds the list or the mapping under `names:` in YAML, in brackets or one a line; nothing else of YAML.

    Args:
        text: Such as "names: [cat, dog]", or "names:" with "  0: cat" or "- cat" a line below.

    Returns:
        The names by index; none where they are not found, or the indices are not 0, 1, ....
    """
    lines = [re.sub(rf"({_QUOTED})|(?:^|\s)#.*", lambda m: m[1] or "", line) for line in text.splitlines()]
    found = re.search(r"^names[ \t]*:[ \t]*\n?((?:.*)(?:\n(?:[ \t\-\]}].*)?)*)", "\n".join(lines), re.M)
    body = found[1].strip() if found else ""
    if body[:1] in ("[", "{"):
        entries = re.findall(rf"\s*(?:(\d+)\s*:\s*)?({_QUOTED}|[^,\[\]{{}}]*[^,\[\]{{}}\s])", body)
    else:
        entries = re.findall(rf"^[ \t]*(?:-[ \t]+|(\d+)[ \t]*:[ \t]*)({_QUOTED}|.*\S)[ \t]*$", body, re.M)
    names = {int(key) if key else index: _unquoted(name.strip()) for index, (key, name) in enumerate(entries)}
    return tuple(names[index] for index in sorted(names)) if set(names) == set(range(len(names))) else ()


def _unquoted(name: str) -> str:
    return name[1:-1].replace("''", "'") if name[:1] in ("'", '"') else name


def _read_lines(path: Path | None, num_classes: int) -> Boxes:
    text = path.read_text(encoding="utf-8-sig", errors="replace") if path else ""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                rows.append(_parse_line(line.split(), num_classes))
            except Unusable as error:
                raise Unusable(f"line {number} of its label file {error.reason}") from error
    return Boxes.of([box for box, _ in rows], [label for _, label in rows], [False] * len(rows))


def _parse_line(fields: list[str], num_classes: int) -> tuple[list[float], int]:
    if len(fields) != 5:
        raise Unusable(f"has {len(fields)} fields, not the 5 of class cx cy w h")
    try:
        label, (x, y, width, height) = int(fields[0]), map(float, fields[1:])
    except ValueError as error:
        raise Unusable("has a field that is no number, or a class that is no whole number") from error
    if not 0 <= label < num_classes:
        raise Unusable(f"has class {label}, but {num_classes} are named (0 to {num_classes - 1})")
    return _clipped(y - height / 2, x - width / 2, y + height / 2, x + width / 2), label


def _clipped(top: float, left: float, bottom: float, right: float) -> list[float]:
    sides = (top, left, bottom, right)
    if not all(map(math.isfinite, sides)):
        raise Unusable("has a box with a side that is no finite number")
    if min(sides) < -_OVERSHOOT or max(sides) > 1 + _OVERSHOOT:
        raise Unusable("has a box that reaches out of the image")
    top, left, bottom, right = (min(max(side, 0.0), 1.0) for side in sides)
    if bottom <= top or right <= left:
        raise Unusable("has a box without area")
    return [top, left, bottom, right]


def _find_coco(root: Path) -> list[Path]:
    """All JSON files that may be annotations, or only `instances_*.json` where there are some."""
    folders = [root, *(path for path in sorted(root.iterdir()) if path.is_dir())]
    folders = [
        path for path in folders if path in (root, root / "annotations") or annotated.part_named(path.name)
    ]
    files = [file for folder in folders for file in sorted(folder.glob("*.json"))]
    return [file for file in files if file.name.startswith("instances_")] or files


def _list_coco(root: Path, json_files: Sequence[Path]) -> Listing:
    """Lists the pictures of COCO annotation files.

    Args:
        root: The folder, with the pictures anywhere in it.
        json_files: As `_find_coco` gives them.

    Raises:
        ValueError: A file is not such an annotation file, several are for one part, or none is for train.
    """
    contents = _read_json_files(root, json_files)
    names = {row["id"]: str(row["name"]) for _, content in contents.values() for row in content["categories"]}
    ordered = sorted(names, key=lambda category: (isinstance(category, str), category))
    labels = {category: label for label, category in enumerate(ordered)}
    index = _index(root)
    files, sources, aside = [], {}, []
    for part, (json_file, content) in contents.items():
        rows_of, strangers = _rows_by_image(content, json_file.relative_to(root).as_posix())
        aside += strangers
        repeated = Counter(image["id"] for image in content["images"])
        for image in content["images"]:
            try:
                if repeated[image["id"]] > 1:
                    raise Unusable(f"its image id {image['id']} occurs {repeated[image['id']]} times")
                path = _locate(root, json_file, part, image["file_name"], index)
                if path in sources:
                    raise Unusable("the image file is listed twice")
            except Unusable as error:
                aside.append({"file": image["file_name"], "reason": error.reason})
            else:
                files.append((path, part))
                sources[path] = image, rows_of[image["id"]]
    classes = tuple(names[category] for category in labels)
    return Listing(files, contents, lambda path: _coco_boxes(path, *sources[path], labels), classes, aside)


def _read_json_files(root: Path, json_files: Sequence[Path]) -> dict[str, tuple[Path, dict]]:
    """Annotation files and their contents by part."""
    contents: dict[str, tuple[Path, dict]] = {}
    for path in json_files:
        tokens = [*re.split(r"[^A-Za-z0-9]+", path.stem), path.parent.name if path.parent != root else ""]
        part = next(filter(None, map(annotated.part_named, tokens)), "train")
        if part in contents:
            raise ValueError(
                f"expected one COCO file for {part} in {str(root)!r}, received {path.name!r} as "
                "another; move it away"
            )
        contents[part] = path, _read_json(path)
    if "train" not in contents:
        raise ValueError(
            f"expected a COCO file for train in {str(root)!r}, received "
            f"{', '.join(path.name for path in json_files)}; name one instances_train.json"
        )
    return contents


def _read_json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"expected a COCO file of valid JSON, received {path.name!r}: {error}; mend it"
        ) from error
    lists = [content.get(key) for key in _COCO_KEYS] if isinstance(content, dict) else []
    if not lists or not all(isinstance(rows, list) for rows in lists):
        received = ", ".join(list(content)[:6]) if isinstance(content, dict) else type(content).__name__
        raise ValueError(
            f"expected a COCO file with the lists images, annotations and categories, received {path.name!r} "
            f"with {received}; move it away if it is another file"
        )
    needed = (("file_name", "id"), ("bbox", "category_id", "id", "image_id"), ("id", "name"))
    for key, rows, fields in zip(_COCO_KEYS, lists, needed, strict=True):
        for row in rows:
            if not isinstance(row, dict) or any(_is_bad(row, field) for field in fields):
                raise ValueError(
                    f"expected {', '.join(fields)} in every entry of {key} in {path.name!r}, received "
                    f"{str(row)[:80]}; export the file again"
                )
    return content


def _is_bad(row: dict, field: str) -> bool:
    """Whether a field is missing, or cannot be a name or an id."""
    return field not in row or (field != "bbox" and not isinstance(row[field], int | str))


def _rows_by_image(content: dict, file: str) -> tuple[dict, list[dict[str, str]]]:
    """Annotations by image id, and entries for those of no image."""
    known = {image["id"] for image in content["images"]}
    rows_of, aside = defaultdict(list), []
    for row in content["annotations"]:
        rows_of[row["image_id"]].append(row)
        if row["image_id"] not in known:
            reason = f"annotation {row['id']} is for the image id {row['image_id']}, which is not listed"
            aside.append({"file": file, "reason": reason})
    return rows_of, aside


def _index(root: Path) -> dict[str, list[Path]]:
    """All files in the folder by name."""
    index = defaultdict(list)
    for path in sorted(root.rglob("*")):
        if path.is_file():
            index[path.name].append(path)
    return index


def _locate(root: Path, json_file: Path, part: str, name: str, index: Mapping[str, list[Path]]) -> Path:
    """The picture of that name; of several, one beside the annotations or in a folder of the part."""
    wanted = PurePosixPath(str(name).replace("\\", "/"))
    found = index.get(wanted.name, [])
    if not found:
        raise Unusable("the image file is missing")

    def fits(path: Path) -> tuple[bool, bool, bool]:
        relative = path.relative_to(root)
        in_part = any(annotated.part_named(folder) == part for folder in relative.parts[:-1])
        is_beside = json_file.parent in path.parents and json_file.parent != root
        return relative.as_posix().endswith(wanted.as_posix()), is_beside, in_part

    best = max(map(fits, found))
    chosen = [path for path in found if fits(path) == best]
    if len(chosen) > 1:
        raise Unusable(f"{len(chosen)} image files have this name")
    return chosen[0]


def _coco_boxes(path: Path, image: dict, rows: Sequence[dict], labels: Mapping[int, int]) -> Boxes:
    height, width = annotated.upright_size(path)
    stated = image.get("height", height), image.get("width", width)
    if stated != (height, width):
        raise Unusable(
            f"{width} x {height} pixels upright, but its annotations say {stated[1]} x {stated[0]}"
        )
    boxes = []
    for row in rows:
        try:
            if row["category_id"] not in labels:
                raise Unusable(f"has category {row['category_id']}, which is not listed")
            left, top, box_width, box_height = _four_numbers(row["bbox"])
            sides = top / height, left / width, (top + box_height) / height, (left + box_width) / width
            boxes.append(_clipped(*sides))
        except Unusable as error:
            raise Unusable(f"its annotation {row['id']} {error.reason}") from error
    crowds = [bool(row.get("iscrowd", 0)) for row in rows]
    return Boxes.of(boxes, [labels[row["category_id"]] for row in rows], crowds)


def _four_numbers(values: object) -> tuple[float, ...]:
    is_number = isinstance(values, list) and all(type(value) in (int, float) for value in values)
    if not is_number or len(values) != 4:
        raise Unusable("has a bbox that is not four numbers")
    return tuple(map(float, values))
