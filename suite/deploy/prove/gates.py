"""What an artifact must pass before it is shipped."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

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
    measurement: Measurement,
    reference: Mapping[str, np.ndarray],
    metric: tuple[Metric, float, float],
    variant: str,
    size: tuple[int, int],
    ops: list[str],
    parity_share: float = 1.0,
) -> tuple[str, str | None]:
    """Decides whether an artifact may be shipped.

    Args:
        measurement: What it did in its own process.
        reference: The Keras model's outputs on the same inputs.
        metric: The metric, its value for the artifact and its value for the Keras model.
        variant: "float32", or a reduced precision of `tflite.FILES`.
        size: Bytes of the artifact, and what `weight_bytes` gives for the model's weights in the variant.
        ops: Its operators, custom ones as "custom:NAME".
        parity_share: Least share of a float32 artifact's numbers that must be within `FLOAT32_PARITY`.

    Returns:
        ("ok", None), ("failed", reason) for a float32 artifact, or ("skipped", reason) for a
        reduced-precision one that is not good enough to ship.
    """
    reason = _first_fault(measurement, reference, metric, variant, size, ops, parity_share)
    if reason is None:
        return "ok", None
    return ("failed" if variant == "float32" else "skipped"), reason


def _first_fault(measurement, reference, metric, variant, size, ops, parity_share) -> str | None:
    if measurement.error:
        return measurement.error
    foreign = [op for op in ops if op.startswith("custom:")]
    if foreign:
        return f"needs operators that phones do not have: {', '.join(foreign)}"
    for outputs, who in ((reference, "the Keras model "), (measurement.outputs, "")):
        if not all(np.all(np.isfinite(values)) for values in outputs.values()):
            return f"{who}gives NaN or infinity"
    if set(measurement.outputs) != set(reference):
        return other_outputs(measurement.outputs, reference)
    difference = max_abs_difference(measurement.outputs, reference)
    if not np.isfinite(difference):
        return "gives other shapes than the Keras model"
    limit = FLOAT32_PARITY * scale(reference)
    if variant == "float32" and difference > limit:
        share = share_within(measurement.outputs, reference, limit)
        if share < parity_share:
            part = "" if parity_share == 1 else f" in {1 - share:.2%} of its numbers"
            return f"differs from the Keras model by {difference:.2g}, more than {limit:.2g}{part}"
    size_bytes, needed = size
    if size_bytes < SMALLEST_SHARE_OF_PARAMETERS * needed:
        return f"has {size_bytes} bytes where its weights take {needed}: weights are missing"
    definition, value, reference_value = metric
    lost = definition.loss_against(value, reference_value)
    if not lost <= definition.tolerance:  # NaN never passes
        return (
            f"{definition.name} is {lost:.4f} worse than the Keras model's, more than {definition.tolerance}"
        )
    return None
