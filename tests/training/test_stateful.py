"""Recurrent layers that keep their state from batch to batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.language.streams import parallel_streams
from suite.layers import LSTMCell, Recurrent
from suite.training.loop import fit
from suite.training.reproducibility import set_seed
from suite.training.steps import reset_states


def build() -> keras.Model:
    set_seed(0)
    spread = keras.initializers.RandomNormal(stddev=1, seed=0)
    tokens = keras.Input(batch_shape=(2, None), dtype="int32")
    x = keras.layers.Embedding(7, 4, embeddings_initializer=spread)(tokens)
    x = Recurrent(LSTMCell(6), return_sequences=True, stateful=True)(x)
    return keras.Model(tokens, keras.layers.Dense(7, "softmax", kernel_initializer=spread)(x))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_losses_are_those_of_whole_streams_from_zero(jit_compile):
    """Of the validation after each epoch, and, where nothing is learned, of the epoch itself."""
    ids = np.random.default_rng(0).integers(7, size=2 * 5 * 3 + 1)
    inputs, targets = parallel_streams(ids, 2, 5)
    batches = tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(2)
    streams, following = (x.reshape(3, 2, 5).swapaxes(0, 1).reshape(2, 15) for x in (inputs, targets))
    for rate in (1e-20, 0.5):
        model = build()
        model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
        curves = fit(model, batches, epochs=3, validation=batches, jit_compile=jit_compile)
        reset_states(model)
        probabilities = np.asarray(model(streams))
        nats = -np.log(np.take_along_axis(probabilities, following[..., None], -1)).mean()
        np.testing.assert_allclose(curves["validation_loss"][-1], nats, rtol=1e-5)
        if rate < 0.5:
            np.testing.assert_allclose(curves["train_loss"], [nats] * 3, rtol=1e-5)
        else:
            assert curves["train_loss"][2] < curves["train_loss"][0]


def test_reset_states_leaves_nothing():
    model = build()
    model(np.ones((2, 3), np.int32))
    assert np.any(np.asarray(model.layers[2].states[0]))
    reset_states(model)
    assert not any(np.any(np.asarray(state)) for state in model.layers[2].states)
