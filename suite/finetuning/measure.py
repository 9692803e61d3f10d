"""What a fine-tuned classifier is worth on held-out photos, and what its bundle shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from suite.data.folders.labeled import ImageFolder
from suite.data.pictures.image_source import ImageSource
from suite.deploy.convert.tflite import calibration_rows
from suite.deploy.export import SPARE_CLASSES
from suite.evaluation import plots
from suite.evaluation.calibration import expected_calibration_error, with_temperature
from suite.evaluation.classification import classification_tables, confusion, most_wrong
from suite.evaluation.confusion_matrix import confusion_matrix
from suite.evaluation.explanations import grad_cam, last_map, show_heat
from suite.evaluation.intervals import Interval, wilson
from suite.evaluation.metrics import Metric, accuracy, cross_entropy
from suite.finetuning.calibrate import calibrate, evidence, trust
from suite.finetuning.data import describe, images_on_disk
from suite.finetuning.estimate import FEW, FoldEstimate, held_out_part
from suite.finetuning.phases import Trained, predict
from suite.runs.recipe import Export, Result, Task

WRONG_SHOWN = 12
CALIBRATED_ON = 64  # photos, each of a tenth of a second: int8 was as accurate with them as with 128


def measure(
    model: keras.Model,
    folder: ImageFolder,
    sources: dict[str, ImageSource],
    trained: Trained,
    work: Path,
    spare_classes: int = SPARE_CLASSES,
    estimate: FoldEstimate | None = None,
) -> Result:
    """Calibrates the model, measures it on the held-out images and collects what the bundle shows.

    Args:
        model: The trained classifier; its last layer is divided by a temperature.
        folder: From `open_folder`.
        sources: Its images by part.
        trained: From `fine_tune`.
        work: Where decoded images are kept for the export.
        spare_classes: As of `Export`.
        estimate: The answers of the head to its folds, where few images are held out.
    """
    held_out, curves = held_out_part(sources), trained.curves
    labels = sources[held_out].labels
    # How sure the head is says nothing of a model that was trained further.
    of_model = estimate if curves.get("kept_share", [0.0]) == [0.0] else None
    seen = sources["validation"].labels
    chosen_on = evidence("validation", trained.validation if len(seen) else None, seen, of_model)
    temperature = calibrate(model, chosen_on)
    # The held-out photos are answered once, by the model that is exported.
    answers = {held_out: predict(model, sources[held_out])}
    raw = {held_out: with_temperature(answers[held_out], 1 / temperature)}
    if len(seen) and held_out != "validation":
        raw["validation"] = trained.validation
        answers["validation"] = with_temperature(trained.validation, temperature)
    metrics, intervals = _numbers(raw, answers, sources, estimate, held_out)
    metrics["temperature"] = temperature
    is_held_out = held_out != "train"
    measured_on = evidence(held_out, raw[held_out], labels, of_model) if is_held_out or of_model else None
    trust_figures, trust_tables, none_of_these = trust(measured_on, temperature)
    return Result(
        metrics=metrics,
        intervals=intervals,
        figures=_figures(answers[held_out], sources[held_out], folder.classes, curves, held_out, model)
        | trust_figures,
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
                outputs={"probabilities": answers[held_out]},
                task=Task.CLASSIFIER,
            )
        ],
        data=describe(folder) | {"none_of_these": none_of_these},
        tables=classification_tables(answers[held_out], labels, folder.classes) + trust_tables,
    )


def _numbers(
    raw: dict[str, np.ndarray],
    answers: dict[str, np.ndarray],
    sources: dict[str, ImageSource],
    estimate: FoldEstimate | None,
    held_out: str,
) -> tuple[dict[str, float], dict[str, Interval]]:
    """The metrics of each part, before and after the temperature, and the intervals of those that are shares.

    Where few photos are held out, the estimate by folds stands first.
    """
    metrics, intervals = {}, {}
    for part, values in sorted(answers.items()):
        labels, name = sources[part].labels, f"{part}_accuracy"
        trained_on = "on photos that it was trained on: none was held out" if part == "train" else ""
        metrics[name] = accuracy(values, labels)
        intervals[name] = wilson(metrics[name], len(labels), "photos", trained_on)
        metrics[f"{part}_loss"] = cross_entropy(values, labels)
    if held_out != "train":
        labels = sources[held_out].labels
        name = f"{held_out}_calibration_error"
        metrics[f"{name}_before"] = expected_calibration_error(raw[held_out], labels)
        metrics[name] = expected_calibration_error(answers[held_out], labels)
    if estimate is None or (held_out != "train" and len(sources[held_out]) >= FEW):
        return metrics, intervals
    share, how = accuracy(estimate.probabilities, estimate.labels), str(estimate)
    if held_out != "train":
        alone, name = intervals[f"{held_out}_accuracy"], f"{held_out}_accuracy"
        how += f"; the {alone.examples} {held_out} photos alone say {metrics[name]:.2f} ({alone})"
    estimated = wilson(share, len(estimate.labels), "photos", how)
    return {"estimated_accuracy": share} | metrics, {"estimated_accuracy": estimated} | intervals


def _figures(
    probabilities: np.ndarray,
    source: ImageSource,
    classes: Sequence[str],
    curves: dict[str, list[float]],
    part: str,
    model: keras.Model,
) -> dict[str, Any]:
    """What was taken for what, the course of phase 2, and the mistakes that the model was surest of.

    Beside each mistake, what in it made the model say so.
    """
    labels = source.labels
    figures = {"confusion_matrix": confusion_matrix(confusion(probabilities, labels, len(classes)), classes)}
    if len(curves["train_loss"]) > 1:
        losses = {name: values for name, values in curves.items() if name.endswith("loss")}
        figures["learning_curves"] = plots.learning_curves(
            losses, ylabel="loss, nats per image", title="Phase 2", first_epoch=0
        )
    wrong = most_wrong(probabilities, labels, WRONG_SHOWN)
    if len(wrong):
        images = [source.image(index) for index in wrong]
        captions = [_wrong_caption(classes, probabilities[index], labels[index]) for index in wrong]
        figures["most_wrong"] = plots.image_grid(
            np.stack(images), captions, columns=4, title=f"Most wrong of {len(labels)} ({part})"
        )
        if last_map(model) is not None:
            heat = grad_cam(model, np.stack(images), np.argmax(probabilities[wrong], axis=1))
            figures["most_wrong_explained"] = plots.image_grid(
                np.stack([show_heat(*each) for each in zip(images, heat, strict=True)]),
                captions,
                columns=4,
                title="What made the model say so (Grad-CAM)",
            )
    return figures


def _wrong_caption(classes: Sequence[str], probabilities: np.ndarray, label: int) -> str:
    guess = int(np.argmax(probabilities))
    return f"{classes[label]}, not {classes[guess]} ({probabilities[guess]:.0%})"


def _calibration(source: ImageSource) -> np.ndarray:
    return np.stack([source.image(index) for index in calibration_rows(len(source), CALIBRATED_ON)])
