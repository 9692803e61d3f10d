"""Writes a model in every format: a row for each file, or for why there is none."""

import contextlib
import dataclasses
import functools
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from suite import console
from suite.bundle.rows import FAILED, SKIPPED, ArtifactRow
from suite.deploy.convert import tflite
from suite.deploy.convert.metadata import add_metadata
from suite.deploy.convert.onnx import onnx_properties, save_onnx
from suite.deploy.convert.saved_model import recurrent_layers, save_saved_model, unrolled
from suite.deploy.export import Export
from suite.deploy.keras_file import save_keras
from suite.deploy.obstacles import in_a_line
from suite.errors import disk_is_full
from suite.keras_internals import layers_of

WRITTEN = "written"  # status of a file until it is measured


@dataclasses.dataclass(frozen=True)
class Converter:
    """Writes the files of one model.

    Attributes:
        item: The model, in float32, with what its files carry; the ranges of its images are known.
        folder: Where the files go.
        work: Where temporary files go.
        inputs: Held-out inputs by name, whose lengths and sizes the TFLite files are fixed to.
        calibration: Training inputs by name, or None.
    """

    item: Export
    folder: Path
    work: Path
    inputs: Mapping[str, np.ndarray]
    calibration: dict[str, np.ndarray] | None

    def keras_file(self) -> ArtifactRow:
        """Writes `model.keras`."""
        save_keras(self.item.model, self.folder / "model.keras")
        return ArtifactRow("model.keras", WRITTEN, format="keras")

    def saved_model(self) -> ArtifactRow:
        """Writes the SavedModel."""
        return self._write("saved_model", "saved_model", "SavedModel", save_saved_model)

    def onnx_file(self) -> ArtifactRow:
        """Writes `model.onnx`."""
        properties = onnx_properties(self.item.task, self.item.ranges or {})
        save_described_onnx = functools.partial(save_onnx, properties=properties)
        return self._write("model.onnx", "onnx", "ONNX", save_described_onnx)

    def tflite_file(self, variant: str) -> ArtifactRow:
        """Writes a TFLite file; the float32 one goes before the others."""
        row = ArtifactRow(tflite.FILES[variant], WRITTEN, format="tflite", variant=variant)
        console.say(f"  converting {row.path}")
        if obstacle := self._obstacle(variant):
            return without_file(row, SKIPPED, obstacle)
        made = self.work / row.path
        try:
            source = self._saved_model_of_one(is_unrolled=variant in tflite.CALIBRATED and bool(self._loops))
            made.write_bytes(tflite.convert_tflite(source, variant, self.calibration, self._float_layers()))
            add_metadata(made, self.item.labels, self.item.files, self.item.ranges, self.item.task)
        except Exception as failure:  # the converter raises bare Exceptions
            check_room(failure)
            status = FAILED if variant == "float32" else SKIPPED
            return without_file(row, status, in_a_line(failure, "TFLite", self.item.model))
        shutil.move(made, self.folder / row.path)
        return row

    def _write(self, path: str, format: str, title: str, write: Callable[[Any, Path], object]) -> ArtifactRow:
        row = ArtifactRow(path, WRITTEN, format=format)
        try:
            write(self.item.model, self.folder / path)
        except Exception as failure:  # converters raise what they like
            check_room(failure)
            return without_file(row, FAILED, in_a_line(failure, title, self.item.model))
        return row

    def _float_layers(self) -> list[str]:
        """Names of the layers whose results 8 bits are too coarse for, as those say."""
        return [layer.name for layer in layers_of(self.item.model) if getattr(layer, "needs_float", False)]

    def _obstacle(self, variant: str) -> str | None:
        """Why there is no use in converting to a precision."""
        float32 = self.folder / tflite.FILES["float32"]
        if variant == "float32":
            return None
        if variant in tflite.CALIBRATED and self.calibration is None:
            return "no calibration examples"
        if not float32.exists():
            return "the float32 conversion failed"
        if variant == "int16x8" and (layers := self._float_layers()):
            return f"{', '.join(layers)} need float32, which TFLite cannot mix with integers of 16 bits"
        is_calibrated = variant in tflite.CALIBRATED
        return self._loops if is_calibrated and not recurrent_layers(self.item.model) else None

    @functools.cached_property
    def _loops(self) -> str | None:
        """What the float32 file has that the calibrator of integers cannot run."""
        return tflite.calibration_obstacle(tflite.tflite_ops(self.folder / tflite.FILES["float32"]))

    def _saved_model_of_one(self, is_unrolled: bool) -> Path:
        """Where the model for one example at a time is.

        Args:
            is_unrolled: Whether its recurrent layers write out every step.

        Raises:
            ValueError: Another layer has a loop.
        """
        path = self.work / ("unrolled" if is_unrolled else "one")
        if path.exists():
            return path
        lengths = {name: array.shape[1:] for name, array in self.inputs.items()}
        with unrolled(self.item.model) if is_unrolled else contextlib.nullcontext():
            save_saved_model(self.item.model, path, batch_size=1, lengths=lengths)
        if is_unrolled:
            float32 = self.work / "unrolled.tflite"
            float32.write_bytes(tflite.convert_tflite(path, "float32"))
            if obstacle := tflite.calibration_obstacle(tflite.tflite_ops(float32)):
                shutil.rmtree(path)  # what is there is taken to be without loops
                raise ValueError(obstacle)
        return path


def without_file(row: ArtifactRow, status: str, reason: object) -> ArtifactRow:
    """The row of a file that could not be written.

    Args:
        row: What was to be written.
        status: "failed" or "skipped".
        reason: Why; its first line is taken.

    Raises:
        OSError: The disk is full.
    """
    check_room(reason)
    return dataclasses.replace(row, status=status, reason=console.first_line(reason, longest=300))


def check_room(reason: object) -> None:
    """Raises what a full disk has raised: that is nothing to skip an artifact for.

    Args:
        reason: An error, or its text.

    Raises:
        OSError: The disk is full.
    """
    if disk_is_full(reason):
        raise OSError(str(reason))
