import numpy as np

from suite.data.sets.image_sets import ImageSet
from suite.deploy.export import CALIBRATION_IMAGES, classifier_export


def test_classifier_export_calibrates_on_training_and_judges_on_test_images():
    counts = {"train": CALIBRATION_IMAGES + 1, "validation": 2, "test": 3}
    images = {part: np.full((n, 2, 2, 1), n % 256, np.uint8) for part, n in counts.items()}
    labels = {part: np.arange(n) % 2 for part, n in counts.items()}
    data = ImageSet(images, labels, ("even", "odd"), "made")
    export = classifier_export("a model", data, "small")
    assert (export.model, export.name, export.labels) == ("a model", "small", data.classes)
    assert np.array_equal(export.inputs, images["test"]) and np.array_equal(export.targets, labels["test"])
    assert np.array_equal(export.calibration, images["train"][:CALIBRATION_IMAGES])
    outputs = {"probabilities": np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])}
    assert export.metric.name == "test_accuracy" and export.metric.function(outputs, export.targets) == 1 / 3
