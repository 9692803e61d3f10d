"""Random inputs that show what a model does."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from suite.deploy.draws import EXAMPLES, check_fit, constant_outputs, draw_inputs
from suite.deploy.ranges import SIGNED
from suite.deploy.signature import signature_of


def drawn(model, ranges=None, **shapes):
    signature = signature_of(model)
    fixed = {tensor.name: shapes.get(tensor.name, tensor.shape) for tensor in signature.inputs}
    return draw_inputs(model, signature, fixed, ranges or {})


def test_the_first_draw_is_normal():
    x = keras.Input((5,), name="x")
    draw = drawn(keras.Model(x, layers.Dense(2, name="y")(x)))
    assert draw.what == "x normal" and draw.constant == [] and draw.inputs["x"].shape == (EXAMPLES, 5)
    assert draw.inputs["x"].dtype == np.float32 and draw.inputs["x"].min() < -1


def test_a_model_that_is_saturated_or_nan_gets_other_inputs():
    x = keras.Input((2,), name="x")
    saturated = ops.sigmoid(10_000 * (x * x + 1) - 10_000 * 1000)  # it wakes up at 30
    draw = drawn(keras.Model(x, layers.Identity(name="y")(saturated)))
    assert draw.what == "x uniform in [0, 255]" and not draw.constant
    roots = layers.Identity(name="y")(ops.sqrt(x))
    draw = drawn(keras.Model(x, roots))
    assert draw.what == "x uniform in [0, 1]" and 0 <= draw.inputs["x"].min() < draw.inputs["x"].max() <= 1


def test_what_never_varies_is_named_and_what_is_never_a_number_asks_for_examples():
    x = keras.Input((2,), name="x")
    outputs = {"same": ops.tanh(ops.abs(x) * 0 + 30), "other": layers.Dense(2)(x)}
    assert drawn(keras.Model(x, outputs)).constant == ["same"]
    never = layers.Identity(name="y")(ops.sqrt(-1 - x * x))
    message = (
        "^expected inputs that the model answers with numbers, of random ones it makes NaN or infinity; "
        "give real ones with --examples$"
    )
    with pytest.raises(ValueError, match=message):
        drawn(keras.Model(x, never))


def test_ids_are_those_of_the_smallest_table_that_they_go_to():
    ids, more = (keras.Input((6,), dtype="int32", name=name) for name in ("ids", "more"))
    inner = keras.Input((6,), dtype="int32")
    table = keras.Model(inner, layers.Embedding(5, 3)(inner))
    both = layers.concatenate([layers.Embedding(9, 2)(ids), table(ids), layers.Embedding(30, 2)(more)])
    draw = drawn(keras.Model([ids, more], layers.Dense(2, name="y")(layers.Flatten()(both))))
    assert draw.what == "ids in 1 to 4, more in 1 to 29"
    assert set(np.unique(draw.inputs["ids"])) == {1, 2, 3, 4} and draw.inputs["more"].max() > 20


def test_masked_ids_leave_something_to_read():
    """Where 0 is padding, a row of nothing else is a mean of nothing."""
    ids = keras.Input((3,), dtype="int32", name="ids")
    mask = ops.cast(ids > 0, "float32")
    total = ops.sum(layers.Embedding(20, 4)(ids) * mask[..., None], axis=1)
    model = keras.Model(ids, layers.Identity(name="y")(total / ops.sum(mask, axis=1, keepdims=True)))
    draw = drawn(model)
    assert not draw.constant and draw.inputs["ids"].min() > 0


def test_pictures_are_drawn_in_their_range():
    image = keras.Input((4, 4, 3), name="image")
    model = keras.Model(image, layers.Dense(2, name="y")(layers.Flatten()(image)))
    draw = drawn(model, {"image": SIGNED})
    assert draw.what == "image uniform in [-1, 1]" and -1 <= draw.inputs["image"].min() < -0.9


def test_sizes_that_do_not_fit_are_said_in_a_line():
    image = keras.Input((None, None, 3), name="image")
    x = layers.GlobalAveragePooling2D()(layers.MaxPooling2D(4)(layers.Conv2D(2, 3)(image)))
    model = keras.Model(image, layers.Dense(2, name="y")(x))
    check_fit(model, signature_of(model), {"image": (6, 6, 3)})
    message = (
        r"^expected inputs large enough for the model, of image \(5, 5, 3\) nothing is left( in \w+)?; "
        "give a larger --size, or --examples$"
    )
    with pytest.raises(ValueError, match=message):
        check_fit(model, signature_of(model), {"image": (5, 5, 3)})
    x = keras.Input((None,), name="x")
    odd = keras.Model(x, layers.Flatten()(layers.Reshape((3, -1))(x)))
    with pytest.raises(
        ValueError, match=r"^expected inputs that the model takes, of x \(4,\) it says.*--examples$"
    ):
        check_fit(odd, signature_of(odd), {"x": (4,)})


def test_what_varies_less_than_parity_allows_is_constant():
    values = np.linspace(0, 1, 5)[:, None]
    assert constant_outputs({"a": values * 0 + 7, "b": values, "c": 1 + values * 5e-5}) == ["a", "c"]
    assert constant_outputs({"a": values, "big": 1e6 * values}) == ["a"]  # one limit for all, as in the gate


def test_a_batch_that_is_fixed_is_left_to_the_export():
    x = keras.Input(batch_shape=(1, 3), name="x")
    draw = drawn(keras.Model(x, layers.Dense(1, name="y")(x)))
    assert draw.constant == [] and draw.inputs["x"].shape == (EXAMPLES, 3)
