"""The training loop, on any number of devices: it can be killed and goes on."""

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import keras
import tensorflow as tf

from suite import console
from suite.training.checkpoints import TrainingState
from suite.training.signals import stop_deferred
from suite.training.steps import Batches, Steps, TrainingDivergedError, evaluator
from suite.training.training_run import TrainingRun

Measured = Mapping[str, float]

__all__ = ["TrainingDivergedError", "epochs_for", "fit", "higher", "lower"]

LINES = 20  # about as many epochs are said


def lower(name: str, by: float = 0.0) -> Callable[[Measured, Measured], bool]:
    """Makes a `better` for `fit`: the measurement is lower than the best one by more than `by`."""
    return lambda new, best: new[name] < best[name] - by


def higher(name: str) -> Callable[[Measured, Measured], bool]:
    """Makes a `better` for `fit`: the measurement is higher than the best one."""
    return lambda new, best: new[name] > best[name]


def epochs_for(steps: int, epochs: int, least_steps: int) -> int:
    """How many epochs a training takes: more where the data is so small that it would end after a few steps.

    Args:
        steps: Of an epoch, a pass over the training data.
        epochs: As usual.
        least_steps: Of the whole training.

    Returns:
        `epochs`, or as many as have `least_steps` steps, which is then said. They may be too many: let `fit`
        keep the one that is best on validation.
    """
    enough = max(epochs, math.ceil(least_steps / max(1, steps)))
    if enough > epochs:
        console.say(
            f"little data, {steps} steps an epoch: up to {enough} epochs instead of {epochs} "
            f"(least_steps {least_steps})"
        )
    return enough


def fit(
    model: keras.Model,
    batches: Batches,
    run: TrainingRun | None = None,
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
            `compile` are left out: `measure` sees the trained model between epochs. With an optimizer that
            keeps moving averages of the weights (`use_ema`), these are measured and kept.
        batches: `(inputs, targets)` or `(inputs, targets, sample_weight)`, of all devices together; or a
            function that gives those of an epoch, counted from 1: then a resumed run does not have to draw
            those of earlier epochs. A dataset that shuffles should serve one training only: where one of
            two is not done again, the other one would not see the same order.
        run: That this training is a part of; without one, it uses one device and leaves no files.
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
        TrainingDivergedError: The loss is not finite. The checkpoint before it is kept.
        KeyboardInterrupt: After a checkpoint, where the process is asked to stop (SIGINT, SIGTERM).
    """
    if steps_per_epoch is not None and steps_per_epoch < 1:
        raise ValueError(f"expected steps_per_epoch of at least 1, received {steps_per_epoch}")
    run = run or TrainingRun()
    optimizer, compiled = _scaled(model), _uses_xla(jit_compile, run)
    optimizer.build(model.trainable_variables)
    output = run.begin_training()
    state = TrainingState(model, [optimizer], output.folder, output.checkpoint_seconds, run.machines)
    validate = None if validation is None else evaluator(model, validation, run, compiled)

    def look() -> Measured:
        measured = {} if validate is None else {"validation_loss": validate()}
        return measured | dict(measure() if measure else {})

    with stop_deferred() as stop:
        if state.restore():
            console.say(f"resuming after epoch {state.epoch}, step {state.step}")
        else:
            state.record({"train_loss": math.nan, **look()} if better else {}, is_best=bool(better))
        steps = Steps(
            model, batches, steps_per_epoch, run=run, optimizer=optimizer, state=state, jit_compile=compiled
        )
        with console.progress("training", steps.total(epochs)) as advance, output.log(optimizer) as log:
            while state.epoch < epochs and not (patience and state.since_best() >= patience):
                epoch = state.epoch + 1
                if before_epoch:
                    before_epoch(epoch)
                train_loss = steps.run(epoch, advance, stop, output.trace)
                with _averaged(optimizer, model.trainable_variables):
                    measured = _of_chief({"train_loss": train_loss, **look()}, run)
                    is_best = bool(better and better(measured, state.best()))
                    weights = model.get_weights() if is_best else None
                state.record(measured, is_best=is_best, weights=weights)
                log(epoch, measured)
                _say(epoch, epochs, measured)
        if stop():
            state.write()
        state.close()
    optimizer.finalize_variable_values(model.trainable_variables)
    if not better:
        return state.curves
    state.restore_best()
    return state.curves | {"best_epoch": [state.best_epoch]}


@contextlib.contextmanager
def _averaged(optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]) -> Iterator[None]:
    """Gives the variables their moving averages inside, where the optimizer keeps some."""
    if not getattr(optimizer, "inner_optimizer", optimizer).use_ema:
        yield
        return
    values = [variable.numpy() for variable in variables]
    optimizer.finalize_variable_values(variables)
    try:
        yield
    finally:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def _uses_xla(jit_compile: bool | None, run: TrainingRun) -> bool:
    if jit_compile is None:  # XLA refuses operations on a GPU that it cannot make deterministic: max pooling
        return bool(tf.config.list_physical_devices("GPU")) and not run.deterministic
    return jit_compile


def _scaled(model: keras.Model) -> keras.optimizers.Optimizer:
    """The model's optimizer; float16 gradients would underflow unscaled."""
    is_half = any(layer.compute_dtype == "float16" for layer in model.layers)
    if is_half and not isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        return keras.optimizers.LossScaleOptimizer(model.optimizer)
    return model.optimizer


def _say(epoch: int, epochs: int, measured: Measured) -> None:
    if len(measured) > 1 and epoch % max(1, epochs // LINES) == 0:
        values = ", ".join(f"{name} {value:.4g}" for name, value in measured.items())
        console.say(f"epoch {epoch} of {epochs}: {values}")


def _of_chief(measured: Measured, run: TrainingRun) -> Measured:
    """What the first machine has measured: all have to decide alike."""
    numbers = json.dumps({name: float(value) for name, value in measured.items()})
    return json.loads(run.machines.broadcast_bytes(numbers.encode()))
