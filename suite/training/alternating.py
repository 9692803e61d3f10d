"""Players that learn in turns, each by its own loss, on any devices; a killed training goes on."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from suite import console
from suite.training.checkpoints import TrainingState
from suite.training.replicas import ReplicatedLoss
from suite.training.steps import TrainingDivergedError
from suite.training.training_run import TrainingRun


class Player(NamedTuple):
    """One of several models that learn from each other.

    Attributes:
        name: That of its curve.
        model: Whose weights it changes.
        optimizer: Of its trainable variables.
    """

    name: str
    model: keras.Model
    optimizer: keras.optimizers.Optimizer


def make_move(
    player: Player,
    players: Sequence[Player],
    loss: Callable[[Any], tf.Tensor],
    strategy: tf.distribute.Strategy,
) -> Callable[[Any], tf.Tensor]:
    """Makes a function, for use in a `tf.function`, by which a player takes one step down its loss.

    Args:
        player: Whose weights change.
        players: All whose models `loss` calls.
        loss: Maps the inputs of the step, tensors for all replicas, to the mean loss on the share of a
            replica, all of one size.
        strategy: That of the replicas.

    Returns:
        Maps the inputs to the loss before the step.
    """
    variables = player.model.trainable_variables
    player.optimizer.build(variables)
    models = [each.model for each in players]
    compute = ReplicatedLoss(strategy, lambda inputs: (loss(inputs), 1), models, variables)

    def move(inputs: Any) -> tf.Tensor:
        value, _, gradients = compute(inputs)
        player.optimizer.apply(gradients, variables)
        return value

    return move


def compile_steps(
    step: Callable[[tf.Tensor, Any], Sequence[tf.Tensor]], count: int
) -> Callable[[Iterator[tuple[tf.Tensor, Any]], tf.Tensor], tf.Tensor]:
    """Makes a function that takes some steps and gives their mean losses.

    Args:
        step: Maps the number of a step and its batch to the losses of the players.
        count: How many players there are.

    Returns:
        Maps an iterator over pairs of number and batch, and how many of them to take, to the losses.
    """

    @tf.function
    def take(batches: Iterator[tuple[tf.Tensor, Any]], steps: tf.Tensor) -> tf.Tensor:
        total = tf.zeros((count,))
        for _ in tf.range(steps):
            total += tf.stack(step(*next(batches)))
        return total / tf.cast(steps, tf.float32)

    return take


def play(
    step: Callable[[tf.Tensor, Any], Sequence[tf.Tensor]],
    players: Sequence[Player],
    run: TrainingRun,
    batches: tf.data.Dataset,
    *,
    steps: int,
    rounds: int,
    after_round: Callable[[], None],
) -> dict[str, list[float]]:
    """Takes the steps of a game in rounds, each of which ends with a checkpoint.

    Args:
        step: Maps the number of a step, from 0, and its batch to the losses of the players in their order; a
            function of these, so that a resumed training repeats it.
        players: What the checkpoint consists of.
        run: That this training is a part of.
        batches: One a step, or more; the same ones in each process.
        steps: Of the whole training.
        rounds: Of the whole training.
        after_round: Called after each round of this process.

    Returns:
        The mean losses by player, one value a round.

    Raises:
        TrainingDivergedError: A loss is not finite. The checkpoint before it is kept.
    """
    (first, *others), optimizers = [each.model for each in players], [each.optimizer for each in players]
    folder = run.begin_training().folder
    state = TrainingState(first, [*others, *optimizers], folder, seconds=0.0, machines=run.machines)
    state.restore()
    take, ends = compile_steps(step, len(players)), np.linspace(0, steps, rounds + 1).astype(int)
    numbered = iter(batches.enumerate().skip(ends[state.epoch + 1]))
    for index in console.track(range(state.epoch + 1, rounds), f"playing for {steps} steps"):
        losses = take(numbered, tf.constant(ends[index + 1] - ends[index])).numpy()
        if not np.isfinite(losses).all():
            raise TrainingDivergedError(f"expected finite losses, received {losses}; lower the rate")
        state.record({each.name: float(loss) for each, loss in zip(players, losses, strict=True)})
        after_round()
    return state.curves
