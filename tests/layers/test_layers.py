import importlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.layers import (
    Attention,
    BatchNormalization,
    BoxesFromDistances,
    Dropout,
    GradientReversal,
    GRUCell,
    InstanceNormalization,
    LocalResponseNormalization,
    LSTMCell,
    MaxUnpooling2D,
    NonMaximumSuppression,
    PenalizedDense,
    Recurrent,
    Sampling,
    SimpleRNNCell,
    TfIdf,
)
from tests.layers import checks, recurrent_checks

CHECKED = (
    "attention",
    "batch_normalization",
    "dropout",
    "gradient_reversal",
    "instance_normalization",
    "max_unpooling",
    "non_maximum_suppression",
    "penalized_dense",
    "recurrent",
    "recurrent_cells",
    "sampling",
)


@pytest.mark.parametrize("name", CHECKED)
def test_against_keras_and_its_definition(name):
    getattr(recurrent_checks if "recurrent" in name else checks, name)(
        importlib.import_module(f"suite.layers.{name}")
    )


def small_model() -> keras.Model:
    image = keras.Input((4, 4, 2), name="image")
    x = BatchNormalization(momentum=0.5, epsilon=0.01, name="normalize")(image)
    x = Dropout(0.25, seed=3)(x)
    return keras.Model(image, keras.layers.Dense(2, name="scores")(keras.layers.Flatten()(x)))


