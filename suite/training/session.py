"""How a run trains, whatever it trains: on which devices, where its checkpoints lie, what it logs."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import keras
import numpy as np
import tensorflow as tf

from suite.training import cluster


@dataclasses.dataclass(frozen=True)
class Options:
    """Settings of every command that trains.

    Attributes: the help texts of the flags.
    """

    strategy: Annotated[
        Literal["default", "mirrored", "multi_worker"],
        "default: one device; mirrored: all GPUs of this machine; multi_worker: the machines of TF_CONFIG.",
    ] = "default"
    input_service: Annotated[str, "Address of a tf.data service that prepares batches, HOST:PORT."] = ""
    deterministic: Annotated[
        bool, "Same seed, same weights; slower on GPUs, where XLA then compiles nothing by itself."
    ] = True
    tensorboard: Annotated[bool, "Log losses, rates and figures beside the bundle, in tensorboard/NAME."] = (
        False
    )
    profile: Annotated[bool, "Trace some steps of the first training for TensorBoard's profiler."] = False
    checkpoint_seconds: Annotated[
        float, "Between two checkpoints; a training shorter than that leaves none."
    ] = 10.0

    def __post_init__(self) -> None:
        if self.strategy == "multi_worker":
            cluster.task()


def split_options(settings: Mapping[str, Any]) -> tuple[Options, dict[str, Any]]:
    """Takes the settings that say how to train out of those of a command; gives both."""
    names = {field.name for field in dataclasses.fields(Options)}
    chosen = {name: value for name, value in settings.items() if name in names}
    return Options(**chosen), {name: value for name, value in settings.items() if name not in names}


def is_chief(options: Options) -> bool:
    """Whether this process leaves the bundle: the only one, or the first of several."""
    return options.strategy != "multi_worker" or cluster.task()["index"] == 0


class Training:
    """One training of a run: its checkpoints and logs.

    Attributes:
        folder: Where its checkpoints are kept; None for none.
        checkpoint_seconds: Time between two of them.
    """

    def __init__(self, folder: Path | None, checkpoint_seconds: float, logs: Path | None, profile: bool):
        self.folder, self.checkpoint_seconds = folder, checkpoint_seconds
        self._logs, self._profile, self._chunks = logs, profile, 0

    @contextlib.contextmanager
    def log(self, optimizer: keras.optimizers.Optimizer) -> Iterator[Callable[[int, Mapping], None]]:
        """Gives a function that logs what was measured after an epoch, and the learning rate."""
        if self._logs is None:
            yield lambda epoch, measured: None
            return
        with contextlib.closing(tf.summary.create_file_writer(str(self._logs))) as writer:

            def log(epoch: int, measured: Mapping[str, float]) -> None:
                with writer.as_default(step=epoch):
                    for name, value in measured.items():
                        tf.summary.scalar(name, value)
                    tf.summary.scalar("learning_rate", optimizer.learning_rate)

            yield log

    def trace(self) -> contextlib.AbstractContextManager:
        """Around some steps: traces the third such group, when everything is compiled."""
        self._chunks += 1
        if not self._profile or self._chunks != 3:
            return contextlib.nullcontext()
        return tf.profiler.experimental.Profile(str(self._logs))


@dataclasses.dataclass
class Session:
    """What trainings need to know of the run that they are a part of.

    Attributes:
        strategy: Spreads each batch over devices and machines; variables stay as they are.
        folder: Where checkpoints are kept; None for none.
        logs: Where TensorBoard's logs go; None for none.
        profile: Whether some steps of the first training are traced.
        input_service: Address of a tf.data service, or "".
        deterministic: Whether the same seed has to give the same weights.
        checkpoint_seconds: Time between two checkpoints.
        trainings: How many trainings have begun.
    """

    strategy: tf.distribute.Strategy = dataclasses.field(default_factory=tf.distribute.get_strategy)
    folder: Path | None = None
    logs: Path | None = None
    profile: bool = False
    input_service: str = ""
    deterministic: bool = True
    checkpoint_seconds: float = Options.checkpoint_seconds
    trainings: int = 0

    def next_training(self) -> Training:
        """Begins a training, whose checkpoints and logs have a folder of their own."""
        self.trainings += 1
        name = f"training-{self.trainings}"
        folder = self.folder / name if self.folder else None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        logs = self.logs / name if self.logs else None
        profile = self.profile and self.trainings == 1 and logs is not None
        return Training(folder, self.checkpoint_seconds, logs, profile)

    def log_figures(self, figures: Mapping[str, Any]) -> None:
        """Logs matplotlib figures as images, where there are logs."""
        if self.logs is None:
            return
        writer = tf.summary.create_file_writer(str(self.logs))
        with contextlib.closing(writer), writer.as_default(step=0):
            for name, figure in figures.items():
                figure.canvas.draw()
                tf.summary.image(name, np.asarray(figure.canvas.buffer_rgba())[None])


_current = Session()


def current() -> Session:
    """The session of the run that is going on; outside of runs, one device and no checkpoints."""
    return _current


@contextlib.contextmanager
def running(options: Options, folder: Path | None = None, logs: Path | None = None) -> Iterator[Session]:
    """Makes a session for a run and lets it be the current one.

    Machines of a cluster have to be told of each other before TensorFlow computes anything in the process.

    Args:
        options: How to train.
        folder: For checkpoints, of which only the first machine's count.
        logs: For TensorBoard, where the options ask for it.

    Raises:
        ValueError: There is no such strategy.
        WorkerLost: Another machine stopped, or does not answer. TensorFlow notices at once that a worker was
            killed, and in about 15 s that it hangs or that its network is gone.
    """
    global _current
    strategies = {
        "default": tf.distribute.get_strategy,
        "mirrored": tf.distribute.MirroredStrategy,
        "multi_worker": cluster.join,
    }
    if options.strategy not in strategies:
        expected = ", ".join(strategies)
        raise ValueError(f"expected a strategy among {expected}, received {options.strategy!r}")
    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # an earlier run in this process uses it already
            tf.config.experimental.set_memory_growth(gpu, True)
    before = _current
    _current = Session(
        strategies[options.strategy](),
        folder,
        logs if options.tensorboard or options.profile else None,
        options.profile,
        options.input_service,
        options.deterministic,
        options.checkpoint_seconds,
    )
    is_cluster = options.strategy == "multi_worker"
    try:
        with cluster.one_line_if_a_worker_is_lost() if is_cluster else contextlib.nullcontext():
            yield _current
    finally:
        _current = before
