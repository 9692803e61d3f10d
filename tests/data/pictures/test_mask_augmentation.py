import numpy as np
import pytest
import tensorflow as tf

from suite.data.pictures import mask_augmentation
from suite.data.pictures.mask_augmentation import augment_with_mask
from suite.data.pictures.mask_facts import have_up, thinnest
from suite.data.pictures.masked_batches import masked_batches

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(256, size=(40, 40, 3), dtype=np.uint8)
MASK = IMAGE[..., 0] // 4  # the mask is known from the picture


@pytest.fixture
def plain_colors(monkeypatch):
    monkeypatch.setattr(mask_augmentation, "recolor", lambda colors, _: tf.cast(colors + 0.5, tf.uint8))


def windows(turns, count=30):
    for number in range(count):
        seed = tf.constant([3, number], tf.int64)
        image, mask = augment_with_mask(IMAGE, MASK, seed, (24, 24), turns)
        yield image.numpy(), mask.numpy()


def places(window, pictures):
    return [
        (kind, row, column)
        for kind, picture in enumerate(pictures)
        for row in range(17)
        for column in range(17)
        if np.array_equal(picture[row : row + 24, column : column + 24], window)
    ]


@pytest.mark.usefixtures("plain_colors")
def test_half_of_the_windows_are_cut_out_as_they_are():
    found = [places(image, (IMAGE, IMAGE[:, ::-1])) for image, _ in windows(turns=False)]
    cut = [each for each in found if each]
    assert 8 <= len(cut) <= 22 and all(len(each) == 1 for each in cut)
    assert {kind for ((kind, _, _),) in cut} == {0, 1}
    assert len({place for (place,) in cut}) > 5  # anywhere


@pytest.mark.usefixtures("plain_colors")
def test_pictures_without_an_up_are_turned_by_right_angles_too():
    turned = [np.rot90(each, k) for each in (IMAGE, IMAGE[:, ::-1]) for k in range(4)]
    found = [places(image, turned) for image, _ in windows(turns=True)]
    assert len({kind for each in found for kind, _, _ in each}) > 4


@pytest.mark.usefixtures("plain_colors")
@pytest.mark.parametrize("turns", [False, True])
def test_the_mask_follows_the_picture(turns):
    smooth = np.add.outer(np.arange(40), 2 * np.arange(40)).astype(np.uint8)  # nearly the same under bilinear
    for number in range(12):
        seed = tf.constant([5, number], tf.int64)
        image, mask = augment_with_mask(np.stack([smooth] * 3, -1), smooth, seed, (32, 32), turns)
        # At the border, pixels are mixed with the gray beyond it.
        inside = (np.asarray(mask) != 255) & (np.asarray(mask) > 0)
        off = np.abs(np.asarray(image)[..., 0].astype(int) - np.asarray(mask))[inside]
        assert np.median(off) <= 2 and np.mean(off <= 3) > 0.85


def test_batches_are_a_function_of_the_seed_and_see_all_pictures_first():
    images, masks = np.zeros((6, 8, 8, 3), np.uint8), np.repeat(np.arange(6, dtype=np.uint8), 64)
    masks = masks.reshape(6, 8, 8)
    settings = dict(size=(8, 8), batch_size=2, steps=4, turns=True)
    first, again, other = (
        [mask.numpy() for _, mask in masked_batches(images, masks, seed=seed, **settings)]
        for seed in (1, 1, 2)
    )
    assert len(first) == 4
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert {int(mask[mask < 255].max()) for batch in first[:3] for mask in batch} == set(range(6))


def test_light_from_above_is_an_up():
    noise = RNG.integers(100, size=(12, 16, 16, 3), dtype=np.uint8)
    masks = RNG.integers(2, size=(12, 16, 16), dtype=np.uint8)
    assert not have_up(zip(noise, masks, strict=True), 2)
    lit = noise + (60 * (np.arange(16) < 8)).astype(np.uint8)[None, :, None, None]
    assert have_up(zip(lit, masks, strict=True), 2)
    masks[:, :8] = 1
    assert have_up(zip(noise, masks, strict=True), 2)
    assert have_up(zip(noise[:1], masks[:1], strict=True), 2)  # one picture does not tell


def test_the_thinnest_class_is_as_wide_as_its_lines():
    mask = np.zeros((40, 40), np.uint8)
    mask[:, 10:14] = 1
    mask[:, 20:39] = 2
    assert thinnest([mask], 3) == pytest.approx(4)
    mask[mask == 1] = 255
    assert thinnest([mask], 3) > 8
