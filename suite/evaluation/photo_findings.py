"""What is wrong with a folder of labeled photos, as a careful colleague would say it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np

from suite.data.pictures.facts import PictureFacts
from suite.data.pictures.near_copies import near_copies
from suite.data.set_aside import SetAside, counted
from suite.evaluation.findings import Finding, Item, Photo
from suite.evaluation.photo_faults import LEAST_TOLD, blurred, suspected_labels, told_by

FEW = 20  # photos of a class
TINY = 64  # pixels on the shorter side
EMPTY = 0.98  # share of the pixels that have one color
LEAST = 5  # photos of a class that a model is asked about

# Out-of-fold probabilities (m, K) from features (m, d), labels (m,) in [0, K) and groups (m,) of copies.
Predict: TypeAlias = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def find_faults(
    photos: Sequence[Photo],
    classes: Sequence[str],
    *,
    aside: Sequence[SetAside] = (),
    features: np.ndarray | None = None,
    predict: Predict | None = None,
) -> list[Finding]:
    """Finds what is wrong, the most serious first.

    Args:
        photos: n sound ones.
        classes: Names of the classes.
        aside: Files that are no sound photo.
        features: `(n, d)` float32 of a pretrained network, rows of NaN where there are none; None without.
        predict: Asked about the labels of photos with features; None: nobody is.

    Returns:
        A finding of each kind that there is.
    """
    empty, full, copies = _grouped(photos)
    found = [
        _given_away(photos, classes),
        *_copies(photos, classes, copies),
        _mislabeled(photos, classes, copies, features, predict),
        _unsound(aside),
        _few(photos, classes),
        _empty(photos, empty),
        _tiny(photos),
        _blurred(photos, full),
    ]
    return [finding for finding in found if finding is not None and finding.items]


def find_file_faults(photos: Sequence[Photo], aside: Sequence[SetAside]) -> list[Finding]:
    """Finds what is wrong with photos whatever is in them: copies, unsound, empty, tiny and blurred ones.

    Args:
        photos: Sound ones, all with label 0.
        aside: Files that are no sound photo.
    """
    empty, full, copies = _grouped(photos)
    found = [
        *_copies(photos, ["the folder"], copies),
        _unsound(aside),
        _empty(photos, empty),
        _tiny(photos),
        _blurred(photos, full),
    ]
    return [finding for finding in found if finding.items]


def _grouped(photos: Sequence[Photo]) -> tuple[list[int], list[int], list[list[int]]]:
    """The indices of photos that are empty, of the others, and of those of the latter that are copies."""
    facts = [photo.facts for photo in photos]
    empty = [index for index, its in enumerate(facts) if its.one_color >= EMPTY]
    full = [index for index, its in enumerate(facts) if its.one_color < EMPTY]
    groups = near_copies([facts[i].hash for i in full], np.array([facts[i].thumbnail for i in full]))
    return empty, full, [[full[index] for index in group] for group in groups]


def _given_away(photos: Sequence[Photo], classes: Sequence[str]) -> Finding:
    labels = np.array([photo.label for photo in photos], np.int64)
    items = []
    for name, value in PROPERTIES.items():
        values = [value(photo.facts) for photo in photos]
        told = told_by(values, labels, len(classes))
        # Of two classes, what tells one tells the other.
        for label in np.flatnonzero(told >= LEAST_TOLD)[: 1 if len(classes) == 2 else None]:
            of_class = [value for value, its in zip(values, labels, strict=True) if its == label]
            of_rest = [value for value, its in zip(values, labels, strict=True) if its != label]
            usual, other = (Counter(some).most_common(1)[0] for some in (of_class, of_rest))
            says = (
                f"{classes[label]!r} is told by its {name} alone ({told[label]:.0%}, guessing gets 50%): "
                f"{usual[1]} of {len(of_class)} are {usual[0]}, "
                f"{other[1]} of the {len(of_rest)} others {other[0]}"
            )
            files = [photo.file for photo, its in zip(photos, labels, strict=True) if its == label]
            items.append(Item(says, tuple(files[:3])))
    return Finding(
        "given away",
        f"{counted(len(items), 'class')} told without looking at what is in the photo",
        "a model learns that difference instead of the thing, is right here and wrong on anybody's phone",
        "save all photos in one format, size and frame, and take those of each class in the same way",
        tuple(items),
    )


# What may give a class away, by its name.
PROPERTIES: dict[str, Callable[[PictureFacts], str]] = {
    "file format": lambda facts: facts.format,
    "size": lambda facts: f"about {_rounded(facts.height * facts.width)} pixels",
    "aspect ratio": lambda facts: _aspect(facts.width / facts.height),
    "border": lambda facts: f"with {facts.border}" if facts.border != "none" else "without border",
    "color": lambda facts: "gray" if facts.is_gray else "in color",
}


def _rounded(pixels: int) -> str:
    """A number of pixels in steps of a factor of two."""
    return f"{2 ** round(np.log2(pixels)):,}"


def _aspect(ratio: float) -> str:
    """An aspect ratio in steps of about a fifth."""
    return f"{2 ** (round(np.log2(ratio) * 4) / 4):.1f} times as wide as high"


def _copies(photos: Sequence[Photo], classes: Sequence[str], groups: Iterable[list[int]]) -> list[Finding]:
    across_classes, across_parts, within = [], [], []
    for group in groups:
        names = sorted({classes[photos[index].label] for index in group})
        parts = sorted({photos[index].part for index in group})
        files = tuple(photos[index].file for index in group)
        if len(names) > 1:
            across_classes.append(Item(f"one picture in {' and '.join(map(repr, names))}", files))
        elif len(parts) > 1:
            across_parts.append(Item(f"one picture in {' and '.join(parts)}", files))
        else:
            within.append(Item(f"one picture {len(files)} times in {names[0]!r}", files))
    return [
        Finding(
            "copies in several classes",
            f"{counted(len(across_classes), 'picture')} in more than one class",
            "a model is told two answers for one picture, and one of them is wrong",
            "keep each in its right class and delete the others",
            tuple(across_classes),
        ),
        Finding(
            "copies in several parts",
            f"{counted(len(across_parts), 'picture')} in more than one part",
            "the model is asked what it was taught: the accuracy comes out too high",
            "keep each in one part and delete the others",
            tuple(across_parts),
        ),
        Finding(
            "copies",
            f"{counted(len(within), 'picture')} more than once in a class, resized or saved again",
            "they count twice, and a random split can put them on both sides",
            "keep the best of each",
            tuple(within),
        ),
    ]


def _mislabeled(
    photos: Sequence[Photo],
    classes: Sequence[str],
    copies: Sequence[Sequence[int]],
    features: np.ndarray | None,
    predict: Predict | None,
) -> Finding | None:
    """Asks about the classes that have enough photos with features for one to be asked about the others."""
    if features is None or predict is None:
        return None
    labels = np.array([photo.label for photo in photos], np.int64)
    pictures = np.arange(len(photos))
    for group in copies:
        pictures[list(group)] = group[0]
    # A picture that is in two classes is two groups: each of its labels is asked about.
    groups = pictures * len(classes) + labels
    known = np.isfinite(features).all(axis=1)
    different = np.bincount(np.unique(groups[known]) % len(classes), minlength=len(classes))
    rows = np.flatnonzero(known & (different[labels] >= LEAST))
    present, own = np.unique(labels[rows], return_inverse=True)
    if len(present) < 2:
        return None
    probabilities = predict(features[rows], own, groups[rows])
    suspects, likely = suspected_labels(probabilities, features[rows], own, pictures[rows])
    items = [
        Item(
            f"in {classes[labels[rows[row]]]!r}, looks like {classes[present[guess]]!r} "
            f"({probabilities[row, guess]:.0%} to {probabilities[row, own[row]]:.0%})",
            (photos[rows[row]].file,),
        )
        for row, guess in zip(suspects, likely, strict=True)
    ]
    return Finding(
        "mislabeled",
        f"{counted(len(items), 'photo')} that may be in the wrong class",
        "wrong labels teach the wrong answer, and count against a model that is right",
        "look at each: move it, delete it, or leave it where it is right (a difficult one can be)",
        tuple(items),
    )


def _unsound(aside: Sequence[SetAside]) -> Finding:
    return Finding(
        "set aside",
        f"{counted(len(aside), 'file')} that cannot be used",
        "they are left out of training and measurement",
        "mend, convert or delete them",
        tuple(Item(entry.reason, (entry.file,)) for entry in aside),
    )


def _few(photos: Sequence[Photo], classes: Sequence[str]) -> Finding:
    counts = Counter(photo.label for photo in photos if photo.part == "train")
    few = sorted((counts[label], name) for label, name in enumerate(classes) if counts[label] < FEW)
    return Finding(
        "too few",
        f"{len(few)} of {len(classes)} classes with fewer than {FEW} photos to train on",
        "a model learns those few by heart, and the accuracy of such a class is hardly more than chance",
        "add photos of them: other days, places, things",
        tuple(Item(f"{counted(count, 'photo')} of {name!r}", ()) for count, name in few),
    )


def _empty(photos: Sequence[Photo], indices: Sequence[int]) -> Finding:
    items = [Item(f"{photos[i].facts.one_color:.0%} is one color", (photos[i].file,)) for i in indices]
    return Finding(
        "empty",
        f"{counted(len(items), 'photo')} with nearly nothing in them",
        "there is nothing to learn from them but their color",
        "delete them, unless an empty picture is what the class means",
        tuple(items),
    )


def _tiny(photos: Sequence[Photo]) -> Finding:
    found = [photo for photo in photos if min(photo.facts.height, photo.facts.width) < TINY]
    found.sort(key=lambda photo: photo.facts.height * photo.facts.width)
    return Finding(
        "tiny",
        f"{counted(len(found), 'photo')} less than {TINY} pixels on a side",
        "they are enlarged for the network, which sees a blur",
        "take the originals instead of thumbnails",
        tuple(Item(f"{each.facts.width} x {each.facts.height} pixels", (each.file,)) for each in found),
    )


def _blurred(photos: Sequence[Photo], indices: Sequence[int]) -> Finding:
    values = np.array([photos[index].facts.sharpness for index in indices])
    items = [
        Item(
            f"{np.median(values) / max(values[row], 1e-9):,.0f} times less sharp than usual",
            (photos[indices[row]].file,),
        )
        for row in blurred(values)
    ]
    return Finding(
        "blurred",
        f"{counted(len(items), 'photo')} much less sharp than the others",
        "out of focus or shaken, they show a model little",
        "delete what you cannot name yourself; keep some if phones will take such photos",
        tuple(items),
    )
