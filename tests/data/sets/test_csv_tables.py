import csv

import numpy as np
import pytest

from suite.data.sets import tabular
from suite.data.sets.csv_tables import read_csv
from suite.data.source import EMBEDDED, Source
from suite.data.splits import SPLITS


def write(path, header, rows, delimiter=",", encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([*([header] if header else []), *rows])
    return path


def houses(n=60):
    rng = np.random.default_rng(0)
    return rng.integers(30, 250, n) + 0.25, rng.integers(1, 9, n)


def whole(table):
    """All features and targets, by rising target."""
    features, targets = (
        np.concatenate([each[part] for part in SPLITS]) for each in (table.features, table.targets)
    )
    order = np.argsort(targets, kind="stable")
    return features[order], targets[order]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_numbers_of_any_spreadsheet(delimiter, encoding, tmp_path):
    areas, rooms = houses()
    prices = 1000 * areas + 7 * np.arange(60)

    def german(number):
        return f"{number:,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".")

    rows = [[german(area), count, f"{german(price)} €" if encoding != "cp1252" else german(price)]
            for area, count, price in zip(areas, rooms, prices, strict=True)]  # fmt: skip
    path = write(tmp_path / "a.csv", ["Fläche", "Zimmer", "Preis"], rows, delimiter, encoding)
    table = read_csv(path, seed=0)
    assert (table.feature_names, table.target_name, table.classes) == (("Fläche", "Zimmer"), "Preis", ())
    assert [len(table.targets[part]) for part in SPLITS] == [36, 12, 12]
    features, targets = whole(table)
    order = np.argsort(prices)
    np.testing.assert_array_equal(targets, prices[order])
    np.testing.assert_array_equal(features, np.column_stack([areas, rooms])[order])
    assert table.describe()["train"] == 36 and table.describe()["columns"] == ["Fläche", "Zimmer"]
    assert not table.quarantined and not table.notes


def test_what_is_left_out_and_set_aside(tmp_path):
    areas, rooms = houses()
    rows = [
        [17 * row + 3, area, count, "Ulm", f"2020-01-{row % 28 + 1:02d}", 5, area + count]
        for row, (area, count) in enumerate(zip(areas, rooms, strict=True))
    ]
    rows[3][1], rows[4][2], rows[5][6] = "", "many", "NA"
    rows[6] = rows[6][:4]
    header = ["house id", "area", "rooms", "city", "sold", "floors", "price"]
    table = read_csv(write(tmp_path / "a.csv", header, rows), seed=0, target="price")
    assert table.feature_names == ("area", "rooms") and sum(map(len, table.targets.values())) == 56
    assert {entry.file: entry.reason for entry in table.quarantined} == {
        "a.csv:5": "no area",
        "a.csv:6": "'many' for rooms is no number",
        "a.csv:7": "no price",
        "a.csv:8": "4 cells for 7 columns",
    }
    assert table.notes == (
        "left out 3 columns: house id (numbers the rows), city (text), sold (dates)",
        "left out 1 column: floors (the same in every row of training)",
    )


def test_the_target_is_the_last_column_or_the_one_that_is_named(tmp_path):
    areas, rooms = houses()
    path = write(tmp_path / "a.csv", ["Area", "rooms"], np.column_stack([areas, rooms]))
    for target, name in (
        (None, "rooms"),
        ("rooms", "rooms"),
        ("2", "rooms"),
        ("area", "Area"),
        ("1", "Area"),
    ):
        assert read_csv(path, 0, target).target_name == name
    assert read_csv(path, 0, has_classes=True).classes == tuple(f"{number}.0" for number in range(1, 9))


def test_classes_are_split_one_by_one(tmp_path):
    areas, _ = houses(100)
    kinds = np.repeat(["b", "10", "9"], [60, 30, 10])
    path = write(tmp_path / "a.csv", ["area", "kind"], zip(areas, kinds, strict=True))
    table = read_csv(path, seed=1, has_classes=True)
    assert table.classes == ("9", "10", "b")  # numbers by size
    counts = {part: np.bincount(table.targets[part]).tolist() for part in SPLITS}
    assert counts == {"train": [6, 18, 36], "validation": [2, 6, 12], "test": [2, 6, 12]}
    assert all(targets.dtype == np.int64 for targets in table.targets.values())


def test_the_parts_of_an_owner(tmp_path):
    areas, rooms = houses()
    rows = np.column_stack([areas, rooms, areas + rooms])
    write(tmp_path / "train.csv", ["area", "rooms", "price"], rows[:40])
    write(tmp_path / "test.csv", ["price", "rooms", "area"], rows[40:][:, ::-1])  # in another order
    table = read_csv(tmp_path, seed=0)
    assert [len(table.targets[part]) for part in SPLITS] == [32, 8, 20]
    np.testing.assert_array_equal(table.features["test"], rows[40:, :2])
    np.testing.assert_array_equal(table.targets["test"], rows[40:, 2])
    write(tmp_path / "test.csv", ["area", "rooms"], rows[40:, :2])
    with pytest.raises(ValueError, match="^expected the columns of training in test.csv as well, .* price; "):
        read_csv(tmp_path, seed=0)


def test_a_class_of_the_test_part_alone(tmp_path):
    areas, rooms = houses()
    kinds = np.array([str(count % 2) for count in rooms], object)
    write(tmp_path / "train.csv", ["area", "kind"], zip(areas[:40], kinds[:40], strict=True))
    write(tmp_path / "test.csv", ["area", "kind"], [*zip(areas[40:], kinds[40:], strict=True), [3, "new"]])
    table = read_csv(tmp_path, seed=0, has_classes=True)
    assert table.classes == ("0", "1") and len(table.targets["test"]) == 20
    assert [(each.file, each.reason) for each in table.quarantined] == [
        ("test.csv:22", "a class that training lacks")
    ]


def test_what_was_assumed_is_told(tmp_path):
    rows = [[f"{1 + row % 9}.{100 + row}", row % 7] for row in range(60)]
    path = write(tmp_path / "a.csv", ["area", "rooms"], rows, ";")
    table = read_csv(path, seed=0)
    assert "'1.100' and the like in area are read with a decimal comma" in table.notes
    assert table.features["train"].min() >= 1000
    rows = [[row % 3, row % 2] for row in range(60)]
    notes = read_csv(write(tmp_path / "b.csv", ["a", "b"], rows), seed=0).notes
    assert notes == ("12 of 12 test rows stand in training as well, number for number",)


def test_the_numbers_of_columns_for_names(tmp_path):
    areas, rooms = houses()
    rows = [[row, *pair] for row, pair in enumerate(zip(areas, rooms, strict=True))]
    table = read_csv(write(tmp_path / "a.csv", ["", "0", "1"], rows), seed=0)  # as pandas writes an array
    assert table.feature_names == ("0",) and table.target_name == "1"


GOOD = [[row * 1.5, row % 4] for row in range(40)]


@pytest.mark.parametrize(
    ("header", "rows", "settings", "message"),
    [
        (None, GOOD, {}, "^expected names of columns in the first line of .*, received 0.0, 0; add"),
        (None, [], {}, "^expected names of columns in the first line of .*, received nothing; add"),
        (["a", "b"], GOOD, {"target": "c"}, r"^expected a target among the columns of .* \(a, b\), rec.*'c'"),
        (["a", "b"], GOOD, {"target": "3"}, "^expected a target among the columns of .*, received .*'3'; "),
        (["a", "b"], GOOD[:19], {}, "^expected at least 20 rows with all numbers .*, received 19; add rows$"),
        (
            ["a", "b"],
            [*GOOD[:19], [1, ""]],
            {},
            r"^expected at least 20 rows .*, received 19 \(1 set aside, as 'a.csv:21': no b\); add rows",
        ),
        (["a", "b"], [[a, 3] for a, _ in GOOD], {}, "^expected a target that varies .* received b with 3 in"),
        (
            ["a", "b"],
            [[a, "x"] for a, _ in GOOD],
            {},
            r"^expected numbers up to 1e\+30 in the target b of .*, received 'x' \(40 of 40\); name another",
        ),
        (
            ["a", "b"],
            [[a, f"{a}e300"] for a, _ in GOOD],
            {},
            r"^expected numbers up to 1e\+30 in the target b of .*, received '1.5e300' \(39 of 40\); name",
        ),
        (
            ["a", "b"],
            [["x", b] for _, b in GOOD],
            {},
            r"^expected a column of numbers beside the target b .*, received none \(a: text\); code what",
        ),
        (
            ["b"],
            [[a] for a, _ in GOOD],
            {},
            r"^expected a column of numbers beside .*, received none \(none\)",
        ),
        (["a", "b"], [[1, a] for a, _ in GOOD], {}, "^expected a column of numbers .*each is the same in ev"),
        (
            ["a", "b"],
            [[a, "x"] for a, _ in GOOD],
            {"has_classes": True},
            "^expected at least 2 classes in the target b of .*, received 'x' alone; name another",
        ),
        (
            ["b", "a"],
            GOOD,
            {"has_classes": True, "target": "b"},
            "^expected a few classes in the target b of .*, received 40 different values in 40 rows; name",
        ),
        (
            ["a", "b"],
            [*[[a, "x"] for a, _ in GOOD], *[[a, "y"] for a, _ in GOOD[:4]]],
            {"has_classes": True},
            "^expected at least 5 rows of each class in .*, received 4 of 'y'; add some, or leave",
        ),
    ],
)
def test_what_is_no_table(header, rows, settings, message, tmp_path):
    with pytest.raises(ValueError, match=message) as failure:
        read_csv(write(tmp_path / "a.csv", header, rows), seed=0, **settings)
    assert "\n" not in str(failure.value)


def test_no_file(tmp_path):
    with pytest.raises(
        ValueError, match="^expected a CSV file with names .*, received .*, which is no file$"
    ):
        read_csv(tmp_path / "none.csv", seed=0)
    with pytest.raises(
        ValueError, match="^expected CSV files of the parts of a table, with train in the name"
    ):
        read_csv(tmp_path, seed=0)


def test_load_takes_what_is_embedded_too():
    patients = tabular.load(EMBEDDED, 0)
    assert patients.target_name == "progression" and patients.features["train"].shape == (265, 10)
    wines = tabular.load(EMBEDDED, 0, has_classes=True)
    assert len(wines.classes) == 3 and wines.features["test"].shape[1] == 13
    with pytest.raises(ValueError, match="^expected --target with a file of your own, received --data embed"):
        tabular.load(EMBEDDED, 0, "price")


def test_load_reads_a_path(tmp_path):
    path = write(tmp_path / "a.csv", ["a", "b"], GOOD)
    assert tabular.load(Source.parse(path), 0, "a").target_name == "a"
