"""Images of two domains: a source with labels, and a target whose labels training must not see."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from suite.data.folders import layout
from suite.data.folders.labeled import ImageFolder, read_folder
from suite.data.folders.paired import check_folder
from suite.data.folders.unlabeled import read_picture_folder
from suite.data.pictures.images import load_image
from suite.data.set_aside import SetAside, first_names, with_first
from suite.data.sets import image_sets
from suite.data.source import Source
from suite.data.splits import SPLITS

SOURCE, TARGET = "source", "target"
UNKNOWN = -1  # label of an image of a target without labels
LEAST_SIDE = 16  # pixels; smaller images are enlarged, so that the gravel is finer than the strokes


class TwoDomains(NamedTuple):
    """One part of a set, source and target together.

    Attributes:
        images: `(n, height, width, channels)` uint8.
        labels: `(n,)` int64, of both domains; `UNKNOWN` where the target has none.
        is_target: `(n,)` bool.
    """

    images: np.ndarray
    labels: np.ndarray
    is_target: np.ndarray

    def of(self, is_target: bool) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of one domain."""
        rows = self.is_target == is_target
        return self.images[rows], self.labels[rows]


class DomainPair(NamedTuple):
    """Two domains in three parts.

    Attributes:
        parts: By part, the source's images before the target's.
        is_labeled: Whether labels of the target are known, for the test.
        judged: What a classifier of the target is judged on: the target, or the source where the target has
            no labels.
        described: What `Result.data` says of it.
    """

    parts: dict[str, TwoDomains]
    is_labeled: bool
    judged: image_sets.ImageSet
    described: dict[str, Any]


def load(source: Source, seed: int, contrast: float, side: int) -> DomainPair:
    """Loads what `--data` names.

    Args:
        source: A set of gray images of `image_sets.load`, see `on_black_and_gravel`; or a folder, see
            `read_domains`.
        seed: Of the split and of the places of the gravel.
        contrast: As of `on_black_and_gravel`.
        side: As of `read_domains`.

    Raises:
        ValueError: As of `image_sets.load` and `read_domains`.
    """
    if source.path:
        return read_domains(source.path, seed, side)
    data = image_sets.load(source, seed)
    parts = on_black_and_gravel(data, contrast, seed)
    target = target_set(data, parts)
    return DomainPair(parts, True, target, target.describe())


def read_domains(root: Path, seed: int, side: int) -> DomainPair:
    """Reads pictures of two domains: `source/CLASS/` and `target/CLASS/`, or `target/` without class folders.

    Args:
        root: The folder that holds both. Either may be divided into train, validation and test.
        seed: Of the splits.
        side: Height and width in pixels that pictures are stretched to, at least 16.

    Returns:
        The pictures, with one channel where none of them has a color.

    Raises:
        ValueError: No such folders, as of `read_folder` and `read_picture_folder`, classes of the target that
            the source lacks, a domain without pictures for training or for the test, or a small side.
    """
    if side < LEAST_SIDE:
        raise ValueError(f"expected a side of at least {LEAST_SIDE} pixels, received {side}")
    wanted = "a folder with source/CLASS/ and target/CLASS/, or target/ without classes"
    check_folder(root, wanted)
    names = [path.name for path in layout.list_entries(root, root)[0]]
    if SOURCE not in names or TARGET not in names:
        received = first_names(names) or "no folder"
        raise ValueError(f"expected {wanted} in {str(root)!r}, received {received}; name them so")
    known = read_folder(root / SOURCE, seed)
    domains = [_read(known, list(known.classes), side)]
    is_labeled = bool(layout.list_entries(root / TARGET, root / TARGET)[0])
    if is_labeled:
        found = read_folder(root / TARGET, seed)
        domains.append(_read(found, _same_classes(known, found), side))
    else:
        domains.append(_read_unlabeled(root / TARGET, seed, side))
    for name, domain in zip((SOURCE, TARGET), domains, strict=True):
        needed = SPLITS if name == SOURCE else ("train", "test")
        empty = [part for part in needed if not len(domain.labels[part])]
        if empty:
            raise ValueError(
                f"expected pictures of {name} for {' and '.join(empty)} in {str(root)!r}, received none"
                f"{with_first(domain.aside)}; add some"
            )
    both = _without_needless_colors(domains)
    parts = {
        part: TwoDomains(
            np.concatenate([domain.images[part] for domain in both]),
            np.concatenate([domain.labels[part] for domain in both]),
            np.repeat([False, True], [len(domain.labels[part]) for domain in both]),
        )
        for part in SPLITS
    }
    judged = both[is_labeled]
    aside = [
        SetAside(f"{name}/{entry.file}", entry.reason)
        for name, domain in zip((SOURCE, TARGET), both, strict=True)
        for entry in domain.aside
    ]
    told = "the target has no labels: how well it is read, and what labels would gain, cannot be measured"
    described = {
        "source": str(root),
        "classes": list(known.classes),
        **{part: len(each.labels) for part, each in parts.items()},
        "quarantined": aside,
        "notes": [*known.notes, *([] if is_labeled else [told])],
    }
    return DomainPair(parts, is_labeled, judged, described)


