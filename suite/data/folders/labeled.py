"""A user's folder of pictures: its classes, its splits, and the files that have to be set aside."""

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np

from suite.data.folders import layout, scan
from suite.data.folders.layout import MINIMUM_PER_CLASS
from suite.data.folders.scan import Picture
from suite.data.pictures.images import decode, load_image
from suite.data.set_aside import SetAside, UnusableError, with_first
from suite.data.splits import SPLITS

MINIMUM_SIDE = 16
_NAMED = 6  # classes in a message
_TOO_SMALL = f"less than {MINIMUM_SIDE} on a side"

LabeledPicture: TypeAlias = Picture[str]  # its content is the name of its class


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
    directory: str | os.PathLike[str], seed: int = 0, fractions: Sequence[float] = (0.7, 0.15, 0.15)
) -> ImageFolder:
    """Reads a folder of class folders, or of train, validation and test folders that hold class folders.

    Every file is decoded once. What is not a sound picture of at least 16 x 16 pixels is set aside, and so
    are copies (the same bytes) that would stand on both sides of a split or under two classes. Parts that are
    not given are split off the training pictures, class by class: validation and test, or validation alone
    where a test folder is given. A validation folder without a test folder means no test. Nothing in the
    folder is changed.

    Args:
        directory: The folder. Class folders may have sub-folders. Validation may be called val or valid, too.
        seed: Seed of the split.
        fractions: Shares of train, validation and test in the split.

    Returns:
        An `ImageFolder`.

    Raises:
        ValueError: There is no such folder, it has fewer than two class folders, a class has fewer than 5
            different usable pictures, or validation or test have a class that train lacks.
    """
    root = Path(directory)
    check_fractions(fractions)
    layout.check_directory(root)
    parts, unlabeled = layout.find_parts(root)
    classes = layout.check_classes(root, parts)
    files, unreachable = layout.find_files(root, parts)
    pictures, unusable = scan.inspect_files(files, root, _reader(root, parts), "Checking pictures")
    aside = [*unlabeled, *unreachable, *unusable]
    folder = split_folder(root, parts, classes, pictures, aside, seed=seed, fractions=fractions)
    return dataclasses.replace(folder, notes=_notes(folder, layout.depth(root, parts)))


def _reader(root: Path, parts: dict[str, list[Path]]) -> Callable[[Path], str]:
    """Checks a picture, and gives the name of the class folder that it is in."""
    depth = layout.depth(root, parts)

    def read(path: Path) -> str:
        check_picture(path)
        return path.relative_to(root).parts[depth]

    return read


def _notes(folder: ImageFolder, depth: int) -> tuple[str, ...]:
    """Says so where pictures in sub-folders were counted to the class folder above, that deep in the root."""
    places = [Path(file).parent for files in folder.splits.values() for file, _ in files]
    below = [place for place in places if len(place.parts) > depth + 1]
    if not below:
        return ()
    said = " and ".join(layout.depths(below))
    return (f"sub-folders of class folders are no classes of their own: {said} count for the folder above",)


def read_labeled(
    directory: str | os.PathLike[str], classes: Sequence[str]
) -> tuple[dict[str, list[tuple[str, int]]], list[SetAside]]:
    """Reads a folder of labeled pictures for a model that exists already, however few there are.

    Args:
        directory: Laid out as for `read_folder`.
        classes: The model's class names by output index.

    Returns:
        By part ("train" holds everything where the folder is not divided), pairs of a path relative to
        `directory` and a label; and everything that was set aside.

    Raises:
        ValueError: There is no such folder, or it has a class that the model does not know.
    """
    root = Path(directory)
    layout.check_directory(root)
    parts, unlabeled = layout.find_parts(root)
    files, unreachable = layout.find_files(root, parts)
    depth = layout.depth(root, parts)
    unknown = sorted({path.relative_to(root).parts[depth] for path, _ in files} - set(classes))
    if unknown:
        raise ValueError(
            f"expected class folders among {', '.join(classes)} in {str(root)!r}, received {unknown[0]!r}; "
            "rename it, or move it away"
        )
    pictures, unusable = scan.inspect_files(files, root, _reader(root, parts), "Checking pictures")
    pairs: dict[str, list[tuple[str, int]]] = {part: [] for part in parts}
    for picture in pictures:
        pairs[picture.part].append((picture.file, list(classes).index(picture.content)))
    return pairs, [*unlabeled, *unreachable, *unusable]


def check_fractions(fractions: Sequence[float]) -> None:
    """Refuses shares of train, validation and test that make no sense.

    Raises:
        ValueError: They do not.
    """
    sums_to_one = len(fractions) == 3 and abs(sum(fractions) - 1) < 1e-6
    if not (sums_to_one and fractions[0] == max(fractions) and fractions[1] > 0 and fractions[2] >= 0):
        raise ValueError(
            "expected fractions of train, validation and test that sum to 1, train the largest, validation "
            f"above 0, received {tuple(fractions)}; (0.7, 0.15, 0.15) is usual"
        )


