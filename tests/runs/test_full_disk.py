import json
import resource

import keras
import numpy as np
import pytest

from suite.bundle.task import Task
from suite.deploy.convert import files, tflite
from suite.runs.recipe import Export, Result
from tests.runs.toy_job import run_job


@pytest.fixture
def full_disk(monkeypatch):
    """Lets no file grow beyond 50 kB, once a function is called with an argument."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(module, name, argument=None):
        function = getattr(module, name)

        def call(*args, **kwargs):
            if argument in (None, *args):
                resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
            return function(*args, **kwargs)

        monkeypatch.setattr(module, name, call)

    yield fill
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def large_model(config, context):
    x = keras.Input((300,), name="x")
    inputs = np.eye(4, 300, dtype="float32")
    return Result(
        {"test_x": 1.0},
        exports=[Export(keras.Model(x, keras.layers.Dense(300, name="y")(x)), inputs, task=Task.TENSORS)],
    )


@pytest.mark.parametrize(
    "writer",
    [
        (keras.Model, "save"),
        (files, "save_saved_model"),
        (files, "save_onnx"),
        (tflite, "convert_tflite", "float32"),
        (tflite, "convert_tflite", "dynamic"),
    ],
    ids=lambda writer: writer[-1],
)
def test_a_full_disk_is_an_error_and_leaves_the_old_bundle(tmp_path, full_disk, writer):
    run_job(tmp_path, lambda config, context: Result({"test_x": 0.5}))
    full_disk(*writer)
    with pytest.raises(OSError, match="^expected room for toy, received a full disk; make some and start"):
        run_job(tmp_path, large_model)
    assert json.loads((tmp_path / "toy/result.json").read_text())["metrics"] == {"test_x": 0.5}
    assert {path.name for path in tmp_path.iterdir()} == {"toy", ".toy.partial"}
