"""Masks in whole models: what is masked is as in Keras' layers with the same weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from suite.layers import Attention, BatchNormalization, GRUCell, LSTMCell, Recurrent, SimpleRNNCell
from tests.layers.checks import MASK, close, random

IDS = np.where(MASK, np.random.default_rng(0).integers(1, 9, MASK.shape), 0).astype(np.int32)
CELLS = {
    "simple": (SimpleRNNCell, layers.SimpleRNN, {}),
    "lstm": (LSTMCell, layers.LSTM, {}),
    "gru": (GRUCell, layers.GRU, {"reset_after": False}),
}


def tagger(make) -> keras.Model:
    """Two bidirectional layers and one on top, on sequences that begin and end with padding."""
    ids = keras.Input((None,), dtype="int32")
    x = layers.Embedding(9, 3, mask_zero=True)(ids)
    x = layers.Bidirectional(make(4, return_sequences=True))(x)
    x = layers.Bidirectional(make(4, return_sequences=True), merge_mode="sum")(x)
    return keras.Model(ids, [x, make(3)(x), layers.Bidirectional(make(3))(x)])


@pytest.mark.parametrize("name", CELLS)
def test_masked_bidirectional_stacks_equal_keras(name):
    cell, keras_layer, settings = CELLS[name]
    ours = tagger(lambda units, **more: Recurrent(cell(units), **more))
    theirs = tagger(lambda units, **more: keras_layer(units, **more, **settings))
    ours.set_weights([random(*weight.shape, seed=i) for i, weight in enumerate(ours.weights)])
    order = cell(1)
    theirs.set_weights(
        [
            weight.numpy() if "embedding" in weight.path else order.in_keras_order(weight.value).numpy()
            for weight in ours.weights
        ]
    )
    for training in (False, True):
        for mine, other in zip(ours(IDS, training=training), theirs(IDS, training=training), strict=True):
            close(mine, other)


@pytest.mark.parametrize("backwards", [False, True])
def test_states_are_carried_over_masked_steps(backwards):
    weights, outputs = None, []
    for make in (lambda **more: Recurrent(LSTMCell(5), **more), lambda **more: layers.LSTM(5, **more)):
        layer = make(stateful=True, return_sequences=True, go_backwards=backwards)
        layer.build((4, 6, 3))
        weights = weights or [random(*weight.shape, seed=7) for weight in layer.trainable_weights]
        own = weights if isinstance(layer, Recurrent) else map(LSTMCell(5).in_keras_order, weights)
        for variable, value in zip(layer.trainable_weights, own, strict=True):
            variable.assign(value)
        outputs.append([layer(random(4, 6, 3, seed=seed), mask=tf.constant(MASK)) for seed in range(3)])
    for mine, other in zip(*outputs, strict=True):
        close(mine, other)


def test_cells_in_a_stack_of_keras():
    stack = Recurrent(layers.StackedRNNCells([LSTMCell(4), GRUCell(3)]), return_sequences=True)
    x = tf.constant(random(4, 6, 3))
    received = stack(x, mask=tf.constant(MASK))
    one_by_one = x
    for cell in stack.cell.cells:
        layer = Recurrent(cell, return_sequences=True)
        one_by_one = layer(one_by_one, mask=tf.constant(MASK))
    close(received[:, 1:], one_by_one[:, 1:])


def test_padding_changes_no_statistics_of_a_model():
    ids = keras.Input((None,), dtype="int32")
    embedded = layers.Embedding(9, 3, mask_zero=True)
    normalize = BatchNormalization(momentum=0.0)
    model = keras.Model(ids, Recurrent(LSTMCell(2))(normalize(embedded(ids))))
    model(IDS, training=True)
    expected = np.asarray(embedded(IDS))[MASK]
    close(normalize.moving_mean, expected.mean(axis=0))
    close(normalize.moving_variance, expected.var(axis=0))
    before = normalize.moving_mean.numpy()
    model(np.pad(IDS, ((0, 0), (0, 7))), training=True)
    close(normalize.moving_mean, before)


def test_attention_heeds_the_mask_of_its_memory():
    ids, queries = keras.Input((None,), dtype="int32"), keras.Input((2, 3))
    memory = layers.Embedding(9, 3, mask_zero=True)(ids)
    attention = Attention()
    model = keras.Model([ids, queries], attention(queries, memory))
    _, weights = model([IDS[:3], random(3, 2, 3)])
    assert np.all(weights.numpy()[~np.broadcast_to(MASK[:3, None], weights.shape)] == 0)
    close(np.sum(weights, axis=-1), np.ones((3, 2)))
