"""Images of two domains: a source with labels, and a target whose labels training must not see."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from suite.data.sets import image_sets

LEAST_SIDE = 16  # pixels; smaller images are enlarged, so that the gravel is finer than the strokes


class TwoDomains(NamedTuple):
    """One part of a set, source and target together.

    Attributes:
        images: `(n, height, width, channels)` uint8.
        labels: `(n,)` int64, of both domains.
        is_target: `(n,)` bool.
    """

    images: np.ndarray
    labels: np.ndarray
    is_target: np.ndarray

    def of(self, is_target: bool) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of one domain."""
        rows = self.is_target == is_target
        return self.images[rows], self.labels[rows]


def on_black_and_gravel(data: image_sets.ImageSet, contrast: float, seed: int) -> dict[str, TwoDomains]:
    """Makes a second domain of a set by adding a photo of gravel, as `image_sets.on_gravel` does.

    Args:
        data: Gray images.
        contrast: Brightness of the gravel's lightest stones, as a share of 255.
        seed: Of the places of the gravel.

    Returns:
        By part: in "train" the first half is the source and the second the target, so that no image is in
        both; "validation" and "test" have each image in both domains.
    """
    parts = {}
    for part, images in data.images.items():
        times = -(-LEAST_SIDE // images.shape[1])
        enlarged = tf.image.resize(images, [times * side for side in images.shape[1:3]])
        images = np.rint(enlarged).astype(np.uint8)
        n = len(images) // 2 if part == "train" else len(images)
        source, target = slice(n), slice(len(images) - n, None)
        gravel = image_sets.on_gravel(images[target], part, seed, contrast)
        parts[part] = TwoDomains(
            np.concatenate([images[source], gravel]),
            np.concatenate([data.labels[part][source], data.labels[part][target]]),
            np.repeat([False, True], n),
        )
    return parts


def target_set(data: image_sets.ImageSet, parts: dict[str, TwoDomains]) -> image_sets.ImageSet:
    """Gives the target alone as a set, whose classes are those of `data`."""
    target = {part: both.of(True) for part, both in parts.items()}
    return image_sets.ImageSet(
        images={part: images for part, (images, _) in target.items()},
        labels={part: labels for part, (_, labels) in target.items()},
        classes=data.classes,
        source=f"{data.source}, half of it on gravel",
    )
