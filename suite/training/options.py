"""Settings of every command that trains: the flags, and what they say of this process."""

import dataclasses
from typing import Annotated, Literal

from suite.training import cluster


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
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


def is_chief(options: TrainingOptions) -> bool:
    """Whether this process leaves the bundle: the only one, or the first of several."""
    return options.strategy != "multi_worker" or cluster.task()["index"] == 0
