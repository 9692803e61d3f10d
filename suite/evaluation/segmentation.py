"""How well maps of pixel classes fit: mean IoU and boundary IoU. Sums over all images, then one division."""

import math

import numpy as np

from suite.data.sets.segmentation_sets import IGNORED  # 255: a target pixel of no class counts for nothing

_BOUNDARY_SHARE = 0.02  # of the image's diagonal


def mean_iou(predictions: np.ndarray, targets: np.ndarray, num_classes: int) -> float:
    """Gives the mean over the classes of intersection over union, each summed over all images.

    Args:
        predictions: `(n, height, width)` int in [0, num_classes).
        targets: `(n, height, width)` int in [0, num_classes), or `IGNORED`.
        num_classes: At most 255.

    Returns:
        A number in [0, 1]. A class that is neither predicted nor there is left out.

    Raises:
        ValueError: The shapes differ, a label is out of range, or every pixel is ignored.
    """
    return _mean(class_iou(predictions, targets, num_classes))


def class_iou(predictions: np.ndarray, targets: np.ndarray, num_classes: int) -> np.ndarray:
    """Gives the intersection over union of each class.

    Args:
        predictions: As for `mean_iou`.
        targets: As for `mean_iou`.
        num_classes: As for `mean_iou`.

    Returns:
        `(num_classes,)` float64 in [0, 1]; NaN for a class that is neither predicted nor there.

    Raises:
        ValueError: The shapes differ, or a label is out of range.
    """
    return ratios(iou_counts(predictions, targets, num_classes).sum(axis=0))


