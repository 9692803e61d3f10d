"""Rows of CSV files whose first line names the columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from suite.data.folders.number_columns import read_number
from suite.data.folders.tables import read_table
from suite.data.set_aside import SetAside, first_names, printable
from suite.data.splits import SPLITS

_LONGEST_NAME = 60


class NamedRows:
    """The rows of the files of a table, as texts.

    Attributes:
        path: Of the file or the folder.
        parts: Those that have a file, in the order of `SPLITS`.
        names: Of the columns, "" where the first line has none.
        rows: A text a column, in the order of the names.
        part_of: The part that each row is of.
        places: File and number of the line of each row: "houses.csv:3".
        aside: The rows that have too few cells or too many.
        delimiter: What stands between the cells of the first file.
    """

    def __init__(self, path: Path, files: Mapping[str, Path]):
        """Reads the files.

        Args:
            path: Of the file or the folder, for messages.
            files: By part.

        Raises:
            ValueError: A first line without names, or a file without the columns of the first.
        """
        self.path, self.parts = path, [part for part in SPLITS if part in files]
        self.aside: list[SetAside] = []
        self.rows: list[list[str]] = []
        self.part_of: list[str] = []
        self.places: list[str] = []
        self.names: list[str] = []
        for part in self.parts:
            self._read(part, files[part])

    def _read(self, part: str, file: Path) -> None:
        table = read_table(file, "a CSV file with names of columns in its first line")
        names = [shown(name) for name in table.rows[0].cells] if table.rows else []
        if not any(names):
            raise ValueError(
                f"expected names of columns in the first line of {file}, received nothing; add them"
            )
        _check_names(names, file)
        if not self.names:
            self.names, self.delimiter = names, table.delimiter
        missing = [name for name in self.names if name not in names]
        if missing:
            raise ValueError(
                f"expected the columns of training in {file.name} as well, received none named "
                f"{first_names(missing)}; give the files of a table the same columns"
            )
        order = [names.index(name) if name else place for place, name in enumerate(self.names)]
        for row in table.rows[1:]:
            if not any(row.cells):
                continue
            place, found = f"{file.name}:{row.line}", row.cells
            if len(found) != len(names) and not (len(found) > len(names) and not any(found[len(names) :])):
                quote = "a quote that does not close, " if row.unpaired else ""
                self.aside.append(SetAside(place, f"{quote}{len(found)} cells for {len(names)} columns"))
                continue
            self.rows.append([found[column] for column in order])
            self.part_of.append(part)
            self.places.append(place)

    def column(self, place: int) -> list[str]:
        """The texts of a column, by its number from 0."""
        return [row[place] for row in self.rows]

    def column_of(self, target: str | None) -> int:
        """Number of the column that is the target, from 0.

        Args:
            target: Its name, or its number from 1; None: the last that has a name or a text.

        Raises:
            ValueError: There is no such column.
        """
        used = [place for place, name in enumerate(self.names) if name or any(self.column(place))]
        if target is None:
            return used[-1]
        wanted = target.strip()
        for same in (wanted.__eq__, lambda name: name.casefold() == wanted.casefold()):
            places = [place for place, name in enumerate(self.names) if same(name)]
            if places:
                return places[0]
        if wanted.isdecimal() and 1 <= int(wanted) <= len(self.names):
            return int(wanted) - 1
        names = first_names([self.names[place] or f"column {place + 1}" for place in used], 8)
        raise ValueError(
            f"expected a target among the columns of {self.path} ({names}), received --target {target!r}; "
            "give a name, or a number from 1"
        )


def shown(name: str) -> str:
    """A name as one can read it in a message."""
    name = printable(name.strip("\ufeff").strip())
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def _check_names(names: Sequence[str], file: Path) -> None:
    """Refuses a first line of data; instead of names there may be their numbers, from 0 or 1."""
    numbers = [name for name in names if read_number(name) is not None]
    counted_on = [[str(start + index) for index in range(len(numbers))] for start in (0, 1)]
    if numbers and numbers not in counted_on:
        raise ValueError(
            f"expected names of columns in the first line of {file}, received {first_names(names, 4)}; add a "
            "line with names"
        )
