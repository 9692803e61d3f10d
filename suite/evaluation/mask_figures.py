"""Figures and tables of how well the pixels of photos are told apart."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from suite.evaluation import plots
from suite.evaluation.drawing import BACKGROUNDS, class_colors, draw_mask
from suite.evaluation.intervals import bootstrap
from suite.evaluation.segmentation import mean_ratio, ratios
from suite.evaluation.table import Table

_IN_LEGEND = 12


def masks_over_photos(
    photos: np.ndarray,
    truths: np.ndarray,
    guesses: np.ndarray,
    classes: Sequence[str],
    captions: Sequence[str],
    title: str,
) -> Figure:
    """A row a photo: the photo, what is true and what the model says drawn over it.

    Args:
        photos: `(n, height, width, 3)` uint8, at least one.
        truths: `(n, height, width)` int, class indices or 255.
        guesses: `(n, height, width)` int, class indices.
        classes: Their names.
        captions: n short texts.
        title: Of the figure.
    """
    figure, grid = plots.new_figure(title, 8.4, 2.8 * len(photos) + 0.8, len(photos), 3)
    for cells, photo, truth, guess, caption in zip(
        np.reshape(grid, (len(photos), 3)), photos, truths, guesses, captions, strict=True
    ):
        shown = (photo, draw_mask(photo, truth, classes), draw_mask(photo, guess, classes))
        for axes, image, name in zip(cells, shown, (caption, "truth", "model"), strict=True):
            axes.imshow(image)
            axes.set_axis_off()
            axes.set_title(name, fontsize=9, parse_math=False)
    colors = class_colors(len(classes)) / 255
    named = [label for label, name in enumerate(classes) if name.lower() not in BACKGROUNDS][:_IN_LEGEND]
    patches = [Patch(color=colors[label], label=classes[label]) for label in named]
    figure.legend(handles=patches, loc="outside lower center", ncols=min(6, len(patches)), frameon=False)
    return figure


def iou_table(
    counts: np.ndarray, contours: np.ndarray, constant: np.ndarray, pixels: np.ndarray, classes: Sequence[str]
) -> Table:
    """IoU of each class, beside that of the constant answer.

    Args:
        counts: `(n, 2, num_classes)` of the model, as `iou_counts` gives them.
        contours: The same along the contours, as `boundary_counts` gives them.
        constant: `counts` of the answer that is one class everywhere.
        pixels: `(num_classes,)`, how many of each there are in training.
        classes: Their names.
    """
    shares = np.asarray(pixels) / max(1, np.sum(pixels))
    columns = (ratios(each.sum(axis=0)) for each in (counts, constant, contours))
    rows = [
        (name, _number(iou), _interval(counts[..., label : label + 1]), *map(_number, others), f"{share:.2%}")
        for label, (name, iou, *others, share) in enumerate(zip(classes, *columns, shares, strict=True))
    ]
    note = "The interval is drawn again from the photos; along contours counts what is near the outline."
    head = ("class", "IoU", "95 %", "constant answer", "along contours", "share of training pixels")
    return Table("IoU by class", head, rows, note)


def worst_first(counts: np.ndarray) -> np.ndarray:
    """Photos by their own mean IoU, the lowest first.

    Args:
        counts: `(n, 2, num_classes)`, as `iou_counts` gives them.

    Returns:
        `(n,)` indices; a photo whose pixels are all ignored comes last.
    """
    return np.argsort([_own(row) for row in counts], kind="stable")


def _own(row: np.ndarray) -> float:
    return mean_ratio(row[None]) if row[1].any() else np.inf


def _interval(counts: np.ndarray) -> str:
    if not counts[:, 1].any():
        return ""

    def iou(rows: np.ndarray) -> float:
        return float(ratios(counts[rows].sum(axis=0))[0])

    return str(bootstrap(iou, len(counts), "photos"))


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"
