"""Model in, a folder of proven artifacts out."""

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite import console, stopwatch
from suite.bundle.examples import save_verification
from suite.bundle.names import LABELS_FILE, VERIFICATION_FILE
from suite.bundle.rows import FAILED, SKIPPED, SUPERSEDED, UNPROVEN, ArtifactRow
from suite.deploy.convert import tflite
from suite.deploy.convert.files import WRITTEN, Converter, without_file
from suite.deploy.convert.metadata import add_metadata, associated_files
from suite.deploy.convert.personal import CENTERED_ON, PRECISIONS, base_of, save_personal
from suite.deploy.convert.saved_model import as_float32
from suite.deploy.export import Export
from suite.deploy.labels import with_spare_labels
from suite.deploy.obstacles import check_exportable
from suite.deploy.prove.benchmarking import timed
from suite.deploy.prove.judging import Original, predict_batches
from suite.deploy.prove.measure import Measuring, measure_artifacts
from suite.deploy.prove.personal_check import known_classes
from suite.deploy.prove.proving import Proving
from suite.deploy.ranges import describe_inputs, known_ranges
from suite.deploy.recommendation import superseded
from suite.deploy.signature import (
    Signature,
    as_functional,
    check_class_names,
    named_inputs,
    renamed,
    signature_of,
)
from suite.deploy.task import check_task
from suite.errors import GateError
from suite.evaluation.metrics import Metric, agreement

REDUCED = ("float16", "dynamic", "int8")
FILES = ("model.keras", "saved_model", "model.onnx", *tflite.FILES.values())
NOT_RUN = "written, not run (--fast): `suite verify` proves it, `suite export` makes the files left out of it"


