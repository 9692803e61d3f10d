"""A user's text files, in the encodings and with the separators that spreadsheets and editors write."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from suite import console
from suite.data.folders import layout
from suite.data.set_aside import reason_of

MOST_LINES = 1000  # of a row whose cells have line breaks in quotes
_SAMPLE = 200  # lines that tell what stands between cells
_DELIMITERS = "\t,;|"
_OTHERS = {
    b"PK\x03\x04": "a spreadsheet (XLSX) or another ZIP file; save it as CSV in UTF-8",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet (XLS) or document; save it as CSV or text in UTF-8",
    b"%PDF": "a PDF; save its text in UTF-8",
    b"{\\rtf": "a formatted document (RTF); save it as plain text in UTF-8",
    b"\x1f\x8b": "compressed (gzip); unpack it",
    b"BZh": "compressed (bzip2); unpack it",
    b"\xfd7zXZ": "compressed (xz); unpack it",
    b"PAR1": "a Parquet file; write it as CSV, as by pandas.read_parquet(...).to_csv(...)",
    b"SQLite format 3": "an SQLite database; write its table as CSV",
}


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        line: Number of its first line in the file, from 1.
        cells: Without blanks around them; "" for an empty one.
        unpaired: Whether it has a quote that does not close, so that it was read without quoting.
    """

    line: int
    cells: list[str]
    unpaired: bool = False


class Table(NamedTuple):
    """Rows of a file, the one with the names of the columns included, where there is one.

    Attributes:
        path: The file.
        delimiter: What stands between cells.
        rows: Those that are not empty.
    """

    path: Path
    delimiter: str
    rows: list[Row]

    @property
    def width(self) -> int:
        """Cells of the first row."""
        return len(self.rows[0].cells) if self.rows else 0


