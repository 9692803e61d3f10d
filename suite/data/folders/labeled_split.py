"""The split of labeled pictures: which are for training, which are held out, and which belong in neither."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from suite.data.folders import class_folders, scan
from suite.data.folders.scan import Picture
from suite.data.set_aside import SetAside, first_names, with_first
from suite.data.splits import SPLITS

MINIMUM_SIDE = 16
TOO_SMALL = f"less than {MINIMUM_SIDE} on a side"
_NAMED = 6  # classes in a message

LabeledPicture: TypeAlias = Picture[str]  # its content is the name of its class


class LabeledSplit(NamedTuple):
    """Labeled pictures in three parts.

    Attributes:
        parts, quarantined, notes: As `ImageFolder` has them.
    """

    parts: dict[str, tuple[tuple[str, int], ...]]
    quarantined: tuple[SetAside, ...]
    notes: tuple[str, ...]


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


def split_labeled(
    root: Path,
    parts: Collection[str],
    classes: tuple[str, ...],
    pictures: Sequence[LabeledPicture],
    aside: Sequence[SetAside],
    seed: int,
    fractions: Sequence[float],
) -> LabeledSplit:
    """Splits what a scan gave; copies under two classes or in two parts, and classes not in train, go aside.

    Args:
        root: The folder.
        parts: Parts that it is divided into.
        classes: All that it has folders for; label by position.
        pictures: The sound ones.
        aside: What is set aside already.
        seed: As for `read_folder`.
        fractions: As for `read_folder`.

    Raises:
        ValueError: A class of too few different pictures, a part of other classes only, or a validation part
            that came to nothing.
    """
    for part in parts:
        class_folders.check_overlap(root, part, {p.content for p in pictures if p.part == part}, classes)
    known, strange = separate_strangers(pictures, classes)
    kept, copies = scan.separate_copies(known, attrgetter("content"))
    aside = sorted([*aside, *strange, *copies], key=attrgetter("file"))
    distinct = Counter(name for name, _ in {(p.content, p.digest) for p in kept if p.part == "train"})
    _check_counts(root, parts, kept, {name: distinct[name] for name in classes}, aside)
    shares = missing_parts(parts, fractions)
    few = {name for name in classes if shares and class_folders.is_few(distinct[name])}
    splits = _split(kept, classes, shares, few, seed)
    notes = _notes_on_split(classes, few, {part: splits[part] for part in SPLITS if part in parts})
    return LabeledSplit(splits, tuple(aside), notes)


def separate_strangers(
    pictures: Sequence[LabeledPicture], classes: Sequence[str]
) -> tuple[list[LabeledPicture], list[SetAside]]:
    """Sets aside pictures of other classes.

    Args:
        pictures: Any.
        classes: Those that are known.

    Returns:
        Pictures of these, and the others.
    """
    known = set(classes)
    aside = [
        SetAside(picture.file, f"of class {picture.content!r}, which train lacks")
        for picture in pictures
        if picture.content not in known
    ]
    return [picture for picture in pictures if picture.content in known], aside


def _notes_on_split(
    classes: tuple[str, ...], few: Collection[str], given: Mapping[str, Sequence[tuple[str, int]]]
) -> tuple[str, ...]:
    """Says which classes have too few pictures for a test part, and which a given part lacks."""
    notes = []
    if few:
        names = first_names([repr(name) for name in classes if name in few])
        plural = "classes have" if len(few) > 1 else "class has"
        notes.append(
            f"{len(few)} {plural} fewer than {class_folders.FEWEST_IN_THREE} different training pictures, so "
            f"one of each is held out, for validation: {names}"
        )
    for part, pairs in given.items():
        lacking = [
            repr(classes[label]) for label in sorted({*range(len(classes))} - {label for _, label in pairs})
        ]
        if pairs and lacking:
            notes.append(
                f"{part} has no pictures of {len(lacking)} of {len(classes)} classes, so its accuracy says "
                f"nothing of them: {first_names(lacking)}"
            )
    return tuple(notes)


def _check_counts(
    root: Path,
    parts: Collection[str],
    pictures: Sequence[LabeledPicture],
    distinct: dict[str, int],
    aside: Sequence[SetAside],
) -> None:
    """Refuses a class of too few different pictures, and a validation part that came to nothing."""
    least = class_folders.minimum_per_class(parts)
    few = [name for name, count in distinct.items() if count < least]
    if few:
        lost = [entry for entry in aside if not set(few).isdisjoint(Path(entry.file).parts)]
        more = f" and {len(few) - _NAMED} other classes" if len(few) > _NAMED else ""
        received = (
            ", ".join(f"{distinct[name]} in {name!r}" for name in few[:_NAMED]) + more + with_first(lost)
        )
        raise ValueError(
            f"expected at least {least} different usable training picture{'s' * (least > 1)} per class "
            f"in {str(root)!r}, received {received}; {_advice(root, few, distinct, lost)}"
        )
    if "validation" in parts and all(picture.part != "validation" for picture in pictures):
        raise ValueError(
            f"expected usable pictures in the validation folder of {str(root)!r}, received none; "
            "add some, or remove the folder to have it split off train"
        )


def _advice(root: Path, few: list[str], distinct: dict[str, int], lost: list[SetAside]) -> str:
    """What to do about classes with too few pictures, of which some were lost."""
    empty = [name for name in few if not distinct[name]]
    elsewhere = class_folders.advice(root) if empty else ""
    if elsewhere.startswith("did you mean"):
        return elsewhere
    empty = [name for name in empty if all(name not in Path(entry.file).parts for entry in lost)]
    if empty:
        names = ", ".join(map(repr, empty))
        plural = "s" * (len(empty) > 1)
        return f"remove the empty folder{plural} {names} or put pictures in {'them' if plural else 'it'}"
    if lost and all(entry.reason.endswith(TOO_SMALL) for entry in lost):
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
    pictures: Sequence[LabeledPicture],
    classes: tuple[str, ...],
    shares: dict[str, float],
    few: Collection[str],
    seed: int,
) -> dict[str, tuple[tuple[str, int], ...]]:
    """Splits each class of the train part, those of few pictures without test; others stay where they are."""
    of_class: dict[str, list[LabeledPicture]] = {name: [] for name in classes}
    for picture in pictures:
        of_class[picture.content].append(picture)
    pairs: dict[str, list[tuple[str, int]]] = {part: [] for part in SPLITS}
    for label, name in enumerate(classes):
        of_few = {"validation": shares["validation"]} if name in few else shares
        parts = scan.divide(of_class[name], of_few, np.random.default_rng((seed, label)))
        for part in SPLITS:
            pairs[part] += [(picture.file, label) for picture in parts[part]]
    return {part: tuple(sorted(pairs[part])) for part in SPLITS}
