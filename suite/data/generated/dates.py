"""Dates as people write them, and in ISO 8601: text to be translated letter by letter."""

import calendar
import datetime
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from suite.data.splits import SPLITS, split_rows

FIRST, LAST = datetime.date(1930, 1, 1), datetime.date(2029, 12, 31)  # two digits of a year tell which
LONGEST = 36  # letters of the longest way to write a date

_FORMATS = (
    "{day} {month} {year}",
    "{day} {short} {year}",
    "{day}{ordinal} {month} {year}",
    "{month} {day}, {year}",
    "{short} {day}, {two:02}",
    "{day}.{number}.{year}",
    "{day}.{number:02}.{two:02}",
    "{day:02}/{number:02}/{year}",
    "{year}/{number}/{day}",
    "{weekday}, {day} {short} {year}",
    "{weekday}, {day}{ordinal} of {month} {year}",
)


class DatePairs(NamedTuple):
    """Pairs of one part.

    Attributes:
        written: Dates as people write them, in lower case.
        iso: The same dates as year-month-day, such as "2014-03-07".
    """

    written: list[str]
    iso: list[str]


def generate_dates(seed: int, days: int = 12_000) -> Mapping[str, DatePairs]:
    """Draws days between 1930 and 2029, and a way to write each; the day comes before the month in numbers.

    Args:
        seed: Same seed, same dates.
        days: Number of different days.

    Returns:
        Pairs by part, 80/10/10; no day is in two parts.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.choice((LAST - FIRST).days + 1, days, replace=False)
    dates = [FIRST + datetime.timedelta(days=int(offset)) for offset in drawn]
    written = [
        _write(date, _FORMATS[index])
        for date, index in zip(dates, rng.integers(len(_FORMATS), size=days), strict=True)
    ]
    return {
        part: DatePairs([written[row] for row in rows], [dates[row].isoformat() for row in rows])
        for part, rows in zip(SPLITS, split_rows(days, seed, (0.8, 0.1, 0.1)), strict=True)
    }


def _write(date: datetime.date, form: str) -> str:
    special = {1: "st", 2: "nd", 3: "rd"} if date.day not in (11, 12, 13) else {}
    text = form.format(
        day=date.day,
        ordinal=special.get(date.day % 10, "th"),
        month=calendar.month_name[date.month],
        short=calendar.month_abbr[date.month],
        number=date.month,
        year=date.year,
        two=date.year % 100,
        weekday=calendar.day_name[date.weekday()],
    )
    return text.lower()
