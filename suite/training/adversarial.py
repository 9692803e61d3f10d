"""A generator against a discriminator, on any devices; a killed training goes on."""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from suite.optimizers import Adam
from suite.training import alternating
from suite.training.alternating import Player
from suite.training.replicas import share
from suite.training.training_run import TrainingRun

Game = tuple[Player, Player]  # generator, discriminator

ROUNDS = 10  # of a training; each ends with a checkpoint
SHOWN = 10  # examples after each round


def make_game(models: Sequence[keras.Model], learning_rate: float, steps: int) -> Game:
    """Gives generator and discriminator an optimizer each: Adam, whose rate falls to 0 along a cosine.

    Args:
        models: Generator, noise `(batch, noise_dim)` to examples, and discriminator, examples to logits
            `(batch, 1)`, above 0 for real.
        learning_rate: At first.
        steps: Of the whole training.

    Returns:
        Both players, the generator first.
    """
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    generator, discriminator = (Adam(schedule, beta_1=0.5, beta_2=0.99) for _ in models)
    return Player("generator", models[0], generator), Player("discriminator", models[1], discriminator)


def draw_noises(generator: keras.Model, number: int | tf.Tensor, n: int | tf.Tensor) -> list[tf.Tensor]:
    """Draws the noises of a step, one for each player.

    Args:
        generator: A model of `(batch, noise_dim)`.
        number: Of the step, which decides the noises, so that a resumed training repeats it.
        n: Examples for each player.

    Returns:
        Two tensors `(n, noise_dim)` float32, standard normal.
    """
    seed = tf.cast((0, number), tf.int64)
    return tf.unstack(tf.random.stateless_normal((2, n, generator.input_shape[1]), seed))


def make_step(
    game: Game,
    discriminator_loss: Callable[[keras.Model, tf.Tensor, tf.Tensor], tf.Tensor],
    generator_loss: Callable[[tf.Tensor], tf.Tensor],
    strategy: tf.distribute.Strategy,
) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Makes a step, for use in a `tf.function`: the discriminator learns, then the generator.

    Args:
        game: The players.
        discriminator_loss: Maps the discriminator, real and generated examples to its mean loss.
        generator_loss: Maps the logits of generated examples to the generator's mean loss.
        strategy: That of the replicas.

    Returns:
        Maps the number of the step and real examples to the losses of the generator and the discriminator.
    """
    generator, discriminator = (player.model for player in game)

    def of_generator(noise: tf.Tensor) -> tf.Tensor:
        fake = generator(share(noise), training=True)
        return generator_loss(discriminator(fake, training=True))

    def of_discriminator(inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        real, noise = map(share, inputs)
        return discriminator_loss(discriminator, real, generator(noise, training=True))

    improve_generator = alternating.make_move(game[0], game, of_generator, strategy)
    improve_discriminator = alternating.make_move(game[1], game, of_discriminator, strategy)

    def step(number: tf.Tensor, real: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        noises = draw_noises(generator, number, tf.shape(real)[0])
        nats = improve_discriminator((real, noises[0]))
        return improve_generator(noises[1]), nats

    return step


def play(
    game: Game,
    batches: tf.data.Dataset,
    discriminator_loss: Callable[[keras.Model, tf.Tensor, tf.Tensor], tf.Tensor],
    generator_loss: Callable[[tf.Tensor], tf.Tensor],
    run: TrainingRun,
    *,
    steps: int,
) -> tuple[dict[str, list[float]], list[np.ndarray]]:
    """Trains both in turns.

    Args:
        game: The players.
        batches: Real examples, one batch a step, all of one known size.
        discriminator_loss: As of `make_step`.
        generator_loss: As of `make_step`.
        run: That this training is a part of.
        steps: Of the whole training.

    Returns:
        The mean losses by player, one a round, and what the generator makes of the same noises after each
        round of this process.

    Raises:
        TrainingDivergedError: A loss is not finite. The checkpoint before it is kept.
    """
    step, samples = make_step(game, discriminator_loss, generator_loss, run.strategy), []
    shown = draw_noises(game[0].model, -1, SHOWN)[0]
    losses = alternating.play(
        step,
        game,
        run,
        batches,
        steps=steps,
        rounds=ROUNDS,
        after_round=lambda: samples.append(game[0].model(shown).numpy()),
    )
    return losses, samples
