"""Small image classification sets in memory: scikit-learn's digits, and sets of TensorFlow Datasets."""

import dataclasses
import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn import datasets

from suite.data.folders.unlabeled import read_picture_folder
from suite.data.generated import textures
from suite.data.pictures.images import load_image
from suite.data.set_aside import SetAside
from suite.data.sets.tfds_images import split_training, tfds_builder
from suite.data.source import Source
from suite.data.splits import SPLITS, split_rows

_TEST_SHARE = 0.15


@dataclasses.dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with labels, split.

    Attributes:
        images: Per part of "train", "validation", "test": `(n, height, width, channels)` uint8 in [0, 255].
        labels: Per part: `(n,)` int64 in [0, number of classes).
        classes: Class names by label.
        source: Name of the set, or path of the folder.
        aside: What of a folder was set aside.
    """

    images: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    source: str
    aside: Sequence[SetAside] = ()

    def describe(self) -> dict[str, Any]:
        """What `Result.data` says of it: source, classes, the size of each part, what was set aside."""
        sizes = {part: len(labels) for part, labels in self.labels.items()}
        about = {"source": self.source, "classes": list(self.classes), **sizes}
        return about | ({"quarantined": list(self.aside)} if self.aside else {})


def load(
    source: Source, seed: int, name: str = "mnist", *, labeled: bool = True, largest: int | None = None
) -> ImageSet:
    """Loads what `--data` names.

    Args:
        source: Embedded is scikit-learn's digits, TFDS without a name the set `name`; a path, where no labels
            are asked for and images of any size are taken, is that of `read_pictures`.
        seed: Of the split; the test part of a TFDS set is its own and does not depend on it.
        name: A TFDS name, such as "mnist" or "cifar10".
        labeled: As in `load_tfds`.
        largest: As in `load_tfds`.

    Returns:
        The set.

    Raises:
        ValueError: Another source, a TFDS set that cannot be had, or a folder without enough pictures.
    """
    if source.is_embedded:
        return load_digits(seed)
    if source.is_tfds:
        return load_tfds(source.name or name, seed, labeled=labeled, largest=largest)
    if source.path and not labeled and largest:
        return read_pictures(source.path, seed, largest)
    raise ValueError(f"expected --data embedded or tfds, received '{source}'; this recipe takes no others")


def load_digits(seed: int) -> ImageSet:
    """Digits: 1,797 handwritten digits, 8x8x1, split 70/15/15; 17 levels of gray, spread over [0, 255].

    Reference:
        Alpaydin, Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning Repository.
    """
    loaded = datasets.load_digits()
    images = np.rint(loaded.images * (255 / 16)).astype(np.uint8)[..., None]
    rows = dict(zip(SPLITS, split_rows(len(images), seed), strict=True))
    return ImageSet(
        images={part: images[rows[part]] for part in SPLITS},
        labels={part: loaded.target[rows[part]].astype(np.int64) for part in SPLITS},
        classes=tuple(str(name) for name in loaded.target_names),
        source="digits",
    )


def load_tfds(name: str, seed: int, *, labeled: bool = True, largest: int | None = None) -> ImageSet:
    """Loads a TFDS set of images.

    A tenth of its training split, at random, becomes the validation part; 15 % become the test part where
    the set has no split "test". TFDS reads prepared sets from its own data directory (`TFDS_DATA_DIR`) and
    downloads the others.

    Args:
        name: A TFDS name with features "image" and "label", such as "mnist", "cifar10" or "lfw".
        seed: Of the parts that are split off.
        labeled: Whether the images must have class labels; else those without are all of one class, "image".
        largest: Images with a longer side, in pixels, or of many sizes are stretched to squares of that side;
            None: no image is, and all must have one size.

    Returns:
        The set.

    Raises:
        ValueError: The set is not of that kind, or is neither prepared nor to be had from the network.
    """
    builder = tfds_builder(name)
    features = builder.info.features
    classes = tuple(getattr(features["label"], "names", None) or ()) if "label" in features else ()
    sides = features["image"].shape[:2] if "image" in features else (None, None)
    if "image" not in features or (labeled and not classes) or (largest is None and None in sides):
        received = ", ".join(f"{key} {getattr(value, 'shape', '')}" for key, value in features.items())
        raise ValueError(
            f"expected a TFDS set of images of one size{' with class labels' if labeled else ''}, "
            f"received {name!r} with {received}"
        )
    is_stretched = largest is not None and (None in sides or max(sides) > largest)
    read = functools.partial(_read, builder, side=largest if is_stretched else None, labeled=bool(classes))
    images, labels = read("train")
    train, validation = split_training(len(labels), seed)
    if "test" in (builder.info.splits or ["test"]):  # mocked sets name no splits, and have any
        test_images, test_labels = read("test")
    else:
        train, test = np.split(train, [-round(_TEST_SHARE * len(labels))])
        test_images, test_labels = images[test], labels[test]
    return ImageSet(
        images={"train": images[train], "validation": images[validation], "test": test_images},
        labels={"train": labels[train], "validation": labels[validation], "test": test_labels},
        classes=classes or ("image",),
        source=name,
    )


def read_pictures(directory: str | os.PathLike[str], seed: int, side: int) -> ImageSet:
    """Reads a user's pictures, in color, each stretched to a square; copies and unsound ones are set aside.

    Args:
        directory: Their folder; sub-folders are taken as classes.
        seed: Of the split: 15 % of the pictures become the test part, as many the validation part.
        side: Of the squares, in pixels.

    Raises:
        ValueError: There is no such folder, or it has fewer than 20 pictures.
    """
    folder = read_picture_folder(directory, seed, _TEST_SHARE)
    read = {
        part: np.stack([load_image(folder.root / file, (side, side)) for file in files])
        for part, files in folder.files.items()
    }
    order = np.random.default_rng(seed).permutation(len(read["train"]))
    held_out, rest = np.split(order, [len(read["test"])])
    rows = {"train": rest, "validation": held_out, "test": np.arange(len(read["test"]))}
    origin = {part: "test" if part == "test" else "train" for part in rows}
    return ImageSet(
        images={part: read[origin[part]][rows[part]] for part in rows},
        labels={part: folder.labels[origin[part]][rows[part]] for part in rows},
        classes=folder.classes,
        source=str(folder.root),
        aside=folder.quarantined,
    )


def draw_samples(
    images: ImageSet, sizes: Mapping[str, int], *, draws: int, seed: int, mislabeled: float = 0.0
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Draws small samples from the training part, again and again, for comparisons over many draws.

    Args:
        images: The set.
        sizes: Number of examples by name of a sample; the samples of one draw have no example in common.
        draws: Number of draws.
        seed: Same seed, same samples.
        mislabeled: Share of the training part that gets a wrong label, before the draws, in [0, 1].

    Returns:
        By name, pixels `(draws, n, height * width * channels)` float32 in [0, 1] and labels `(draws, n)`
        int64; under "validation" the whole validation part, once a draw.

    Raises:
        ValueError: The samples of one draw need more examples than there are.
    """
    rng = np.random.default_rng(seed)
    labels, total = images.labels["train"], sum(sizes.values())
    if total > len(labels):
        raise ValueError(
            f"expected at most {len(labels)} examples in the samples of one draw, received {total}"
        )
    wrong = rng.random(len(labels)) < mislabeled
    labels = (labels + wrong * rng.integers(1, len(images.classes), len(labels))) % len(images.classes)
    rows = np.array([rng.permutation(len(labels))[:total] for _ in range(draws)])
    parts = dict(zip(sizes, np.split(rows, np.cumsum([*sizes.values()])[:-1], axis=1), strict=True))
    flat = {part: images.images[part].reshape(len(images.images[part]), -1) for part in SPLITS[:2]}
    samples = {
        name: ((flat["train"][part] / 255).astype(np.float32), labels[part]) for name, part in parts.items()
    }
    held_out = (flat["validation"] / 255).astype(np.float32), images.labels["validation"]
    pixels, answers = (np.stack([values] * draws) for values in held_out)
    return samples | {"validation": (pixels, answers)}


