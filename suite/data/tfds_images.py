"""Image classification sets of TensorFlow Datasets, written as folders like a user's own."""

import os
from pathlib import Path

from PIL import Image

from suite import console


def write_image_dataset(name: str, directory: str | os.PathLike, limit: int | None = None) -> Path:
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
    import tensorflow_datasets as tfds

    try:
        dataset, info = tfds.load(name, split="train", with_info=True)
    except Exception as failure:  # the network fails in many ways
        raise ValueError(
            f"expected the TFDS set {name!r} under TFDS_DATA_DIR or a network to download it from, received "
            f"{str(failure).strip().splitlines()[0][:150]}; or give the path of your own folder"
        ) from failure
    if not {"image", "label"} <= set(info.features):
        received = f"{name!r} with {', '.join(info.features)}"
        raise ValueError(f"expected a TFDS set with features image and label, received {received}")
    root = Path(directory)
    examples = tfds.as_numpy(dataset.take(-1 if limit is None else limit))
    for index, example in enumerate(console.track(examples, f"writing {name}", total=len(dataset))):
        folder = root / info.features["label"].int2str(int(example["label"]))
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(example["image"].squeeze()).save(folder / f"{index:06}.png", compress_level=1)
    return root
