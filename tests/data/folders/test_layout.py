from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from suite import console
from suite.data.folders import layout
from suite.data.folders.labeled import read_folder
from suite.data.set_aside import SetAside


@pytest.fixture(autouse=True)
def quiet():
    console.set_quiet(True)
    yield
    console.set_quiet(False)


def write_class(folder, seed, count):
    folder.mkdir(parents=True)
    for i in range(count):
        pixels = np.random.default_rng((seed, i)).integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")


def write_classes(folder, seed=0, count=5):
    write_class(folder / "cats", 2 * seed, count)
    write_class(folder / "dogs", 2 * seed + 1, count)
    return folder


def counts(folder):
    return {part: Counter(label for _, label in folder.splits[part]) for part in folder.splits}


def error(directory):
    with pytest.raises(ValueError, match="^expected ") as raised:
        read_folder(directory)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_classes_are_sorted_naturally(tmp_path):
    for i, name in enumerate(["room 2", "Room 1", "room 10", "attic"]):
        write_class(tmp_path / name, i, 5)
    assert read_folder(tmp_path).classes == ("attic", "Room 1", "room 2", "room 10")


@pytest.mark.parametrize(
    "names", [("train", "val", "test"), ("Train", "VALID", "Test"), ("training", "validation", "testing")]
)
def test_given_parts_are_kept(tmp_path, names):
    for seed, (name, count) in enumerate(zip(names, (6, 3, 2), strict=True)):
        write_classes(tmp_path / name, seed, count)
    folder = read_folder(tmp_path)
    for name, part, count in zip(names, ("train", "validation", "test"), (6, 3, 2), strict=True):
        assert counts(folder)[part] == {0: count, 1: count}
        assert all(file.startswith(f"{name}/{folder.classes[label]}/") for file, label in folder.splits[part])


def test_train_and_validation_without_test_leave_the_test_empty(tmp_path):
    write_classes(tmp_path / "train", count=10)
    write_class(tmp_path / "val" / "cats", 5, 2)
    assert counts(read_folder(tmp_path)) == {"train": {0: 10, 1: 10}, "validation": {0: 2}, "test": {}}


def test_train_and_test_without_validation_split_the_training_pictures(tmp_path):
    write_classes(tmp_path / "train", count=20)
    write_class(tmp_path / "test" / "dogs", 5, 7)
    folder = read_folder(tmp_path, seed=1)
    assert counts(folder) == {"train": {0: 16, 1: 16}, "validation": {0: 4, 1: 4}, "test": {1: 7}}
    assert all(file.startswith("train/") for file, _ in folder.splits["validation"])
    assert read_folder(tmp_path, seed=1) == folder != read_folder(tmp_path, seed=2)


def test_a_test_folder_without_labels_is_set_aside(tmp_path):
    write_classes(tmp_path / "train", count=20)
    for seed, name in enumerate(("test", "extra", "train/.hidden")):
        write_class(tmp_path / name, 10 + seed, 1)
    (tmp_path / "train" / "readme.md").write_text("loose")
    folder = read_folder(tmp_path)
    assert counts(folder) == {"train": {0: 14, 1: 14}, "validation": {0: 3, 1: 3}, "test": {0: 3, 1: 3}}
    assert {entry.file: entry.reason for entry in folder.quarantined} == {
        "test": "no class folders in it, so no labels",
        "train/readme.md": "not in a class folder",
        "extra": "not a train, validation or test folder",
    }


def test_a_class_may_be_called_train(tmp_path):
    write_class(write_classes(tmp_path) / "train", 9, 5)
    assert read_folder(tmp_path).classes == ("cats", "dogs", "train")


