import re

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

import suite
from suite.bundle.examples import load_verification
from suite.bundle.record import Record
from suite.bundle.rows import InputFacts
from suite.bundle.task import Task
from suite.bundle.write import write_json
from suite.deploy import pipeline
from suite.deploy.convert import tflite
from suite.deploy.convert.saved_model import save_saved_model
from suite.deploy.convert.tflite import convert_tflite
from suite.deploy.export import Export
from suite.deploy.pipeline import export_model
from suite.deploy.runtime import load_artifact
from suite.errors import GateError
from suite.evaluation.metrics import Metric

FLOAT32 = ("model.keras", "saved_model", "model.onnx", "model.tflite")
REDUCED = ("model_float16.tflite", "model_dynamic.tflite", "model_int8.tflite")


def test_every_artifact_of_a_classifier_is_ok(exported_images):
    rows = exported_images.rows
    assert set(rows) == {*FLOAT32, *REDUCED, "model_personal.tflite"}
    assert {name: row.status for name, row in rows.items() if row.status != "ok"} == {}
    assert all(row.metric.value >= 0.95 for row in rows.values())
    assert all(rows[name].max_abs_difference <= 1e-5 for name in FLOAT32)  # measured 1e-7
    assert all(0 < row.latency_ms.p50 <= row.latency_ms.p95 for row in rows.values())
    assert rows["model_int8.tflite"].max_abs_difference > 0  # it really is another precision
    assert rows["model.tflite"].min_runtime.count(".") == 2
    assert "CONV_2D" in rows["model.tflite"].ops and "Conv" in rows["model.onnx"].ops
    assert (exported_images.folder / "labels.txt").read_text() == "red\ngreen\nblue\n"


def test_every_row_says_what_was_fed(exported_images, exported_sequences):
    pixels = {"image": InputFacts("uint8", (32, 32, 3), is_image=True, range=(0.0, 255.0))}
    assert all(row.inputs == pixels for row in exported_images.rows.values())
    numbers = {
        "tokens": InputFacts("int32", (12,)),  # the length that TFLite is fixed to
        "features": InputFacts("float32", (4,)),
    }
    assert all(row.inputs == numbers for row in exported_sequences.rows.values())


def test_bare_runtimes_agree_with_keras(exported_images):
    """An outside check: nothing of the suite between the files and the answers, and another batch size."""
    images = exported_images.item.inputs[:5]
    expected = exported_images.item.model.predict(images, verbose=0)
    folder = exported_images.folder

    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    np.testing.assert_allclose(session.run(["probabilities"], {"image": images})[0], expected, atol=1e-5)

    signature = tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"]
    np.testing.assert_allclose(signature(image=tf.constant(images))["probabilities"], expected, atol=1e-5)

    interpreter = Interpreter(model_path=str(folder / "model.tflite"))
    interpreter.allocate_tensors()
    entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert entry["dtype"] == np.uint8 and entry["shape"].tolist() == [1, 32, 32, 3]
    for image, row in zip(images, expected, strict=True):
        interpreter.set_tensor(entry["index"], image[None])
        interpreter.invoke()
        np.testing.assert_allclose(interpreter.get_tensor(result["index"])[0], row, atol=1e-5)


@pytest.mark.parametrize("name", REDUCED)
def test_reduced_variants_keep_the_signature(exported_images, name):
    runner = Interpreter(model_path=str(exported_images.folder / name)).get_signature_runner(
        "serving_default"
    )
    assert runner.get_input_details()["image"]["dtype"] == np.uint8
    assert runner.get_output_details()["probabilities"]["dtype"] == np.float32


