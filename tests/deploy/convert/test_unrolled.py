"""Recurrent layers in integers: TensorFlow's calibrator cannot run loops, so each step is written out."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from suite.deploy.convert.files import WRITTEN, Converter
from suite.deploy.convert.saved_model import recurrent_layers, unrolled
from suite.deploy.convert.tflite import CALIBRATED
from suite.deploy.export import Export
from suite.deploy.pipeline import export_model
from suite.layers import GRUCell, LSTMCell, Recurrent, SimpleRNNCell
from suite.runs.recipe import Task

LENGTH = 5


def ours(cell, **settings):
    return Recurrent(cell(4), **settings)


@pytest.mark.parametrize("mask", [False, True])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("cell", [SimpleRNNCell, LSTMCell, GRUCell])
def test_every_step_written_out_gives_the_same(cell, sequences, mask):
    ids = keras.Input((LENGTH,), dtype="int32")
    x = layers.Embedding(9, 3, mask_zero=mask)(ids)
    model = keras.Model(ids, layers.Bidirectional(ours(cell, return_sequences=sequences))(x))
    if cell is GRUCell and sequences and mask:
        pytest.skip("Keras' own loop, unrolled, does not turn the mask of a backward layer round")
    inputs = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8], [0, 1, 0, 2, 3]], np.int32)
    expected = model(inputs)
    with unrolled(model):
        np.testing.assert_allclose(model(inputs), expected, atol=1e-6)
    assert not any(layer.unroll for layer in recurrent_layers(model))


@pytest.mark.parametrize("layer", [lambda: ours(LSTMCell), lambda: layers.GRU(4), lambda: layers.LSTM(4)])
def test_a_recurrent_model_has_an_int8_file(tmp_path, layer):
    sequence = keras.Input((None, 2), name="sequence")
    model = keras.Model(sequence, layers.Dense(1, name="answer")(layer()(sequence)))
    inputs = np.random.default_rng(0).normal(size=(40, LENGTH, 2)).astype(np.float32)
    item = Export(model, inputs, calibration=inputs, task=Task.TENSORS)
    rows = {row.path: row for row in export_model(item, tmp_path)}
    row = rows["model_int8.tflite"]
    assert row.status == "ok", row.reason
    assert row.metric.value > 0.99  # measured 0.998 to 1.000 over nine draws


class Loop(layers.Layer):
    """A loop that is no recurrent layer's."""

    def call(self, x):
        return tf.while_loop(lambda index, _: index < 3, lambda index, y: (index + 1, y * 1.1), (0, x))[1]


def test_another_loop_is_told_and_never_calibrated(tmp_path):
    """TensorFlow's calibrator would end the whole process."""
    sequence = keras.Input((LENGTH, 2), name="sequence")
    model = keras.Model(sequence, Loop(name="answer")(layers.GRU(4)(sequence)))
    inputs = np.zeros((8, LENGTH, 2), np.float32)
    item = Export(model, inputs, calibration=inputs, task=Task.TENSORS)
    converter = Converter(item, tmp_path, tmp_path / "work", {"sequence": inputs}, {"sequence": inputs})
    (tmp_path / "work").mkdir()
    assert converter.tflite_file("float32").status == WRITTEN
    for variant in CALIBRATED:  # the second finds nothing that the first has left
        row = converter.tflite_file(variant)
        assert row.status == "skipped" and "does not support WHILE" in row.reason
