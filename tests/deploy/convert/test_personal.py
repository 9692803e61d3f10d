import re
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from suite.bundle.task import Task
from suite.deploy.convert import tflite
from suite.deploy.convert.personal import base_of, personal_head
from suite.deploy.convert.tflite import PERSONAL_LEARNING_RATE, convert_tflite
from suite.deploy.export import Export
from suite.deploy.labels import class_labels
from suite.deploy.pipeline import export_model, export_personal
from suite.deploy.prove.judging import Original
from suite.deploy.runtime import load_artifact
from suite.evaluation.metrics import agreement
from suite.linear.untrained import UNTRAINED_BIAS
from tests.deploy.personal_models import CLASSES, LABELS, SPARE, small_images, small_model, write_personal


@pytest.fixture(scope="module")
def personal(tmp_path_factory):
    return write_personal(tmp_path_factory.mktemp("personal"))


def runners(path):
    interpreter = Interpreter(model_path=str(path))
    return {name: interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()}


def train(run, image, label, learning_rate=PERSONAL_LEARNING_RATE):
    arguments = {"label": np.int32([label]), "learning_rate": np.float32(learning_rate)}
    return float(run["train"](image=image[None], **arguments)["loss"])


def test_signatures_are_those_that_apps_call(personal):
    shapes = {
        name: [
            {key: (detail["dtype"], detail["shape"].tolist()) for key, detail in details.items()}
            for details in (runner.get_input_details(), runner.get_output_details())
        ]
        for name, runner in runners(personal).items()
    }
    image, label = {"image": (np.uint8, [1, 8, 8, 3])}, {"label": (np.int32, [1])}
    rate, loss = {"learning_rate": (np.float32, [])}, {"loss": (np.float32, [])}
    features = {"features": (np.float32, [1, 12])}
    arrays = {"kernel": (np.float32, [12, CLASSES + SPARE]), "bias": (np.float32, [CLASSES + SPARE])}
    assert shapes == {
        "infer": [image, {"probabilities": (np.float32, [1, CLASSES + SPARE])}],
        "train": [image | label | rate, loss],
        "weights": [{}, arrays],
        "restore": [arrays, {"done": (np.int32, [])}],
        "infer_features": [image, features],
        "train_on_features": [features | label | rate, loss],
    }


def test_runtimes_without_signatures_infer(personal):
    image, interpreter = small_images()[:1], Interpreter(model_path=str(personal))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    probabilities = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_array_equal(probabilities, runners(personal)["infer"](image=image)["probabilities"])


def test_learns_as_tensorflow_does(personal):
    """Keras' own gradient and SGD, from random asymmetric weights, at rates from 0.03 to 1."""
    run, base, images = runners(personal), base_of(small_model(), LABELS), small_images()
    features = base.predict(images, verbose=0)
    mean = features.mean(axis=0)
    features = (features - mean) / np.sqrt(np.mean(np.sum((features - mean) ** 2, axis=1)))

    generator = np.random.default_rng(5)
    dense = keras.layers.Dense(CLASSES + SPARE)
    dense.build((None, 12))
    dense.set_weights(
        [generator.normal(size=variable.shape).astype("float32") for variable in dense.variables]
    )
    optimizer = keras.optimizers.SGD()
    run["restore"](**dict(zip(("kernel", "bias"), dense.get_weights(), strict=True)))
    for step in range(60):
        index, label = step % len(images), int(generator.integers(CLASSES + SPARE))
        optimizer.learning_rate = float(10 ** generator.uniform(-1.5, 0))
        with tf.GradientTape() as tape:
            logits = dense(features[index : index + 1])
            loss = keras.losses.sparse_categorical_crossentropy(np.array([label]), logits, from_logits=True)[
                0
            ]
        optimizer.apply(tape.gradient(loss, dense.trainable_variables), dense.trainable_variables)
        got = train(run, images[index], label, optimizer.learning_rate)
        assert got == pytest.approx(float(loss), abs=1e-4)  # measured 6e-7
    for name, expected in zip(("kernel", "bias"), dense.get_weights(), strict=True):
        np.testing.assert_allclose(run["weights"]()[name], expected, atol=1e-4)


def test_a_spare_class_is_not_seen_until_it_is_trained(personal):
    run, images = runners(personal), small_images()
    before = run["infer"](image=images[:1])["probabilities"][0]
    assert before[CLASSES:].tolist() == [0, 0]
    np.testing.assert_allclose(before[:CLASSES], small_model().predict(images[:1], verbose=0)[0], atol=1e-5)
    loss = train(run, images[0], CLASSES)
    assert 0 < loss < 20  # woken before the step: the bias of an unused class would give 10,000
    after = run["infer"](image=images[:1])["probabilities"][0]
    assert after[CLASSES] > 0.01 and after[CLASSES + 1] == 0


def test_labels_outside_of_the_classes_change_nothing(personal):
    run, image = runners(personal), small_images()[0]
    before = run["weights"]()
    for label in (-1, CLASSES + SPARE, 2**31 - 1):
        assert train(run, image, label) == -1
    for name, values in run["weights"]().items():
        np.testing.assert_array_equal(values, before[name])


