"""Checks a bundle against its own result.json, outside of this process."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from suite import console
from suite.bundle.examples import load_verification
from suite.bundle.names import VERIFICATION_FILE
from suite.bundle.record import read_shipped
from suite.bundle.rows import ArtifactRow
from suite.deploy.describe import describe
from suite.deploy.prove.gates import (
    FLOAT32_PARITY,
    max_abs_difference,
    other_compiled_answers,
    other_outputs,
    scale,
)
from suite.deploy.prove.measure import Measurement, measure_artifacts
from suite.deploy.prove.personal_check import known_classes
from suite.errors import GateError

# Integer kernels round differently from processor to processor, by a step or two of 1/256.
REDUCED_SLACK = 0.01


class Verified(NamedTuple):
    """Whether an artifact is as it was recorded.

    Attributes:
        path: In the bundle.
        passed: Whether it is.
        max_abs_difference: From the recorded answers; None where it was not run, or is not finite.
        reason: What is wrong, or None.
    """

    path: str
    passed: bool
    max_abs_difference: float | None
    reason: str | None


def verify(bundle: str | Path) -> list[Verified]:
    """Reloads every artifact of a bundle outside of this process and checks it against result.json.

    Each shipped file must have the recorded size and sha256, run on the bundle's held-out examples, and
    answer as recorded: float32 within the export gate, reduced precision within its recorded difference,
    TFLite by LiteRT's interpreter and its `CompiledModel`. A personal model must also learn, and be restored,
    as `rehearse` says.

    Args:
        bundle: Folder of a finished run.

    Returns:
        One row an artifact.

    Raises:
        ValueError: The folder is no bundle, or one without artifacts.
        GateError: An artifact does not pass; the message names the first.

    Example:
        >>> all(row.passed for row in suite.verify("saved_models/photos"))
        True
    """
    bundle = Path(bundle)
    recorded = read_shipped(bundle, unproven=True)
    checked: list[Verified] = []
    for folder in sorted({(bundle / row.path).parent for row in recorded}):
        checked += _verify_folder(
            folder, bundle, [row for row in recorded if (bundle / row.path).parent == folder]
        )
    console.table(
        f"{bundle}: {len(checked)} artifacts verified",
        ("artifact", "", "max difference", "reason"),
        [
            (row.path, "ok" if row.passed else "FAILED", _text(row.max_abs_difference), row.reason or "")
            for row in checked
        ],
    )
    failed = [row for row in checked if not row.passed]
    if failed:
        raise GateError(
            f"{len(failed)} of {len(checked)} artifacts failed: {failed[0].path} {failed[0].reason}"
        )
    return checked


def _text(difference: float | None) -> str:
    return "" if difference is None else f"{difference:.1e}"


def _verify_folder(folder: Path, bundle: Path, rows: list[ArtifactRow]) -> list[Verified]:
    inputs, reference = load_verification(folder / VERIFICATION_FILE)
    changes = {row.path: _changed(bundle / row.path, row) for row in rows}
    intact = [row for row in rows if changes[row.path] is None]
    measured = measure_artifacts([bundle / row.path for row in intact], inputs)
    compared = {
        row.path: _compared(row, measurement, reference)
        for row, measurement in zip(intact, measured, strict=True)
    }
    return [compared.get(row.path) or Verified(row.path, False, None, changes[row.path]) for row in rows]


def _compared(row: ArtifactRow, measured: Measurement, reference: dict[str, np.ndarray]) -> Verified:
    """Holds the answers of an intact artifact against the recorded ones."""
    is_personal = row.variant == "personal"
    outputs = known_classes(measured.outputs, reference) if is_personal else measured.outputs
    difference, recorded = max_abs_difference(outputs, reference), row.max_abs_difference or 0.0
    # A float32 artifact that passed its gate with more may do so again (`DECIDING_PARITY_SHARE`).
    limit = max(FLOAT32_PARITY * scale(reference), recorded)
    if row.variant != "float32":
        limit = recorded + REDUCED_SLACK * scale(reference)
    reason = measured.error
    if not reason and set(outputs) != set(reference):
        reason = other_outputs(outputs, reference)
    if not reason and not difference <= limit:
        reason = f"differs from the recorded answers by {difference:.2g}, more than {limit:.2g}"
    reason = reason or other_compiled_answers(measured)
    return Verified(row.path, reason is None, difference if np.isfinite(difference) else None, reason)


def _changed(path: Path, row: ArtifactRow) -> str | None:
    if not path.exists():
        return "is missing"
    try:
        now = describe(row, path)
    except Exception:  # a damaged flatbuffer fails in many ways
        return "is damaged"
    if now.sha256 == row.sha256:
        return None
    return f"has changed since it was measured ({now.bytes} bytes, {row.bytes} recorded)"
