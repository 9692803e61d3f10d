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


def write_pictures(folder, count, mode="RGB"):
    rng = np.random.default_rng(0)
    for index in range(count):
        picture = Image.fromarray(rng.integers(256, size=(20, 30, 3), dtype=np.uint8)).convert(mode)
        picture.save(folder / f"{index}.png")


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
def test_pictures_to_draw_have_the_channels_that_they_need(mode, channels, tmp_path):
    write_pictures(tmp_path, 100, mode)
    data = unlabeled_pictures.load_to_draw(Source.parse(tmp_path), 0, 16)
    assert {part: each.shape for part, each in data.images.items()} == {
        "train": (70, 16, 16, channels),
        "validation": (15, 16, 16, channels),
        "test": (15, 16, 16, channels),
    }
    assert data.classes == (".",)


def test_digits_to_draw_are_those_of_the_set():
    drawn, digits = unlabeled_pictures.load_to_draw(EMBEDDED, 3, 32), image_sets.load_digits(3)
    np.testing.assert_array_equal(drawn.images["train"], digits.images["train"])


def test_what_cannot_be_learned_to_draw(tmp_path):
    write_pictures(tmp_path, 30)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(
        ValueError,
        match=r"^expected at least 100 pictures in .*, received 30 \(1 set aside, as 'broken.png': ",
    ):
        unlabeled_pictures.load_to_draw(Source.parse(tmp_path), 0, 16)
    with pytest.raises(ValueError, match="^expected a side that is a multiple of 4 from 8 on, received 30; "):
        unlabeled_pictures.load_to_draw(Source.parse(tmp_path), 0, 30)
