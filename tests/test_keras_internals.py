"""Each private part of Keras and TensorFlow does what the suite needs it for."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from suite import keras_internals
from suite.layers import Recurrent, SimpleRNNCell


@pytest.fixture
def nested():
    """A dense layer that two models call, inside a model that has a recurrent cell, too."""
    shared = keras.layers.Dense(3, name="shared")
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    other, inner = keras.Model(y, shared(y), name="other"), keras.Model(x, shared(x), name="inner")
    outer_input = keras.Input((2, 4), name="outer_input")
    states = Recurrent(SimpleRNNCell(4, name="cell"), name="recurrent")(outer_input)
    outer = keras.Model(outer_input, inner(states), name="outer")
    return outer, inner, other, shared


def test_layers_of__those_inside_of_others_but_not_the_model(nested):
    outer, *_ = nested
    names = {layer.name for layer in keras_internals.layers_of(outer)}
    assert names >= {"outer_input", "recurrent", "cell", "inner", "x", "shared"}
    assert not names & {"outer", "other", "y"}


def test_producer_of_and_calls_of__lead_from_an_output_to_the_inputs_of_its_own_call(nested):
    _, inner, other, shared = nested
    for model, call in ((other, 0), (inner, 1)):
        assert keras_internals.producer_of(model.outputs[0]) == (shared, call)
        node = keras_internals.calls_of(shared)[call]
        assert node.input_tensors[0] is model.inputs[0] and node.output_tensors[0] is model.outputs[0]
    assert keras_internals.producer_of(inner.inputs[0])[0].name == "x"


def test_freeze__holds_the_values_of_the_moment():
    weight = tf.Variable([2.0, 3.0])
    double = tf.function(lambda x: weight * x, input_signature=[tf.TensorSpec((2,))])
    frozen = keras_internals.freeze(
        double.get_concrete_function(), lower_control_flow=False, aggressive_inlining=True
    )
    weight.assign([0.0, 0.0])
    np.testing.assert_array_equal(frozen(tf.constant([1.0, 10.0]))[0], [2, 30])
    assert not frozen.variables and "Const" in {node.op for node in frozen.graph.as_graph_def().node}


def test_graph_function__can_be_pruned_by_the_names_of_tensors():
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, (2,), name="x")
        tf.identity(tf.add(x, 1.0, name="more") * 3, name="unused")
    wrapped = keras_internals.graph_function(graph.as_graph_def())
    tensor = wrapped.graph.get_tensor_by_name
    more = wrapped.prune([tensor("x:0")], {"more": tensor("more:0")})
    np.testing.assert_array_equal(more(tf.constant([1.0, 2.0]))["more"], [2, 3])


def test_quantize_but__leaves_out_what_is_chosen_by_name():
    double = tf.function(lambda x: tf.tanh(x) * 2, input_signature=[tf.TensorSpec((1, 4), name="x")])
    rows = np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 1, 4)

    def quantized(chosen):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([double.get_concrete_function()])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([row] for row in rows)
        content = keras_internals.quantize_but(converter, lambda flatbuffer: chosen)
        tensors = tf.lite.Interpreter(model_content=content).get_tensor_details()
        return {each["dtype"] for each in tensors if each["name"] == "Tanh"}

    assert quantized(set()) == {np.int8}
    assert quantized({"Tanh"}) == {np.float32}


def test_of_any_size__hides_the_size_of_the_first_axis_alone():
    shapes = []

    @tf.function
    def double(x):
        hidden = keras_internals.of_any_size(x)
        shapes.append(hidden.shape.as_list())
        return 2 * hidden

    np.testing.assert_array_equal(double(tf.ones((3, 2))), np.full((3, 2), 2.0))
    assert shapes == [[None, 2]]


def test_traced_operations__grow_while_a_function_is_traced():
    kinds = []

    @tf.function
    def trace(x):
        before = keras_internals.traced_operations()
        y = tf.sin(x)
        kinds.extend(each.type for each in keras_internals.traced_operations()[len(before) :])
        return y

    trace(tf.constant(1.0))
    assert kinds == ["Sin"]


@pytest.mark.parametrize(
    ("builder", "expected"),
    [
        (keras.applications.MobileNetV2, [-1, 0, 1]),
        (keras.applications.EfficientNetB0, [0, 127.5, 255]),  # scales inside of the model
        (keras.applications.VGG16, [-103.939, 127.5 - 116.779, 255 - 123.68]),  # blue, green, red
    ],
)
def test_preprocessing_of__is_that_of_the_model(builder, expected):
    preprocess = keras_internals.preprocessing_of(builder)
    pixels = np.array([[[[0, 127.5, 255]]]], np.float32)
    given = pixels[..., ::-1] if builder is keras.applications.VGG16 else pixels
    np.testing.assert_allclose(np.ravel(preprocess(given.copy())), expected, atol=1e-3)
