import json
import os
import resource
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.export.bundle import disk_is_full
from suite.layers import Dropout, Recurrent, SimpleRNNCell
from suite.training import checkpoints, session, steps
from suite.training.loop import TrainingDiverged, fit, lower
from suite.training.steps import reset_states

EPOCHS = 6
X = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 50)


class Killed(BaseException):
    pass


@pytest.fixture(autouse=True)
def checkpoint_at_every_step(monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)
    monkeypatch.setattr(steps, "CHUNK_SECONDS", 0.0)


def setting(seed=0, optimizer=None, dropout=0.3):
    keras.utils.set_random_seed(seed)
    x = keras.Input((4,))
    hidden = Dropout(dropout)(keras.layers.Dense(6, activation="tanh")(x))
    hidden = keras.layers.BatchNormalization()(hidden)
    model = keras.Model(x, keras.layers.Dense(3, activation="softmax", kernel_regularizer="l2")(hidden))
    model.compile(optimizer or keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


def of_epoch(epoch):
    order = np.random.default_rng(epoch).permutation(50)
    return tf.data.Dataset.from_tensor_slices((X[order], Y[order])).batch(16)


def shuffled():
    return tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(50, seed=3).batch(16)


SOURCES = {
    "a function of the epoch": lambda: {"batches": of_epoch},
    "a pass an epoch": lambda: {"batches": shuffled()},
    "without end": lambda: {"batches": shuffled().repeat(), "steps_per_epoch": 3},
}


def run(model, folder, source="a function of the epoch", **settings):
    keras.utils.set_random_seed(0)  # shuffling depends on it
    with session.running(session.Options(), folder):
        return fit(model, **({"epochs": EPOCHS} | SOURCES[source]() | settings))


def loss_of(model):
    return {"validation_loss": float(model.evaluate(X, Y, verbose=0))}


def assert_same(model, other):
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


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


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("killed_at", [1, 5, 14])
def test_a_killed_run_ends_with_the_same_weights(tmp_path, source, killed_at, monkeypatch):
    whole = setting()
    expected = run(
        whole, tmp_path / "whole", source, measure=lambda: {"sum": float(whole.weights[0].value[0, 0])}
    )
    steps = 0
    write = checkpoints.Progress.write

    def killing(progress):
        nonlocal steps
        write(progress)
        steps += 1
        if steps == killed_at:
            raise Killed

    monkeypatch.setattr(checkpoints.Progress, "write", killing)
    with pytest.raises(Killed):
        killed = setting()
        run(
            killed, tmp_path / "killed", source, measure=lambda: {"sum": float(killed.weights[0].value[0, 0])}
        )
    monkeypatch.setattr(checkpoints.Progress, "write", write)
    resumed = setting(seed=99)  # whatever it starts from is replaced
    curves = run(
        resumed, tmp_path / "killed", source, measure=lambda: {"sum": float(resumed.weights[0].value[0, 0])}
    )
    assert curves == expected
    assert_same(resumed, whole)


def test_states_that_are_kept_are_resumed(tmp_path, monkeypatch):
    words = np.random.default_rng(2).integers(0, 9, (24, 6))
    batches = tf.data.Dataset.from_tensor_slices((words[:, :-1], words[:, 1:])).batch(4)

    def build():
        keras.utils.set_random_seed(0)
        inputs = keras.Input(batch_shape=(4, None), dtype="int32")
        hidden = Recurrent(SimpleRNNCell(5), return_sequences=True, stateful=True)(
            keras.layers.Embedding(9, 3)(inputs)
        )
        model = keras.Model(inputs, keras.layers.Dense(9, "softmax")(hidden))
        model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
        return model

    whole = build()
    expected = run(whole, tmp_path / "whole", batches=batches, epochs=2, validation=batches)
    reference = build()
    losses = []
    for _ in range(2):
        reset_states(reference)
        losses += reference.fit(batches, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(expected["train_loss"], losses, rtol=1e-6)

    write = checkpoints.Progress.write

    def killing(progress):
        write(progress)
        if (progress.epoch, progress.step) == (1, 3):
            raise Killed

    monkeypatch.setattr(checkpoints.Progress, "write", killing)
    with pytest.raises(Killed):
        run(build(), tmp_path / "killed", batches=batches, epochs=2, validation=batches)
    monkeypatch.setattr(checkpoints.Progress, "write", write)
    resumed = build()
    assert run(resumed, tmp_path / "killed", batches=batches, epochs=2, validation=batches) == expected
    assert_same(resumed, whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_asked_to_stop_leaves_a_checkpoint(tmp_path, number, monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS", 1000.0)
    whole, stopped, resumed = setting(), setting(), setting(seed=99)
    expected = run(whole, tmp_path / "whole")

    def stop(epoch):
        if epoch == 3:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        run(stopped, tmp_path / "stopped", before_epoch=stop)
    assert signal.getsignal(number) is before
    assert run(resumed, tmp_path / "stopped") == expected
    assert_same(resumed, whole)


def test_machines_take_as_many_steps_and_stop_together(tmp_path, monkeypatch):
    """Functions that communicate wait for each other forever where one machine calls them once more."""
    taken = []

    def with_a_slow_machine(row):
        taken.append(row)
        return np.array([row, [1.0, len(taken) == 6]])

    monkeypatch.setattr(checkpoints, "SECONDS", 1000.0)
    monkeypatch.setattr(steps, "CHUNK_SECONDS", 0.4)
    monkeypatch.setattr(steps.replicas, "gather", with_a_slow_machine)
    with pytest.raises(KeyboardInterrupt):
        run(setting(), tmp_path, epochs=2)
    # Batches of 16 of 50 examples, and a call that finds the end: one step each, as the slow machine needs.
    progress = json.loads((tmp_path / "training-1" / "progress.json").read_text())
    assert (progress["epoch"], progress["step"]) == (1, 1)


def test_being_asked_to_stop_after_the_last_step_is_not_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS", 1000.0)
    whole, stopped, resumed = setting(), setting(), setting(seed=99)
    expected = run(whole, tmp_path / "whole", measure=dict)

    def stop():
        if int(stopped.optimizer.iterations) == 4 * EPOCHS:
            os.kill(os.getpid(), signal.SIGINT)
        return {}

    with pytest.raises(KeyboardInterrupt):
        run(stopped, tmp_path / "stopped", measure=stop)
    assert run(resumed, tmp_path / "stopped", measure=dict) == expected
    assert_same(resumed, whole)


def test_a_checkpoint_that_counts_is_not_written_over(tmp_path):
    with session.running(session.Options(), tmp_path):
        progress = checkpoints.Progress(tmp_path, setting())
        progress.record({"loss": 1.0})
        before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        progress.close()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_what_a_kill_left_half_written_is_not_taken_up(tmp_path):
    """Where runs are not deterministic, the best weights of an epoch would be those of another training."""
    with session.running(session.Options(), tmp_path):
        progress = checkpoints.Progress(tmp_path, setting())
        progress.record({"loss": 1.0}, is_best=True)
        (tmp_path / "best-1.npz").write_text("of a run that was killed before progress.json named it")
        progress = checkpoints.Progress(tmp_path, setting())
        assert progress.restore()
        progress.record({"loss": 0.5}, is_best=True)
        assert checkpoints.Progress(tmp_path, setting()).restore()


def test_a_checkpoint_without_room_leaves_the_one_before(tmp_path):
    whole, stopped, resumed = setting(), setting(), setting(seed=99)
    expected = run(whole, tmp_path / "whole")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(epoch):
        if epoch == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))

    try:
        with pytest.raises((OSError, tf.errors.OpError)) as failure:
            run(stopped, tmp_path / "stopped", before_epoch=fill_the_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert disk_is_full(failure.value)
    assert run(resumed, tmp_path / "stopped") == expected
    assert_same(resumed, whole)


def test_short_trainings_leave_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "SECONDS", 1000.0)
    run(setting(), tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_finished_training_is_not_done_again(tmp_path):
    whole = setting()
    expected = run(whole, tmp_path, measure=lambda: loss_of(whole), better=lower("validation_loss"))
    again = setting(seed=99)

    def no_batches(epoch):
        raise AssertionError("no batch is needed")

    def of_one(epoch):
        return of_epoch(1) if epoch == 1 else no_batches(epoch)

    curves = run(
        again, tmp_path, batches=of_one, measure=lambda: no_batches(0), better=lower("validation_loss")
    )
    np.testing.assert_array_equal(curves["validation_loss"], expected["validation_loss"])
    assert_same(again, whole)


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
        TrainingDiverged, match="received NaN or infinity in step 3 of epoch 2; lower the rate"
    ):
        run(model, tmp_path, batches=poisoned)
    sound = setting(seed=99)
    curves = run(sound, tmp_path)
    assert np.isfinite(curves["train_loss"]).all()


def test_no_batches_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="expected batches in epoch 1, received none"):
        run(setting(), tmp_path, batches=shuffled().take(0))


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
    with session.running(session.Options(tensorboard=True, profile=True), tmp_path, tmp_path / "logs"):
        fit(setting(), of_epoch, epochs=3)
    events = [path.name for path in (tmp_path / "logs" / "training-1").rglob("*") if path.is_file()]
    assert any("tfevents" in name for name in events) and any(name.endswith(".xplane.pb") for name in events)
