"""Classes of pictures from a table beside them: the name of a file in one column, its label in another."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from suite.data.folders import layout
from suite.data.folders.columns import LABEL, NAMES
from suite.data.folders.tables import Row, read_table
from suite.data.pictures.file_kinds import is_picture

_USUAL = NAMES[LABEL] | {"species", "breed", "diagnosis", "dx", "disease", "variety", "kind"}
_LONGEST = 80  # characters of a label
_MOST_NUMBERS = 20  # different ones in a column of labels that its name does not tell
_YES, _NO = {"1", "1.0", "true", "yes"}, {"0", "0.0", "false", "no", ""}
_OTHERS_NAMED = 5  # columns in a note


class PictureIndex:
    """Files by the ends of their paths, with and without the ending of their names."""

    def __init__(self, root: Path, paths: Collection[Path]):
        self._paths: dict[str, list[Path]] = {}
        # A name that is whole comes before one without its ending, a picture before another file.
        for path in sorted(paths, key=lambda path: not is_picture(path.suffix)):
            for name in dict.fromkeys((path.relative_to(root), path.relative_to(root).with_suffix(""))):
                for start in range(len(name.parts)):
                    key = "/".join(name.parts[start:]).casefold()
                    found = self._paths.setdefault(key, [])
                    if not found or is_picture(path.suffix) or not is_picture(found[0].suffix):
                        found.append(path)

    def find(self, cell: str) -> list[Path]:
        """Files that a cell names by a path or its end, or with another ending; as much of it as fits."""
        parts = [part for part in cell.replace("\\", "/").casefold().split("/") if part not in ("", ".")]
        ways = [parts]
        if parts and is_picture(Path(parts[-1]).suffix):
            ways.append([*parts[:-1], Path(parts[-1]).stem])
        for way in ways:
            for start in range(len(way)):
                found = self._paths.get("/".join(way[start:]), [])
                exact = [path for path in found if path.name.casefold() == way[-1]]
                if found:
                    return exact or found
        return []


class LabelTable(NamedTuple):
    """A table whose rows name pictures and their classes.

    Attributes:
        path: The file.
        names: Names of the columns; "column 1" and so on where the file has none.
        rows: Its rows without the names.
        file: Number of the column of files, from 0.
        labels: Number of the column of labels; several of one class each, of which one is marked in a row.
        is_usual: Whether the column of labels was given, or its name says what it is.
        others: Columns that may hold the labels as well.
        part: Number of the column that says train, validation or test; None: there is none.
    """

    path: Path
    names: list[str]
    rows: list[Row]
    file: int
    labels: tuple[int, ...]
    is_usual: bool
    others: tuple[int, ...]
    part: int | None

    def read(self, row: Row) -> tuple[str, str | None, str]:
        """The label and the part of a row (None where it says none), and what is wrong with it or ""."""
        cells = row.cells
        if len(cells) != len(self.names):
            return "", None, f"{len(cells)} cells for {len(self.names)} columns"
        part = None if self.part is None else layout.PARTS.get(cells[self.part].casefold())
        if len(self.labels) == 1:
            label = " ".join(cells[self.labels[0]].split())
            return label, part, "" if label else "no label"
        marked = [place for place in self.labels if cells[place].casefold() in _YES]
        if len(marked) != 1:
            return "", part, f"{len(marked)} of its columns of classes are marked"
        return self.names[marked[0]], part, ""

    def note(self) -> str:
        """Says which column the labels are from, and which others may be meant."""
        chosen = f"column {self.names[self.labels[0]]!r}"
        if len(self.labels) > 1:
            chosen = f"columns {self.names[self.labels[0]]!r} to {self.names[self.labels[-1]]!r}, one a class"
        said = f"labels from {chosen} of {self.path.name}, files from {self.names[self.file]!r}"
        if not self.others:
            return said
        names = ", ".join(repr(self.names[place]) for place in self.others[:_OTHERS_NAMED])
        more = len(self.others) - _OTHERS_NAMED
        names += f" and {more} more" if more > 0 else ""
        return f"{said}; {names} could be meant, too: choose by --label_column"


def find_table(path: Path, index: PictureIndex, label_column: str = "") -> LabelTable | str:
    """Reads a table of labels.

    Args:
        path: The file.
        index: The pictures that it may name.
        label_column: Name of the column of labels in any case, or its number from 1; "": found.

    Returns:
        The table; or why it is none, such as "names no picture".
    """
    try:
        table = read_table(path, "a table of files and labels")
    except ValueError as error:
        return f"is no table: {error}"
    named = {
        place: {str(found[0]) for cell in cells if (found := index.find(cell))}
        for place, cells in enumerate(_columns(table.rows, table.width))
    }
    if not any(named.values()):
        return "names no picture"
    file = max(named, key=lambda place: len(named[place]))
    has_header = not index.find(table.rows[0].cells[file])
    first = [name.strip("\ufeff").strip() for name in table.rows[0].cells]
    names = [name if has_header and name else f"column {place + 1}" for place, name in enumerate(first)]
    rows = table.rows[has_header:]
    values = list(_columns(rows, len(names)))
    part = next((place for place, cells in enumerate(values) if place != file and _are_parts(cells)), None)
    taken = {file, part}
    candidates = [place for place in range(len(names)) if place not in taken]
    if label_column:
        given = _given(names, candidates, label_column)
        if given is None:
            there = ", ".join(names[place] for place in candidates) or "none"
            return f"has no column of labels {label_column!r}; there are {there}"
        return LabelTable(path, names, rows, file, (given,), True, (), part)
    usual = [place for place in candidates if _rank(names[place]) < 2]
    candidates = [place for place in candidates if _look_like_labels(values[place], place in usual)]
    marks = _marks(values, candidates) if not set(usual) & set(candidates) else ()
    if len(marks) > 1:
        return LabelTable(path, names, rows, file, marks, True, (), part)
    if not candidates:
        return "has no column that looks like labels; name it by --label_column"
    best, *rest = sorted(candidates, key=lambda place: _preference(names[place], values[place], place))
    best = next((place for place in rest if _names_those_of(values[place], values[best])), best)
    others = tuple(place for place in candidates if place != best)
    return LabelTable(path, names, rows, file, (best,), _rank(names[best]) < 2, others, part)


def _columns(rows: Sequence[Row], width: int) -> Iterator[list[str]]:
    for place in range(width):
        yield [row.cells[place] for row in rows if len(row.cells) == width]


def _are_parts(cells: Sequence[str]) -> bool:
    parts = {layout.PARTS.get(cell.casefold()) for cell in cells if cell}
    return "train" in parts and None not in parts


def _given(names: Sequence[str], candidates: Sequence[int], wanted: str) -> int | None:
    """The column of that name, or of that number from 1."""
    places = [place for place in candidates if names[place].casefold() == wanted.strip().casefold()]
    if not places and wanted.isdecimal():
        places = [place for place in candidates if place == int(wanted) - 1]
    return places[0] if places else None


def _rank(name: str) -> int:
    """0: a usual name of labels; 1: a usual word is in it; 2: neither."""
    words = set(re.split(r"[\W_]+", name.casefold()))
    return 0 if name.casefold() in _USUAL else 1 if words & (_USUAL - {"y"}) else 2


def _look_like_labels(cells: Sequence[str], is_usual: bool) -> bool:
    """Labels are few, short, and no measurements."""
    filled = [cell for cell in cells if cell]
    different = set(filled)
    if len(different) < 2 or 2 * len(filled) <= len(cells) or max(map(len, different)) > _LONGEST:
        return False
    if is_usual:
        return True
    if _has_words(filled):
        return 2 * len(different) <= len(filled)
    most = max(2, min(_MOST_NUMBERS, len(filled) // 5))
    return len(different) <= most and all(re.fullmatch(r"-?\d+(\.0)?", cell) for cell in different)


def _preference(name: str, cells: Sequence[str], place: int) -> tuple[int, bool, bool, int]:
    """Sorts candidates: by their names, words before numbers, several classes before yes and no, in order."""
    return _rank(name), not _has_words(cells), len({cell for cell in cells if cell}) <= 2, place


def _has_words(cells: Sequence[str]) -> bool:
    return any(re.search(r"[^\W\d_]", cell) for cell in cells)


def _names_those_of(words: Sequence[str], numbers: Sequence[str]) -> bool:
    """Whether a column has a word for each number of another."""
    pairs = set(zip(words, numbers, strict=True))
    is_one_to_one = len(pairs) == len(set(words)) == len(set(numbers))
    return is_one_to_one and _has_words(words) and not _has_words(numbers)


def _marks(values: Sequence[Sequence[str]], candidates: Sequence[int]) -> tuple[int, ...]:
    """Columns of yes and no of which nearly every row has exactly one yes; none where there are no such."""
    columns = tuple(
        place for place in candidates if {cell.casefold() for cell in values[place]} <= _YES | _NO
    )
    if len(columns) < 2:
        return ()
    counts = Counter(
        sum(cell.casefold() in _YES for cell in cells)
        for cells in zip(*(values[place] for place in columns), strict=True)
    )
    return columns if counts[1] >= 0.95 * counts.total() else ()


def agrees(folders: Mapping[Path, str], labels: Mapping[Path, str]) -> bool:
    """Whether pictures in one folder have one label, but for a tenth.

    Args:
        folders: The class folder of each picture.
        labels: The label of some of them.
    """
    pairs = Counter((folders[path], label) for path, label in labels.items() if path in folders)
    most: Counter[str] = Counter()
    for (folder, _), count in pairs.items():
        most[folder] = max(most[folder], count)
    return 10 * most.total() >= 9 * pairs.total()
