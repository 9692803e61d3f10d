"""Pictures of a set of images, or of a folder of the user's, for which no labels are needed."""

import dataclasses
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from skimage.filters import threshold_otsu

from suite.data.folders.unlabeled import read_picture_folder
from suite.data.pictures.images import decode, load_image
from suite.data.set_aside import with_first
from suite.data.sets import image_sets
from suite.data.source import Source

PARTS = ("train", "test")
LEAST_TO_DRAW = 100
_LEAST_CONTRAST = 30  # of 255
_MOST = {"train": 10_000, "test": 2_000}  # of a set


class UnlabeledPictures(NamedTuple):
    """Pictures that a recipe can also take from a folder.

    Attributes:
        images: By part "train" and "test", `(n, height, width, channels)` uint8.
        labels: By part, `(n,)` int.
        names: By part, n names: of a folder the files.
        described: What `Result.data` says of it.
        files: By part, the user's files; empty where the images are none.
    """

    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    names: dict[str, list[str]]
    described: dict[str, Any]
    files: dict[str, list[Path]]

    @property
    def all_names(self) -> list[str]:
        """Names of the training part, then of the test part."""
        return self.names["train"] + self.names["test"]


def load(source: Source, seed: int, side: int) -> UnlabeledPictures:
    """Loads what `--data` names.

    Args:
        source: A set of `image_sets.load`, of which at most 10,000 images are for training and 2,000 for the
            test; or a folder, of which 15 % are for the test.
        seed: Of the split.
        side: Height and width in pixels that pictures of a folder are stretched to.

    Returns:
        The pictures.

    Raises:
        ValueError: As of `image_sets.load` and `read_picture_folder`.
    """
    if source.path is None:
        data = image_sets.load(source, seed)
        images = {part: data.images[part][: _MOST[part]] for part in PARTS}
        labels = {part: data.labels[part][: _MOST[part]] for part in PARTS}
        names = {
            part: [f"{part} {row}: {data.classes[label]}" for row, label in enumerate(labels[part])]
            for part in PARTS
        }
        used = {part: len(images[part]) for part in PARTS}
        described = {"source": data.source, "classes": list(data.classes), **used}
        return UnlabeledPictures(images, labels, names, described, {})
    folder = read_picture_folder(source.path, seed)
    files = {part: [folder.root / file for file in folder.files[part]] for part in PARTS}
    images = {part: np.stack([load_image(file, (side, side)) for file in files[part]]) for part in PARTS}
    names = {part: list(folder.files[part]) for part in PARTS}
    return UnlabeledPictures(images, folder.labels, names, folder.describe(), files)


def load_to_draw(source: Source, seed: int, side: int) -> image_sets.ImageSet:
    """Loads images that a generator shall learn to draw, in three parts.

    Args:
        source: A set of `image_sets.load`, or a folder of at least 100 pictures.
        seed: Of the split.
        side: Height and width in pixels that pictures of a folder, and larger ones of a set, are stretched
            to; a multiple of 4, as generators double a quarter of it twice.

    Returns:
        The images, with one channel where none of them has a color.

    Raises:
        ValueError: As of `image_sets.load`; too few pictures, or another side.
    """
    if side < 8 or side % 4:
        raise ValueError(f"expected a side that is a multiple of 4 from 8 on, received {side}; try 32")
    data = image_sets.load(source, seed, labeled=False, largest=side)
    total = sum(map(len, data.images.values()))
    if source.path and total < LEAST_TO_DRAW:
        raise ValueError(
            f"expected at least {LEAST_TO_DRAW} pictures in {data.source} to learn to draw such, received "
            f"{total}{with_first(data.aside)}; add pictures"
        )
    if any(np.any(images != images[..., :1]) for images in data.images.values()):
        return data
    return dataclasses.replace(data, images={part: each[..., :1] for part, each in data.images.items()})


def read_like(path: str | os.PathLike[str], images: np.ndarray) -> np.ndarray:
    """Reads a picture of the user's in the way in which those of a set are.

    A color picture is stretched to their size. For a set of gray images it is taken as one dark thing on
    bright ground, or the reverse: the thing becomes bright on black, in the middle, as large as theirs are.

    Args:
        path: As of `decode`.
        images: The set, `(n, height, width, channels)` uint8, with 1 or 3 channels.

    Returns:
        `(height, width, channels)` uint8.

    Raises:
        ValueError: It cannot be decoded; or it is to be gray, and has one brightness all over.
    """
    height, width, channels = images.shape[1:]
    if channels == 3:
        return load_image(path, (height, width))
    gray = np.asarray(Image.fromarray(decode(path)).convert("L"), np.float32)
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    bright = np.abs(gray - np.median(border))  # the thing, whichever of the two it is
    if bright.max() < _LEAST_CONTRAST:
        raise ValueError(
            f"expected a picture of something on a ground of another brightness, received "
            f"{os.fspath(path)!r}, which is alike all over; take one with more contrast"
        )
    bright = np.where(bright > threshold_otsu(bright), bright, 0)
    rows, columns = (np.flatnonzero(bright.max(axis=axis)) for axis in (1, 0))
    thing = bright[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] * (255 / bright.max())
    share = _thing_side(images) / max(thing.shape)
    size = [max(1, round(share * side)) for side in thing.shape]
    small = np.array(Image.fromarray(thing).resize(size[::-1], Image.Resampling.BOX))
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    drawn = np.zeros((height, width), np.uint8)
    drawn[top : top + size[0], left : left + size[1]] = np.rint(small * (255 / small.max()))
    return drawn[..., None]


def _thing_side(images: np.ndarray) -> int:
    """The longer side, in pixels, of what is not dark: the median over gray images."""
    is_bright = images[..., 0] > 63
    spans = [is_bright.any(axis=axis).sum(axis=1) for axis in (2, 1)]
    return int(np.median(np.maximum(*spans)))
