import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.training.loop import TrainingDiverged, train

EPOCHS = 6
X = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 50)


class Killed(BaseException):
    pass


def setting(seed=0):
    keras.utils.set_random_seed(seed)
    x = keras.Input((4,))
    hidden = keras.layers.Dense(6, activation="tanh")(x)
    model = keras.Model(x, keras.layers.Dense(3, activation="softmax")(hidden))
    return model, keras.optimizers.Adam(0.01)


def batches(epoch):
    order = np.random.default_rng(epoch).permutation(50)
    return tf.data.Dataset.from_tensor_slices((X[order], Y[order])).batch(16)


def loss(labels, probabilities):
    return tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, probabilities))


def lower_loss(new, old):
    return new["validation_loss"] < old["validation_loss"]


def run(
    model, optimizer, folder, *, batches=batches, better=lower_loss, epochs=EPOCHS, patience=10, measure=None
):
    def evaluate():
        return {"validation_loss": float(loss(Y, model(X)))}

    return train(
        model, optimizer, loss, batches,
        epochs=epochs, evaluate=measure or evaluate, better=better, patience=patience, folder=folder,
    )  # fmt: skip


def test_equals_keras_fit(tmp_path):
    """The same batches, optimizer and initial weights through Keras' own loop."""
    model, optimizer = setting()
    curves = run(model, optimizer, tmp_path)
    reference, optimizer = setting()
    reference.compile(optimizer, "sparse_categorical_crossentropy")
    losses = [reference.fit(batches(epoch), verbose=0).history["loss"][0] for epoch in range(1, EPOCHS + 1)]
    np.testing.assert_allclose(curves["train_loss"][1:], losses, rtol=1e-6)
    for ours, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("killed_in", [1, 2, 4])
def test_a_killed_run_ends_with_the_same_weights(tmp_path, killed_in):
    whole, optimizer = setting()
    expected = run(whole, optimizer, tmp_path / "whole")

    def killing(epoch):
        yield from batches(epoch).take(2)
        if epoch == killed_in:
            raise Killed
        yield from batches(epoch).skip(2)

    with pytest.raises(Killed):
        run(*setting(), tmp_path / "killed", batches=killing)
    resumed, optimizer = setting(seed=99)  # whatever it starts from is replaced
    curves = run(resumed, optimizer, tmp_path / "killed")
    np.testing.assert_array_equal(curves["validation_loss"], expected["validation_loss"])
    for ours, theirs in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_keeps_the_best_epoch_and_stops_early(tmp_path):
    values = iter([5.0, 4.0, 3.0, 3.5, 3.4, 9.9])
    model, optimizer = setting()
    seen = []

    def measure():
        seen.append([weight.copy() for weight in model.get_weights()])
        return {"validation_loss": next(values)}

    curves = run(model, optimizer, tmp_path, measure=measure, patience=2, epochs=20)
    assert curves["best_epoch"] == [2] and curves["validation_loss"] == [5.0, 4.0, 3.0, 3.5, 3.4]
    for ours, best in zip(model.get_weights(), seen[2], strict=True):
        np.testing.assert_array_equal(ours, best)
    assert len(list(tmp_path.glob("epoch-*.index"))) == 1  # disk use does not grow with the epochs


def test_training_that_does_not_help_leaves_the_weights(tmp_path):
    model, optimizer = setting()
    before = model.get_weights()
    curves = run(model, optimizer, tmp_path, better=lambda new, old: False, patience=2)
    assert curves["best_epoch"] == [0]
    for ours, first in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, first)


def test_divergence_is_an_error(tmp_path):
    model, optimizer = setting()

    def poisoned(epoch):
        return [(tf.constant(X[:8] * np.nan), tf.constant(Y[:8]))]

    with pytest.raises(
        TrainingDiverged, match="expected a finite loss, received nan in epoch 1; lower the rate"
    ):
        run(model, optimizer, tmp_path, batches=poisoned)


def test_half_precision_scales_the_loss(tmp_path):
    """Gradients of 1e-10 vanish in float16 unless the loss is scaled."""
    x = keras.Input((4,))
    policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    hidden = keras.layers.Dense(6, activation="tanh", dtype=policy)(x)
    model = keras.Model(x, keras.layers.Dense(3, activation="softmax", dtype="float32")(hidden))
    before = model.layers[1].get_weights()[0]

    def tiny(labels, probabilities):
        return 1e-9 * loss(labels, probabilities)

    train(
        model, keras.optimizers.SGD(1e8), tiny, batches, epochs=1, patience=1, folder=tmp_path,
        evaluate=lambda: {"validation_loss": 0.0}, better=lambda new, old: True,
    )  # fmt: skip
    assert np.abs(model.layers[1].get_weights()[0] - before).max() > 1e-3
