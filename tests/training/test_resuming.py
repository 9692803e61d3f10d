"""Killed, stopped or out of room: a training goes on from its checkpoint and ends as it would have."""

import json
import os
import resource
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.errors import disk_is_full
from suite.layers import Recurrent, SimpleRNNCell
from suite.training import steps
from suite.training.checkpoints import TrainingState
from suite.training.loop import lower
from suite.training.machines import Machines
from suite.training.steps import reset_states
from tests.training.trainings import EPOCHS, SOURCES, Killed, assert_same, loss_of, of_epoch, run, setting

pytestmark = pytest.mark.usefixtures("look_at_every_step")


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("killed_at", [1, 5, 14])
def test_a_killed_run_ends_with_the_same_weights(tmp_path, source, killed_at, monkeypatch):
    whole = setting()
    expected = run(
        whole, tmp_path / "whole", source, measure=lambda: {"sum": float(whole.weights[0].value[0, 0])}
    )
    steps = 0
    write = TrainingState.write

    def killing(state):
        nonlocal steps
        write(state)
        steps += 1
        if steps == killed_at:
            raise Killed

    monkeypatch.setattr(TrainingState, "write", killing)
    killed = setting()
    with pytest.raises(Killed):
        run(
            killed, tmp_path / "killed", source, measure=lambda: {"sum": float(killed.weights[0].value[0, 0])}
        )
    monkeypatch.setattr(TrainingState, "write", write)
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

    write = TrainingState.write

    def killing(state):
        write(state)
        if (state.epoch, state.step) == (1, 3):
            raise Killed

    monkeypatch.setattr(TrainingState, "write", killing)
    with pytest.raises(Killed):
        run(build(), tmp_path / "killed", batches=batches, epochs=2, validation=batches)
    monkeypatch.setattr(TrainingState, "write", write)
    resumed = build()
    assert run(resumed, tmp_path / "killed", batches=batches, epochs=2, validation=batches) == expected
    assert_same(resumed, whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_being_asked_to_stop_leaves_a_checkpoint(tmp_path, number):
    whole, stopped, resumed = setting(), setting(), setting(seed=99)
    expected = run(whole, tmp_path / "whole")

    def stop(epoch):
        if epoch == 3:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        run(stopped, tmp_path / "stopped", checkpoint_seconds=1000.0, before_epoch=stop)
    assert signal.getsignal(number) is before
    assert run(resumed, tmp_path / "stopped") == expected
    assert_same(resumed, whole)


def test_machines_take_as_many_steps_and_stop_together(tmp_path, monkeypatch):
    """Functions that communicate wait for each other forever where one machine calls them once more."""
    taken = []

    def with_a_slow_machine(machines, row):
        taken.append(row)
        return np.array([row, [1.0, len(taken) == 6]])

    monkeypatch.setattr(steps, "CHUNK_SECONDS", 0.4)
    monkeypatch.setattr(Machines, "gather", with_a_slow_machine)
    with pytest.raises(KeyboardInterrupt):
        run(setting(), tmp_path, checkpoint_seconds=1000.0, epochs=2)
    # Batches of 16 of 50 examples, and a call that finds the end: one step each, as the slow machine needs.
    progress = json.loads((tmp_path / "training-1" / "progress.json").read_text())
    assert (progress["epoch"], progress["step"]) == (1, 1)


def test_being_asked_to_stop_after_the_last_step_is_not_forgotten(tmp_path):
    whole, stopped, resumed = setting(), setting(), setting(seed=99)
    expected = run(whole, tmp_path / "whole", measure=dict)

    def stop():
        if int(stopped.optimizer.iterations) == 4 * EPOCHS:
            os.kill(os.getpid(), signal.SIGINT)
        return {}

    with pytest.raises(KeyboardInterrupt):
        run(stopped, tmp_path / "stopped", checkpoint_seconds=1000.0, measure=stop)
    assert run(resumed, tmp_path / "stopped", measure=dict) == expected
    assert_same(resumed, whole)


def test_a_checkpoint_that_counts_is_not_written_over(tmp_path):
    state = TrainingState(setting(), folder=tmp_path)
    state.record({"loss": 1.0})
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    state.close()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_what_a_kill_left_half_written_is_not_taken_up(tmp_path):
    """Where runs are not deterministic, the best weights of an epoch would be those of another training."""
    state = TrainingState(setting(), folder=tmp_path)
    state.record({"loss": 1.0}, is_best=True)
    (tmp_path / "best-1.npz").write_text("of a run that was killed before progress.json named it")
    state = TrainingState(setting(), folder=tmp_path)
    assert state.restore()
    state.record({"loss": 0.5}, is_best=True)
    assert TrainingState(setting(), folder=tmp_path).restore()


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


def test_short_trainings_leave_no_checkpoint(tmp_path):
    run(setting(), tmp_path, checkpoint_seconds=1000.0)
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
