"""Pictures with a class for every pixel: drawn scenes, Oxford-IIIT Pet, or a user's folder."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from operator import attrgetter
from pathlib import Path

import numpy as np

from suite.data.folders import companions, paired
from suite.data.folders.mask_classes import IGNORED
from suite.data.generated import tissue
from suite.data.generated.scenes import COUNTS, SHAPES, class_masks, draw_scenes
from suite.data.sets.masked_pictures import read_masked_pictures
from suite.data.sets.picture_set import PictureSet, Store, parts_of_files
from suite.data.sets.tfds_images import split_training, tfds_builder, tfds_examples
from suite.data.source import Source
from suite.data.splits import SPLITS

_LARGER = "with a larger mask of the same shape, which is shrunk"
_LOSSY = "with a mask in JPEG, whose grays are taken for black or white"

_PET_CLASSES = ("background", "pet")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class SegmentationSet(PictureSet):
    """Pictures with masks, split; the background is a class.

    Attributes:
        masks: Per part: `(n, height, width)` uint8 in [0, number of classes), or 255 for pixels of no class.
    """

    masks: Mapping[str, np.ndarray]


def load(source: Source, seed: int, size: tuple[int, int], most: int = COUNTS["train"]) -> SegmentationSet:
    """Loads what `--data` names.

    Args:
        source: Embedded is drawn scenes, TFDS is Oxford-IIIT Pet, a path that of a folder.
        seed: Of the scenes, or of the split.
        size: `(height, width)` in pixels that every picture and mask is stretched to.
        most: Scenes that are drawn for a part, at most.

    Returns:
        The set.

    Raises:
        ValueError: As for `read_segmentation_folder`, or a TFDS set that cannot be had.
    """
    return source.load(
        embedded=lambda: draw_segmentation_set(seed, size, most),
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
    directory: str | os.PathLike[str],
    seed: int,
    size: tuple[int, int],
    work: str | os.PathLike[str] | None = None,
    ignore: Sequence[str] = (),
) -> SegmentationSet:
    """Reads a folder of pictures and masks. Nothing in it is changed.

    A mask has the name of its picture but for the ending, the case and words such as `_mask`, `_label` and
    `_manual1`. Masks are beside the pictures, or in a folder of their own: images/ and masks/, image/ and
    label/, JPEGImages/ and SegmentationClass/, train/ and trainannot/, with parts above or inside them; parts
    that are missing are split off train, 15 % of its pictures each.

    Values in gray or of a palette are class indices, 255 no class. Where all masks have 0 and 255 alone (and
    `classes.txt` names no more than two classes), 255 is class 1. `classes.txt` names the classes, one a line
    from index 0; without it they are "background", "class 1", .... Where masks are colors, a text or JSON
    file lists them with the names of their classes, or else they are found. Gray levels that are far apart
    are classes, too. A class without a pixel is left out; one that is named void or ignore is none.

    Args:
        directory: The folder.
        seed: Of the split.
        size: `(height, width)` in pixels: pictures are stretched bilinearly, masks to the nearest.
        work: Folder of the files that have the decoded pictures and masks, so that memory does not grow with
            them; they have no names and go with the process. None: they are in memory.
        ignore: Names of classes, indices ("11") or colors ("#000000") whose pixels count for nothing.

    Returns:
        The set, with everything that was set aside.

    Raises:
        ValueError: There is no such folder, no masks, too few usable pictures, fewer than two classes, more
            than 64 that no file names, or nothing in the masks is what `ignore` says.
    """
    root = Path(directory)
    found = read_masked_pictures(root, size, work, ignore)
    parts, aside = paired.divide(found.pictures, found.parts, root, seed, found.aside)
    if len(found.classes) < 2:
        raise ValueError(
            f"expected pixels of at least two classes in the masks of {str(root)!r}, received "
            f"{' and '.join(map(repr, found.classes)) or 'none'} alone; check what their values stand for"
        )
    lossy = [(picture.file, (_LOSSY,)) for picture in found.pictures if picture.content.is_lossy]
    larger = [(picture.file, (_LARGER,)) for picture in found.pictures if picture.content.is_larger]
    rows = {part: [picture.content.row for picture in parts[part]] for part in SPLITS}
    return SegmentationSet(
        images={part: found.images.take(rows[part]) for part in SPLITS},
        masks={part: found.masks.take(rows[part]) for part in SPLITS},
        classes=found.classes,
        source=str(root),
        quarantined=tuple(sorted(aside, key=attrgetter("file"))),
        files=parts_of_files(parts),
        notes=(*found.notes, *paired.remarks([*lossy, *larger])),
        unread=companions.unread(root, found.read, aside),
    )


def stretched(data: SegmentationSet, side: int, work: str | os.PathLike[str]) -> SegmentationSet:
    """The same pictures and masks at another size.

    Args:
        data: A set.
        side: Height and width in pixels.
        work: As of `read_segmentation_folder`, for those of the new size.
    """
    if data.masks["train"].shape[1:] == (side, side):
        return data
    images, masks = {}, {}
    for part in SPLITS:
        count = len(data.masks[part])
        stores = [Store(count, shape, Path(work)) for shape in ((side, side, 3), (side, side))]
        for row in range(count):
            stores[0].write(row, paired.stretch(data.images[part][row], (side, side)))
            stores[1].write(row, paired.stretch(data.masks[part][row], (side, side), is_mask=True))
        images[part], masks[part] = (store.take(range(count)) for store in stores)
    return dataclasses.replace(data, images=images, masks=masks)


def draw_segmentation_set(seed: int, size: tuple[int, int], most: int = COUNTS["train"]) -> SegmentationSet:
    """Draws a `SegmentationSet` of `COUNTS` scenes a part; classes are the background and `SHAPES`.

    Args:
        seed: Of the drawing; each part has draws of its own.
        size: `(height, width)` of a scene in pixels.
        most: Scenes that are drawn for a part, at most.
    """
    drawings = {part: draw_scenes(part, min(count, most), seed, size) for part, count in COUNTS.items()}
    return SegmentationSet(
        images={part: drawing.images for part, drawing in drawings.items()},
        masks={part: class_masks(drawing) for part, drawing in drawings.items()},
        classes=("background", *SHAPES),
        source="scenes",
    )


def draw_tissue_set(seed: int, size: tuple[int, int], most: int) -> SegmentationSet:
    """Draws a `SegmentationSet` of cells and the thin membranes between them, `tissue.COUNTS` a part.

    Args:
        seed: Of the drawing; each part has draws of its own.
        size: `(height, width)` of an image in pixels.
        most: Images that are drawn for a part, at most.
    """
    drawn = {
        part: tissue.draw_tissue(part, min(count, most), seed, size) for part, count in tissue.COUNTS.items()
    }
    return SegmentationSet(
        images={part: images for part, (images, _) in drawn.items()},
        masks={part: masks for part, (_, masks) in drawn.items()},
        classes=tissue.CLASSES,
        source="tissue",
    )
