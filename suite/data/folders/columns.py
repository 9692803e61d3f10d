"""Which columns of a table hold the texts and their labels."""

import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from suite import console
from suite.data.folders.tables import Row, Table

TEXT, LABEL = "text", "label"
_NAMES = {
    TEXT: (
        "text texts sentence sentences review reviews message messages comment comments tweet tweets content "
        "body document post question query utterance sms mail email phrase snippet v2"
    ),
    LABEL: (
        "label labels category categories class classes sentiment target tag topic intent emotion polarity "
        "type stars rating v1 y"
    ),
}
NAMES = {kind: frozenset(names.split()) for kind, names in _NAMES.items()}
_LONG_LABEL = 80  # characters: longer ones are texts
_MANY_WORDS = 6  # more are no name of a column


class Columns(NamedTuple):
    """Where texts and labels stand.

    Attributes:
        text, label: Numbers of their columns, from 0.
        names: Names of all columns; "column 1" and so on where the file has none.
        has_header: Whether the first line has them.
    """

    text: int
    label: int
    names: list[str]
    has_header: bool

    def body(self, table: Table) -> list[Row]:
        """The rows of a table that are not names."""
        return table.rows[self.has_header :]

    def read(self, row: Row) -> tuple[str, str, str]:
        """The text and the label of a row, and what is wrong with it or ""."""
        width, cells = len(self.names), row.cells
        if len(cells) != width and not (
            max(self.text, self.label) < len(cells) < width and not any(self.names[len(cells) :])
        ):
            quote = "a quote that does not close, " if row.unpaired else ""
            return "", "", f"{quote}{len(cells)} cells for {width} columns"
        text, label = cells[self.text], cells[self.label]
        missing = [kind for kind, cell in ((TEXT, text), (LABEL, label)) if not cell]
        return text, label, f"no {missing[0]}" if missing else ""


def find_columns(table: Table, text: str | None = None, label: str | None = None) -> Columns:
    """Finds the columns of texts and labels: by the given names, by usual names, or by what is in them.

    What was assumed is said on the terminal.

    Args:
        table: The table.
        text: Name of the column of texts, in any case, or its number from 1; None: found.
        label: The same of the labels.

    Raises:
        ValueError: There are no such columns, or several that may be meant.
    """
    if not table.rows:
        raise ValueError(
            f"expected columns text and label in the first line of {table.path}, received nothing; name them"
        )
    names = [name.strip("\ufeff").strip() for name in table.rows[0].cells]
    has_header = not _is_data(names, table.rows[1:], (text, label))
    if not has_header:
        names = [f"column {number}" for number in range(1, len(names) + 1)]
    values = _values(table, len(names), has_header)
    used = [place for place in range(len(names)) if any(values[place]) or names[place]]
    choose = _Choice(table, names, values, used)
    found = {kind: choose.given(kind, name) for kind, name in ((TEXT, text), (LABEL, label)) if name}
    found |= {
        kind: place
        for kind in (LABEL, TEXT)
        if kind not in found
        if (place := choose.named(kind, found)) is not None
    }
    for kind in (LABEL, TEXT):
        if kind not in found:
            found[kind] = choose.by_content(kind, found)
    if found[TEXT] == found[LABEL]:
        raise ValueError(
            f"expected two columns for text and label in {table.path}, received {names[found[TEXT]]!r} for "
            "both; name another by --text_column or --label_column"
        )
    columns = Columns(found[TEXT], found[LABEL], names, has_header)
    _say(table, columns, values)
    return columns


def _values(table: Table, width: int, has_header: bool) -> list[list[str]]:
    rows = [row.cells for row in table.rows[has_header:] if len(row.cells) >= width]
    return [[cells[place] for cells in rows] for place in range(width)]


def _is_data(names: Sequence[str], rows: Sequence[Row], given: Collection[str | None]) -> bool:
    """Whether a first line is a row like others: a cell recurs in its column, or is a long text."""
    usual = NAMES[TEXT] | NAMES[LABEL] | {name.casefold() for name in given if name}
    if any(name.casefold() in usual for name in names):
        return False
    if any(len(name.split()) > _MANY_WORDS for name in names):
        return True
    return any(
        name and any(len(row.cells) > place and row.cells[place] == name for row in rows)
        for place, name in enumerate(names)
    )


