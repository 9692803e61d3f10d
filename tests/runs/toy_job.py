"""A job of no size, run into a bundle."""

import dataclasses

from suite.data.source import EMBEDDED
from suite.runs.job import Job, execute
from suite.runs.recipe import Result


@dataclasses.dataclass(frozen=True)
class Config:
    rate: float = 0.5


def run_job(tmp_path, run, *claims, config=None, **options):
    config = config or Config()
    return execute(
        Job("toy", "recipe", "A toy", run, claims),
        config,
        source=EMBEDDED,
        out=tmp_path / "toy",
        seed=options.pop("seed", 0),
        **options,
    )


def accuracy_of(value):
    return lambda config, context: Result(metrics={"test_accuracy": value})
