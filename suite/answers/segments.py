"""How much of an image belongs to each class."""

import dataclasses
from typing import Any

import numpy as np
from PIL import Image

from suite.answers.answer import Reader, picture_reader
from suite.deploy.labels import class_labels
from suite.deploy.ranges import ValueRange
from suite.deploy.runtime import Artifact
from suite.evaluation.drawing import draw_mask


@dataclasses.dataclass(frozen=True)
class SegmentShares:
    """Classes with their share of the pixels in (0, 1], largest first, and where they are.

    Attributes:
        shares: The classes.
        probabilities: `(height, width, number of classes)` float32 of the whole picture.
        classes: Names of all classes.
    """

    shares: tuple[tuple[str, float], ...]
    probabilities: np.ndarray = dataclasses.field(compare=False, repr=False)
    classes: tuple[str, ...] = dataclasses.field(compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """{"classes": [{"class", "share"}, ...]}."""
        return {"classes": [{"class": name, "share": share} for name, share in self.shares]}

    def draw(self, photo: np.ndarray) -> np.ndarray:
        """The photo, `(height, width, 3)` uint8, with tinted classes and their contours."""
        height, width = photo.shape[:2]
        chances = enlarged(self.probabilities, (height, width))
        return draw_mask(photo, np.argmax(chances, axis=2), self.classes)

    def __str__(self) -> str:
        return ", ".join(f"{name} {share:.3f}" for name, share in self.shares)


def enlarged(probabilities: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The chances of the classes at another size, class by class, so that contours stay smooth.

    Args:
        probabilities: `(height, width, number of classes)`.
        size: The new `(height, width)`.

    Returns:
        `(*size, number of classes)` float32.
    """
    if probabilities.shape[:2] == size:
        return probabilities.astype(np.float32)
    maps = np.moveaxis(probabilities.astype(np.float32), 2, 0)
    stretched = [
        Image.fromarray(np.ascontiguousarray(each)).resize(size[::-1], Image.Resampling.BILINEAR)
        for each in maps
    ]
    return np.stack([np.asarray(each) for each in stretched], axis=2)


def segmenter(model: Artifact, scale: ValueRange | None) -> Reader:
    """Answers images with `SegmentShares`."""

    def read(outputs: dict[str, np.ndarray], top: int) -> SegmentShares:
        (probabilities,) = outputs.values()
        counts = np.bincount(probabilities.argmax(axis=-1).ravel(), minlength=len(labels))
        shares = counts / counts.sum()
        best = [index for index in np.argsort(-shares, kind="stable")[:top] if shares[index]]
        named = tuple((labels[index], float(shares[index])) for index in best)
        return SegmentShares(named, probabilities, tuple(labels))

    answer = picture_reader(model, scale, read)
    labels = class_labels(model)
    return answer