def test_head_gives_the_same_probabilities_on_centered_features():
    generator = np.random.default_rng(6)
    features = generator.normal(3, 2, (40, 7))
    kernel, bias = generator.normal(size=(7, 4)), generator.normal(size=4)
    bias[2] = UNTRAINED_BIAS  # a class without training images, as `fit_softmax_regression` leaves it
    head = personal_head(kernel, bias, features, spare_classes=2)
    standardized = (features - head.mean) / head.scale
    np.testing.assert_allclose(standardized.mean(axis=0), 0, atol=1e-6)
    assert np.mean(np.sum(standardized**2, axis=1)) == pytest.approx(1)
    logits = standardized @ head.kernel + head.bias
    np.testing.assert_allclose(
        tf.nn.softmax(logits), np.pad(tf.nn.softmax(features @ kernel + bias), ((0, 0), (0, 2))), atol=1e-5
    )
    assert head.bias[[2, 4, 5]].tolist() == [UNTRAINED_BIAS] * 3
    assert logits[:, [0, 1, 3]].mean() == pytest.approx(0, abs=1e-5)
    constant = personal_head(kernel, bias, np.ones((3, 7)))
    assert constant.scale == 1 and np.all(np.isfinite(constant.kernel))


def _other_models():
    image = keras.Input((4, 4, 3), dtype="uint8", name="image")
    pixels = keras.layers.Rescaling(1 / 255)(image)
    vector = keras.layers.Flatten()(pixels)

    def dense(x, activation="softmax"):
        return keras.layers.Dense(3, activation)(x)

    features, extra = keras.Input((5,), name="image"), keras.Input((5,))
    photo = keras.Input((4, 4, 3), dtype="uint8", name="photo")
    unsized = keras.Input((None, None, 3), dtype="uint8", name="image")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1.0)(unsized))
    return {
        "regression": keras.Model(image, dense(vector, None)),
        "softmax apart": keras.Model(image, keras.layers.Softmax()(dense(vector, None))),
        "segmenter": keras.Model(image, dense(pixels)),
        "two outputs": keras.Model(image, [dense(vector), dense(vector)]),
        "two inputs": keras.Model([image, extra], dense(keras.layers.concatenate([vector, extra]))),
        "no pixels": keras.Model(features, dense(features)),
        "another name": keras.Model(photo, dense(keras.layers.Flatten()(keras.layers.Rescaling(1.0)(photo)))),
        "any size": keras.Model(unsized, dense(pooled)),
    }


def test_other_models_have_no_base():
    assert {name for name, model in _other_models().items() if base_of(model, LABELS)} == set()
    assert base_of(small_model(), ()) is None
    model = small_model()
    for classifier in (model, keras.Sequential(model.layers)):
        base = base_of(classifier, LABELS)
        assert base.output.shape == (None, 12)
        # On the way through this model, though the layers are in the other one, too.
        images = small_images()[:2]
        np.testing.assert_array_equal(base(images), base_of(model, LABELS)(images))


def test_an_export_proves_the_personal_model(exported_images, tmp_path):
    row = exported_images.rows["model_personal.tflite"]
    assert row.variant == "personal" and row.status == "ok"
    assert row.reason == "frozen part in dynamic" and row.metric.value >= 0.95
    assert row.training["loss_difference"] <= 1e-5  # measured 3e-7
    assert row.training["train_ms"] > 0 and row.training["train_on_features_ms"] > 0
    artifact = load_artifact(exported_images.folder / "model_personal.tflite")
    spares = [f"spare {number}" for number in range(1, 5)]
    assert class_labels(artifact) == ["red", "green", "blue", *spares]
    alone = shutil.copy(artifact.path, tmp_path / "copy.tflite")  # has all names in it
    assert class_labels(load_artifact(alone)) == ["red", "green", "blue", *spares]
    answers = artifact(exported_images.item.inputs[:1])["probabilities"]
    assert answers.shape == (1, 7) and answers[0, 3:].max() == 0


def test_negative_number_of_spare_classes(tmp_path):
    item = Export(small_model(), small_images(), labels=LABELS, spare_classes=-1, task=Task.CLASSIFIER)
    with pytest.raises(ValueError, match="^expected spare_classes of at least 0, received -1$"):
        export_model(item, tmp_path)


def _exported(folder, monkeypatch, convert):
    """The row of a personal model whose TFLite file is made by `convert(path, precision)`."""
    monkeypatch.setattr(tflite, "convert_tflite", convert)
    model, images = small_model(), small_images()
    reference = {"predictions": model.predict(images, verbose=0)}
    (folder / "work").mkdir()
    original = Original(model, {"image": images}, reference, agreement(reference), None)
    item = Export(model, images, labels=LABELS, spare_classes=SPARE, task=Task.CLASSIFIER)
    return export_personal(item, base_of(model, LABELS), images, original, folder, folder / "work")


def _of_another_model(folder):
    other = folder / "other"
    other.mkdir()
    model = small_model(seed=9)
    return lambda path, precision: write_personal(other, precision, model).read_bytes()


def test_takes_the_next_precision_where_one_is_not_good_enough(tmp_path, monkeypatch):
    other_weights = _of_another_model(tmp_path)

    def convert(path, precision):
        if precision == "dynamic":
            raise RuntimeError("no such kernel\nmore")
        return other_weights(path, precision) if precision == "float16" else convert_tflite(path, precision)

    row = _exported(tmp_path, monkeypatch, convert)
    assert row.status == "ok" and row.max_abs_difference <= 1e-5
    assert re.fullmatch(
        r"frozen part in float32; dynamic no such kernel; float16 agreement is [\d.]+ worse than the Keras "
        r"model's, more than 0\.05",
        row.reason,
    )


def test_fails_where_no_precision_is_good_enough(tmp_path, monkeypatch):
    row = _exported(tmp_path, monkeypatch, _of_another_model(tmp_path))
    assert row.status == "failed" and "differs from the Keras model by" in row.reason