def iou_counts(predictions: np.ndarray, targets: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts the pixels of each image that its IoU is made of: what may be added up, or drawn again.

    Args:
        predictions: As for `mean_iou`.
        targets: As for `mean_iou`.
        num_classes: As for `mean_iou`.

    Returns:
        `(n, 2, num_classes)` int64: pixels of a class in both, and in either.

    Raises:
        ValueError: The shapes differ, or a label is out of range.
    """
    return _counts(*_without_ignored(predictions, targets, num_classes), num_classes)


def ratios(counts: np.ndarray) -> np.ndarray:
    """Intersection over union by class.

    Args:
        counts: `(2, num_classes)`, one of those that `iou_counts` gives, or a sum of them.

    Returns:
        `(num_classes,)` float64 in [0, 1]; NaN for a class that is neither predicted nor there.
    """
    return np.divide(counts[0], counts[1], out=np.full(counts.shape[1], np.nan), where=counts[1] > 0)


def mean_ratio(counts: np.ndarray) -> float:
    """The mean IoU of images.

    Args:
        counts: `(n, 2, num_classes)`, as `iou_counts` or `boundary_counts` gives them.

    Returns:
        A number in [0, 1]. A class that is neither predicted nor there is left out.

    Raises:
        ValueError: Every pixel is ignored.
    """
    return _mean(ratios(np.sum(counts, axis=0)))


def boundary_iou(
    predictions: np.ndarray, targets: np.ndarray, num_classes: int, distance: int | None = None
) -> float:
    """Gives the mean IoU of the pixels along the contours, where `mean_iou` hardly sees a difference.

    Of the mask of each class in prediction and target, only the pixels count that have a pixel outside the
    mask within `distance`, rows or columns whichever differ more, as the authors' code erodes with a 3 x 3
    square. As there, everything beyond the border of the image is outside the mask, so a mask cut by the
    border has a contour along it. Ignored pixels are outside every mask too, in prediction and target. Where
    the authors score instances one by one, intersections and unions are here summed over all images for each
    class, then divided, then averaged over the classes, as for `mean_iou`.

    Args:
        predictions: As for `mean_iou`.
        targets: As for `mean_iou`.
        num_classes: As for `mean_iou`.
        distance: In pixels, at least 1. None: 2 % of the image's diagonal, rounded, as in the paper.

    Returns:
        A number in [0, 1]. A class that is neither predicted nor there is left out.

    Raises:
        ValueError: As for `mean_iou`, or a distance below 1.

    Reference:
        Cheng, Girshick, Dollár, Berg, Kirillov (2021), Boundary IoU: Improving Object-Centric Image
        Segmentation Evaluation.
    """
    return mean_ratio(boundary_counts(predictions, targets, num_classes, distance))


def boundary_counts(
    predictions: np.ndarray, targets: np.ndarray, num_classes: int, distance: int | None = None
) -> np.ndarray:
    """Counts the pixels of each image that its boundary IoU is made of.

    Args:
        predictions: As for `mean_iou`.
        targets: As for `mean_iou`.
        num_classes: As for `mean_iou`.
        distance: As for `boundary_iou`.

    Returns:
        `(n, 2, num_classes)` int64: pixels along the contours of a class in both, and in either.

    Raises:
        ValueError: As for `boundary_iou`, but that pixels may all be ignored.
    """
    predictions, targets = _without_ignored(predictions, targets, num_classes)
    if distance is None:
        distance = max(1, round(_BOUNDARY_SHARE * math.hypot(*targets.shape[1:])))
    if distance < 1:
        raise ValueError(f"expected a distance of at least 1 pixel, received {distance}")
    predictions = _along_contours(predictions, distance, outside=num_classes)
    targets = _along_contours(targets, distance, outside=num_classes)
    return _counts(predictions, targets, num_classes)


def _without_ignored(
    predictions: np.ndarray, targets: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Both as int16, with `num_classes` (no class) for the ignored pixels."""
    predictions, targets = np.asarray(predictions), np.asarray(targets)
    _check(predictions, targets, num_classes)
    is_ignored = targets == IGNORED
    predictions, targets = (
        np.where(is_ignored, np.int16(num_classes), a.astype(np.int16)) for a in (predictions, targets)
    )
    return predictions, targets


def _check(predictions: np.ndarray, targets: np.ndarray, num_classes: int) -> None:
    if predictions.ndim != 3 or predictions.shape != targets.shape:
        raise ValueError(
            "expected predictions and targets of one shape (n, height, width), received "
            f"{predictions.shape} and {targets.shape}"
        )
    if not 1 <= num_classes <= IGNORED:
        raise ValueError(f"expected 1 to {IGNORED} classes, received {num_classes}")
    for name, labels in (("predictions", predictions), ("targets", targets[targets != IGNORED])):
        if labels.dtype.kind not in "iub":
            raise ValueError(
                f"expected {name} of class indices, received {labels.dtype}; take the argmax first"
            )
        if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
            raise ValueError(
                f"expected {name} in [0, {num_classes}), received {labels.min()} to {labels.max()}; "
                f"mark target pixels of no class by {IGNORED}"
            )


def _counts(predictions: np.ndarray, targets: np.ndarray, num_classes: int) -> np.ndarray:
    """Pixels of each image and class in both, and in either; pixels labeled `num_classes` are in no mask."""
    found = np.empty((len(targets), 2, num_classes), np.int64)
    for row, guess, truth in zip(found, predictions, targets, strict=True):
        row[0] = _occurrences(truth[guess == truth], num_classes)
        row[1] = _occurrences(guess, num_classes) + _occurrences(truth, num_classes) - row[0]
    return found


def _occurrences(labels: np.ndarray, num_classes: int) -> np.ndarray:
    return np.bincount(labels.ravel(), minlength=num_classes + 1)[:num_classes]


def _along_contours(labels: np.ndarray, distance: int, outside: int) -> np.ndarray:
    """Keeps the labels of pixels with another label in the square around them, the others become `outside`.

    One pass serves all classes: a pixel is inside its mask where least and largest label around it are equal.
    """
    least, largest = (_spread(labels, distance, outside, ufunc) for ufunc in (np.minimum, np.maximum))
    return np.where(least == largest, np.int16(outside), labels)


def _spread(labels: np.ndarray, distance: int, outside: int, ufunc: np.ufunc) -> np.ndarray:
    """Least or largest label within `distance` rows and columns, with `outside` beyond the border."""
    for axis in (1, 2):
        side = labels.shape[axis]
        widths = [(distance, distance) if i == axis else (0, 0) for i in range(3)]
        padded = np.pad(labels, widths, constant_values=outside)
        shifted = (padded.take(range(k, k + side), axis=axis) for k in range(2 * distance + 1))
        labels = next(shifted)
        for other in shifted:
            ufunc(labels, other, out=labels)
    return labels


def _mean(values: np.ndarray) -> float:
    if np.isnan(values).all():
        raise ValueError("expected at least one pixel that is not ignored, received none")
    return float(np.nanmean(values))
