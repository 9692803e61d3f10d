import datetime

import numpy as np
import pytest

from suite.data.generated.dates import FIRST, LAST, LONGEST, _write, generate_dates
from suite.data.splits import SPLITS


def test_parts_share_no_day_and_every_date_is_a_day():
    dates = generate_dates(0, days=3000)
    assert [len(dates[part].iso) for part in SPLITS] == [2400, 300, 300]
    days = [datetime.date.fromisoformat(text) for part in SPLITS for text in dates[part].iso]
    assert len(set(days)) == 3000 and min(days) >= FIRST and max(days) <= LAST
    written = [text for part in SPLITS for text in dates[part].written]
    assert max(map(len, written)) <= LONGEST and all(text == text.lower() for text in written)
    for text, day in zip(written, days, strict=True):
        assert str(day.day) in text and f"{day.year % 100:02}" in text


@pytest.mark.parametrize(
    ("form", "day", "expected"),
    [
        ("{weekday}, {day}{ordinal} of {month} {year}", (2024, 2, 29), "thursday, 29th of february 2024"),
        ("{day}{ordinal} {month} {year}", (1931, 5, 1), "1st may 1931"),
        ("{day}{ordinal} {month} {year}", (1931, 5, 11), "11th may 1931"),
        ("{day}{ordinal} {month} {year}", (1931, 5, 22), "22nd may 1931"),
        ("{day}{ordinal} {month} {year}", (1931, 5, 13), "13th may 1931"),
        ("{day}{ordinal} {month} {year}", (1931, 5, 23), "23rd may 1931"),
        ("{short} {day}, {two:02}", (2005, 12, 9), "dec 9, 05"),
        ("{day:02}/{number:02}/{year}", (1999, 3, 7), "07/03/1999"),
    ],
)
def test_ways_to_write(form, day, expected):
    assert _write(datetime.date(*day), form) == expected


def test_the_same_seed_gives_the_same_dates():
    first, again, other = (generate_dates(seed, days=50)["train"].written for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first != other
