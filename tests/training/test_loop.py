import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.training.loop import TrainingDivergedError, epochs_for, fit, higher, lower
from suite.training.options import TrainingOptions
from suite.training.training_run import open_training_run
from tests.training.trainings import EPOCHS, X, Y, of_epoch, run, setting, shuffled

pytestmark = pytest.mark.usefixtures("look_at_every_step")


@pytest.mark.parametrize(
    ("steps", "epochs", "least_steps", "expected"),
    [(9, 6, 500, 56), (88, 6, 500, 6), (1, 5, 12, 12), (0, 5, 12, 12), (10, 6, 0, 6), (10, 0, 0, 0)],
)
def test_little_data_is_passed_over_more_often_and_said(steps, epochs, least_steps, expected, capsys):
    assert epochs_for(steps, epochs, least_steps) == expected
    said = f"little data, {steps} steps an epoch: up to {expected} epochs instead of {epochs} (least_steps"
    assert (said in capsys.readouterr().out) == (expected > epochs)


def test_higher_is_better():
    assert higher("a")({"a": 2}, {"a": 1}) and not higher("a")({"a": 1}, {"a": 1})


@pytest.mark.parametrize("jit_compile", [False, True])
def test_equals_keras_fit(jit_compile):
    """The same batches, optimizer and initial weights through Keras' own loop."""
    model, reference = setting(dropout=0), setting(dropout=0)
    curves = fit(model, of_epoch, epochs=EPOCHS, validation=of_epoch(1), jit_compile=jit_compile)
    histories = [
        reference.fit(of_epoch(epoch), validation_data=of_epoch(1), verbose=0).history
        for epoch in range(1, EPOCHS + 1)
    ]
    np.testing.assert_allclose(curves["train_loss"], [each["loss"][0] for each in histories], rtol=1e-5)
    np.testing.assert_allclose(
        curves["validation_loss"], [each["val_loss"][0] for each in histories], rtol=1e-5
    )
    for ours, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_keeps_the_best_epoch_and_stops_early(tmp_path):
    values = iter([5.0, 4.0, 3.0, 3.5, 3.4, 9.9])
    model, seen = setting(), []

    def measure():
        seen.append([weight.copy() for weight in model.get_weights()])
        return {"validation_loss": next(values)}

    curves = run(model, tmp_path, measure=measure, better=lower("validation_loss"), patience=2, epochs=20)
    assert curves["best_epoch"] == [2] and curves["validation_loss"] == [5.0, 4.0, 3.0, 3.5, 3.4]
    for ours, best in zip(model.get_weights(), seen[2], strict=True):
        np.testing.assert_array_equal(ours, best)
    assert len(list(tmp_path.rglob("epoch-*.index"))) == 1  # disk use does not grow with the epochs


def test_training_that_does_not_help_leaves_the_weights(tmp_path):
    model = setting()
    before = model.get_weights()
    curves = run(model, tmp_path, measure=dict, better=lambda new, old: False, patience=2)
    assert curves["best_epoch"] == [0] and len(curves["train_loss"]) == 3
    for ours, first in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, first)


def test_divergence_stops_with_its_step_and_keeps_the_checkpoint_before(tmp_path):
    model = setting()

    def poisoned(epoch):
        rows = np.where(np.arange(50)[:, None] == 40, np.nan, X) if epoch == 2 else X
        return tf.data.Dataset.from_tensor_slices((rows, Y)).batch(16)

    with pytest.raises(
        TrainingDivergedError, match="received NaN or infinity in step 3 of epoch 2; lower the rate"
    ):
        run(model, tmp_path, batches=poisoned)
    sound = setting(seed=99)
    curves = run(sound, tmp_path)
    assert np.isfinite(curves["train_loss"]).all()


def test_no_batches_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="expected batches in epoch 1, received none"):
        run(setting(), tmp_path, batches=shuffled().take(0))
    with pytest.raises(ValueError, match="expected batches for validation, received none"):
        run(setting(), tmp_path / "other", validation=shuffled().take(0))


def test_half_precision_scales_the_loss(tmp_path):
    """Gradients of 1e-10 vanish in float16 unless the loss is scaled."""
    x = keras.Input((4,))
    policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    hidden = keras.layers.Dense(6, activation="tanh", dtype=policy)(x)
    model = keras.Model(x, keras.layers.Dense(3, activation="softmax", dtype="float32")(hidden))
    before = model.layers[1].get_weights()[0]

    def tiny(labels, probabilities):
        return 1e-9 * keras.losses.sparse_categorical_crossentropy(labels, probabilities)

    model.compile(keras.optimizers.SGD(1e8), tiny)
    run(model, tmp_path, epochs=1)
    assert np.abs(model.layers[1].get_weights()[0] - before).max() > 1e-3


def test_the_mean_over_weights_is_kept_apart_from_that_over_examples():
    """Batches of unequal weight count by their weights where the loss is divided by them."""
    weights = np.where(np.arange(50) < 16, 0.1, 1).astype("float32")
    batches = tf.data.Dataset.from_tensor_slices((X, Y, weights)).batch(16)
    model = setting(dropout=0)
    model.compile(
        keras.optimizers.SGD(1e-20),
        keras.losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight"),
    )
    measured = fit(model, batches, validation=batches)["validation_loss"]
    plain = keras.losses.sparse_categorical_crossentropy(Y, model(X)).numpy()
    penalty = float(sum(model.losses))
    np.testing.assert_allclose(measured, [np.average(plain, weights=weights) + penalty], rtol=1e-5)


def test_logs_and_traces_for_tensorboard(tmp_path):
    options = TrainingOptions(tensorboard=True, profile=True)
    with open_training_run(options, tmp_path, tmp_path / "logs") as training:
        fit(setting(), of_epoch, training, epochs=3)
    events = [path.name for path in (tmp_path / "logs" / "training-1").rglob("*") if path.is_file()]
    assert any("tfevents" in name for name in events) and any(name.endswith(".xplane.pb") for name in events)


def test_lower_is_lower_by_more_than_the_margin():
    def is_better(new, best, by):
        return lower("loss", by)({"loss": new, "accuracy": 0.0}, {"loss": best, "accuracy": 1.0})

    assert is_better(0.9, 1.0, 0.0) and is_better(0.7, 1.0, 0.25)
    assert not is_better(1.0, 1.0, 0.0) and not is_better(1.1, 1.0, 0.0)
    assert not is_better(0.75, 1.0, 0.25) and not is_better(0.8, 1.0, 0.25)
    assert not is_better(float("nan"), 1.0, 0.0)
