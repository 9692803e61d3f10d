"""Which of MediaPipe's tasks take our files as they are, and what stands between the others and them."""

import keras
import numpy as np
import pytest

from suite.deploy.convert.metadata import add_metadata
from suite.deploy.runtime import load_artifact
from tests.deploy import app_models
from tests.references.mediapipe_tasks import classify_text, detect, embed, segment

IMAGES = np.random.default_rng(0).integers(256, size=(2, 8, 12, 3), dtype=np.uint8)


def test_an_image_segmenter_gives_the_same_probabilities(tmp_path):
    keras.utils.set_random_seed(3)
    app_models.segmenter(tmp_path)
    path = tmp_path / "model.tflite"
    expected = load_artifact(path).predict(IMAGES)["probabilities"]
    add_metadata(path, app_models.LABELS)
    labels, found = segment(path, IMAGES)
    assert labels == list(app_models.LABELS)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(np.unique(expected.argmax(axis=-1))) > 1


def test_an_image_embedder_gives_the_same_code(tmp_path):
    image, x = app_models.from_picture()
    app_models.write_tflite(keras.Model(image, app_models.dense(5, name="code")(x)), tmp_path)
    path = tmp_path / "model.tflite"
    add_metadata(path)
    expected = load_artifact(path).predict(IMAGES)["code"]
    np.testing.assert_allclose(embed(path, IMAGES), expected, rtol=1e-5, atol=1e-5)


def test_what_hinders_the_other_tasks(tmp_path):
    """docs/export.md says so; should MediaPipe change, this fails."""
    app_models.detector(tmp_path / "detector")
    add_metadata(tmp_path / "detector/model.tflite", app_models.LABELS)
    with pytest.raises(ValueError, match="^Expected a model with 2 or 4 output tensors, found 3"):
        detect(tmp_path / "detector/model.tflite", IMAGES)
    app_models.text_classifier(tmp_path / "texts")
    words = (tmp_path / "texts/vocabulary.txt").read_text()
    labels = (tmp_path / "texts/labels.txt").read_text().splitlines()
    add_metadata(tmp_path / "texts/model.tflite", labels, {"vocabulary.txt": words})
    with pytest.raises(ValueError, match="PreprocessorCalculator"):
        classify_text(tmp_path / "texts/model.tflite", "the red star")