def random_affine(
    images: tf.Tensor, *, turn: float = 0.25, zoom: float = 0.1, shift: float = 0.1
) -> tf.Tensor:
    """Turns, zooms and shifts each image at random, around its center; what comes in from outside is 0.

    Args:
        images: `(n, height, width, channels)` float32.
        turn: Largest angle either way, in radians.
        zoom: Largest change of size, as a share of it.
        shift: Largest shift along each axis either way, as a share of the image's side.

    Returns:
        Images of the same shape, interpolated bilinearly.
    """
    n, (height, width) = tf.shape(images)[0], images.shape[1:3]
    angle, scale = tf.random.uniform([n], -turn, turn), tf.random.uniform([n], 1 - zoom, 1 + zoom)
    dx, dy = tf.unstack(tf.random.uniform([2, n], -shift, shift))
    zeros = tf.zeros([n])
    c, s, x, y = scale * tf.cos(angle), scale * tf.sin(angle), (width - 1) / 2, (height - 1) / 2
    # Where each pixel of the result comes from: the rows of the matrix, then a zero for the projection.
    right = [c, -s, x - c * x + s * y + dx * width]
    down = [s, c, y - s * x - c * y + dy * height]
    return keras.ops.image.affine_transform(images, tf.stack([*right, *down, zeros, zeros], axis=1))


