"""Model in, a folder of proven artifacts out."""

import dataclasses
import functools
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from suite import console
from suite.bundle.examples import save_verification
from suite.bundle.names import LABELS_FILE, VERIFICATION_FILE
from suite.bundle.task import Task
from suite.deploy.convert import tflite
from suite.deploy.convert.metadata import add_metadata, associated_files
from suite.deploy.convert.onnx import onnx_properties, save_onnx
from suite.deploy.convert.personal import PRECISIONS, base_of, save_personal
from suite.deploy.convert.saved_model import as_float32, save_saved_model, weights_in_use
from suite.deploy.describe import describe
from suite.deploy.draws import has_fixed_batch
from suite.deploy.labels import with_spare_labels
from suite.deploy.obstacles import check_exportable, in_a_line, runtime_obstacle
from suite.deploy.prove.gates import (
    DECIDING_PARITY_SHARE,
    FLOAT32_PARITY,
    judge,
    max_abs_difference,
    scale,
    weight_bytes,
)
from suite.deploy.prove.measure import Measurement, measure_artifacts
from suite.deploy.prove.personal_check import known_classes
from suite.deploy.ranges import ValueRange, describe_inputs, known_ranges
from suite.deploy.runtime import BATCH_SIZE, format_of
from suite.deploy.signature import (
    Signature,
    as_functional,
    call_model,
    check_class_names,
    named_inputs,
    renamed,
    signature_of,
)
from suite.deploy.task import check_task
from suite.errors import GateError, disk_is_full
from suite.evaluation.metrics import Metric, agreement

REDUCED = ("float16", "dynamic", "int8")
SPARE_CLASSES = 4
ACROSS_THE_BATCH = (
    ": alone, as phones run it, an example has another answer than in a batch; take nothing from a whole "
    "batch, as ops.max does without an axis, and MelSpectrogram with its top_db, which 1000 switches off"
)


@dataclasses.dataclass(frozen=True)
class Export:
    """A trained model and what is needed to prove its exports.

    Attributes:
        model: Functional or built Sequential Keras model that takes raw values and names its inputs and
            outputs.
        inputs: Held-out inputs (an array, a sequence or a dict by input name), batch first; the artifacts
            run on all of them.
        calibration: Training inputs of the same form for the integer variants; None leaves those out.
        targets: What `metric` compares the outputs with.
        metric: The metric of every artifact; by default the R-squared to the Keras model's outputs.
        labels: Class names by output index, for classifiers.
        name: Subfolder, where a run exports several models.
        files: Further texts that an app needs, by file name, such as the vocabulary.
        spare_classes: Number of classes that the personal model of an image classifier can learn besides.
        ranges: The values of black and white by image input, None where they are not known; by default what
            `inputs` and the model say.
        task: What the model is for; each task asks for other outputs and texts.
    """

    model: Any
    inputs: Any
    calibration: Any = None
    targets: Any = None
    metric: Metric | None = None
    labels: Sequence[str] = ()
    name: str = ""
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    spare_classes: int = SPARE_CLASSES
    ranges: Mapping[str, ValueRange | None] | None = None
    task: Task = dataclasses.field(kw_only=True)


def export_model(item: Export, folder: str | Path, work: str | Path | None = None) -> list[dict]:
    """Writes a model in every format, runs each artifact in another process, and removes those it skips.

    A classifier with `labels` whose only input is `image`, uint8 pixels of one size, and whose last layer is
    a dense softmax on a vector also gets a personal model, which goes on learning on the phone.

    Args:
        item: The model with its held-out inputs.
        folder: An existing folder; gets the artifacts, `labels.txt`, the item's files and `verification.npz`.
            The TFLite files carry the labels and those files, too.
        work: Where temporary files go; the system's folder by default, which keeps those of a killed process.

    Returns:
        One row an artifact, as under "artifacts" in result.json (paths relative to `folder`).

    Raises:
        ValueError: The model's signature, the given inputs, the task or the number of labels do not fit, or
            `spare_classes` is below 0.
        OSError: The disk is full.
        GateError: An output has no name of its own.
    """
    if item.spare_classes < 0:
        raise ValueError(f"expected spare_classes of at least 0, received {item.spare_classes}")
    folder = Path(folder)
    check_exportable(as_functional(item.model))
    model = as_float32(item.model)
    signature = signature_of(model)
    notes = renamed(model, signature)
    if model is not item.model:
        notes.append("computes in float32 throughout, which the model did not")
    for note in notes:
        console.say(f"  {note}")
    inputs = named_inputs(signature, item.inputs)
    if item.labels:
        check_class_names(signature.outputs, item.labels, LABELS_FILE)
    check_task(item.task, signature, item.labels, item.files)
    reference = _predict(model, signature, inputs)
    if len(reference) != len(as_functional(item.model).outputs):
        raise GateError(f"{len(reference)} of {len(as_functional(item.model).outputs)} outputs have a name")
    metric = item.metric or agreement(reference)
    targets = None if item.metric is None else item.targets
    for name, text in associated_files(item.labels, item.files).items():
        (folder / name).write_bytes(text)
    save_verification(folder / VERIFICATION_FILE, inputs, reference)
    ranges = item.ranges
    if ranges is None:
        known = known_ranges(signature, examples=inputs, model=model)
        ranges = {name: found for name, (found, _) in known.items()}

    with tempfile.TemporaryDirectory(prefix="suite-export-", dir=work) as work:
        carried = {"labels": item.labels, "files": item.files, "ranges": ranges, "task": item.task}
        exporter = _Exporter(model, folder, Path(work), inputs, reference, (metric, targets), carried)
        calibration = None if item.calibration is None else named_inputs(signature, item.calibration)
        rows = exporter.run(calibration)
        if notes and rows[0]["reason"] is None:
            rows[0]["reason"] = "; ".join(notes)
        base = base_of(model, item.labels)
        if base is not None:
            images = (calibration or inputs)["image"]
            images = images[tflite.calibration_rows(len(images))]
            rows.append(exporter.run_personal(base, images, item.spare_classes))
    shapes = {name: array.shape[1:] for name, array in inputs.items()}
    described = {"task": item.task.value, "inputs": describe_inputs(signature, shapes, ranges)}
    return [row | described for row in rows]


