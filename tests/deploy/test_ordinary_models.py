"""Models as people build them, through the writers of all formats, against Keras in each runtime."""

import keras
import numpy as np
import onnx
import pytest
from keras import layers, ops

from suite.deploy.convert.onnx import save_onnx
from suite.deploy.convert.saved_model import as_float32, weights_in_use
from suite.deploy.exports.steps import exported_artifacts
from suite.deploy.runtime import load_artifact
from suite.deploy.signature import call_model, signature_of


def sequential():
    image = keras.Input((12, 12, 1), name="pixels")
    convolution = layers.Conv2D(4, 3, activation="relu")
    return keras.Sequential([image, convolution, layers.MaxPooling2D(), layers.Flatten(), layers.Dense(3)])


def nested_sequential():
    image = keras.Input((8, 8, 3), name="image")
    body = keras.Sequential([layers.Conv2D(4, 3, activation="gelu"), layers.GlobalAveragePooling2D()])
    return keras.Model(image, keras.Sequential([keras.Input((4,)), layers.Dense(2)])(body(image)))


def exact_gelu_and_relatives():
    x = keras.Input((6,), name="x")
    buckets = layers.Discretization([-0.5, 0.0, 1.0])(x)
    gelu = ops.gelu(x, approximate=False)
    found = {"gelu": gelu, "celu": ops.celu(x), "expm1": ops.expm1(x), "log1p": ops.log1p(ops.abs(x))}
    return keras.Model(x, found | {"buckets": buckets})


def grouped_convolutions():
    image = keras.Input((9, 9, 4), name="image")
    x = layers.Conv2D(8, 3, groups=2, strides=2, padding="same")(image)
    return keras.Model(
        image, [layers.Conv2D(8, 3, groups=4)(x), layers.DepthwiseConv2D(3, depth_multiplier=2)(x)]
    )


def constants():
    x = keras.Input((3,), name="x")
    return keras.Model(x, layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0])(x))


def preprocessing_of_applications():
    image = keras.Input((4, 5, 3), dtype="uint8", name="image")
    pixels = layers.Rescaling(1.0)(image)
    known = keras.applications
    sizes = {known.vgg16: 256, known.densenet: 1, known.mobilenet: 1}  # of what comes out
    return keras.Model(
        image, {each.__name__: each.preprocess_input(pixels) / size for each, size in sizes.items()}
    )


def shared_layer_and_states():
    left, right = keras.Input((4, 3), name="left"), keras.Input((4, 3), name="right")
    encode = layers.GRU(5, return_state=True, return_sequences=True, name="encode")
    return keras.Model([left, right], [*encode(left), *encode(right)])


def awkward_names():
    inputs = [keras.Input((4,), name=name) for name in ("self", "_x", "größe 1-b", "输入")]
    a, b, c, d = (layers.Dense(2)(each) for each in inputs)
    return keras.Model(inputs, {"name": a, "in": b, "x/y": {"z": [c, inputs[0]]}, "self": d, "1": d})


def a_batch_of_eight():
    x = keras.Input(batch_shape=(8, 6), name="x")
    return keras.Model(x, layers.Dense(3)(layers.Reshape((3, 2))(x)))


def vectors_added_to_convolutions():
    image = keras.Input((7, 7, 3), name="image")
    x = layers.Conv2D(4, 3)(image) + np.arange(4, dtype="float32")
    return keras.Model(
        image, layers.Activation("linear")(layers.Conv2D(5, 2)(x)) - np.arange(5.0, dtype="float32")
    )


def columns_added_to_sequences():
    x = keras.Input((5, 3), name="x")
    positions = ops.cast(ops.arange(5), "float32")[None, :, None]
    return keras.Model(x, layers.Conv1D(4, 2)(x + positions))


MODELS = (
    sequential,
    nested_sequential,
    exact_gelu_and_relatives,
    grouped_convolutions,
    constants,
    preprocessing_of_applications,
    shared_layer_and_states,
    awkward_names,
    a_batch_of_eight,
    vectors_added_to_convolutions,
    columns_added_to_sequences,
)


