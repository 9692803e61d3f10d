"""Figures and tables of how well the pixels of photos are told apart."""

import functools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from suite.data.sets.segmentation_sets import IGNORED
from suite.evaluation import plots
from suite.evaluation.drawing import BACKGROUNDS, class_colors, draw_mask
from suite.evaluation.intervals import Interval, bootstrap
from suite.evaluation.segmentation import iou_counts, mean_ratio, ratios
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


def rows_of_masks(images: np.ndarray, masks: np.ndarray, guesses: Mapping[str, np.ndarray]) -> Figure:
    """A column an image: the image, what is true, then what each model says.

    Args:
        images: `(n, height, width, 3)` uint8; the first six are shown.
        masks: `(n, height, width)` uint8; the first class is black, what is 255 white.
        guesses: By name of a model, of the same shape.
    """
    palette = np.full((256, 3), 255, np.uint8)
    palette[:IGNORED] = class_colors(IGNORED)
    palette[0] = 0
    rows = {"image": images[:6], "truth": palette[masks[:6]]}
    rows |= {name: palette[guess[:6]] for name, guess in guesses.items()}
    return plots.image_rows(rows, title="On test images", side=1.3)


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


def iou_numbers(
    counts: np.ndarray, contours: np.ndarray, part: str
) -> tuple[dict[str, float], dict[str, Interval]]:
    """The mean IoU and the boundary IoU of photos, with their intervals by the bootstrap over photos.

    Args:
        counts: `(n, 2, num_classes)`, as `iou_counts` gives them.
        contours: The same along the contours, as `boundary_counts` gives them.
        part: The numbers are named for: "test" of "test_mean_iou".

    Returns:
        Numbers in [0, 1] and intervals by name, "PART_mean_iou" and "PART_boundary_iou".
    """
    of_name = {f"{part}_mean_iou": counts, f"{part}_boundary_iou": contours}
    return {name: mean_ratio(each) for name, each in of_name.items()}, {
        name: bootstrap(functools.partial(mean_of_rows, each), len(each), "photos")
        for name, each in of_name.items()
    }


def mean_of_rows(counts: np.ndarray, rows: np.ndarray) -> float:
    """The mean IoU of some photos.

    Args:
        counts: `(n, 2, num_classes)`, as `iou_counts` gives them.
        rows: Numbers of photos, which may repeat.

    Returns:
        A number in [0, 1]; NaN where all of their pixels are ignored.
    """
    return mean_ratio(counts[rows]) if counts[rows, 1].any() else np.nan


def constant_counts(truths: Iterable[np.ndarray], label: int, num_classes: int) -> np.ndarray:
    """Counts what one class everywhere is right about.

    Args:
        truths: Masks, `(height, width)` int.
        label: The class.
        num_classes: How many there are.

    Returns:
        `(n, 2, num_classes)`, as `iou_counts` gives them.
    """
    return np.concatenate(
        [iou_counts(np.full_like(truth, label)[None], truth[None], num_classes) for truth in truths]
    )


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
