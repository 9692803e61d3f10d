"""A user's folder of pictures: its classes, its splits, and the files that have to be set aside."""

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from suite.data.folders import layout
from suite.data.folders.files import by_digest, file_digest, in_threads, split_copies_together
from suite.data.folders.layout import MINIMUM_PER_CLASS
from suite.data.pictures.images import UndecodableImage, decode, load_image
from suite.data.splits import SPLITS

MINIMUM_SIDE = 16
_NAMED = 6  # classes in a message
_TOO_SMALL = f"less than {MINIMUM_SIDE} on a side"


@dataclasses.dataclass(frozen=True)
class ImageFolder:
    """The usable pictures of a folder, in three parts.

    Attributes:
        root: The folder.
        classes: Names of the class folders, in natural order: "room 2" before "room 10".
        splits: For "train", "validation" and "test" (which may be empty), pairs of a path relative to `root`
            with forward slashes and a label, the index in `classes`.
        quarantined: `{"file", "reason"}` for everything that was set aside; paths as in `splits`.
        notes: What was assumed, a sentence each.
        load: Gives the picture at a path below `root`, as `load_image` does.
    """

    root: Path
    classes: tuple[str, ...]
    splits: dict[str, tuple[tuple[str, int], ...]]
    quarantined: tuple[dict[str, str], ...]
    notes: tuple[str, ...] = ()
    load: Callable[[str, tuple[int, int]], np.ndarray] = load_image


class Picture(NamedTuple):
    """A sound picture: its path relative to the root, its part, its class, the sha256 of its bytes."""

    file: str
    part: str
    name: str  # of the class
    digest: str


