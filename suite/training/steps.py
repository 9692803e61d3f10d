"""The steps of training and of validation: `tf.function`s, on any number of devices."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from suite.keras_internals import layers_of
from suite.training.checkpoints import TrainingState
from suite.training.replicas import Loss, ReplicatedLoss
from suite.training.training_run import TrainingRun

Batches: TypeAlias = tf.data.Dataset | Callable[[int], tf.data.Dataset]

MOST_STEPS = 1 << 20  # between two looks
CHUNK_SECONDS = 0.2  # of steps between two looks at signals, losses and the clock


class TrainingDivergedError(ValueError):
    """The loss became NaN or infinite."""


class Steps:
    """The steps of training, a few at a time, from where the state of the training is."""

    def __init__(
        self,
        model: keras.Model,
        batches: Batches,
        steps_per_epoch: int | None,
        *,
        run: TrainingRun,
        optimizer: keras.optimizers.Optimizer,
        state: TrainingState,
        jit_compile: bool,
    ):
        self._model, self._batches, self._steps_per_epoch = model, batches, steps_per_epoch
        self._run, self._optimizer, self._state = run, optimizer, state
        self._is_placed = False
        self._endless: Iterator[Any] | None = None  # the iterator of batches that epochs go on with
        self._chunk = 1
        self._sums = tf.Variable(tf.zeros(2, tf.float64))  # of losses times weights, and of weights
        self._taken = tf.Variable(0, dtype=tf.int64)
        self._ended = tf.Variable(False)
        self._wrong = tf.Variable(-1, dtype=tf.int64)  # the first step whose loss was not finite
        self._variables = model.trainable_variables
        loss = _loss_of(model, training=True)
        self._compute = ReplicatedLoss(run.strategy, loss, [model], self._variables, jit_compile)

    @tf.function(reduce_retracing=True)
    def _take(self, iterator: Any, count: tf.Tensor) -> None:
        """Takes steps, fewer where the batches end."""
        for _ in tf.range(count):
            batch = iterator.get_next_as_optional()
            if not batch.has_value():
                self._ended.assign(True)
                break
            value, weight, gradients = self._compute(batch.get_value(), self._optimizer.scale_loss(1.0))
            self._optimizer.apply(gradients, self._variables)
            self._sums.assign_add(tf.cast(tf.stack([value * weight, weight]), tf.float64))
            self._taken.assign_add(1)
            if self._wrong < 0 and not tf.math.is_finite(value):
                self._wrong.assign(self._taken)

    @tf.function(reduce_retracing=True)
    def _skip(self, iterator: Any, count: tf.Tensor) -> None:
        for _ in tf.range(count):
            next(iterator)

    def total(self, epochs: int) -> int | None:
        """Steps that are left in this number of epochs; None where nobody knows."""
        an_epoch = self._steps_per_epoch or _length(self._of_epoch(1))
        done = max(0, self._state.epoch) * (an_epoch or 0) + self._state.step
        return an_epoch and max(0, epochs * an_epoch - done)

    def run(
        self,
        epoch: int,
        advance: Callable[[int], object],
        stop: Callable[[], bool],
        trace: Callable[[], AbstractContextManager[Any]],
    ) -> float:
        """Takes the steps of an epoch that are left; gives its mean loss.

        Args:
            epoch: Number of the epoch, from 1.
            advance: Told the number of steps after some were taken.
            stop: Whether somebody asked to stop.
            trace: Context that steps are taken in.

        Raises:
            TrainingDivergedError: The loss was NaN or infinite in a step.
            KeyboardInterrupt: Somebody asked to stop; the checkpoint is written.
            ValueError: There was no batch.
        """
        state = self._state
        self._sums.assign(state.total)
        self._taken.assign(state.step)
        if state.step == 0:
            reset_states(self._model)
        iterator = self._iterator(epoch)
        self._ended.assign(False)
        last = self._steps_per_epoch or math.inf
        while state.step < last and not self._ended:
            started, count = time.perf_counter(), min(self._chunk, last - state.step)
            with trace():
                self._take(iterator, tf.constant(count, tf.int64))
            taken = int(self._taken) - state.step
            self._check(epoch)
            losses, weights = map(float, self._sums.numpy())
            state.step, state.total = state.step + taken, (losses, weights)
            advance(taken)
            # All machines have to call the same functions: the slowest one's time counts, and anyone's stop.
            seconds, stops = self._run.machines.gather([time.perf_counter() - started, stop()]).max(axis=0)
            self._adapt(seconds)
            if stops:
                state.write()
                raise KeyboardInterrupt
            if state.is_due:
                state.write()
        total, weight = state.total
        if not weight:
            raise ValueError(f"expected batches in epoch {epoch}, received none")
        return total / weight

    def _check(self, epoch: int) -> None:
        if self._wrong >= 0:
            raise TrainingDivergedError(
                f"expected a finite loss, received NaN or infinity in step {int(self._wrong)} of "
                f"epoch {epoch}; lower the rate"
            )

    def _adapt(self, seconds: float) -> None:
        if seconds < CHUNK_SECONDS / 2:
            self._chunk = min(2 * self._chunk, MOST_STEPS)  # an epoch may be far shorter
        elif seconds > 2 * CHUNK_SECONDS:
            self._chunk = max(1, self._chunk // 2)

    def _of_epoch(self, epoch: int) -> tf.data.Dataset:
        return self._batches(epoch) if callable(self._batches) else self._batches

    def _iterator(self, epoch: int) -> Iterator[Any]:
        """The batches of an epoch after those that were taken; others are drawn again to find the place."""
        step = self._state.step
        if self._steps_per_epoch:
            if self._endless is None:
                self._endless = iter(self._run.distribute(self._batches))
                self._skip(self._endless, tf.constant((epoch - 1) * self._steps_per_epoch + step, tf.int64))
            return self._endless
        if not callable(self._batches) and not self._is_placed:
            for _ in range(epoch - 1):
                with contextlib.suppress(tf.errors.OutOfRangeError):
                    self._skip(iter(self._run.distribute(self._batches)), tf.int64.max)
        self._is_placed = True
        iterator = iter(self._run.distribute(self._of_epoch(epoch)))
        self._skip(iterator, tf.constant(step, tf.int64))
        return iterator


def _length(batches: tf.data.Dataset) -> int | None:
    length = int(batches.cardinality())
    return length if length >= 0 else None


def evaluator(
    model: keras.Model, batches: tf.data.Dataset, run: TrainingRun, jit_compile: bool
) -> Callable[[], float]:
    """A function that measures the mean loss on batches.

    Args:
        model: Compiled.
        batches: As for `fit`.
        run: That the training is a part of.
        jit_compile: Whether XLA compiles the step.

    Raises:
        ValueError: By the function, where there is no batch.
    """
    loss = _loss_of(model, training=False)
    compute = ReplicatedLoss(run.strategy, loss, [model], jit_compile=jit_compile)

    @tf.function(reduce_retracing=True)
    def step(batch: Any) -> tuple[tf.Tensor, tf.Tensor]:
        value, weight, _ = compute(batch)
        return value, weight

    def evaluate() -> float:
        reset_states(model)
        total = weights = 0.0
        for batch in run.distribute(batches):
            value, weight = map(float, step(batch))
            total, weights = total + value * weight, weights + weight
        if not weights:
            raise ValueError("expected batches for validation, received none; give some, or no validation")
        return total / weights

    return evaluate


def _loss_of(model: keras.Model, training: bool) -> Loss:
    """The model's loss on a batch, and what it counts: examples, or the weights that it is divided by."""
    by_weights = getattr(model.loss, "reduction", None) == "mean_with_sample_weight"

    def loss(batch: Any) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, targets, weights = keras.utils.unpack_x_y_sample_weight(batch)
        outputs = model(inputs, training=training)
        value = model.compute_loss(inputs, targets, outputs, weights, training=training)
        if by_weights and weights is not None:
            count = tf.reduce_sum(tf.cast(weights, value.dtype))
        else:
            count = tf.shape(tf.nest.flatten(inputs)[0])[0]
        # Keras divides by the number of replicas, as if their shares were equal.
        return value * tf.distribute.get_strategy().num_replicas_in_sync, count

    return loss


def reset_states(model: keras.Model) -> None:
    """Sets the states of the stateful layers of a model to zero."""
    for layer in layers_of(model):
        if getattr(layer, "stateful", False):
            layer.reset_state()
