"""The network of `style_transfer`, which stands in the recipe."""

import keras
import numpy as np

from suite.lessons.catalog import load_recipe

RNG = np.random.default_rng(0)


def build(side: int | None, filters: tuple[int, int, int] = (2, 3, 4), blocks: int = 1) -> keras.Model:
    return load_recipe("style_transfer").build_network(side, filters, blocks)


def images(*sides: int) -> np.ndarray:
    return RNG.integers(0, 256, (2, *sides, 3), dtype=np.uint8)


def test_pixels_in_pixels_out():
    model = build(16)
    assert model.input.shape == (None, 16, 16, 3) and model.input.dtype == "uint8"
    assert model.input.name == "image" and list(model.output) == ["stylized"]
    stylized = model(images(16, 16))["stylized"].numpy()
    assert stylized.shape == (2, 16, 16, 3) and stylized.dtype == np.float32
    assert stylized.min() >= 0 and stylized.max() <= 255 and stylized.std() > 1


def test_the_weights_serve_every_size():
    small, large = (build(side) for side in (12, None))
    small.set_weights(large.get_weights())
    pixels = images(12, 12)
    np.testing.assert_array_equal(small(pixels)["stylized"], large(pixels)["stylized"])
    assert large(images(12, 20))["stylized"].shape == (2, 12, 20, 3)


def test_an_image_does_not_depend_on_the_others_of_its_batch():
    model, pixels = build(12), images(12, 12)
    alone = model(pixels[:1])["stylized"]
    np.testing.assert_allclose(model(pixels)["stylized"][:1], alone, atol=1e-3)  # of 255


def test_small_enough_for_a_phone():
    assert build(256, (16, 32, 48), 4).count_params() < 400_000
