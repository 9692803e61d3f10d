"""Checks a bundle against its own result.json, outside of this process."""

from pathlib import Path

import numpy as np

from suite import console
from suite.bundle.examples import load_verification
from suite.bundle.names import VERIFICATION_FILE
from suite.bundle.record import read_result, shipped_artifacts
from suite.deploy.describe import describe
from suite.deploy.prove.gates import FLOAT32_PARITY, max_abs_difference, other_outputs, scale
from suite.deploy.prove.measure import measure_artifacts
from suite.deploy.prove.personal_check import known_classes
from suite.errors import GateError

# Integer kernels round differently from processor to processor, by a step or two of 1/256.
REDUCED_SLACK = 0.01


def verify(bundle: str | Path) -> list[dict]:
    """Reloads every artifact of a bundle outside of this process and checks it against result.json.

    Each shipped file must have the recorded size and sha256, run on the bundle's held-out examples, and
    answer as recorded: float32 within the export gate, reduced precision within its recorded difference. A
    personal model must also learn, and be restored, as `rehearse` says.

    Args:
        bundle: Folder of a finished run.

    Returns:
        One row an artifact: {"path", "passed", "max_abs_difference", "reason"}.

    Raises:
        ValueError: The folder is no bundle, or one without artifacts.
        GateError: An artifact does not pass; the message names the first.
    """
    bundle = Path(bundle)
    recorded = shipped_artifacts(read_result(bundle)["artifacts"], bundle)
    checked = []
    for folder in sorted({(bundle / row["path"]).parent for row in recorded}):
        checked += _verify_folder(folder, bundle, recorded)
    rows = [
        (
            row["path"],
            "ok" if row["passed"] else "FAILED",
            _text(row["max_abs_difference"]),
            row["reason"] or "",
        )
        for row in checked
    ]
    console.table(
        f"{bundle}: {len(checked)} artifacts verified", ("artifact", "", "max difference", "reason"), rows
    )
    failed = [row for row in checked if not row["passed"]]
    if failed:
        raise GateError(
            f"{len(failed)} of {len(checked)} artifacts failed: {failed[0]['path']} {failed[0]['reason']}"
        )
    return checked


def _text(difference: float | None) -> str:
    return "" if difference is None else f"{difference:.1e}"


def _verify_folder(folder: Path, bundle: Path, recorded: list[dict]) -> list[dict]:
    inputs, reference = load_verification(folder / VERIFICATION_FILE)
    rows = [row for row in recorded if (bundle / row["path"]).parent == folder]
    faults = {row["path"]: _changed(bundle / row["path"], row) for row in rows}
    intact = [row for row in rows if faults[row["path"]] is None]
    measured = measure_artifacts([bundle / row["path"] for row in intact], inputs)
    differences = {}
    for row, measurement in zip(intact, measured, strict=True):
        personal = row["variant"] == "personal"
        outputs = known_classes(measurement.outputs, reference) if personal else measurement.outputs
        difference = max_abs_difference(outputs, reference)
        differences[row["path"]] = difference if np.isfinite(difference) else None
        # A float32 artifact that passed its gate with more may do so again (`DECIDING_PARITY_SHARE`).
        limit = max(FLOAT32_PARITY * scale(reference), row["max_abs_difference"] or 0.0)
        if row["variant"] != "float32":
            limit = row["max_abs_difference"] + REDUCED_SLACK * scale(reference)
        if measurement.error:
            faults[row["path"]] = measurement.error
        elif set(outputs) != set(reference):
            faults[row["path"]] = other_outputs(outputs, reference)
        elif not difference <= limit:
            faults[row["path"]] = (
                f"differs from the recorded answers by {difference:.2g}, more than {limit:.2g}"
            )
    return [
        {
            "path": row["path"],
            "passed": faults[row["path"]] is None,
            "max_abs_difference": differences.get(row["path"]),
            "reason": faults[row["path"]],
        }
        for row in rows
    ]


def _changed(path: Path, row: dict) -> str | None:
    if not path.exists():
        return "is missing"
    try:
        found = describe(path)
    except Exception:  # a damaged flatbuffer fails in many ways
        return "is damaged"
    same = found["sha256"] == row["sha256"]
    return (
        None
        if same
        else f"has changed since it was measured ({found['bytes']} bytes, {row['bytes']} recorded)"
    )
