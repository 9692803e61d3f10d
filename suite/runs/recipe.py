"""What every recipe shares: what it claims, is given and gives back.

A recipe has `Config`, `SMOKE`, `CLAIMS` and `run(config, context) -> Result`, and `DATA` where it takes more
than the embedded data; `suite.runs.job` does everything else.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras

from suite.bundle.rows import ClaimRow, bounds_text
from suite.bundle.task import Task
from suite.data.source import Source
from suite.deploy.export import Export, classifier_export, regressor_export
from suite.evaluation.baselines import Baseline
from suite.evaluation.intervals import Interval
from suite.evaluation.table import Table
from suite.training.loop import fit
from suite.training.steps import Batches
from suite.training.training_run import TrainingRun

__all__ = [
    "Baseline",
    "Claim",
    "Context",
    "Export",
    "Result",
    "Task",
    "classifier_export",
    "regressor_export",
]


class Claim(NamedTuple):
    """A bound on a metric that the run itself checks.

    Attributes:
        metric: Key of `Result.metrics`.
        at_least: Lower bound, or None.
        at_most: Upper bound, or None.
        data: What `--data` must be for it: "embedded", "tfds" or "tfds:NAME". None: any, a user's own data,
            too; only for facts of mathematics or of the implementation.
        says: What it comes to, a sentence that could be false.
        lecture: The statement of the lecture that it stands for, in a few of the lecture's words.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    data: str | None = None
    says: str = ""
    lecture: str = ""

    def holds(self, metrics: Mapping[str, float]) -> bool:
        """Tells whether the metric keeps the bounds; NaN never does."""
        value = metrics[self.metric]
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )

    def row(self, metrics: Mapping[str, float]) -> ClaimRow:
        """Gives what the record says of it: the bounds, what was measured, and whether it keeps them."""
        return ClaimRow(
            self.metric,
            metrics[self.metric],
            self.holds(metrics),
            self.at_least,
            self.at_most,
            self.data,
            self.says or None,
        )

    @property
    def text(self) -> str:
        """For people: the sentence with metric and bounds behind it, or these alone."""
        return f"{self.says} ({self})" if self.says else str(self)

    def __str__(self) -> str:
        return f"{self.metric} {bounds_text(self.at_least, self.at_most)}"


def at_least(bound: float, *metrics: str, data: str | None = None) -> tuple[Claim, ...]:
    """Claims one lower bound of several metrics.

    Args:
        bound: The bound.
        *metrics: Keys of `Result.metrics`.
        data: As of `Claim`.
    """
    return tuple(Claim(metric, at_least=bound, data=data) for metric in metrics)


def at_most(bound: float, *metrics: str, data: str | None = None) -> tuple[Claim, ...]:
    """Claims one upper bound of several metrics.

    Args:
        bound: The bound.
        *metrics: Keys of `Result.metrics`.
        data: As of `Claim`.
    """
    return tuple(Claim(metric, at_most=bound, data=data) for metric in metrics)


def about(data: Sequence[str], *claims: Claim) -> tuple[Claim, ...]:
    """The same claims about several kinds of data, on each of which they were measured."""
    return tuple(claim._replace(data=kind) for claim in claims for kind in data)


def claims_on(claims: Sequence[Claim], source: Source) -> list[Claim]:
    """The claims that are about a source; of a TFDS set that none of them names, none.

    What holds on the sets of the lectures may not hold on any other; the run then only measures.
    """
    is_another = bool(source.name) and str(source) not in {claim.data for claim in claims}
    return [claim for claim in claims if claim.data == str(source) or (claim.data is None and not is_another)]


@dataclasses.dataclass(frozen=True)
class Context:
    """What a run is given besides its Config.

    Attributes:
        seed: Seed of everything random; NumPy, Python and TensorFlow are seeded with it already.
        source: What `--data` names.
        folder: Existing folder for checkpoints, kept when the run is interrupted.
        training: On which devices models are trained, and what their trainings leave on disk.
    """

    seed: int
    source: Source
    folder: Path
    training: TrainingRun = dataclasses.field(default_factory=TrainingRun)

    def fit(self, model: keras.Model, batches: Batches, **settings: Any) -> dict[str, list[float]]:
        """Trains a compiled model as a part of the run, as `suite.training.loop.fit` does.

        Args:
            model: Built and compiled.
            batches: A dataset, or a function of the epoch that gives one.
            **settings: Further arguments of `suite.training.loop.fit`, such as `epochs`.

        Returns:
            Its curves by name, one value an epoch.
        """
        return fit(model, batches, self.training, **settings)


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run gives back.

    Attributes:
        metrics: Numbers by name, split first: "test_accuracy".
        intervals: Of those that are shares of right answers, as `suite.evaluation.intervals.wilson` gives it.
        figures: matplotlib figures by file name without suffix.
        exports: Trained models to deploy.
        data: {"source", "train", "validation", "test", ...}: what it was trained and tested on, for
            result.json; "quarantined" has a `SetAside` each. Its "files", the part of each file by path, go
            to split.json instead.
        tables: Tables for the report.
        files: Further files of the bundle by path, text or bytes; subfolders are those of the exports.
        title: Heading of the report, where the recipe's first line does not fit.
        claims_apply: Whether the claims are about this run; not where a flag names pictures of the user's.
        baselines: What the trivial answer gets where the exported models are measured; a run whose models are
            no better fails. Those of an accuracy and of an R-squared are filled in where they are missing.
    """

    metrics: Mapping[str, float]
    figures: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    exports: Sequence[Export] = ()
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tables: Sequence[Table] = ()
    files: Mapping[str, str | bytes] = dataclasses.field(default_factory=dict)
    title: str = ""
    claims_apply: bool = True
    baselines: Sequence[Baseline] = ()
    intervals: Mapping[str, Interval] = dataclasses.field(default_factory=dict)