class _Choice:
    """The columns that may be meant."""

    def __init__(self, table: Table, names: list[str], values: list[list[str]], used: list[int]):
        self.table, self.names, self.values, self.used = table, names, values, used

    def refuse(self, kind: str, why: str) -> ValueError:
        names = ", ".join(self.names[place] or f"column {place + 1}" for place in self.used) or "nothing"
        return ValueError(
            f"expected a column of {kind}s in {self.table.path}, {why}; name it by --{kind}_column, one of: "
            f"{names}"
        )

    def given(self, kind: str, name: str) -> int:
        """The column of that name, or of that number."""
        wanted = name.strip().casefold()
        places = [place for place, each in enumerate(self.names) if each.casefold() == wanted]
        if not places and wanted.isdecimal() and 1 <= int(wanted) <= len(self.names):
            return int(wanted) - 1
        if not places:
            raise self.refuse(kind, f"received {name!r}, which is none of its columns")
        return places[0]

    def named(self, kind: str, taken: dict[str, int]) -> int | None:
        """The one with a usual name, or with a usual word in its name; of several the one that looks so."""
        tests: list[Callable[[str], bool]] = [
            lambda name: name == kind,
            lambda name: name in NAMES[kind],
            lambda name: bool(NAMES[kind] & set(re.split(r"[\W_]+", name))),
        ]
        for test in tests:
            places = [
                place for place in self.used
                if place not in taken.values() and test(self.names[place].casefold())
            ]  # fmt: skip
            if len(places) > 1:
                places = [place for place in places if self.looks_like(kind, place)] or places
            if len(places) > 1:
                found = " and ".join(repr(self.names[place]) for place in places)
                raise self.refuse(kind, f"received {found}")
            if places:
                return places[0]
        return None

    def by_content(self, kind: str, taken: dict[str, int]) -> int:
        """The only one left, or the only one that looks so."""
        left = [place for place in self.used if place not in taken.values()]
        if len(left) == 1 and taken:
            return left[0]
        places = [place for place in left if self.looks_like(kind, place)]
        if len(places) != 1 and len(left) == 2 and not taken:  # the labels are fewer
            fewest = sorted(left, key=lambda place: len(set(self.values[place])))
            if len(set(self.values[fewest[0]])) < len(set(self.values[fewest[1]])):
                return fewest[0 if kind == LABEL else 1]
        if len(places) != 1:
            found = " and ".join(repr(self.names[place]) for place in places)
            raise self.refuse(kind, f"received {found or 'none that looks so'}")
        return places[0]

    def looks_like(self, kind: str, place: int) -> bool:
        """Labels are few and short; texts are many, and mostly have letters."""
        cells = [cell for cell in self.values[place] if cell]
        if 2 * len(cells) <= len(self.values[place]):
            return False
        different = len(set(cells))
        are_labels = 2 <= different <= max(2, len(cells) // 5) and max(map(len, cells)) <= _LONG_LABEL
        if kind == LABEL:
            return are_labels
        with_letters = sum(bool(re.search(r"[^\W\d_]", cell)) for cell in cells)
        words = sum(len(cell.split()) for cell in cells) / len(cells)
        return (
            not are_labels
            and 2 * different > len(cells)
            and 5 * with_letters > 4 * len(cells)
            and (words > 1.5 or len(self.used) == 2)
        )


def _say(table: Table, columns: Columns, values: list[list[str]]) -> None:
    names = {kind: columns.names[place] for kind, place in ((LABEL, columns.label), (TEXT, columns.text))}
    said = ", ".join(f"{kind} from {name}" for kind, name in names.items())
    if not columns.has_header:
        console.warn(f"{table.path.name}: the first line is data, not names of columns; {said}")
    elif any(name.casefold() != kind for kind, name in names.items()):
        console.say(f"{table.path.name}: {said}")
    nameless = [place for place, name in enumerate(columns.names) if not name]
    lost = sum(any(cells) for cells in zip(*(values[place] for place in nameless), strict=True))
    if lost:
        console.warn(
            f"{table.path.name}: {lost} rows have more text in columns without a name; it is left out"
        )
