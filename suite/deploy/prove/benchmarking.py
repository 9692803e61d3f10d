"""Latency of every artifact of a bundle on this machine."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from suite import console
from suite.bundle.examples import load_verification
from suite.bundle.names import VERIFICATION_FILE
from suite.bundle.record import read_result, read_shipped
from suite.bundle.rows import FAILED, ArtifactRow
from suite.deploy.compatibility import gpu_cell, phone_notes
from suite.deploy.prove.measure import Measurement, time_artifacts
from suite.deploy.recommendation import recommendation_lines
from suite.evaluation.table import Table

COLUMNS = (
    *("artifact", "status", "MB", "metric", "max diff", "p50 ms", "p95 ms"),
    *("arena kB", "GPU", "min runtime", "reason"),
)


def benchmark(bundle: str | Path) -> list[ArtifactRow]:
    """Times every artifact of a bundle again, one example a call, each runtime on all cores.

    Args:
        bundle: Folder of a finished run.

    Returns:
        The artifact rows of result.json with the new latencies.

    Raises:
        ValueError: The folder is no bundle, or one without artifacts.

    Example:
        >>> rows = suite.benchmark("saved_models/photos")
        >>> {row.path: row.latency_ms.p50 for row in rows}
        {'model.keras': ..., 'model.tflite': ...}
    """
    bundle = Path(bundle)
    shipped = read_shipped(bundle)
    again: dict[str, ArtifactRow] = {}
    for folder in sorted({(bundle / row.path).parent for row in shipped}):
        here = [row for row in shipped if (bundle / row.path).parent == folder]
        inputs, _ = load_verification(folder / VERIFICATION_FILE)
        measured = time_artifacts([bundle / row.path for row in here], inputs)
        again |= {row.path: timed(row, result) for row, result in zip(here, measured, strict=True)}
    recorded = read_result(bundle).artifacts
    rows = [again.get(row.path, row) for row in recorded]
    print_artifacts(str(bundle), rows, recorded)
    return rows


def timed(row: ArtifactRow, measured: Measurement) -> ArtifactRow:
    """The row of an artifact with its latency; one that cannot be timed has failed.

    Args:
        row: Of a file that is shipped.
        measured: As `time_artifacts` gives it.
    """
    row = dataclasses.replace(row, latency_ms=measured.latency_ms)
    return dataclasses.replace(row, status=FAILED, reason=measured.error) if measured.error else row


def print_artifacts(
    title: str, rows: Sequence[ArtifactRow], recorded: Sequence[ArtifactRow] | None = None
) -> None:
    """Prints a table of artifacts, where a phone would fall back, and which file to take.

    Args:
        title: Its heading.
        rows: Artifacts of a bundle.
        recorded: Those of its record, where `rows` are measured anew: the bundle's texts name a file by them.
    """
    console.table(title, COLUMNS, map(artifact_cells, rows))
    for note in phone_notes(rows):
        console.say(f"  {note}")
    for line in recommendation_lines(recorded or rows):
        console.say(line)


def artifacts_table(rows: Sequence[ArtifactRow]) -> Table:
    """The table of artifacts of a report."""
    lines = [*recommendation_lines(rows), *phone_notes(rows)]
    notes = " ".join(f"{line[0].upper()}{line[1:]}." for line in lines)
    return Table("Artifacts", COLUMNS, [artifact_cells(row) for row in rows], notes)


def artifact_cells(row: ArtifactRow) -> tuple[str, ...]:
    """Formats an artifact for people, in the order of `COLUMNS`."""

    def number(value: float | None, pattern: str) -> str:
        return "" if value is None else format(value, pattern)

    return (
        row.path,
        row.status,
        number(row.bytes / 1e6 if row.bytes else None, ".2f"),
        number(row.metric.value, ".4f"),
        number(row.max_abs_difference, ".1e"),
        number(row.latency_ms.p50, ".2f"),
        number(row.latency_ms.p95, ".2f"),
        number(row.arena_bytes / 1e3 if row.arena_bytes else None, ",.1f"),
        gpu_cell(row),
        row.min_runtime or "",
        row.reason or "",
    )
