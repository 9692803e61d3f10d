import keras
import numpy as np
import pytest
from ai_edge_litert import interpreter as litert

from suite.deploy.convert.tflite import convert_for_now
from suite.deploy.prove.measure import REQUEST_FILE, _Worker, measure_artifacts
from suite.deploy.runtime import tflite_artifact


@pytest.fixture
def doubler(tmp_path):
    x = keras.Input((2,), name="x")
    keras.Model(x, keras.layers.Rescaling(2.0, name="y")(x)).save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_one_process_serves_one_request_after_another(doubler, monkeypatch):
    monkeypatch.chdir(doubler.parent)
    started = []
    run = _Worker.run

    def spy(worker, request):
        end = run(worker, request)
        started.append(worker.process.pid)
        return end

    monkeypatch.setattr(_Worker, "run", spy)
    for path in (doubler, doubler.relative_to(doubler.parent)):
        (measured,) = measure_artifacts([path], {"x": np.float32([[1, 2]])})
        np.testing.assert_array_equal(measured.outputs["y"], [[2, 4]])
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

        def kill(self):
            self.ended += "killed "

        def wait(self):
            self.ended += "waited for"

    worker, process = _Worker(), Interrupted()
    worker.process, process.stdin = process, process
    with pytest.raises(KeyboardInterrupt):
        worker.run(tmp_path / REQUEST_FILE)
    assert worker.process is None and process.ended == "killed waited for"
