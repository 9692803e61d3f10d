"""What every recipe shares: what it claims, is given and gives back.

A recipe has `Config`, `SMOKE`, `CLAIMS` and `run(config, context) -> Result`, and `DATA` where it takes more
than the embedded data; `suite.runs.job` does everything else.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from suite.bundle.task import Task
from suite.deploy.pipeline import Export
from suite.evaluation.baselines import Baseline
from suite.evaluation.table import Table

__all__ = ["Baseline", "Claim", "Context", "Export", "Result", "Task"]


class Claim(NamedTuple):
    """A bound on a metric that the run itself checks.

    Attributes:
        metric: Key of `Result.metrics`.
        at_least: Lower bound, or None.
        at_most: Upper bound, or None.
        data: What `--data` must be for it: "embedded", "tfds" or "tfds:NAME". None: any, a user's own data,
            too; only for facts of mathematics or of the implementation.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    data: str | None = None

    def holds(self, metrics: Mapping[str, float]) -> bool:
        """Tells whether the metric keeps the bounds; NaN never does."""
        value = metrics[self.metric]
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )

    def to_json(self) -> dict:
        """Gives the metric and the bounds that are set."""
        return {key: value for key, value in self._asdict().items() if value is not None}

    def __str__(self) -> str:
        lower = [] if self.at_least is None else [f"at least {self.at_least:g}"]
        upper = [] if self.at_most is None else [f"at most {self.at_most:g}"]
        return f"{self.metric} {' and '.join(lower + upper)}"


def about(data: Sequence[str], *claims: Claim) -> tuple[Claim, ...]:
    """The same claims about several kinds of data, on each of which they were measured."""
    return tuple(claim._replace(data=kind) for claim in claims for kind in data)


def claims_on(claims: Sequence[Claim], data: str) -> list[Claim]:
    """The claims that are about `--data`; of a TFDS set that none of them names, none.

    What holds on the sets of the lectures may not hold on any other; the run then only measures.
    """
    is_another = data.startswith("tfds:") and data not in {claim.data for claim in claims}
    return [claim for claim in claims if claim.data == data or (claim.data is None and not is_another)]


class Context(NamedTuple):
    """What a run is given besides its Config.

    Attributes:
        seed: Seed of everything random; NumPy, Python and TensorFlow are seeded with it already.
        source: "embedded", "tfds" (the recipe's usual set), "tfds:NAME", or the path of the user's data.
        folder: Existing folder for checkpoints, kept when the run is interrupted.
    """

    seed: int
    source: str
    folder: Path


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run gives back.

    Attributes:
        metrics: Numbers by name, split first: "test_accuracy".
        figures: matplotlib figures by file name without suffix.
        exports: Trained models to deploy.
        data: {"source", "train", "validation", "test", ...}: what it was trained and tested on, for
            result.json. Its "files", the part of each file by path, go to split.json instead.
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
