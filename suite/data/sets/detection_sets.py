"""Pictures with labeled boxes: drawn scenes, Pascal VOC 2007, or a user's folder in one of many forms."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from suite.data.folders import companions, paired, scan
from suite.data.folders.box_files import drop_unused, list_boxes, read_all_boxes
from suite.data.folders.boxes import Boxes, Listing
from suite.data.folders.scan import Picture
from suite.data.generated.scenes import COUNTS, SHAPES, boxes, draw_scenes
from suite.data.pictures.images import load_image
from suite.data.set_aside import SetAside, UnusableError, printable
from suite.data.sets.picture_set import PictureSet, Store, parts_of_files, stack
from suite.data.sets.tfds_images import tfds_builder, tfds_examples
from suite.data.source import Source
from suite.data.splits import SPLITS

_EXPECTED = "a folder of pictures with boxes"


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class DetectionSet(PictureSet):
    """Pictures with boxes, split. A picture may have no box; the background is no class.

    Attributes:
        boxes: Per part, a picture: `(m, 4)` float32 of (top, left, bottom, right) in [0, 1].
        labels: Per part, a picture: `(m,)` int64 in [0, number of classes).
        is_crowd: Per part, a picture: `(m,)` bool, boxes that are neither asked for nor held against a
            detection in evaluation.
    """

    boxes: Mapping[str, list[np.ndarray]]
    labels: Mapping[str, list[np.ndarray]]
    is_crowd: Mapping[str, list[np.ndarray]]


def load(source: Source, seed: int, size: tuple[int, int], most: int = COUNTS["train"]) -> DetectionSet:
    """Loads what `--data` names.

    Args:
        source: Embedded is drawn scenes, TFDS is Pascal VOC 2007, a path that of a folder.
        seed: Of the scenes, or of the split; VOC has its own.
        size: `(height, width)` in pixels that every picture is stretched to.
        most: Scenes that are drawn for a part, at most.

    Returns:
        The set.

    Raises:
        ValueError: As for `read_detection_folder`, or a TFDS set that cannot be had.
    """
    return source.load(
        embedded=lambda: draw_detection_set(seed, size, most=most),
        tfds={"voc/2007": lambda: load_voc(size)},
        path=lambda path: read_detection_folder(path, seed, size),
    )


def load_voc(size: tuple[int, int]) -> DetectionSet:
    """Pascal VOC 2007: 9,963 photos, 20 classes, with its own three parts.

    Objects marked difficult are no crowds, but VOC's evaluation neither asks for them nor counts a detection
    of them as wrong, so `is_crowd` holds for them.

    Reference:
        Everingham, Van Gool, Williams, Winn, Zisserman (2010), The Pascal Visual Object Classes Challenge.
    """
    builder = tfds_builder("voc/2007")
    images: dict[str, list[np.ndarray]] = {part: [] for part in SPLITS}
    rows: dict[str, list[Boxes]] = {part: [] for part in SPLITS}
    for part in SPLITS:
        for example in tfds_examples(builder, part):
            images[part].append(paired.stretch(example["image"], size))
            found = example["objects"]
            rows[part].append(Boxes.of(found["bbox"], found["label"], found["is_difficult"]))
    names = tuple(builder.info.features["objects"]["label"].names)
    stacked = {part: stack(images[part], (*size, 3)) for part in SPLITS}
    return _make(stacked, rows, classes=names, source="voc/2007")


def read_detection_folder(
    directory: str | os.PathLike[str],
    seed: int,
    size: tuple[int, int] | Callable[[Sequence[Boxes]], tuple[int, int]],
    work: str | os.PathLike[str] | None = None,
) -> DetectionSet:
    """Reads a folder of pictures with boxes in a form of `box_files.FORMS`. Nothing in it is changed.

    YOLO: images/ and labels/, where a picture and its label file have the same name but for the ending, with
    train/, val/ and test/ above or inside them. A line is `class cx cy w h`, relative to the picture, or a
    class and the corners of a polygon; a picture without a label file, or with an empty one, has no boxes,
    and `notes` say so. Names are in classes.txt or the `names` of data.yaml.

    COCO: one or more JSON files with images, annotations and categories (of `instances_*.json` and others,
    only the former), in annotations/, in the root, or in train/, valid/ and test/; the part is in the name of
    the file or of its folder. Pictures lie anywhere in the folder. Boxes are `[x, y, w, h]` in pixels.

    Pascal VOC: JPEGImages/ and Annotations/ with an XML file a picture, or images/ and annotations/, or both
    in train/, valid/ and test/; ImageSets/Main may divide them. Objects marked difficult are crowds here.

    A picture with a wrong annotation is set aside as a whole, because a thing without its box would be
    learned as background; of a box without area nothing would be, so that it alone is left out. A box may
    reach over the border by 1 % of the side, and is clipped. Classes without a box are left out, and `notes`
    say so. Parts that are missing are split off train, 15 % of its pictures each.

    Args:
        directory: The folder.
        seed: Of the split.
        size: `(height, width)` in pixels that every picture is stretched to; or what gives it for the boxes
            of all pictures, before one is decoded.
        work: Folder of a file that has the decoded pictures, so that memory does not grow with them; it has
            no name and goes with the process. None: they are in memory.

    Returns:
        The set, with everything that was set aside.

    Raises:
        ValueError: There is no such folder, no annotations or class names in it, too few usable pictures, or
            no box in those for train or test.
    """
    root = Path(directory)
    found = read_boxed_pictures(root, size, work)
    parts, aside = paired.divide(found.pictures, found.listing.parts, root, seed, found.aside)
    rows = {part: [picture.content[1] for picture in parts[part]] for part in SPLITS}
    quarantined = tuple(sorted(aside, key=attrgetter("file")))
    notes = paired.remarks([(p.file, p.content[1].remarks) for part in SPLITS for p in parts[part]])
    _check_boxes(root, rows, quarantined, notes)
    read = {*found.listing.read, *(path for path, _ in found.listing.files)}
    return _make(
        {part: found.images.take([picture.content[0] for picture in parts[part]]) for part in SPLITS},
        rows,
        classes=found.classes,
        source=str(root),
        quarantined=quarantined,
        files=parts_of_files(parts),
        notes=(*notes, *found.notes),
        unread=companions.unread(root, read, quarantined),
    )


class BoxedPictures(NamedTuple):
    """The sound pictures of a folder with their boxes, however few.

    Attributes:
        pictures: Each with its row in `images` and its boxes.
        images: `(height, width, 3)` uint8 each.
        classes: Names by label, of those that have a box.
        aside: What is set aside.
        notes: What was assumed of the classes.
        listing: Of the folder.
    """

    pictures: list[Picture[tuple[int, Boxes]]]
    images: Store
    classes: tuple[str, ...]
    aside: list[SetAside]
    notes: tuple[str, ...]
    listing: Listing


def read_boxed_pictures(
    root: Path,
    size: tuple[int, int] | Callable[[Sequence[Boxes]], tuple[int, int]],
    work: str | os.PathLike[str] | None = None,
) -> BoxedPictures:
    """Reads the pictures of a folder with their boxes, in the parts that it has.

    Args:
        root: As the directory of `read_detection_folder`.
        size: As there.
        work: As there.

    Raises:
        ValueError: There is no such folder, or no annotations or class names in it.
    """
    paired.check_folder(root, _EXPECTED)
    listing = list_boxes(root)
    classes, notes, boxes_of = drop_unused(listing.classes, read_all_boxes(root, listing))
    if not isinstance(size, tuple):
        size = size([boxes for boxes in boxes_of.values() if isinstance(boxes, Boxes)])
    pictures, unreadable, images = _decode(root, listing, boxes_of, size, Path(work) if work else None)
    return BoxedPictures(pictures, images, classes, [*listing.aside, *unreadable], notes, listing)


def _decode(
    root: Path,
    listing: Listing,
    boxes_of: Mapping[Path, Boxes | Exception],
    size: tuple[int, int],
    work: Path | None,
) -> tuple[list[Picture[tuple[int, Boxes]]], list[SetAside], Store]:
    """The sound pictures, with the row of each in the store, and what is none."""
    store = Store(len(listing.files), (*size, 3), work)
    row_of = {path: row for row, (path, _) in enumerate(listing.files)}

    def read(path: Path) -> tuple[int, Boxes]:
        boxes = boxes_of[path]
        if isinstance(boxes, UnusableError):
            raise boxes
        store.write(row_of[path], load_image(path, size))
        if isinstance(boxes, Exception):
            raise boxes
        return row_of[path], boxes

    pictures, unreadable = scan.inspect_files(listing.files, root, read, "Reading pictures and boxes")
    return pictures, unreadable, store


def _check_boxes(
    root: Path, rows: Mapping[str, Sequence[Boxes]], aside: Sequence[SetAside], notes: Sequence[str]
) -> None:
    """Refuses pictures to train on, or to measure on, that have no box."""
    for part in ("train", "test"):
        if any((~boxes.is_crowd).any() for boxes in rows[part]):
            continue
        first = [printable(f"{entry.file}: {entry.reason}") for entry in aside[:2]]
        why = f" ({'; '.join([*notes[:2], *first])})" if notes or first else ""
        raise ValueError(
            f"expected boxes in the {part} pictures of {str(root)!r}, received none in {len(rows[part])} "
            f"pictures{why}; check that the annotations belong to these pictures, or add annotated ones"
        )


def _make(
    images: Mapping[str, np.ndarray], rows: Mapping[str, Sequence[Boxes]], **about: Any
) -> DetectionSet:
    def column(name: str) -> dict[str, list[np.ndarray]]:
        return {part: [getattr(boxes, name) for boxes in rows[part]] for part in SPLITS}

    return DetectionSet(
        images=images,
        boxes=column("boxes"),
        labels=column("labels"),
        is_crowd=column("is_crowd"),
        **about,
    )


def draw_detection_set(
    seed: int, size: tuple[int, int], things: tuple[int, int] = (1, 3), most: int = COUNTS["train"]
) -> DetectionSet:
    """Draws a `DetectionSet` of `COUNTS` scenes a part, with `things[0]` to `things[1]` boxes each.

    Args:
        seed: Of the drawing; each part has draws of its own.
        size: `(height, width)` of a scene in pixels.
        things: Least and most of them in a scene.
        most: Scenes that are drawn for a part, at most.
    """
    drawings = {
        part: draw_scenes(part, min(count, most), seed, size, things) for part, count in COUNTS.items()
    }
    found = {part: boxes(drawing) for part, drawing in drawings.items()}
    return DetectionSet(
        images={part: drawing.images for part, drawing in drawings.items()},
        boxes={part: pair[0] for part, pair in found.items()},
        labels={part: pair[1] for part, pair in found.items()},
        is_crowd={part: [np.zeros(len(rows), bool) for rows in pair[1]] for part, pair in found.items()},
        classes=SHAPES,
        source="scenes",
    )
