import json

import keras
import numpy as np
import pytest

from suite.bundle.rows import ArtifactRow, CompiledAnswers, Latency, MetricValue
from suite.deploy.prove.compiled import compare
from suite.deploy.prove.gates import Reference, judge
from suite.deploy.prove.measure import ANSWER_FILE, Measurement, Measuring
from suite.deploy.runtime import load_artifact
from suite.evaluation.metrics import Metric
from tests.deploy.app_models import write_tflite


@pytest.mark.parametrize("which", ["exported_images", "exported_sequences"])
def test_every_tflite_file_answers_in_compiled_model_as_in_the_interpreter(which, request):
    rows = request.getfixturevalue(which).rows.values()
    asked = {row.path: row.compiled_model for row in rows if row.format == "tflite" and row.is_shipped}
    assert {"model.tflite", "model_float16.tflite"} <= set(asked)
    assert all(found.reason is None and found.max_abs_difference <= 1e-5 for found in asked.values())
    assert all(row.compiled_model is None for row in rows if row.format != "tflite")
    again = [ArtifactRow.from_json(json.loads(json.dumps(row.to_json()))) for row in rows]
    assert [row.compiled_model for row in again] == [row.compiled_model for row in rows]


def test_what_is_compared_are_the_answers_to_the_first_examples(exported_images):
    path, images = exported_images.folder / "model.tflite", {"image": exported_images.item.inputs}
    expected = load_artifact(path, threads=1).predict(images)
    assert compare(path, images, expected) == {"max_abs_difference": 0, "reason": None}
    wrong = {"probabilities": expected["probabilities"] + np.eye(len(images["image"]), 3, dtype="f") / 4}
    assert compare(path, images, wrong)["max_abs_difference"] == pytest.approx(0.25)
    lost = {"probabilities": np.full_like(expected["probabilities"], np.nan)}
    assert compare(path, images, lost) == {"max_abs_difference": None, "reason": None}


def test_a_type_that_it_has_no_buffers_for_is_told(tmp_path):
    token = keras.Input((2,), dtype="int64", name="token")
    write_tflite(keras.Model(token, {"next": token + 1}), tmp_path)
    inputs = {"token": np.int64([[1, 2]])}
    answers = load_artifact(tmp_path / "model.tflite", threads=1).predict(inputs)
    found = compare(tmp_path / "model.tflite", inputs, answers)
    assert found == {"max_abs_difference": None, "reason": "Unsupported dtype: int64"}


def _judged(compiled, variant="float32"):
    outputs = {"x": np.float32([[1, 2]])}
    metric = Metric("test_agreement", lambda outputs, _: 1.0)
    row = ArtifactRow("model.tflite", "written", bytes=8, metric=MetricValue("test_agreement", 1.0))
    measured = Measurement(outputs, Latency(), None, compiled=compiled)
    return judge(row, measured, Reference(outputs, metric, 1.0), variant, 8)


def test_a_file_whose_answers_differ_there_is_not_shipped():
    assert _judged(CompiledAnswers(1e-5)) == ("ok", None)
    status, reason = _judged(CompiledAnswers(0.01))
    assert status == "failed" and "CompiledModel from the interpreter by 0.01, more than 0.0002" in reason
    assert _judged(CompiledAnswers(), "int8")[0] == "skipped"  # NaN
    assert _judged(CompiledAnswers(reason="no buffers for int64")) == ("ok", None)


def test_a_crash_in_it_costs_the_file_nothing_else(exported_images):
    class Crashing:
        def run(self, request):
            np.save(request.with_name("output-x.npy"), np.float32([[1]]))
            answer = {"outputs": ["x"], "latency_ms": {}, "error": None, "training": None}
            request.with_name(ANSWER_FILE).write_text(json.dumps(answer))
            return "its process was ended by SIGSEGV"

    with Measuring({"image": exported_images.item.inputs}) as measuring:
        measured = measuring._measure({}, Crashing())
    assert measured.error is None and measured.outputs["x"] == 1
    assert measured.compiled == CompiledAnswers(reason="its process was ended by SIGSEGV")