class _Exporter:
    def __init__(
        self,
        model: Any,
        folder: Path,
        work: Path,
        inputs: dict[str, np.ndarray],
        reference: dict[str, np.ndarray],
        metric: tuple[Metric, Any],
        carried: dict,
    ):
        self.model, self.folder, self.work = model, folder, work
        self.inputs, self.reference = inputs, reference
        self.metric, self.targets = metric
        self.carried = carried  # by the TFLite files, as `add_metadata` takes it
        self.reference_value = self.metric.function(reference, self.targets)
        self.parity_share = DECIDING_PARITY_SHARE if _decides(model) else 1.0
        self.skipped: list[dict] = []
        self.weights = weights_in_use(model)

    def run(self, calibration: Any) -> list[dict]:
        """Writes and measures everything; takes the next rung of precision where int8 loses too much."""
        written = self._write_float32()
        for variant in REDUCED:
            written += self._convert(variant, calibration)
        rows = self._measure(written)
        if any(
            row["variant"] == "int8" and row["status"] == "skipped" and row["metric"]["value"] is not None
            for row in rows
        ):
            rows += self._measure(self._convert("int16x8", calibration))
        return rows + self.skipped

    def run_personal(self, base: Any, images: np.ndarray, spare_classes: int) -> dict:
        """Writes and measures the personal model, its frozen part as small as the metric allows."""
        path = self.folder / tflite.PERSONAL_FILE
        refused: list[str] = []
        save_personal(self.model, base, self.work / "personal", images, spare_classes)
        added = spare_classes * (base.output.shape[1] + 1)
        labels = list(self.carried["labels"])
        labels = with_spare_labels(labels, len(labels) + spare_classes)
        for precision in PRECISIONS:
            console.say(f"  converting {path.name} ({precision})")
            try:
                path.write_bytes(tflite.convert_tflite(self.work / "personal", precision))
                add_metadata(path, labels, self.carried["files"], task=self.carried["task"])
            except Exception as failure:
                row = _row_without_file(path.name, "tflite", "personal", "failed", failure)
            else:
                (measured,) = measure_artifacts([path], self.inputs)
                measured = measured._replace(outputs=known_classes(measured.outputs, self.reference))
                row = self._judged(path.name, "personal", measured, precision, added)
                row["training"] = measured.training
            if row["status"] == "ok":
                return row | {"reason": "; ".join([f"frozen part in {precision}", *refused])}
            refused.append(f"{precision} {row['reason']}")
        return row

    def _write_float32(self) -> list[tuple[str, str]]:
        self.model.save(self.folder / "model.keras")
        written = [("model.keras", "float32")]
        properties = onnx_properties(self.carried["task"], self.carried["ranges"])
        save_described_onnx = functools.partial(save_onnx, properties=properties)
        writers = (
            ("saved_model", "saved_model", "SavedModel", save_saved_model),
            ("model.onnx", "onnx", "ONNX", save_described_onnx),
        )
        for name, format, title, write in writers:
            try:
                write(self.model, self.folder / name)
                written.append((name, "float32"))
            except Exception as failure:  # converters raise what they like
                _check_room(failure)
                self._skip(name, format, "float32", "failed", in_a_line(failure, title, self.model))
        return written + self._convert("float32", None)

    def _convert(self, variant: str, calibration) -> list[tuple[str, str]]:
        name = tflite.FILES[variant]
        console.say(f"  converting {name}")
        if obstacle := self._obstacle(variant, calibration):
            self._skip(name, "tflite", variant, "skipped", obstacle)
            return []
        made = self.work / name
        try:
            if variant == "float32":
                lengths = {name: array.shape[1:] for name, array in self.inputs.items()}
                save_saved_model(self.model, self.work / "one", batch_size=1, lengths=lengths)
            made.write_bytes(tflite.convert_tflite(self.work / "one", variant, calibration))
            add_metadata(made, **self.carried)
        except Exception as failure:  # the converter raises bare Exceptions
            _check_room(failure)
            status = "failed" if variant == "float32" else "skipped"
            self._skip(name, "tflite", variant, status, in_a_line(failure, "TFLite", self.model))
            return []
        shutil.move(made, self.folder / name)
        return [(name, variant)]

    def _obstacle(self, variant: str, calibration) -> str | None:
        """Why there is no use in converting to a precision."""
        float32 = self.folder / tflite.FILES["float32"]
        if variant == "float32":
            return None
        if variant in tflite.CALIBRATED and calibration is None:
            return "no calibration examples"
        if not float32.exists():
            return "the float32 conversion failed"
        is_calibrated = variant in tflite.CALIBRATED
        return tflite.calibration_obstacle(tflite.tflite_ops(float32)) if is_calibrated else None

    def _skip(self, name: str, format: str, variant: str, status: str, reason) -> None:
        self.skipped.append(_row_without_file(name, format, variant, status, reason))

    def _measure(self, written: list[tuple[str, str]]) -> list[dict]:
        console.say(f"  running {len(written)} artifacts in processes of their own")
        measured = measure_artifacts([self.folder / name for name, _ in written], self.inputs)
        return [self._judged(*pair, result) for pair, result in zip(written, measured, strict=True)]

    def _judged(
        self, name: str, variant: str, measured: Measurement, precision: str = "", added_parameters: int = 0
    ) -> dict:
        _check_room(measured.error)
        path = self.folder / name
        format = format_of(path)
        value = float("nan") if measured.error else self.metric.function(measured.outputs, self.targets)
        row = _row(name, format, variant) | describe(path)
        row["metric"] = {"name": self.metric.name, "value": _number(value)}
        row["max_abs_difference"] = _number(max_abs_difference(measured.outputs, self.reference))
        row["latency_ms"] = measured.latency_ms
        precision = precision or variant
        size = row["bytes"], weight_bytes(self.weights, precision, added_parameters)
        metric = self.metric, value, self.reference_value
        if measured.error:
            measured = measured._replace(error=runtime_obstacle(measured.error))
        row["status"], row["reason"] = judge(
            measured, self.reference, metric, precision, size, row["ops"], self.parity_share
        )
        if row["status"] == "failed" and format == "tflite" and self._differs_by_batch(measured.outputs):
            row["reason"] += ACROSS_THE_BATCH
        if row["status"] == "skipped":
            path.unlink()
        return row

    def _differs_by_batch(self, outputs: Mapping[str, np.ndarray]) -> bool:
        """Whether outputs that are not the Keras model's are those that it gives to one example at a time."""
        limit = FLOAT32_PARITY * scale(self.reference)
        if has_fixed_batch(self.model) or not max_abs_difference(outputs, self.reference) > limit:
            return False
        alone = _predict(self.model, signature_of(self.model), self.inputs, batch_size=1)
        return max_abs_difference(outputs, alone) <= limit


