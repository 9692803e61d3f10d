import io
import json

import numpy as np
import pytest

from suite.bundle.examples import load_verification, save_verification
from suite.bundle.record import Record, read_result, recorded_row
from suite.bundle.rows import BaselineRow, ClaimRow, InputFacts, Latency, MetricValue
from suite.bundle.write import write_json
from suite.deploy.describe import digest
from tests.records import artifact, changed, write_record


def test_json_is_strict(tmp_path):
    write_json(tmp_path / "a.json", {"nan": float("nan"), "numpy": np.float32(0.5), "list": [np.inf, 1]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"nan": None, "numpy": 0.5, "list": [None, 1]}


NO_RECORDS = ("", "{", "[]", '{"artifacts": 3}', '{"artifacts": [3]}', '{"artifacts": [{"path": "a"}]}')


@pytest.mark.parametrize("content", NO_RECORDS)
def test_damaged_result(tmp_path, content):
    with pytest.raises(ValueError, match="expected a bundle, found no result.json"):
        read_result(tmp_path)
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(ValueError, match="expected a"):
        read_result(tmp_path)


@pytest.mark.parametrize("kind", ["recipe", "finetune"])
def test_a_record_comes_back_as_it_was_written(tmp_path, kind):
    rows = (
        artifact("model.keras", inputs={"x": InputFacts("float32", (3,))}, task="regressor"),
        artifact(
            inputs={"image": InputFacts("uint8", (8, 8, 3), is_image=True)},
            variant="personal",
            training={"train_ms": 0.5},
            ops=("ADD", "CAST"),
            cpu_ops=("CAST",),
            gpu_compatible=False,
        ),
        artifact("model.onnx", "failed", metric=MetricValue(), latency_ms=Latency(), reason="gives NaN"),
    )
    beaten = BaselineRow("test_loss", 0.1, "the mean", 0.0713, True, True, higher_is_better=False, examples=9)
    record = changed(kind=kind, task="regressor", artifacts=rows, baselines=(beaten,), data_notes=("a note",))
    write_record(tmp_path, record)
    assert read_result(tmp_path) == record
    content = json.loads((tmp_path / "result.json").read_text())
    assert content["schema"] == 2 and content["task"] == "regressor"
    assert content["data"]["augmented_views"] == 4  # a recipe's own word
    assert content["data"]["quarantined"] == [{"file": "brick/a.jpg", "reason": "truncated"}]
    (claim,) = content["claims"]
    assert claim == {"metric": "test_accuracy", "at_least": 0.95, "value": 0.97917, "passed": True}
    keras, tflite, onnx = content["artifacts"]
    assert keras["inputs"] == {"x": {"dtype": "float32", "shape": [3]}} and "training" not in keras
    assert tflite["inputs"] == {"image": {"dtype": "uint8", "shape": [8, 8, 3], "range": None}}
    assert onnx["metric"] == {"name": None, "value": None} and onnx["latency_ms"] == {}


def test_numbers_that_json_lacks_come_back_as_nan(tmp_path):
    write_record(tmp_path, changed(metrics={"a": np.inf, "b": 1.0}, claims=(ClaimRow("a", np.nan, False),)))
    record = read_result(tmp_path)
    assert np.isnan(record.metrics["a"]) and record.metrics["b"] == 1 and np.isnan(record.claims[0].value)


def test_a_record_of_a_newer_suite_is_refused(tmp_path):
    (tmp_path / "result.json").write_text('{"schema": 3, "artifacts": []}')
    message = "^expected a result.json of schema 2 or older, .*/result.json has 3; update the suite$"
    with pytest.raises(ValueError, match=message):
        read_result(tmp_path)
    assert recorded_row(tmp_path / "model.keras") is None


def test_hash_of_a_folder_depends_on_names_and_content(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"a")
    before = digest(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"b")
    assert digest(tmp_path) != before


def test_verification_examples(tmp_path):
    inputs, outputs = {"image": np.arange(60).reshape(20, 3)}, {"scores": np.ones((20, 2))}
    save_verification(tmp_path / "v.npz", inputs, outputs)
    loaded_inputs, loaded_outputs = load_verification(tmp_path / "v.npz")
    np.testing.assert_array_equal(loaded_inputs["image"], inputs["image"][:16])
    assert loaded_outputs["scores"].shape == (16, 2)
    content = (tmp_path / "v.npz").read_bytes()
    single = io.BytesIO()
    np.save(single, np.ones(3))
    for damaged in (b"no zip", b"", content[: len(content) // 2], single.getvalue()):
        (tmp_path / "v.npz").write_bytes(damaged)
        with pytest.raises(ValueError, match="expected verification.npz .* cannot be read .*; write it anew"):
            load_verification(tmp_path / "v.npz")


def test_a_record_without_intervals_is_an_older_one():
    assert Record.from_json({"artifacts": []}).intervals == {}
