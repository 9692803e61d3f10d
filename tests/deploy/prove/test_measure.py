import subprocess
import sys

import keras
import numpy as np
import pytest
from ai_edge_litert import interpreter as litert

from suite.deploy.convert.tflite import convert_for_now
from suite.deploy.prove.measure import REQUEST_FILE, Measuring, _Worker, measure_artifacts, time_artifacts
from suite.deploy.runtime import tflite_artifact


@pytest.fixture
def doubler(tmp_path):
    """One that runs in the process without TensorFlow, and the name of its input."""
    x = keras.Input((2,), name="x")
    content = convert_for_now(keras.Model(x, keras.layers.Rescaling(2.0)(x)))
    (tmp_path / "model.tflite").write_bytes(content)
    return tmp_path / "model.tflite", tflite_artifact(content).signature.inputs[0].name


def test_one_process_serves_one_request_after_another(doubler, monkeypatch):
    model, name = doubler
    monkeypatch.chdir(model.parent)
    started = []
    run = _Worker.run

    def spy(worker, request):
        end = run(worker, request)
        started.append(worker.process.pid)
        return end

    monkeypatch.setattr(_Worker, "run", spy)
    for path in (model, model.relative_to(model.parent)):
        (measured,) = measure_artifacts([path], {name: np.float32([[1, 2]])})
        np.testing.assert_array_equal(*measured.outputs.values(), [[2, 4]])
    assert len(started) == 2 and len(set(started)) == 1


def test_interpreters_stay_from_call_to_call(monkeypatch):
    x = keras.Input((2,), name="x")
    content = convert_for_now(keras.Model(x, keras.layers.Rescaling(2.0)(x)))
    made, real = [], litert.Interpreter
    monkeypatch.setattr(litert, "Interpreter", lambda **given: made.append(1) or real(**given))
    artifact = tflite_artifact(content, concurrency=2)
    values = np.arange(40, dtype=np.float32).reshape(20, 2)
    for _ in range(5):
        np.testing.assert_array_equal(next(iter(artifact.predict(values).values())), 2 * values)
    assert len(made) <= 3  # that of this thread, and one for each of the pool


def test_an_interrupted_request_ends_its_process(tmp_path):
    """Otherwise its answer would come in time for the next request."""

    class Interrupted:
        ended = ""

        def write(self, line):
            raise KeyboardInterrupt

        def poll(self):
            return None

        def kill(self):
            self.ended += "killed "

        def wait(self):
            self.ended += "waited for"

    worker, process = _Worker(), Interrupted()
    worker.process, process.stdin = process, process
    with pytest.raises(KeyboardInterrupt):
        worker.run(tmp_path / REQUEST_FILE)
    assert worker.process is None and process.ended == "killed waited for"


def test_what_runs_beside_the_caller_is_ended_with_it(doubler):
    """Ctrl-C must not wait until large artifacts have run."""
    path, name = doubler
    inputs = {name: np.float32([[1, 2]])}
    measuring = Measuring(inputs)
    running = measuring.run(path)
    measuring.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert running.cancelled() or running.done()
    (measured,) = measure_artifacts([path], inputs)  # by a new process
    np.testing.assert_array_equal(*measured.outputs.values(), [[2, 4]])
    assert measured.latency_ms.p50 is None
    (timed,) = time_artifacts([path], inputs)
    assert timed.latency_ms.p50 > 0 and timed.outputs == {}


def test_an_idle_process_that_was_killed_is_no_artifacts_fault(doubler):
    path, name = doubler
    inputs = {name: np.float32([[1, 2]])}
    measure_artifacts([path], inputs)
    with pytest.raises(KeyboardInterrupt), Measuring(inputs):
        raise KeyboardInterrupt
    (measured,) = measure_artifacts([path], inputs)
    assert measured.error is None


def test_the_process_of_tflite_and_onnx_imports_no_tensorflow():
    """It takes seconds."""
    code = (
        "import sys, suite.deploy.prove.measure; print({'keras', 'tensorflow', 'scipy'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"
