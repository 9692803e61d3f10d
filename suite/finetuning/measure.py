"""What a fine-tuned classifier is worth on held-out photos, and what its bundle shows."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from suite.data.folders.labeled import ImageFolder
from suite.data.pictures.image_source import ImageSource
from suite.deploy.convert.tflite import calibration_rows
from suite.deploy.export import SPARE_CLASSES
from suite.evaluation import plots
from suite.evaluation.classification import classification_tables, confusion, most_wrong
from suite.evaluation.confusion_matrix import confusion_matrix
from suite.evaluation.metrics import Metric, accuracy, cross_entropy
from suite.finetuning.data import describe, images_on_disk
from suite.finetuning.phases import predict
from suite.runs.recipe import Export, Result, Task

WRONG_SHOWN = 12


def measure(
    model: keras.Model,
    folder: ImageFolder,
    sources: dict[str, ImageSource],
    curves: dict[str, list[float]],
    work: Path,
    spare_classes: int = SPARE_CLASSES,
) -> Result:
    """Measures the model on the held-out images and collects what the bundle shows.

    Args:
        model: The trained classifier.
        folder: From `open_folder`.
        sources: Its images by part.
        curves: From `fine_tune`.
        work: Where decoded images are kept for the export.
        spare_classes: As of `Export`.
    """
    held_out = "test" if len(sources["test"]) else "validation"
    probabilities = {part: predict(model, sources[part]) for part in {"validation", held_out}}
    metrics = {}
    for part, values in sorted(probabilities.items()):
        metrics[f"{part}_accuracy"] = accuracy(values, sources[part].labels)
        metrics[f"{part}_loss"] = cross_entropy(values, sources[part].labels)
    measured, labels = probabilities[held_out], sources[held_out].labels

    figures = {
        "confusion_matrix": confusion_matrix(confusion(measured, labels, len(folder.classes)), folder.classes)
    }
    if len(curves["train_loss"]) > 1:
        losses = {name: values for name, values in curves.items() if name.endswith("loss")}
        figures["learning_curves"] = plots.learning_curves(
            losses, ylabel="loss, nats per image", title="Phase 2", first_epoch=0
        )
    wrong = most_wrong(measured, labels, WRONG_SHOWN)
    if len(wrong):
        figures["most_wrong"] = plots.image_grid(
            np.stack([sources[held_out].image(index) for index in wrong]),
            [_wrong_caption(folder.classes, measured[index], labels[index]) for index in wrong],
            columns=4, title=f"Most wrong of {len(labels)} ({held_out})",
        )  # fmt: skip
    return Result(
        metrics=metrics,
        figures=figures,
        exports=[
            Export(
                model,
                inputs=images_on_disk(sources[held_out], work / "held_out.npy"),
                calibration=_calibration(sources["train"]),
                targets=labels,
                metric=Metric(
                    f"{held_out}_accuracy", lambda outputs, truth: accuracy(outputs["probabilities"], truth)
                ),
                labels=folder.classes,
                spare_classes=spare_classes,
                task=Task.CLASSIFIER,
            )
        ],
        data=describe(folder),
        tables=classification_tables(measured, labels, folder.classes),
    )


def _wrong_caption(classes: Sequence[str], probabilities: np.ndarray, label: int) -> str:
    guess = int(np.argmax(probabilities))
    return f"{classes[label]}, not {classes[guess]} ({probabilities[guess]:.0%})"


def _calibration(source: ImageSource) -> np.ndarray:
    return np.stack([source.image(index) for index in calibration_rows(len(source))])
