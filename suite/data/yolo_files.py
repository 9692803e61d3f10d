"""YOLO's label files: a line `class cx cy w h` a box. No picture is decoded here."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from suite.data import annotated, layout
from suite.data.annotated import Unusable
from suite.data.box_files import Boxes, Listing, clipped

_QUOTED = r"'(?:[^']|'')*'|\"[^\"]*\""


def list_yolo(root: Path, pairs: Mapping[str, tuple[Path, Path]]) -> Listing:
    """Lists a folder of images and label files.

    Args:
        root: The folder.
        pairs: By part, the folder of the images and that of the label files.

    Raises:
        ValueError: There are no class names.
    """
    classes = _yolo_names(root, [labels for _, labels in pairs.values()])
    files, aside = [], []
    label_of: dict[Path, Path] = {}
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
        if names := annotated.read_names(path):
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
    return clipped(y - height / 2, x - width / 2, y + height / 2, x + width / 2), label
