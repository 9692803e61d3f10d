import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.layers.local_response_normalization import LocalResponseNormalization

RNG = np.random.default_rng(0)


def by_definition(x, n, k, alpha, beta):
    """Channel by channel, in float64."""
    y = np.empty(x.shape)
    for c in range(x.shape[-1]):
        neighbors = np.float64(x[..., max(0, c - n // 2) : c + n // 2 + 1])
        y[..., c] = x[..., c] / (k + alpha * np.sum(neighbors**2, axis=-1)) ** beta
    return y


@pytest.mark.parametrize(
    ("n", "k", "alpha", "beta"), [(5, 2, 1e-4, 0.75), (3, 1, 0.5, 0.4), (1, 0.3, 2, 1), (9, 2, 0.1, 0)]
)
def test_against_the_formula(n, k, alpha, beta):
    x = np.float32(3 * RNG.normal(size=(2, 3, 4, 7)))
    received = LocalResponseNormalization(n, k, alpha, beta)(x)
    np.testing.assert_allclose(received, by_definition(x, n, k, alpha, beta), rtol=2e-6)  # measured 4e-7


def test_the_gradient():
    x, direction = np.float32(RNG.normal(size=(2, 1, 1, 2, 6)))
    layer = LocalResponseNormalization(3, 1, 0.5, 0.75)
    with tf.GradientTape() as tape:
        variable = tf.Variable(x)
        loss = tf.reduce_sum(layer(variable) * direction)
    gradient, step = tape.gradient(loss, variable).numpy(), 1e-5
    for index in np.ndindex(x.shape):
        shift = np.zeros(x.shape)
        shift[index] = step
        ends = [np.sum(by_definition(x + sign * shift, 3, 1, 0.5, 0.75) * direction) for sign in (1, -1)]
        np.testing.assert_allclose(gradient[index], (ends[0] - ends[1]) / (2 * step), rtol=1e-4, atol=1e-6)


def test_it_comes_back_from_a_file(tmp_path):
    image = keras.Input((4, 5, 6))
    model = keras.Model(image, LocalResponseNormalization(3, 1.5, 0.2, 0.6)(image))
    model.save(tmp_path / "model.keras")
    x = np.float32(RNG.normal(size=(2, 4, 5, 6)))
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))
    assert loaded.layers[-1].get_config() | {"name": ""} == model.layers[-1].get_config() | {"name": ""}


@pytest.mark.parametrize("settings", [{"n": 4}, {"n": 0}])
def test_an_even_or_empty_neighborhood(settings):
    with pytest.raises(ValueError, match=f"^expected an odd n of at least 1, received {settings['n']}$"):
        LocalResponseNormalization(**settings)


@pytest.mark.parametrize("settings", [{"k": 0}, {"alpha": -1}, {"beta": -0.5}])
def test_numbers_out_of_range(settings):
    with pytest.raises(ValueError, match="^expected k > 0, alpha >= 0 and beta >= 0, received "):
        LocalResponseNormalization(**settings)


def test_not_an_image():
    with pytest.raises(ValueError, match=r"expected \(batch, height, width, channels\), received \(2, 3\)"):
        LocalResponseNormalization()(np.zeros((2, 3), np.float32))
