"""A training loop that can be killed: one `tf.function` step, a checkpoint an epoch, the best epoch kept."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import keras
import tensorflow as tf

from suite import console


class TrainingDiverged(ValueError):
    """The loss became NaN or infinite."""


def train(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    batches: Callable[[int], Iterable],
    *,
    epochs: int,
    evaluate: Callable[[], Mapping[str, float]],
    better: Callable[[Mapping[str, float], Mapping[str, float]], bool],
    patience: int,
    folder: Path,
) -> dict[str, list[float]]:
    """Trains with early stopping and leaves the model with the weights of its best epoch.

    A run that was interrupted goes on from the last epoch in `folder`, and ends with the weights that it
    would have had without the interruption, as long as `batches` and the model are functions of the epoch
    and the seed alone.

    Args:
        model: A built model; its trainable weights are trained, its layers run in training mode.
        optimizer: Fresh; wrapped to scale the loss where the model computes in float16.
        loss: Maps `(targets, outputs)` of a batch to a scalar, the mean over the batch.
        batches: Gives the `(inputs, targets)` batches of an epoch, counted from 1.
        epochs: Largest number of epochs.
        evaluate: Measures the model on the validation split.
        better: Whether the first measurement is better than the second.
        patience: Epochs without a better measurement before training stops.
        folder: Where checkpoints are kept.

    Returns:
        Curves by name ("train_loss" and the names that `evaluate` gives), one value an epoch; the first
        value of the validation curves is that before training, for which "train_loss" has NaN. "best_epoch"
        has one value.

    Raises:
        TrainingDiverged: The loss is not finite.
    """
    if any(layer.compute_dtype == "float16" for layer in model.layers):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)  # float16 gradients underflow unscaled
    optimizer.build(model.trainable_variables)
    progress = Progress(folder, model=model, optimizer=optimizer)
    if not progress.restore():
        progress.record({"train_loss": math.nan, **evaluate()}, is_best=True)
    step = _compile_step(model, optimizer, loss)
    while progress.epoch < epochs and progress.epoch - progress.best_epoch < patience:
        epoch = progress.epoch + 1
        train_loss = _run_epoch(step, batches(epoch), f"epoch {epoch}/{epochs}")
        if not math.isfinite(train_loss):
            raise TrainingDiverged(
                f"expected a finite loss, received {train_loss} in epoch {epoch}; lower the rate"
            )
        measured = {"train_loss": train_loss, **evaluate()}
        progress.record(measured, is_best=better(measured, progress.best()))
    progress.restore_best()
    return progress.curves | {"best_epoch": [progress.best_epoch]}


def _compile_step(model, optimizer, loss):
    @tf.function(reduce_retracing=True, jit_compile=bool(tf.config.list_physical_devices("GPU")))
    def step(inputs, targets):
        with tf.GradientTape() as tape:
            value = loss(targets, model(inputs, training=True))
            scaled = optimizer.scale_loss(value)
        optimizer.apply(tape.gradient(scaled, model.trainable_variables), model.trainable_variables)
        return value

    return step


def _run_epoch(step, batches, label: str) -> float:
    total, examples = 0.0, 0
    for inputs, targets in console.track(batches, label):
        size = len(targets)
        total += float(step(inputs, targets)) * size
        examples += size
    return total / examples


class Progress:
    """The state of a training run, in memory and on disk.

    Attributes:
        epoch: Last epoch that was recorded; -1 where none was.
        best_epoch: Last one that was recorded as the best.
        curves: Lists of what was measured by name, one value an epoch.
    """

    def __init__(self, folder: Path, model: keras.Model, **others):
        """Prepares; nothing is written yet.

        Args:
            folder: Where checkpoints are kept, one at a time, and one of the best epoch.
            model: The model whose best weights are kept.
            **others: What else the state consists of: optimizers, other models, variables.
        """
        self.folder = folder
        self.epoch, self.best_epoch, self.curves = -1, 0, {}
        self._state = tf.train.Checkpoint(model=model, **others)
        self._weights = tf.train.Checkpoint(model=model)
        self._file = folder / "progress.json"

    def best(self) -> dict[str, float]:
        """What was measured in the best epoch."""
        return {name: values[self.best_epoch] for name, values in self.curves.items()}

    def record(self, measured: Mapping[str, float], is_best: bool = False) -> None:
        """Appends an epoch; its checkpoint counts once progress.json names it."""
        self.epoch += 1
        for name, value in measured.items():
            self.curves.setdefault(name, []).append(value)
        if is_best:
            self.best_epoch = self.epoch
            self._weights.write(str(self.folder / f"best-{self.epoch}"))
        self._state.write(str(self.folder / f"epoch-{self.epoch}"))
        content = {"epoch": self.epoch, "best_epoch": self.best_epoch, "curves": self.curves}
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps(content))
        partial.replace(self._file)
        self._forget_others()

    def _forget_others(self) -> None:
        kept = (f"epoch-{self.epoch}.", f"best-{self.best_epoch}.")
        for path in [*self.folder.glob("epoch-*"), *self.folder.glob("best-*")]:
            if not path.name.startswith(kept):
                path.unlink()

    def restore(self) -> bool:
        """Goes back to the last recorded epoch, if there is one."""
        if not self._file.exists():
            return False
        content = json.loads(self._file.read_text())
        self.epoch, self.best_epoch, self.curves = content["epoch"], content["best_epoch"], content["curves"]
        self._state.read(str(self.folder / f"epoch-{self.epoch}")).assert_existing_objects_matched()
        console.say(f"resuming after epoch {self.epoch}")
        return True

    def restore_best(self) -> None:
        """Gives the model the weights of the best epoch."""
        self._weights.read(str(self.folder / f"best-{self.best_epoch}")).assert_existing_objects_matched()
