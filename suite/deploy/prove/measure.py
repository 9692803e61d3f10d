"""Runs artifacts in processes of their own, which have nothing of the training in them.

`python -m suite.deploy.prove.measure MODULE...` is such a process: it imports the modules, and answers
requests, each the path of a JSON file, until its input ends. Two are kept: one for TensorFlow's formats,
which takes seconds to import it, and one for all others.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from suite import console
from suite.bundle.rows import CompiledAnswers, Latency
from suite.data.row_file import RowFile
from suite.deploy.convert.tflite import PERSONAL_FILE
from suite.deploy.prove.compiled import compare
from suite.deploy.prove.personal_check import rehearse
from suite.deploy.runtime import CPU_COUNT, Artifact, format_of, load_artifact

REQUEST_FILE, ANSWER_FILE, COMPILED_FILE = "request.json", "answer.json", "compiled.json"
LATENCY_RUNS = 50
LATENCY_SECONDS = 0.75


class Measurement(NamedTuple):
    """What an artifact did in its own process.

    Attributes:
        outputs: Arrays by output name, one row an example; empty where it failed, or was only timed.
        latency_ms: Of single-example calls; of nothing where it failed, or was not timed.
        error: One line, or None.
        training: What `rehearse` gives for a personal model.
        compiled: What `CompiledModel` made of a TFLite file; None of other formats, and where it was not run.
    """

    outputs: dict[str, np.ndarray]
    latency_ms: Latency
    error: str | None
    training: dict[str, float] | None = None
    compiled: CompiledAnswers | None = None


class Measuring:
    """Runs artifacts of one model on its inputs, outside of this process and beside what goes on in it.

    TensorFlow's formats share one process and the others another; a crash of one artifact costs only that
    artifact: the next one gets a new process. Where the block is left by an error, both are ended.
    """

    def __init__(self, inputs: Mapping[str, np.ndarray]):
        """Puts the inputs where the processes find them.

        Args:
            inputs: Arrays by input name, batch first.
        """
        self._inputs = list(inputs)
        self._work = tempfile.TemporaryDirectory(prefix="suite-measure-")
        for name, array in inputs.items():
            path = Path(self._work.name) / f"{name}.npy"
            if isinstance(array, RowFile):
                os.symlink(os.path.abspath(array.path), path)
            else:
                np.save(path, np.ascontiguousarray(array))
        self._lines = {needs_tensorflow: ThreadPoolExecutor(1) for needs_tensorflow in (True, False)}

    def __enter__(self) -> "Measuring":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for needs_tensorflow, line in self._lines.items():
            if kind is not None:
                line.shutdown(wait=False, cancel_futures=True)
                _worker(needs_tensorflow).kill()
            line.shutdown(cancel_futures=True)
        self._work.cleanup()

    def run(self, path: Path) -> "Future[Measurement]":
        """Has an artifact run on all inputs, as soon as those before it in its process have.

        Args:
            path: An artifact, as `format_of` takes it.
        """
        return self._request(path, is_timed=False)

    def time(self, paths: Sequence[Path]) -> list[Measurement]:
        """Times single-example calls of artifacts, one after the other; nothing else should be going on.

        Args:
            paths: Artifacts, as `format_of` takes them.
        """
        tracked = console.track(paths, "timing artifacts")
        return [self._request(path, is_timed=True).result() for path in tracked]

    def _request(self, path: Path, is_timed: bool) -> "Future[Measurement]":
        needs_tensorflow = format_of(path) in ("keras", "saved_model")
        # The process may be in another directory.
        request = {"path": os.path.abspath(path), "inputs": self._inputs, "is_timed": is_timed}
        return self._lines[needs_tensorflow].submit(self._measure, request, _worker(needs_tensorflow))

    def _measure(self, request: dict[str, Any], worker: "_Worker") -> Measurement:
        with tempfile.TemporaryDirectory(dir=self._work.name) as place:
            folder = Path(place)
            (folder / REQUEST_FILE).write_text(json.dumps(request))
            end = worker.run(folder / REQUEST_FILE)
            if not (folder / ANSWER_FILE).exists():
                return Measurement({}, Latency(), end)
            measured = json.loads((folder / ANSWER_FILE).read_text())
            outputs = {name: np.load(folder / f"output-{name}.npy") for name in measured["outputs"]}
            compiled = None
            if (folder / COMPILED_FILE).exists():
                compiled = CompiledAnswers(**json.loads((folder / COMPILED_FILE).read_text()))
            elif end:  # after the answer: the process ended in this
                compiled = CompiledAnswers(reason=end)
        return Measurement(
            outputs, Latency(**measured["latency_ms"]), measured["error"], measured["training"], compiled
        )


def measure_artifacts(paths: Sequence[Path], inputs: Mapping[str, np.ndarray]) -> list[Measurement]:
    """Runs each artifact on the inputs, loaded anew, outside of this process.

    Args:
        paths: Artifacts, as `format_of` takes them.
        inputs: Arrays by input name, batch first.

    Returns:
        One measurement a path, in order; none is timed.
    """
    with Measuring(inputs) as measuring:
        running = [measuring.run(path) for path in paths]
        return [each.result() for each in console.track(running, "running artifacts")]


def time_artifacts(paths: Sequence[Path], inputs: Mapping[str, np.ndarray]) -> list[Measurement]:
    """Times single-example calls of each artifact outside of this process.

    Args:
        paths: Artifacts, as `format_of` takes them.
        inputs: Arrays by input name, batch first; the first few examples are taken in turn.

    Returns:
        One measurement a path, in order, without outputs.
    """
    with Measuring(inputs) as measuring:
        return measuring.time(paths)


def start_processes() -> None:
    """Starts the measuring processes, so that they import while there is something else to do."""
    for needs_tensorflow in (False, True):
        _worker(needs_tensorflow).start()


class _Worker:
    """A measuring process; a new one follows where it has ended."""

    def __init__(self, needs_tensorflow: bool = False) -> None:
        self.process: subprocess.Popen[str] | None = None
        self._imports = ["keras"] if needs_tensorflow else []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Starts the process, unless there is one."""
        with self._lock:
            self.process = self.process or self._start()

    def kill(self) -> None:
        """Ends the process, if there is one; whoever waits for its answer gets none."""
        if process := self.process:
            process.kill()
            process.wait()

    def run(self, request: Path) -> str | None:
        """Waits until a request is answered; says how the process ended, where it did."""
        with self._lock:
            return self._run(request)

    def _run(self, request: Path) -> str | None:
        if self.process and self.process.poll() is not None:  # it was killed while it had nothing to do
            self.process = None
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
            [sys.executable, "-m", "suite.deploy.prove.measure", *self._imports],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            text=True,
        )


