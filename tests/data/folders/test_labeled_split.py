"""How labeled pictures are divided, and how few are enough."""

import shutil
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from suite import console
from suite.data.folders.labeled import read_folder
from suite.data.folders.labeled_split import missing_parts
from suite.data.splits import SPLITS


@pytest.fixture(autouse=True)
def quiet():
    console.set_quiet(True)
    yield
    console.set_quiet(False)


def write(path, seed, size=(20, 24), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def write_class(folder, seed, count):
    for i in range(count):
        write(folder / f"{i}.png", seed=1000 * seed + i)


@pytest.fixture
def root(tmp_path):
    """Two classes of 20 and 40 pictures."""
    write_class(tmp_path / "photos" / "cats", 1, 20)
    write_class(tmp_path / "photos" / "dogs", 2, 40)
    return tmp_path / "photos"


@pytest.mark.parametrize("few", [2, 3, 4])
def test_of_a_class_of_few_pictures_one_is_held_out_for_validation(root, few):
    write_class(root / "ants", 3, few)
    (root / "ants" / "copy.png").write_bytes((root / "ants" / "0.png").read_bytes())
    whole = read_folder(root)
    assert [sum(label == 0 for _, label in whole.splits[part]) for part in SPLITS][1:] == [1, 0]
    assert sum(len(part) for part in whole.splits.values()) == 60 + few + 1
    assert whole.notes == (
        "1 class has fewer than 5 different training pictures, so one of each is held out, for validation: "
        "'ants'",
    )
    shutil.rmtree(root / "ants")
    without = read_folder(root)
    assert without.notes == ()
    assert [len(part) for part in without.splits.values()] == [42, 9, 9]


def test_few_pictures_of_every_class_leave_the_test_empty(tmp_path):
    for seed, (name, count) in enumerate((("a", 2), ("b", 3), ("c", 4))):
        write_class(tmp_path / name, seed, count)
    for seed in range(4):
        folder = read_folder(tmp_path, seed=seed)
        assert {part: Counter(label for _, label in pairs) for part, pairs in folder.splits.items()} == {
            "train": {0: 1, 1: 2, 2: 3}, "validation": {0: 1, 1: 1, 2: 1}, "test": {},
        }  # fmt: skip
    assert folder.notes == (
        "3 classes have fewer than 5 different training pictures, so one of each is held out, for "
        "validation: "
        "'a', 'b', 'c'",
    )


def test_one_picture_of_a_class_is_enough_beside_a_validation_folder(tmp_path):
    for seed, name in enumerate(("a", "b")):
        write_class(tmp_path / "train" / name, seed, 1)
        write_class(tmp_path / "val" / name, 9 + seed, 2)
    folder = read_folder(tmp_path)
    assert [len(part) for part in folder.splits.values()] == [2, 4, 0] and folder.notes == ()
    (tmp_path / "train" / "a" / "0.png").write_bytes(b"")
    with pytest.raises(ValueError, match="^expected ") as raised:
        read_folder(tmp_path)
    assert str(raised.value) == (
        f"expected at least 1 different usable training picture per class in {str(tmp_path)!r}, received 0 "
        "in "
        "'a' (1 set aside, as 'train/a/0.png': zero bytes); add pictures or remove the class"
    )


def test_the_validation_share_is_that_of_the_whole_beside_a_given_test_folder(tmp_path):
    """Of 40 in train, where test already has its fifth: a quarter, as 0.2 of 0.6 + 0.2."""
    for seed, name in enumerate(("a", "b")):
        write_class(tmp_path / "train" / name, seed, 40)
        write_class(tmp_path / "test" / name, 10 + seed, 10)
    folder = read_folder(tmp_path, fractions=(0.6, 0.2, 0.2))
    assert {part: len(chosen) for part, chosen in folder.splits.items()} == {
        "train": 60, "validation": 20, "test": 20,
    }  # fmt: skip
    assert missing_parts({"train", "test"}, (0.7, 0.15, 0.15)) == {"validation": 0.15 / 0.85}
    assert missing_parts({"train"}, (0.7, 0.15, 0.15)) == {"validation": 0.15, "test": 0.15}
    assert missing_parts({"train", "validation"}, (0.7, 0.15, 0.15)) == {}


def test_no_evaluation_hangs_on_a_picture_that_occurs_many_times(tmp_path):
    write_class(tmp_path / "a", 1, 10)
    write_class(tmp_path / "b", 2, 10)
    for copy in range(30):
        (tmp_path / "a" / f"copy {copy}.png").write_bytes((tmp_path / "a" / "0.png").read_bytes())
    for seed in range(4):
        folder = read_folder(tmp_path, seed=seed)
        assert [len(folder.splits[part]) for part in ("validation", "test")] == [4, 4]
