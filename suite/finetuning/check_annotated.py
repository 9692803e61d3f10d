"""What is wrong with photos that have boxes or masks: the part of `suite check` for them."""

import tempfile
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from suite.data.folders import scan
from suite.data.folders.box_files import drop_unused, list_boxes, read_all_boxes
from suite.data.folders.boxes import Boxes
from suite.data.pictures.facts import read_facts
from suite.data.set_aside import SetAside, UnusableError, with_reasons
from suite.data.sets.segmentation_sets import read_segmentation_folder
from suite.data.splits import SPLITS
from suite.evaluation.annotation_findings import find_box_faults, find_mask_faults, is_outside
from suite.evaluation.findings import BoxedPhoto, Finding, MaskedPhoto, Photo
from suite.evaluation.photo_findings import find_file_faults
from suite.evaluation.thing_sizes import SIDE

_UNSEEDED = 0  # parts that the owner did not divide are divided in any way


class Checked(NamedTuple):
    """What was found.

    Attributes:
        photos: How many are sound.
        classes: Names of the classes that they have.
        findings: The most serious first.
        boxes: By file, `(m, 4)`, to be drawn.
    """

    photos: int
    classes: tuple[str, ...]
    findings: tuple[Finding, ...]
    boxes: dict[str, np.ndarray]


def check_boxes(root: Path) -> Checked:
    """Checks photos with boxes, in any form that is read.

    Raises:
        ValueError: As `read_detection_folder`, but for how many there are.
    """
    listing = list_boxes(root)
    classes, _, boxes_of = drop_unused(listing.classes, read_all_boxes(root, listing))
    wrong = [(path, error) for path, error in boxes_of.items() if isinstance(error, UnusableError)]
    aside = [*listing.aside, *(SetAside.below(root, path, error.reason) for path, error in wrong)]
    sound = [(path, part) for path, part in listing.files if not isinstance(boxes_of[path], UnusableError)]
    photos, unreadable = _photos(root, sound)
    aside = sorted([*aside, *unreadable], key=attrgetter("file"))
    boxed = [
        BoxedPhoto(photo.file, photo.part, boxes.boxes, boxes.labels, boxes.without_area)
        for photo in photos
        if isinstance(boxes := boxes_of[root / photo.file], Boxes)
    ]
    if not any(len(photo.boxes) for photo in boxed):
        why = with_reasons(aside)
        raise ValueError(f"expected boxes in the pictures of {str(root)!r}, received none{why}; add some")
    unused = [name for name in listing.classes if name not in classes]
    findings = [
        *find_box_faults(boxed, classes, unused, aside),
        *find_file_faults(photos, [entry for entry in aside if not is_outside(entry)]),
    ]
    return Checked(len(photos), classes, tuple(findings), {photo.file: photo.boxes for photo in boxed})


def check_masks(root: Path) -> Checked:
    """Checks photos with masks.

    Raises:
        ValueError: As `read_segmentation_folder`.
    """
    with tempfile.TemporaryDirectory() as work:
        data = read_segmentation_folder(root, _UNSEEDED, (SIDE, SIDE), work)
        names: dict[str, list[str]] = {part: [] for part in SPLITS}
        for file, part in data.files.items():
            names[part].append(file)
        masked = [
            MaskedPhoto(file, part, data.masks[part][row])
            for part in SPLITS
            for row, file in enumerate(names[part])
        ]
    photos, unreadable = _photos(root, [(root / photo.file, photo.part) for photo in masked])
    findings = [
        *find_mask_faults(masked, data.classes, data.notes),
        *find_file_faults(photos, [*data.quarantined, *unreadable]),
    ]
    return Checked(len(photos), data.classes, tuple(findings), {})


def _photos(root: Path, files: Sequence[tuple[Path, str]]) -> tuple[list[Photo], list[SetAside]]:
    pictures, unreadable = scan.inspect_files(files, root, read_facts, "Measuring pictures")
    return [Photo(each.file, 0, each.part, each.content) for each in pictures], unreadable