def export_model(
    item: Export,
    folder: str | Path,
    work: str | Path | None = None,
    precisions: str = "all",
    fast: bool = False,
) -> list[ArtifactRow]:
    """Writes a model in every format, runs each artifact in another process, and removes those it skips.

    An artifact runs while the next is written; each is timed at the end, when nothing else goes on.

    A classifier with `labels` whose only input is `image`, uint8 pixels of one size, and whose last layer is
    a dense softmax on a vector also gets a personal model, which goes on learning on the phone.

    Args:
        item: The model with its held-out inputs.
        folder: An existing folder; gets the artifacts, `labels.txt`, the item's files and `verification.npz`.
            The TFLite files carry the labels and those files, too.
        work: Where temporary files go; the system's folder by default, which keeps those of a killed process.
        precisions: "all", or "float32": neither reduced precisions nor a personal model.
        fast: Whether to prove only what a phone needs, `model.tflite` and `model_int8.tflite`; `model.keras`
            is then written, and not run.

    Returns:
        One row an artifact, with paths relative to `folder`.

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
    with stopwatch.stage("the Keras model's answers"):
        outputs = _known_outputs(item, model, signature) or predict_batches(model, signature, inputs)
    expected = len(as_functional(item.model).outputs)
    if len(outputs) != expected:
        raise GateError(f"{len(outputs)} of {expected} outputs have a name")
    original = Original(
        model, inputs, outputs, item.metric or agreement(outputs), item.targets if item.metric else None
    )
    for name, text in associated_files(item.labels, item.files).items():
        (folder / name).write_bytes(text)
    save_verification(folder / VERIFICATION_FILE, inputs, outputs)
    ranges = item.ranges
    if ranges is None:
        known = known_ranges(signature, examples=inputs, model=model)
        ranges = {name: range for name, (range, _) in known.items()}
    item = dataclasses.replace(item, model=model, ranges=ranges)
    calibration = None if item.calibration is None else named_inputs(signature, item.calibration)
    with (
        tempfile.TemporaryDirectory(prefix="suite-export-", dir=work) as place,
        Measuring(inputs) as measuring,
    ):
        converter = Converter(item, folder, Path(place), inputs, calibration)
        proving = Proving(folder, original, measuring)
        rows = _export_files(converter, proving, REDUCED if precisions == "all" else (), fast)
        if notes and rows[0].reason is None:
            rows[0] = dataclasses.replace(rows[0], reason="; ".join(notes))
        base = base_of(model, item.labels) if precisions == "all" and not fast else None
        if base is not None:
            images = (calibration or inputs)["image"]
            images = images[tflite.calibration_rows(len(images), CENTERED_ON)]
            with stopwatch.stage("personal model"):
                rows.append(export_personal(item, base, images, original, folder, Path(place)))
        with stopwatch.stage("latency"):
            shipped = [folder / row.path for row in rows if row.is_shipped]
            times = dict(zip(shipped, measuring.time(shipped), strict=True))
        rows = [timed(row, times[folder / row.path]) if folder / row.path in times else row for row in rows]
    rows = _without_superseded(rows, folder, original.metric)
    shapes = {name: array.shape[1:] for name, array in inputs.items()}
    described = describe_inputs(signature, shapes, ranges)
    return [dataclasses.replace(row, inputs=described, task=item.task.value) for row in rows]


def _known_outputs(item: Export, model: Any, signature: Signature) -> dict[str, np.ndarray] | None:
    """The answers that an item came with, if they are those of the model that is exported, by its names."""
    names = [output.name for output in signature.outputs]
    if item.outputs is None or model is not item.model or set(item.outputs) != set(names):
        return None
    return {name: np.asarray(item.outputs[name]) for name in names}


def _export_files(
    converter: Converter, proving: Proving, reduced: Sequence[str], fast: bool
) -> list[ArtifactRow]:
    """Writes and proves every file but the personal one; int16x8 where int8 loses too much.

    What phones run comes first. The rows stand in the order of `FILES`, those without a file last.
    """
    tflite_file, first = converter.tflite_file, tflite.FILES["float32"]
    with stopwatch.stage("conversion"):
        proving.add(tflite_file("float32"))
        if fast:
            others = [variant for variant in reduced if variant == "int8"]
            proving.leave(converter.keras_file(), UNPROVEN, NOT_RUN)
        else:
            others = sorted(reduced, reverse=True)  # int8 takes longest: it comes first
            proving.add(converter.keras_file())
        for variant in others:
            proving.add(tflite_file(variant))
            proving.tell(first)
        for write in () if fast else (converter.saved_model, converter.onnx_file):
            proving.add(write())
            proving.tell(first)
    with stopwatch.stage("proof"):
        proving.tell(first, wait=True)
        if tflite.FILES["int8"] in proving and _is_int8_that_loses_too_much(
            proving.judged(tflite.FILES["int8"])
        ):
            proving.add(tflite_file("int16x8"))
        return proving.rows(FILES)


def _without_superseded(rows: list[ArtifactRow], folder: Path, metric: Metric) -> list[ArtifactRow]:
    """Removes the files that nobody should take; their rows say why."""
    reasons = superseded(rows, metric)
    for path in reasons:
        (folder / path).unlink()
    return [
        dataclasses.replace(row, status=SUPERSEDED, reason=reasons[row.path]) if row.path in reasons else row
        for row in rows
    ]


def _is_int8_that_loses_too_much(row: ArtifactRow) -> bool:
    """Whether a next rung of precision may help: the int8 file runs, but is not good enough to ship."""
    return row.variant == "int8" and row.status == SKIPPED and row.metric.value is not None


def export_personal(
    item: Export,
    base: Any,
    images: np.ndarray,
    original: Original,
    folder: Path,
    work: Path,
) -> ArtifactRow:
    """Writes and measures the personal model, its frozen part as small as the metric allows.

    Args:
        item: The classifier, in float32.
        base: Its frozen part, as `base_of` gives it.
        images: Training images, `(n, height, width, channels)` uint8.
        original: The classifier and its answers.
        folder: Where the file goes.
        work: Where temporary files go.

    Returns:
        Its row; what stands against a smaller frozen part is in the reason.

    Raises:
        OSError: The disk is full.
    """
    spares = item.spare_classes
    path = folder / tflite.PERSONAL_FILE
    save_personal(item.model, base, work / "personal", images, spares)
    labels = with_spare_labels(list(item.labels), len(item.labels) + spares)
    refused: list[str] = []
    for precision in PRECISIONS:
        console.say(f"  converting {path.name} ({precision})")
        row = ArtifactRow(path.name, WRITTEN, format="tflite", variant="personal")
        try:
            path.write_bytes(tflite.convert_tflite(work / "personal", precision))
            add_metadata(path, labels, item.files, task=item.task)
        except Exception as failure:
            row = without_file(row, FAILED, failure)
        else:
            (measured,) = measure_artifacts([path], original.inputs)
            measured = measured._replace(outputs=known_classes(measured.outputs, original.outputs))
            row = original.judged(row, path, measured, precision, spares * (base.output.shape[1] + 1))
        if row.is_shipped:
            return dataclasses.replace(row, reason="; ".join([f"frozen part in {precision}", *refused]))
        refused.append(f"{precision} {row.reason}")
    return row
