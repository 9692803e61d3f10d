import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from suite.data.pictures.facts import (
    MeasuringLoader,
    border,
    measure_pixels,
    one_color,
    perceptual_hash,
    read_facts,
    sharpness,
)
from suite.data.pictures.images import UndecodableImageError, load_image
from suite.data.pictures.near_copies import MOST_BITS
from tests.made_up_photos import cloud, save


def small(pixels):
    return np.asarray(Image.fromarray(pixels).convert("L").resize((32, 32), Image.Resampling.BILINEAR))


def bits_apart(one, other):
    return (perceptual_hash(small(one)) ^ perceptual_hash(small(other))).bit_count()


def test_the_facts_of_a_file(tmp_path):
    facts = read_facts(save(tmp_path / "photo.png", cloud(0, size=(300, 500)), format="JPEG"))
    assert (facts.format, facts.height, facts.width) == ("JPEG", 300, 500)  # the content, not the name
    assert (facts.is_gray, facts.border) == (False, "none")
    assert facts.thumbnail.shape == (32, 32) and facts.one_color < 0.5
    assert read_facts(save(tmp_path / "gray.png", cloud(0, (99, 99, 99)))).is_gray
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    with pytest.raises(UndecodableImageError):
        read_facts(tmp_path / "broken.jpg")


def test_a_picture_is_measured_while_it_is_loaded(tmp_path):
    """Once decoded: the same pixels as otherwise, and nearly the facts that it has when measured alone."""
    loader = MeasuringLoader()
    file = str(save(tmp_path / "photo.jpg", cloud(0, size=(600, 900))))
    for size in ((224, 224), (32, 32)):
        np.testing.assert_array_equal(loader(file, size), load_image(file, size))
        found, alone = loader.facts.pop(file), read_facts(file)
        assert (found.format, found.height, found.width) == ("JPEG", 600, 900)
        assert (found.hash ^ alone.hash).bit_count() <= MOST_BITS // 2  # a copy of itself by far
        assert found.sharpness == pytest.approx(alone.sharpness, rel=0.2)


def test_a_copy_shares_the_hash_and_another_picture_does_not():
    for seed in range(10):
        pixels = cloud(seed)
        content = io.BytesIO()
        Image.fromarray(pixels).resize((50, 50)).save(content, "JPEG", quality=40)
        assert bits_apart(pixels, np.asarray(Image.open(content))) <= 6
        assert bits_apart(pixels, np.clip(pixels * 0.8 + 10, 0, 255).astype(np.uint8)) <= 6
        assert bits_apart(pixels, cloud(seed + 50)) > 14


def test_sharpness_falls_with_blur_and_not_with_contrast():
    image = Image.fromarray(cloud(1)).convert("L")
    sharp = sharpness(np.asarray(image))
    values = [sharpness(np.asarray(image.filter(ImageFilter.GaussianBlur(r)))) for r in (1, 2, 4)]
    assert sharp > 3 * values[0] > 9 * values[1] > 27 * values[2]
    faint = (np.asarray(image) * 0.3 + 80).astype(np.uint8)
    assert sharpness(faint) == pytest.approx(sharp, rel=0.3)
    assert sharpness(np.zeros((2, 9), np.uint8)) == sharpness(np.zeros((9, 9), np.uint8)) == 0


@pytest.mark.parametrize(
    ("rows", "columns", "color", "name"),
    [
        (10, 0, 0, "dark bars above and below"),
        (0, 6, 255, "light bars left and right"),
        (8, 8, 128, "a plain frame"),
        (1, 0, 0, "none"),  # a line is no bar
        (0, 0, 0, "none"),
    ],
)
def test_border(rows, columns, color, name):
    inside = cloud(3, size=(64 - 2 * rows, 64 - 2 * columns))
    pixels = np.pad(inside, ((rows, rows), (columns, columns), (0, 0)), constant_values=color)
    assert border(pixels) == name


def test_one_bar_is_no_border_and_an_empty_picture_has_none():
    pixels = np.pad(cloud(3, size=(54, 64)), ((10, 0), (0, 0), (0, 0)))
    assert border(pixels) == border(np.zeros((64, 64, 3), np.uint8)) == "none"


def test_one_color():
    assert one_color(np.full((9, 9, 3), 250, np.uint8)) == 1
    half = np.zeros((10, 10, 3), np.uint8)
    half[:4] = 200
    assert one_color(half) == 0.6
    facts = measure_pixels(np.full((40, 50, 3), 7, np.uint8), "PNG", (40, 50))
    assert facts.one_color == 1 and facts.sharpness == 0
