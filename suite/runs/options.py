"""Settings of every command that trains and exports."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from suite.training.options import TrainingOptions


@dataclasses.dataclass(frozen=True)
class RunOptions(TrainingOptions):
    """How to train, and what to export.

    Attributes: the help texts of the flags.
    """

    precisions: Annotated[
        Literal["all", "float32"],
        "all: float16, dynamic and int8 TFLite, too, and the model that learns on a phone; float32: none of "
        "these, in a third of the time.",
    ] = "all"
    fast: Annotated[
        bool,
        "Export and prove only what a phone needs, model.tflite and model_int8.tflite; model.keras is "
        "written and not run.",
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.precisions not in ("all", "float32"):
            raise ValueError(f"expected precisions all or float32, received {self.precisions!r}")


def split_options(settings: Mapping[str, Any]) -> tuple[RunOptions, dict[str, Any]]:
    """Takes the settings of every command out of those of one; gives both."""
    names = {field.name for field in dataclasses.fields(RunOptions)}
    chosen = {name: value for name, value in settings.items() if name in names}
    return RunOptions(**chosen), {name: value for name, value in settings.items() if name not in names}
