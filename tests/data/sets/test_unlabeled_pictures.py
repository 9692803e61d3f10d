import numpy as np
import pytest
from PIL import Image

from suite.data.sets import image_sets, unlabeled_pictures
from suite.data.source import EMBEDDED, Source


def test_the_parts_of_digits():
    pictures, digits = unlabeled_pictures.load(EMBEDDED, 3, 32), image_sets.load_digits(3)
    for part in ("train", "test"):
        np.testing.assert_array_equal(pictures.images[part], digits.images[part])
        np.testing.assert_array_equal(pictures.labels[part], digits.labels[part])
    assert pictures.names["test"][4] == f"test 4: {digits.labels['test'][4]}" and pictures.files == {}
    assert pictures.described["train"] == len(digits.labels["train"]) and pictures.described["classes"]
    assert pictures.all_names[len(digits.labels["train"])] == pictures.names["test"][0]


def test_the_parts_of_a_folder(tmp_path):
    rng = np.random.default_rng(0)
    for index in range(24):
        kind = tmp_path / ("ant", "bee")[index % 2]
        kind.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(256, size=(20, 30, 3), dtype=np.uint8)).save(kind / f"{index}.png")
    pictures = unlabeled_pictures.load(Source.parse(str(tmp_path)), 0, 16)
    assert sum(map(len, pictures.images.values())) == 24 and pictures.images["test"].shape[1:] == (16, 16, 3)
    for part, files in pictures.files.items():
        assert [file.relative_to(tmp_path).as_posix() for file in files] == pictures.names[part]
        classes = np.array(pictures.described["classes"])[pictures.labels[part]]
        assert [file.parent.name for file in files] == classes.tolist()


def test_a_folder_of_too_few(tmp_path):
    with pytest.raises(
        ValueError, match="^expected a folder of pictures, received .*, which is empty; put them in it$"
    ):
        unlabeled_pictures.load(Source.parse(str(tmp_path)), 0, 16)


def test_a_digit_on_paper_is_read_like_those_of_a_set(tmp_path):
    digits = image_sets.load_digits(0).images["test"]
    sheet = np.full((300, 200, 3), 230, np.uint8)
    sheet[60:220, 90:110] = 40  # a one, 160 pixels tall
    for name, pixels in (("ink", sheet), ("chalk", 255 - sheet)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        drawn = unlabeled_pictures.read_like(tmp_path / f"{name}.png", digits)
        assert drawn.shape == (8, 8, 1) and drawn.dtype == np.uint8
        assert np.all(drawn[:, 3:4] == 255) and not drawn[:, :3].any() and not drawn[:, 4:].any()


def test_a_color_picture_is_stretched(tmp_path):
    Image.fromarray(np.full((30, 40, 3), (9, 8, 7), np.uint8)).save(tmp_path / "a.png")
    drawn = unlabeled_pictures.read_like(tmp_path / "a.png", np.zeros((1, 16, 12, 3), np.uint8))
    assert drawn.shape == (16, 12, 3) and np.all(drawn == (9, 8, 7))


def test_a_blank_sheet(tmp_path):
    Image.fromarray(np.full((30, 40), 200, np.uint8)).save(tmp_path / "blank.png")
    with pytest.raises(ValueError, match="^expected a picture of something .*blank.png', which is alike all"):
        unlabeled_pictures.read_like(tmp_path / "blank.png", np.zeros((1, 8, 8, 1), np.uint8))
