import keras
import numpy as np
import pytest

from suite.data.row_file import RowFile
from suite.deploy.signature import Signature, Tensor, call_model, named_inputs, renamed, signature_of

TWO = Signature((Tensor("a", "float32", (3,)), Tensor("b", "int32", (None,))), ())


def test_signature_of_a_dict_output():
    x = keras.Input((4,), name="features")
    model = keras.Model(x, {"second": keras.layers.Dense(1)(x), "first": keras.layers.Dense(2)(x)})
    signature = signature_of(model)
    assert signature.inputs == (Tensor("features", "float32", (4,)),)
    assert {t.name: t.shape for t in signature.outputs} == {"first": (2,), "second": (1,)}


def test_an_unbuilt_sequential_model_is_told_the_mend():
    with pytest.raises(
        ValueError, match="received Sequential 'bare' that knows no input shape; put keras.Input"
    ):
        signature_of(keras.Sequential([keras.layers.Dense(3)], name="bare"))


def test_a_subclassed_model_is_told_the_mend():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match="received Own, whose graph .* to keras.Model\\(inputs, outputs\\)"):
        signature_of(Own())


def test_strings_are_told_the_mend():
    x = keras.Input((1,), dtype="string", name="text")
    with pytest.raises(
        ValueError, match="received strings \\('text'\\).* export the part of the model behind"
    ):
        signature_of(keras.Model(x, keras.layers.StringLookup(vocabulary=["a"])(x)))


def names_of(model):
    return tuple([tensor.name for tensor in tensors] for tensors in signature_of(model))


def test_every_output_of_one_layer_has_a_name():
    x = keras.Input((5, 3), name="x")
    states = keras.layers.LSTM(4, return_sequences=True, return_state=True, name="lstm")(x)
    other = keras.layers.Dense(2, name="lstm_1")(states[0])
    assert names_of(keras.Model(x, [*states, other])) == (["x"], ["lstm", "lstm_2", "lstm_3", "lstm_1"])


def test_one_tensor_given_twice_and_an_input_passed_through():
    x = keras.Input((4,), name="x")
    y = keras.layers.Dense(2, name="y")(x)
    model = keras.Model(x, [y, y, x])
    assert names_of(model) == (["x"], ["y", "y_1", "x_1"])
    outputs = call_model(model, {"x": np.eye(2, 4, dtype="float32")})
    np.testing.assert_array_equal(outputs["y"], outputs["y_1"])
    np.testing.assert_array_equal(outputs["x_1"], np.eye(2, 4))


def test_nested_outputs_have_the_keys_that_lead_to_them():
    x = keras.Input((4,), name="x")
    a, b, c = (keras.layers.Dense(units)(x) for units in (1, 2, 3))
    model = keras.Model(x, {"heads": {"a": a, "b": [b, c]}, "x": x})
    signature = signature_of(model)
    assert {tensor.name: tensor.shape for tensor in signature.outputs} == {
        "heads_a": (1,), "heads_b_0": (2,), "heads_b_1": (3,), "x_1": (4,)
    }  # fmt: skip
    assert renamed(model, signature) == ["output 'x' is called 'x_1'"]


def test_illegal_names_become_legal_ones():
    inputs = [keras.Input((4,), name=name) for name in ("in", "_in", "größe 1")]
    model = keras.Model(inputs, keras.layers.Add(name="lambda")(inputs))
    signature = signature_of(model)
    assert [tensor.name for tensor in signature.inputs + signature.outputs] == [
        "in_",
        "in__1",
        "groe_1",
        "lambda_",
    ]
    assert renamed(model, signature)[0] == "input 'in' is called 'in_'"


def test_a_sequential_model_is_called_like_any_other():
    features = keras.Input((4,), name="features")
    model = keras.Sequential([features, keras.layers.Dense(3, name="y")], name="stack")
    assert names_of(model) == (["features"], ["y"])
    x = np.eye(4, dtype="float32")
    np.testing.assert_allclose(call_model(model, {"features": x})["y"], model.layers[-1].kernel, atol=1e-6)


def test_a_sequential_model_that_was_built_by_a_call_takes_any_batch():
    model = keras.Sequential([keras.layers.Dense(3, name="y")])
    model(np.zeros((8, 4), "float32"))
    (name,), _ = names_of(model)
    assert signature_of(model).inputs[0].shape == (4,)
    assert call_model(model, {name: np.zeros((2, 4), "float32")})["y"].shape == (2, 3)


def test_inputs_by_order_and_by_name():
    a, b = np.zeros((2, 3), "float32"), np.zeros((2, 7), "int32")
    assert named_inputs(TWO, [a, b])["b"] is b
    assert list(named_inputs(TWO, {"b": b, "a": a})) == ["a", "b"]
    assert named_inputs(TWO, [a.astype("float64"), b.astype("int64")])["a"].dtype == "float32"


def test_inputs_in_a_file():
    rows = RowFile.temporary((2, 3), np.float64)
    rows.write(0, np.ones((2, 3)))
    given = named_inputs(TWO, [rows, np.zeros((2, 7), "int32")])["a"]
    assert given.dtype == np.float32
    np.testing.assert_array_equal(given, np.ones((2, 3)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": np.zeros((2, 3), "float32")}, "expected inputs named a, b, received a"),
        (
            [np.zeros((2, 4), "float32"), np.zeros((2, 7), "int32")],
            r"expected input 'a' of shape \('batch', 3\)",
        ),
        ([np.zeros((2, 3), "float32"), np.zeros((2, 7), "float32")], "expected input 'b' of dtype int32"),
        ([np.zeros((2, 3), "float32"), np.zeros((5, 7), "int32")], "received a 2, b 5"),
    ],
)
def test_inputs_that_do_not_fit(values, message):
    with pytest.raises(ValueError, match=message):
        named_inputs(TWO, values)


def test_models_built_with_a_dict_of_inputs():
    a, b = keras.Input((1,), name="a"), keras.Input((1,), name="b")
    model = keras.Model({"second": b, "first": a}, keras.layers.Subtract(name="difference")([a, b]))
    outputs = call_model(model, {"a": np.float32([[5]]), "b": np.float32([[2]])})
    assert np.asarray(outputs["difference"]).tolist() == [[3]]
