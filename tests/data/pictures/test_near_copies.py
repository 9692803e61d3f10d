import io

import numpy as np
from PIL import Image

from suite.data.pictures.facts import measure_pixels
from suite.data.pictures.near_copies import near_copies
from tests.made_up_photos import cloud


def groups_of(pictures):
    facts = [measure_pixels(pixels, "JPEG", pixels.shape[:2]) for pixels in pictures]
    return near_copies([each.hash for each in facts], np.array([each.thumbnail for each in facts]))


def saved_again(pixels, side, quality):
    content = io.BytesIO()
    Image.fromarray(pixels).resize((side, side)).save(content, "JPEG", quality=quality)
    return np.asarray(Image.open(content))


def test_resized_and_recompressed_copies_are_found_and_nothing_else():
    different = [cloud(seed) for seed in range(20)]
    assert groups_of(different) == []
    copies = [
        saved_again(different[3], 200, 30),
        saved_again(different[7], 40, 60),
        saved_again(different[3], 48, 80),
    ]
    assert groups_of([*different, *copies]) == [[3, 20, 22], [7, 21]]


def test_the_same_background_makes_no_copies():
    """Its hashes are close: the thumbnails tell."""
    ramp = np.broadcast_to(np.linspace(0, 255, 96)[:, None, None], (96, 96, 3)).astype(np.uint8)
    pictures = []
    for index in range(6):
        pixels = ramp.copy()
        pixels[30:60, 10 + 12 * index : 30 + 12 * index] = (250, 20, 20)
        pictures.append(pixels)
    assert groups_of(pictures) == []


def test_pictures_of_one_color_are_no_copies_of_each_other():
    plain = [np.full((50, 50, 3), value, np.uint8) for value in (0, 0, 100)]
    assert (
        groups_of(plain) == [] and groups_of(plain[:1]) == [] and near_copies([], np.zeros((0, 32, 32))) == []
    )
