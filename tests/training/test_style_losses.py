"""Against float64 transcriptions of the papers' formulas, on values without any symmetry."""

import numpy as np
import pytest
import tensorflow as tf

from suite.training.style_losses import (
    check_sides,
    content_loss,
    gram_matrix,
    style_loss,
    tiles,
    total_variation,
)

RNG = np.random.default_rng(0)
SHAPE = (3, 4, 5, 2)  # batch, height, width, channels: all different
FEATURES = RNG.normal(1, 2, SHAPE)


def gram_by_definition(features: np.ndarray) -> np.ndarray:
    batch, height, width, channels = features.shape
    gram = np.zeros((batch, channels, channels))
    for image in range(batch):
        for i in range(channels):
            for j in range(channels):
                for y in range(height):
                    for x in range(width):
                        gram[image, i, j] += features[image, y, x, i] * features[image, y, x, j]
    return gram / (height * width * channels)


def close(received, expected) -> None:
    np.testing.assert_allclose(received, expected, rtol=1e-12)  # measured 2e-15


def test_gram_matrix():
    close(gram_matrix(tf.constant(FEATURES)), gram_by_definition(FEATURES))


def test_gram_matrix_of_a_size_known_at_run_time_only():
    signature = [tf.TensorSpec((None, None, None, 2), tf.float64)]
    close(tf.function(gram_matrix, signature)(FEATURES), gram_by_definition(FEATURES))


def test_gram_matrix_does_not_depend_on_size_or_order():
    tiled = np.tile(FEATURES, (1, 2, 3, 1))
    close(gram_matrix(tf.constant(tiled)), gram_by_definition(FEATURES))
    close(gram_matrix(tf.constant(FEATURES[:, ::-1, ::-1])), gram_by_definition(FEATURES))


def test_style_loss():
    layers = [FEATURES, RNG.normal(-1, 3, (3, 2, 3, 4))]
    styles = [RNG.normal(0.5, 1, (1, 7, 3, 2)), RNG.normal(2, 1, (1, 2, 2, 4))]
    targets = [gram_by_definition(style) for style in styles]
    expected = np.zeros(3)
    for features, target in zip(layers, targets, strict=True):
        for image, gram in enumerate(gram_by_definition(features)):
            expected[image] += np.sum((gram - target[0]) ** 2) / np.sum(target[0] ** 2) / 2
    close(style_loss(list(map(tf.constant, layers)), list(map(tf.constant, targets))), expected)


def test_style_loss_of_the_style_is_0_and_of_nothing_is_1():
    target = gram_by_definition(FEATURES[:1])
    for features, expected in ((FEATURES[:1], 0), (0 * FEATURES, 1)):
        received = style_loss([tf.constant(features)], [tf.constant(target)])
        np.testing.assert_allclose(received, np.full(len(features), expected), atol=1e-24)


@pytest.mark.parametrize("count", [0, 1])
def test_not_as_many_targets_as_layers(count):
    message = f"^expected as many Gram matrices as layers, at least 1, received 0 and {count}$"
    with pytest.raises(ValueError, match=message):
        style_loss([tf.constant(FEATURES)] * count, [])


def test_content_loss():
    other = RNG.normal(0, 1, SHAPE)
    expected = [np.sum((FEATURES[image] - other[image]) ** 2) / (4 * 5 * 2) for image in range(3)]
    close(content_loss(tf.constant(FEATURES), tf.constant(other)), expected)


def test_total_variation():
    expected = []
    for image in FEATURES:
        vertical = [abs(image[y + 1, x] - image[y, x]) for y in range(3) for x in range(5)]
        horizontal = [abs(image[y, x + 1] - image[y, x]) for y in range(4) for x in range(4)]
        expected.append(np.mean(vertical) + np.mean(horizontal))
    close(total_variation(tf.constant(FEATURES)), expected)


def test_tiles():
    images = RNG.normal(size=(2, 4, 6, 3))
    expected = [
        image[top : top + 2, left : left + 2] for image in images for top in (0, 2) for left in (0, 2, 4)
    ]
    np.testing.assert_array_equal(tiles(tf.constant(images), 2), expected)


@pytest.mark.parametrize("side", [3, 4])
def test_tiles_that_do_not_fill_the_images(side):
    message = f"^expected tiles that fill the images, received a side of {side} for 4 x 6 pixels$"
    with pytest.raises(ValueError, match=message):
        tiles(tf.zeros((2, 4, 6, 3)), side)


def test_gradients_by_central_differences():
    other, target, step = RNG.normal(0, 1, SHAPE), gram_by_definition(RNG.normal(0, 1, (1, 3, 3, 2))), 1e-5

    def losses(features):
        loss = style_loss([features], [tf.constant(target)]) + content_loss(features, tf.constant(other))
        return tf.reduce_sum(loss + total_variation(features))

    x = tf.Variable(FEATURES)
    with tf.GradientTape() as tape:
        loss = losses(x)
    gradient = tape.gradient(loss, x).numpy()
    for index in np.ndindex(SHAPE):
        shift = np.zeros(SHAPE)
        shift[index] = step
        ends = [losses(tf.constant(FEATURES + sign * shift)).numpy() for sign in (1, -1)]
        np.testing.assert_allclose(gradient[index], (ends[0] - ends[1]) / (2 * step), rtol=1e-6, atol=1e-8)


def test_crops_that_tiles_do_not_fill():
    check_sides((96, 256), 48, 4, 8)
    with pytest.raises(ValueError, match="^expected a crop .* received 40 and 16; try --crop 32$"):
        check_sides((40, 256), 16, 4, 8)


@pytest.mark.parametrize(("side", "proposal"), [(255, 256), (18, 16), (8, 12), (0, 12), (-4, 12)])
def test_sides_that_cannot_be_halved_twice(side, proposal):
    message = f"^expected a side that is a multiple of 4 above 8, received {side}; try {proposal}$"
    with pytest.raises(ValueError, match=message):
        check_sides((32, side), 16, 4, 8)
