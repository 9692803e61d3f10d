"""How a run trains, whatever it trains: on which devices, where its checkpoints lie, what it logs."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from suite.data.batches import without_tuning
from suite.training import cluster
from suite.training.machines import Machines
from suite.training.options import TrainingOptions


class TrainingOutput:
    """What one training of a run leaves on disk: its checkpoints and logs.

    Attributes:
        folder: Where its checkpoints are kept; None for none.
        checkpoint_seconds: Time between two of them.
    """

    def __init__(self, folder: Path | None, checkpoint_seconds: float, logs: Path | None, profile: bool):
        self.folder, self.checkpoint_seconds = folder, checkpoint_seconds
        self._logs, self._profile, self._chunks = logs, profile, 0

    @contextlib.contextmanager
    def log(
        self, optimizer: keras.optimizers.Optimizer
    ) -> Iterator[Callable[[int, Mapping[str, float]], None]]:
        """Gives a function that logs what was measured after an epoch, and the learning rate."""
        if self._logs is None:
            yield lambda _epoch, _measured: None
            return
        with contextlib.closing(tf.summary.create_file_writer(str(self._logs))) as writer:

            def log(epoch: int, measured: Mapping[str, float]) -> None:
                with writer.as_default(step=epoch):
                    for name, value in measured.items():
                        tf.summary.scalar(name, value)
                    tf.summary.scalar("learning_rate", optimizer.learning_rate)

            yield log

    def trace(self) -> contextlib.AbstractContextManager[Any]:
        """Around some steps: traces the third such group, when everything is compiled."""
        self._chunks += 1
        if not self._profile or self._chunks != 3:
            return contextlib.nullcontext()
        return tf.profiler.experimental.Profile(str(self._logs))


@dataclasses.dataclass
class TrainingRun:
    """What trainings need to know of the run that they are a part of; by default, one device and no files.

    Attributes:
        strategy: Spreads each batch over devices and machines; variables stay as they are.
        folder: Where checkpoints are kept; None for none.
        logs: Where TensorBoard's logs go; None for none.
        profile: Whether some steps of the first training are traced.
        input_service: Address of a tf.data service, or "".
        deterministic: Whether the same seed has to give the same weights.
        checkpoint_seconds: Time between two checkpoints.
        trainings: How many trainings have begun.
        machines: Those of the strategy.
    """

    strategy: tf.distribute.Strategy = dataclasses.field(default_factory=tf.distribute.get_strategy)
    folder: Path | None = None
    logs: Path | None = None
    profile: bool = False
    input_service: str = ""
    deterministic: bool = True
    checkpoint_seconds: float = TrainingOptions.checkpoint_seconds
    trainings: int = dataclasses.field(default=0, init=False)
    machines: Machines = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.machines = Machines(self.strategy)

    def begin_training(self) -> TrainingOutput:
        """Begins a training, whose checkpoints and logs have a folder of their own."""
        self.trainings += 1
        name = f"training-{self.trainings}"
        folder = self.folder / name if self.folder else None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        logs = self.logs / name if self.logs else None
        profile = self.profile and self.trainings == 1 and logs is not None
        return TrainingOutput(folder, self.checkpoint_seconds, logs, profile)

    def distribute(self, batches: tf.data.Dataset) -> Iterable[Any]:
        """Divides each batch among the replicas, in its order: machine by machine, then device by device."""
        if self.input_service:
            # Each training reads all of it from the workers: with several of them, in no fixed order.
            service = tf.data.experimental.service
            read = service.distribute(service.ShardingPolicy.OFF, f"grpc://{self.input_service}")
            batches = batches.apply(read)
        options = tf.data.Options()
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
        return self.strategy.experimental_distribute_dataset(without_tuning(batches.with_options(options)))

    def log_figures(self, figures: Mapping[str, Any]) -> None:
        """Logs matplotlib figures as images, where there are logs."""
        if self.logs is None:
            return
        writer = tf.summary.create_file_writer(str(self.logs))
        with contextlib.closing(writer), writer.as_default(step=0):
            for name, figure in figures.items():
                figure.canvas.draw()
                tf.summary.image(name, np.asarray(figure.canvas.buffer_rgba())[None])


@contextlib.contextmanager
def open_training_run(
    options: TrainingOptions, folder: Path | None = None, logs: Path | None = None
) -> Iterator[TrainingRun]:
    """Gives what the trainings of a run need; around all of them.

    Machines of a cluster have to be told of each other before TensorFlow computes anything in the process.

    Args:
        options: How to train.
        folder: For checkpoints, of which only the first machine's count.
        logs: For TensorBoard, where the options ask for it.

    Raises:
        ValueError: There is no such strategy.
        WorkerLostError: Another machine stopped, or does not answer. TensorFlow notices at once that a worker
            was killed, and in about 15 s that it hangs or that its network is gone.
    """
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
    run = TrainingRun(
        strategies[options.strategy](),
        folder,
        logs if options.tensorboard or options.profile else None,
        options.profile,
        options.input_service,
        options.deterministic,
        options.checkpoint_seconds,
    )
    is_cluster = options.strategy == "multi_worker"
    with cluster.translate_worker_errors() if is_cluster else contextlib.nullcontext():
        yield run
