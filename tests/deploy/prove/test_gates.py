import dataclasses

import keras
import numpy as np
import pytest

from suite.bundle.rows import ArtifactRow, Latency, MetricValue
from suite.deploy.prove.gates import Reference, judge, max_abs_difference, share_within, weight_bytes
from suite.deploy.prove.judging import decides
from suite.deploy.prove.measure import Measurement
from suite.evaluation.metrics import Metric
from suite.layers import MaxUnpooling2D

ACCURACY = Metric("test_accuracy", lambda outputs, targets: 0.0, tolerance=0.015)
LOSS = Metric("test_loss", lambda outputs, targets: 0.0, tolerance=0.1, higher_is_better=False)
REFERENCE = {"probabilities": np.array([[0.2, 0.8], [0.7, 0.3]], "float32")}


def verdict(
    difference=0.0, variant="float32", metric=(ACCURACY, 0.9, 0.9), size=(4000, 4000), ops=(), error=None
):
    outputs = {} if error else {"probabilities": REFERENCE["probabilities"] + np.float32(difference)}
    definition, value, reference_value = metric
    return judged(
        outputs, Reference(REFERENCE, definition, reference_value), value, variant, size, ops, error
    )


def judged(outputs, reference, value=0.9, precision="float32", size=(4000, 4000), ops=(), error=None):
    row = ArtifactRow("model.tflite", "", bytes=size[0], ops=tuple(ops), metric=MetricValue("m", value))
    return judge(row, Measurement(outputs, Latency(), error), reference, precision, size[1])


def test_good_ones_pass():
    assert verdict() == ("ok", None)
    assert verdict(difference=9e-5) == ("ok", None)
    assert verdict(difference=0.3, variant="int8", size=(1000, 1000), metric=(ACCURACY, 0.886, 0.9)) == (
        "ok",
        None,
    )
    assert verdict(metric=(LOSS, 0.2, 0.5)) == ("ok", None)


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"difference": 2e-4}, "failed", "differs from the Keras model"),
        ({"difference": np.nan}, "failed", "NaN"),
        ({"difference": np.inf, "variant": "int8"}, "skipped", "NaN or infinity"),
        ({"size": (800, 4000)}, "failed", "has 800 bytes where its weights take 4000: weights are missing"),
        ({"size": (700, 1000), "variant": "int8"}, "skipped", "weights are missing"),
        ({"ops": ("ADD", "custom:FlexErf")}, "failed", "custom:FlexErf"),
        ({"ops": ("custom:MaxPoolWithArgmax",)}, "failed", "custom:MaxPoolWithArgmax"),
        ({"error": "exploded"}, "failed", "exploded"),
        ({"variant": "int8", "metric": (ACCURACY, 0.884, 0.9)}, "skipped", "test_accuracy is 0.0160 worse"),
        ({"variant": "int8", "metric": (ACCURACY, np.nan, 0.9)}, "skipped", "worse"),
        ({"variant": "float16", "metric": (LOSS, 0.7, 0.5)}, "skipped", "test_loss is 0.2000 worse"),
    ],
)
def test_each_fault_is_caught(changes, status, reason):
    got = verdict(**changes)
    assert got[0] == status and reason in got[1]


def test_a_reference_that_is_no_number_is_named():
    wrong = {"probabilities": REFERENCE["probabilities"] * np.nan}
    assert judged(REFERENCE, Reference(wrong, ACCURACY, 0.9)) == (
        "failed",
        "the Keras model gives NaN or infinity",
    )


def test_an_output_that_is_lost_is_named():
    reference = Reference({"a": np.zeros((2, 1)), "b": np.zeros((2, 1))}, ACCURACY, 0.9)
    assert judged({"a": np.zeros((2, 1))}, reference) == ("failed", "gives the outputs a in place of a, b")


def test_weights_need_the_bytes_of_their_own_dtypes():
    x = keras.Input((64,))
    model = keras.Model(x, keras.layers.Dense(32)(x))
    assert weight_bytes(model.weights, "float32") == 4 * (64 * 32 + 32)
    assert weight_bytes(model.weights, "float16", added=3) == 2 * (64 * 32 + 32 + 3)
    half = keras.Model(x, keras.layers.Dense(32, dtype="float16")(x))
    assert weight_bytes(half.weights, "float32") == 2 * (64 * 32 + 32)
    assert weight_bytes(half.weights, "dynamic") == 64 * 32 + 32
    model.quantize("int8")
    assert weight_bytes(model.weights, "float32") == 64 * 32 + 4 * 32 + 4 * 32  # kernel, its scale, bias


def test_difference_of_other_names_shapes_and_nan():
    assert max_abs_difference({"a": np.zeros(2)}, {"b": np.zeros(2)}) == np.inf
    assert max_abs_difference({"a": np.zeros(2)}, {"a": np.zeros(3)}) == np.inf
    assert np.isnan(
        max_abs_difference(
            {"a": np.array([0, np.nan]), "b": np.ones(1)}, {"a": np.zeros(2), "b": np.zeros(1)}
        )
    )
    assert max_abs_difference({"a": np.array([1, 2])}, {"a": np.array([1, 5])}) == 3


def test_a_share_of_the_numbers_may_differ_where_the_modeldecides():
    reference = {"a": np.zeros((10, 100))}
    outputs = {"a": reference["a"].copy()}
    outputs["a"][0, :2] = 0.5  # 2 of 1000
    assert share_within(outputs, reference, 1e-4) == 0.998
    whole = Reference(reference, Metric("m", lambda *_: 0.0), 1.0)
    lenient, strict = (dataclasses.replace(whole, parity_share=share) for share in (0.998, 0.999))
    assert judged(outputs, lenient, 1.0, size=(100, 0)) == ("ok", None)
    status, reason = judged(outputs, strict, 1.0, size=(100, 0))
    assert status == "failed"
    assert reason == "differs from the Keras model by 0.5, more than 0.0001 in 0.20% of its numbers"
    assert (
        judged(outputs, whole, 1.0, size=(100, 0))[1]
        == "differs from the Keras model by 0.5, more than 0.0001"
    )


def test_models_that_decide_are_known_by_their_layers():
    features = keras.Input((4, 4, 2))
    pooled = keras.layers.MaxPooling2D()(features)
    inner = keras.Model(features, MaxUnpooling2D()([pooled, features]))
    assert not decides(keras.Model(features, pooled))
    assert decides(inner) and decides(keras.Sequential([keras.Input((4, 4, 2)), inner]))
