"""Train a generator against a discriminator: points on a ring, then images.

Week 4, "Generative models 101", "Generative Adversarial Networks".
Claim: on a ring of 8 Gaussians the non-saturating loss ends with at most 4 of the modes; with a penalty on
       the discriminator's gradient it finds all 8, and at least 0.9 of its points are within 3 standard
       deviations of one. The DCGAN's images have, in the features of a classifier of our own, at most 0.1 of
       the Frechet distance that noise has from real test images; at most 0.2 of them are nearer to a training
       image than all but 0.05 of the test images are, so they are no copies.
Cost:  80 s on 2 CPU cores; mnist 17 min.
Run:   suite run gan [--data tfds]
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.generation import frechet_distance, mode_coverage, share_of_copies
from suite.evaluation.metrics import accuracy
from suite.models.blocks import convolution
from suite.models.gan import (
    build_discriminator,
    build_generator,
    build_point_discriminator,
    build_point_generator,
)
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Export, Result, Task, about
from suite.training.alternating import Player, make_move, play
from suite.training.replicas import share


@dataclasses.dataclass(frozen=True)
class Config:
    ring_steps: int = 10_000
    ring_learning_rate: float = 3e-3  # at first; falls to 0 along a cosine
    ring_penalty: float = 0.1
    steps: int = 2000  # on images
    noise_dim: int = 32
    filters: int = 32
    batch_size: int = 64
    learning_rate: float = 1e-3  # at first; falls to 0 along a cosine
    penalty: float = 1.0
    classifier_steps: int = 600


SMOKE = Config(ring_steps=20, steps=20, filters=4, batch_size=8, classifier_steps=10)
DATA = ("embedded", "tfds")

ROUNDS = 10  # of a training; each ends with a checkpoint and a grid of samples
RING_BATCH, RING_NOISE, RING_DEVIATION = 256, 16, 0.05
ANGLES = 2 * np.pi * np.arange(8) / 8
MODES = 2 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)

CLAIMS = (
    *about(
        ("embedded", "tfds"),
        Claim("modes", at_least=8),
        Claim("good_points", at_least=0.9),
        Claim("modes_without_penalty", at_most=4),
        Claim("frechet_over_noise", at_most=0.1),
        Claim("share_of_copies", at_most=0.2),
    ),
)


class Game(NamedTuple):
    """Two players and what they play for.

    Attributes:
        generator: Noise `(batch, noise_dim)` -> examples.
        discriminator: Examples -> logits `(batch, 1)`, above 0 for real.
        players: Both, with their optimizers.
        draw: `(seed) -> real examples` of a batch; a pure function, so that a resumed run repeats it.
        penalty: Weight of the squared gradient of the logit at real examples.
    """

    generator: keras.Model
    discriminator: keras.Model
    players: tuple[Player, Player]
    draw: Callable[[tf.Tensor], tf.Tensor]
    penalty: float


def make_game(models: tuple, learning_rate: float, steps: int, draw: Callable, penalty: float) -> Game:
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    rules = [Adam(schedule, beta_1=0.5, beta_2=0.99) for _ in models]
    players = Player("generator", models[0], rules[0]), Player("discriminator", models[1], rules[1])
    return Game(models[0], models[1], players, draw, penalty)


def discriminator_loss(game: Game, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """Binary cross-entropy in nats, and the penalty that keeps the logit from becoming a cliff at real ones.

    Reference:
        Goodfellow and others (2014), Generative adversarial nets, equation 1.
        Mescheder, Geiger, Nowozin (2018), Which training methods for GANs do actually converge, equation 9.
    """
    with tf.GradientTape() as tape:
        tape.watch(real)
        real_logits = game.discriminator(real, training=True)
    penalty = 0.0
    if game.penalty:  # a pass backward, and one through it
        slopes = tf.reshape(tape.gradient(real_logits, real), (tf.shape(real)[0], -1))
        penalty = game.penalty / 2 * tf.reduce_mean(tf.reduce_sum(slopes**2, axis=1))
    fake_logits = game.discriminator(fake, training=True)
    real_nats, fake_nats = tf.nn.softplus(-real_logits), tf.nn.softplus(fake_logits)
    return tf.reduce_mean(real_nats) + tf.reduce_mean(fake_nats) + penalty


def generator_loss(game: Game, fake: tf.Tensor) -> tf.Tensor:
    """-log D(fake): unlike that of log(1 - D(fake)), its gradient does not vanish where D is sure."""
    return tf.reduce_mean(tf.nn.softplus(-game.discriminator(fake, training=True)))


def make_step(
    game: Game, batch_size: int, seed: int, strategy: tf.distribute.Strategy
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Gives the step: the discriminator learns, then the generator, each from noises of its own.

    Returns:
        Maps the number of the step to the losses of the generator and the discriminator.
    """
    generator, discriminator = game.players
    noise_dim = game.generator.input_shape[1]

    def generate(seed: tf.Tensor) -> tf.Tensor:
        noise = tf.random.stateless_normal((batch_size, noise_dim), seed)
        return game.generator(share(noise), training=True)

    def of_discriminator(seeds: tf.Tensor) -> tf.Tensor:
        return discriminator_loss(game, share(game.draw(seeds[2])), generate(seeds[0]))

    def of_generator(seeds: tf.Tensor) -> tf.Tensor:
        return generator_loss(game, generate(seeds[1]))

    improve_discriminator = make_move(discriminator, game.players, of_discriminator, strategy)
    improve_generator = make_move(generator, game.players, of_generator, strategy)

    def step(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        seeds = tf.random.split(tf.stack([seed, number]), 3)
        nats = improve_discriminator(seeds)
        return improve_generator(seeds), nats

    return step


def train_both(game: Game, steps: int, batch_size: int, context: Context) -> tuple[dict, list[np.ndarray]]:
    """Trains both in turns.

    Returns:
        Both losses by round, and samples from the same 10 noises after each round of this process.
    """
    run, samples = context.training, []
    shown = tf.random.stateless_normal((10, game.generator.input_shape[1]), (context.seed, -1))
    losses = play(
        make_step(game, batch_size, context.seed, run.strategy),
        game.players,
        run,
        steps=steps,
        rounds=ROUNDS,
        after_round=lambda: samples.append(game.generator(shown).numpy()),
    )
    return losses, samples


def ring_points(seed: tf.Tensor) -> tf.Tensor:
    seeds = tf.unstack(tf.random.split(seed, 2))
    modes = tf.random.stateless_uniform((RING_BATCH,), seeds[0], 0, 8, tf.int32)
    return tf.gather(MODES, modes) + tf.random.stateless_normal((RING_BATCH, 2), seeds[1], 0, RING_DEVIATION)


def play_on_the_ring(config: Config, context: Context, penalty: float) -> tuple[np.ndarray, keras.Model]:
    models = build_point_generator(RING_NOISE), build_point_discriminator()
    game = make_game(models, config.ring_learning_rate, config.ring_steps, ring_points, penalty)
    train_both(game, config.ring_steps, RING_BATCH, context)
    noise = tf.random.stateless_normal((2500, RING_NOISE), (context.seed, -2))
    return game.generator(noise).numpy(), game.generator


def train_features(data: image_sets.ImageSet, config: Config, context: Context) -> tuple[keras.Model, float]:
    """Our own classifier, from images in [0, 1] to its last 64 features; and its test accuracy."""
    image = keras.Input(data.images["train"].shape[1:], name="image")
    x = convolution(convolution(image, 32), 64, strides=2)
    features = layers.GlobalAveragePooling2D()(convolution(x, 64))
    classifier = keras.Model(image, layers.Dense(len(data.classes), "softmax")(features))
    classifier.compile(Adam(2e-3), "sparse_categorical_crossentropy")
    pairs = data.images["train"] / np.float32(255), data.labels["train"]
    batches = shuffled(pairs, 64, context.seed).repeat()
    context.fit(classifier, batches, steps_per_epoch=config.classifier_steps)
    probabilities = classifier.predict(data.images["test"] / np.float32(255), batch_size=500, verbose=0)
    return keras.Model(image, features), accuracy(probabilities, data.labels["test"])


def run(config: Config, context: Context) -> Result:
    points, ring_generator = play_on_the_ring(config, context, config.ring_penalty)
    free_points, _ = play_on_the_ring(config, context, penalty=0.0)
    modes, good = mode_coverage(points, MODES, RING_DEVIATION)
    free_modes, free_good = mode_coverage(free_points, MODES, RING_DEVIATION)

    data = image_sets.load(context.source, context.seed)
    real = tf.constant(data.images["train"] / np.float32(255))

    def draw(seed: tf.Tensor) -> tf.Tensor:
        rows = tf.random.stateless_uniform((config.batch_size,), seed, 0, len(real), tf.int32)
        return tf.gather(real, rows)

    shape = data.images["train"].shape[1:]
    generator = build_generator(shape, config.noise_dim, config.filters)
    models = generator, build_discriminator(shape, config.filters)
    game = make_game(models, config.learning_rate, config.steps, draw, config.penalty)
    losses, samples = train_both(game, config.steps, config.batch_size, context)

    features, classifier_accuracy = train_features(data, config, context)
    rng, test = np.random.default_rng(context.seed), data.images["test"] / np.float32(255)
    noise = rng.normal(size=(max(1000, len(test)), config.noise_dim)).astype(np.float32)
    sets = {
        "generated": generator.predict(noise, batch_size=500, verbose=0),
        "real": real.numpy()[: len(noise)],
        "noise": rng.random((len(noise), *shape), np.float32),
    }
    seen = {name: features.predict(images, batch_size=500, verbose=0) for name, images in sets.items()}
    seen_test = features.predict(test, batch_size=500, verbose=0)
    frechet = {name: frechet_distance(values, seen_test) for name, values in seen.items()}
    generators = {
        "generator": (generator, noise),
        "ring_generator": (ring_generator, noise[:, :RING_NOISE]),
    }
    flat = [images.reshape(len(images), -1) for images in (sets["generated"], real.numpy(), test)]
    metrics = {
        "modes": modes,
        "good_points": good,
        "modes_without_penalty": free_modes,
        "good_points_without_penalty": free_good,
        "frechet_over_noise": frechet["generated"] / frechet["noise"],
        "share_of_copies": share_of_copies(*flat),
        "classifier_accuracy": classifier_accuracy,
    }
    metrics |= {f"test_frechet_{name}": value for name, value in frechet.items()}
    rounds = {f"round {ROUNDS - len(samples) + index + 1}": images for index, images in enumerate(samples)}
    rounds["real"] = test[:10]
    return Result(
        metrics=metrics,
        figures={
            "samples": plots.image_rows(rounds, title="The same noises, round by round"),
            "losses": plots.learning_curves(losses, ylabel="loss, nats", title="Both players, by round"),
            "ring": draw_ring({"with penalty": points, "without": free_points}),
        },
        exports=[
            Export(model, drawn[:500], drawn[500:800], name=name, task=Task.GENERATOR)
            for name, (model, drawn) in generators.items()
        ],
        data=data.describe(),
    )


def draw_ring(points: dict) -> Figure:
    figure, panels = plots.new_figure("Points that the generators draw", 8, 4, 1, 2)
    for axes, (name, drawn) in zip(panels, points.items(), strict=True):
        axes.scatter(*MODES.T, s=60, facecolors="none", edgecolors=plots.COLORS[1], label="modes")
        axes.scatter(*drawn.T, s=2, label="generated")
        axes.set(title=name, xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
