"""How large the things in photos are to a model: their shorter sides at the size of its input."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from suite.data.set_aside import counted
from suite.evaluation.findings import BoxedPhoto, Finding, Item, MaskedPhoto

SIDE = 320  # pixels of a model's input, at which sizes are told
SMALL, TINY = 16, 8  # pixels on the shorter side of a thing
_MANY = 0.05  # share of things that may be small without being told


class Sizes(NamedTuple):
    """Things of a class.

    Attributes:
        name: Of the class.
        things: How many there are.
        small: How many are below `SMALL` pixels.
        tiny: How many are below `TINY` pixels.
        files: The photos with small ones, those with most first.
    """

    name: str
    things: int
    small: int
    tiny: int
    files: tuple[str, ...]


def sizes_of_boxes(photos: Sequence[BoxedPhoto], classes: Sequence[str]) -> list[Sizes]:
    """The sizes of the boxes of each class."""
    sizes = []
    for label, name in enumerate(classes):
        sides = [(photo.file, _sides(photo.boxes[photo.labels == label])) for photo in photos]
        sizes.append(_sizes(name, sides))
    return sizes


def _sides(boxes: np.ndarray) -> np.ndarray:
    """The shorter sides of boxes in pixels of a model's input."""
    shorter: np.ndarray = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) * SIDE
    return shorter


def sizes_of_masks(photos: Sequence[MaskedPhoto], classes: Sequence[str]) -> list[Sizes]:
    """Connected regions of each class but the one with most pixels."""
    pixels = pixels_of(photos)
    sizes = []
    for label, name in enumerate(classes):
        if label != int(np.argmax(pixels[: len(classes)])):
            sizes.append(_sizes(name, [(photo.file, _regions(photo.mask == label)) for photo in photos]))
    return sizes


def pixels_of(photos: Sequence[MaskedPhoto]) -> np.ndarray:
    """`(256,)`, the pixels of each value."""
    counts = [np.bincount(photo.mask.ravel(), minlength=256) for photo in photos]
    return np.array(counts, np.int64).reshape(-1, 256).sum(axis=0)


def _regions(is_of_class: np.ndarray) -> np.ndarray:
    places = ndimage.find_objects(ndimage.label(is_of_class)[0])
    return np.array([min(piece.stop - piece.start for piece in place) for place in places], float)


def _sizes(name: str, sides: Sequence[tuple[str, np.ndarray]]) -> Sizes:
    all_sides = np.concatenate([each for _, each in sides]) if sides else np.zeros(0)
    files = sorted(sides, key=lambda pair: -int((pair[1] < SMALL).sum()))
    small = tuple(file for file, each in files if (each < SMALL).any())
    return Sizes(name, len(all_sides), int((all_sides < SMALL).sum()), int((all_sides < TINY).sum()), small)


def small_things(sizes: Sequence[Sizes]) -> Finding:
    """The classes of which more than a twentieth of the things is small."""
    told = [each for each in sizes if each.things and each.small > _MANY * each.things]
    told.sort(key=lambda each: -each.small / each.things)
    items = [
        Item(
            f"{each.name!r}: {each.small:,} of {each.things:,} less than {SMALL} pixels on a side, "
            f"{each.tiny:,} less than {TINY}",
            each.files[:3],
        )
        for each in told
    ]
    return Finding(
        "small things",
        f"{counted(len(items), 'class')} with small things, at an input of {SIDE} x {SIDE} pixels",
        f"a model sees little of a thing below {SMALL} pixels, and next to nothing below {TINY}",
        "go nearer, cut photos into tiles, or train with a larger --side",
        tuple(items),
    )
