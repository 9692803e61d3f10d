"""The steps of training and of validation: `tf.function`s, on any number of devices."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

import keras
import tensorflow as tf

from suite.training import replicas
from suite.training.checkpoints import Progress

Batches: TypeAlias = tf.data.Dataset | Callable[[int], tf.data.Dataset]

MOST_STEPS = 1 << 20  # between two looks
CHUNK_SECONDS = 0.2  # of steps between two looks at signals, losses and the clock


class TrainingDiverged(ValueError):
    """The loss became NaN or infinite."""


class Steps:
    """The steps of training, a few at a time, from where the progress says that it is."""

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        batches: Batches,
        steps_per_epoch: int | None,
        progress: Progress,
        jit_compile: bool,
    ):
        self._model, self._batches, self._progress = model, batches, progress
        self._steps_per_epoch = steps_per_epoch
        self._is_placed = False
        self._endless: Iterator | None = None  # the iterator of batches that epochs go on with
        self._chunk = 1
        self._sums = tf.Variable(tf.zeros(2, tf.float64))  # of losses times weights, and of weights
        self._taken = tf.Variable(0, dtype=tf.int64)
        self._ended = tf.Variable(False)
        self._wrong = tf.Variable(-1, dtype=tf.int64)  # the first step whose loss was not finite
        variables = model.trainable_variables
        compute = replicas.replicated(_loss_of(model, training=True), [model], variables, jit_compile)

        def step(batch):
            value, weight, gradients = compute(batch, optimizer.scale_loss(1.0))
            optimizer.apply(gradients, variables)
            return value, weight

        @tf.function(reduce_retracing=True)
        def take(iterator, count):
            for _ in tf.range(count):
                batch = iterator.get_next_as_optional()
                if not batch.has_value():
                    self._ended.assign(True)
                    break
                value, weight = step(batch.get_value())
                self._sums.assign_add(tf.cast(tf.stack([value * weight, weight]), tf.float64))
                self._taken.assign_add(1)
                if self._wrong < 0 and not tf.math.is_finite(value):
                    self._wrong.assign(self._taken)

        @tf.function(reduce_retracing=True)
        def skip(iterator, count):
            for _ in tf.range(count):
                next(iterator)

        self._take, self._skip = take, skip

    def total(self, epochs: int) -> int | None:
        """Steps that are left in this number of epochs; None where nobody knows."""
        an_epoch = self._steps_per_epoch or _length(self._of_epoch(1))
        done = max(0, self._progress.epoch) * (an_epoch or 0) + self._progress.step
        return an_epoch and max(0, epochs * an_epoch - done)

    def run(self, epoch: int, advance: Callable, stop: Callable, trace: Callable) -> float:
        """Takes the steps of an epoch that are left; gives its mean loss.

        Args:
            epoch: Number of the epoch, from 1.
            advance: Told the number of steps after some were taken.
            stop: Whether somebody asked to stop.
            trace: Context that steps are taken in.

        Raises:
            TrainingDiverged: The loss was NaN or infinite in a step.
            KeyboardInterrupt: Somebody asked to stop; the checkpoint is written.
            ValueError: There was no batch.
        """
        progress = self._progress
        self._sums.assign(progress.total)
        self._taken.assign(progress.step)
        if progress.step == 0:
            reset_states(self._model)
        iterator = self._iterator(epoch)
        self._ended.assign(False)
        last = self._steps_per_epoch or math.inf
        while progress.step < last and not self._ended:
            started, count = time.perf_counter(), min(self._chunk, last - progress.step)
            with trace():
                self._take(iterator, tf.constant(count, tf.int64))
            taken = int(self._taken) - progress.step
            self._check(epoch)
            losses, weights = map(float, self._sums.numpy())
            progress.step, progress.total = progress.step + taken, (losses, weights)
            advance(taken)
            # All machines have to call the same functions: the slowest one's time counts, and anyone's stop.
            seconds, stops = replicas.gather([time.perf_counter() - started, stop()]).max(axis=0)
            self._adapt(seconds)
            if stops:
                progress.write()
                raise KeyboardInterrupt
            if progress.is_due:
                progress.write()
        total, weight = progress.total
        if not weight:
            raise ValueError(f"expected batches in epoch {epoch}, received none")
        return total / weight

    def _check(self, epoch: int) -> None:
        if self._wrong >= 0:
            raise TrainingDiverged(
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

    def _iterator(self, epoch: int):
        """The batches of an epoch after those that were taken; others are drawn again to find the place."""
        step = self._progress.step
        if self._steps_per_epoch:
            if self._endless is None:
                self._endless = iter(replicas.distribute(self._batches))
                self._skip(self._endless, tf.constant((epoch - 1) * self._steps_per_epoch + step, tf.int64))
            return self._endless
        if not callable(self._batches) and not self._is_placed:
            for _ in range(epoch - 1):
                with contextlib.suppress(tf.errors.OutOfRangeError):
                    self._skip(iter(replicas.distribute(self._batches)), tf.int64.max)
        self._is_placed = True
        iterator = iter(replicas.distribute(self._of_epoch(epoch)))
        self._skip(iterator, tf.constant(step, tf.int64))
        return iterator


def _length(batches: tf.data.Dataset) -> int | None:
    length = int(batches.cardinality())
    return length if length >= 0 else None


def evaluator(model: keras.Model, batches: tf.data.Dataset, jit_compile: bool) -> Callable[[], float]:
    """A function that measures the mean loss on batches.

    Args:
        model: Compiled.
        batches: As for `fit`.
        jit_compile: Whether XLA compiles the step.

    Raises:
        ValueError: By the function, where there is no batch.
    """
    compute = replicas.replicated(_loss_of(model, training=False), [model], jit_compile=jit_compile)

    @tf.function(reduce_retracing=True)
    def step(batch):
        value, weight, _ = compute(batch)
        return value, weight

    def evaluate() -> float:
        reset_states(model)
        total = weights = 0.0
        for batch in replicas.distribute(batches):
            value, weight = map(float, step(batch))
            total, weights = total + value * weight, weights + weight
        if not weights:
            raise ValueError("expected batches for validation, received none; give some, or no validation")
        return total / weights

    return evaluate


def _loss_of(model: keras.Model, training: bool) -> Callable:
    """The model's loss on a batch, and what it counts: examples, or the weights that it is divided by."""
    by_weights = getattr(model.loss, "reduction", None) == "mean_with_sample_weight"

    def loss(batch):
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
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False):
            layer.reset_state()
