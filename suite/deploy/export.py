"""What a run hands over to be deployed; nothing here imports a converter."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from suite.bundle.task import Task
from suite.data.sets.image_sets import ImageSet
from suite.deploy.ranges import ValueRange
from suite.evaluation.metrics import Metric, accuracy, r2

SPARE_CLASSES = 4
CALIBRATION_IMAGES = 300


@dataclasses.dataclass(frozen=True)
class Export:
    """A trained model and what is needed to prove its exports.

    Attributes:
        model: Functional or built Sequential Keras model that takes raw values and names its inputs and
            outputs.
        inputs: Held-out inputs (an array, a sequence or a dict by input name), batch first; the artifacts
            run on all of them.
        calibration: Training inputs of the same form for the integer variants; None leaves those out.
        targets: What `metric` compares the outputs with.
        metric: The metric of every artifact; by default the R-squared to the Keras model's outputs.
        labels: Class names by output index, for classifiers.
        name: Subfolder, where a run exports several models.
        files: Further texts that an app needs, by file name, such as the vocabulary.
        spare_classes: Number of classes that the personal model of an image classifier can learn besides.
        ranges: The values of black and white by image input, None where they are not known; by default what
            `inputs` and the model say.
        outputs: The model's answers to `inputs` by output name, where they were computed already.
        task: What the model is for; each task asks for other outputs and texts.
    """

    model: Any
    inputs: Any
    calibration: Any = None
    targets: Any = None
    metric: Metric | None = None
    labels: Sequence[str] = ()
    name: str = ""
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    spare_classes: int = SPARE_CLASSES
    ranges: Mapping[str, ValueRange | None] | None = None
    outputs: Mapping[str, Any] | None = None
    task: Task = dataclasses.field(kw_only=True)


def classifier_export(model: Any, data: ImageSet, name: str = "") -> Export:
    """An image classifier, judged by its accuracy on the test images and calibrated on 300 of training.

    Args:
        model: From images to "probabilities" `(batch, classes)`.
        data: The images that it was trained and tested on.
        name: Subfolder, where a run exports several models.
    """
    metric = Metric("test_accuracy", lambda outputs, targets: accuracy(outputs["probabilities"], targets))
    return Export(
        model,
        data.images["test"],
        data.images["train"][:CALIBRATION_IMAGES],
        data.labels["test"],
        metric,
        data.classes,
        name,
        task=Task.CLASSIFIER,
    )


def regressor_export(model: Any, inputs: Any, targets: Any, calibration: Any = None) -> Export:
    """A model of one quantity, judged by the share of its variance that it explains.

    Args:
        model: Its one output is `(batch, 1)`.
        inputs: As of `Export`.
        targets: `(n,)`.
        calibration: As of `Export`.
    """
    metric = Metric("test_r2", lambda outputs, targets: r2(next(iter(outputs.values())), targets))
    return Export(model, inputs, calibration, targets, metric, task=Task.REGRESSOR)
