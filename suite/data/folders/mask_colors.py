"""Lists of the colors of classes, as people put them beside masks that are colors."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from suite.data.folders import companions, layout
from suite.data.folders.tables import read_text

_ENDINGS = (".txt", ".csv", ".tsv", ".json")
_LARGEST = 2**16  # bytes of such a list
_HEX = re.compile(r"#([0-9a-f]{6})\b", re.IGNORECASE)
_NUMBERS = re.compile(r"(?<![\w.#])\d{1,3}(?:\s*[\s,;:]\s*\d{1,3}){2,3}(?![\w.])")
_AROUND = " \t,;:=|[](){}\"'"


class Color(NamedTuple):
    """A class and its color, 256 * (256 * red + green) + blue."""

    name: str
    rgb: int


def find_colors(root: Path, folders: Iterable[Path]) -> tuple[Path | None, tuple[Color, ...]]:
    """The list of colors beside masks, and its file; None and () where there is none.

    Args:
        root: The folder.
        folders: Those of the masks; what lies above them, up to the root, is looked at, too.
    """
    inner = {above for folder in folders for above in (folder, *folder.parents)}
    below = sorted(folder for folder in inner if folder != root and folder.is_relative_to(root))
    files = [path for folder in (root, *below) for path in layout.list_entries(folder, root)[1]]
    files = [path for path in files if path.suffix.lower() in _ENDINGS and path.stat().st_size <= _LARGEST]
    named = re.compile("colou?r|class|label|palette|info|legend")
    for path in sorted(files, key=lambda path: not named.search(path.name.lower())):
        colors = parse_colors(read_text(path, "a list of colors"))
        if colors:
            return path, colors
    return None, ()


def find_index_names(root: Path, folders: Iterable[Path]) -> tuple[Path, tuple[str, ...]]:
    """The names in a table of class indices and names, such as Roboflow's `_classes.csv`, and its file.

    Args:
        root: The folder.
        folders: Those of the masks.

    Returns:
        A path of nothing and () where there is none, or its indices are not 0, 1, ....
    """
    for folder in (root, *sorted(folders)):
        path = companions.child(folder, "_classes.csv")
        if not path.is_file():
            continue
        rows = [line.partition(",") for line in read_text(path, "a table of classes").splitlines()]
        names = [name.strip(_AROUND) for index, _, name in rows if index.strip().isdigit()]
        indices = [int(index) for index, _, _ in rows if index.strip().isdigit()]
        if names and indices == list(range(len(names))) and all(names):
            return path, tuple(names)
    return root / "_classes.csv", ()


def parse_colors(text: str) -> tuple[Color, ...]:
    """Reads a list of colors: lines or rows of a name and red, green, blue, or JSON; () if it is none.

    Args:
        text: Such as "background 0 0 0" and "64 128 64 animal" a line, "leaf:0,176,0::" as CVAT has it,
            "#00b000 leaf", or JSON with a list of colors and one of names, or with both in an object a class.
    """
    try:
        colors = list(_of_json(json.loads(text)))
    except (ValueError, RecursionError):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        lines = [line for line in lines if not line.startswith("#") or _HEX.match(line)]
        found = [_of_line(line) for line in lines]
        if None in found[1:]:  # the first line may have the names of columns
            return ()
        colors = [color for color in found if color]
    different = {color.rgb for color in colors}, {color.name for color in colors}
    if len(colors) < 2 or any(len(some) < len(colors) for some in different):
        return ()
    return tuple(colors)


def _of_line(line: str) -> Color | None:
    if found := _HEX.search(line):
        rgb = int(found[1], 16)
    else:
        found = _NUMBERS.search(line)
        numbers = [int(number) for number in re.findall(r"\d+", found[0])] if found else [256]
        if found is None or max(numbers) > 255:
            return None
        rgb = _packed(numbers[-3:])
        if len(numbers) == 4 and found.start() > 0:  # "class 1 0 176 0"
            return Color(f"{line[: found.start()].strip(_AROUND)} {numbers[0]}", rgb)
    name = (line[: found.start()].strip(_AROUND) or line[found.end() :]).strip(_AROUND)
    return Color(re.sub(r"^\d+[\s,;:]+(?=\D)", "", name).strip(_AROUND) or f"#{rgb:06x}", rgb)


def _packed(numbers: Sequence[int]) -> int:
    red, green, blue = numbers
    return (red << 16) | (green << 8) | blue


def _rgb(value: Any) -> int | None:
    """A color as JSON has it: [0, 176, 0], "#00b000" or "0,176,0"; None if it is none."""
    if isinstance(value, str):
        color = _of_line(value)
        return color.rgb if color else None
    is_triple = isinstance(value, list) and len(value) in (3, 4)
    if is_triple and all(isinstance(each, int) and 0 <= each <= 255 for each in value):
        return _packed(value[:3])
    return None


def _of_json(content: Any) -> Iterator[Color]:
    """Colors with their names, wherever in a JSON value they are."""
    if isinstance(content, list):
        for each in content:
            yield from _of_json(each)
    if not isinstance(content, dict):
        return
    lists = [value for value in content.values() if isinstance(value, list) and value]
    rgbs = next((rgbs for rgbs in ([*map(_rgb, some)] for some in lists) if None not in rgbs), [])
    names = next((some for some in lists if all(map(_is_name, some))), [])
    own = next((rgb for rgb in map(_rgb, content.values()) if rgb is not None), None)
    text = next(filter(_is_name, content.values()), None)
    if rgbs and len(rgbs) == len(names):
        yield from (Color(name, rgb) for name, rgb in zip(names, rgbs, strict=True) if rgb is not None)
    elif own is not None and text is not None:
        yield Color(text, own)
    else:
        for key, value in content.items():
            rgb = _rgb(value)
            yield from [Color(key, rgb)] if rgb is not None else _of_json(value)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _rgb(value) is None
