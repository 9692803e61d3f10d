"""What stands for black and white in an image input."""

import keras
import numpy as np
import pytest
from keras import layers

from suite.deploy.ranges import (
    PIXELS,
    SIGNED,
    UNIT,
    ValueRange,
    implied_range,
    known_range,
    parse_scale,
    seen_range,
)
from suite.deploy.signature import Tensor

FLOATS = Tensor("image", "float32", (4, 4, 3))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, UNIT),
        (0.1, 0.6, UNIT),
        (-1, 1, SIGNED),
        (-0.9, 0.7, SIGNED),
        (0, 255, PIXELS),
        (12, 180, PIXELS),
        (0, 16, None),  # scikit-learn's digits
        (-2.1, 2.6, None),  # standardized
        (-0.5, 0.5, None),
        (0, 0, None),
        (0, 0.2, None),
        (0, 300, None),
        (np.nan, 1, None),
    ],
)
def test_examples_show_their_range_where_they_go_past_its_half(low, high, expected):
    values = np.linspace(low, high, 96, dtype="float32").reshape(2, 4, 4, 3)
    assert seen_range(values) == expected


def test_a_scale_is_two_numbers():
    assert parse_scale("0..1") == UNIT == parse_scale((0, 1)) and parse_scale("-1..1") == SIGNED
    assert parse_scale("-2.1..2.64") == ValueRange(-2.1, 2.64) and parse_scale(None) is None
    for wrong in ("1", "1..0", "0..x", "0..1..2", "nan..1", (1,), 3, "0..inf"):
        with pytest.raises(
            ValueError, match=r"^expected a scale LOW\.\.HIGH, the values of black and white, su"
        ):
            parse_scale(wrong)


def test_pixels_become_values_and_mean_and_deviation_say_the_same():
    pixels = np.array([[[[0, 51, 255]]]], "uint8")
    for each in (UNIT, SIGNED, ValueRange(-2.0, 3.0), PIXELS):
        values = each.values(pixels)
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, (pixels - each.mean) / each.deviation, atol=1e-6)
    np.testing.assert_allclose(SIGNED.values(pixels).ravel(), [-1, -0.6, 1], atol=1e-6)
    by_channel = ValueRange((0.0, -1.0, 0.0), (1.0, 1.0, 255.0))
    np.testing.assert_allclose(by_channel.values(pixels).ravel(), [0, -0.6, 255], atol=1e-6)
    assert (UNIT.mean, UNIT.deviation) == (0, 255) and (SIGNED.mean, SIGNED.deviation) == (127.5, 127.5)
    assert str(SIGNED) == "[-1, 1]" and PIXELS.values(pixels, "uint8").dtype == np.uint8


def augmentation():
    return keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.1)])


def nested():
    inner = keras.Input((8, 8, 3))
    return keras.Model(inner, layers.Conv2D(2, 3)(layers.Rescaling(1 / 255)(inner)))


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (lambda: [layers.Rescaling(1 / 255)], PIXELS),
        (lambda: [layers.Rescaling(1 / 128, offset=-127 / 128)], PIXELS),
        (lambda: [layers.Rescaling(2.0, offset=-1.0)], UNIT),
        (lambda: [layers.Rescaling(255.0)], UNIT),
        (lambda: [layers.Rescaling(0.5, offset=0.5)], SIGNED),
        (lambda: [layers.Rescaling(1.0)], None),
        (lambda: [layers.Rescaling(1 / 16)], None),
        (lambda: [layers.Conv2D(3, 3), layers.Rescaling(1 / 255)], None),
        (lambda: [layers.Normalization(mean=[123.0, 116.0, 103.0], variance=[58.0**2] * 3)], PIXELS),
        (lambda: [layers.Normalization(mean=[0.485, 0.456, 0.406], variance=[0.229**2] * 3)], UNIT),
        (lambda: [layers.Normalization()], None),
        (lambda: [augmentation(), layers.Rescaling(1 / 255)], PIXELS),
        (lambda: [augmentation(), nested()], PIXELS),
    ],
)
def test_the_layer_behind_an_input_says_what_it_is_made_for(first, expected):
    x = image = keras.Input((8, 8, 3), name="image")
    for layer in first():
        x = layer(x)
    assert implied_range(keras.Model(image, layers.Flatten()(x)), image) == expected


def test_two_ways_from_an_input_that_contradict_each_other_say_nothing():
    image = keras.Input((8, 8, 3), name="image")
    both = [layers.Rescaling(1 / 255)(image), layers.Rescaling(2.0, offset=-1.0)(image)]
    assert implied_range(keras.Model(image, both), image) is None
    raw = [layers.Rescaling(1 / 255)(image), layers.Conv2D(2, 3)(image)]
    assert implied_range(keras.Model(image, raw), image) is None


def test_the_user_comes_before_examples_and_examples_before_layers():
    unit = np.linspace(0, 1, 48).reshape(1, 4, 4, 3)
    assert known_range(FLOATS, SIGNED, unit, PIXELS) == (SIGNED, "--scale")
    found, why = known_range(FLOATS, None, unit, PIXELS)
    assert (found, why) == (UNIT, "the examples, though the layer behind it is made for [0, 255]")
    assert known_range(FLOATS, None, unit) == (UNIT, "the examples")
    assert known_range(FLOATS, None, 90 * unit, PIXELS) == (PIXELS, "the layer behind it")  # dark ones
    assert known_range(FLOATS, None, 16 * unit) == (None, "the examples lie in [0, 16]")
    assert known_range(FLOATS) == (None, "nothing says it")
    pixels = FLOATS._replace(dtype="uint8")
    assert known_range(pixels) == (PIXELS, "its dtype") == known_range(pixels, PIXELS)
    with pytest.raises(
        ValueError, match="^expected no --scale, 'image' takes uint8 pixels in .*; leave it out$"
    ):
        known_range(pixels, UNIT)
