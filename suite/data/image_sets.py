"""Small image classification sets in memory: scikit-learn's digits, and sets of TensorFlow Datasets."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from sklearn import datasets

from suite.data import tabular

PARTS = ("train", "validation", "test")
_VALIDATION_SHARE = 0.1  # of a TFDS training split


@dataclasses.dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with labels, split.

    Attributes:
        images: Per part of "train", "validation", "test": `(n, height, width, channels)` uint8 in [0, 255].
        labels: Per part: `(n,)` int64 in [0, number of classes).
        classes: Class names by label.
        source: Name of the set.
    """

    images: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    source: str

    def describe(self) -> dict:
        """What `Result.data` says of it: source, classes, and the size of each part."""
        sizes = {part: len(labels) for part, labels in self.labels.items()}
        return {"source": self.source, "classes": list(self.classes), **sizes}


def load(source: str, seed: int, name: str = "mnist") -> ImageSet:
    """Loads what `--data` names.

    Args:
        source: "embedded" for scikit-learn's digits, "tfds" for the set `name`.
        seed: Of the split; the test part of a TFDS set is its own and does not depend on it.
        name: A TFDS name, such as "mnist" or "cifar10".

    Returns:
        The set.

    Raises:
        ValueError: Another source, or a TFDS set that cannot be had.
    """
    if source == "embedded":
        return load_digits(seed)
    if source == "tfds":
        return load_tfds(name, seed)
    raise ValueError(f"expected --data embedded or tfds, received {source!r}; this recipe takes no others")


def load_digits(seed: int) -> ImageSet:
    """Digits: 1,797 handwritten digits, 8x8x1, split 70/15/15; 17 levels of gray, spread over [0, 255].

    Reference:
        Alpaydin, Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning Repository.
    """
    loaded = datasets.load_digits()
    images = np.rint(loaded.images * (255 / 16)).astype(np.uint8)[..., None]
    rows = dict(zip(PARTS, tabular.split(len(images), seed), strict=True))
    return ImageSet(
        images={part: images[rows[part]] for part in PARTS},
        labels={part: loaded.target[rows[part]].astype(np.int64) for part in PARTS},
        classes=tuple(str(name) for name in loaded.target_names),
        source="digits",
    )


def load_tfds(name: str, seed: int) -> ImageSet:
    """Loads a TFDS image classification set with splits "train" and "test" and one image size.

    A tenth of its training split, at random, becomes the validation part. TFDS reads prepared sets from its
    own data directory (`TFDS_DATA_DIR`) and downloads the others.

    Args:
        name: A TFDS name with features "image" and "label", such as "mnist" or "cifar10".
        seed: Of the validation part.

    Returns:
        The set.

    Raises:
        ValueError: The set is neither prepared nor to be had from the network.
    """
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name)
        builder.download_and_prepare()
    except Exception as failure:  # the network fails in many ways
        raise ValueError(
            f"expected the TFDS set {name!r} under TFDS_DATA_DIR or a network to download it from, received "
            f"{str(failure).strip().splitlines()[0][:150]}"
        ) from failure
    images, labels = _read(builder, "train")
    test_images, test_labels = _read(builder, "test")
    shares = (1 - _VALIDATION_SHARE, _VALIDATION_SHARE)
    train, validation = tabular.split(len(labels), seed, shares)
    return ImageSet(
        images={"train": images[train], "validation": images[validation], "test": test_images},
        labels={"train": labels[train], "validation": labels[validation], "test": test_labels},
        classes=tuple(builder.info.features["label"].names),
        source=name,
    )


def _read(builder, split: str) -> tuple[np.ndarray, np.ndarray]:
    import tensorflow_datasets as tfds

    batches = list(tfds.as_numpy(builder.as_dataset(split=split).batch(1000)))
    return tuple(np.concatenate([batch[key] for batch in batches]) for key in ("image", "label"))
