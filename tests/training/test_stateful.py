import keras
import numpy as np
import pytest

from suite.language.streams import parallel_streams
from suite.layers import LSTMCell, Recurrent
from suite.training.compiled import CompiledModel
from suite.training.reproducibility import set_seed
from suite.training.stateful import ResetStates, SayLosses, reset_states

SPREAD = keras.initializers.RandomNormal(stddev=1, seed=0)


def build(batch_size: int, kind=CompiledModel) -> keras.Model:
    tokens = keras.Input(batch_shape=(batch_size, None), dtype="int32")
    x = keras.layers.Embedding(7, 4, embeddings_initializer=SPREAD)(tokens)
    x = Recurrent(LSTMCell(6), return_sequences=True, stateful=True)(x)
    return kind(tokens, keras.layers.Dense(7, "softmax", kernel_initializer=SPREAD)(x))


def test_compiled_steps_train_as_others_do_and_keep_the_state():
    set_seed(0)
    ids = np.random.default_rng(0).integers(7, size=2 * 5 * 3 + 1)
    inputs, targets = parallel_streams(ids, 2, 5)
    losses, first = [], build(2)
    for kind in (CompiledModel, keras.Model):
        model = build(2, kind=kind)
        model.set_weights(first.get_weights())
        model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
        history = model.fit(
            inputs,
            targets,
            2,
            3,
            shuffle=False,
            validation_data=(inputs, targets),
            validation_batch_size=2,
            callbacks=[ResetStates()],
            verbose=0,
        ).history
        losses.append(history["loss"] + history["val_loss"])
        # The same loss as through the whole streams from zero.
        streams, following = (x.reshape(3, 2, 5).swapaxes(0, 1).reshape(2, 15) for x in (inputs, targets))
        reset_states(model)
        probabilities = np.asarray(model(streams))
        nats = -np.log(np.take_along_axis(probabilities, following[..., None], -1)).mean()
        np.testing.assert_allclose(history["val_loss"][-1], nats, rtol=1e-5)
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert losses[0][2] < losses[0][0]


def test_reset_states_leaves_other_layers_alone():
    model = build(2)
    model(np.ones((2, 3), np.int32))
    assert np.any(np.asarray(model.layers[2].states[0]))
    reset_states(model)
    assert not np.any(np.asarray(model.layers[2].states[0]))


@pytest.mark.parametrize(("epochs", "lines", "expected"), [(3, 20, [1, 2, 3]), (6, 3, [2, 4, 6])])
def test_losses_are_said_now_and_then(epochs, lines, expected, capsys):
    callback = SayLosses(lines)
    callback.set_params({"epochs": epochs})
    for epoch in range(epochs):
        callback.on_epoch_end(epoch, {"loss": 2.0, "val_loss": 1.23456})
    said = [f"epoch {epoch} of {epochs}: loss 2.000, val_loss 1.235" for epoch in expected]
    assert capsys.readouterr().out.splitlines() == said
