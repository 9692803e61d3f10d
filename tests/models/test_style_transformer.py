import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.models.style_transformer import build_loss_network, build_style_transformer

RNG = np.random.default_rng(0)


def images(*sides: int) -> np.ndarray:
    return RNG.integers(0, 256, (2, *sides, 3), dtype=np.uint8)


def test_pixels_in_pixels_out():
    model = build_style_transformer(16, (2, 3, 4), 1)
    assert model.input.shape == (None, 16, 16, 3) and model.input.dtype == "uint8"
    assert model.input.name == "image" and list(model.output) == ["stylized"]
    stylized = model(images(16, 16))["stylized"].numpy()
    assert stylized.shape == (2, 16, 16, 3) and stylized.dtype == np.float32
    assert stylized.min() >= 0 and stylized.max() <= 255 and stylized.std() > 1


def test_the_weights_serve_every_size():
    small, large = (build_style_transformer(side, (2, 3, 4), 1) for side in (12, None))
    small.set_weights(large.get_weights())
    pixels = images(12, 12)
    np.testing.assert_array_equal(small(pixels)["stylized"], large(pixels)["stylized"])
    assert large(images(12, 20))["stylized"].shape == (2, 12, 20, 3)


def test_an_image_does_not_depend_on_the_others_of_its_batch():
    model, pixels = build_style_transformer(12, (2, 3, 4), 1), images(12, 12)
    alone = model(pixels[:1])["stylized"]
    np.testing.assert_allclose(model(pixels)["stylized"][:1], alone, atol=1e-3)  # of 255


def test_small_enough_for_a_phone():
    assert build_style_transformer(256).count_params() < 400_000


@pytest.mark.parametrize(("side", "proposal"), [(255, 256), (18, 16), (8, 12), (0, 12), (-4, 12)])
def test_sides_that_cannot_be_halved_twice(side, proposal):
    message = f"^expected a side that is a multiple of 4 above 8, received {side}; try {proposal}$"
    with pytest.raises(ValueError, match=message):
        build_style_transformer(side)


def test_the_loss_network_is_frozen_and_lets_gradients_through():
    network = build_loss_network(weights=None)
    pixels = tf.constant(images(32, 48), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        features = network(pixels, training=True)
        loss = tf.reduce_sum(features["content"] ** 2) + tf.reduce_sum(features["style"][-1] ** 2)
    sizes = [(32, 48), (16, 24), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert [layer.shape[1:3] for layer in features["style"]] == sizes
    assert features["content"].shape[1:3] == (4, 6)
    assert np.all(np.isfinite(tape.gradient(loss, pixels))) and not network.trainable_variables
    assert network.count_params() < 400_000  # what comes after the last of these layers is left out


def test_the_loss_network_scales_pixels_as_the_weights_need_it():
    network = build_loss_network(weights=None)
    inner = next(layer for layer in network.layers if isinstance(layer, keras.Model))
    pixels = images(32, 32)
    expected = inner((np.float32(pixels) - 127) / 128, training=False)["content"]
    np.testing.assert_allclose(network(np.float32(pixels))["content"], expected, rtol=1e-4, atol=1e-5)
