import itertools

import numpy as np
import pytest
from PIL import Image

from suite.data.sets import style_images
from suite.data.source import Source

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (60, 90, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", style_images.TRAINING + style_images.HELD_OUT)
def test_photos_ship_in_packages(name):
    photo = style_images.sample_photo(name)
    assert photo.dtype == np.uint8 and photo.shape[2] == 3 and min(photo.shape) == 3
    assert min(photo.shape[:2]) >= 256 and photo.std() > 20


def test_swirls_are_a_function_of_the_seed_and_differ_along_and_across_the_strokes():
    first, again, other = (style_images.draw_swirls(64, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (64, 64, 3) and first.dtype == np.uint8 and np.mean(first == other) < 0.1
    channels = np.float32(first).mean(axis=(0, 1))
    assert np.all((channels > 60) & (channels < 200)) and first.std() > 40


def test_squares_are_the_middle():
    image = np.zeros((40, 100, 3), np.uint8)
    image[:, 30:70] = 200
    np.testing.assert_array_equal(style_images.square(image, 20), 200)
    np.testing.assert_array_equal(style_images.square(image.transpose(1, 0, 2), 20), 200)


@pytest.mark.parametrize(
    ("longest", "multiple", "size"),
    [(45, 4, (28, 44)), (900, 4, (60, 88)), (90, 1, (60, 90)), (2, 4, (16, 16)), (2, 12, (24, 24))],
)
def test_fit(longest, multiple, size):
    assert style_images.fit(PHOTO, longest, multiple).shape == (*size, 3)


def test_crops_come_from_all_photos_at_all_scales_and_mirrored():
    left_to_right = np.broadcast_to(np.arange(0, 180, 2, np.uint8)[:, None], (60, 90, 3))
    photos = [left_to_right, np.full((40, 50, 3), 250, np.uint8)]
    crops = list(itertools.islice(style_images.random_crops(photos, 20, 50, seed=3), 200))
    assert {crop.shape for crop in crops} == {(20, 20, 3)} and {crop.dtype for crop in crops} == {PHOTO.dtype}
    slopes = [(int(crop[9, -1, 0]) - int(crop[9, 0, 0])) for crop in crops if crop[0, 0, 0] < 200]
    assert 60 < len(slopes) < 140 and min(slopes) < 0 < max(slopes)
    assert min(np.abs(slopes)) < 45 and max(np.abs(slopes)) > 85  # 19 columns of 2, and 49
    again = next(style_images.random_crops(photos, 20, 50, seed=3))
    np.testing.assert_array_equal(crops[0], again)


def test_crops_of_a_photo_smaller_than_they_are():
    crop = next(style_images.random_crops([PHOTO], 80, 200, seed=0))
    assert crop.shape == (80, 80, 3)


def test_a_users_picture(tmp_path):
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    np.testing.assert_array_equal(style_images.read_picture(tmp_path / "a.png", "style"), PHOTO)
    Image.fromarray(PHOTO[:20]).save(tmp_path / "small.png")
    message = (
        r"^expected a style picture of at least 32 x 32 pixels, received 90 x 20 in '.*small\.png'; take"
    )
    with pytest.raises(ValueError, match=message):
        style_images.read_picture(tmp_path / "small.png", "style")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for name, reason in (("broken.png", "corrupt"), ("missing.png", "no such file or directory")):
        message = rf"^expected a picture \(JPEG, .*\), received '.*{name}': {reason}; save it as JPEG or PNG"
        with pytest.raises(ValueError, match=message):
            style_images.read_picture(tmp_path / name, "content")


def test_pictures_of_the_user_or_none(tmp_path):
    content, style = style_images.read_pictures("", "", 40)
    assert content is None
    np.testing.assert_array_equal(style, style_images.draw_swirls(40))
    file = tmp_path / "a.png"
    file.write_bytes(style_images.png(PHOTO))
    content, style = style_images.read_pictures(str(file), str(file), 40)
    np.testing.assert_array_equal(content, PHOTO)
    np.testing.assert_array_equal(style, style_images.square(PHOTO, 40))


def test_photos_of_packages_and_of_a_folder(tmp_path):
    photos = style_images.load_photos(Source.parse("embedded"), 0, 32)
    assert photos.described == {"source": "sample photos", "train": 5, "test": 2}
    np.testing.assert_array_equal(photos.test[0], style_images.sample_photo("cat"))
    rng = np.random.default_rng(0)
    for index in range(20):
        pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        (tmp_path / f"{index}.png").write_bytes(style_images.png(pixels))
    photos = style_images.load_photos(Source.parse(tmp_path), 0, 32)
    assert (len(photos.train), len(photos.test)) == (photos.described["train"], photos.described["test"])
    assert len(photos.train) > len(photos.test) > 0
    assert {photo.shape for photo in (*photos.train, *photos.test)} == {(25, 32, 3)}


def test_crops_in_batches():
    first = style_images.some_crops([PHOTO], 20, 4, seed=3)
    np.testing.assert_array_equal(
        first, list(itertools.islice(style_images.random_crops([PHOTO], 20, 40, seed=3), 4))
    )
    batches = list(style_images.crop_batches([PHOTO], 20, 2, seed=3).take(2))
    np.testing.assert_array_equal(np.concatenate(batches), first)


def test_squares():
    found = style_images.squares([PHOTO, PHOTO.transpose(1, 0, 2)], 20)
    np.testing.assert_array_equal(found[1], style_images.square(PHOTO.transpose(1, 0, 2), 20))
