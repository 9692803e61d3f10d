"""The GAN's own losses and loop, resuming, and that two devices play the game of one."""

import functools
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipes.week4_representations import gan
from suite.data.generated import ring
from suite.training import adversarial
from suite.training.checkpoints import TrainingState
from suite.training.loop import TrainingDivergedError
from suite.training.training_run import TrainingRun


def game(steps=40) -> adversarial.Game:
    keras.utils.set_random_seed(0)
    return adversarial.make_game(gan.ring_networks(noise_dim=2, units=8), 1e-3, steps)


def test_losses_are_those_of_the_papers():
    real, fake = ring.MODES, ring.MODES[::-1] / 2
    discriminator = game()[1].model
    p, q = (1 / (1 + np.exp(-discriminator(x).numpy())) for x in (real, fake))
    for penalty in (0.0, 2.0):
        with tf.GradientTape() as tape:
            points = tf.constant(real)
            tape.watch(points)
            logits = discriminator(points)
        slopes = tape.gradient(logits, points).numpy()
        expected = -np.mean(np.log(p)) - np.mean(np.log(1 - q)) + penalty / 2 * np.mean(np.sum(slopes**2, 1))
        received = gan.discriminator_loss(discriminator, tf.constant(real), tf.constant(fake), penalty)
        assert float(received) == pytest.approx(expected, rel=1e-5)
    logits = discriminator(fake)
    assert float(gan.non_saturating(logits)) == pytest.approx(-np.mean(np.log(q)), rel=1e-5)
    assert float(gan.saturating(logits)) == pytest.approx(np.mean(np.log(1 - q)), rel=1e-5)


@pytest.mark.parametrize("way", ["bare", "on devices"])
def test_both_players_move_and_each_only_by_its_own_loss(way, tmp_path):
    played = game()
    before = [player.model.get_weights() for player in played]
    if way == "bare":
        gan.play(played, ring.batches(1, 0, 16), gan.discriminator_loss, gan.non_saturating)
    else:
        play(played, tmp_path, steps=adversarial.ROUNDS)
    for player, weights in zip(played, before, strict=True):
        new = player.model.get_weights()
        changes = [np.abs(after - old).max() for after, old in zip(new, weights, strict=True)]
        assert min(changes) > 0
        if way == "bare":
            assert max(changes) == pytest.approx(1e-3, rel=0.01)  # Adam's first step


def play(played: adversarial.Game, folder, batches=None, steps=40) -> tuple[dict, list[np.ndarray]]:
    losses = functools.partial(gan.discriminator_loss, penalty=0.5), gan.non_saturating
    batches = batches or ring.batches(steps, 0, 16)
    return adversarial.play(played, batches, *losses, TrainingRun(folder=folder), steps=steps)


def test_an_interrupted_run_ends_as_another_one(tmp_path, monkeypatch):
    whole = game()
    losses, samples = play(whole, tmp_path / "whole")
    assert len(losses["generator"]) == len(samples) == adversarial.ROUNDS

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
    assert again == losses and len(later) == adversarial.ROUNDS - 4
    for expected, received in zip(whole, resumed, strict=True):
        for one, other in zip(expected.model.get_weights(), received.model.get_weights(), strict=True):
            np.testing.assert_array_equal(other, one)


def test_stops_where_a_loss_is_no_number_without_a_checkpoint_of_it(tmp_path):
    with pytest.raises(TrainingDivergedError, match=r"received \[nan .*\]; lower the rate"):
        play(game(), tmp_path / "run", ring.batches(40, 0, 16).map(lambda points: points * np.nan))
    losses, _ = play(game(), tmp_path / "run")
    assert len(losses["generator"]) == adversarial.ROUNDS and np.isfinite(losses["generator"]).all()


CODE = """
import functools
import tensorflow as tf
devices = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(devices[0], [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import numpy as np
from recipes.week4_representations import gan
from suite.models.gan import build_discriminator, build_generator
from suite.training import adversarial
from suite.training.training_run import TrainingRun

images = np.random.default_rng(0).random((400, 8, 8, 1), np.float32)

def losses(strategy):
    keras.utils.set_random_seed(0)
    models = build_generator((8, 8, 1), 4, 2), build_discriminator((8, 8, 1), 2)
    game = adversarial.make_game(models, 1e-2, 100)
    nats = functools.partial(gan.discriminator_loss, penalty=1.0), gan.non_saturating
    batches = tf.data.Dataset.from_tensor_slices(images).batch(8, drop_remainder=True)
    curves, _ = adversarial.play(game, batches, *nats, TrainingRun(strategy), steps=50)
    return [curves[player.name] for player in game]

alone = losses(tf.distribute.get_strategy())
together = losses(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
np.testing.assert_allclose(together, alone, rtol=1e-5)  # 1.2e-7; 0.014 where each normalizes alone
"""


@pytest.mark.slow  # a process of its own; the steps on one device are tested above
def test_two_devices_play_the_game_of_one():
    """Their shares of the noises and images, the means of batch normalization, the sums of gradients."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
