"""What pictures and their masks say of how to train on them: have they an up, how thin are the things."""

from collections.abc import Iterable

import numpy as np

_SURE = 3.5  # standard errors that a difference is from 0
_LEAST = 0.02  # of the range: what differs by less looks the same


def have_up(pictures: Iterable[tuple[np.ndarray, np.ndarray]], num_classes: int) -> bool:
    """Tells whether the upper halves of pictures differ from the lower ones, all in the same way.

    Only of pictures without an up is a turned copy one more picture of the same kind. Under a sky there are
    light and other things than on the ground; a tissue under a microscope looks alike whichever way the slide
    lies. What is compared are the means of the colors and the shares of the classes.

    Args:
        pictures: Pairs of `(height, width, 3)` uint8 and its mask `(height, width)`, class indices or 255.
        num_classes: Number of classes.
    """
    differences = np.array([_difference(*pair, num_classes) for pair in pictures])
    if len(differences) < 2:
        return True
    mean, error = differences.mean(axis=0), differences.std(axis=0, ddof=1) / np.sqrt(len(differences))
    return bool(np.any((np.abs(mean) > _SURE * error) & (np.abs(mean) > _LEAST)))


def _difference(image: np.ndarray, mask: np.ndarray, num_classes: int) -> np.ndarray:
    """Upper half minus lower half: of three colors in [0, 1], and of the share of each class."""
    middle = len(image) // 2
    means = [half.mean(axis=(0, 1)) / 255 for half in (image[:middle], image[middle:])]
    shares = [class_pixels(half, num_classes) / half.size for half in (mask[:middle], mask[middle:])]
    return np.concatenate([means[0] - means[1], shares[0] - shares[1]])


def class_pixels(mask: np.ndarray, num_classes: int) -> np.ndarray:
    """Number of pixels of each class, `(num_classes,)` int64.

    Args:
        mask: Class indices or 255, of any shape.
        num_classes: Number of classes.
    """
    return np.bincount(mask.ravel(), minlength=256)[:num_classes]


def thinnest(masks: Iterable[np.ndarray], num_classes: int) -> float:
    """Mean width in pixels of the class whose regions are the thinnest: of lines, their width.

    It is twice the area by the pixels along the outline, as of a long strip.

    Args:
        masks: Each `(height, width)`, class indices or 255.
        num_classes: Number of classes.
    """
    area, outline = np.zeros(num_classes), np.zeros(num_classes)
    for mask in masks:
        padded = np.pad(mask, 1, mode="edge")
        sides = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
        is_outline = np.any([side != mask for side in sides], axis=0)
        area += class_pixels(mask, num_classes)
        outline += class_pixels(mask[is_outline], num_classes)
    widths = np.divide(2 * area, outline, out=np.full(num_classes, np.inf), where=outline > 0)
    return float(widths.min())
