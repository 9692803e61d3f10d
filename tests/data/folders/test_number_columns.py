import numpy as np
import pytest

from suite.data.folders.number_columns import (
    decimal_sign,
    is_missing,
    numbers_rows,
    read_number,
    read_numbers,
)


@pytest.mark.parametrize(
    ("cell", "decimal", "number"),
    [
        ("12", ".", 12),
        ("-1.5e3", ".", -1500),
        ("+.5", ".", 0.5),
        ("3.", ".", 3),
        ("1,234,567.5", ".", 1234567.5),
        ("12,34,567", ".", 1234567),  # lakhs
        ("1.234.567,5", ",", 1234567.5),
        ("1,5", ",", 1.5),
        ("1 234,5", ",", 1234.5),
        ("1\u00a0234\u202f567", ".", 1234567),
        ("12'000.5", ".", 12000.5),
        ("$ 1,200", ".", 1200),
        ("-€5", ".", -5),
        ("1.200,00 €", ",", 1200),
        ("12 %", ".", 12),
        ("(1,234)", ".", -1234),
        ("\u22125", ".", -5),
        ("TRUE", ".", 1),
        ("False", ",", 0),
    ],
)
def test_numbers_as_people_write_them(cell, decimal, number):
    assert read_number(cell, decimal) == number


@pytest.mark.parametrize(
    "cell",
    ["", "abc", "12 kg", "1,2,3", "1.2.3", "0,123", "1e31", "1e999", "inf", "nan", "2020-01-05", "1,5", "()"],
)
def test_what_is_no_number(cell):
    assert read_number(cell) is None


def test_what_stands_before_a_fraction():
    assert decimal_sign(["1,234", "5,678"], "?") == "?"  # either
    assert decimal_sign(["1,234", "5,67"], "?") == ","
    assert decimal_sign(["1,234", "0,678"], "?") == ","
    assert decimal_sign(["1,234", "5,678.5"], "?") == "."
    assert decimal_sign(["1.234.567"], "?") == ","
    assert decimal_sign(["05.01.2020", "a.b", "12", "1,5 kg"], "?") == "?"  # no numbers with a sign
    assert decimal_sign(["1,5", "1.5", "2.5"], "?") == "."


def test_a_column_of_numbers():
    column = read_numbers("area", ["1,5", "2,25", "NA", "x", *["3"] * 20], ".")
    np.testing.assert_array_equal(column.values, [1.5, 2.25, np.nan, np.nan, *[3] * 20])
    assert (column.reason, column.doubtful) == ("", "")
    column = read_numbers("area", ["1.234", "5.678", "9"], ",")
    assert column.values.tolist() == [1234, 5678, 9] and column.doubtful == "1.234"


@pytest.mark.parametrize(
    ("name", "cells", "reason"),
    [
        ("a", ["", "NA", "null"], "empty"),
        ("a", ["x", "y", "x"], "text"),
        ("a", ["x", "y", "z"], "text, another in each row"),
        ("sold", ["2020-01-05", "2021-12-31", ""], "dates"),
        ("sold", ["05.01.2020", "31.12.2021"], "dates"),
        ("sold", ["Jan 5, 2020", "5 March 2021"], "dates"),
        ("a", ["1e200", "-2e200"], "numbers above 1e+30"),
        ("", ["0", "1", "2"], "numbers the rows"),
        ("n", ["1", "2", "3"], "numbers the rows"),
        ("customerId", ["17", "4", "99"], "numbers the rows"),
        ("a", ["1.5", "", "2", "", "3"], "empty in 2 of 5 rows"),
    ],
)
def test_columns_that_are_none_of_numbers(name, cells, reason):
    assert read_numbers(name, cells, ".").reason == reason


def test_columns_that_look_like_row_numbers_and_are_none():
    assert not numbers_rows("year", np.array([1990.0, 1991, 1992]))
    assert not numbers_rows("id", np.array([1.0, 1, 2]))
    assert not numbers_rows("id", np.array([0.5, 1.5, 2.5]))
    assert not numbers_rows("", np.array([1.0, 2]))


def test_missing_cells():
    assert all(map(is_missing, ["", " ", "NA", "n/a", "-", "?", "NULL", "#N/A"]))
    assert not any(map(is_missing, ["0", "no", "x"]))
