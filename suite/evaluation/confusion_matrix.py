"""The figure of a confusion matrix, legible with 3 classes and with 1000."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from suite.evaluation.plots import INK, STYLE, new_figure

_LONGEST_NAME = 24  # characters of a class name on an axis
_COUNTED_CLASSES = 20  # up to here, a cell of the confusion matrix has room for its count
_LABELED_CLASSES = 120  # up to here, an axis has room for every name


def confusion_matrix(matrix: np.ndarray, labels: Sequence[str]) -> Figure:
    """Draws how often each class was taken for each: color by row, counts in the cells up to 20 classes.

    Args:
        matrix: `(K, K)` int, one row a true class and one column a predicted one.
        labels: K class names.

    Returns:
        The figure. Its colors follow the square root of the share of a row, so that rare confusions show.

    Raises:
        ValueError: The matrix is not square, or not as large as there are names.
    """
    matrix, count = np.asarray(matrix), len(labels)
    if not count or matrix.shape != (count, count):
        raise ValueError(
            f"expected one row and one column per class name, received {matrix.shape} and {count} names"
        )
    side = 1.2 + 0.42 * count if count <= _COUNTED_CLASSES else min(max(5.0, 0.15 * count), 15.0)
    margin = 0.075 * max(map(len, map(_shortened, labels)))  # inches for the names
    figure, axes = new_figure("Confusion matrix", side + margin + 1.3, side + margin + 0.8)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, 0, 1))
    _add_scale(figure, axes, image)
    axes.set(xlabel="predicted", ylabel="true")
    axes.spines[:].set_visible(False)
    axes.grid(False)
    _name_cells(axes, labels)
    if count <= _COUNTED_CLASSES:
        _write_counts(axes, matrix, image.norm(shares))
    return figure


def _add_scale(figure: Figure, axes: Axes, image: AxesImage) -> None:
    with matplotlib.rc_context(STYLE):
        bar = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02, aspect=30, ticks=(0, 0.1, 0.5, 1))
        bar.set_label("share of the true class")
    bar.outline.set_visible(False)  # type: ignore[operator]  # Matplotlib 3.10


def _name_cells(axes: Axes, labels: Sequence[str]) -> None:
    """Writes the class names along both axes, upright ones below where they would touch each other."""
    step = math.ceil(len(labels) / _LABELED_CLASSES)
    positions = range(0, len(labels), step)
    names = [_shortened(labels[index]) for index in positions]
    is_crowded = len(labels) > _COUNTED_CLASSES
    # Names come from users, and a "$" in one is no formula.
    style: dict[str, Any] = {"fontsize": 8 if is_crowded else 9, "parse_math": False}
    axes.set_yticks(positions, names, **style)
    if is_crowded:
        style |= {"rotation": 90}
    elif max(map(len, names)) > 5:
        style |= {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(positions, names, **style)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _write_counts(axes: Axes, matrix: np.ndarray, darkness: np.ndarray) -> None:
    for (row, column), count in np.ndenumerate(matrix):
        color = "white" if darkness[row, column] > 0.6 else INK if count else "#9AA4B0"
        axes.text(column, row, f"{count}", ha="center", va="center", color=color, fontsize=9)
