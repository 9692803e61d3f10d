"""The GAN's own loop: its losses, resuming, and that two devices play the game of one."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipes.week4_representations import gan
from suite.runs.recipe import Context
from suite.training.alternating import compile_steps
from suite.training.checkpoints import TrainingState
from suite.training.loop import TrainingDivergedError
from suite.training.training_run import TrainingRun


def game(penalty=0.5) -> gan.Game:
    keras.utils.set_random_seed(0)
    models = gan.build_point_generator(2, 8), gan.build_point_discriminator(8)
    return gan.make_game(models, 1e-3, 40, gan.ring_points, penalty)


def test_losses_are_those_of_the_papers():
    real, fake = gan.MODES, gan.MODES[::-1] / 2
    for penalty in (0.0, 2.0):
        played = game(penalty=penalty)
        with tf.GradientTape() as tape:
            points = tf.constant(real)
            tape.watch(points)
            logits = played.discriminator(points)
        slopes = tape.gradient(logits, points).numpy()
        p, q = (1 / (1 + np.exp(-played.discriminator(x).numpy())) for x in (real, fake))
        expected = -np.mean(np.log(p)) - np.mean(np.log(1 - q)) + penalty / 2 * np.mean(np.sum(slopes**2, 1))
        received = gan.discriminator_loss(played, tf.constant(real), tf.constant(fake))
        assert float(received) == pytest.approx(expected, rel=1e-5)
    assert float(gan.generator_loss(game(), fake)) == pytest.approx(-np.mean(np.log(q)), rel=1e-5)


def test_both_players_move_and_each_only_by_its_own_loss():
    played = game()
    before = [model.get_weights() for model in (played.generator, played.discriminator)]
    step = gan.make_step(played, 16, 0, tf.distribute.get_strategy())
    compile_steps(step, 2)(tf.constant(0), tf.constant(1))
    for model, weights in zip((played.generator, played.discriminator), before, strict=True):
        changes = [np.abs(new - old).max() for new, old in zip(model.get_weights(), weights, strict=True)]
        assert min(changes) > 0 and max(changes) == pytest.approx(1e-3, rel=0.01)  # Adam's first step


def play(played: gan.Game, folder) -> tuple[dict, list[np.ndarray]]:
    return gan.train_both(played, 40, 16, Context(0, "embedded", folder, TrainingRun(folder=folder)))


def test_an_interrupted_run_ends_as_another_one(tmp_path, monkeypatch):
    whole = game()
    losses, samples = play(whole, tmp_path / "whole")
    assert len(losses["generator"]) == len(samples) == gan.ROUNDS

    record = TrainingState.record

    def killed(self, measured):
        record(self, measured)
        if self.epoch == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingState, "record", killed)
    with pytest.raises(KeyboardInterrupt):
        play(game(), tmp_path / "cut")
    monkeypatch.setattr(TrainingState, "record", record)
    resumed = game()
    again, later = play(resumed, tmp_path / "cut")
    assert again == losses and len(later) == gan.ROUNDS - 4
    for model, other in ((whole.generator, resumed.generator), (whole.discriminator, resumed.discriminator)):
        for expected, received in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(received, expected)


def test_stops_where_a_loss_is_no_number_without_a_checkpoint_of_it(tmp_path):
    played = game()
    with pytest.raises(TrainingDivergedError, match=r"received \[nan .*\]; lower the rate"):
        play(played._replace(draw=lambda seed: gan.ring_points(seed) * np.nan), tmp_path / "run")
    losses, _ = play(game(), tmp_path / "run")
    assert len(losses["generator"]) == gan.ROUNDS and np.isfinite(losses["generator"]).all()


CODE = """
import tensorflow as tf
devices = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(devices[0], [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import numpy as np
from recipes.week4_representations import gan
from suite.training.alternating import compile_steps

def losses(strategy):
    keras.utils.set_random_seed(0)
    models = gan.build_generator((8, 8, 1), 4, 2), gan.build_discriminator((8, 8, 1), 2)
    draw = lambda seed: tf.random.stateless_uniform((8, 8, 8, 1), seed)
    game = gan.make_game(models, 1e-2, 100, draw, 1.0)
    train = compile_steps(gan.make_step(game, 8, 0, strategy), 2)
    return [train(tf.constant(step), tf.constant(step + 10)) for step in range(0, 50, 10)]

alone = losses(tf.distribute.get_strategy())
together = losses(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
np.testing.assert_allclose(together, alone, rtol=1e-5)  # 1.2e-7; 0.014 where each normalizes alone
"""


@pytest.mark.slow  # a process of its own; the steps on one device are tested above
def test_two_devices_play_the_game_of_one():
    """Their shares of the noises and images, the means of batch normalization, the sums of gradients."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
