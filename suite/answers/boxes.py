"""The boxes of the things in an image."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from suite.answers.answer import Reader, picture_reader
from suite.answers.classes import ClassAnswer, best_classes
from suite.bundle.record import record_of_bundle
from suite.deploy.labels import class_labels
from suite.deploy.ranges import ValueRange
from suite.deploy.runtime import Artifact
from suite.deploy.task import MIN_SCORE, least_score
from suite.evaluation.drawing import draw_boxes

FEW = 12  # detections, up to which each is named in a drawing
SIDES = ("top", "left", "bottom", "right")


class Box(NamedTuple):
    """A box in an image, its sides in [0, 1]."""

    top: float
    left: float
    bottom: float
    right: float

    def __str__(self) -> str:
        return f" ({' '.join(f'{name} {side:.2f}' for name, side in zip(SIDES, self, strict=True))})"


@dataclasses.dataclass(frozen=True)
class LocalizedClass:
    """The classes of the one thing in an image, and its box."""

    classes: ClassAnswer
    box: Box

    def to_json(self) -> dict[str, Any]:
        """{"classes": [...], "box": [top, left, bottom, right]}."""
        return self.classes.to_json() | {"box": list(self.box)}

    def __str__(self) -> str:
        return f"{self.classes}{self.box}"


class Detection(NamedTuple):
    """One thing in an image: its class, its score in [0, 1] and its box."""

    label: str
    score: float
    box: Box

    def __str__(self) -> str:
        return f"{self.label} {self.score:.3f}{self.box}"


@dataclasses.dataclass(frozen=True)
class Detections:
    """The things in an image, best first; in words and drawings those with a score of at least `least`.

    Attributes:
        detections: The things.
        classes: Names of all classes.
        least: As of `least_score`.
    """

    detections: tuple[Detection, ...]
    classes: Sequence[str] = dataclasses.field(default=(), compare=False, repr=False)
    least: float = dataclasses.field(default=MIN_SCORE, compare=False)

    def to_json(self) -> dict[str, Any]:
        """{"detections": [{"class", "score", "box"}, ...]}."""
        rows = [{"class": label, "score": score, "box": list(box)} for label, score, box in self.detections]
        return {"detections": rows}

    def __str__(self) -> str:
        return ", ".join(map(str, self._sure())) or "nothing"

    def draw(self, photo: np.ndarray) -> np.ndarray:
        """The photo, `(height, width, 3)` uint8, with the outlines of what `str` names."""
        sure = self._sure()
        names = list(self.classes) or sorted({each.label for each in self.detections})
        captions = [f"{each.label} {each.score:.2f}" for each in sure] if len(sure) <= FEW else []
        boxes = np.array([each.box for each in sure], np.float64).reshape(-1, 4)
        return draw_boxes(photo, boxes, np.array([names.index(each.label) for each in sure], int), captions)

    def _sure(self) -> list[Detection]:
        return [each for each in self.detections if each.score >= self.least]


def localizer(model: Artifact, scale: ValueRange | None) -> Reader:
    """Answers images with a `LocalizedClass`."""

    def read(outputs: dict[str, np.ndarray], top: int) -> LocalizedClass:
        return LocalizedClass(best_classes(labels, outputs["probabilities"], top), _box(outputs["box"]))

    answer = picture_reader(model, scale, read)
    labels = class_labels(model)
    return answer


def detector(model: Artifact, scale: ValueRange | None) -> Reader:
    """Answers images with `Detections`."""

    def read(outputs: dict[str, np.ndarray], top: int) -> Detections:
        rows = zip(outputs["labels"], outputs["scores"], outputs["boxes"], strict=True)
        return Detections(
            tuple(
                Detection(labels[int(label)], float(score), _box(box))
                for label, score, box in rows
                if score > 0
            ),
            labels,
            least,
        )

    answer = picture_reader(model, scale, read)
    labels, least = class_labels(model), least_score(record_of_bundle(model.path))
    return answer


def _box(sides: np.ndarray) -> Box:
    return Box(*map(float, sides))
