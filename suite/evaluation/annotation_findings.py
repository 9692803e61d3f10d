"""What is wrong with the boxes or masks of photos, as a careful colleague would say it."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from suite.data.set_aside import SetAside, counted
from suite.evaluation.detection import box_iou
from suite.evaluation.findings import BoxedPhoto, Finding, Item, MaskedPhoto
from suite.evaluation.thing_sizes import pixels_of, sizes_of_boxes, sizes_of_masks, small_things

FEW, FEW_PHOTOS = 20, 5  # boxes of a class; photos with pixels of it
TIMES = 20  # of the most frequent class, against which another one is rare
DOUBLE = 0.9  # intersection over union of two boxes of one thing
_RARE_PIXELS = 0.005  # share of the pixels


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
        small_things(sizes_of_boxes(photos, classes)),
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
        small_things(sizes_of_masks(photos, classes)),
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
        f"{counted(len(items), 'photo')} with a box that reaches out of the picture",
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
            says = f"{counted(len(pairs), 'pair')} of boxes at one place, of {' and '.join(map(repr, names))}"
            items.append((len(pairs), Item(says, (photo.file,))))
    items.sort(key=lambda pair: -pair[0])
    return Finding(
        "doubled boxes",
        f"{counted(len(items), 'photo')} with two boxes around one thing",
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
        tuple(Item(f"{counted(count, noun, plural)} of {name!r}", ()) for count, name in few),
    )


def _unbalanced(counts: Counter[int], classes: Sequence[str]) -> Finding:
    most = max(counts, key=lambda label: counts[label], default=0)
    rare = sorted(
        (counts[label], label) for label in range(len(classes)) if TIMES * counts[label] < counts[most]
    )
    return Finding(
        "imbalance",
        f"{counted(len(rare), 'class')} with less than a {TIMES}th of the boxes of "
        f"{classes[most]!r}, {counted(counts[most], 'box')}",
        "a model that hardly ever says them is right nearly everywhere, and an average over classes falls",
        "annotate more of them, or merge classes",
        tuple(Item(f"{counted(count, 'box')} of {classes[label]!r}", ()) for count, label in rare),
    )


def _unused(names: Iterable[str], noun: str) -> Finding:
    items = tuple(Item(repr(name), ()) for name in names)
    return Finding(
        "unused classes",
        f"{counted(len(items), 'class')} named without a {noun}",
        "there is nothing to learn of them; they are no classes of a model",
        "delete their names, or annotate some",
        items,
    )


def _without_area(photos: Sequence[BoxedPhoto]) -> Finding:
    of = [photo for photo in photos if photo.without_area]
    return Finding(
        "no area",
        f"{counted(sum(photo.without_area for photo in of), 'box')} of no area",
        "a click that was meant as none, or a thing that lost its box: they are left out",
        "delete them, or draw the box",
        tuple(Item(counted(photo.without_area, "box"), (photo.file,)) for photo in of),
    )


def _without_boxes(photos: Sequence[BoxedPhoto]) -> Finding:
    of = [photo.file for photo in photos if not len(photo.boxes)]
    items = tuple(Item("no box", (file,)) for file in of)
    return Finding(
        "empty",
        f"{counted(len(of), 'photo')} of {len(photos):,} without a box",
        "they teach what is no thing, which helps where it is so; a forgotten thing teaches the opposite",
        "look through them: annotate what was forgotten",
        items,
    )


def _rare_pixels(photos: Sequence[MaskedPhoto], classes: Sequence[str]) -> Finding:
    pixels = pixels_of(photos)[: len(classes)]
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
        f"{counted(len(items), 'photo')} of {len(photos):,} whose mask has one class",
        "they teach what is no thing, which helps where it is so; a forgotten thing teaches the opposite",
        "look through them: draw what was forgotten",
        tuple(items),
    )


def _assumed(notes: Sequence[str]) -> Finding:
    return Finding(
        "assumed",
        f"{counted(len(notes), 'thing')} assumed of the masks",
        "a wrong reading of the masks is learned as it is",
        "name the classes and colors in classes.txt where this is not so",
        tuple(Item(note, ()) for note in notes),
    )
