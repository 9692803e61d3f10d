"""What is wrong with the boxes or masks of photos, as a careful colleague would say it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from suite.data.set_aside import SetAside
from suite.evaluation.detection import box_iou
from suite.evaluation.findings import Finding, Item

SIDE = 320  # pixels of a model's input, at which sizes are told
SMALL, TINY = 16, 8  # pixels on the shorter side of a thing
FEW, FEW_PHOTOS = 20, 5  # boxes of a class; photos with pixels of it
TIMES = 20  # of the most frequent class, against which another one is rare
DOUBLE = 0.9  # intersection over union of two boxes of one thing
_MANY = 0.05  # share of things that may be small without being told
_RARE_PIXELS = 0.005  # share of the pixels


class BoxedPhoto(NamedTuple):
    """A photo with its boxes.

    Attributes:
        file: Its path below the folder.
        part: "train", "validation" or "test".
        boxes: `(m, 4)` of (top, left, bottom, right) in [0, 1].
        labels: `(m,)` integers.
        without_area: How many boxes of no area were left out.
    """

    file: str
    part: str
    boxes: np.ndarray
    labels: np.ndarray
    without_area: int


class MaskedPhoto(NamedTuple):
    """A photo with its mask.

    Attributes:
        file: Its path below the folder.
        part: "train", "validation" or "test".
        mask: `(height, width)` integers, 255 for pixels of no class; at the size of a model's input.
    """

    file: str
    part: str
    mask: np.ndarray


def find_box_faults(
    photos: Sequence[BoxedPhoto], classes: Sequence[str], unused: Sequence[str], aside: Sequence[SetAside]
) -> list[Finding]:
    """Finds what is wrong with boxes, the most serious first.

    Args:
        photos: Sound ones.
        classes: Names by label.
        unused: Names of classes without a box.
        aside: What was set aside; only boxes that reach out of their photos are told here.
    """
    counts = Counter(int(label) for photo in photos if photo.part == "train" for label in photo.labels)
    found = [
        _outside(aside),
        _doubled(photos, classes),
        _few(counts, classes, FEW, "box", "boxes"),
        _unbalanced(counts, classes),
        _unused(unused, "box"),
        _without_area(photos),
        _small(_of_boxes(photos, classes)),
        _without_boxes(photos),
    ]
    return [finding for finding in found if finding.items]


def find_mask_faults(
    photos: Sequence[MaskedPhoto], classes: Sequence[str], notes: Sequence[str]
) -> list[Finding]:
    """Finds what is wrong with masks, the most serious first.

    Args:
        photos: Sound ones.
        classes: Names by label.
        notes: What was assumed of the masks, a sentence each.
    """
    of_train = [photo.mask for photo in photos if photo.part == "train"]
    present = Counter(int(label) for mask in of_train for label in np.unique(mask))
    found = [
        _few(present, classes, FEW_PHOTOS, "photo", "photos"),
        _rare_pixels(photos, classes),
        _small(_of_masks(photos, classes)),
        _one_class(photos, classes),
        _assumed(notes),
    ]
    return [finding for finding in found if finding.items]


def is_outside(entry: SetAside) -> bool:
    """Whether a photo was set aside for a box that reaches out of it."""
    return "reaches out of the image" in entry.reason


def _outside(aside: Sequence[SetAside]) -> Finding:
    items = tuple(Item(entry.reason, (entry.file,)) for entry in aside if is_outside(entry))
    return Finding(
        "boxes outside",
        f"{_count(len(items), 'photo')} with a box that reaches out of the picture",
        "the boxes may be those of another picture or another size; these photos are left out",
        "look whether the annotations belong to these files, as they are now, and draw the boxes again",
        items,
    )


def _doubled(photos: Sequence[BoxedPhoto], classes: Sequence[str]) -> Finding:
    items = []
    for photo in photos:
        overlap = np.triu(box_iou(photo.boxes, photo.boxes), 1)
        pairs = np.argwhere(overlap >= DOUBLE)
        if len(pairs):
            names = sorted({classes[photo.labels[row]] for pair in pairs for row in pair})
            says = f"{_count(len(pairs), 'pair')} of boxes at one place, of {' and '.join(map(repr, names))}"
            items.append((len(pairs), Item(says, (photo.file,))))
    items.sort(key=lambda pair: -pair[0])
    return Finding(
        "doubled boxes",
        f"{_count(len(items), 'photo')} with two boxes around one thing",
        "a detector is to give one box a thing: the second counts as missed, or as of a wrong class",
        "delete one of the two, or keep the right class",
        tuple(item for _, item in items),
    )


def _few(counts: Counter[int], classes: Sequence[str], least: int, noun: str, plural: str) -> Finding:
    few = sorted((counts[label], name) for label, name in enumerate(classes) if counts[label] < least)
    return Finding(
        "too few",
        f"{len(few)} of {len(classes)} classes with fewer than {least} {plural} to train on",
        "a model learns those few by heart, or not at all",
        "annotate more of them: other days, places, things",
        tuple(Item(f"{_count(count, noun, plural)} of {name!r}", ()) for count, name in few),
    )


def _unbalanced(counts: Counter[int], classes: Sequence[str]) -> Finding:
    most = max(counts, key=lambda label: counts[label], default=0)
    rare = sorted(
        (counts[label], label) for label in range(len(classes)) if TIMES * counts[label] < counts[most]
    )
    return Finding(
        "imbalance",
        f"{_count(len(rare), 'class', 'classes')} with less than a {TIMES}th of the boxes of "
        f"{classes[most]!r}, {_count(counts[most], 'box', 'boxes')}",
        "a model that hardly ever says them is right nearly everywhere, and an average over classes falls",
        "annotate more of them, or merge classes",
        tuple(Item(f"{_count(count, 'box', 'boxes')} of {classes[label]!r}", ()) for count, label in rare),
    )


def _unused(names: Iterable[str], noun: str) -> Finding:
    items = tuple(Item(repr(name), ()) for name in names)
    return Finding(
        "unused classes",
        f"{_count(len(items), 'class', 'classes')} named without a {noun}",
        "there is nothing to learn of them; they are no classes of a model",
        "delete their names, or annotate some",
        items,
    )


def _without_area(photos: Sequence[BoxedPhoto]) -> Finding:
    of = [photo for photo in photos if photo.without_area]
    return Finding(
        "no area",
        f"{_count(sum(photo.without_area for photo in of), 'box', 'boxes')} of no area",
        "a click that was meant as none, or a thing that lost its box: they are left out",
        "delete them, or draw the box",
        tuple(Item(_count(photo.without_area, "box", "boxes"), (photo.file,)) for photo in of),
    )


def _without_boxes(photos: Sequence[BoxedPhoto]) -> Finding:
    of = [photo.file for photo in photos if not len(photo.boxes)]
    items = tuple(Item("no box", (file,)) for file in of)
    return Finding(
        "empty",
        f"{_count(len(of), 'photo')} of {len(photos):,} without a box",
        "they teach what is no thing, which helps where it is so; a forgotten thing teaches the opposite",
        "look through them: annotate what was forgotten",
        items,
    )


class _Sizes(NamedTuple):
    """Things of a class: how many there are, how many are small, and photos with small ones."""

    name: str
    things: int
    small: int
    tiny: int
    files: tuple[str, ...]


def _of_boxes(photos: Sequence[BoxedPhoto], classes: Sequence[str]) -> list[_Sizes]:
    sizes = []
    for label, name in enumerate(classes):
        sides = [(photo.file, _sides(photo.boxes[photo.labels == label])) for photo in photos]
        sizes.append(_sizes(name, sides))
    return sizes


def _sides(boxes: np.ndarray) -> np.ndarray:
    """The shorter sides of boxes in pixels of a model's input."""
    shorter: np.ndarray = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) * SIDE
    return shorter


