"""A user's text files, in the encodings and with the separators that spreadsheets and editors write."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        line: Number of its first line in the file, from 1.
        cells: Those of the columns that were asked for, without blanks around them; "" for an empty one.
        fault: Why the row cannot be used, or "".
    """

    line: int
    cells: tuple[str, ...]
    fault: str = ""


def read_text(path: Path, wanted: str) -> str:
    """A file's text, in UTF-8, UTF-16 with a byte order mark, or else Windows-1252.

    Raises:
        ValueError: `path` is no file; the message says that `wanted` was expected.
    """
    if not path.is_file():
        raise ValueError(f"expected {wanted}, received {str(path)!r}, which is no file")
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Reads columns of a CSV file, with commas, semicolons or tabs between the cells.

    Args:
        path: The file; the first line names its columns, in any case.
        columns: Names of those that are needed, in lower case. A row with an empty cell in one of them, or
            with too few or too many cells, has a fault; an empty line is no row.

    Raises:
        ValueError: No such file, no such columns, or no CSV.
    """
    names = " and ".join(columns)
    content = read_text(path, f"a CSV file with columns {names}")
    # What the first line has most of stands between cells: a sniffer would take any letter.
    delimiter = max(",;\t", key=content.split("\n", 1)[0].count)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if not set(columns) <= set(header):
            received = ", ".join(header) or "nothing"
            raise ValueError(
                f"expected columns {names} in the first line of {path}, received {received}; name them"
            )
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                yield _row(line, cells, header, columns)
            line = reader.line_num + 1
    except csv.Error as failure:
        raise ValueError(f"expected CSV in {path}, received {failure} in line {reader.line_num}") from failure


def _row(line: int, cells: list[str], header: list[str], columns: Sequence[str]) -> Row:
    if len(cells) != len(header):
        return Row(line, (), f"{len(cells)} cells for {len(header)} columns")
    found = {name: cells[header.index(name)].strip() for name in columns}
    missing = [name for name, cell in found.items() if not cell]
    return Row(line, tuple(found.values()), f"no {missing[0]}" if missing else "")
