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
        size = photo.shape[1::-1]
        # Chances are enlarged class by class, not labels: contours stay smooth, whatever the photo's size.
        enlarged = [
            np.asarray(Image.fromarray(np.ascontiguousarray(chances)).resize(size, Image.Resampling.BILINEAR))
            for chances in np.moveaxis(self.probabilities.astype(np.float32), 2, 0)
        ]
        return draw_mask(photo, np.argmax(enlarged, axis=0), self.classes)

    def __str__(self) -> str:
        return ", ".join(f"{name} {share:.3f}" for name, share in self.shares)


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