def _of_masks(photos: Sequence[MaskedPhoto], classes: Sequence[str]) -> list[_Sizes]:
    """Connected regions of each class but the one with most pixels."""
    pixels = _pixels(photos)
    sizes = []
    for label, name in enumerate(classes):
        if label != int(np.argmax(pixels[: len(classes)])):
            sizes.append(_sizes(name, [(photo.file, _regions(photo.mask == label)) for photo in photos]))
    return sizes


def _pixels(photos: Sequence[MaskedPhoto]) -> np.ndarray:
    """`(256,)`, the pixels of each value."""
    counts = [np.bincount(photo.mask.ravel(), minlength=256) for photo in photos]
    return np.array(counts, np.int64).reshape(-1, 256).sum(axis=0)


def _regions(is_of_class: np.ndarray) -> np.ndarray:
    places = ndimage.find_objects(ndimage.label(is_of_class)[0])
    return np.array([min(piece.stop - piece.start for piece in place) for place in places], float)


def _sizes(name: str, sides: Sequence[tuple[str, np.ndarray]]) -> _Sizes:
    all_sides = np.concatenate([each for _, each in sides]) if sides else np.zeros(0)
    files = sorted(sides, key=lambda pair: -int((pair[1] < SMALL).sum()))
    small = tuple(file for file, each in files if (each < SMALL).any())
    return _Sizes(name, len(all_sides), int((all_sides < SMALL).sum()), int((all_sides < TINY).sum()), small)


def _small(sizes: Sequence[_Sizes]) -> Finding:
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
        f"{_count(len(items), 'class', 'classes')} with small things, at an input of {SIDE} x {SIDE} pixels",
        f"a model sees little of a thing below {SMALL} pixels, and next to nothing below {TINY}",
        "go nearer, cut photos into tiles, or train with a larger --side",
        tuple(items),
    )


def _rare_pixels(photos: Sequence[MaskedPhoto], classes: Sequence[str]) -> Finding:
    pixels = _pixels(photos)[: len(classes)]
    shares = pixels / max(1, pixels.sum())
    rare = sorted((share, name) for share, name in zip(shares, classes, strict=True) if share < _RARE_PIXELS)
    return Finding(
        "rare pixels",
        f"{len(rare)} of {len(classes)} classes with less than {_RARE_PIXELS:.1%} of the pixels",
        "a model that never says them is right nearly everywhere, and the mean over classes falls",
        "annotate more photos with them, or merge classes",
        tuple(Item(f"{name!r}: {share:.2%} of the pixels", ()) for share, name in rare),
    )


def _one_class(photos: Sequence[MaskedPhoto], classes: Sequence[str]) -> Finding:
    items = []
    for photo in photos:
        labels = [int(label) for label in np.unique(photo.mask) if label < len(classes)]
        if len(labels) == 1:
            items.append(Item(f"{classes[labels[0]]!r} alone", (photo.file,)))
    return Finding(
        "empty",
        f"{_count(len(items), 'photo')} of {len(photos):,} whose mask has one class",
        "they teach what is no thing, which helps where it is so; a forgotten thing teaches the opposite",
        "look through them: draw what was forgotten",
        tuple(items),
    )


def _assumed(notes: Sequence[str]) -> Finding:
    return Finding(
        "assumed",
        f"{_count(len(notes), 'thing')} assumed of the masks",
        "a wrong reading of the masks is learned as it is",
        "name the classes and colors in classes.txt where this is not so",
        tuple(Item(note, ()) for note in notes),
    )


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
