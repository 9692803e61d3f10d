import numpy as np
import tensorflow as tf

from suite.data.pictures.augmentation import augment


def smooth(height, width):
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([255 * rows / height, 255 * columns / width, 128 + 0 * rows], axis=-1).astype(np.uint8)


def test_augmentation_is_deterministic_by_seed():
    image = smooth(32, 48)
    compiled = tf.function(augment)
    pictures = [augment(image, (0, seed)).numpy() for seed in range(8)]
    assert all(picture.shape == (32, 48, 3) and picture.dtype == np.uint8 for picture in pictures)
    for seed, picture in enumerate(pictures):
        np.testing.assert_array_equal(augment(image, (0, seed)), picture)
        difference = np.abs(compiled(image, (0, seed)).numpy().astype(int) - picture)
        assert difference.max() <= 1  # measured: 0; XLA and fused kernels may round otherwise
    assert len({picture.tobytes() for picture in pictures}) == 8
    assert (augment(image, (1, 0)).numpy() != pictures[0]).any()


def test_crops_have_the_stated_area_and_aspect_ratio():
    stripes = np.broadcast_to((np.arange(128) // 4 % 2 * 255).astype(np.uint8)[None, :, None], (128, 128, 3))
    sizes = []
    for seed in range(100):
        columns = augment(stripes, (7, seed)).numpy()[64, :, 0]
        rows = augment(stripes.transpose(1, 0, 2), (7, seed)).numpy()[:, 64, 0]
        sizes.append([np.count_nonzero(np.diff(line > line.mean())) + 1 for line in (rows, columns)])
    heights, widths = np.array(sizes).T / 32  # shares of the 32 stripes that are seen, to within 1/32
    areas, ratios = heights * widths, widths / heights
    assert 0.55 < areas.min() < 0.7 and 0.9 < areas.max() <= 1.07
    assert 0.7 < ratios.min() < 0.9 and 1.1 < ratios.max() < 1.43


def test_half_of_the_pictures_are_flipped():
    ramp = smooth(32, 32)
    flipped = [
        np.diff(augment(ramp, (7, seed)).numpy()[16, [4, -4], 1].astype(int)) < 0 for seed in range(200)
    ]
    assert 0.4 < np.mean(flipped) < 0.6  # measured: 0.52


def test_colors_change_mildly():
    color = np.full((16, 16, 3), (96, 128, 160), np.uint8)
    stripes = np.broadcast_to(
        (np.arange(64) // 16 % 2 * 100 + 78).astype(np.uint8)[None, :, None], (64, 64, 3)
    )
    colors = np.array([augment(color, (7, seed)).numpy()[8, 8] for seed in range(100)], float)
    contrasts = [np.ptp(augment(stripes, (7, seed)).numpy().astype(float)) / 100 for seed in range(100)]
    brightness = (colors - color[8, 8]) @ (0.299, 0.587, 0.114) / 255  # saturation leaves the gray value
    saturation = (colors[:, 2] - colors[:, 0]) / 64  # brightness moves all three channels alike
    for value, low, high in ((brightness, -0.1, 0.1), (saturation, 0.8, 1.2), (contrasts, 0.8, 1.2)):
        margin = (high - low) / 10
        assert low - margin / 2 < np.min(value) < low + margin
        assert high - margin < np.max(value) < high + margin / 2


def test_augmentation_saturates_instead_of_wrapping():
    white, black = np.full((16, 16, 3), 255, np.uint8), np.zeros((16, 16, 3), np.uint8)
    for seed in range(20):
        assert augment(white, (0, seed)).numpy().min() > 220  # measured: 230
        assert augment(black, (0, seed)).numpy().max() < 35  # measured: 23
