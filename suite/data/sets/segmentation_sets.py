"""Pictures with a class for every pixel: drawn scenes, Oxford-IIIT Pet, or a user's folder."""

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ImageOps

from suite.data.folders import companions, paired, scan
from suite.data.folders.folder_pairs import parts_of
from suite.data.folders.mask_files import find_masks, match_masks
from suite.data.folders.scan import Picture
from suite.data.generated.scenes import COUNTS, SHAPES, class_masks, draw_scenes
from suite.data.pictures.images import load_image, open_picture, upright_size
from suite.data.set_aside import SetAside, UnusableError
from suite.data.sets.picture_set import PictureSet, parts_of_files, stack
from suite.data.sets.tfds_images import split_training, tfds_builder, tfds_examples
from suite.data.source import Source
from suite.data.splits import SPLITS

IGNORED = 255  # a pixel of no class

_EXPECTED = "a folder with images/ and masks/"

_MOST_UNNAMED = 64  # classes without a classes.txt; more are the grays of a smoothed mask

_PET_CLASSES = ("background", "pet")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SegmentationSet(PictureSet):
    """Pictures with masks, split; the background is a class.

    Attributes:
        masks: Per part: `(n, height, width)` uint8 in [0, number of classes), or 255 for pixels of no class.
    """

    masks: Mapping[str, np.ndarray]


class _Mask(NamedTuple):
    labels: np.ndarray  # (height, width) uint8, stretched
    values: frozenset[int]  # before stretching
    is_gray: bool


def load(source: Source, seed: int, size: tuple[int, int]) -> SegmentationSet:
    """Loads what `--data` names.

    Args:
        source: Embedded is drawn scenes, TFDS is Oxford-IIIT Pet, a path that of a folder.
        seed: Of the scenes, or of the split.
        size: `(height, width)` in pixels that every picture and mask is stretched to.

    Returns:
        The set.

    Raises:
        ValueError: As for `read_segmentation_folder`, or a TFDS set that cannot be had.
    """
    return source.load(
        embedded=lambda: draw_segmentation_set(seed, size),
        tfds={"oxford_iiit_pet": lambda: load_pets(seed, size)},
        path=lambda path: read_segmentation_folder(path, seed, size),
    )


def load_pets(seed: int, size: tuple[int, int]) -> SegmentationSet:
    """Oxford-IIIT Pet: 7,349 cats and dogs; the pixels along their outline are of no class.

    Its test part is its own; a tenth of its training part, at random, becomes the validation part.

    Reference:
        Parkhi, Vedaldi, Zisserman, Jawahar (2012), Cats and Dogs.
    """
    builder = tfds_builder("oxford_iiit_pet")
    table = np.full(256, IGNORED, np.uint8)
    table[[1, 2]] = 1, 0  # pet, background; 3 is the outline
    images, masks = {}, {}
    for split in ("train", "test"):
        pairs = [
            (
                paired.stretch(example["image"], size),
                paired.stretch(table[example["segmentation_mask"][..., 0]], size, is_mask=True),
            )
            for example in tfds_examples(builder, split)
        ]
        images[split], masks[split] = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
    train, validation = split_training(len(images["train"]), seed)
    for arrays in (images, masks):
        arrays["train"], arrays["validation"] = arrays["train"][train], arrays["train"][validation]
    return SegmentationSet(images=images, masks=masks, classes=_PET_CLASSES, source="oxford_iiit_pet")


def read_segmentation_folder(
    directory: str | os.PathLike[str], seed: int, size: tuple[int, int]
) -> SegmentationSet:
    """Reads a folder with images/ and masks/; a mask has the name of its picture but for ending and case.

    A mask is a PNG, in gray or with a palette, whose values are class indices, or 255 for pixels of no class.
    Where all masks are gray with 0 and 255 alone (and `classes.txt` names no more than two classes), 255 is
    class 1. `classes.txt` names the classes, one a line from index 0; without it they are "background",
    "class 1", .... train/, validation/ and test/ may stand above or inside images/ and masks/; parts that
    are missing are split off train, 15 % of its pictures each. Nothing in the folder is changed.

    Args:
        directory: The folder.
        seed: Of the split.
        size: `(height, width)` in pixels: pictures are stretched bilinearly, masks to the nearest.

    Returns:
        The set, with everything that was set aside.

    Raises:
        ValueError: There is no such folder, no images/ or masks/, too few usable pictures, or masks without
            `classes.txt` that would have more than 64 classes.
    """
    root = Path(directory)
    paired.check_folder(root, _EXPECTED)
    pairs = find_masks(root)
    if not pairs:
        raise ValueError(
            f"expected images/ and masks/ in {str(root)!r}, received {paired.contents(root)}; put the "
            "pictures in images/ and the mask of each, a PNG of the same name, in masks/"
        )
    files, mask_of, aside = match_masks(root, pairs)
    pictures, unreadable = scan.inspect_files(
        files, root, lambda path: _read_pair(path, mask_of[path], size), "Reading pictures and masks"
    )
    names_file = companions.child(root, "classes.txt")
    names = paired.read_names(names_file)
    resolved, wrong, classes = _resolve(pictures, names)
    parts, aside = paired.divide(resolved, parts_of(pairs), root, seed, [*aside, *unreadable, *wrong])
    return SegmentationSet(
        images={part: stack([p.content[0] for p in parts[part]], (*size, 3)) for part in SPLITS},
        masks={part: stack([p.content[1] for p in parts[part]], size) for part in SPLITS},
        classes=classes,
        source=str(root),
        quarantined=tuple(sorted(aside, key=attrgetter("file"))),
        files=parts_of_files(parts),
        unread=companions.unread(root, {names_file, *mask_of, *mask_of.values()}, aside),
    )


