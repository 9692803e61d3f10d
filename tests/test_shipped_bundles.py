"""The bundles that come with the repository: small, and proven again with the present code."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import suite
from suite.bundle.names import RESULT_FILE
from suite.bundle.record import read_result
from suite.deploy.runtime import load_artifact

FOLDER = Path(__file__).parents[1] / "saved_models"
NAMES = ("digits",)
LARGEST = 1e6  # bytes of a bundle


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_is_whole_and_small(name):
    folder = FOLDER / name
    assert (folder / RESULT_FILE).is_file() and (folder / "report.html").is_file()
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= LARGEST
    assert "/tmp" not in (folder / RESULT_FILE).read_text()
    rows = suite.verify(folder)
    assert rows and all(row.passed for row in rows)


def test_the_digits_are_read():
    """Of all scikit-learn's digits, most of which the model has been trained on."""
    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    for name in ("model.tflite", "model_int8.tflite", "model.onnx"):
        (answers,) = load_artifact(FOLDER / "digits" / name).predict({"image": images}).values()
        assert np.mean(answers.argmax(axis=1) == digits.target) >= 0.98
    assert read_result(FOLDER / "digits").metrics["test_accuracy"] >= 0.98
