"""What can be read off an artifact without running it."""

import dataclasses
import hashlib
from pathlib import Path

from suite.bundle.rows import ArtifactRow
from suite.data.digest import blocks
from suite.deploy.compatibility import compatibility
from suite.deploy.convert.tflite import min_runtime, tflite_ops
from suite.deploy.runtime import onnx_ops


def describe(row: ArtifactRow, path: Path) -> ArtifactRow:
    """Adds to an artifact's row what can be read off the file without running it.

    Args:
        row: Its path, format and variant.
        path: The file, or the folder of a SavedModel.

    Returns:
        The row with bytes, sha256 and operators; of TFLite also with what the file asks of a phone.
    """
    row = dataclasses.replace(
        row, bytes=sum(file.stat().st_size for file in _files(path)), sha256=digest(path)
    )
    if row.format == "onnx":
        return dataclasses.replace(row, ops=tuple(onnx_ops(path)))
    if row.format != "tflite":
        return row
    asked = compatibility(path)
    return dataclasses.replace(
        row,
        ops=tuple(tflite_ops(path)),
        min_runtime=min_runtime(path),
        gpu_compatible=asked.gpu_compatible,
        cpu_ops=asked.cpu_ops,
        arena_bytes=asked.arena_bytes,
    )


def digest(path: Path) -> str:
    """The sha256 of an artifact's bytes, in hexadecimal; of a folder's file names, too."""
    found = hashlib.sha256()
    for file in _files(path):
        if path.is_dir():
            found.update(file.relative_to(path).as_posix().encode())
        for block in blocks(file):
            found.update(block)
    return found.hexdigest()


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
