import shutil

import numpy as np
import pytest
from PIL import Image

from suite.data.folders.unlabeled import read_picture_folder

RNG = np.random.default_rng(0)


def write(folder, count: int, side: int = 20):
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.fromarray(RNG.integers(256, size=(side, side, 3), dtype=np.uint8)).save(folder / f"{index}.png")


def test_subfolders_are_classes(tmp_path):
    write(tmp_path / "ant", 15)
    write(tmp_path / "bee" / "queen", 10)
    folder = read_picture_folder(tmp_path, seed=0)
    assert folder.classes == ("ant", "bee/queen")
    assert {part: len(files) for part, files in folder.files.items()} == {"train": 21, "test": 4}
    for part, files in folder.files.items():
        assert [folder.classes[label] for label in folder.labels[part]] == [
            file.rpartition("/")[0] for file in files
        ]
    again, other = read_picture_folder(tmp_path, seed=0), read_picture_folder(tmp_path, seed=1)
    assert again.files == folder.files != other.files
    described = folder.describe()
    assert described["test"] == 4
    assert {file for file, part in described["files"].items() if part == "test"} == set(folder.files["test"])


def test_a_flat_folder_has_one_class_and_loses_nothing(tmp_path):
    write(tmp_path, 24)
    shutil.copy(tmp_path / "3.png", tmp_path / "copy.png")
    (tmp_path / "broken.jpg").write_bytes(b"nonsense")
    Image.new("RGB", (8, 30)).save(tmp_path / "narrow.png")
    folder = read_picture_folder(tmp_path, seed=0)
    assert folder.classes == (".",) and sum(map(len, folder.files.values())) == 24
    assert {entry.file: entry.reason for entry in folder.quarantined} == {
        "copy.png": "a copy of 3.png",
        "broken.jpg": "corrupt",
        "narrow.png": "only 8 x 30 pixels, less than 16 on a side",
    }


def test_what_cannot_be_searched(tmp_path):
    with pytest.raises(ValueError, match="^expected a folder of pictures, received '.*none', which does not"):
        read_picture_folder(tmp_path / "none", seed=0)
    write(tmp_path, 3)
    (tmp_path / "x.jpg").write_bytes(b"")
    message = (
        "^expected at least 20 pictures in '.*', received 3 "
        r"\(1 set aside, as x.jpg: zero bytes\); add pictures or mend those$"
    )
    with pytest.raises(ValueError, match=message):
        read_picture_folder(tmp_path, seed=0)
