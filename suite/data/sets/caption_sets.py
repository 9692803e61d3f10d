"""Pictures with captions: drawn scenes, COCO, or a user's folder, see `suite.data.folders.captions`."""

import dataclasses
import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from suite.data.folders import paired, scan
from suite.data.folders.captions import EXPECTED, find_table, read_captions
from suite.data.generated import scenes
from suite.data.generated.scenes import Scene
from suite.data.pictures.images import load_image
from suite.data.sets.picture_set import PictureSet, parts_of_files, stack
from suite.data.sets.tfds_images import tfds_builder, tfds_examples
from suite.data.source import Source
from suite.data.splits import SPLITS

COUNTS = {"train": 12000, "validation": 300, "test": 500}  # scenes
LEAST_GAP = 0.08  # between the centers of two things, as a share of the width: less is no order
MOST_CUT_OFF = 0.2  # of a thing's reach, by the border: a triangle without its corners is none


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class CaptionSet(PictureSet):
    """Pictures with one caption or more, split.

    Attributes:
        captions: Per part, a picture: its captions, at least one.
    """

    captions: Mapping[str, Sequence[tuple[str, ...]]]


def load(source: Source, seed: int, size: tuple[int, int], most: int) -> CaptionSet:
    """Loads what `--data` names.

    Args:
        source: Embedded is drawn scenes, TFDS is coco_captions, a path that of a folder.
        seed: Of the scenes, or of the split; COCO has its own.
        size: `(height, width)` in pixels that every picture is stretched to.
        most: Scenes that are drawn or photos of COCO that are read for a part, at most; all photos would not
            fit in memory.

    Raises:
        ValueError: As for `read_caption_folder`, or a TFDS set that cannot be had.
    """
    counts = {part: min(count, most) for part, count in COUNTS.items()}
    return source.load(
        embedded=lambda: draw_captioned_scenes(seed, size, counts),
        tfds={"coco_captions": lambda: load_coco(size, most)},
        path=lambda path: read_caption_folder(path, seed, size),
    )


def draw_captioned_scenes(seed: int, size: tuple[int, int], counts: Mapping[str, int] = COUNTS) -> CaptionSet:
    """Draws scenes of one or two things, of new kinds in each part.

    A kind is a size, a color and a shape; there are 48. Validation and test keep four each to themselves, one
    of each shape. Every scene there has at least one thing of these kinds, and none that only the other part
    has. So every caption of the test is new, though all its words are known.

    Args:
        seed: Of the scenes, and of which kinds are held out.
        size: `(height, width)` in pixels.
        counts: Scenes of each part.
    """
    own = _kinds_of_parts(seed)

    def is_wanted(part: str, scene: Scene) -> bool:
        kinds = {(thing.size, thing.color, thing.shape) for thing in scene.things}
        strange = set().union(*own.values()) - own[part]
        is_right = not kinds & strange and (part == "train" or bool(kinds & own[part]))
        return is_right and _can_be_told(scene)

    images, captions = {}, {}
    for part, count in counts.items():
        drawing = scenes.draw_scenes(part, count, seed, size, (1, 2), functools.partial(is_wanted, part))
        images[part] = drawing.images
        captions[part] = [(scenes.describe(scene),) for scene in drawing.scenes]
    return CaptionSet(images=images, captions=captions, source="scenes")


def _can_be_told(scene: Scene) -> bool:
    """Whether the things' order from left to right and their outlines can be seen."""
    columns = sorted(thing.center[1] for thing in scene.things)
    reaches = [thing.radius * np.abs(scenes.outline(thing.shape)).max() for thing in scene.things]
    margins = [min(*thing.center, *(1 - np.array(thing.center))) for thing in scene.things]
    are_whole = np.array(margins) >= (1 - MOST_CUT_OFF) * np.array(reaches)
    return bool(are_whole.all() and np.all(np.diff(columns) >= LEAST_GAP))


def _kinds_of_parts(seed: int) -> dict[str, set[tuple[str, str, str]]]:
    """Kinds of things that only one part has."""
    colors = np.random.default_rng(seed).permutation(list(scenes.COLORS)).tolist()
    own: dict[str, set[tuple[str, str, str]]] = {part: set() for part in SPLITS}
    for index, shape in enumerate(scenes.SHAPES):
        first, second = ("small", "large") if index % 2 else ("large", "small")
        own["test"].add((first, colors[index], shape))
        own["validation"].add((second, colors[(index + 2) % len(colors)], shape))
    return own


def load_coco(size: tuple[int, int], most: int) -> CaptionSet:
    """COCO of 2014, split by Karpathy: 82,783, 5,000 and 5,000 photos, with five captions each.

    Args:
        size: `(height, width)` in pixels that every photo is stretched to.
        most: Photos of each part that are read, the first ones.

    Reference:
        Lin et al. (2014), Microsoft COCO, common objects in context. Karpathy, Fei-Fei (2015), Deep
        visual-semantic alignments for generating image descriptions: the split.
    """
    builder = tfds_builder("coco_captions")
    images: dict[str, list[np.ndarray]] = {part: [] for part in SPLITS}
    captions: dict[str, list[tuple[str, ...]]] = {part: [] for part in SPLITS}
    for part, split in zip(SPLITS, ("train", "val", "test"), strict=True):
        for example in tfds_examples(builder, split, most):
            images[part].append(paired.stretch(example["image"], size))
            captions[part].append(tuple(text.decode() for text in example["captions"]["text"]))
    arrays = {part: stack(rows, (*size, 3)) for part, rows in images.items()}
    return CaptionSet(images=arrays, captions=captions, source="coco_captions")


def read_caption_folder(directory: str | os.PathLike[str], seed: int, size: tuple[int, int]) -> CaptionSet:
    """Reads a folder of pictures with a table of captions. Nothing in it is changed.

    The table names a picture and a caption in each row; a picture with several captions has a row for each.
    See `suite.data.folders.captions` for where the pictures and the table may be, and for the owner's split.
    Without one, 15 % of the pictures each are split off for validation and test. Bad rows, pictures that
    cannot be decoded and pictures without a caption are set aside.

    Args:
        directory: The folder.
        seed: Of the split.
        size: `(height, width)` in pixels that every picture is stretched to.

    Raises:
        ValueError: There is no such folder, no table in it, or too few usable pictures.
    """
    root = Path(os.path.normpath(directory))
    paired.check_folder(root, EXPECTED)
    found = read_captions(find_table(root), root)
    given = set(found.parts.values())
    named = [(path, found.parts[path]) for path in found.captions]
    pictures, unreadable = scan.inspect_files(
        named, root, lambda path: load_image(path, size), "Reading pictures"
    )
    parts, aside = paired.divide(pictures, given, root, seed, [*found.aside, *unreadable])
    return CaptionSet(
        images={part: stack([each.content for each in parts[part]], (*size, 3)) for part in SPLITS},
        captions={part: [tuple(found.captions[root / each.file]) for each in parts[part]] for part in SPLITS},
        source=str(root),
        quarantined=tuple(aside),
        files=parts_of_files(parts),
    )
