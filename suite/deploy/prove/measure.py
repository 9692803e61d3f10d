"""Runs artifacts in processes of their own, which have nothing of the training in them.

`python -m suite.deploy.prove.measure` is such a process: it answers requests, each the path of a JSON file,
until its input ends. `measure_artifacts` starts two and keeps them, since TensorFlow takes seconds to import.
"""

import contextlib
import functools
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from suite import console
from suite.bundle.rows import Latency
from suite.data.row_file import RowFile
from suite.deploy.convert.tflite import PERSONAL_FILE
from suite.deploy.prove.personal_check import rehearse
from suite.deploy.runtime import CPU_COUNT, Artifact, format_of, load_artifact

REQUEST_FILE, ANSWER_FILE = "request.json", "answer.json"
LATENCY_RUNS = 50
LATENCY_SECONDS = 1.5


class Measurement(NamedTuple):
    """What an artifact did in its own process.

    Attributes:
        outputs: Arrays by output name, one row an example; empty where it failed.
        latency_ms: Of single-example calls; of nothing where it failed.
        error: One line, or None.
        training: What `rehearse` gives for a personal model.
    """

    outputs: dict[str, np.ndarray]
    latency_ms: Latency
    error: str | None
    training: dict[str, float] | None = None


def measure_artifacts(
    paths: Sequence[Path], inputs: Mapping[str, np.ndarray], predict: bool = True
) -> list[Measurement]:
    """Runs each artifact on the inputs, loaded anew, outside of this process.

    TensorFlow's formats share one process and the others another; a crash of one artifact costs only that
    artifact: the next one gets a new process.

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
            if isinstance(array, RowFile):
                os.symlink(os.path.abspath(array.path), folder / f"{name}.npy")
            else:
                np.save(folder / f"{name}.npy", np.ascontiguousarray(array))
        tracked = console.track(paths, "running artifacts")
        return [_measure(folder, path, list(inputs), predict) for path in tracked]


def _measure(folder: Path, path: Path, inputs: list[str], predict: bool) -> Measurement:
    """Has an artifact measured by a worker, in the folder that has the inputs."""
    answer = folder / ANSWER_FILE
    answer.unlink(missing_ok=True)
    # The worker may be in another directory.
    request = {"path": os.path.abspath(path), "inputs": inputs, "predict": predict}
    (folder / REQUEST_FILE).write_text(json.dumps(request))
    end = _worker(format_of(path) in ("keras", "saved_model")).run(folder / REQUEST_FILE)
    if not answer.exists():
        return Measurement({}, Latency(), end)
    measured = json.loads(answer.read_text())
    outputs = {name: np.load(folder / f"output-{name}.npy") for name in measured["outputs"]}
    latency_ms = Latency(**measured["latency_ms"])
    return Measurement(outputs, latency_ms, measured["error"], measured["training"])


class _Worker:
    """A measuring process; a new one follows where it has ended."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def run(self, request: Path) -> str | None:
        """Waits until a request is answered; says how the process ended, where it did."""
        process = self.process = self.process or self._start()
        try:
            with contextlib.suppress(BrokenPipeError):
                print(request, file=process.stdin, flush=True)
            if process.stdout.readline():  # type: ignore[union-attr]  # a pipe
                return None
        except BaseException:  # interrupted: its answer must not be taken for one to the next request
            process.kill()
            process.wait()
            self.process = None
            raise
        status = process.wait()
        self.complaints.seek(0)
        last = (self.complaints.read().strip().splitlines() or ["no message"])[-1]
        self.process = None
        if status < 0:
            return f"its process was ended by {signal.Signals(-status).name}"
        return f"its process ended with status {status}: {last}"

    def _start(self) -> subprocess.Popen[str]:
        self.complaints = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115  as long as it
        return subprocess.Popen(
            [sys.executable, "-m", "suite.deploy.prove.measure"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            text=True,
        )


@functools.cache
def _worker(needs_tensorflow: bool) -> _Worker:  # noqa: ARG001  the key of the cache
    return _Worker()


def latency(artifact: Artifact, inputs: Mapping[str, np.ndarray]) -> Latency:
    """Times calls with one example each, after a warm-up.

    Args:
        artifact: A loaded artifact.
        inputs: Arrays by input name; the examples are taken in turn.
    """
    total = len(next(iter(inputs.values())))
    singles = [
        {name: np.asarray(array[index : index + 1]) for name, array in inputs.items()}
        for index in range(min(total, 8))
    ]
    for single in singles[:3]:
        artifact(single)
    times: list[float] = []
    stop = time.perf_counter() + LATENCY_SECONDS
    while len(times) < LATENCY_RUNS and (len(times) < 5 or time.perf_counter() < stop):
        start = time.perf_counter()
        artifact(singles[len(times) % len(singles)])
        times.append((time.perf_counter() - start) * 1000)
    p50, p95 = np.percentile(times, [50, 95])
    return Latency(round(float(p50), 4), round(float(p95), 4))


def _answer(request_path: str) -> None:
    """Answers a request: in its folder, a file of what was measured and one of each output."""
    folder = Path(request_path).parent
    request = json.loads(Path(request_path).read_text())
    path = request["path"]
    inputs: dict[str, Any] = {name: RowFile.open(folder / f"{name}.npy") for name in request["inputs"]}
    measured: dict[str, Any] = {"outputs": [], "latency_ms": {}, "error": None, "training": None}
    try:
        artifact = load_artifact(path)
        measured["latency_ms"] = latency(artifact, inputs).to_json()
        if request["predict"]:
            if artifact.path.name == PERSONAL_FILE:
                measured["training"] = rehearse(path, inputs["image"], CPU_COUNT)
            if artifact.format == "tflite":
                artifact = load_artifact(path, threads=1, concurrency=CPU_COUNT)
            outputs = artifact.predict(inputs)
            measured["outputs"] = list(outputs)
            for name, values in outputs.items():
                np.save(folder / f"output-{name}.npy", values)
    except Exception as failure:  # an artifact's failure is its result
        measured["error"] = console.first_line(failure)
    partial = folder / f"{ANSWER_FILE}.partial"
    partial.write_text(json.dumps(measured))
    partial.rename(folder / ANSWER_FILE)


def _main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what runtimes print is no answer
    for line in sys.stdin:
        _answer(line.rstrip("\n"))
        gc.collect()
        print("done", file=answers, flush=True)


if __name__ == "__main__":
    _main()