def test_folders_that_cannot_be_listed_are_set_aside(tmp_path, monkeypatch):
    write_classes(tmp_path)
    (tmp_path / "cats" / "locked").mkdir()
    list_folder = layout.os.listdir

    def guarded(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return list_folder(path)

    monkeypatch.setattr(layout.os, "listdir", guarded)
    assert read_folder(tmp_path).quarantined == (SetAside("cats/locked", "permission denied"),)
    (tmp_path / "cats").rename(tmp_path / "locked")
    assert "received 0 in 'locked' (1 set aside, as 'locked': permission denied)" in error(tmp_path)
    assert error(tmp_path / "locked").endswith("locked': permission denied; change its permissions")


def test_links_between_class_folders_end(tmp_path):
    write_classes(tmp_path)
    (tmp_path / "cats" / "friends").symlink_to(tmp_path / "dogs")
    (tmp_path / "dogs" / "friends").symlink_to(tmp_path / "cats")
    assert "received 0 in 'cats', 0 in 'dogs' (22 set aside, " in error(tmp_path)


def test_linked_class_folders_are_read(tmp_path):
    write_classes(tmp_path / "store")
    (tmp_path / "set").mkdir()
    for name in ("cats", "dogs"):
        (tmp_path / "set" / name).symlink_to(tmp_path / "store" / name)
    assert counts(read_folder(tmp_path / "set"))["train"] == {0: 3, 1: 3}


def test_what_is_no_folder_of_class_folders_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.jpg").write_bytes(b"")
    write_class(tmp_path / "loose", 0, 5)
    write_class(tmp_path / "one" / "cats", 0, 5)
    begin = "expected a folder with a folder of pictures per class, received "
    two = "expected at least 2 class folders to train on in "
    mend = "put the pictures of each class in a folder of their own"
    none = f"{mend}, side by side; there are 5 pictures in no folder"
    no, empty, file, loose, one = (
        str(tmp_path / n) for n in ("no\nsuch", "empty", "file.jpg", "loose", "one")
    )
    assert error(no) == f"{begin}{no!r}, which does not exist; check the path"
    assert error(empty) == f"{begin}{empty!r}, which is empty; put at least 2 class folders in it"
    assert error(file) == f"{begin}{file!r}, which is a file; give the folder that holds the class folders"
    for name, what in (
        ("labels.csv", "a table; give the folder that holds it and the pictures"),
        ("film.mp4", "a video; save frames of it as JPEG or PNG, in a folder per class"),
    ):
        (tmp_path / name).write_bytes(b"x")
        assert error(tmp_path / name) == f"{begin}{str(tmp_path / name)!r}, which is {what}"
    assert error(loose) == f"{two}{loose!r}, received none, only loose files; {none}"
    assert error(one) == f"{two}{one!r}, received 1 ('cats'); {mend}"


def test_a_train_folder_without_class_folders_is_an_error(tmp_path):
    write_class(tmp_path / "train", 0, 5)
    write_classes(tmp_path / "val")
    assert "received none, only loose files; " in error(tmp_path)


def test_classes_that_train_lacks_are_set_aside_and_refused_only_where_there_are_no_others(tmp_path):
    write_classes(tmp_path / "train")
    write_class(tmp_path / "val" / "birds", 6, 2)
    assert error(tmp_path) == (
        f"expected classes of the train part of {str(tmp_path)!r} in its validation part, received only "
        "others, as 'birds'; add pictures of them to train or remove the validation part"
    )
    write_class(tmp_path / "val" / "cats", 5, 2)
    folder = read_folder(tmp_path)
    assert folder.classes == ("cats", "dogs")
    assert counts(folder) == {"train": {0: 5, 1: 5}, "validation": {0: 2}, "test": {}}
    assert [(entry.file, entry.reason) for entry in folder.quarantined] == [
        (f"val/birds/{i}.png", "of class 'birds', which train lacks") for i in range(2)
    ]


def test_classes_that_a_given_part_lacks_are_said(tmp_path):
    for seed, name in enumerate("abcde"):
        write_class(tmp_path / "train" / name, seed, 1)
    write_class(tmp_path / "val" / "b", 9, 1)
    write_class(tmp_path / "test" / "a", 10, 1)
    folder = read_folder(tmp_path)
    assert counts(folder) == {"train": dict.fromkeys(range(5), 1), "validation": {1: 1}, "test": {0: 1}}
    assert folder.notes == (
        "validation has no pictures of 4 of 5 classes, so its accuracy says nothing of them: 'a', 'c', 'd' "
        "and 1 more",
        "test has no pictures of 4 of 5 classes, so its accuracy says nothing of them: 'b', 'c', 'd' and 1 "
        "more",
    )


def test_two_folders_for_one_part_are_named(tmp_path):
    for seed, name in enumerate(("train", "val", "validation")):
        write_classes(tmp_path / name, seed)
    expected = (
        f"expected one validation folder in {str(tmp_path)!r}, received 'val' and 'validation'; keep one"
    )
    assert error(tmp_path) == expected


@pytest.mark.parametrize("inner", ["flowers", "train", "download/flowers"])
def test_a_folder_given_too_high_is_answered_with_the_right_one(tmp_path, inner):
    right = write_classes(tmp_path / inner)
    assert error(tmp_path).endswith(f"; did you mean {str(right)!r}?")
    read_folder(right)


def test_a_divided_folder_given_too_high_is_answered_with_the_right_one(tmp_path):
    for seed, part in enumerate(("train", "val")):
        write_classes(tmp_path / "flowers" / part, seed)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "readme.txt").write_text("how to cite")
    assert error(tmp_path).endswith(f"; did you mean {str(tmp_path / 'flowers')!r}?")