def check_picture(file: str | os.PathLike[str] | BinaryIO) -> None:
    """Decodes a picture.

    Raises:
        UndecodableImageError: It is not sound.
        UnusableError: It is too small.
    """
    height, width, _ = decode(file, size=(MINIMUM_SIDE, MINIMUM_SIDE)).shape
    if min(height, width) < MINIMUM_SIDE:
        raise UnusableError(f"only {width} x {height} pixels, {_TOO_SMALL}")


def split_folder(
    root: Path,
    parts: Collection[str],
    classes: tuple[str, ...],
    pictures: Sequence[LabeledPicture],
    aside: Sequence[SetAside],
    *,
    seed: int,
    fractions: Sequence[float],
) -> ImageFolder:
    """Splits what a scan gave; copies under two classes or in two parts are set aside.

    Args:
        root: The folder.
        parts: Parts that it is divided into.
        classes: All that it has folders for; label by position.
        pictures: The sound ones.
        aside: What is set aside already.
        seed: As for `read_folder`.
        fractions: As for `read_folder`.

    Raises:
        ValueError: A class of too few different pictures, or a validation part that came to nothing.
    """
    kept, copies = scan.separate_copies(pictures, attrgetter("content"))
    aside = sorted([*aside, *copies], key=attrgetter("file"))
    _check_counts(root, parts, classes, kept, aside)
    splits = _split(kept, classes, missing_parts(parts, fractions), seed)
    return ImageFolder(root, classes, splits, tuple(aside))


def _check_counts(
    root: Path,
    parts: Collection[str],
    classes: tuple[str, ...],
    pictures: Sequence[LabeledPicture],
    aside: Sequence[SetAside],
) -> None:
    """Refuses a class of too few different pictures, and a validation part that came to nothing."""
    distinct = Counter(name for name, _ in {(p.content, p.digest) for p in pictures if p.part == "train"})
    few = [name for name in classes if distinct[name] < MINIMUM_PER_CLASS]
    if few:
        lost = [entry for entry in aside if not set(few).isdisjoint(Path(entry.file).parts)]
        more = f" and {len(few) - _NAMED} other classes" if len(few) > _NAMED else ""
        received = (
            ", ".join(f"{distinct[name]} in {name!r}" for name in few[:_NAMED]) + more + with_first(lost)
        )
        raise ValueError(
            f"expected at least {MINIMUM_PER_CLASS} different usable training pictures per class "
            f"in {str(root)!r}, received {received}; {_advice(root, few, distinct, lost)}"
        )
    if "validation" in parts and all(picture.part != "validation" for picture in pictures):
        raise ValueError(
            f"expected usable pictures in the validation folder of {str(root)!r}, received none; "
            "add some, or remove the folder to have it split off train"
        )


def _advice(root: Path, few: list[str], distinct: Counter[str], lost: list[SetAside]) -> str:
    """What to do about classes with too few pictures, of which some were lost."""
    empty = [name for name in few if not distinct[name]]
    elsewhere = layout.advice(root) if empty else ""
    if elsewhere.startswith("did you mean"):
        return elsewhere
    empty = [name for name in empty if all(name not in Path(entry.file).parts for entry in lost)]
    if empty:
        names = ", ".join(map(repr, empty))
        plural = "s" * (len(empty) > 1)
        return f"remove the empty folder{plural} {names} or put pictures in {'them' if plural else 'it'}"
    if lost and all(entry.reason.endswith(_TOO_SMALL) for entry in lost):
        return f"give larger pictures, of at least {MINIMUM_SIDE} x {MINIMUM_SIDE} pixels"
    return "add pictures or remove the class"


def missing_parts(parts: Collection[str], fractions: Sequence[float]) -> dict[str, float]:
    """Shares of the train folder that are split off for validation and test."""
    train, validation, test = fractions
    if "validation" in parts:
        return {}
    if "test" in parts:
        return {"validation": validation / (train + validation)}
    return {"validation": validation, "test": test}


def _split(
    pictures: Sequence[LabeledPicture], classes: tuple[str, ...], shares: dict[str, float], seed: int
) -> dict[str, tuple[tuple[str, int], ...]]:
    """Splits each class of the train folder; those outside of train stay where they are."""
    of_class: dict[str, list[LabeledPicture]] = {name: [] for name in classes}
    for picture in pictures:
        of_class[picture.content].append(picture)
    pairs: dict[str, list[tuple[str, int]]] = {part: [] for part in SPLITS}
    for label, name in enumerate(classes):
        parts = scan.divide(of_class[name], shares, np.random.default_rng((seed, label)))
        for part in SPLITS:
            pairs[part] += [(picture.file, label) for picture in parts[part]]
    return {part: tuple(sorted(pairs[part])) for part in SPLITS}
