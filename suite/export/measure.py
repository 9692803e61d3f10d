"""Runs artifacts in a process of their own, which has nothing of the training in it.

`python -m suite.export.measure REQUEST.json` is that process; `measure_artifacts` starts it.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from suite.export.runtime import CPU_COUNT, Artifact, format_of, load_artifact

LATENCY_RUNS = 50
LATENCY_SECONDS = 1.5


class Measurement(NamedTuple):
    """What an artifact did in its own process.

    Attributes:
        outputs: Arrays by output name, one row an example; empty where it failed.
        latency_ms: {"p50", "p95"} of single-example calls, in milliseconds; empty where it failed.
        error: One line, or None.
    """

    outputs: dict[str, np.ndarray]
    latency_ms: dict[str, float]
    error: str | None


def measure_artifacts(
    paths: Sequence[Path], inputs: Mapping[str, np.ndarray], predict: bool = True
) -> list[Measurement]:
    """Runs each artifact on the inputs in a fresh process.

    TensorFlow's formats share one process and the others another, since a crash of one artifact costs only
    that
    artifact: the rest goes on in a new process.

    Args:
        paths: Artifacts, as `format_of` takes them.
        inputs: Arrays by input name, batch first.
        predict: Whether to keep the outputs for all inputs; otherwise only the latency is measured.

    Returns:
        One measurement a path, in order.
    """
    with tempfile.TemporaryDirectory(prefix="suite-measure-") as work:
        folder = Path(work)
        for name, array in inputs.items():
            np.save(folder / f"{name}.npy", array)
        needs_tensorflow = [format_of(path) in ("keras", "saved_model") for path in paths]
        crashes: dict[int, str] = {}
        for group in (True, False):
            pending = [index for index, needs in enumerate(needs_tensorflow) if needs == group]
            while pending:
                end = _run_process(
                    folder, {index: str(paths[index]) for index in pending}, list(inputs), predict
                )
                pending = [index for index in pending if not (folder / f"{index}.json").exists()]
                if pending:
                    crashes[pending.pop(0)] = end
        return [
            Measurement({}, {}, crashes[index]) if index in crashes else _read(folder, index)
            for index in range(len(paths))
        ]


def _run_process(folder: Path, paths: dict[int, str], inputs: list[str], predict: bool) -> str:
    """Runs the process below; says how it ended."""
    request = folder / "request.json"
    request.write_text(json.dumps({"paths": paths, "inputs": inputs, "predict": predict}))
    command = [sys.executable, "-m", "suite.export.measure", str(request)]
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    if done.returncode < 0:
        return f"its process was ended by {signal.Signals(-done.returncode).name}"
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return f"its process ended with status {done.returncode}: {last}"


def _read(folder: Path, index: int) -> Measurement:
    measured = json.loads((folder / f"{index}.json").read_text())
    outputs = {name: np.load(folder / f"{index}-{name}.npy") for name in measured["outputs"]}
    return Measurement(outputs, measured["latency_ms"], measured["error"])


def latency(artifact: Artifact, inputs: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Times calls with one example each, after a warm-up.

    Args:
        artifact: A loaded artifact.
        inputs: Arrays by input name; the examples are taken in turn.

    Returns:
        {"p50", "p95"} in milliseconds.
    """
    total = len(next(iter(inputs.values())))
    singles = [
        {name: np.asarray(array[index : index + 1]) for name, array in inputs.items()}
        for index in range(min(total, 8))
    ]
    for single in singles[:3]:
        artifact(single)
    times = []
    stop = time.perf_counter() + LATENCY_SECONDS
    while len(times) < LATENCY_RUNS and (len(times) < 5 or time.perf_counter() < stop):
        start = time.perf_counter()
        artifact(singles[len(times) % len(singles)])
        times.append((time.perf_counter() - start) * 1000)
    p50, p95 = np.percentile(times, [50, 95])
    return {"p50": round(float(p50), 4), "p95": round(float(p95), 4)}


def _measure_one(folder: Path, index: str, path: str, inputs: dict, predict: bool) -> None:
    measured = {"outputs": [], "latency_ms": {}, "error": None}
    try:
        artifact = load_artifact(path)
        measured["latency_ms"] = latency(artifact, inputs)
        if predict:
            if artifact.format == "tflite":
                artifact = load_artifact(path, threads=1, concurrency=CPU_COUNT)
            outputs = artifact.predict(inputs)
            measured["outputs"] = list(outputs)
            for name, values in outputs.items():
                np.save(folder / f"{index}-{name}.npy", values)
    except Exception as failure:  # an artifact's failure is its result
        measured["error"] = (str(failure).strip().splitlines() or [type(failure).__name__])[0][:300]
    partial = folder / f"{index}.json.partial"
    partial.write_text(json.dumps(measured))
    partial.rename(folder / f"{index}.json")


def _main(request_path: str) -> None:
    folder = Path(request_path).parent
    request = json.loads(Path(request_path).read_text())
    inputs = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in request["inputs"]}
    for index, path in request["paths"].items():
        _measure_one(folder, index, path, inputs, request["predict"])


if __name__ == "__main__":
    _main(sys.argv[1])
