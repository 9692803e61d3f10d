"""YOLO's label files: a line `class cx cy w h` a box, or a polygon. No picture is decoded here."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from suite.data.folders import paired, part_lists
from suite.data.folders.boxes import Boxes, Listing, around, clipped
from suite.data.folders.folder_pairs import FolderPair, find_folder_pairs, match_pairs, parts_of
from suite.data.folders.tables import read_text
from suite.data.folders.text_files import read_text_of_picture
from suite.data.set_aside import UnusableError

_NAMES = "classes.txt"
_OF_DARKNET = (".names", ".labels")
_NO_NAMES = (
    "expected the names of the classes in classes.txt or data.yaml in {!r}, received none; write classes.txt "
    "with one name a line, the first for class 0"
)
_ANY = 2**31  # classes, where they are not named
_SAMPLE = 50  # label files of a folder that are looked into
_LINE = re.compile(r"\d+(\.0+)?([\s,;]+-?[\d.,]+(e-?\d+)?){4}")
_EMPTY = "with an empty label file, taken as background"
_POLYGON = "with polygons, of which the box around each is taken"
_CONFIDENCE = "with a sixth number in a line, as predictions have, which is left out"
_NO_NUMBER = "has a field that is no number, or a class that is no whole number"
_QUOTED = r"'(?:[^']|'')*'|\"[^\"]*\""


def find_yolo(root: Path) -> list[FolderPair]:
    """The folders of the pictures and of the label files; none where there are no such files."""
    pairs = find_folder_pairs(root, _may_be_labels)
    named = [pair for pair in pairs if pair.others.name.casefold().startswith("label")]
    return named or [pair for pair in pairs if _has_lines(pair)]


def _may_be_labels(path: Path) -> bool:
    return path.suffix.lower() == ".txt" and path.name.lower() != _NAMES


def _has_lines(pair: FolderPair) -> bool:
    files = filter(_may_be_labels, paired.list_files(pair.others, pair.others)[0])
    return any(_is_of_lines(path) for path in list(files)[:_SAMPLE])


def _is_of_lines(path: Path) -> bool:
    try:
        first = read_text(path, "a label file").strip().split("\n")[0]
    except ValueError:
        return False
    return _LINE.match(first) is not None


def list_yolo(root: Path, pairs: Sequence[FolderPair]) -> Listing:
    """Lists a folder of images and label files.

    A folder that is not divided otherwise is so by train.txt and valid.txt or test.txt.

    Args:
        root: The folder.
        pairs: As `find_yolo` gives them.
    """
    classes, names_files, keypoints = _class_names(root, pairs)
    matched = match_pairs(root, pairs, "label file", lambda _, path: _may_be_labels(path))
    beside = {pair.others for pair in pairs if pair.pictures == pair.others}  # where other texts lie, too
    aside = [
        entry
        for entry in matched.aside
        if (root / entry.file).parent not in beside or _is_of_lines(root / entry.file)
    ]
    files, parts = matched.files, parts_of(pairs)
    lists: set[Path] = set()
    if parts == {"train"}:
        files, parts, lists = part_lists.divide(root, files, aside)
    label_of = matched.other_of
    problems = () if classes else (_NO_NAMES.format(str(root)),)
    num_classes = len(classes) or _ANY
    return Listing(
        files,
        parts,
        lambda path: _read_lines(label_of.get(path), num_classes, keypoints),
        classes,
        aside,
        {*names_files, *label_of.values(), *lists},
        "Darknet" if any(path.suffix.lower() in _OF_DARKNET for path in names_files) else "YOLO",
        problems,
    )


def _class_names(root: Path, pairs: Sequence[FolderPair]) -> tuple[tuple[str, ...], set[Path], bool]:
    """Names of the classes, the files that have them, and whether these say that lines have keypoints."""
    inner = {folder for _, *both in pairs for each in both for folder in (each, *each.parents)}
    below = sorted(folder for folder in inner if folder != root and folder.is_relative_to(root))
    found: dict[Path, tuple[str, ...]] = {}
    keypoints = False
    for path in sorted(_names_files(root, below), key=lambda path: path.name.lower() != _NAMES):
        text = read_text(path, "a file of names")
        is_yaml = path.suffix.lower() in (".yaml", ".yml")
        names = parse_names(text) if is_yaml else paired.read_names(path)
        if names and not found:
            keypoints = is_yaml and bool(re.search(r"^kpt_shape[ \t]*:", text, re.MULTILINE))
        if names and (not found or names == next(iter(found.values()))):
            found[path] = names
    return next(iter(found.values()), ()), set(found), keypoints


def _names_files(root: Path, below: Sequence[Path]) -> list[Path]:
    """Files that may name the classes: those of the root first, data.yaml before other YAML files."""
    files = [path for folder in (root, *below) for path in paired.list_files(folder, root)[0]]
    plain = [path for path in files if path.name.lower() == _NAMES or path.suffix.lower() in _OF_DARKNET]
    of_yaml = [path for path in files if path.suffix.lower() in (".yaml", ".yml")]
    return plain + sorted(of_yaml, key=lambda path: path.stem.lower() != "data")


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
    for number, line in enumerate(read_text_of_picture(path, "label file").splitlines(), 1):
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