def inputs_of(model, examples=3):
    generator = np.random.default_rng(5)
    return {
        tensor.name: generator.normal(size=(examples, *tensor.shape)).astype(tensor.dtype)
        for tensor in signature_of(model).inputs
    }


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_every_format_gives_every_output_of(build, tmp_path):
    keras.utils.set_random_seed(3)
    model = build()
    inputs = inputs_of(model)
    expected = {name: np.asarray(value) for name, value in call_model(model, inputs).items()}
    assert len(expected) == len(model.outputs)
    for name, artifact in exported_artifacts(model, tmp_path).items():
        outputs = artifact.predict(inputs)
        assert set(outputs) == set(expected), name
        for output, values in expected.items():
            assert values.std() > 0.01  # an answer that varies
            np.testing.assert_allclose(outputs[output], values, atol=1e-5, err_msg=f"{name} {output}")
    proto = onnx.load(str(tmp_path / "model.onnx"))
    onnx.checker.check_model(proto, full_check=True)
    assert {each.name for each in proto.graph.input} == set(inputs)


def test_weights_of_a_branch_that_nobody_reads_are_not_missed():
    inner = keras.Input((6,))
    two = keras.Model(inner, [layers.Dense(3, name="read")(inner), layers.Dense(50, name="unread")(inner)])
    x = keras.Input((6,), name="x")
    model = keras.Model(x, layers.Dense(2, name="y")(two(x)[0]))
    assert [weight.path.split("/")[-2] for weight in weights_in_use(model)] == ["read", "read", "y", "y"]
    assert len(model.weights) == 6


def nested_backbone():
    inner = keras.Input((8, 8, 3))
    backbone = keras.Model(inner, layers.BatchNormalization()(layers.Conv2D(4, 3)(inner)), name="backbone")
    image = keras.Input((8, 8, 3), name="image")
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling2D()(backbone(image))))


def wrappers():
    x = keras.Input((5, 4), name="x")
    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    return keras.Model(x, layers.TimeDistributed(layers.Dense(3))(y))


def functions():
    x = keras.Input((10,), name="x")
    return keras.Model(x, ops.cast(ops.relu(layers.Dense(4)(x)) * 2.0 + 1.0, "float16"))


def in_a_sequence():
    return keras.Sequential(
        [keras.Input((6,), name="x"), layers.Dense(8, activation="tanh"), layers.Dense(2)]
    )


def adapted():
    x = keras.Input((6,), name="x")
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(3, 2, (50, 6)))
    return keras.Model(x, layers.Dense(2)(layer(x)))


def half_inputs():
    x = keras.Input((6,), dtype="float16", name="x")
    return keras.Model(x, layers.Dense(2, dtype="float16")(x))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize(
    "build",
    [nested_backbone, wrappers, functions, in_a_sequence, half_inputs, adapted],
    ids=lambda build: build.__name__,
)
def test_other_floats_become_float32_everywhere_with_their_weights(build, policy):
    keras.utils.set_random_seed(4)
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_global_policy(policy)
    try:
        model = build()
    finally:
        keras.mixed_precision.set_global_policy(before)
    copy = as_float32(model)
    assert copy is not model and as_float32(copy) is copy
    assert all(layer.compute_dtype == "float32" for layer in copy._flatten_layers())
    assert all(tensor.dtype == "float32" for tensor in (*copy.inputs, *copy.outputs))
    inputs = inputs_of(copy, examples=8)
    values, halves = (
        (np.asarray(value, "float32") for value in call_model(each, inputs).values())
        for each in (copy, model)
    )
    for value, half in zip(values, halves, strict=True):
        assert value.std() > 0.05
        # Rounding to 8 (bfloat16) or 11 bits of some products.
        np.testing.assert_allclose(value, half, atol={"mixed_bfloat16": 0.05, "mixed_float16": 0.01}[policy])


def test_onnx_has_grouped_convolutions_of_volumes(tmp_path):
    keras.utils.set_random_seed(3)
    volume = keras.Input((4, 5, 4, 4), name="volume")
    x = layers.Conv3D(6, 2, groups=2)(volume)
    model = keras.Model(volume, layers.Conv3D(5, 2, strides=2, padding="same", name="y")(x))
    save_onnx(model, tmp_path / "model.onnx")
    inputs = inputs_of(model)
    found = load_artifact(tmp_path / "model.onnx").predict(inputs)["y"]
    np.testing.assert_allclose(found, np.asarray(model(inputs["volume"])), atol=1e-5)
