import keras
import numpy as np
import pytest

from suite.data.row_file import RowFile
from suite.export.signature import Signature, Tensor, call_model, named_inputs, signature_of

TWO = Signature((Tensor("a", "float32", (3,)), Tensor("b", "int32", (None,))), ())


def test_signature_of_a_dict_output():
    x = keras.Input((4,), name="features")
    model = keras.Model(x, {"second": keras.layers.Dense(1)(x), "first": keras.layers.Dense(2)(x)})
    signature = signature_of(model)
    assert signature.inputs == (Tensor("features", "float32", (4,)),)
    assert {t.name: t.shape for t in signature.outputs} == {"first": (2,), "second": (1,)}


def test_signature_of_an_unbuilt_model():
    with pytest.raises(ValueError, match="expected a built functional Keras model, received Sequential"):
        signature_of(keras.Sequential())


def test_unusable_name():
    x = keras.Input((4,), name="my features")
    with pytest.raises(ValueError, match="received 'my features'"):
        signature_of(keras.Model(x, keras.layers.Dense(1)(x)))


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
