import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from suite.data.folders.labeled import read_folder
from suite.data.generated.textures import write_textures

COUNTS = {"train": 60, "validation": 20, "test": 40}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_textures(tmp_path_factory.mktemp("textures") / "photos")


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*.png")}


def test_the_folder_is_read_like_any_other(root):
    folder = read_folder(root)
    assert folder.classes == ("brick", "grass", "gravel") and folder.quarantined == ()
    assert {part: len(files) for part, files in folder.splits.items()} == {
        "train": 180,
        "validation": 60,
        "test": 120,
    }
    for part, count in COUNTS.items():
        assert [sum(label == i for _, label in folder.splits[part]) for i in range(3)] == [count] * 3
        assert all(file.startswith(f"{part}/{folder.classes[label]}/") for file, label in folder.splits[part])


@pytest.mark.parametrize("name", ["brick", "grass", "gravel"])
def test_parts_share_no_pixel_of_a_photo(root, name):
    photo = getattr(data, name)()
    used = {part: np.zeros(photo.shape, bool) for part in COUNTS}
    for part in COUNTS:
        for path in (root / part / name).iterdir():
            row, column, side = map(int, path.stem.split("_"))
            place = np.s_[row : row + side, column : column + side]
            np.testing.assert_array_equal(np.asarray(Image.open(path)), photo[place])
            used[part][place] = True
    assert not (used["train"] & used["validation"]).any()
    assert not (used["train"] & used["test"]).any()
    assert not (used["validation"] & used["test"]).any()
    assert {part: mask.mean() > 0.15 for part, mask in used.items()} == dict.fromkeys(COUNTS, True)


def test_crops_vary_in_scale_and_no_two_files_are_equal(root):
    sides = [Image.open(path).size for path in root.rglob("*.png")]
    assert all(width == height for width, height in sides)
    assert min(sides) < (100, 100) and max(sides) > (156, 156)
    assert 124 < np.mean(sides) < 132
    digests = {hashlib.sha256(content).hexdigest() for content in contents(root).values()}
    assert len(digests) == 360


def test_crops_are_a_function_of_the_seed(root, tmp_path):
    assert contents(write_textures(tmp_path / "same")) == contents(root)
    assert contents(write_textures(tmp_path / "other", seed=1)).keys() != contents(root).keys()


def test_writing_twice_is_harmless_and_other_files_are_not_mixed_in(tmp_path):
    first = contents(write_textures(tmp_path))
    (tmp_path / next(iter(first))).write_bytes(b"half written")
    assert contents(write_textures(tmp_path)) == first
    (tmp_path / "mine.png").write_bytes(b"")
    with pytest.raises(
        ValueError, match=r"^expected a new folder for the texture photos, received .* 1 other files"
    ):
        write_textures(Path(tmp_path))
