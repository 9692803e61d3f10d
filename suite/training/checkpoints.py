"""The state of a training run, in memory and on disk: what is lost when it is killed is seconds."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from suite.training import replicas
from suite.training.machines import Machines


class TrainingState:
    """How far a training is, and what it has measured.

    Attributes:
        epoch: Last epoch that was recorded; -1 where none was.
        step: Steps that were taken in the epoch after it.
        total: Sum of the losses of these steps, times the weights, and sum of the weights.
        best_epoch: Last one that was recorded as the best.
        curves: Lists of what was measured by name, one value an epoch.
    """

    def __init__(
        self,
        model: keras.Model,
        others: Sequence[keras.Model | keras.optimizers.Optimizer] = (),
        folder: Path | None = None,
        seconds: float = 0.0,
        machines: Machines | None = None,
    ):
        """Prepares; nothing is written yet.

        Args:
            model: The model whose best weights are kept.
            others: What else the state consists of: optimizers, other models.
            folder: Where the last checkpoint is kept; None to keep none.
            seconds: Time between two checkpoints.
            machines: Those that train together, by default this one alone.
        """
        self.folder, self.seconds = folder, seconds
        self.epoch, self.step, self.total = -1, 0, (0.0, 0.0)
        self.best_epoch = 0
        self.curves: dict[str, list[float]] = {}
        self._model = model
        self._best: list[np.ndarray] | None = None
        self._position: tuple[int, int] | None = None  # of the last checkpoint
        self._machines = machines or Machines(tf.distribute.get_strategy())
        self._variables = [
            each.value
            for part in (model, *others)
            for each in (replicas.state(part) if isinstance(part, keras.Model) else part.variables)
        ]
        # A list of variables: Keras' objects would leave out random seeds and the states that are kept.
        self._state = tf.train.Checkpoint(variables=self._variables)
        self._written = time.monotonic()

    @property
    def has_written(self) -> bool:
        """Whether there is a checkpoint, of this process or of one before it."""
        return self.folder is not None and (self.folder / "progress.json").exists()

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint is old enough for another one."""
        return time.monotonic() - self._written >= self.seconds

    def best(self) -> dict[str, float]:
        """What was measured in the best epoch."""
        return {name: values[self.best_epoch] for name, values in self.curves.items()}

    def since_best(self) -> int:
        """Epochs after the best one."""
        return self.epoch - self.best_epoch

    def record(
        self,
        measured: Mapping[str, float],
        is_best: bool = False,
        weights: Sequence[np.ndarray] | None = None,
    ) -> None:
        """Appends an epoch, and writes a checkpoint where one is due.

        Args:
            measured: Numbers by name.
            is_best: Whether it is the best one so far.
            weights: Of the model where it was measured; those that it has now by default.
        """
        self.epoch, self.step, self.total = self.epoch + 1, 0, (0.0, 0.0)
        for name, value in measured.items():
            self.curves.setdefault(name, []).append(value)
        if is_best:
            self.best_epoch = self.epoch
            self._best = self._model.get_weights() if weights is None else list(weights)
        if self.is_due:
            self.write()

    def write(self) -> None:
        """Writes a checkpoint, which counts once progress.json names it."""
        self._written, position = time.monotonic(), (self.epoch, self.step)
        if (
            self.folder is None or position == self._position
        ):  # the checkpoint that counts is not written over
            return
        best = self.folder / f"best-{self.best_epoch}.npz"
        if self._best is not None and not best.exists():
            partial = best.with_suffix(".partial.npz")
            np.savez(partial, *self._best)
            partial.replace(best)
        prefix = self.folder / f"epoch-{self.epoch}-step-{self.step}"
        self._state.write(str(prefix))
        content = {name: getattr(self, name) for name in _FIELDS} | {"has_best": self._best is not None}
        partial = self.folder / "progress.partial"
        partial.write_text(json.dumps(content))
        partial.replace(self.folder / "progress.json")
        self._position = position
        self._remove_others(self.folder)

    def _remove_others(self, folder: Path) -> None:
        """Leaves the checkpoint that progress.json names, and nothing that was half written or is older."""
        kept: tuple[str, ...] = ()
        if self._position:
            epoch, step = self._position
            kept = (f"epoch-{epoch}-step-{step}.", f"best-{self.best_epoch}.npz", "progress.json")
        for path in folder.iterdir():
            if path.is_file() and not path.name.startswith(kept):
                path.unlink()

    def close(self) -> None:
        """Writes the end of a training that has been written before, or that took long enough."""
        if self.has_written or self.is_due:
            self.write()

    def restore(self) -> bool:
        """Goes back to the last checkpoint, if there is one; all machines to that of the first."""
        file = self.folder / "progress.json" if self.folder else None
        text = self._machines.broadcast_bytes(file.read_bytes() if file and file.exists() else b"")
        if text:
            content = json.loads(text)
            for name in _FIELDS:
                setattr(self, name, content[name])
            self._position = (self.epoch, self.step)
            if self.folder:
                prefix = self.folder / f"epoch-{self.epoch}-step-{self.step}"
                self._state.read(str(prefix)).assert_existing_objects_matched()
            if content["has_best"]:
                self._best = self._read_best()
        if self.folder:
            self._remove_others(self.folder)
        self._machines.broadcast(self._variables)
        return bool(text)

    def _read_best(self) -> list[np.ndarray]:
        weights = self._model.get_weights()
        if self.folder:
            with np.load(self.folder / f"best-{self.best_epoch}.npz", allow_pickle=False) as arrays:
                weights = [arrays[name] for name in arrays.files]
        holders = [tf.Variable(each) for each in weights]
        self._machines.broadcast(holders)
        return [each.numpy() for each in holders]

    def restore_best(self) -> None:
        """Gives the model the weights of the best epoch."""
        if self._best is not None:
            self._model.set_weights(self._best)


_FIELDS = ("epoch", "step", "total", "best_epoch", "curves")
