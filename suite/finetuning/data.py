"""What fine-tuning reads: the images of a folder, split, at the size that the backbone takes."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from suite import console
from suite.data.folders.labeled import ImageFolder, read_folder
from suite.data.folders.labeling import UNSAID, Labeling
from suite.data.folders.shards import find_shards, read_shards
from suite.data.generated.textures import write_textures
from suite.data.pictures.image_source import ImageSource
from suite.data.row_file import RowFile
from suite.data.sets.tfds_images import write_image_dataset
from suite.runs.recipe import Context


def open_folder(context: Context, labeling: Labeling = UNSAID) -> ImageFolder:
    """Reads and splits the images of a run; prints what was found.

    Args:
        context: Its source is the texture photos where it is embedded, and tf_flowers where it is TFDS
            without a name.
        labeling: What says the classes of pictures in a folder of the user's.

    Returns:
        Classes and splits; what is no path is written below `context.folder`.

    Raises:
        ValueError: As `read_folder` and `read_shards`; or `labeling` says something of other data.
    """
    if context.source.path is not None:
        root = context.source.path
    elif context.source.is_embedded:
        root = write_textures(context.folder / "textures", context.seed)
    else:
        name = context.source.name or "tf_flowers"
        root = write_image_dataset(name, context.folder / name)
    is_sharded = bool(find_shards(root))
    if labeling != UNSAID and (is_sharded or context.source.path is None):
        raise ValueError(
            "expected label_column, depth and class_from_name with a folder of pictures, received "
            f"{'TFRecord files' if is_sharded else f'--data {context.source}'}; leave them out"
        )
    folder = (
        read_shards(root, context.seed) if is_sharded else read_folder(root, context.seed, labeling=labeling)
    )
    for part, files in folder.splits.items():
        if files:
            console.say(f"found {len(files)} images in {len({label for _, label in files})} classes ({part})")
    return folder


def image_source(
    folder: ImageFolder,
    part: str,
    backbone: keras.Model,
    work: Path,
    load: Callable[[str, tuple[int, int]], np.ndarray] | None = None,
) -> ImageSource:
    """Opens a part of the folder at the size that the backbone takes.

    Args:
        folder: From `open_folder`.
        part: "train", "validation" or "test".
        backbone: Takes `(batch, height, width, 3)`.
        work: Where decoded pictures are kept.
        load: In place of the folder's own.
    """
    files = [os.path.join(folder.root, file) for file, _ in folder.splits[part]]
    labels = [label for _, label in folder.splits[part]]
    return ImageSource(files, labels, backbone.input_shape[1:3], load=load or folder.load, folder=work)


def images_on_disk(source: ImageSource, path: Path) -> RowFile:
    """Decodes every image of a part into a file `(n, height, width, 3)` uint8."""
    images = RowFile.create(path, (len(source), *source.shape), np.uint8)
    for index in range(len(source)):
        images.write(index, source.image(index)[None])
    return images


def describe(folder: ImageFolder) -> dict[str, Any]:
    """What `Result.data` says of the folder."""
    counts = {part: len(files) for part, files in folder.splits.items()}
    per_class = Counter(folder.classes[label] for files in folder.splits.values() for _, label in files)
    return {
        "classes": list(folder.classes),
        **counts,
        "images_per_class": dict(per_class),
        "quarantined": list(folder.quarantined),
        "files": {file: part for part, files in folder.splits.items() for file, _ in files},
    } | ({"notes": list(folder.notes)} if folder.notes else {})
