"""COCO's annotation files: JSON with images, annotations and categories. No picture is decoded here."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from suite.data import annotated
from suite.data.annotated import Unusable
from suite.data.box_files import Boxes, Listing, clipped
from suite.data.images import upright_size

_COCO_KEYS = ("images", "annotations", "categories")


def find_coco(root: Path) -> list[Path]:
    """All JSON files that may be annotations, or only `instances_*.json` where there are some."""
    folders = [root, *(path for path in sorted(root.iterdir()) if path.is_dir())]
    folders = [
        path for path in folders if path in (root, root / "annotations") or annotated.part_named(path.name)
    ]
    files = [file for folder in folders for file in sorted(folder.glob("*.json"))]
    return [file for file in files if file.name.startswith("instances_")] or files


def list_coco(root: Path, json_files: Sequence[Path]) -> Listing:
    """Lists the pictures of COCO annotation files.

    Args:
        root: The folder, with the pictures anywhere in it.
        json_files: As `find_coco` gives them.

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
    lists: list = [content.get(key) for key in _COCO_KEYS] if isinstance(content, dict) else []
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
    height, width = upright_size(path)
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
            boxes.append(clipped(*sides))
        except Unusable as error:
            raise Unusable(f"its annotation {row['id']} {error.reason}") from error
    crowds = [bool(row.get("iscrowd", 0)) for row in rows]
    return Boxes.of(boxes, [labels[row["category_id"]] for row in rows], crowds)


def _four_numbers(values: object) -> tuple[float, ...]:
    if (
        not isinstance(values, list)
        or len(values) != 4
        or not all(type(value) in (int, float) for value in values)
    ):
        raise Unusable("has a bbox that is not four numbers")
    return tuple(map(float, values))
