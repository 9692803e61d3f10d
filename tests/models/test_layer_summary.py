import keras
import numpy as np
import pytest
from keras import layers

from suite import models
from suite.backprop.convolution import output_size
from suite.models.layer_summary import (
    convolution_parameters,
    dense_parameters,
    describe_layers,
    measure_receptive_field,
    multiplications,
)

RNG = np.random.default_rng(0)


def model_of(*stack, size=(40, 40, 2)) -> keras.Model:
    image = x = keras.Input(size)
    for layer in stack:
        x = layer(x)
    return keras.Model(image, x, name="stack")


def test_multiplications_count_a_kernel_once_for_each_place():
    model = model_of(
        layers.Conv2D(4, 3), layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(7), size=(10, 8, 2)
    )
    assert multiplications(model) == (8 * 6) * (3 * 3 * 2 * 4) + (4 * 3 * 4) * 7


def random_layer():
    kernel, stride = int(RNG.integers(1, 5)), int(RNG.integers(1, 3))
    padding = str(RNG.choice(["same", "valid"]))
    choices = (
        lambda: layers.Conv2D(3, kernel, stride, padding, activation="relu"),
        lambda: layers.Conv2D(3, (kernel, 1), padding=padding, dilation_rate=2),
        lambda: layers.DepthwiseConv2D(kernel, padding=padding),
        lambda: layers.SeparableConv2D(2, kernel, stride, padding),
        lambda: layers.MaxPooling2D(2, stride, padding),
        lambda: layers.AveragePooling2D(3, stride, padding),
        lambda: layers.BatchNormalization(),
        lambda: layers.ReLU(),
        lambda: layers.ZeroPadding2D(1),
        lambda: layers.Cropping2D(1),
    )
    return choices[RNG.integers(len(choices))]()


@pytest.mark.parametrize("case", range(12))
def test_the_receptive_field_is_that_of_the_derivative(case):
    model = model_of(*(random_layer() for _ in range(3)), size=(31, 34, 2))
    for row in describe_layers(model):
        if max(row.receptive_field) <= 15:  # else the border may cut it off
            assert measure_receptive_field(model, row.name) == row.receptive_field, row


def test_the_widest_branch_counts_and_steps_multiply():
    image = keras.Input((40, 40, 1))
    x = layers.Conv2D(4, 3, padding="same")(image)
    x = layers.MaxPooling2D(2)(x)
    branch = layers.Conv2D(4, 5, padding="same")(x)
    x = layers.Add(name="both")([x, branch])
    x = layers.UpSampling2D(2, name="up")(x)
    model = keras.Model(image, layers.Flatten(name="flat")(x))
    rows = {row.name: row for row in describe_layers(model)}
    assert rows["both"].receptive_field == (12, 12) == measure_receptive_field(model, "both")
    assert rows["both"].strides == (2, 2) and rows["up"].strides == (1, 1)
    assert rows["flat"].receptive_field is None


def test_a_transposed_convolution():
    model = model_of(
        layers.Conv2D(2, 3, 2, "same"), layers.Conv2DTranspose(2, 4, 2, "same", name="up"), size=(32, 32, 1)
    )
    row = describe_layers(model)[-1]
    assert row.receptive_field == (5, 5) == measure_receptive_field(model, "up") and row.strides == (1, 1)


def test_models_within_models_and_parameters():
    inner = model_of(layers.Conv2D(4, 3, name="inside"), size=(None, None, 2))
    model = model_of(inner, layers.GlobalAveragePooling2D(), layers.Dense(3), size=(9, 9, 2))
    rows = describe_layers(model)
    assert [row.name for row in rows][:1] == ["stack/inside"]
    assert [row.parameters for row in rows] == [(3 * 3 * 2 + 1) * 4, 0, (4 + 1) * 3]
    assert sum(row.parameters for row in rows) == model.count_params()
    assert [row.receptive_field for row in rows] == [(3, 3), None, None]


def test_sequences_have_one_axis():
    model = model_of(layers.Conv1D(3, 5, name="a"), layers.MaxPooling1D(2, name="b"), size=(20, 2))
    assert [row.receptive_field for row in describe_layers(model)] == [(5,), (6,)]
    assert measure_receptive_field(model, "b") == (6,)


def test_the_calculators_agree_with_keras():
    for _ in range(50):
        height, width, channels, filters, stride, units = map(int, RNG.integers(1, 9, 6))
        kernel, use_bias = tuple(map(int, RNG.integers(1, 5, 2))), bool(RNG.integers(2))
        padding = int(RNG.integers(0, 3))
        if max(kernel) > min(height, width) + 2 * padding:
            continue
        model = model_of(
            layers.ZeroPadding2D(padding),
            convolution := layers.Conv2D(filters, kernel, stride, use_bias=use_bias),
            dense := layers.Dense(units, use_bias=use_bias),
            size=(height, width, channels),
        )
        sizes = [output_size(s, k, stride, padding) for s, k in zip((height, width), kernel, strict=True)]
        assert model.output_shape[1:3] == tuple(sizes)
        assert convolution.count_params() == convolution_parameters(
            kernel, channels, filters, use_bias=use_bias
        )
        assert dense.count_params() == dense_parameters(filters, units, use_bias=use_bias)


def test_it_prints_a_table(capsys):
    models.summary(model_of(layers.Conv2D(4, 3, 2, name="first")))
    text = capsys.readouterr().out
    assert "stack: 76 parameters" in text and "first" in text and "19 x 19 x 4" in text and "3 x 3" in text


def test_not_a_functional_model():
    with pytest.raises(ValueError, match="^expected a built functional Keras model, received Sequential$"):
        models.summary(keras.Sequential())
