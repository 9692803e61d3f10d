"""What a run came to: its record, what is wrong with it, and what the terminal says."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from suite import console
from suite.bundle.data_facts import DataFacts
from suite.bundle.record import Record
from suite.bundle.rows import FAILED, BaselineRow
from suite.deploy.prove.benchmarking import print_artifacts
from suite.evaluation.baselines import implied
from suite.report.run_page import where_it_went
from suite.runs.recipe import Baseline, Claim, Result
from suite.training.reproducibility import describe_environment


def record_of(
    result: Result, *, name: str, kind: str, title: str, claims: Sequence[Claim], settings: Mapping[str, Any]
) -> Record:
    """The record of what a run measured; its artifacts and its time are not known yet.

    Args:
        result: What the run gave back.
        name: Of the recipe, or of what was fine-tuned or exported.
        kind: "recipe", "finetune" or "export".
        title: One line, where the result has none.
        claims: Bounds that the result must keep, if they are about this run.
        settings: Its "seed", "source" and "config".
    """
    metrics = {name: float(value) for name, value in result.metrics.items()}
    facts = {name: value for name, value in result.data.items() if name != "files"}  # they go to split.json
    return Record(
        name=name,
        kind=kind,
        title=result.title or title,
        task=_common_task(result),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        seed=settings["seed"],
        config=settings["config"],
        **describe_environment(),
        data=DataFacts.from_json({"source": settings["source"]} | facts),
        metrics=metrics,
        intervals=result.intervals,
        baselines=tuple(_baseline_row(each, metrics[each.metric]) for each in _baselines(result)),
        claims=tuple(claim.row(metrics) for claim in claims if result.claims_apply),
    )


def _common_task(result: Result) -> str | None:
    """What all exported models are; None where they differ, as the rows of their artifacts say."""
    tasks = {item.task.value for item in result.exports}
    return tasks.pop() if len(tasks) == 1 else None


def _baselines(result: Result) -> list[Baseline]:
    """Those that the run gives, and those that follow from what its exports are judged by."""
    found = {each.metric: each for each in result.baselines}
    for item in result.exports:
        if item.metric and item.metric.name in result.metrics and item.metric.name not in found:
            each = implied(item.metric.name, item.targets, item.labels)
            found |= {each.metric: each} if each else {}
    return list(found.values())


def _baseline_row(baseline: Baseline, measured: float) -> BaselineRow:
    return BaselineRow(
        baseline.metric,
        float(baseline.value),
        baseline.says,
        measured,
        baseline.is_beaten_by(measured),
        baseline.may_be_chance(measured),
        baseline.higher_is_better,
        baseline.examples,
    )


def _more_training(record: Record) -> str:
    """What else to try, with the flags of a training twice as long as this one."""
    if "solved" in record.data.more:
        return "other columns"
    steps = record.data.more.get("steps")  # that the run chose: then nothing else decides how long it takes
    config = {"steps": steps} if steps else record.config
    lengths = {name: config.get(name) for name in ("epochs", "least_steps", "steps")}
    flags = [f"--{name} {2 * value}" for name, value in lengths.items() if value]
    return f"longer training ({' '.join(flags)})" if flags else "longer training"


def faults(record: Record, is_judged: bool) -> list[str]:
    """What makes a run fail, a line each: a model that learned nothing, a missed claim, a failed export.

    Args:
        record: Of the run.
        is_judged: Whether models must beat their baselines.
    """
    trivial = [
        f"no better than the trivial answer: {row.metric} {row.measured:.4f}, {row}; try more data, or "
        f"{_more_training(record)}"
        for row in record.baselines
        if is_judged and not row.beaten
    ]
    missed = [f"claim missed: {row}, measured {row.value:.6g}" for row in record.claims if not row.passed]
    failed = [f"{row.path} {row.reason}" for row in record.artifacts if row.status == FAILED]
    return trivial + missed + failed


def print_summary(folder: Path, record: Record) -> None:
    """Prints what came out: claims, artifacts, metrics.

    Args:
        folder: The finished bundle.
        record: Its record.
    """
    for claim in record.claims:
        console.say(f"{'ok    ' if claim.passed else 'MISSED'} {claim}: {claim.value:.6g}")
    if record.artifacts:
        print_artifacts(f"{record.name}: artifacts", record.artifacts)
    trivial = {row.metric: row for row in record.baselines}
    for name, value in record.metrics.items():
        beside = [str(trivial[name])] if name in trivial else []
        if name in record.intervals:
            console.result(f"{name} {record.intervals[name].beside(value, *beside)}")
        elif beside or name.startswith(("validation_", "test_", "temperature")):
            console.result(f"{name} {value:.4f}{f' ({beside[0]})' if beside else ''}")
    for row in record.baselines:
        if row.beaten and row.may_be_chance:
            console.warn(
                f"{row.metric} {row.measured:.4f} of {row.examples} may be chance, the trivial answer "
                f"({row.says}) gets {row.value:.4f}: more held-out data would tell"
            )
    if stages := where_it_went(record):
        console.say(f"time: {stages}")
    where = console.shown(folder)
    console.result(f"{where} written in {record.wall_seconds:.0f} s; open {where}/report.html")
