"""A user's folder of pictures: its classes, its splits, and the files that have to be set aside."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from suite.data.folders import class_folders, layout, scan
from suite.data.folders.labeled_split import (
    MINIMUM_SIDE,
    TOO_SMALL,
    LabeledPicture,
    check_fractions,
    separate_strangers,
    split_labeled,
)
from suite.data.folders.labeling import UNSAID, LabeledFiles, Labeling, find_labels
from suite.data.pictures.images import decode, load_image
from suite.data.set_aside import SetAside, UnusableError, with_first


@dataclasses.dataclass(frozen=True)
class ImageFolder:
    """The usable pictures of a folder, in three parts.

    Attributes:
        root: The folder.
        classes: Names of the class folders, in natural order: "room 2" before "room 10".
        splits: For "train", "validation" and "test" (which may be empty), pairs of a path relative to `root`
            with forward slashes and a label, the index in `classes`.
        quarantined: Everything that was set aside; paths as in `splits`.
        notes: What was assumed, a sentence each.
        load: Gives the picture at a path below `root`, as `load_image` does.
    """

    root: Path
    classes: tuple[str, ...]
    splits: dict[str, tuple[tuple[str, int], ...]]
    quarantined: tuple[SetAside, ...]
    notes: tuple[str, ...] = ()
    load: Callable[[str, tuple[int, int]], np.ndarray] = load_image


def read_folder(
    directory: str | os.PathLike[str],
    seed: int = 0,
    fractions: Sequence[float] = (0.7, 0.15, 0.15),
    labeling: Labeling = UNSAID,
) -> ImageFolder:
    """Reads a folder of class folders, or of train, validation and test folders that hold class folders.

    Or one of pictures with a table of their labels, or with classes in their names, as `labeling` says.

    Every file is decoded once. What is not a sound picture of at least 16 x 16 pixels is set aside, and so
    are copies (the same bytes) that would stand on both sides of a split or under two classes. Parts that are
    not given are split off the training pictures, class by class: validation and test, or validation alone
    where a test folder is given. A validation folder without a test folder means no test. Of a class of fewer
    than 5 different pictures one is held out, for validation. Nothing in the folder is changed.

    Args:
        directory: The folder. Class folders may have sub-folders. Validation may be called val or valid, too.
        seed: Seed of the split.
        fractions: Shares of train, validation and test in the split.
        labeling: What says the classes.

    Returns:
        An `ImageFolder`.

    Raises:
        ValueError: There is no such folder, it has fewer than two classes, a class has no usable training
            picture, or only one and there is no validation part, or a part has none of the classes.
    """
    root = Path(directory)
    check_fractions(fractions)
    found = find_labels(root, labeling)
    pictures, unusable = _inspect(root, found)
    aside = [*found.aside, *unusable]
    classes = found.classes
    if classes is None:
        classes = classes_of(pictures, aside, f"pictures of {str(root)!r}")
    split = split_labeled(root, found.parts, classes, pictures, aside, seed, fractions)
    notes = (*found.notes, *_notes(split.parts, found.depth), *split.notes)
    return ImageFolder(root, classes, split.parts, split.quarantined, notes)


def _inspect(root: Path, found: LabeledFiles) -> tuple[list[LabeledPicture], list[SetAside]]:
    """Checks all pictures."""

    def read(path: Path) -> str:
        check_picture(path)
        return found.class_of[path]

    return scan.inspect_files(found.files, root, read, "Checking pictures")


def classes_of(
    pictures: Sequence[LabeledPicture], aside: Sequence[SetAside], where: str, kind: str = "pictures"
) -> tuple[str, ...]:
    """Names the classes of training pictures that are in no class folders.

    Args:
        pictures: The sound ones.
        aside: The others, for the message.
        where: What they are in, for the message.
        kind: What they are, for the message.

    Returns:
        Names in natural order.

    Raises:
        ValueError: Fewer than two.
    """
    names = {picture.content for picture in pictures if picture.part == "train"}
    if len(names) < 2:
        received = ", ".join(map(repr, names)) or "none"
        raise ValueError(
            f"expected at least 2 classes to train on in the {where}, received "
            f"{received}{with_first(aside)}; add {kind} of others"
        )
    return tuple(sorted(names, key=layout.natural))


def _notes(parts: Mapping[str, Sequence[tuple[str, int]]], depth: int) -> tuple[str, ...]:
    """Says so where pictures in sub-folders were counted to the class folder above, that deep in the root."""
    places = [Path(file).parent for files in parts.values() for file, _ in files]
    below = [place for place in places if depth and len(place.parts) > depth]
    if not below:
        return ()
    said = " and ".join(class_folders.depths(below))
    return (f"sub-folders of class folders are no classes of their own: {said} count for the folder above",)


def read_labeled(
    directory: str | os.PathLike[str], classes: Sequence[str], labeling: Labeling = UNSAID
) -> tuple[dict[str, list[tuple[str, int]]], list[SetAside]]:
    """Reads a folder of labeled pictures for a model that exists already, however few there are.

    Args:
        directory: Laid out as for `read_folder`.
        classes: The model's class names by output index.
        labeling: What says the classes.

    Returns:
        By part ("train" holds everything where the folder is not divided), pairs of a path relative to
        `directory` and a label; and everything that was set aside, pictures of validation and test among it
        whose class the model does not know.

    Raises:
        ValueError: There is no such folder, or its train part has a class that the model does not know.
    """
    root = Path(directory)
    found = find_labels(root, labeling, to_train=False)
    unknown = sorted({found.class_of[path] for path, part in found.files if part == "train"} - set(classes))
    if unknown:
        what = "class folders" if found.depth else "classes"
        raise ValueError(
            f"expected {what} among {', '.join(classes)} in {str(root)!r}, received {unknown[0]!r}; "
            "rename it, or move it away"
        )
    pictures, unusable = _inspect(root, found)
    pictures, strange = separate_strangers(pictures, classes)
    pairs: dict[str, list[tuple[str, int]]] = {part: [] for part in found.parts}
    for picture in pictures:
        pairs[picture.part].append((picture.file, list(classes).index(picture.content)))
    return pairs, [*found.aside, *unusable, *strange]


def check_picture(file: str | os.PathLike[str] | BinaryIO) -> None:
    """Decodes a picture.

    Raises:
        UndecodableImageError: It is not sound.
        UnusableError: It is too small.
    """
    height, width, _ = decode(file, size=(MINIMUM_SIDE, MINIMUM_SIDE)).shape
    if min(height, width) < MINIMUM_SIDE:
        raise UnusableError(f"only {width} x {height} pixels, {TOO_SMALL}")
