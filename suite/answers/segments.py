"""How much of an image belongs to each class."""

import dataclasses
from typing import Any

import numpy as np

from suite.answers.answer import Reader, picture_reader
from suite.deploy.labels import class_labels
from suite.deploy.ranges import ValueRange
from suite.deploy.runtime import Artifact


@dataclasses.dataclass(frozen=True)
class SegmentShares:
    """Classes with their share of the pixels in (0, 1], largest first."""

    shares: tuple[tuple[str, float], ...]

    def to_json(self) -> dict[str, Any]:
        """{"classes": [{"class", "share"}, ...]}."""
        return {"classes": [{"class": name, "share": share} for name, share in self.shares]}

    def __str__(self) -> str:
        return ", ".join(f"{name} {share:.3f}" for name, share in self.shares)


def segmenter(model: Artifact, scale: ValueRange | None) -> Reader:
    """Answers images with `SegmentShares`."""

    def read(outputs: dict[str, np.ndarray], top: int) -> SegmentShares:
        (probabilities,) = outputs.values()
        counts = np.bincount(probabilities.argmax(axis=-1).ravel(), minlength=len(labels))
        shares = counts / counts.sum()
        best = [index for index in np.argsort(-shares, kind="stable")[:top] if shares[index]]
        return SegmentShares(tuple((labels[index], float(shares[index])) for index in best))

    answer = picture_reader(model, scale, read)
    labels = class_labels(model)
    return answer
