"""What an artifact must pass before it is shipped."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from suite.bundle.rows import FAILED, OK, SKIPPED, ArtifactRow
from suite.deploy.convert.tflite import BYTES_PER_PARAMETER
from suite.deploy.prove.measure import Measurement
from suite.evaluation.metrics import Metric

# Float32 runtimes sum in different orders: 1e-6 is usual for a softmax, 1e-5 for deep features.
FLOAT32_PARITY = 1e-4

# Share of the numbers that must be within it where a layer `decides` (which of two maxima, of two boxes): of
# two that are equal but for rounding, one runtime may take the other, and what comes after differs. Measured
# on 500 images each of three segmenters and three detectors: at most 0.004 % are not.
DECIDING_PARITY_SHARE = 0.999

# Folded batch normalization and shared zeros save a little; stripped weights save nearly all.
SMALLEST_SHARE_OF_PARAMETERS = 0.75


@dataclasses.dataclass(frozen=True)
class Reference:
    """What the Keras model gives on the held-out inputs, which an artifact is held against.

    Attributes:
        outputs: Arrays by output name.
        metric: The metric of both.
        value: The Keras model's.
        parity_share: Least share of a float32 artifact's numbers that must be within `FLOAT32_PARITY`.
    """

    outputs: Mapping[str, np.ndarray]
    metric: Metric
    value: float
    parity_share: float = 1.0


def max_abs_difference(outputs: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]) -> float:
    """Gives the largest absolute difference over all outputs; NaN where either side has one.

    Args:
        outputs: Arrays by output name.
        reference: Arrays by output name, of the same shapes.

    Returns:
        A number >= 0, infinite where names or shapes differ, or NaN.
    """
    if set(outputs) != set(reference):
        return float("inf")
    worst = 0.0
    for name, expected in reference.items():
        got = np.asarray(outputs[name], np.float64)
        if got.shape != np.shape(expected):
            return float("inf")
        if got.size:
            worst = np.maximum(worst, np.max(np.abs(got - np.asarray(expected, np.float64))))  # keeps NaN
    return float(worst)


def share_within(
    outputs: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray], limit: float
) -> float:
    """Gives the share of all numbers that differ by at most `limit`; names and shapes must be the same.

    Args:
        outputs: Arrays by name.
        reference: What they should be.
        limit: Largest difference that counts as the same.
    """
    near = [np.abs(np.float64(outputs[name]) - np.float64(reference[name])) <= limit for name in reference]
    return sum(int(values.sum()) for values in near) / max(1, sum(values.size for values in near))


def scale(reference: Mapping[str, np.ndarray]) -> float:
    """Gives the size of the outputs, at least 1: the unit in which a difference is small or large."""
    return max(1.0, *(float(np.max(np.abs(values), initial=0.0)) for values in reference.values()))


def other_outputs(outputs: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    """Says that outputs have other names than they should."""
    return f"gives the outputs {', '.join(sorted(outputs))} in place of {', '.join(sorted(reference))}"


def weight_bytes(weights: Sequence[Any], variant: str, added: int = 0) -> int:
    """What a variant of a model needs for its weights.

    Args:
        weights: Variables with a shape and a dtype; those of a quantized model may be integers.
        variant: A precision of `tflite.FILES`, which is the most that a number takes.
        added: Number of further parameters.
    """
    import tensorflow as tf  # knows the dtypes that NumPy does not

    most = BYTES_PER_PARAMETER[variant]
    sizes = [math.prod(each.shape) * min(most, tf.as_dtype(each.dtype).size) for each in weights]
    return sum(sizes) + most * added


def judge(
    row: ArtifactRow, measurement: Measurement, reference: Reference, precision: str, needed_bytes: int
) -> tuple[str, str | None]:
    """Decides whether an artifact may be shipped.

    Args:
        row: Its bytes, its operators, and its metric.
        measurement: What it did in its own process.
        reference: What the Keras model did on the same inputs.
        precision: Of its weights: "float32", or a reduced one of `tflite.FILES`.
        needed_bytes: What `weight_bytes` gives for the model's weights in that precision.

    Returns:
        ("ok", None), ("failed", reason) for a float32 artifact, or ("skipped", reason) for a
        reduced-precision one that is not good enough to ship.
    """
    reason = (
        measurement.error
        or _foreign_operators(row)
        or _other_answers(measurement.outputs, reference, precision)
        or other_compiled_answers(measurement)
        or _missing_weights(row, needed_bytes)
        or _worse_metric(row, reference)
    )
    if reason is None:
        return OK, None
    return (FAILED if precision == "float32" else SKIPPED), reason


def _foreign_operators(row: ArtifactRow) -> str | None:
    foreign = [op for op in row.ops if op.startswith("custom:")]
    return f"needs operators that phones do not have: {', '.join(foreign)}" if foreign else None


def _other_answers(outputs: Mapping[str, np.ndarray], reference: Reference, precision: str) -> str | None:
    for arrays, who in ((reference.outputs, "the Keras model "), (outputs, "")):
        if not all(np.all(np.isfinite(values)) for values in arrays.values()):
            return f"{who}gives NaN or infinity"
    if set(outputs) != set(reference.outputs):
        return other_outputs(outputs, reference.outputs)
    difference = max_abs_difference(outputs, reference.outputs)
    if not np.isfinite(difference):
        return "gives other shapes than the Keras model"
    limit = FLOAT32_PARITY * scale(reference.outputs)
    if precision != "float32" or difference <= limit:
        return None
    share = share_within(outputs, reference.outputs, limit)
    if share >= reference.parity_share:
        return None
    part = "" if reference.parity_share == 1 else f" in {1 - share:.2%} of its numbers"
    return f"differs from the Keras model by {difference:.2g}, more than {limit:.2g}{part}"


def other_compiled_answers(measurement: Measurement) -> str | None:
    """Says that `CompiledModel` gives other answers than the interpreter; None where it gives the same.

    Args:
        measurement: Of a TFLite file. One that `CompiledModel` cannot run passes: `phone_notes` tells why.
    """
    compiled = measurement.compiled
    if compiled is None or compiled.reason is not None:
        return None
    difference, limit = compiled.max_abs_difference, FLOAT32_PARITY * scale(measurement.outputs)
    if difference is not None and difference <= limit:
        return None
    by = "NaN or infinity" if difference is None else f"{difference:.2g}, more than {limit:.2g}"
    return f"differs in LiteRT's CompiledModel from the interpreter by {by}"


def _missing_weights(row: ArtifactRow, needed_bytes: int) -> str | None:
    if (row.bytes or 0) >= SMALLEST_SHARE_OF_PARAMETERS * needed_bytes:
        return None
    return f"has {row.bytes} bytes where its weights take {needed_bytes}: weights are missing"


def _worse_metric(row: ArtifactRow, reference: Reference) -> str | None:
    metric, value = reference.metric, row.metric.value
    lost = metric.loss_against(math.nan if value is None else value, reference.value)
    if lost <= metric.tolerance:  # NaN never is
        return None
    return f"{metric.name} is {lost:.4f} worse than the Keras model's, more than {metric.tolerance}"