def test_recurrent_model_with_two_inputs_and_outputs(exported_sequences):
    rows = exported_sequences.rows
    assert all(rows[name].status == "ok" for name in FLOAT32)
    assert all(rows[name].max_abs_difference <= 1e-5 for name in FLOAT32)  # measured 2e-8
    assert rows["model_int8.tflite"].metric.value > 0.8  # its steps are written out
    assert rows["model.tflite"].metric.name == "agreement"

    # The SavedModel and ONNX take any batch size and any length.
    generator = np.random.default_rng(3)
    tokens = generator.integers(0, 50, (3, 7)).astype("int32")
    features = generator.normal(size=(3, 4)).astype("float32")
    expected = exported_sequences.item.model.predict([tokens, features], verbose=0)
    session = onnxruntime.InferenceSession(str(exported_sequences.folder / "model.onnx"))
    logits, states = session.run(["logits", "states"], {"tokens": tokens, "features": features})
    np.testing.assert_allclose(logits, expected["logits"], atol=1e-5)
    np.testing.assert_allclose(states, expected["states"], atol=1e-5)


def _error(outputs, targets):
    return float(np.mean(np.abs(outputs["scores"] - targets)))


ERROR = Metric("test_error", _error, 0.2, higher_is_better=False)


def _classifier_rows(tmp_path, monkeypatch, spoil, metric):
    """Exports a linear model whose TFLite files went through `spoil(variant, content)`."""
    convert = pipeline.tflite.convert_tflite
    monkeypatch.setattr(
        tflite,
        "convert_tflite",
        lambda path, variant, *rest: spoil(variant, convert(path, variant, *rest)),
    )
    features = keras.Input((20,), name="features")
    model = keras.Model(features, keras.layers.Dense(4, name="scores")(features))
    inputs = np.random.default_rng(0).normal(size=(30, 20)).astype("float32")
    item = Export(
        model,
        inputs,
        calibration=inputs,
        targets=model.predict(inputs, verbose=0),
        metric=metric,
        task=Task.TENSORS,
    )
    return {row.path: row for row in export_model(item, tmp_path)}


def _spoiled(tmp_path, monkeypatch, spoiled_variant, metric=ERROR):
    """Exports with other weights in the TFLite file of one variant."""
    features = keras.Input((20,), name="features")
    scores = keras.layers.Dense(4, name="scores", bias_initializer="ones")(features)
    save_saved_model(keras.Model(features, scores), tmp_path / "other", batch_size=1)
    wrong = convert_tflite(tmp_path / "other", "float32")
    (tmp_path / "out").mkdir()
    return _classifier_rows(
        tmp_path / "out",
        monkeypatch,
        lambda variant, content: wrong if variant == spoiled_variant else content,
        metric,
    )


def test_an_artifact_that_answers_wrongly_fails(tmp_path, monkeypatch):
    rows = _spoiled(tmp_path, monkeypatch, "float32")
    assert rows["model.tflite"].status == "failed"
    assert "differs from the Keras model" in rows["model.tflite"].reason
    assert "alone" not in rows["model.tflite"].reason
    assert rows["model_int8.tflite"].status == "ok"


def test_a_model_that_looks_across_the_batch_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "REDUCED", ())
    x = keras.Input((6,), name="x")
    model = keras.Model(x, keras.ops.maximum(x, keras.ops.max(x) - 1.0))
    inputs = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")
    rows = {row.path: row for row in export_model(Export(model, inputs, task=Task.TENSORS), tmp_path)}
    assert [rows[name].status for name in FLOAT32] == ["ok", "ok", "ok", "failed"]
    assert re.fullmatch(
        r"differs from the Keras model by 4, more than 0\.0003\d: alone, as phones run it, an example has "
        r"another answer than in a batch; take nothing from a whole batch, as ops\.max does without an axis, "
        r"and MelSpectrogram with its top_db, which 1000 switches off",
        rows["model.tflite"].reason,
    )


def test_int8_that_loses_too_much_gives_way_to_int16x8(tmp_path, monkeypatch):
    rows = _spoiled(tmp_path, monkeypatch, "int8")
    assert rows["model_int8.tflite"].status == "skipped"
    assert "test_error" in rows["model_int8.tflite"].reason
    assert not (tmp_path / "out" / "model_int8.tflite").exists()
    assert rows["model_int16x8.tflite"].status == "ok"


