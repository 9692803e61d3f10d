"""Sets of TensorFlow Datasets: opened, read, and written as folders like a user's own."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from suite import console
from suite.data.splits import split_rows

_VALIDATION_SHARE = 0.1


def tfds_builder(name: str) -> Any:
    """A prepared TFDS set; read from `TFDS_DATA_DIR`, or downloaded.

    Raises:
        ValueError: It is neither prepared nor to be had from the network.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name)
        builder.download_and_prepare()
    except Exception as failure:  # the network fails in many ways
        reason = (str(failure).strip() or type(failure).__name__).splitlines()[0][:150]
        raise ValueError(
            f"expected the TFDS set {name!r} under TFDS_DATA_DIR or a network to download it from, received "
            f"{reason}; or give the path of your own folder"
        ) from failure
    return builder


def tfds_examples(
    builder: Any, split: str, limit: int | None = None, features: Sequence[str] | None = None
) -> Iterator[dict[str, Any]]:
    """The examples of a split, at most `limit`, as NumPy arrays, under a progress bar.

    Args:
        builder: A TFDS builder whose set is prepared.
        split: As TFDS writes it, such as "train[:90%]".
        limit: Examples at most; None for all.
        features: Those that are decoded, where not all are needed.
    """
    import tensorflow_datasets as tfds

    decoders = features and tfds.decode.PartialDecoding(dict.fromkeys(features, True))
    dataset = builder.as_dataset(split=split, decoders=decoders).take(-1 if limit is None else limit)
    yield from console.track(tfds.as_numpy(dataset), f"Reading {builder.name} {split}", total=len(dataset))


def split_training(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a training split for train and for validation, which gets a tenth, at random."""
    train, validation = split_rows(n, seed, (1 - _VALIDATION_SHARE, _VALIDATION_SHARE))
    return train, validation


def write_image_dataset(name: str, directory: str | os.PathLike[str], limit: int | None = None) -> Path:
    """Writes the training split of a TFDS image classification set as class folders of PNG files.

    TFDS reads prepared sets from its own data directory (`TFDS_DATA_DIR`) and downloads the others.

    Args:
        name: A TFDS name with features "image" and "label", such as "tf_flowers".
        directory: A new folder, or one that an earlier call wrote.
        limit: Largest number of images, or None for all.

    Returns:
        The folder.

    Raises:
        ValueError: The set has no images with labels, or is neither prepared nor to be had from the network.
    """
    builder = tfds_builder(name)
    features = builder.info.features
    if not {"image", "label"} <= set(features):
        received = f"{name!r} with {', '.join(features)}"
        raise ValueError(f"expected a TFDS set with features image and label, received {received}")
    root = Path(directory)
    for index, example in enumerate(tfds_examples(builder, "train", limit)):
        folder = root / features["label"].int2str(int(example["label"]))
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(example["image"].squeeze()).save(folder / f"{index:06}.png", compress_level=1)
    return root
