"""YOLO's label files: a line `class cx cy w h` a box, or a polygon. No picture is decoded here."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from suite.data.folders import companions, paired
from suite.data.folders.boxes import Boxes, Listing, around, clipped
from suite.data.folders.tables import read_text
from suite.data.set_aside import UnusableError

_NAMES = "classes.txt"
_EMPTY = "with an empty label file, taken as background"
_POLYGON = "with polygons, of which the box around each is taken"
_CONFIDENCE = "with a sixth number in a line, as predictions have, which is left out"
_NO_NUMBER = "has a field that is no number, or a class that is no whole number"
_QUOTED = r"'(?:[^']|'')*'|\"[^\"]*\""


def list_yolo(root: Path, pairs: Mapping[str, tuple[Path, Path]]) -> Listing:
    """Lists a folder of images and label files.

    Args:
        root: The folder.
        pairs: By part, the folder of the images and that of the label files.

    Raises:
        ValueError: There are no class names.
    """
    classes, names_file, keypoints = _yolo_names(root, [labels for _, labels in pairs.values()])
    files, aside = [], []
    label_of: dict[Path, Path] = {}
    for part, (image_folder, label_folder) in pairs.items():
        images, others = paired.list_files(image_folder, root)
        beside, more = paired.list_files(label_folder, root)
        labels = [path for path in beside if path.suffix.lower() == ".txt" and path.name.lower() != _NAMES]
        found, alone = companions.match(images, labels, root, "label file")
        aside += [*others, *more, *alone]
        doubles = {entry.file for entry in alone}
        files += [(image, part) for image in images if image.relative_to(root).as_posix() not in doubles]
        label_of |= found
    read = {names_file, *label_of.values()}
    return Listing(
        files,
        pairs,
        lambda path: _read_lines(label_of.get(path), len(classes), keypoints),
        classes,
        aside,
        read,
    )


def _yolo_names(root: Path, label_folders: Sequence[Path]) -> tuple[tuple[str, ...], Path, bool]:
    """Names of the classes, the file that has them, and whether it says that lines have keypoints."""
    for folder in (root, *label_folders):
        path = companions.child(folder, _NAMES)
        if names := paired.read_names(path):
            return names, path, False
    files = [path for path in paired.list_files(root, root)[0] if path.suffix.lower() in (".yaml", ".yml")]
    for path in sorted(files, key=lambda path: path.stem.lower() != "data"):
        text = read_text(path, "a YAML file")
        if names := parse_names(text):
            return names, path, bool(re.search(r"^kpt_shape[ \t]*:", text, re.MULTILINE))
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


def _read_lines(path: Path | None, num_classes: int, have_keypoints: bool) -> Boxes:
    if path is None:
        return Boxes.of([], [], [], ("without a label file, taken as background",))
    rows = []
    for number, line in enumerate(read_text(path, "a label file").splitlines(), 1):
        if line.strip():
            try:
                rows.append(_parse_line(line, num_classes, have_keypoints))
            except UnusableError as error:
                raise UnusableError(f"line {number} of its label file {error.reason}") from error
    said = {remark for _, _, remark in rows if remark} if rows else {_EMPTY}
    return Boxes.of(
        [box for box, _, _ in rows], [label for _, label, _ in rows], [False] * len(rows), tuple(sorted(said))
    )


def _parse_line(line: str, num_classes: int, have_keypoints: bool) -> tuple[list[float], int, str]:
    """Box, label and remark ("" for none)."""
    label, numbers = _numbers(line)
    if label != int(label):
        raise UnusableError(_NO_NUMBER)
    if not 0 <= label < num_classes:
        raise UnusableError(f"has class {label:.0f}, but {num_classes} are named (0 to {num_classes - 1})")
    remark = ""
    if have_keypoints:
        numbers = numbers[:4]
    elif len(numbers) == 5:
        numbers, remark = numbers[:4], _CONFIDENCE
    if len(numbers) >= 6 and len(numbers) % 2 == 0:
        return clipped(*around(numbers)), int(label), _POLYGON
    if len(numbers) != 4:
        raise UnusableError(_wrong_count(len(numbers) + 1))
    x, y, width, height = numbers
    return clipped(y - height / 2, x - width / 2, y + height / 2, x + width / 2), int(label), remark


def _numbers(line: str) -> tuple[float, list[float]]:
    """The class and the other numbers of a line; commas may stand for points, or between the numbers."""
    fields = [field.rstrip(",") for field in line.replace(";", " ").split()]
    fields = fields if len(fields) > 1 else fields[0].split(",")
    if len(fields) < 5:
        raise UnusableError(_wrong_count(len(fields)))
    try:
        label, *numbers = (float(field.replace(",", ".")) for field in fields)
    except ValueError as error:
        raise UnusableError(_NO_NUMBER) from error
    if not math.isfinite(label):
        raise UnusableError(_NO_NUMBER)
    return label, numbers


def _wrong_count(count: int) -> str:
    return f"has {count} fields, not the 5 of class cx cy w h"
