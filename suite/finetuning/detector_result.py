"""What the bundle of a detector shows: numbers with intervals, errors by kind, photos with boxes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from matplotlib.figure import Figure

from suite.data.row_file import RowFile
from suite.data.sets.detection_sets import DetectionSet
from suite.evaluation import plots
from suite.evaluation.baselines import constant_boxes
from suite.evaluation.detection import (
    COCO_THRESHOLDS,
    MatchedDetections,
    Truths,
    mean_average_precision,
)
from suite.evaluation.detection_errors import RIGHT, Judged, judge
from suite.evaluation.detection_figures import CHOSEN, class_table, error_table, map_numbers
from suite.evaluation.metrics import Metric
from suite.evaluation.table import Table
from suite.finetuning.box_settings import sizes_of
from suite.runs.recipe import Export, Result, Task

LOSS = 0.02  # of mAP, that an artifact of a lower precision may cost
SHOWN = 8  # photos in a figure
FEW_BOXES = 12  # in a photo, up to which each is named
RIGHT_COLOR, WRONG_COLOR, MISSED_COLOR = "#00C389", "#FF3B5C", "#FFC400"


class Measured(NamedTuple):
    """A trained detector on its test photos.

    Attributes:
        found: What it gives: "boxes", "scores", "labels".
        truths: What is there.
        metrics: Further numbers by name.
        least: The score from which a detection counts, chosen on validation.
    """

    found: dict[str, np.ndarray]
    truths: Truths
    metrics: Mapping[str, float]
    least: float


def result_of(
    detector: keras.Model,
    data: DetectionSet,
    images: RowFile,
    calibration: np.ndarray,
    measured: Measured,
    curves: Mapping[str, Sequence[float]],
) -> Result:
    """Collects what the bundle of a detector shows.

    Args:
        detector: Gives boxes, scores and labels.
        data: What it was trained on.
        images: The test photos as it takes them.
        calibration: Photos of training as it takes them.
        measured: What it gives for the test photos.
        curves: Of the training.
    """
    found, truths, _, least = measured
    classes = data.classes
    matched = MatchedDetections(found, truths, len(classes))
    precisions = matched.average_precisions()
    known = Truths(data.boxes["train"], data.labels["train"], data.is_crowd["train"])
    baseline, trivial = constant_boxes(known, truths, len(classes), "test_map", COCO_THRESHOLDS)
    judged = judge(found, truths, least)
    photos = len(images)
    numbers, intervals = map_numbers(matched, photos, "test")
    metric = Metric(
        "test_map",
        lambda outputs, targets: mean_average_precision(outputs, targets, len(classes), COCO_THRESHOLDS),
        tolerance=LOSS,
    )
    wrong_first = np.argsort([-each.wrong for each in judged], kind="stable")
    wrong_first = wrong_first[[judged[index].wrong > 0 for index in wrong_first]]
    figures = {
        "boxes": draw_photos("Found on test photos", images, range(photos), judged, truths, classes),
        "learning_curves": plots.learning_curves(
            {name: curves[name] for name in ("validation_map_50", "validation_map")},
            ylabel="mean average precision", title="Training, on validation photos", first_epoch=0,
        ),
    }  # fmt: skip
    if len(wrong_first):
        figures["most_wrong"] = draw_photos("Most wrong", images, wrong_first, judged, truths, classes)
    return Result(
        metrics=numbers | dict(measured.metrics),
        intervals=intervals,
        figures=figures,
        exports=[Export(detector, images, calibration, truths, metric, classes, task=Task.DETECTOR)],
        data=data.describe() | {"score": least},
        baselines=[baseline],
        tables=[
            class_table(precisions, trivial, classes, truths),
            error_table(judged, least, CHOSEN),
            size_table(judged, truths, images.shape[1]),
        ],
    )


def size_table(judged: Sequence[Judged], truths: Truths, side: int) -> Table:
    """How many of the small, middle and large things are found, a third of all each.

    Args:
        judged: A photo each, in the order of the truths.
        truths: Of the test photos.
        side: Pixels of a side of the images that the model takes.
    """
    crowds = truths.is_crowd or [np.zeros(len(each), bool) for each in truths.labels]
    kept = [
        np.asarray(boxes).reshape(-1, 4)[~crowd] for boxes, crowd in zip(truths.boxes, crowds, strict=True)
    ]
    sizes = sizes_of(kept) * side
    is_found = ~np.concatenate([each.missed[~crowd] for each, crowd in zip(judged, crowds, strict=True)])
    rows = []
    for third, part in zip(("small", "middle", "large"), np.array_split(np.argsort(sizes), 3), strict=True):
        if len(part):
            pixels = f"{sizes[part[0]]:.0f} to {sizes[part[-1]]:.0f}"
            rows.append((third, pixels, str(len(part)), f"{is_found[part].mean():.3f}"))
    note = f"Size: the geometric mean of a box's sides in an image of {side} x {side} pixels."
    return Table("Recall by size", ("third", "pixels", "things", "recall"), rows, note)


def draw_photos(
    title: str,
    images: Any,
    chosen: Sequence[int] | np.ndarray,
    judged: Sequence[Judged],
    truths: Truths,
    classes: Sequence[str],
) -> Figure:
    """Draws the outlines of what was found in a few photos, and of what was missed.

    Args:
        title: Of the figure.
        images: `(n, side, side, 3)` uint8.
        chosen: Numbers of photos, of which the first `SHOWN` are drawn.
        judged: A photo each.
        truths: Of all photos.
        classes: Class names by label.
    """
    chosen = list(chosen)[:SHOWN]
    rows = -(-len(chosen) // 4)
    figure, grid = plots.new_figure(
        f"{title}: right green, wrong red, missed yellow and dashed", 12, 3.3 * rows + 0.4, rows, 4
    )
    for cell in np.ravel(grid):
        cell.set_axis_off()
    for cell, index in zip(np.ravel(grid), chosen, strict=False):
        image, each = images[index], judged[index]
        cell.imshow(image)
        is_right = np.array([kind == RIGHT for kind in each.kinds], bool)
        for mask, color in ((is_right, RIGHT_COLOR), (~is_right, WRONG_COLOR)):
            captions = [
                f"{classes[int(label)]} {score:.2f}"
                for label, score in zip(each.labels[mask], each.scores[mask], strict=True)
            ]
            few = captions if len(each.kinds) <= FEW_BOXES else ()
            plots.boxes(cell, each.boxes[mask], image.shape[:2], few, color=color)
        missed = np.asarray(truths.boxes[index]).reshape(-1, 4)[each.missed]
        plots.boxes(cell, missed, image.shape[:2], color=MISSED_COLOR, linestyle="--")
    return figure
