"""Numbers, intervals, figures and tables of how well boxes are found."""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from suite.evaluation import plots
from suite.evaluation.detection import COCO_THRESHOLDS, MatchedDetections, Truths
from suite.evaluation.detection_errors import BAD_BOX, DOUBLE, NOTHING, RIGHT, WRONG_CLASS, Judged
from suite.evaluation.intervals import Interval, bootstrap
from suite.evaluation.table import Table

CHOSEN = "where validation balances wrong and missed best"  # a score


def map_numbers(
    matched: MatchedDetections, photos: int, part: str
) -> tuple[dict[str, float], dict[str, Interval]]:
    """The mAP@.5 and the mAP of photos, with their intervals by the bootstrap over photos.

    Args:
        matched: The detections beside what is true, at `COCO_THRESHOLDS`.
        photos: How many there are.
        part: The numbers are named for: "test" of "test_map".

    Returns:
        Numbers in [0, 1] and intervals by name, "PART_map_50" and "PART_map".
    """
    of_name = {f"{part}_map_50": slice(0, 1), f"{part}_map": slice(None)}
    precisions = matched.average_precisions()
    metrics = {name: _mean(precisions[which]) for name, which in of_name.items()}
    with np.errstate(all="ignore"):
        intervals = {
            name: bootstrap(functools.partial(_mean_of_rows, matched, which), photos, "photos")
            for name, which in of_name.items()
        }
    return metrics, intervals


def _mean_of_rows(matched: MatchedDetections, thresholds: slice, rows: np.ndarray) -> float:
    return _mean(matched.average_precisions(rows)[thresholds])


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def class_table(precisions: np.ndarray, trivial: np.ndarray, classes: Sequence[str], truths: Truths) -> Table:
    """Average precision of each class beside that of the trivial answer.

    Args:
        precisions: `(thresholds, num_classes)` in [0, 1], as `average_precisions` gives them.
        trivial: `(num_classes,)`, means over the thresholds for the trivial answer.
        classes: Class names by label.
        truths: Of the test photos.
    """
    crowds = truths.is_crowd or [np.zeros(len(each), bool) for each in truths.labels]
    counts = Counter(
        int(label) for labels, crowd in zip(truths.labels, crowds, strict=True) for label in labels[~crowd]
    )
    rows = [
        (name, str(counts[label]), *(_said(each) for each in
         (precisions[0, label], precisions[5, label], precisions[:, label].mean(), trivial[label])))
        for label, name in enumerate(classes)
    ]  # fmt: skip
    columns = ("class", "things", "AP@.5", "AP@.75", "AP@[.5:.95]", "trivial AP@[.5:.95]")
    note = "By the rules of COCO. A class without things in these photos has no number."
    return Table("Average precision", columns, rows, note)


def error_table(judged: Sequence[Judged], least: float, why: str) -> Table:
    """How many detections are right, and what is wrong with the others.

    Args:
        judged: A photo each.
        least: The score from which detections were judged.
        why: Why that one, such as `CHOSEN`.
    """
    kinds = Counter(kind for each in judged for kind in each.kinds)
    missed = sum(int(each.missed.sum()) for each in judged)
    meaning = {
        RIGHT: "the class, and an IoU of at least 0.5",
        DOUBLE: "of a thing that a surer detection has found",
        WRONG_CLASS: "on a thing of another class",
        BAD_BOX: "beside a thing of its class, IoU from 0.1 to 0.5",
        NOTHING: "where no such thing is annotated",
    }
    rows = [(kind, str(kinds[kind]), says) for kind, says in meaning.items()]
    rows.append(("missed", str(missed), "things that no detection is right about"))
    note = f"Detections with a score of at least {least:.2f}, {why}."
    return Table("Errors by kind", ("kind", "number", "meaning"), rows, note)


def heat_and_boxes(
    images: np.ndarray,
    heat: np.ndarray,
    every: Mapping[str, np.ndarray],
    kept: Mapping[str, np.ndarray],
    classes: Sequence[str],
    least: float = 0.3,
) -> Figure:
    """A column an image: how sure each cell is of a middle, the boxes of all cells, and those that are kept.

    Args:
        images: `(n, height, width, 3)` uint8; the first six are shown.
        heat: `(n, rows, columns)` in [0, 1].
        every: "boxes" `(n, K, 4)` of (top, left, bottom, right) in [0, 1], "scores" and "labels" `(n, K)`.
        kept: The same, after suppression.
        classes: Class names by label.
        least: The score from which a box is drawn.
    """
    figure, grid = plots.new_figure("Heat, boxes, and what is kept", 11, 5.6, 3, 6)
    for cell in grid.ravel():
        cell.set_axis_off()
    for column, number in zip(grid.T, range(len(images)), strict=False):
        column[0].imshow(heat[number], vmin=0, vmax=1, cmap="magma")
        for cell, found in zip(column[1:], (every, kept), strict=True):
            cell.imshow(images[number])
            sure = found["scores"][number] >= least
            names = [classes[label] for label in found["labels"][number][sure]] if found is kept else ()
            plots.boxes(cell, found["boxes"][number][sure], images.shape[1:3], names)
    return figure


def thresholds(by_suppression: Mapping[float, float], by_iou: Mapping[str, np.ndarray]) -> Figure:
    """The mean average precision by what is suppressed, and by how exact a box has to be.

    Args:
        by_suppression: mAP@.5 in [0, 1] by the IoU above which a box is suppressed.
        by_iou: By name of a detector, the mAP at each of `COCO_THRESHOLDS`.
    """
    figure, panels = plots.new_figure("Two thresholds", 9.6, 3.8, columns=2)
    kept = {"mAP@.5": (list(by_suppression), list(by_suppression.values()), "o-")}
    plots.curves(
        panels[0], kept, xlabel="IoU above which a box is suppressed", ylabel="mAP@.5", ylim=(0, 1.02)
    )
    lines = {name: (COCO_THRESHOLDS, values, "o-") for name, values in by_iou.items()}
    plots.curves(panels[1], lines, xlabel="IoU from which a box is right", ylabel="mAP", ylim=(0, 1.02))
    return figure


def _said(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
