"""Seeds, and a description of what a run ran on."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

PACKAGES = ("tensorflow", "keras", "numpy", "ai-edge-litert", "onnxruntime", "tf2onnx", "keras-course-suite")


def set_seed(seed: int, deterministic: bool = True) -> None:
    """Seeds Python, NumPy and TensorFlow.

    Args:
        seed: An integer in [0, 2**32).
        deterministic: Whether TensorFlow is asked for kernels that give the same each time.

    Raises:
        ValueError: The seed is out of range.
    """
    import keras
    import tensorflow as tf

    if not 0 <= seed < 2**32:
        raise ValueError(f"expected a seed in [0, 2**32), received {seed}")
    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


def describe_environment() -> dict[str, Any]:
    """Gives what a reader needs to repeat a run: {"commit", "versions", "device"}."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {"commit": _commit(), "versions": versions, "device": _device()}


def _commit() -> str | None:
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():
        return None
    command = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _device() -> str:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
    return (
        ", ".join(names)
        or f"CPU {platform.machine()}, {len(tf.config.list_logical_devices('CPU'))} device(s)"
    )
