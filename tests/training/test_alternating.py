"""Two numbers that chase each other, whose moves are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.training.alternating import Player, make_move, play
from suite.training.checkpoints import TrainingState
from suite.training.steps import TrainingDivergedError
from suite.training.training_run import TrainingRun

RATE = 0.25


def make_players(*values):
    players = []
    for name, value in zip(("hunter", "prey"), values, strict=True):
        x = keras.Input((1,))
        model = keras.Model(x, keras.layers.Dense(1, use_bias=False)(x))
        model.set_weights([np.array([[value]], np.float32)])
        players.append(Player(name, model, keras.optimizers.SGD(RATE)))
    return players


def make_step(players):
    """The hunter comes closer, and then the prey flees."""

    def distance(seeds):
        hunter, prey = (player.model(tf.ones((1, 1)), training=True) for player in players)
        return tf.reduce_mean((prey - hunter) ** 2)

    strategy = tf.distribute.get_strategy()
    approach = make_move(players[0], players, distance, strategy)
    flee = make_move(players[1], players, lambda seeds: -distance(seeds), strategy)
    return lambda number, batch: (approach(number + batch), flee(number + batch))


def run(players, folder, rounds=3):
    drawn = []
    curves = play(
        make_step(players),
        players,
        TrainingRun(folder=folder),
        tf.data.Dataset.range(2 * rounds),
        steps=2 * rounds,
        rounds=rounds,
        after_round=lambda: drawn.append([float(player.model.get_weights()[0][0, 0]) for player in players]),
    )
    return curves, drawn


def test_play__moves_in_turn_each_by_its_own_loss(tmp_path):
    hunter, prey, expected, values = 0.0, 1.0, {"hunter": [], "prey": []}, []
    for _ in range(3):
        losses = []
        for _ in range(2):
            first = (prey - hunter) ** 2
            hunter += RATE * 2 * (prey - hunter)
            losses.append((first, -((prey - hunter) ** 2)))
            prey += RATE * 2 * (prey - hunter)
        for name, loss in zip(expected, np.mean(losses, axis=0), strict=True):
            expected[name].append(loss)
        values.append([hunter, prey])
    curves, drawn = run(make_players(0.0, 1.0), tmp_path)
    assert list(curves) == list(expected)
    for name in expected:
        np.testing.assert_allclose(curves[name], expected[name], rtol=1e-6)
    np.testing.assert_allclose(drawn, values, rtol=1e-6)


def test_play__goes_on_after_its_last_round(tmp_path, monkeypatch):
    expected, drawn = run(make_players(0.0, 1.0), tmp_path / "whole")
    record = TrainingState.record

    def killed(state, measured):
        record(state, measured)
        if state.epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingState, "record", killed)
    with pytest.raises(KeyboardInterrupt):
        run(make_players(0.0, 1.0), tmp_path / "cut")
    monkeypatch.setattr(TrainingState, "record", record)
    curves, later = run(make_players(7.0, 9.0), tmp_path / "cut")  # whatever they start from is replaced
    assert curves == expected and later == drawn[2:]


def test_play__stops_where_a_loss_is_no_number(tmp_path):
    with pytest.raises(TrainingDivergedError, match=r"expected finite losses, received \[nan +nan\]; lower"):
        run(make_players(0.0, np.nan), tmp_path)
