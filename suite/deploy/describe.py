"""What can be read off an artifact without running it."""

import hashlib
from pathlib import Path

from suite.data.digest import blocks
from suite.deploy.compatibility import compatibility
from suite.deploy.convert.tflite import min_runtime, tflite_ops
from suite.deploy.runtime import format_of, onnx_ops


def describe(path: Path) -> dict:
    """Gives what can be read off an artifact without running it.

    Args:
        path: An artifact of any format.

    Returns:
        "bytes", "sha256" and "ops"; of TFLite also "min_runtime" and what `compatibility` gives.
    """
    format = format_of(path)
    return {
        "bytes": sum(file.stat().st_size for file in _files(path)),
        "sha256": digest(path),
        "ops": {"tflite": tflite_ops, "onnx": onnx_ops}.get(format, lambda _: [])(path),
        **({"min_runtime": min_runtime(path), **compatibility(path)} if format == "tflite" else {}),
    }


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
