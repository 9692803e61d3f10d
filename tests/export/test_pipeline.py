import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from suite.evaluation.metrics import Metric
from suite.export import pipeline
from suite.export.pipeline import Export, export_model
from suite.export.saved_model import as_float32, save_saved_model
from suite.export.tflite import convert_tflite

FLOAT32 = ("model.keras", "saved_model", "model.onnx", "model.tflite")
REDUCED = ("model_float16.tflite", "model_dynamic.tflite", "model_int8.tflite")


def test_every_artifact_of_a_classifier_is_ok(exported_images):
    rows = exported_images.rows
    assert set(rows) == {*FLOAT32, *REDUCED, "model_personal.tflite"}
    assert {name: row["status"] for name, row in rows.items() if row["status"] != "ok"} == {}
    assert all(row["metric"]["value"] >= 0.95 for row in rows.values())
    assert all(rows[name]["max_abs_difference"] <= 1e-5 for name in FLOAT32)  # measured 1e-7
    assert all(0 < row["latency_ms"]["p50"] <= row["latency_ms"]["p95"] for row in rows.values())
    assert rows["model_int8.tflite"]["max_abs_difference"] > 0  # it really is another precision
    assert rows["model.tflite"]["min_runtime"].count(".") == 2
    assert "CONV_2D" in rows["model.tflite"]["ops"] and "Conv" in rows["model.onnx"]["ops"]
    assert (exported_images.folder / "labels.txt").read_text() == "red\ngreen\nblue\n"


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
    assert all(rows[name]["status"] == "ok" for name in FLOAT32)
    assert all(rows[name]["max_abs_difference"] <= 1e-5 for name in FLOAT32)  # measured 2e-8
    assert rows["model_int8.tflite"]["status"] == "skipped"
    assert "WHILE" in rows["model_int8.tflite"]["reason"]
    assert rows["model.tflite"]["metric"]["name"] == "agreement"

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
        pipeline.tflite,
        "convert_tflite",
        lambda path, variant, data=None: spoil(variant, convert(path, variant, data)),
    )
    features = keras.Input((20,), name="features")
    model = keras.Model(features, keras.layers.Dense(4, name="scores")(features))
    inputs = np.random.default_rng(0).normal(size=(30, 20)).astype("float32")
    item = Export(model, inputs, calibration=inputs, targets=model.predict(inputs, verbose=0), metric=metric)
    return {row["path"]: row for row in export_model(item, tmp_path)}


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
    assert rows["model.tflite"]["status"] == "failed"
    assert "differs from the Keras model" in rows["model.tflite"]["reason"]
    assert rows["model_int8.tflite"]["status"] == "ok"


def test_int8_that_loses_too_much_gives_way_to_int16x8(tmp_path, monkeypatch):
    rows = _spoiled(tmp_path, monkeypatch, "int8")
    assert rows["model_int8.tflite"]["status"] == "skipped"
    assert "test_error" in rows["model_int8.tflite"]["reason"]
    assert not (tmp_path / "out" / "model_int8.tflite").exists()
    assert rows["model_int16x8.tflite"]["status"] == "ok"


def test_int8_that_is_never_right_gives_way_as_well(tmp_path, monkeypatch):
    hits = Metric("test_hits", lambda outputs, targets: float(_error(outputs, targets) < 0.5), 0.2)
    rows = _spoiled(tmp_path, monkeypatch, "int8", hits)
    assert rows["model_int8.tflite"]["status"] == "skipped"
    assert rows["model_int8.tflite"]["metric"]["value"] == 0
    assert rows["model_int16x8.tflite"]["status"] == "ok"


def test_mixed_precision_model_is_exported_in_float32():
    policy = keras.dtype_policies.DTypePolicy("mixed_float16")
    features = keras.Input((6,), name="features")
    hidden = keras.layers.Dense(8, activation="tanh", dtype=policy)(features)
    model = keras.Model(features, keras.layers.Dense(2, dtype="float32", name="scores")(hidden))
    copy = as_float32(model)
    inputs = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")
    assert {layer.compute_dtype for layer in copy.layers} == {"float32"}
    np.testing.assert_allclose(copy(inputs), model(inputs), atol=2e-3)  # float16 rounding; measured 3e-4
    assert as_float32(copy) is copy
