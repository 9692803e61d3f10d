import keras
import numpy as np
import tensorflow as tf

from suite.models.loss_network import build_loss_network

RNG = np.random.default_rng(0)


def images(*sides: int) -> np.ndarray:
    return RNG.integers(0, 256, (2, *sides, 3), dtype=np.uint8)


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
