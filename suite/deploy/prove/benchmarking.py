"""Latency of every artifact of a bundle on this machine."""

from collections.abc import Iterable
from pathlib import Path

from suite import console
from suite.bundle.examples import load_verification
from suite.bundle.names import VERIFICATION_FILE
from suite.bundle.record import read_result, shipped_artifacts
from suite.deploy.compatibility import gpu_cell, phone_notes
from suite.deploy.prove.measure import measure_artifacts

COLUMNS = (
    *("artifact", "status", "MB", "metric", "max diff", "p50 ms", "p95 ms"),
    *("arena kB", "GPU", "min runtime", "reason"),
)


def benchmark(bundle: str | Path) -> list[dict]:
    """Times every artifact of a bundle again, one example a call, each runtime on all cores.

    Args:
        bundle: Folder of a finished run.

    Returns:
        The artifact rows of result.json with new "latency_ms".

    Raises:
        ValueError: The folder is no bundle, or one without artifacts.
    """
    bundle = Path(bundle)
    rows = read_result(bundle)["artifacts"]
    shipped = shipped_artifacts(rows, bundle)
    for folder in sorted({(bundle / row["path"]).parent for row in shipped}):
        here = [row for row in shipped if (bundle / row["path"]).parent == folder]
        inputs, _ = load_verification(folder / VERIFICATION_FILE)
        measured = measure_artifacts([bundle / row["path"] for row in here], inputs, predict=False)
        for row, measurement in zip(here, measured, strict=True):
            row["latency_ms"] = measurement.latency_ms
            if measurement.error:
                row["status"], row["reason"] = "failed", measurement.error
    print_artifacts(str(bundle), rows)
    return rows


def print_artifacts(title: str, rows: Iterable[dict]) -> None:
    """Prints the table of artifacts of a result.json, and where a phone would fall back."""
    rows = list(rows)
    console.table(title, COLUMNS, map(artifact_cells, rows))
    for note in phone_notes(rows):
        console.say(f"  {note}")


def artifact_cells(row: dict) -> tuple[str, ...]:
    """Formats an artifact row of result.json for people, in the order of `COLUMNS`."""

    def number(value, pattern):
        return "" if value is None else format(value, pattern)

    return (
        row["path"],
        row["status"],
        number(row["bytes"] / 1e6 if row["bytes"] else None, ".2f"),
        number(row["metric"]["value"], ".4f"),
        number(row["max_abs_difference"], ".1e"),
        number(row["latency_ms"].get("p50"), ".2f"),
        number(row["latency_ms"].get("p95"), ".2f"),
        number(row["arena_bytes"] / 1e3 if row.get("arena_bytes") else None, ",.1f"),  # none in old bundles
        gpu_cell(row),
        row["min_runtime"] or "",
        row["reason"] or "",
    )
