"""What a fine-tuned segmenter is worth on held-out photos, and what its bundle shows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from suite.data.row_file import RowFile
from suite.data.sets.segmentation_sets import SegmentationSet
from suite.deploy.convert.tflite import calibration_rows
from suite.evaluation import plots
from suite.evaluation.baselines import Baseline
from suite.evaluation.mask_figures import (
    constant_counts,
    iou_numbers,
    iou_table,
    masks_over_photos,
    mean_of_rows,
    worst_first,
)
from suite.evaluation.metrics import Metric
from suite.evaluation.segmentation import boundary_counts, iou_counts, mean_iou, mean_ratio
from suite.runs.recipe import Export, Result, Task

TOLERANCE = 0.02  # of the mean IoU, that a smaller file may lose
WORST_SHOWN = 6
MOST_BYTES = 2**26  # of a file's answers to the photos that it is proven on: seven files' are in memory


def measure(
    model: keras.Model,
    data: SegmentationSet,
    pixels: np.ndarray,
    curves: dict[str, list[float]],
    work: Path,
) -> Result:
    """Measures the model on the test photos and collects what the bundle shows.

    Args:
        model: The trained segmenter.
        data: The photos with their masks.
        pixels: `(num_classes,)`, how many of each class there are in training.
        curves: Of the training.
        work: Where photos are kept for the export.
    """
    classes, masks = data.classes, data.masks["test"]
    guesses = RowFile.temporary(masks.shape, np.uint8, work)
    counts, contours = answers(model, data, "test", range(len(masks)), guesses)
    most = int(np.argmax(pixels))
    constant = constant_counts((masks[row] for row in range(len(masks))), most, len(classes))
    numbers, intervals = iou_numbers(counts, contours, "test")
    return Result(
        metrics=numbers
        | {"validation_mean_iou": curves["validation_mean_iou"][int(curves["best_epoch"][0])]},
        intervals=intervals,
        figures=_figures(data, guesses, counts, curves),
        exports=[_export(model, data)],
        data=data.describe() | {"side": masks.shape[1], "steps": int(curves["steps"][0])},
        title=f"Segmenter fine-tuned on {Path(data.source).name}",
        baselines=[Baseline("test_mean_iou", mean_ratio(constant), f"{classes[most]!r} everywhere")],
        tables=[iou_table(counts, contours, constant, pixels, classes)],
    )


def answers(
    model: keras.Model,
    data: SegmentationSet,
    part: str,
    rows: Sequence[int],
    guesses: RowFile | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Counts what the model is right about.

    Args:
        model: A segmenter.
        data: Photos with masks, as the model sees them.
        part: "train", "validation" or "test".
        rows: Which of them.
        guesses: Gets the most probable class of each pixel, row by row, and asks for contours.

    Returns:
        `(n, 2, num_classes)` of each photo, as `iou_counts` gives them; and as `boundary_counts` does, of no
        photo without `guesses`.
    """
    num_classes = len(data.classes)
    counts, contours = [], [np.zeros((0, 2, num_classes), np.int64)]
    for row in rows:
        mask = data.masks[part][row][None]
        probabilities = model.predict_on_batch(data.images[part][row][None])["probabilities"]
        guess = np.argmax(probabilities, axis=-1).astype(np.uint8)
        counts.append(iou_counts(guess, mask, num_classes))
        if guesses is not None:
            guesses.write(row, guess)
            contours.append(boundary_counts(guess, mask, num_classes))
    return np.concatenate(counts), np.concatenate(contours)


def _export(model: keras.Model, data: SegmentationSet) -> Export:
    """The model with the test photos that its files are proven on, as many as there is room for."""
    num_classes, masks = len(data.classes), data.masks["test"]
    count = min(len(masks), max(1, MOST_BYTES // (masks[0].size * num_classes * 4)))
    name = "test_mean_iou" + (f"_of_{count}_photos" if count < len(masks) else "")

    def metric(outputs: Any, targets: np.ndarray) -> float:
        return mean_iou(np.argmax(outputs["probabilities"], axis=-1), targets, num_classes)

    return Export(
        model,
        inputs=data.images["test"][:count],
        calibration=data.images["train"][calibration_rows(len(data.images["train"]))],
        targets=masks[:count],
        metric=Metric(name, metric, tolerance=TOLERANCE),
        labels=data.classes,
        task=Task.SEGMENTER,
    )


def _figures(
    data: SegmentationSet, guesses: RowFile, counts: np.ndarray, curves: dict[str, list[float]]
) -> dict[str, Any]:
    """The photos that the model is most wrong about, the others beside them, and the course of training."""
    worst = worst_first(counts)
    photos = [("most_wrong", worst[:WORST_SHOWN], "Most wrong")]
    if len(worst) > WORST_SHOWN:
        ordinary = worst[np.unique(np.linspace(0, len(worst) - 1, WORST_SHOWN, dtype=int))]
        photos.append(("masks", ordinary, "From the worst to the best"))
    figures = {name: _drawn(data, guesses, counts, rows, title) for name, rows, title in photos}
    ious = {"validation": curves["validation_mean_iou"]}
    figures["learning_curve"] = plots.learning_curves(
        ious, ylabel="mean IoU", title="Training", first_epoch=0
    )
    return figures


def _drawn(data: SegmentationSet, guesses: RowFile, counts: np.ndarray, rows: np.ndarray, title: str) -> Any:
    images, masks = data.images["test"][rows], data.masks["test"][rows]
    captions = [f"mean IoU {mean_of_rows(counts, np.array([row])):.2f}" for row in rows]
    title = f"{title} of {len(counts)} test photos"
    return masks_over_photos(images, masks, guesses[rows], data.classes, captions, title)
