"""Which examples calibrate and center an export, and which prove it."""

import contextlib
import dataclasses
from concurrent.futures import Future

import keras
import numpy as np
import pytest

from suite.bundle import examples
from suite.bundle.rows import ArtifactRow, Latency, MetricValue
from suite.bundle.task import Task
from suite.deploy import pipeline
from suite.deploy.convert import tflite
from suite.deploy.export import Export
from suite.deploy.exports.autoencoder import decoder_export, encoder_export
from suite.deploy.pipeline import export_model
from suite.deploy.prove import judging
from suite.deploy.prove.measure import Measurement
from suite.evaluation.metrics import Metric
from suite.models.autoencoders import Autoencoder


@pytest.mark.parametrize("total", [1, 5, 128, 129, 1000])
def test_calibration_examples_are_spread_over_all(total):
    rows = tflite.calibration_rows(total)
    assert rows[0] == 0 and rows[-1] == total - 1 and len(rows) == min(total, 128)
    assert np.ptp(np.diff(rows)) <= 1 if total > 1 else True
    values = np.arange(total)[:, None]
    given = list(tflite._one_by_one({"x": values, "y": values + 0.5})())
    assert all(each["x"].shape == (1, 1) and each["y"] == each["x"] + 0.5 for each in given)
    np.testing.assert_array_equal([each["x"].item() for each in given], rows)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A tiny classifier through the pipeline; what each stage was given, but no process is started."""
    folder = tmp_path_factory.mktemp("exported")
    given = {"calibration": {}}
    convert = tflite.convert_tflite

    def record(saved_model, variant, calibration=None, _float_layers=()):
        given["calibration"][variant] = calibration
        return convert(saved_model, "float32")

    def record_personal(item, base, images, *rest):
        given["personal"] = images
        return ArtifactRow(tflite.PERSONAL_FILE, "ok")

    class Measures(contextlib.nullcontext):
        def __init__(self, inputs):
            super().__init__(self)
            given["inputs"] = inputs

        def run(self, path):
            wrong = {name: np.roll(values, 1, axis=0) for name, values in given["reference"].items()}
            future = Future()
            future.set_result(Measurement(wrong, Latency(), None))
            return future

        def time(self, paths):
            return [Measurement({}, Latency(), None) for _ in paths]

    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, keras.layers.Dense(3, "softmax", name="probabilities")(x))
    rng = np.random.default_rng(0)
    held_out, training = (rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8) for n in (70, 200))
    given["reference"] = {"probabilities": model(held_out).numpy()}
    targets = np.arange(70)
    metric = Metric("test_rows", lambda outputs, rows: float(outputs["probabilities"][rows[-1], 0]), 9.0)
    item = Export(model, held_out, training, targets, metric, ("c", "a", "b"), task=Task.CLASSIFIER)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(tflite, "convert_tflite", record)
        monkeypatch.setattr(pipeline, "export_personal", record_personal)
        monkeypatch.setattr(pipeline, "Measuring", Measures)
        rows = {row.path: row for row in export_model(item, folder)}
    return given | {"rows": rows, "training": training, "held_out": held_out, "folder": folder}


def test_integers_and_the_personal_model_are_calibrated_on_training_examples(exported):
    np.testing.assert_array_equal(exported["calibration"]["int8"]["image"], exported["training"])
    np.testing.assert_array_equal(
        exported["personal"], exported["training"][np.linspace(0, 199, 32, dtype=int)]
    )
    np.testing.assert_array_equal(exported["inputs"]["image"], exported["held_out"])


def test_the_metric_is_that_of_the_artifact_on_all_held_out_examples(exported):
    reference = exported["reference"]["probabilities"]
    row = exported["rows"]["model.onnx"]
    assert row.metric == MetricValue("test_rows", pytest.approx(float(reference[68, 0])))
    difference = np.abs(np.roll(reference, 1, axis=0) - reference).max()
    assert row.max_abs_difference == pytest.approx(difference, rel=1e-4) and row.status == "failed"


def test_examples_to_verify_are_the_first_with_their_own_answers(exported):
    inputs, outputs = examples.load_verification(exported["folder"] / "verification.npz")
    np.testing.assert_array_equal(inputs["image"], exported["held_out"][:16])
    np.testing.assert_allclose(
        outputs["probabilities"], exported["reference"]["probabilities"][:16], atol=1e-6
    )
    assert (exported["folder"] / "labels.txt").read_text() == "c\na\nb\n"


def test_the_keras_answers_are_those_of_each_example(exported):
    """More than a batch of them."""
    rows = exported["rows"]["model.keras"]
    assert rows.status == "failed"  # rolled by one, as was seen
    signature = pipeline.signature_of(keras.models.load_model(exported["folder"] / "model.keras"))
    model = keras.models.load_model(exported["folder"] / "model.keras")
    found = judging.predict_batches(model, signature, {"image": exported["held_out"]})
    np.testing.assert_allclose(found["probabilities"], exported["reference"]["probabilities"], atol=1e-6)


def test_known_answers_are_taken_under_the_names_of_the_model_that_is_exported(exported):
    model = keras.models.load_model(exported["folder"] / "model.keras")
    signature, known = pipeline.signature_of(model), exported["reference"]
    item = Export(model, exported["held_out"], outputs=known, task=Task.CLASSIFIER)
    found = pipeline._known_outputs(item, model, signature)
    np.testing.assert_array_equal(found["probabilities"], known["probabilities"])
    assert pipeline._known_outputs(item, keras.models.clone_model(model), signature) is None  # in float32
    other = dataclasses.replace(item, outputs={"dense": known["probabilities"]})
    assert pipeline._known_outputs(other, model, signature) is None
    assert pipeline._known_outputs(dataclasses.replace(item, outputs=None), model, signature) is None


def test_autoencoders_are_calibrated_on_training_images_and_compared_with_pixels_in_0_to_1():
    image, code = keras.Input((4, 4, 1), dtype="uint8", name="image"), keras.Input((2,), name="code")
    encoder = keras.Model(image, keras.layers.Dense(2, name="code")(keras.layers.Flatten()(image / 255)))
    decoder = keras.Model(code, keras.layers.Reshape((4, 4, 1), name="image")(keras.layers.Dense(16)(code)))
    rng = np.random.default_rng(0)
    held_out, training = (rng.integers(0, 256, (n, 4, 4, 1), dtype=np.uint8) for n in (6, 9))
    pair = Autoencoder.__new__(Autoencoder, *[None] * len(Autoencoder._fields))
    pair = pair._replace(encoder=encoder, decoder=decoder)
    first, second = encoder_export(pair, held_out, training), decoder_export(pair, held_out, training)
    np.testing.assert_array_equal(first.calibration, training)
    np.testing.assert_array_equal(first.inputs, held_out)
    np.testing.assert_allclose(second.calibration, encoder(training), atol=1e-6)
    np.testing.assert_allclose(second.inputs, encoder(held_out), atol=1e-6)
    for item in (first, second):
        np.testing.assert_allclose(item.targets, held_out / 255, atol=1e-6)
        assert item.metric.name == "test_r2" and item.metric.higher_is_better
    assert second.metric.function({"image": held_out / 255}, second.targets) == pytest.approx(1)
