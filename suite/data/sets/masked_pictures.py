"""The pictures of a user's folder with their masks, read into stores, however few there are."""

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from suite.data.folders import companions, paired, part_lists, scan
from suite.data.folders.folder_pairs import parts_of
from suite.data.folders.instance_masks import find_instance_masks, read_things
from suite.data.folders.mask_classes import IGNORED, Meaning, find_meaning, unknown
from suite.data.folders.mask_colors import find_colors, find_index_names
from suite.data.folders.mask_files import find_masks, match_masks
from suite.data.folders.mask_values import RawMask, Value, read_mask
from suite.data.folders.scan import Picture
from suite.data.pictures.images import load_image, upright_size
from suite.data.set_aside import SetAside, UnusableError, counted, with_reasons
from suite.data.sets.picture_set import Store

_EXPECTED = "a folder with images/ and masks/"


class MaskContent(NamedTuple):
    """What was read of a picture and its mask.

    Attributes:
        row: Of the stores.
        values: Of the mask, before it was stretched.
        is_lossy: Whether its grays were taken for black or white.
        is_larger: Whether it is larger than its picture, of the same shape.
    """

    row: int
    values: frozenset[Value]
    is_lossy: bool
    is_larger: bool = False


class MaskedPictures(NamedTuple):
    """The sound pictures of a folder with their masks, however few.

    Attributes:
        pictures: Each with its row in `images` and `masks`.
        images: `(height, width, 3)` uint8 each.
        masks: `(height, width)` uint8 each, labels or 255.
        classes: Names by label, of those that have a pixel.
        aside: What is set aside.
        notes: What was assumed of the values.
        parts: Those that the folder has.
        read: The files that were read.
    """

    pictures: list[Picture[MaskContent]]
    images: Store
    masks: Store
    classes: tuple[str, ...]
    aside: list[SetAside]
    notes: tuple[str, ...]
    parts: set[str]
    read: set[Path]


def read_masked_pictures(
    root: Path,
    size: tuple[int, int],
    work: str | os.PathLike[str] | None = None,
    ignore: Sequence[str] = (),
) -> MaskedPictures:
    """Reads the pictures of a folder with their masks, in the parts that it has.

    Args:
        root: As the directory of `read_segmentation_folder`.
        size: As there.
        work: As there.
        ignore: As there.

    Raises:
        ValueError: There is no such folder, no masks, more than 64 classes that no file names, or nothing in
            the masks is what `ignore` says.
    """
    paired.check_folder(root, _EXPECTED)
    found = _find(root)
    files, aside, parts, lists = found.files, found.aside, found.parts, set[Path]()
    if parts == {"train"}:
        files, parts, lists = part_lists.divide(root, files, aside, part_lists.OF_MASKS)
    reader = _Reader(files, found.mask_of, size, Path(work) if work else None)
    pictures, unreadable = scan.inspect_files(files, root, reader.read, "Reading pictures and masks")
    aside += unreadable
    meaning, read = _find_meaning(
        root, found, [picture.content.values for picture in pictures], aside, ignore
    )
    wrong = {picture: why for picture in pictures if (why := unknown(picture.content.values, meaning))}
    usable = [picture for picture in pictures if picture not in wrong]
    aside += [SetAside(picture.file, why) for picture, why in wrong.items()]
    reader.name_labels([picture.content.row for picture in usable], meaning)
    return MaskedPictures(
        usable, reader.images, reader.labels, meaning.classes, aside, meaning.notes, parts,
        {*read, *lists, *found.read},
    )  # fmt: skip


