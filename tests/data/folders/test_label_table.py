"""Folders whose pictures are labeled by a table beside them."""

import csv

import pytest
from PIL import Image

from suite import console
from suite.data.folders.labeled import read_folder, read_labeled
from suite.data.folders.labeling import Labeling
from tests.data.noise import noise


@pytest.fixture(autouse=True)
def quiet():
    console.set_quiet(True)
    yield
    console.set_quiet(False)


def write(root, names, start=0):
    for index, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(start + index, (20, 24))).save(root / name)
    return root


def write_table(path, rows, delimiter=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)


def classes_of(folder):
    return {file: folder.classes[label] for pairs in folder.splits.values() for file, label in pairs}


def reasons(folder):
    return {entry.file: entry.reason for entry in folder.quarantined}


def error(root, **settings):
    with pytest.raises(ValueError, match="^expected ") as raised:
        read_folder(root, labeling=Labeling(**settings))
    assert "\n" not in str(raised.value)
    return str(raised.value)


NAMES = [f"{i}.png" for i in range(12)]
LABELS = ["rust", "healthy", "miner"] * 4


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "as_cell",
    [
        lambda name: name,
        lambda name: name.removesuffix(".png"),
        lambda name: f"photos/leaf/{name}",
        lambda name: f".\\leaf\\{name.upper()}",
        lambda name: name.replace(".png", ".jpg"),
        lambda name: f"https://example.org/set/{name}",
    ],
)
def test_files_are_named_with_or_without_ending_and_folders(tmp_path, as_cell, delimiter):
    write(tmp_path / "leaf", NAMES)
    table = "labels.tsv" if delimiter == "\t" else "labels.csv"
    rows = [(as_cell(name), label) for name, label in zip(NAMES, LABELS, strict=True)]
    write_table(tmp_path / table, [("image", "label"), *rows], delimiter)
    folder = read_folder(tmp_path)
    expected = {f"leaf/{name}": label for name, label in zip(NAMES, LABELS, strict=True)}
    assert folder.classes == ("healthy", "miner", "rust") and classes_of(folder) == expected
    assert folder.quarantined == ()
    assert folder.notes[0] == f"labels from column 'label' of {table}, files from 'image'"
    pairs, aside = read_labeled(tmp_path, folder.classes)
    assert {file: folder.classes[label] for file, label in pairs["train"]} == expected and not aside


def test_a_table_without_names_of_columns(tmp_path):
    write(tmp_path, NAMES)
    write_table(tmp_path / "labels.csv", list(zip(NAMES, LABELS, strict=True)))
    folder = read_folder(tmp_path)
    assert len(classes_of(folder)) == 12
    assert folder.notes[0] == "labels from column 'column 2' of labels.csv, files from 'column 1'"


def test_rows_and_pictures_that_do_not_fit_are_set_aside(tmp_path):
    write(tmp_path / "a", [*NAMES, "extra.png"])
    write(tmp_path / "b", ["0.png"], start=50)
    rows = [*zip(NAMES, LABELS, strict=True), ("b/0.png", "rust")]
    rows[0] = ("0.png", "rust")
    rows += [("gone.png", "rust"), ("11.png", "rust"), ("1.png", "healthy"), ("2.png", ""), ("3.png",)]
    write_table(tmp_path / "labels.csv", [("file", "label"), *rows])
    (tmp_path / "README.md").write_text("hello")
    folder = read_folder(tmp_path)
    assert reasons(folder) == {
        "labels.csv:2": "'0.png' may be 'a/0.png' or 'b/0.png'; give its path",
        "labels.csv:15": "no picture 'gone.png'",
        "labels.csv:18": "no label",
        "labels.csv:19": "1 cells for 2 columns",
        "a/0.png": "no row in labels.csv",
        "a/11.png": "labeled 'miner' and 'rust'",
        "a/extra.png": "no row in labels.csv",
        "README.md": "no row in labels.csv",
    }
    assert classes_of(folder)["b/0.png"] == "rust" and len(classes_of(folder)) == 11


SEVERAL = [
    ("id", "grade", "site", "width"),
    *((str(i), i % 4, "north" if i % 2 else "south", 20 + i) for i in range(40)),
]


