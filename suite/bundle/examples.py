"""The few held-out examples that a bundle carries, with the right answers."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from suite.bundle.names import VERIFICATION_FILE
from suite.console import first_line

VERIFICATION_EXAMPLES = 16


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


def _read_array(arrays: Any, name: str) -> np.ndarray:
    try:
        return arrays[name]
    except ValueError as failure:
        if "Object arrays" not in str(failure):
            raise
        raise ValueError(f"{name!r} holds objects; make it one array of numbers, of one shape") from failure
