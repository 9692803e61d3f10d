"""One worker, or one machine with several devices, that trains what `test_distribution` compares.

`python -m tests.training.distributed FILE.json default,mirrored|multi_worker NAME...`
"""

import contextlib
import functools
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from suite import console
from suite.runs.recipe import Context
from suite.training.options import TrainingOptions
from suite.training.training_run import TrainingOutput, TrainingRun, open_training_run

STEPS = 50


def finetune(training: TrainingRun) -> list[float]:
    """Phase 2 on pictures that no number of replicas divides: the last batch has a single one."""
    from PIL import Image

    from suite.data.pictures.image_source import ImageSource
    from suite.data.source import EMBEDDED
    from suite.finetuning import phases
    from suite.finetuning.config import Config

    image = keras.Input((16, 16, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(4, 3, activation="relu")(x)
    x = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.BatchNormalization()(x))
    backbone = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    random = np.random.default_rng(0)
    model = phases.classifier(backbone, random.normal(size=(4, 3)), np.zeros(3))
    with tempfile.TemporaryDirectory() as work:
        files = [Path(work) / f"{index}.png" for index in range(33)]
        for file in files:
            Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).save(file)
        source = ImageSource(files, np.arange(33) % 3, (16, 16))
        config = Config(epochs=STEPS // 5, batch_size=8, learning_rate=0.01, unfreeze=1.0)
        context = Context(0, EMBEDDED, Path(work), training)
        parts = {"train": source, "validation": source}
        curves = phases.fine_tune(model, parts, 3, config, context).curves
    return curves["train_loss"][1:] + curves["validation_loss"]


def gan(training: TrainingRun) -> list[float]:
    """Both games: points, and images through batch normalization that the replicas agree on."""
    from recipes.week4_representations import gan as recipe
    from suite.data.generated import ring
    from suite.models.gan import build_discriminator, build_generator
    from suite.training import adversarial

    def play(models, rate, batches, penalty):
        game = adversarial.make_game(models, rate, STEPS)
        losses = functools.partial(recipe.discriminator_loss, penalty=penalty), recipe.non_saturating
        return adversarial.play(game, batches, *losses, training, steps=STEPS)[0]

    images = np.random.default_rng(0).random((40, 8, 8, 1), np.float32)
    images = tf.data.Dataset.from_tensor_slices(images).shuffle(40, 0).repeat().batch(10, drop_remainder=True)
    curves = [play(recipe.ring_networks(), 3e-3, ring.batches(STEPS, 0, 256), 0.1)]
    players = build_generator((8, 8, 1), 8, 4), build_discriminator((8, 8, 1), 4)
    curves.append(play(players, 1e-3, images, 1.0))
    return [value for each in curves for name in sorted(each) for value in each[name]]


def rnn_language_model(training: TrainingRun) -> list[float]:
    """States that are kept from batch to batch; without dropout, whose masks differ by replica."""
    from recipes.week5_sequences import rnn_language_model as recipe

    random = np.random.default_rng(0)
    ids = {
        "train": random.integers(0, 30, 8 * 5 * 5 + 1),
        "validation": random.integers(0, 30, 8 * 5 + 1),
    }
    config = recipe.Config(
        size=8, units=8, dropout=0.0, epochs=STEPS // 5, batch_size=8, length=5, least_steps=0
    )
    curves = recipe.train(ids, 30, config, Context(0, "embedded", Path(), training))[1]
    return curves["train_loss"][1:] + curves["validation_loss"]


CASES = {"finetune": finetune, "gan": gan, "rnn_language_model": rnn_language_model}


def be_slow(times: int) -> None:
    """After each of its first calls of steps, this machine has something else to do for a while."""
    waits = iter([0.5] * times)

    @contextlib.contextmanager
    def trace(output):
        yield
        time.sleep(next(waits, 0.0))

    TrainingOutput.trace = trace


def main(file: str, modes: str, *names: str) -> None:
    if "mirrored" in modes:
        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    if '"index": 1' in os.environ.get("TF_CONFIG", ""):
        be_slow(times=3)
    console.set_quiet(True)
    trained = {}
    for mode in modes.split(","):
        with open_training_run(TrainingOptions(mode)) as training:
            if mode == "mirrored":
                training = TrainingRun(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]))
            tf.config.experimental.enable_op_determinism()
            curves = {}
            for name in names:
                keras.utils.set_random_seed(0)
                curves[name] = CASES[name](training)
        trained[mode] = {"replicas": training.strategy.num_replicas_in_sync, "curves": curves}
    Path(file).write_text(json.dumps(trained))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(*sys.argv[1:])
