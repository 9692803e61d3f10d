"""Runs the files of a model and decides which of them may be shipped."""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from suite.bundle.rows import FAILED, SKIPPED, ArtifactRow, MetricValue
from suite.deploy.convert.files import check_room
from suite.deploy.convert.saved_model import weights_in_use
from suite.deploy.describe import describe
from suite.deploy.obstacles import runtime_obstacle
from suite.deploy.prove.gates import (
    DECIDING_PARITY_SHARE,
    FLOAT32_PARITY,
    Reference,
    judge,
    max_abs_difference,
    scale,
    weight_bytes,
)
from suite.deploy.prove.measure import Measurement
from suite.deploy.runtime import examples_at_once
from suite.deploy.signature import Signature, call_model, has_fixed_batch, signature_of
from suite.evaluation.metrics import Metric

ACROSS_THE_BATCH = (
    ": alone, as phones run it, an example has another answer than in a batch; take nothing from a whole "
    "batch, as ops.max does without an axis, and MelSpectrogram with its top_db, which 1000 switches off"
)


@dataclasses.dataclass(frozen=True)
class Original:
    """The Keras model and its answers, which every file of it is held against.

    Attributes:
        model: In float32.
        inputs: Held-out inputs by name, batch first.
        outputs: Its outputs for them by name.
        metric: The metric of every file.
        targets: What `metric` compares the outputs with.
    """

    model: Any
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    metric: Metric
    targets: Any

    @functools.cached_property
    def reference(self) -> Reference:
        """What the gates hold a file against."""
        return Reference(
            self.outputs,
            self.metric,
            self.metric.function(self.outputs, self.targets),
            DECIDING_PARITY_SHARE if decides(self.model) else 1.0,
        )

    @functools.cached_property
    def weights(self) -> list[Any]:
        """The variables that its outputs depend on."""
        return weights_in_use(self.model)

    def judged(
        self, row: ArtifactRow, path: Path, measured: Measurement, precision: str, added_parameters: int = 0
    ) -> ArtifactRow:
        """The row of a file with what was measured and what follows from it; removes one that is skipped.

        Args:
            row: Its path, format and variant.
            path: The file.
            measured: What it did in its own process.
            precision: Of its weights, a variant of `tflite.FILES`.
            added_parameters: Number of those that it has besides the model's.

        Raises:
            OSError: The disk is full.
        """
        check_room(measured.error)
        value = float("nan") if measured.error else self.metric.function(measured.outputs, self.targets)
        row = dataclasses.replace(
            describe(row, path),
            metric=MetricValue(self.metric.name, finite(value)),
            max_abs_difference=finite(max_abs_difference(measured.outputs, self.outputs)),
            training=measured.training,
            compiled_model=measured.compiled,
        )
        if measured.error:
            measured = measured._replace(error=runtime_obstacle(measured.error))
        needed = weight_bytes(self.weights, precision, added_parameters)
        status, reason = judge(row, measured, self.reference, precision, needed)
        if status == FAILED and row.format == "tflite" and self._differs_by_batch(measured.outputs):
            reason = f"{reason}{ACROSS_THE_BATCH}"
        if status == SKIPPED:
            path.unlink()
        return dataclasses.replace(row, status=status, reason=reason)

    def _differs_by_batch(self, outputs: Mapping[str, np.ndarray]) -> bool:
        """Whether outputs that are not the Keras model's are those that it gives to one example at a time."""
        limit = FLOAT32_PARITY * scale(self.outputs)
        if has_fixed_batch(self.model) or not max_abs_difference(outputs, self.outputs) > limit:
            return False
        alone = predict_batches(self.model, signature_of(self.model), self.inputs, batch_size=1)
        return max_abs_difference(outputs, alone) <= limit


def decides(model: Any) -> bool:
    """Whether a layer of the model, or of a model in it, has `decides`.

    Args:
        model: A Keras model.
    """
    return any(
        getattr(layer, "decides", False) or (hasattr(layer, "layers") and decides(layer))
        for layer in model.layers
    )


def finite(value: float) -> float | None:
    """A number as JSON has it: None for NaN and infinity."""
    return float(value) if np.isfinite(value) else None


def predict_batches(
    model: Any, signature: Signature, inputs: Mapping[str, np.ndarray], batch_size: int | None = None
) -> dict[str, np.ndarray]:
    """The outputs of a Keras model by name.

    Args:
        model: It takes and gives what `signature` says.
        signature: Its inputs and outputs.
        inputs: Arrays by name, batch first.
        batch_size: Examples a call; `examples_at_once` by default.
    """
    batch_size = batch_size or examples_at_once(inputs)
    infer = tf.function(lambda tensors: call_model(model, tensors), reduce_retracing=True, autograph=False)
    batches = []
    for start in range(0, len(next(iter(inputs.values()))), batch_size):
        batch = {name: tf.constant(array[start : start + batch_size]) for name, array in inputs.items()}
        batches.append(infer(batch))
    return {
        output.name: np.concatenate([batch[output.name].numpy() for batch in batches])
        for output in signature.outputs
    }