def read_folder(
    directory: str | os.PathLike, seed: int = 0, fractions: Sequence[float] = (0.7, 0.15, 0.15)
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
    found, unreachable = layout.find_files(root, parts)
    pictures, undecodable = inspect(root, found)
    pictures, copies = separate_copies(pictures)
    aside = sorted([*unlabeled, *unreachable, *undecodable, *copies], key=lambda entry: entry["file"])
    check_counts(root, parts, classes, pictures, aside)
    splits = split(pictures, classes, missing_parts(parts, fractions), seed)
    return ImageFolder(root, classes, splits, tuple(aside), _notes(root, parts["train"][0], pictures))


def _notes(root: Path, class_folder: Path, pictures: list[Picture]) -> tuple[str, ...]:
    """Says so where pictures in sub-folders were counted to the class folder above."""
    depth = len(class_folder.relative_to(root).parts)
    below = [Path(p.file).parent for p in pictures if len(Path(p.file).parent.parts) > depth]
    if not below:
        return ()
    places = " and ".join(layout.depths(below))
    return (f"sub-folders of class folders are no classes of their own: {places} count for the folder above",)


def read_labeled(
    directory: str | os.PathLike, classes: Sequence[str]
) -> tuple[dict[str, list[tuple[str, int]]], list[dict[str, str]]]:
    """Reads a folder of labeled pictures for a model that exists already, however few there are.

    Args:
        directory: Laid out as for `read_folder`.
        classes: The model's class names by output index.

    Returns:
        By part ("train" holds everything where the folder is not divided), pairs of a path relative to
        `directory` and a label; and `{"file", "reason"}` for everything that was set aside.

    Raises:
        ValueError: There is no such folder, or it has a class that the model does not know.
    """
    root = Path(directory)
    layout.check_directory(root)
    parts, unlabeled = layout.find_parts(root)
    found, unreachable = layout.find_files(root, parts)
    unknown = sorted({name for _, _, name in found} - set(classes))
    if unknown:
        raise ValueError(
            f"expected class folders among {', '.join(classes)} in {str(root)!r}, received {unknown[0]!r}; "
            "rename it, or move it away"
        )
    pictures, undecodable = inspect(root, found)
    pairs: dict[str, list[tuple[str, int]]] = {part: [] for part in parts}
    for picture in pictures:
        pairs[picture.part].append((picture.file, list(classes).index(picture.name)))
    return pairs, [*unlabeled, *unreachable, *undecodable]


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


def inspect(root: Path, found: list[tuple[Path, str, str]]) -> tuple[list[Picture], list[dict]]:
    """Decodes every file.

    Args:
        root: The folder.
        found: As `layout.find_files` gives them.

    Returns:
        The sound pictures of at least 16 x 16 pixels, and `{"file", "reason"}` for all others.
    """
    answers = in_threads(_reason_and_digest, [path for path, _, _ in found], "Checking pictures")
    pictures, aside = [], []
    for (path, part, name), (reason, digest) in zip(found, answers, strict=True):
        if reason:
            aside.append(layout.entry(path, root, reason))
        else:
            pictures.append(Picture(path.relative_to(root).as_posix(), part, name, digest))
    return pictures, aside


def _reason_and_digest(path: Path) -> tuple[str, str]:
    """Why to set a file aside ("" if it is sound), and the sha256 of its bytes."""
    try:
        reason = size_fault(path)
        return reason, "" if reason else file_digest(path)
    except UndecodableImage as error:
        return error.reason, ""
    except OSError as error:
        return layout.fault(error), ""


def size_fault(file: str | os.PathLike | BinaryIO) -> str:
    """Decodes a picture; says if it is too small, or gives "".

    Raises:
        UndecodableImage: It is not sound.
    """
    height, width, _ = decode(file, size=(MINIMUM_SIDE, MINIMUM_SIDE)).shape
    if min(height, width) < MINIMUM_SIDE:
        return f"only {width} x {height} pixels, {_TOO_SMALL}"
    return ""


def _entry(picture: Picture, reason: str) -> dict[str, str]:
    return {"file": picture.file, "reason": reason}


def separate_copies(pictures: list[Picture]) -> tuple[list[Picture], list[dict]]:
    """Leaves no picture under two classes or in two parts; the copy in the later part stays."""
    kept, aside = [], []
    for copies in by_digest(pictures):
        of_class = {copy.name: copy.file for copy in copies}
        of_part = {copy.part: copy.file for copy in copies}
        part = max(of_part, key=SPLITS.index)
        for copy in copies:
            rival = next((file for name, file in of_class.items() if name != copy.name), None)
            if rival:
                aside.append(_entry(copy, f"the same picture as {rival!r}, which is in another class"))
            elif copy.part != part:
                aside.append(_entry(copy, f"the same picture as {of_part[part]!r}, which is kept for {part}"))
            else:
                kept.append(copy)
    return kept, aside


def check_counts(
    root: Path,
    parts: Collection[str],
    classes: tuple[str, ...],
    pictures: list[Picture],
    aside: list[dict[str, str]],
) -> None:
    """Refuses a class of too few different pictures, and a validation part that came to nothing.

    Args:
        root: The folder, for the message.
        parts: Parts that the folder is divided into.
        classes: All that it has folders for.
        pictures: Those that are kept.
        aside: Entries of those that are not.

    Raises:
        ValueError: There is one.
    """
    distinct = Counter(name for name, _ in {(p.name, p.digest) for p in pictures if p.part == "train"})
    few = [name for name in classes if distinct[name] < MINIMUM_PER_CLASS]
    if few:
        lost = [entry for entry in aside if not set(few).isdisjoint(Path(entry["file"]).parts)]
        first = f" ({len(lost)} set aside, as {lost[0]['file']!r}: {lost[0]['reason']})" if lost else ""
        more = f" and {len(few) - _NAMED} other classes" if len(few) > _NAMED else ""
        received = ", ".join(f"{distinct[name]} in {name!r}" for name in few[:_NAMED]) + more + first
        raise ValueError(
            f"expected at least {MINIMUM_PER_CLASS} different usable training pictures per class "
            f"in {str(root)!r}, received {received}; {_advice(root, few, distinct, lost)}"
        )
    if "validation" in parts and all(picture.part != "validation" for picture in pictures):
        raise ValueError(
            f"expected usable pictures in the validation folder of {str(root)!r}, received none; "
            "add some, or remove the folder to have it split off train"
        )


def _advice(root: Path, few: list[str], distinct: Counter, lost: list[dict[str, str]]) -> str:
    """What to do about classes with too few pictures, of which some were lost."""
    empty = [name for name in few if not distinct[name]]
    elsewhere = layout.advice(root) if empty else ""
    if elsewhere.startswith("did you mean"):
        return elsewhere
    empty = [name for name in empty if all(name not in Path(entry["file"]).parts for entry in lost)]
    if empty:
        names = ", ".join(map(repr, empty))
        plural = "s" * (len(empty) > 1)
        return f"remove the empty folder{plural} {names} or put pictures in {'them' if plural else 'it'}"
    if lost and all(entry["reason"].endswith(_TOO_SMALL) for entry in lost):
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


def split(
    pictures: list[Picture], classes: tuple[str, ...], shares: dict[str, float], seed: int
) -> dict[str, tuple[tuple[str, int], ...]]:
    """Splits each class of the train folder; copies of one picture stay together.

    Args:
        pictures: Of all parts; those outside of train stay where they are.
        classes: Label by position.
        shares: Share of the train folder by new part.
        seed: Of the shuffle within each class.
    """
    chosen: dict[str, list[Picture]] = {part: [] for part in SPLITS}
    of_class: dict[str, list[Picture]] = {name: [] for name in classes}
    for picture in pictures:
        (of_class[picture.name] if picture.part == "train" else chosen[picture.part]).append(picture)
    for label, name in enumerate(classes):
        rng = np.random.default_rng((seed, label))
        for part, taken in split_copies_together(of_class[name], shares, rng).items():
            chosen[part] += taken
    labels = {name: label for label, name in enumerate(classes)}
    return {part: tuple(sorted((p.file, labels[p.name]) for p in chosen[part])) for part in SPLITS}
