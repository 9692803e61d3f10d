import keras
import numpy as np
import pytest

from suite.export.measure import REQUEST_FILE, _Worker, measure_artifacts


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