def read_text(path: Path, wanted: str) -> str:
    r"""A file's text, in UTF-8, UTF-16, UTF-32, or else Windows-1252; lines end with "\n" alone.

    Raises:
        ValueError: `path` is no file, or none of text; the message says that `wanted` was expected.
    """
    if not path.is_file():
        raise ValueError(f"expected {wanted}, received {str(path)!r}, which is no file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"expected {wanted}, received {str(path)!r}: {reason_of(error)}") from error
    for beginning, what in _OTHERS.items():
        if content.startswith(beginning):
            raise ValueError(f"expected {wanted}, received {str(path)!r}, which is {what}")
    return _decode(content, path, wanted).replace("\r\n", "\n").replace("\r", "\n")


def _decode(content: bytes, path: Path, wanted: str) -> str:
    if content.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return content.decode("utf-32", errors="replace")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    if b"\0" in content:
        return _decode_without_mark(content, path, wanted)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        console.say(
            f"{path.name} is not in UTF-8: read as Windows-1252; if letters are wrong, save it as UTF-8"
        )
        return content.decode("cp1252", errors="replace")


def _decode_without_mark(content: bytes, path: Path, wanted: str) -> str:
    """UTF-16 without a byte order mark: ASCII has its zeros in all the first or all the second bytes."""
    for encoding, zeros, letters in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        if b"\0" in content[zeros::2] and b"\0" not in content[letters::2]:
            try:
                text = content.decode(encoding)
            except UnicodeDecodeError:
                continue
            console.say(f"{path.name} is read as UTF-16, as its zero bytes tell; it has no byte order mark")
            return text
    raise ValueError(
        f"expected {wanted}, received {str(path)!r} with a zero byte (the first is number "
        f"{content.index(0) + 1}), so it is no text; save it in UTF-8"
    )


def one_line_ends(text: str) -> str:
    r"""A text whose lines and pages end with "\n", whatever Unicode has for that."""
    return re.sub(r"\r\n|[\r\x0b\x0c\x85\u2028\u2029]", "\n", text)


def part_named(name: str) -> str | None:
    """The part that a word of a file's name stands for ("fr-ud-dev.conllu": "validation"), or None."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", Path(name).stem)
    return next((layout.PARTS[word.lower()] for word in words if word.lower() in layout.PARTS), None)


def find_parts(folder: Path, suffixes: Iterable[str], wanted: str) -> dict[str, Path]:
    """The files of a folder that hold its parts, by part; a single file is all there is to train on.

    Args:
        folder: The folder.
        suffixes: Endings of such files, in lower case.
        wanted: What is expected in it, for the message.

    Raises:
        ValueError: There is no such file, none for training, or two for one part.
    """
    files = [path for path in layout.list_entries(folder, folder)[1] if path.suffix.lower() in suffixes]
    if len(files) == 1:
        return {"train": files[0]}
    parts: dict[str, Path] = {}
    for path in files:
        part = part_named(path.name)
        if part in parts:
            raise ValueError(
                f"expected one {part} file in {str(folder)!r}, received {parts[part].name} and {path.name}; "
                "keep one, or give the path of a file"
            )
        if part:
            parts[part] = path
    if "train" not in parts:
        names = ", ".join(path.name for path in files[:6]) or "no such file"
        raise ValueError(
            f"expected {wanted}, with train in the name of one, in {str(folder)!r}, received {names}; give "
            "the path of a file"
        )
    return parts


def read_table(path: Path, wanted: str) -> Table:
    """Reads a file with commas, semicolons, tabs or bars between the cells.

    Cells may be in quotes. Where a quote does not close before the row ends, the line is read without
    quoting; so no row is swallowed by another. That is said on the terminal.

    Args:
        path: The file.
        wanted: What is expected in it, for messages.

    Raises:
        ValueError: No such file, or no table.
    """
    text = read_text(path, wanted)
    if _is_json(text):
        raise ValueError(
            f"expected {wanted}, received {str(path)!r}, which is JSON; write it as CSV, as by "
            "pandas.read_json(..., lines=True).to_csv(...)"
        )
    lines = text.split("\n")
    delimiter = _delimiter([line for line in lines[:_SAMPLE] if line.strip()])
    try:
        read = list(_rows(lines, delimiter))
        if any(used > 1 for _, used in read):
            read = list(
                _rows(lines, delimiter, _Recurring([row for row, used in read if used == 1], delimiter))
            )
    except csv.Error as failure:
        raise ValueError(f"expected CSV in {path}, received {failure}") from failure
    rows = [row for row, _ in read if any(row.cells) or len(row.cells) > 1]
    unpaired = [row.line for row in rows if row.unpaired]
    if unpaired:
        console.warn(
            f"{path.name}, line {unpaired[0]}: a quote opens and does not close where its cell ends "
            f"({len(unpaired)} such lines); these lines are read without quoting"
        )
    return Table(path, delimiter, rows)


def _is_json(text: str) -> bool:
    first = text.lstrip().partition("\n")[0].strip()
    if first[:1] not in ("{", "["):
        return False
    try:
        return isinstance(json.loads(first), (dict, list))
    except ValueError:
        return first in ("{", "[")


def _delimiter(lines: Sequence[str]) -> str:
    """What parts as many lines as can be into as many cells as the first line."""

    def regular(delimiter: str) -> tuple[float, int]:
        widths = [len(_cells(line, delimiter)) for line in lines]
        if not widths or widths[0] < 2:
            return 0, 0
        share = widths.count(widths[0]) / len(widths)
        return share * (2 if delimiter == "\t" else 1), lines[0].count(delimiter)  # a text has no tabs

    return max(_DELIMITERS, key=regular) if lines and max(map(regular, _DELIMITERS))[0] else ","


def _cells(line: str, delimiter: str, quoting: bool = True) -> list[str]:
    try:
        style = csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE
        return next(csv.reader([line], delimiter=delimiter, quoting=style), [])  # type: ignore[arg-type]
    except csv.Error:
        return []


def _rows(
    lines: Sequence[str], delimiter: str, recurring: "_Recurring | None" = None
) -> Iterator[tuple[Row, int]]:
    """Rows with the number of their lines; see `read_table`."""
    start = 0

    def feed() -> Iterator[str]:
        place = start
        while place < min(len(lines), start + MOST_LINES):
            yield f"{lines[place]}\n"
            place += 1

    def reader_from_here() -> Any:
        return csv.reader(feed(), delimiter=delimiter, strict=True)

    reader, width = reader_from_here(), len(_cells(lines[0], delimiter))
    while start < len(lines):
        before, failure = reader.line_num, None
        try:
            cells: list[str] = next(reader, [])
        except csv.Error as error:
            cells, failure = [], error
        used = max(1, reader.line_num - before)
        if failure and used == 1 and len(lines[start]) > csv.field_size_limit():
            raise csv.Error(f"{failure} in line {start + 1}")
        unpaired = failure is not None or (
            used > 1 and recurring and recurring.is_in_most(lines[start : start + used])
        )
        if unpaired:
            ways = [_cells(lines[start], delimiter, quoting) for quoting in (False, True)]
            cells, used = next((way for way in ways if len(way) == width), ways[0]), 1
        yield Row(start + 1, [cell.strip() for cell in cells], bool(unpaired)), used
        start += used
        reader = reader_from_here() if unpaired else reader


class _Recurring:
    """The cells that recur in a column of rows that stand in a line each, such as labels."""

    def __init__(self, rows: Sequence[Row], delimiter: str):
        self.delimiter, self.width = delimiter, len(rows[0].cells) if rows else 0
        columns = zip(*(row.cells for row in rows if len(row.cells) == self.width), strict=True)
        least = max(2, len(rows) // 500)
        self.cells = [
            {cell for cell, count in Counter(column).items() if cell and count >= least} for column in columns
        ]

    def is_in_most(self, lines: Sequence[str]) -> bool:
        """Whether most lines are rows like those: then they are not one row, though quotes say so."""
        return 2 * sum(map(self._is_row, lines)) > len(lines)

    def _is_row(self, line: str) -> bool:
        cells = [cell.strip() for cell in line.split(self.delimiter)]
        if len(cells) != self.width or not self.cells:
            return False
        return any(cell in known for cell, known in zip(cells, self.cells, strict=True))
