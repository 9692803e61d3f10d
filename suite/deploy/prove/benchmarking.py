"""Latency of every artifact of a bundle on this machine."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from suite import console
from suite.bundle.examples import load_verification
from suite.bundle.names import VERIFICATION_FILE
from suite.bundle.record import is_from_elsewhere, read_result, read_shipped
from suite.bundle.rows import FAILED, OK, ArtifactRow
from suite.deploy.compatibility import gpu_cell, phone_notes
from suite.deploy.describe import describe
from suite.deploy.prove.measure import Measurement, time_artifacts
from suite.deploy.recommendation import recommendation_lines
from suite.deploy.runtime import load_artifact
from suite.deploy.signature import Tensor
from suite.evaluation.table import Table

COLUMNS = (
    *("artifact", "status", "MB", "metric", "max diff", "p50 ms", "p95 ms"),
    *("arena kB", "GPU", "min runtime", "reason"),
)


def benchmark(bundle: str | Path) -> list[ArtifactRow]:
    """Times every artifact of a bundle again, one example a call, each runtime on all cores.

    Args:
        bundle: Folder of a finished run; or a .tflite file from anywhere, which is timed on random inputs.

    Returns:
        The artifact rows of result.json with the new latencies; of a file, its row.

    Raises:
        ValueError: The folder is no bundle, or one without artifacts; the file is damaged.

    Example:
        >>> rows = suite.benchmark("saved_models/photos")
        >>> {row.path: row.latency_ms.p50 for row in rows}
        {'model.keras': ..., 'model.tflite': ...}
    """
    bundle = Path(bundle)
    if is_from_elsewhere(bundle):
        rows = [_benchmark_file(bundle)]
        print_artifacts(str(bundle), rows)
        return rows
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


def _benchmark_file(path: Path) -> ArtifactRow:
    """The row of a .tflite file that is in no bundle."""
    row = describe(ArtifactRow(path.name, OK, format="tflite", variant=path.stem), path)
    generator = np.random.default_rng(0)
    inputs = {
        tensor.name: _draw(generator, tensor) for tensor in load_artifact(path, threads=1).signature.inputs
    }
    (measured,) = time_artifacts([path], inputs)
    return timed(row, measured)


def _draw(generator: np.random.Generator, tensor: Tensor) -> np.ndarray:
    """One example: pixels, numbers in [0, 1), or the id 0, which every table has."""
    shape = (1, *tensor.shape)
    if tensor.dtype == "uint8":
        return generator.integers(256, size=shape, dtype=np.uint8)
    if np.issubdtype(tensor.dtype, np.floating):
        return generator.random(shape).astype(tensor.dtype)
    return np.zeros(shape, tensor.dtype)


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
