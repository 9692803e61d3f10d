"""The folder that a run leaves: what its files are called, hold and say."""

import errno
import hashlib
import json
import math
import os
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite.console import first_line
from suite.export.compatibility import compatibility
from suite.export.rehearsal import with_spare_labels
from suite.export.runtime import Artifact, format_of, onnx_ops
from suite.export.signature import check_class_names, class_output
from suite.export.tflite import PERSONAL_FILE, min_runtime, tflite_ops

RESULT_FILE = "result.json"
LABELS_FILE = "labels.txt"
SPLIT_FILE = "split.json"
VERIFICATION_FILE = "verification.npz"
VERIFICATION_EXAMPLES = 16


def disk_is_full(reason: object) -> bool:
    """Whether an error, or its text, says that there is no room, whoever wrote: Python, HDF5, TensorFlow."""
    texts = [os.strerror(number) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)]
    return any(text in str(reason) for text in texts)


def write_json(path: str | Path, content: Any) -> None:
    """Writes JSON at once or not at all, NaN and infinity as null."""
    write_text(path, json.dumps(_finite(content), indent=2, ensure_ascii=False, default=str) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Writes a text at once or not at all, whatever other processes write there."""
    path = Path(path)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")  # file names need not be UTF-8
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    if hasattr(content, "item"):  # NumPy scalars
        content = content.item()
    return None if isinstance(content, float) and not math.isfinite(content) else content


def read_result(bundle: str | Path) -> dict:
    """Reads a bundle's result.json.

    Args:
        bundle: Folder of a finished run.

    Returns:
        Its content, with the keys of the schema.

    Raises:
        ValueError: There is no bundle, or the file is damaged.
    """
    path = Path(bundle) / RESULT_FILE
    if Path(bundle).is_file():
        home = bundle_of(bundle)
        there = f"give {home}" if (home / RESULT_FILE).is_file() else "make one of a model by `suite export`"
        raise ValueError(f"expected the folder of a bundle, received the file {bundle}; {there}")
    if not path.is_file():
        raise ValueError(
            f"expected a bundle, found no {RESULT_FILE} in {bundle}; run `suite finetune` to make one"
        )
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        artifacts = result["artifacts"]
    except (ValueError, KeyError, TypeError) as failure:
        raise ValueError(f"expected a readable {RESULT_FILE}, {path} is damaged ({failure})") from failure
    if not isinstance(artifacts, list):
        raise ValueError(f"expected a list of artifacts in {path}, received {type(artifacts).__name__}")
    return result


def bundle_of(artifact: str | Path) -> Path:
    """The bundle that an artifact lies in, perhaps in a folder of one of its models; else its folder."""
    path = Path(artifact)
    found = [folder for folder in (path, *path.parents[:2]) if (folder / RESULT_FILE).is_file()]
    return found[0] if found else path.parent


def foreign_labels(text: str) -> list[str]:
    """The class names in a `labels.txt` of other tools, without the running number that some put in front."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").strip().split("\n")]
    numbered = [re.match(r"(\d+)[\s:,]+(?=\S)", line) for line in lines]
    if [int(found[1]) if found else None for found in numbered] != list(range(len(lines))):
        return lines
    return [line[found.end() :] for line, found in zip(lines, numbered, strict=True) if found]


def split_labels(text: str) -> list[str]:
    """The class names in the text of a `labels.txt`, one a line; the last line may end without a break."""
    return text.removesuffix("\n").split("\n") if text else []


def class_labels(artifact: Artifact) -> list[str]:
    """Class names by label, from the `labels.txt` beside an artifact, or in it; of a personal model the spare
    ones too.

    Raises:
        ValueError: There is none, or it has not as many names as the model has classes.
    """
    text = artifact.beside(LABELS_FILE, "class names")
    beside = artifact.path.resolve().parent / LABELS_FILE
    is_ours = (bundle_of(artifact.path) / RESULT_FILE).is_file() or not beside.is_file()
    labels = split_labels(text) if is_ours else foreign_labels(text)
    outputs = artifact.signature.outputs
    if artifact.path.name == PERSONAL_FILE and (output := class_output(outputs)):
        labels = with_spare_labels(labels, output.shape[-1])
    check_class_names(outputs, labels, beside if beside.is_file() else artifact.path)
    return labels


def shipped_artifacts(rows: Sequence[dict], bundle: str | Path) -> list[dict]:
    """Gives the artifact rows whose files a bundle holds.

    Args:
        rows: Those under "artifacts" in its result.json.
        bundle: Its folder, for the message.

    Raises:
        ValueError: There are none.
    """
    shipped = [row for row in rows if row["status"] == "ok"]
    if not shipped:
        raise ValueError(f"expected a bundle with artifacts, received {bundle} without; it exports no model")
    return shipped


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
        found.update(file.read_bytes())
    return found.hexdigest()


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def save_verification(path: Path, inputs: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> None:
    """Keeps a few held-out examples with the right answers, for `suite verify` and for app developers.

    Args:
        path: The `verification.npz`.
        inputs: Held-out inputs by name, batch first; the first ones are kept.
        reference: The Keras model's outputs for them, by name.
    """
    arrays: dict[str, Any] = {
        f"input_{name}": np.asarray(array[:VERIFICATION_EXAMPLES]) for name, array in inputs.items()
    }
    arrays |= {f"output_{name}": array[:VERIFICATION_EXAMPLES] for name, array in reference.items()}
    np.savez_compressed(path, **arrays)


def read_arrays(path: str | Path, what: str) -> dict[str, np.ndarray]:
    """Reads the arrays of an .npz by name.

    Args:
        path: The file.
        what: What is expected there, for the message.

    Raises:
        ValueError: The file is missing, damaged, or no .npz.
    """
    try:
        arrays = np.load(path, allow_pickle=False)
        if isinstance(arrays, np.ndarray):
            raise ValueError("a single array has no name")
        with arrays:
            return {name: _read_array(arrays, name) for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as failure:
        reason = first_line(failure)
        if "pickle" in reason:  # NumPy takes all that it does not know for one, and advises to load it
            reason = "it is no .npz of numbers"
        raise ValueError(f"expected {what}, {path} cannot be read ({reason}); write it anew") from failure


def _read_array(arrays: Any, name: str) -> np.ndarray:
    try:
        return arrays[name]
    except ValueError as failure:
        if "Object arrays" not in str(failure):
            raise
        raise ValueError(f"{name!r} holds objects; make it one array of numbers, of one shape") from failure


def load_verification(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Reads the examples that a bundle carries.

    Args:
        path: A `verification.npz`.

    Returns:
        Inputs by name, and the Keras model's outputs by name; batch first.

    Raises:
        ValueError: The file is missing or damaged.
    """
    content = read_arrays(path, f"{VERIFICATION_FILE} with held-out examples")
    inputs = {key[6:]: value for key, value in content.items() if key.startswith("input_")}
    outputs = {key[7:]: value for key, value in content.items() if key.startswith("output_")}
    return inputs, outputs