class _Found(NamedTuple):
    """Where the masks of a folder are.

    Attributes:
        files: The pictures that have one, with their parts.
        mask_of: Reads that of a picture.
        parts: Those that the folder has.
        aside: What stands alone.
        read: The pictures and the masks.
        folders: Of masks, where a file may say what their values mean.
        classes: Names by value, where the names of masks say them.
        notes: What was assumed, a sentence each.
    """

    files: list[tuple[Path, str]]
    mask_of: Callable[[Path], RawMask]
    parts: set[str]
    aside: list[SetAside]
    read: set[Path]
    folders: set[Path]
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _find(root: Path) -> _Found:
    things = find_instance_masks(root)
    if things:
        photos = counted(len(things.files), "photo")
        note = f"{counted(things.total, 'mask')} of single things in {photos} are painted as their class"
        return _Found(
            things.files, lambda path: read_things(things.masks_of[path]), {part for _, part in things.files},
            things.aside, things.read, set(), things.classes, (note,),
        )  # fmt: skip
    pairs = find_masks(root)
    if not pairs:
        raise ValueError(
            f"expected images/ and masks/ in {str(root)!r}, received {paired.contents(root)}; put the "
            "pictures in images/ and the mask of each, a PNG of the same name, in masks/"
        )
    files, mask_of, aside = match_masks(root, pairs)
    return _Found(
        files, lambda path: read_mask(mask_of[path]), parts_of(pairs), aside, {*mask_of, *mask_of.values()},
        {pair.others for pair in pairs},
    )  # fmt: skip


def _find_meaning(
    root: Path,
    found: _Found,
    masks: Sequence[frozenset[Value]],
    aside: Sequence[SetAside],
    ignore: Sequence[str],
) -> tuple[Meaning, set[Path]]:
    """What the values of masks mean, and the files that say it."""
    if found.classes:
        meaning = find_meaning(masks, found.classes, (), "", ignore)
        return meaning._replace(notes=(*found.notes, *meaning.notes)), {companions.child(root, "classes.txt")}
    listed, colors = find_colors(root, found.folders)
    names_file = companions.child(root, "classes.txt")
    names = () if listed == names_file else paired.read_names(names_file)
    if not names and not colors:
        names_file, names = find_index_names(root, found.folders)
    try:
        meaning = find_meaning(masks, names, colors, listed.name if listed else "", ignore)
    except ValueError as error:
        raise ValueError(f"{error}{with_reasons(aside)}") from error
    return meaning, {names_file, *([listed] if listed else [])}


def _is_larger(mask: tuple[int, ...], picture: tuple[int, int]) -> bool:
    """Whether a mask was made of the picture before that was shrunk: the same shape but for a pixel."""
    return mask > picture and abs(mask[0] * picture[1] - mask[1] * picture[0]) <= max(mask)


class _Reader:
    """Reads pictures and masks into stores; values of masks are numbered until they have a meaning."""

    def __init__(
        self,
        files: Sequence[tuple[Path, str]],
        mask_of: Callable[[Path], RawMask],
        size: tuple[int, int],
        work: Path | None,
    ):
        self.images, self.labels = Store(len(files), (*size, 3), work), Store(len(files), size, work)
        self._numbers = Store(len(files), size, work, np.uint16)
        self._size, self._mask_of = size, mask_of
        self._row_of = {path: row for row, (path, _) in enumerate(files)}
        self._number_of: dict[Value, int] = {}
        self._lock = threading.Lock()

    def read(self, path: Path) -> MaskContent:
        """Reads a picture and its mask; threads may at once."""
        row = self._row_of[path]
        self.images.write(row, load_image(path, self._size))
        mask = self._mask_of(path)
        height, width = upright_size(path)
        is_larger = _is_larger(mask.numbers.shape, (height, width))
        if mask.numbers.shape != (height, width) and not is_larger:
            raise UnusableError(
                f"{width} x {height} pixels upright, but its mask is {mask.numbers.shape[1]} x "
                f"{mask.numbers.shape[0]}; save the mask at the size of the image"
            )
        with self._lock:
            known = [
                self._number_of.setdefault(value, len(self._number_of)) for value in mask.values.values()
            ]
        stretched = Image.fromarray(mask.numbers).resize(self._size[::-1], Image.Resampling.NEAREST)
        places = np.searchsorted(np.array(list(mask.values)), np.asarray(stretched))
        self._numbers.write(row, np.array(known, np.uint16)[places])
        return MaskContent(row, frozenset(mask.values.values()), mask.is_lossy, is_larger)

    def name_labels(self, rows: Sequence[int], meaning: Meaning) -> None:
        """Writes the labels of masks, of which all values are known."""
        table = np.array([meaning.label_of.get(value, IGNORED) for value in self._number_of], np.uint8)
        for row in rows:
            self.labels.write(row, table[self._numbers[row]])