@functools.cache
def _worker(needs_tensorflow: bool) -> _Worker:
    return _Worker(needs_tensorflow)


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


@functools.lru_cache(maxsize=2)
def _kept(path: str, inputs: str) -> Artifact:  # noqa: ARG001  files may change from one place of inputs to another
    """An artifact of TensorFlow's, which takes seconds to load: it runs, and is timed later."""
    return load_artifact(path)


def _answer(request_path: str) -> None:
    """Answers a request: in its folder, a file of what was measured and one of each output."""
    folder = Path(request_path).parent
    request = json.loads(Path(request_path).read_text())
    inputs: dict[str, Any] = {name: RowFile.open(folder.parent / f"{name}.npy") for name in request["inputs"]}
    measured: dict[str, Any] = {"outputs": [], "latency_ms": {}, "error": None, "training": None}
    try:
        measured |= _timed(request, inputs, folder) if request["is_timed"] else _ran(request, inputs, folder)
    except Exception as failure:  # an artifact's failure is its result
        measured["error"] = console.first_line(failure)
    _write(folder / ANSWER_FILE, measured)
    if measured["outputs"] and format_of(request["path"]) == "tflite":
        # A crash in it costs the answer to this only.
        outputs = {name: np.load(folder / f"output-{name}.npy", "r") for name in measured["outputs"]}
        _write(folder / COMPILED_FILE, compare(request["path"], inputs, outputs))


def _write(path: Path, content: Mapping[str, Any]) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(json.dumps(content))
    partial.rename(path)


def _timed(request: Mapping[str, Any], inputs: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {"latency_ms": latency(_loaded(request["path"], folder), inputs).to_json()}


def _ran(request: Mapping[str, Any], inputs: dict[str, Any], folder: Path) -> dict[str, Any]:
    path = Path(request["path"])
    is_personal = path.name == PERSONAL_FILE
    training = rehearse(path, inputs["image"], CPU_COUNT) if is_personal else None
    outputs = _loaded(path, folder, threads=1, concurrency=CPU_COUNT).predict(inputs)
    for name, values in outputs.items():
        np.save(folder / f"output-{name}.npy", values)
    return {"outputs": list(outputs), "training": training}


def _loaded(path: str | Path, folder: Path, **threads: int) -> Artifact:
    """Loads an artifact; the threads are those of TFLite, whose interpreters run side by side."""
    format = format_of(path)
    if format in ("keras", "saved_model"):
        return _kept(str(path), str(folder.parent))
    return load_artifact(path, **(threads if format == "tflite" else {}))


def _main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what runtimes print is no answer
    for name in sys.argv[1:]:
        importlib.import_module(name)
    for line in sys.stdin:
        _answer(line.rstrip("\n"))
        gc.collect()
        print("done", file=answers, flush=True)


if __name__ == "__main__":
    _main()