def on_canvas(images: np.ndarray, margin: int, shift: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Puts images on black, with a margin around them, away from its center by some pixels.

    Args:
        images: `(n, height, width, channels)`, any dtype.
        margin: Black pixels on each side.
        shift: Pixels down and to the right, each from -margin to margin.

    Returns:
        `(n, height + 2 * margin, width + 2 * margin, channels)` of the same dtype.

    Raises:
        ValueError: A shift over the border.
    """
    down, right = shift
    if max(abs(down), abs(right)) > margin:
        raise ValueError(f"expected shifts of at most {margin} pixels, received {shift}")
    sides = ((margin + down, margin - down), (margin + right, margin - right))
    return np.pad(images, ((0, 0), *sides, (0, 0)))


def moved_at_random(images: tf.Tensor, labels: tf.Tensor, margin: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Moves a batch on its canvas, each time by other numbers of pixels.

    Args:
        images: `(n, height, width, channels)`, any dtype, with a margin of black as by `on_canvas`.
        labels: Of any shape; stay as they are.
        margin: Pixels up, down, left and right, at most.
    """
    return tf.roll(images, tf.random.uniform((2,), -margin, margin + 1, tf.int32), (1, 2)), labels


def on_gravel(images: np.ndarray, part: str, seed: int, contrast: float = 0.7) -> np.ndarray:
    """Adds a piece of scikit-image's photo of gravel to each image: another domain of the same classes.

    The training pieces come from another area of the photo than the test pieces.

    Args:
        images: `(n, height, width, 1)` uint8, at most 192 pixels a side.
        part: "train", "validation" or "test".
        seed: Of the places of the pieces.
        contrast: Brightness of the gravel's lightest stones, as a share of 255.

    Returns:
        `(n, height, width, 1)` uint8; what would be above 255 is 255.
    """
    from skimage import data

    photo, (top, left, bottom, right) = data.gravel(), textures.REGIONS[part]
    low, high = np.percentile(photo, (2, 98))
    ground = np.rint(contrast * 255 * np.clip((photo - low) / (high - low), 0, 1))
    rng, (height, width) = np.random.default_rng(seed), images.shape[1:3]
    rows = rng.integers(top, bottom - height, len(images), endpoint=True)
    columns = rng.integers(left, right - width, len(images), endpoint=True)
    views = np.lib.stride_tricks.sliding_window_view(ground, (height, width))
    return np.minimum(images + views[rows, columns][..., None], 255).astype(np.uint8)


def _read(builder: Any, split: str, *, side: int | None, labeled: bool) -> tuple[np.ndarray, np.ndarray]:
    import tensorflow_datasets as tfds

    def example(row: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        image = row["image"]
        if side is not None:
            stretched = tf.image.resize(image, (side, side), antialias=True)
            image = tf.cast(tf.round(tf.clip_by_value(stretched, 0, 255)), tf.uint8)
        return image, row["label"] if labeled else tf.zeros((), tf.int64)

    dataset = builder.as_dataset(split=split).map(example, num_parallel_calls=tf.data.AUTOTUNE)
    batches = list(tfds.as_numpy(dataset.batch(1000)))
    images, labels = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    return images, labels
