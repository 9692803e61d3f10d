"""Numbers as people and spreadsheets write them, and which columns of a table hold such."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

LARGEST = 1e30  # of a number's size: a model in float32 has to do sums with it
_MISSING = {
    "",
    "na",
    "n/a",
    "nan",
    "null",
    "none",
    "nil",
    "#n/a",
    "#na",
    "?",
    "-",
    "--",
    "missing",
    "unknown",
}
MOST_MISSING = 0.2  # of the cells of a column; with more it would cost too many rows
_LEAST_NUMBERS = 0.9  # of what a column has, as share; with less it is text
_TRUTHS = {"true": 1.0, "false": 0.0}
_NO_PART = str.maketrans(dict.fromkeys("$€£¥₹", "") | {"\u2212": "-"})  # with a minus for a minus sign
_BLANK_WITHIN = re.compile(r"(?<=\d)[\s'\u2019](?=\d{3}(?!\d))")  # 12 000, 12'000
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.I)
_IN_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:[.,]\d{2,3})*[.,]\d{3}")  # lakhs have groups of two
_DATE = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([ T].*)?|\d{1,2}:\d{2}(:\d{2})?|"
    r"\d{1,2}\.?[ -][A-Za-z]{3,9}\.?,?[ -]\d{2,4}|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}"
)
_ROW_NAMES = {"id", "ids", "index", "idx", "key", "no", "nr", "num", "number", "row", "uuid", "serial"}


class NumberColumn(NamedTuple):
    """A column as numbers.

    Attributes:
        values: `(n,)` float64; NaN where the cell is missing or no number.
        reason: Why it is no column of numbers, in a few words; "" where it is one.
        doubtful: A cell in which a comma or a point may mean two things, where no cell of the column tells
            which; "" where there is none.
    """

    values: np.ndarray
    reason: str
    doubtful: str


def read_number(cell: str, decimal: str = ".") -> float | None:
    """The number of a cell, or None where it has none.

    Signs of currencies, a percent sign behind it and blanks are left out; (12) is -12, as accountants write;
    "true" and "false" are 1 and 0.

    Args:
        cell: Its text.
        decimal: "." or ",": before the fraction; the other one stands between thousands.

    Example:
        >>> read_number("1.234,5", ","), read_number("$ 1,234.50"), read_number("12 kg")
        (1234.5, 1234.5, None)
    """
    text = cell.translate(_NO_PART).strip()
    if text.lower() in _TRUTHS:
        return _TRUTHS[text.lower()]
    text = text.removesuffix("%").strip()
    if text.startswith("(") and text.endswith(")"):
        text = f"-{text[1:-1].strip()}"
    text = _BLANK_WITHIN.sub("", text)
    thousands = "," if decimal == "." else "."
    if thousands in text:
        whole, sign, fraction = text.partition(decimal)
        if thousands in fraction or not _IN_THOUSANDS.fullmatch(whole):
            return None
        text = whole.replace(thousands, "") + sign + fraction
    text = text.replace(decimal, ".")
    if not _PLAIN.fullmatch(text) or abs(float(text)) > LARGEST:
        return None
    return float(text)


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is nothing: empty, "NA", "null", "-" and the like."""
    return cell.strip().lower() in _MISSING


def decimal_sign(cells: Iterable[str], otherwise: str) -> str:
    """What stands before the fractions of some cells: "." or ",".

    Args:
        cells: Of which each with one sign of which only one reading makes a number counts.
        otherwise: The answer where none does.
    """
    counts = Counter(sign for cell in cells if (sign := _sign_of(cell)))
    return counts.most_common(1)[0][0] if counts else otherwise


def _sign_of(cell: str) -> str:
    """The one before the fraction; "" for a cell without such a sign, or in which it may mean either."""
    readings = {sign: read_number(cell, sign) for sign in ".,"}
    known = [sign for sign, number in readings.items() if number is not None]
    if len(known) != 1 or not {".", ","} & set(cell):
        return ""
    return known[0]


def read_numbers(name: str, cells: Sequence[str], otherwise: str) -> NumberColumn:
    """Reads a column as numbers.

    Args:
        name: Of the column; some are those of columns that number the rows.
        cells: Its n cells.
        otherwise: As of `decimal_sign`, where the column itself does not tell.
    """
    decimal = decimal_sign(cells, otherwise)
    missing = np.array([is_missing(cell) for cell in cells], bool)
    read = [None if gone else read_number(cell, decimal) for cell, gone in zip(cells, missing, strict=True)]
    values = np.array([np.nan if number is None else number for number in read], np.float64)
    doubtful = ""
    if not any(_sign_of(cell) for cell in cells):
        doubtful = next((cell for cell in cells if read_number(cell, ".") != read_number(cell, ",")), "")
    return NumberColumn(values, _why_none(name, cells, values, missing), doubtful)


def _why_none(name: str, cells: Sequence[str], values: np.ndarray, missing: np.ndarray) -> str:
    present = [cell for cell, gone in zip(cells, missing, strict=True) if not gone]
    numbers = values[~np.isnan(values)]
    if not present:
        return "empty"
    if len(numbers) < _LEAST_NUMBERS * len(present):
        if sum(bool(_DATE.fullmatch(cell)) for cell in present) >= _LEAST_NUMBERS * len(present):
            return "dates"
        if sum(bool(_PLAIN.fullmatch(cell)) for cell in present) >= _LEAST_NUMBERS * len(present):
            return f"numbers above {LARGEST:g}"
        return "text, another in each row" if len(set(present)) == len(present) > 2 else "text"
    if numbers_rows(name, numbers):
        return "numbers the rows"
    if np.mean(missing) > MOST_MISSING:
        return f"empty in {missing.sum()} of {len(cells)} rows"
    return ""


def numbers_rows(name: str, numbers: np.ndarray) -> bool:
    """Whether numbers `(n,)` do nothing but tell rows apart: 1, 2, 3, or different ones under such a name."""
    if len(numbers) < 3 or not np.array_equal(numbers, np.rint(numbers)):
        return False
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name) or [""]
    is_named = not name or words[-1].lower() in _ROW_NAMES
    counts_on = numbers[0] in (0, 1) and np.all(np.diff(numbers) == 1)
    return bool(counts_on) or (is_named and len(np.unique(numbers)) == len(numbers))
