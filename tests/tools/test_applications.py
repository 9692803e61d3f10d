import keras
import numpy as np
import pytest

from suite import console
from tools import applications


@pytest.fixture(autouse=True)
def quiet():
    console.set_quiet(True)
    yield
    console.set_quiet(False)


def test_every_family_has_a_model_and_answers_of_random_weights_vary():
    families = {name for name in dir(keras.applications) if name[0].isupper()}
    assert set(applications.SMALLEST) <= families
    modules = {getattr(keras.applications, name).__module__ for name in families - {"VGG19"}}  # as VGG16
    assert {getattr(keras.applications, name).__module__ for name in applications.SMALLEST} == modules
    model, pictures = applications.build("MobileNetV3Small")
    answers = model.predict(pictures, verbose=0)
    assert answers.shape == (16, 10) and pictures.shape == (16, 32, 32, 3)
    assert np.all(np.std(answers, axis=0) > 0.1)


def model_of(layer):
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, activation="relu")(image))
    pictures = np.random.default_rng(0).uniform(0, 9, (16, 8, 8, 3)).astype("float32")
    return keras.Model(image, layer(x)), pictures


def test_a_family_passes_where_every_format_is_right(monkeypatch, capsys):
    keras.utils.set_random_seed(0)
    monkeypatch.setattr(applications, "build", lambda name: model_of(keras.layers.Dense(2)))
    assert applications.compare("VGG16")
    said = capsys.readouterr().out
    assert said.startswith("VGG16: saved_model 0.0e+00, model.onnx ")
    assert "model.tflite " in said


def test_a_refused_format_or_an_answer_that_does_not_vary_fails(monkeypatch, capsys):
    monkeypatch.setattr(applications, "build", lambda name: model_of(lambda x: keras.ops.argmax(x, -1)))
    assert not applications.compare("VGG16")
    assert "model.onnx ONNX has no operator for Bitcast" in capsys.readouterr().out
    monkeypatch.setattr(applications, "build", lambda name: model_of(lambda x: x * 0))
    assert not applications.compare("VGG16")
    assert "the answers do not vary" in capsys.readouterr().out
