"""What a fine-tuned segmenter is worth on held-out photos, and what its bundle shows."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from suite.data.folders import paired
from suite.data.row_file import RowFile
from suite.data.sets.segmentation_sets import SegmentationSet
from suite.deploy.convert.tflite import calibration_rows
from suite.evaluation import plots
from suite.evaluation.baselines import Baseline
from suite.evaluation.intervals import bootstrap
from suite.evaluation.mask_figures import iou_table, masks_over_photos, worst_first
from suite.evaluation.metrics import Metric
from suite.evaluation.segmentation import boundary_counts, iou_counts, mean_iou, mean_ratio
from suite.runs.recipe import Export, Result, Task

TOLERANCE = 0.02  # of the mean IoU, that a smaller file may lose
WORST_SHOWN = 6
AT_ONCE = 8  # photos
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
    classes, side = data.classes, model.input_shape[1]
    guesses, counts, contours = _answers(model, data, side, work)
    most = int(np.argmax(pixels))
    masks = (seen_by(data, "test", side, [row])[1] for row in range(len(guesses)))
    constant = np.concatenate([iou_counts(np.full_like(mask, most), mask, len(classes)) for mask in masks])
    test = mean_ratio(counts)
    return Result(
        metrics={
            "test_mean_iou": test,
            "test_boundary_iou": mean_ratio(contours),
            "validation_mean_iou": curves["validation_mean_iou"][int(curves["best_epoch"][0])],
        },
        intervals={
            name: bootstrap(each, _mean_or_nan, "photos")
            for name, each in (("test_mean_iou", counts), ("test_boundary_iou", contours))
        },
        figures=_figures(data, guesses, counts, curves, side),
        exports=[_export(model, data, side)],
        data=data.describe() | {"side": side},
        baselines=[Baseline("test_mean_iou", mean_ratio(constant), f"{classes[most]!r} everywhere")],
        tables=[iou_table(counts, contours, constant, pixels, classes)],
    )


def seen_by(
    data: SegmentationSet, part: str, side: int, rows: Iterable[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Photos of a part and their masks as the model sees them.

    Args:
        data: Photos with masks.
        part: "train", "validation" or "test".
        side: Height and width in pixels.
        rows: Which of them, at least one.

    Returns:
        `(n, side, side, 3)` and `(n, side, side)` uint8.
    """
    size = (side, side)
    pairs = [
        (
            paired.stretch(data.images[part][row], size),
            paired.stretch(data.masks[part][row], size, is_mask=True),
        )
        for row in rows
    ]
    images, masks = zip(*pairs, strict=True)
    return np.stack(images), np.stack(masks)


def guess(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """The most probable class of each pixel.

    Args:
        model: A segmenter.
        images: `(n, side, side, 3)` uint8.

    Returns:
        `(n, side, side)` uint8.
    """
    batches = (images[start : start + AT_ONCE] for start in range(0, len(images), AT_ONCE))
    return np.concatenate(
        [
            np.argmax(model.predict_on_batch(batch)["probabilities"], axis=-1).astype(np.uint8)
            for batch in batches
        ]
    )


def _answers(
    model: keras.Model, data: SegmentationSet, side: int, work: Path
) -> tuple[RowFile, np.ndarray, np.ndarray]:
    """What the model says of the test photos, kept on disk, and the counts of its IoU and boundary IoU."""
    guesses = RowFile.temporary((len(data.images["test"]), side, side), np.uint8, work)
    counts, contours = [], []
    for rows in _in_groups(len(guesses)):
        images, masks = seen_by(data, "test", side, rows)
        answers = guess(model, images)
        guesses.write(rows[0], answers)
        counts.append(iou_counts(answers, masks, len(data.classes)))
        contours.append(boundary_counts(answers, masks, len(data.classes)))
    return guesses, np.concatenate(counts), np.concatenate(contours)


def _in_groups(count: int) -> Iterator[range]:
    return (range(start, min(start + AT_ONCE, count)) for start in range(0, count, AT_ONCE))


def _mean_or_nan(counts: np.ndarray) -> float:
    return mean_ratio(counts) if counts[:, 1].any() else np.nan


def _export(model: keras.Model, data: SegmentationSet, side: int) -> Export:
    """The model with the test photos that its files are proven on: as many as their answers leave room for."""
    num_classes = len(data.classes)
    count = min(len(data.images["test"]), max(1, MOST_BYTES // (side * side * num_classes * 4)))
    name = "test_mean_iou" + (f"_of_{count}_photos" if count < len(data.images["test"]) else "")
    images, masks = seen_by(data, "test", side, range(count))
    calibration, _ = seen_by(data, "train", side, calibration_rows(len(data.images["train"])))

    def metric(outputs: Any, targets: np.ndarray) -> float:
        return mean_iou(np.argmax(outputs["probabilities"], axis=-1), targets, num_classes)

    return Export(
        model,
        inputs=images,
        calibration=calibration,
        targets=masks,
        metric=Metric(name, metric, tolerance=TOLERANCE),
        labels=data.classes,
        task=Task.SEGMENTER,
    )


def _figures(
    data: SegmentationSet, guesses: RowFile, counts: np.ndarray, curves: dict[str, list[float]], side: int
) -> dict[str, Any]:
    """The photos that the model is most wrong about, the others beside them, and the course of training."""
    worst = worst_first(counts)
    photos = [("most_wrong", worst[:WORST_SHOWN], "Most wrong")]
    if len(worst) > WORST_SHOWN:
        ordinary = worst[np.unique(np.linspace(0, len(worst) - 1, WORST_SHOWN, dtype=int))]
        photos.append(("masks", ordinary, "From the worst to the best"))
    figures = {name: _drawn(data, guesses, counts, rows, side, title) for name, rows, title in photos}
    ious = {"validation": curves["validation_mean_iou"]}
    figures["learning_curve"] = plots.learning_curves(
        ious, ylabel="mean IoU", title="Training", first_epoch=0
    )
    return figures


def _drawn(
    data: SegmentationSet, guesses: RowFile, counts: np.ndarray, rows: Sequence[int], side: int, title: str
) -> Any:
    images, masks = seen_by(data, "test", side, rows)
    captions = [f"mean IoU {_mean_or_nan(counts[[row]]):.2f}" for row in rows]
    title = f"{title} of {len(counts)} test photos"
    return masks_over_photos(images, masks, guesses[np.asarray(rows)], data.classes, captions, title)