def test_int8_that_is_never_right_gives_way_as_well(tmp_path, monkeypatch):
    hits = Metric("test_hits", lambda outputs, targets: float(_error(outputs, targets) < 0.5), 0.2)
    rows = _spoiled(tmp_path, monkeypatch, "int8", hits)
    assert rows["model_int8.tflite"].status == "skipped"
    assert rows["model_int8.tflite"].metric.value == 0
    assert rows["model_int16x8.tflite"].status == "ok"


def test_a_format_that_lacks_an_operator_says_so_and_the_others_come(tmp_path):
    x = keras.Input((4, 4, 4, 2), name="x")
    pooled = keras.layers.MaxPooling3D(name="pool")(x)
    inputs = np.random.default_rng(0).normal(size=(3, 4, 4, 4, 2)).astype("float32")
    rows = {
        row.path: row
        for row in export_model(Export(keras.Model(x, pooled), inputs, task=Task.TENSORS), tmp_path)
    }
    assert [rows[name].status for name in FLOAT32] == ["ok", "ok", "ok", "failed"]
    assert rows["model.tflite"].reason == (
        "TFLite has no operator for MaxPool3D (layer 'pool'); end the model before it, or put another "
        "layer in its place"
    )
    assert rows["model_dynamic.tflite"].reason == "the float32 conversion failed"


def test_a_quantized_model_with_equal_output_names_is_exported_whole(tmp_path):
    left, right = (keras.Input((64,), name=name) for name in ("left", "in"))
    embed = keras.layers.Dense(256, name="embed")
    model = keras.Model([left, right], [embed(left), embed(right)])
    model.quantize("int8")
    generator = np.random.default_rng(0)
    inputs = {name: generator.normal(size=(3, 64)).astype("float32") for name in ("left", "in_")}
    rows = {row.path: row for row in export_model(Export(model, inputs, task=Task.TENSORS), tmp_path)}
    assert {name: rows[name].reason for name in FLOAT32} == {
        "model.keras": "input 'in' is called 'in_'; output 'embed' is called 'embed_1'",
        "saved_model": None,
        "model.onnx": None,
        "model.tflite": None,
    }
    assert all(rows[name].max_abs_difference <= 1e-5 for name in FLOAT32)  # measured 0
    names, reference = load_verification(tmp_path / "verification.npz")
    assert (set(names), set(reference)) == ({"left", "in_"}, {"embed", "embed_1"})
    assert load_artifact(tmp_path / "model.tflite").signature.outputs[1].shape == (256,)


def test_nothing_is_written_of_a_model_with_a_memory(tmp_path):
    x = keras.Input(batch_shape=(2, 5, 3), name="x")
    model = keras.Model(x, keras.layers.LSTM(4, stateful=True)(x))
    with pytest.raises(ValueError, match="states as inputs"):
        export_model(Export(model, np.zeros((2, 5, 3), "float32"), task=Task.TENSORS), tmp_path)
    assert not list(tmp_path.iterdir())


def test_fast_proves_what_a_phone_needs_and_says_what_is_not_proven(exported_images, tmp_path):
    rows = export_model(exported_images.item, tmp_path, fast=True)
    assert {row.path: row.status for row in rows} == {
        "model.keras": "unproven",
        "model.tflite": "ok",
        "model_int8.tflite": "ok",
    }
    unproven = rows[0]
    assert unproven.bytes and unproven.sha256 and not unproven.is_shipped and unproven.latency_ms.p50 is None
    assert "suite verify" in unproven.reason and rows[1].latency_ms.p50 > 0
    write_json(tmp_path / "result.json", Record(artifacts=tuple(rows)).to_json())
    assert [row.path for row in suite.verify(tmp_path)] == [row.path for row in rows]
    (tmp_path / "model.keras").write_bytes(b"no model")
    with pytest.raises(GateError, match="model.keras has changed since it was measured"):
        suite.verify(tmp_path)