def _same_classes(known: ImageFolder, found: ImageFolder) -> list[str]:
    strange = [name for name in found.classes if name not in known.classes]
    if strange:
        raise ValueError(
            f"expected classes of {SOURCE}/ ({first_names(known.classes, 8)}) in {str(found.root)!r}, "
            f"received {first_names(strange)}; give them the same names, or leave out the class "
            f"folders of {TARGET}/"
        )
    return list(known.classes)


def _read(folder: ImageFolder, classes: list[str], side: int) -> image_sets.ImageSet:
    label_of = np.array([classes.index(name) for name in folder.classes])
    images = {
        part: _stacked([folder.load(str(folder.root / file), (side, side)) for file, _ in pairs], side)
        for part, pairs in folder.splits.items()
    }
    labels = {
        part: label_of[np.array([label for _, label in pairs], np.int64)]
        for part, pairs in folder.splits.items()
    }
    return image_sets.ImageSet(images, labels, tuple(classes), str(folder.root), folder.quarantined)


def _read_unlabeled(root: Path, seed: int, side: int) -> image_sets.ImageSet:
    folder = read_picture_folder(root, seed)
    files = {"validation": (), **folder.files}
    images = {
        part: _stacked([load_image(folder.root / file, (side, side)) for file in each], side)
        for part, each in files.items()
    }
    labels = {part: np.full(len(each), UNKNOWN, np.int64) for part, each in files.items()}
    return image_sets.ImageSet(images, labels, (), str(root), folder.quarantined)


def _stacked(pictures: list[np.ndarray], side: int) -> np.ndarray:
    return np.stack(pictures) if pictures else np.zeros((0, side, side, 3), np.uint8)


def _without_needless_colors(domains: list[image_sets.ImageSet]) -> list[image_sets.ImageSet]:
    arrays = [each for domain in domains for each in domain.images.values()]
    if any(np.any(images != images[..., :1]) for images in arrays):
        return domains
    return [
        dataclasses.replace(domain, images={part: each[..., :1] for part, each in domain.images.items()})
        for domain in domains
    ]


def on_black_and_gravel(data: image_sets.ImageSet, contrast: float, seed: int) -> dict[str, TwoDomains]:
    """Makes a second domain of a set by adding a photo of gravel, as `image_sets.on_gravel` does.

    Args:
        data: Gray images.
        contrast: Brightness of the gravel's lightest stones, as a share of 255.
        seed: Of the places of the gravel.

    Returns:
        By part: in "train" the first half is the source and the second the target, so that no image is in
        both; "validation" and "test" have each image in both domains.
    """
    parts = {}
    for part, images in data.images.items():
        times = -(-LEAST_SIDE // images.shape[1])
        enlarged = tf.image.resize(images, [times * side for side in images.shape[1:3]])
        images = np.rint(enlarged).astype(np.uint8)
        n = len(images) // 2 if part == "train" else len(images)
        source, target = slice(n), slice(len(images) - n, None)
        gravel = image_sets.on_gravel(images[target], part, seed, contrast)
        parts[part] = TwoDomains(
            np.concatenate([images[source], gravel]),
            np.concatenate([data.labels[part][source], data.labels[part][target]]),
            np.repeat([False, True], n),
        )
    return parts


def target_set(data: image_sets.ImageSet, parts: dict[str, TwoDomains]) -> image_sets.ImageSet:
    """Gives the target alone as a set, whose classes are those of `data`."""
    target = {part: both.of(True) for part, both in parts.items()}
    return image_sets.ImageSet(
        images={part: images for part, (images, _) in target.items()},
        labels={part: labels for part, (_, labels) in target.items()},
        classes=data.classes,
        source=f"{data.source}, half of it on gravel",
    )