def test_of_several_columns_the_choice_is_told(tmp_path):
    write(tmp_path / "photos", [f"{i}.png" for i in range(40)])
    write_table(tmp_path / "data.csv", SEVERAL)
    folder = read_folder(tmp_path)
    assert folder.classes == ("north", "south")  # words before numbers
    assert folder.notes[0] == (
        "labels from column 'site' of data.csv, files from 'id'; 'grade' could be meant, too: choose by "
        "--label_column"
    )
    for column in ("grade", "GRADE", "2"):
        folder = read_folder(tmp_path, labeling=Labeling(label_column=column))
        assert folder.classes == ("0", "1", "2", "3")
        assert folder.notes[0] == "labels from column 'grade' of data.csv, files from 'id'"
    assert error(tmp_path, label_column="size") == (
        f"expected a table (CSV or TSV) with 'size' beside the pictures in {str(tmp_path)!r}, received "
        "data.csv, "
        "which has no column of labels 'size'; there are grade, site, width"
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("id", "kind of place", "words"), "kind of place"),  # a usual word in its name
        (("id", "words", "class"), "class"),
        (("id", "class", "class_name"), "class_name"),  # the words for those numbers
    ],
)
def test_the_usual_name_of_a_column_comes_first(tmp_path, names, expected):
    write(tmp_path, [f"{i}.png" for i in range(12)])
    cells = {
        "kind of place": [str(i % 2) for i in range(12)],
        "words": ["ab"[i // 6] for i in range(12)],
        "class": [str(i % 3) for i in range(12)],
        "class_name": [("ant", "bee", "cat")[i % 3] for i in range(12)],
    }
    rows = [(i, *(cells[name][i] for name in names[1:])) for i in range(12)]
    write_table(tmp_path / "data.csv", [names, *rows])
    assert f"labels from column {expected!r} of data.csv" in read_folder(tmp_path).notes[0]


def test_several_classes_come_before_yes_and_no(tmp_path):
    write(tmp_path, [f"{i}.png" for i in range(40)])
    rows = [(i, int(i % 3 == 0), int(i % 5 == 0), i % 4) for i in range(40)]
    write_table(tmp_path / "data.csv", [("id", "spotted", "wet", "grade"), *rows])
    folder = read_folder(tmp_path)
    assert folder.notes[0] == (
        "labels from column 'grade' of data.csv, files from 'id'; 'spotted', 'wet' could be meant, too: "
        "choose "
        "by --label_column"
    )


def test_a_column_a_class_with_one_mark_in_a_row(tmp_path):
    for part, start in (("train", 0), ("valid", 50)):
        names = [f"{part} {i}.png" for i in range(40 if part == "train" else 6)]
        write(tmp_path / part, names, start)
        rows = [(name, *(int(i % 3 == place) for place in range(3))) for i, name in enumerate(names)]
        if part == "train":
            rows[0] = (names[0], 1, 1, 0)
        write_table(tmp_path / part / "_classes.csv", [("filename", "cat", "dog", "hen"), *rows])
    folder = read_folder(tmp_path)
    assert folder.classes == ("cat", "dog", "hen")
    assert [len(part) for part in folder.splits.values()] == [39, 6, 0]
    assert reasons(folder) == {
        "train/_classes.csv:2": "2 of its columns of classes are marked",
        "train/train 0.png": "no row in _classes.csv",
    }
    assert folder.notes == (
        "labels from columns 'cat' to 'hen', one a class of _classes.csv, files from 'filename'",
    )


def test_parts_are_those_of_a_column_or_of_folders_or_of_tables(tmp_path):
    split = ["train"] * 8 + ["val"] * 2 + ["test"] * 2
    write(tmp_path / "by column", NAMES)
    rows = list(zip(NAMES, LABELS, split, strict=True))
    write_table(tmp_path / "by column" / "labels.csv", [("image", "label", "split"), *rows])
    for name, folder in (("by folder", "{}/"), ("by table", "photos/")):
        files = [f"{folder.format(part)}{file}" for file, part in zip(NAMES, split, strict=True)]
        write(tmp_path / name, files)
    pairs = list(zip(NAMES, LABELS, strict=True))
    write_table(tmp_path / "by folder" / "labels.csv", [("image", "label"), *pairs])
    for part, rows in (("train", pairs[:8]), ("val", pairs[8:10]), ("test", pairs[10:])):
        write_table(tmp_path / "by table" / f"{part}.csv", [("image", "label"), *rows])
    for name in ("by column", "by folder", "by table"):
        folder = read_folder(tmp_path / name)
        found = {
            part: [file.rpartition("/")[2] for file, _ in pairs] for part, pairs in folder.splits.items()
        }
        assert {part: sorted(files, key=NAMES.index) for part, files in found.items()} == {
            "train": NAMES[:8], "validation": NAMES[8:10], "test": NAMES[10:],
        }  # fmt: skip


def test_tables_that_are_no_parts_are_refused(tmp_path):
    write(tmp_path, NAMES)
    for name in ("a.csv", "b.csv"):
        write_table(tmp_path / name, [("image", "label"), *zip(NAMES, LABELS, strict=True)])
    assert error(tmp_path) == (
        f"expected one table of labels in {str(tmp_path)!r}, or train, validation and test in their names, "
        "received a.csv, b.csv; keep one"
    )
    write_table(tmp_path / "b.csv", [("code", "meaning"), ("r", "rust")])
    folder = read_folder(tmp_path)
    assert len(classes_of(folder)) == 12 and reasons(folder) == {"b.csv": "it names no picture"}


def test_a_table_of_other_files_is_told(tmp_path):
    write(tmp_path, NAMES)
    write_table(tmp_path / "b.csv", [("code", "meaning"), ("r", "rust")])
    assert error(tmp_path).endswith("there are 12 pictures in no folder (b.csv names no picture)")
    write_table(tmp_path / "b.csv", [("id", "when"), *((i, f"day {i}") for i in range(12))])
    assert error(tmp_path).endswith("(b.csv has no column that looks like labels; name it by --label_column)")
    (tmp_path / "b.csv").unlink()
    assert error(tmp_path, label_column="x") == (
        f"expected a table (CSV or TSV) with 'x' beside the pictures in {str(tmp_path)!r}, received no table"
    )


def write_class_folders(root):
    names = [f"{name}/{name}{i}.png" for name in ("cats", "dogs") for i in range(6)]
    write(root, names)
    return names


def test_class_folders_stay_classes_beside_a_table_that_agrees_or_says_other_things(tmp_path):
    names = write_class_folders(tmp_path)
    before = read_folder(tmp_path)
    for column, cells in (("label", [name[:4] for name in names]), ("camera", ["a", "b"] * 6)):
        write_table(tmp_path / "info.csv", [("file", column), *zip(names, cells, strict=True)])
        folder = read_folder(tmp_path)
        assert folder.splits == before.splits
        assert reasons(folder) == {"info.csv": "not in a class folder"}
    assert folder.notes == (
        "classes are the folders, not column 'camera' of info.csv: choose by --label_column",
    )
    assert read_folder(tmp_path, labeling=Labeling(label_column="camera")).classes == ("a", "b")
    write_table(tmp_path / "more.csv", [("file", "camera"), *zip(names, ["a", "b"] * 6, strict=True)])
    assert read_folder(tmp_path).notes == ()  # of two tables none is meant


def test_folders_whose_pictures_a_table_labels_otherwise_are_no_classes(tmp_path):
    names = [f"part {i % 2}/{i}.png" for i in range(12)]
    write(tmp_path, names)
    labels = ["rust" if i % 3 else "miner" for i in range(12)]
    write_table(tmp_path / "labels.csv", [("file", "disease"), *zip(names, labels, strict=True)])
    folder = read_folder(tmp_path)
    assert folder.classes == ("miner", "rust")
    assert folder.notes == (
        "labels from column 'disease' of labels.csv, files from 'file'",
        "the folders 'part 0', 'part 1' are no classes; remove labels.csv to have them as such",
        "1 class has fewer than 5 different training pictures, so one of each is held out, for validation: "
        "'miner'",
    )