def test_the_empty_folder_of_a_class_is_named_and_no_other_folder_proposed(tmp_path):
    write_classes(tmp_path / "train")
    write_classes(tmp_path / "test", 1)
    (tmp_path / "train" / "birds" / "inner").mkdir(parents=True)
    expected = (
        f"expected at least 2 different usable training pictures per class in {str(tmp_path)!r}, received "
        "0 in 'birds'; remove the empty folder 'birds' or put pictures in it"
    )
    assert error(tmp_path) == expected
    (tmp_path / "train" / "ants").mkdir()
    (tmp_path / "train" / "ants" / "Thumbs.db").write_bytes(b"litter")
    assert error(tmp_path).endswith("; remove the empty folders 'ants', 'birds' or put pictures in them")


def test_a_class_of_small_pictures_asks_for_larger_ones(tmp_path):
    write_classes(tmp_path)
    (tmp_path / "icons").mkdir()
    for index in range(9):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / "icons" / f"{index}.png")
    assert error(tmp_path).endswith(
        "received 0 in 'icons' (9 set aside, as 'icons/0.png': only 8 x 8 pixels, less than 16 on a side); "
        "give larger pictures, of at least 16 x 16 pixels"
    )


def test_a_class_without_pictures_but_not_empty_asks_for_some(tmp_path):
    write_classes(tmp_path)
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").write_bytes(b"x")
    assert error(tmp_path).endswith(
        "received 0 in 'films' (1 set aside, as 'films/a.mp4': a video; save frames of it as JPEG or PNG); "
        "add pictures or remove the class"
    )


@pytest.mark.parametrize("short", [1, 7])
def test_a_folder_is_only_proposed_if_it_would_be_taken_and_loses_no_picture(tmp_path, short):
    """Of two sets neither is the right one; nor is one of which a class is too small."""
    write_class(tmp_path / "set" / "cats", 0, short)
    write_class(tmp_path / "set" / "dogs", 1, 7)
    if short == 7:
        assert error(tmp_path).endswith(f"; did you mean {str(tmp_path / 'set')!r}?")
        write_class(tmp_path / "set" / "dogs" / "puppies", 2, 1)
        assert "did you mean" not in error(tmp_path)
    else:
        assert "did you mean" not in error(tmp_path)


def test_classes_at_several_depths_are_told_where_they_lie(tmp_path):
    for seed, name in enumerate(("fruit/apple", "fruit/pear", "drinks/juice/orange", "drinks/juice/apple")):
        write_class(tmp_path / "train" / name, seed, 5)
    write_class(tmp_path / "train" / "drinks" / "milk", 9, 6)
    assert error(tmp_path).endswith(
        "; put the pictures of each class in a folder of their own, side by side; there are 16 pictures in 3 "
        "folders like 'train/drinks/milk' and 10 pictures in 2 folders like 'train/drinks/juice/apple'"
    )


def test_sub_folders_that_are_taken_as_no_classes_are_said(tmp_path):
    assert read_folder(write_classes(tmp_path / "flat")).notes == ()
    for seed, name in enumerate(("fruit/apple", "fruit/pear", "drinks/milk", "drinks/juice/orange")):
        write_class(tmp_path / "deep" / "train" / name, 10 + seed, 5)
        write_class(tmp_path / "deep" / "val" / name, 20 + seed, 5)
    write_class(tmp_path / "deep" / "train" / "drinks" / "loose", 99, 1)
    folder = read_folder(tmp_path / "deep")
    assert folder.classes == ("drinks", "fruit")
    assert folder.notes == (
        "sub-folders of class folders are no classes of their own: 31 pictures in 7 folders like "
        "'train/drinks/loose' and 10 pictures in 2 folders like 'train/drinks/juice/orange' count for the "
        "folder above",
    )