def _decides(model) -> bool:
    """Whether a layer of the model, or of a model in it, has `decides`."""
    return any(
        getattr(layer, "decides", False) or (hasattr(layer, "layers") and _decides(layer))
        for layer in model.layers
    )


def _row(name: str, format: str, variant: str) -> dict:
    return {
        "path": name,
        "format": format,
        "variant": variant,
        "bytes": None,
        "sha256": None,
        "max_abs_difference": None,
        "metric": {"name": None, "value": None},
        "latency_ms": {},
        "ops": [],
        "min_runtime": None,
        "gpu_compatible": None,
        "cpu_ops": [],
        "arena_bytes": None,
    }


def _row_without_file(name: str, format: str, variant: str, status: str, reason) -> dict:
    _check_room(reason)
    return _row(name, format, variant) | {"status": status, "reason": console.first_line(reason)}


def _check_room(reason) -> None:
    """Raises what a full disk has raised: that is nothing to skip an artifact for."""
    if disk_is_full(reason):
        raise OSError(str(reason))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _predict(
    model, signature: Signature, inputs: dict[str, np.ndarray], batch_size: int = BATCH_SIZE
) -> dict[str, np.ndarray]:
    infer = tf.function(lambda tensors: call_model(model, tensors), reduce_retracing=True)
    batches = []
    for start in range(0, len(next(iter(inputs.values()))), batch_size):
        batch = {name: tf.constant(array[start : start + batch_size]) for name, array in inputs.items()}
        batches.append(infer(batch))
    return {
        output.name: np.concatenate([batch[output.name].numpy() for batch in batches])
        for output in signature.outputs
    }