def test_a_keras_file_opens_in_a_fresh_process_with_the_same_answers(tmp_path):
    model = small_model()
    x = checks.random(8, 4, 4, 2)
    model.compile("sgd", "mse")
    model.fit(x, checks.random(8, 2), verbose=0)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    code = """
import sys, keras, numpy as np
import suite.layers
model = keras.models.load_model(sys.argv[1] + "/model.keras")
np.save(sys.argv[1] + "/y.npy", model(np.load(sys.argv[1] + "/x.npy")))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model(x), atol=1e-6)


def test_configs_come_back():
    for layer in (
        BatchNormalization(0.5, 0.01, name="a"),
        Dropout(0.25, seed=3, name="b"),
        MaxUnpooling2D(3, name="c"),
        NonMaximumSuppression(7, 0.4, 0.2, 30, 4, name="d"),
        BoxesFromDistances(name="e"),
        PenalizedDense(3, "kl", 0.5, 0.2, name="f"),
        Sampling(seed=4, name="g"),
        InstanceNormalization(0.01, name="h"),
        TfIdf(30, 7, name="i"),
        GradientReversal(0.25, name="j"),
        Recurrent(SimpleRNNCell(3, "relu", recurrent_initializer="identity"), go_backwards=True, name="k"),
        keras.layers.Bidirectional(Recurrent(LSTMCell(3), return_sequences=True), name="l"),
        GRUCell(4, name="m"),
        Attention(name="n"),
    ):
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
    assert Dropout(0.25, seed=3).get_config()["rate"] == 0.25
    assert BatchNormalization(0.5, 0.01).get_config()["momentum"] == 0.5
    assert InstanceNormalization(0.01).get_config()["epsilon"] == 0.01
    config = SimpleRNNCell(3, "relu", recurrent_initializer="identity").get_config()
    assert config["activation"] == "relu" and "Identity" in str(config["recurrent_initializer"])
    assert GradientReversal(0.25).get_config()["strength"] == 0.25
    assert MaxUnpooling2D(3).get_config()["pool_size"] == 3
    config = PenalizedDense(3, "kl", 0.5, 0.2).get_config()
    assert [config[name] for name in ("penalty", "strength", "rho")] == ["kl", 0.5, 0.2]
    assert Sampling(seed=4).get_config()["seed"] == 4
    config = NonMaximumSuppression(7, 0.4, 0.2, 30, 4).get_config()
    assert [config[name] for name in ("max_detections", "candidates", "rounds")] == [7, 30, 4]


def test_boxes_from_distances():
    distances = np.full((1, 2, 4, 4), 0.1, np.float32)
    distances[0, 1, 3] = (0.2, 0.3, 0.5, 0.05)
    boxes = BoxesFromDistances()(distances)
    np.testing.assert_allclose(boxes[0, 0, 1], (0.15, 0.275, 0.35, 0.475), atol=1e-6)
    np.testing.assert_allclose(boxes[0, 1, 3], (0.55, 0.575, 1, 0.925), atol=1e-6)  # cut at the border


def test_statistics_stay_in_float32_in_mixed_precision():
    layer, x = BatchNormalization(dtype="mixed_float16"), 300 * checks.random(64, 3) + 500
    expected = keras.layers.BatchNormalization()(x, training=True)
    output = layer(x, training=True)
    assert output.dtype == tf.float16 and {w.dtype for w in layer.weights} == {"float32"}
    np.testing.assert_allclose(output, expected, atol=5e-3)  # float16 has 3 decimals
    images = 300 * checks.random(2, 8, 8, 3) + 500
    expected = keras.layers.GroupNormalization(groups=-1, epsilon=1e-5)(images)
    output = InstanceNormalization(dtype="mixed_float16")(images)
    assert output.dtype == tf.float16
    np.testing.assert_allclose(output, expected, atol=5e-3)
    assert Dropout(0.5, dtype="mixed_float16")(x, training=True).dtype == tf.float16


def test_recurrent_layers_train_in_one_graph_in_mixed_precision_and_compiled():
    """The written-out derivative has to survive tf.function, XLA, a dynamic length and float16."""
    x, y = checks.random(8, 5, 3), checks.random(8, 1)
    for settings in ({}, {"jit_compile": True}):
        inputs = keras.Input((None, 3))
        hidden = keras.layers.Bidirectional(Recurrent(LSTMCell(4), return_sequences=True))(inputs)
        model = keras.Model(inputs, keras.layers.Dense(1)(Recurrent(SimpleRNNCell(4))(hidden)))
        model.compile(keras.optimizers.SGD(0.1), "mse", **settings)
        losses = model.fit(x, y, epochs=20, verbose=0).history["loss"]
        assert losses[-1] < 0.8 * losses[0]
    layer = Recurrent(LSTMCell(4), dtype=keras.DTypePolicy("mixed_float16"))
    with tf.GradientTape() as tape:
        output = layer(tf.constant(x), training=True)
    assert output.dtype == tf.float16
    assert all(np.isfinite(g).all() for g in tape.gradient(output, layer.trainable_variables))


@pytest.mark.parametrize(
    ("kind", "arguments", "inputs"),
    [
        (Dropout, (0.5,), checks.random(2, 3)),
        (Sampling, (), [checks.random(2, 3), checks.random(2, 3)]),
        (GradientReversal, (), checks.random(2, 3)),
        (BatchNormalization, (), checks.random(2, 3)),
        (InstanceNormalization, (), checks.random(2, 4, 4, 3)),
        (LocalResponseNormalization, (), checks.random(2, 4, 4, 3)),
        (MaxUnpooling2D, (), [checks.random(2, 2, 2, 3), checks.random(2, 4, 4, 3)]),
        (NonMaximumSuppression, (), [checks.random(2, 5, 4), checks.random(2, 5, 3)]),
        (BoxesFromDistances, (), checks.random(2, 3, 3, 4)),
        (PenalizedDense, (2,), checks.random(2, 3)),
        (TfIdf, (9,), np.ones((2, 3), np.int32)),
    ],
)
def test_a_subclass_is_built(kind, arguments, inputs):
    class Own(kind):
        def build(self, input_shape):
            super().build(input_shape)
            self.own = self.add_weight(shape=(), name="own")

    layer, plain = Own(*arguments), kind(*arguments)
    assert not layer.built
    layer(inputs)
    plain(inputs)
    assert layer.built and plain.built and any(each is layer.own for each in layer.weights)
    assert len(layer.weights) == len(plain.weights) + 1


def test_a_subclass_of_a_cell_is_built():
    class Own(LSTMCell):
        def build(self, input_shape):
            super().build(input_shape)
            self.own = self.add_weight(shape=(), name="own")

    layer = Recurrent(Own(2))
    layer(checks.random(2, 3, 4))
    assert len(layer.weights) == 4


def test_the_same_seed_drops_the_same():
    x = np.ones((50, 50), np.float32)
    first, again, other = (Dropout(0.5, seed=seed)(x, training=True) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_bad_arguments():
    for momentum in (-0.1, 1.0):
        with pytest.raises(ValueError, match=rf"^expected momentum in \[0, 1\), received {momentum}$"):
            BatchNormalization(momentum=momentum)
    with pytest.raises(ValueError, match="^expected epsilon > 0, received 0$"):
        BatchNormalization(epsilon=0)
    with pytest.raises(ValueError, match="^expected epsilon > 0, received 0$"):
        InstanceNormalization(epsilon=0)
    message = r"^expected \(batch, height, width, channels\), received \(2, 3\)$"
    with pytest.raises(ValueError, match=message):
        InstanceNormalization().build((2, 3))
    for rate in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match=rf"^expected rate in \[0, 1\), received {rate}$"):
            Dropout(rate)
    with pytest.raises(ValueError, match="^expected at least 1 unit, received 0$"):
        LSTMCell(0)
    with pytest.raises(ValueError, match="^expected strength >= 0, received -1$"):
        GradientReversal(-1)
    with pytest.raises(ValueError, match="^expected pool_size of at least 2, received 1$"):
        MaxUnpooling2D(1)
    for values, features in (((4, 4, 3), (8, 8, 2)), ((4, 4, 3), (9, 8, 3)), ((4, 5, 3), (8, 8, 3))):
        with pytest.raises(ValueError, match="^expected values 2 times smaller than the features, sides"):
            MaxUnpooling2D()([np.zeros((1, *values)), np.zeros((1, *features))])
    with pytest.raises(
        ValueError, match=r"^expected iou_threshold in \[0, 1\] and score_threshold in \(0, 1\)"
    ):
        NonMaximumSuppression(score_threshold=0)
    with pytest.raises(
        ValueError, match="^expected at least as many candidates as detections, received 5 and"
    ):
        NonMaximumSuppression(max_detections=6, candidates=5)
    for count in (None, 0):
        message = rf"expected a fixed number of boxes, at least 1, received \(None, {count}, 4\); pad them"
        with pytest.raises(ValueError, match=message):
            NonMaximumSuppression()([keras.Input((count, 4)), keras.Input((count, 2))])
    message = r"expected a mask with all axes of the inputs but the last, received \(2, 3\) for \(2, 3\)"
    with pytest.raises(ValueError, match=message):
        BatchNormalization()(np.zeros((2, 3)), mask=np.ones((2, 3), bool))
    with pytest.raises(ValueError, match="^expected a penalty among l1, kl, jacobian or None, received"):
        PenalizedDense(3, "l2")
    for strength, rho in ((-1, 0.5), (1, 0), (1, 1)):
        with pytest.raises(ValueError, match=r"^expected strength >= 0 and rho in \(0, 1\), received"):
            PenalizedDense(3, "kl", strength, rho)
    with pytest.raises(ValueError, match="^expected the activation sigmoid, received 'relu'$"):
        PenalizedDense(3, activation="relu")
