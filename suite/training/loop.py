"""The training loop: a `tf.function` over steps, on any number of devices, that can be killed and goes on."""

import contextlib
import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping

import keras
import tensorflow as tf

from suite import console
from suite.training import replicas, session
from suite.training.checkpoints import Progress

Measured = Mapping[str, float]
Batches = tf.data.Dataset | Callable[[int], tf.data.Dataset]

CHUNK_SECONDS = 0.2  # of steps between two looks at signals, losses and the clock
LINES = 20  # about as many epochs are said


class TrainingDiverged(ValueError):
    """The loss became NaN or infinite."""


def lower(name: str, by: float = 0.0) -> Callable[[Measured, Measured], bool]:
    """Makes a `better` for `fit`: the measurement is lower than the best one by more than `by`."""
    return lambda new, best: new[name] < best[name] - by


def fit(
    model: keras.Model,
    batches: Batches,
    *,
    epochs: int = 1,
    steps_per_epoch: int | None = None,
    validation: tf.data.Dataset | None = None,
    measure: Callable[[], Measured] | None = None,
    better: Callable[[Measured, Measured], bool] | None = None,
    patience: int | None = None,
    before_epoch: Callable[[int], None] | None = None,
    jit_compile: bool | None = None,
) -> dict[str, list[float]]:
    """Trains a compiled model, as `keras.Model.fit` does, and survives what happens to long runs.

    Steps run in a `tf.function`, on all devices of the run's strategy: a batch is divided among them, and the
    gradients are those of the whole batch. An interrupted run goes on from its last checkpoint and ends with
    the weights that it would have had, as long as `batches`, `measure` and `before_epoch` are functions of
    the seed and the epoch: batches that were seen are drawn again and left out. Recurrent layers that keep
    their states start each epoch, and each validation, from zero.

    Args:
        model: Built, and compiled with an optimizer and a loss that gives a value an example. Metrics of
            `compile` are left out: `measure` sees the trained model between epochs.
        batches: `(inputs, targets)` or `(inputs, targets, sample_weight)`, of all devices together; or a
            function that gives those of an epoch, counted from 1: then a resumed run does not have to draw
            those of earlier epochs. A dataset that shuffles should serve one training only: where one of
            two is not done again, the other one would not see the same order.
        epochs: Largest number of epochs.
        steps_per_epoch: Steps an epoch of batches without end; None: an epoch is one pass.
        validation: Batches whose mean loss is recorded as "validation_loss".
        measure: Called after each epoch; gives further numbers to record.
        better: Whether the first measurement is better than the second. With it, the model ends with the
            weights of its best epoch, which may be 0, those it came with.
        patience: Epochs without a better measurement before training stops; None: all epochs are trained.
        before_epoch: Called with the number of each epoch before it begins.
        jit_compile: Whether XLA compiles the step; by default on a GPU where a run does not have to be
            deterministic. Operations without an XLA kernel are then an error, and batches should be of one
            shape.

    Returns:
        Curves: "train_loss", the mean over the examples of an epoch while it trains, and what is measured,
        one value an epoch. With `better`, the first value of each is that before training ("train_loss" has
        NaN), and "best_epoch" has one value.

    Raises:
        ValueError: No steps in an epoch.
        TrainingDiverged: The loss is not finite. The checkpoint before it is kept.
        KeyboardInterrupt: After a checkpoint, where the process is asked to stop (SIGINT, SIGTERM).
    """
    if steps_per_epoch is not None and steps_per_epoch < 1:
        raise ValueError(f"expected steps_per_epoch of at least 1, received {steps_per_epoch}")
    optimizer, compiled = _scaled(model), _uses_xla(jit_compile)
    optimizer.build(model.trainable_variables)
    training = session.current().next_training()
    progress = Progress(training.folder, model, optimizer=optimizer)
    validate = None if validation is None else _evaluator(model, validation, compiled)

    def look() -> Measured:
        measured = {} if validate is None else {"validation_loss": validate()}
        return measured | dict(measure() if measure else {})

    with _interruptible() as stop:
        if progress.restore():
            console.say(f"resuming after epoch {progress.epoch}, step {progress.step}")
        else:
            progress.record({"train_loss": math.nan, **look()} if better else {}, is_best=bool(better))
        steps = _Steps(model, optimizer, batches, steps_per_epoch, progress, compiled)
        with console.progress("training", steps.total(epochs)) as advance, training.log(optimizer) as log:
            while progress.epoch < epochs and not (patience and progress.since_best() >= patience):
                epoch = progress.epoch + 1
                if before_epoch:
                    before_epoch(epoch)
                train_loss = steps.run(epoch, advance, stop, training.trace)
                measured = _of_chief({"train_loss": train_loss, **look()})
                progress.record(measured, is_best=bool(better and better(measured, progress.best())))
                log(epoch, measured)
                _say(epoch, epochs, measured)
        if stop():
            progress.write()
        progress.close()
    optimizer.finalize_variable_values(model.trainable_variables)
    if not better:
        return progress.curves
    progress.restore_best()
    return progress.curves | {"best_epoch": [progress.best_epoch]}


def _uses_xla(jit_compile: bool | None) -> bool:
    if jit_compile is None:  # XLA refuses operations on a GPU that it cannot make deterministic: max pooling
        return bool(tf.config.list_physical_devices("GPU")) and not session.current().deterministic
    return jit_compile


def _scaled(model: keras.Model) -> keras.optimizers.Optimizer:
    """The model's optimizer; float16 gradients would underflow unscaled."""
    is_half = any(layer.compute_dtype == "float16" for layer in model.layers)
    if is_half and not isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        return keras.optimizers.LossScaleOptimizer(model.optimizer)
    return model.optimizer


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


def _evaluator(model: keras.Model, batches: tf.data.Dataset, jit_compile: bool) -> Callable[[], float]:
    """A function that measures the mean loss on batches."""
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
        return total / weights

    return evaluate


def reset_states(model: keras.Model) -> None:
    """Sets the states of the stateful layers of a model to zero."""
    for layer in model.layers:
        if getattr(layer, "stateful", False):
            layer.reset_state()


class _Steps:
    """The steps of training, a few at a time, from where the progress says that it is."""

    def __init__(self, model, optimizer, batches: Batches, steps_per_epoch, progress: Progress, jit_compile):
        self._model, self._batches, self._progress = model, batches, progress
        self._steps_per_epoch = steps_per_epoch
        self._is_placed = False
        self._endless = None  # the iterator of batches that epochs go on with
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
        """Takes the steps of an epoch that are left; gives its mean loss."""
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
            progress.step, progress.total = progress.step + taken, tuple(map(float, self._sums.numpy()))
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
            self._chunk *= 2
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


def _say(epoch: int, epochs: int, measured: Measured) -> None:
    if len(measured) > 1 and epoch % max(1, epochs // LINES) == 0:
        values = ", ".join(f"{name} {value:.4g}" for name, value in measured.items())
        console.say(f"epoch {epoch} of {epochs}: {values}")


def _of_chief(measured: Measured) -> Measured:
    """What the first machine has measured: all have to decide alike."""
    return json.loads(
        replicas.broadcast_bytes(json.dumps({k: float(v) for k, v in measured.items()}).encode())
    )


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether the process was asked to stop; asked twice, it stops at once."""
    asked, signals = [], (signal.SIGINT, signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def note(number, frame):
        asked.append(number)
        if len(asked) > 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, note) for number in signals}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked:  # after the last step
        raise KeyboardInterrupt
