"""Folders whose pictures are labeled by deeper class folders or by their own names."""

import re

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


def write(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(sum(map(ord, name)) + 7919 * len(list(root.rglob("*"))), (20, 24))).save(path)
    return root


def error(root, labeling=Labeling()):  # noqa: B008  it is frozen
    with pytest.raises(ValueError, match="^expected ") as raised:
        read_folder(root, labeling=labeling)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def classes_of(folder):
    return {file: folder.classes[label] for pairs in folder.splits.values() for file, label in pairs}


def reasons(folder):
    return {entry.file: entry.reason for entry in folder.quarantined}


@pytest.mark.parametrize("parts", [("",), ("train/", "val/")])
def test_classes_lie_as_deep_as_is_said(tmp_path, parts):
    names = [
        f"{part}{name}/{i}.png"
        for part in parts
        for name in ("fruit/apple", "fruit/pear", "drinks/apple")
        for i in range(3)
    ]
    write(tmp_path, *names, f"{parts[0]}fruit/apple/green/a.png", f"{parts[0]}fruit/loose.png")
    folder = read_folder(tmp_path, labeling=Labeling(depth=2))
    assert folder.classes == ("drinks/apple", "fruit/apple", "fruit/pear")
    found = classes_of(folder)
    assert len(found) == len(names) + 1
    assert all(name in file for file, name in found.items())
    assert reasons(folder) == {f"{parts[0]}fruit/loose.png": "not in a class folder, 2 deep"}
    assert folder.notes[0] == (
        "sub-folders of class folders are no classes of their own: 1 picture in "
        f"'{parts[0]}fruit/apple/green' count for the folder above"
    )
    assert read_folder(tmp_path).classes == ("drinks", "fruit")
    pairs, _ = read_labeled(tmp_path, folder.classes, Labeling(depth=2))
    assert {file: folder.classes[label] for part in pairs.values() for file, label in part} == found


def test_a_depth_without_classes_says_where_pictures_lie(tmp_path):
    write(tmp_path, *(f"{name}/{i}.png" for name in ("cats", "dogs") for i in range(3)))
    assert error(tmp_path, Labeling(depth=2)) == (
        f"expected at least 2 class folders 2 deep to train on in {str(tmp_path)!r}, received none; there "
        "are "
        "6 pictures in 2 folders like 'cats'"
    )


def test_classes_are_what_is_before_the_number_in_names(tmp_path):
    expected = {
        "cat_001.png": "cat",
        "cat.2.png": "cat",
        "cat (3).png": "cat",
        "great dane-4.png": "great dane",
        "great dane 5 copy.png": "great dane",
        "кот7.png": "кот",
        "inner/кот8.png": "кот",
    }
    write(tmp_path, *expected, "9.png", "plain.png")
    (tmp_path / "film_1.mp4").write_bytes(b"x")
    folder = read_folder(tmp_path, labeling=Labeling(class_from_name="prefix"))
    assert folder.classes == ("cat", "great dane", "кот") and classes_of(folder) == expected
    assert reasons(folder) == {
        "9.png": "no class in its name",
        "plain.png": "no class in its name",
        "film_1.mp4": "a video; save frames of it as JPEG or PNG",
    }


def test_classes_are_the_group_of_a_pattern(tmp_path):
    expected = {f"{i}_{name}.png": name for i in range(3) for name in ("cat", "dog")}
    write(tmp_path, *expected)
    folder = read_folder(tmp_path, labeling=Labeling(class_from_name=r"_(\w+)\.png$"))
    assert classes_of(folder) == expected


def test_a_test_folder_without_classes_in_its_names_is_no_part(tmp_path):
    write(tmp_path, *(f"train/{name}.{i}.png" for name in ("cat", "dog") for i in range(5)), "test/1.png")
    folder = read_folder(tmp_path, labeling=Labeling(class_from_name="prefix"))
    assert [len(part) for part in folder.splits.values()] == [6, 2, 2]
    write(tmp_path, "test/cat.7.png")
    folder = read_folder(tmp_path, labeling=Labeling(class_from_name="prefix"))
    assert [file for file, _ in folder.splits["test"]] == ["test/cat.7.png"]
    assert reasons(folder) == {"test/1.png": "no class in its name"}


def test_names_without_classes_are_refused(tmp_path):
    write(tmp_path, "1.png", "2.png")
    assert error(tmp_path, Labeling(class_from_name="prefix")) == (
        f"expected files with a class in their names by class_from_name 'prefix' in {str(tmp_path)!r}, "
        "received only others, as '1.png'"
    )
    write(tmp_path, "cat1.png")
    assert error(tmp_path, Labeling(class_from_name="prefix")) == (
        f"expected at least 2 classes to train on in the pictures of {str(tmp_path)!r}, received 'cat' "
        "(2 set aside, as '1.png': no class in its name); add pictures of others"
    )


def test_a_flat_folder_is_told_of_the_flag_where_it_would_work(tmp_path):
    write(tmp_path, *(f"{name}_{i}.png" for name in ("cat", "dog") for i in range(2)), "1.png")
    assert error(tmp_path) == (
        f"expected at least 2 class folders to train on in {str(tmp_path)!r}, received none, only loose "
        "files; "
        "put the pictures of each class in a folder of their own, side by side; there are 5 pictures in no "
        "folder; or --class_from_name prefix for the classes cat, dog"
    )
    write(tmp_path, *(f"{i}.png" for i in range(2, 6)))
    assert "class_from_name" not in error(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(depth=0), "expected depth of at least 1, received 0"),
        (
            dict(depth=2, class_from_name="prefix"),
            "expected one of label_column, depth and class_from_name, received depth and class_from_name",
        ),
        (
            dict(class_from_name="("),
            "expected class_from_name 'prefix' or a regular expression, received '(': missing ), "
            "unterminated subpattern at position 0",
        ),
        (
            dict(class_from_name="cat"),
            "expected class_from_name 'prefix' or a regular expression with one group, received 'cat' with 0",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(settings, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Labeling(**settings)