def _read_pair(path: Path, mask_path: Path, size: tuple[int, int]) -> tuple[np.ndarray, _Mask]:
    pixels = load_image(path, size)
    mask, is_gray = _read_mask(mask_path)
    height, width = upright_size(path)
    if mask.shape != (height, width):
        raise UnusableError(
            f"{width} x {height} pixels upright, but its mask is {mask.shape[1]} x {mask.shape[0]}; save the "
            "mask at the size of the image"
        )
    values = frozenset(np.unique(mask).tolist())
    return pixels, _Mask(paired.stretch(mask, size, is_mask=True), values, is_gray)


def _read_mask(path: Path) -> tuple[np.ndarray, bool]:
    """`(height, width)` uint8 values of a mask, and whether they are grays, not indices of a palette."""
    mend = "save it as a PNG with a palette or in gray whose values are the class indices"
    try:
        with open_picture(path) as image:
            kind, mode = image.format, image.mode
            if kind != "PNG":
                lossy = ", which changes labels" if kind in ("JPEG", "WEBP") else ""
                raise UnusableError(f"its mask is a {kind}{lossy}; {mend}")
            if mode not in ("1", "L", "P") and not mode.startswith("I"):
                raise UnusableError(f"its mask has {mode} colors, not class indices; {mend}")
            if image.tile[0].args in ("L;2", "L;4"):  # Pillow would spread them over 0 to 255
                raise UnusableError(
                    "its mask is gray of 2 or 4 bits; save it in gray of 8 bits or with a palette"
                )
            image.load()
            values = np.asarray(ImageOps.exif_transpose(image))
    except UnusableError:
        raise
    except Exception as error:  # a broken file can raise anything from inside Pillow
        raise UnusableError(f"its mask cannot be decoded; {mend}") from error
    if values.min() < 0 or values.max() > IGNORED:
        raise UnusableError(f"its mask has values up to {values.max()}; class indices are at most 254")
    return values.astype(np.uint8), mode in ("L", "I", "I;16")


def _resolve(
    pictures: Sequence[Picture[tuple[np.ndarray, _Mask]]], names: tuple[str, ...]
) -> tuple[list[Picture[tuple[np.ndarray, np.ndarray]]], list[SetAside], tuple[str, ...]]:
    """Decides what the values of the masks mean; sets aside what has no meaning."""
    masks = [picture.content[1] for picture in pictures]
    is_binary = len(names) <= 2 and _are_binary(masks)
    used = {value for mask in masks for value in mask.values} - {IGNORED} | ({1} if is_binary else set())
    classes = names or _default_names(max(used, default=0) + 1, is_binary)
    kept, aside = [], []
    for picture in pictures:
        image, mask = picture.content
        values, labels = mask.values, mask.labels
        if is_binary and mask.is_gray:
            values, labels = frozenset(value and 1 for value in values), np.minimum(labels, 1)
        reason = _reason(values, len(classes))
        if reason:
            aside.append(SetAside(picture.file, reason))
        else:
            kept.append(Picture(picture.file, picture.part, (image, labels), picture.digest))
    return kept, aside, classes


def _are_binary(masks: Sequence[_Mask]) -> bool:
    """Whether all masks are black and white: gray with 0 and 255 alone, or of 1 bit."""
    gray = [mask for mask in masks if mask.is_gray]
    return (
        any(IGNORED in mask.values for mask in gray)
        and all(mask.values <= {0, IGNORED} for mask in gray)
        and all(mask.values <= {0, 1} for mask in masks if not mask.is_gray)
    )


def _default_names(count: int, is_binary: bool) -> tuple[str, ...]:
    if count > _MOST_UNNAMED:
        raise ValueError(
            f"expected at most {_MOST_UNNAMED} classes in masks without a classes.txt, received the class "
            f"index {count - 1}; name the classes in classes.txt, or save masks without smoothing"
        )
    others = ("foreground",) if is_binary else tuple(f"class {label}" for label in range(1, count))
    return ("background", *others)


def _reason(values: Iterable[int], count: int) -> str:
    labels = set(values) - {IGNORED}
    if not labels:
        return "its mask has only ignored pixels (255)"
    if max(labels) >= count:
        return f"its mask has class {max(labels)}, but classes.txt names {count} (0 to {count - 1})"
    return ""


def draw_segmentation_set(seed: int, size: tuple[int, int]) -> SegmentationSet:
    """Draws a `SegmentationSet` of `COUNTS` scenes a part; classes are the background and `SHAPES`."""
    drawings = {part: draw_scenes(part, count, seed, size) for part, count in COUNTS.items()}
    return SegmentationSet(
        images={part: drawing.images for part, drawing in drawings.items()},
        masks={part: class_masks(drawing) for part, drawing in drawings.items()},
        classes=("background", *SHAPES),
        source="scenes",
    )
