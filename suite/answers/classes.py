"""The classes of an image, or of a text."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from suite.answers.answer import Reader, picture_reader, tokens_of, vocabulary_of
from suite.deploy.labels import class_labels
from suite.deploy.ranges import ValueRange
from suite.deploy.runtime import Artifact


@dataclasses.dataclass(frozen=True)
class ClassAnswer:
    """The most probable classes.

    Attributes:
        classes: (class, number), best first.
        number: "probability", or "score" where the numbers are none.
    """

    classes: tuple[tuple[str, float], ...]
    number: str

    def to_json(self) -> dict[str, Any]:
        """{"classes": [{"class", "probability" or "score"}, ...]}."""
        return {"classes": [{"class": name, self.number: value} for name, value in self.classes]}

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:.3f}" for name, value in self.classes)


def best_classes(labels: Sequence[str], scores: np.ndarray, top: int) -> ClassAnswer:
    """The `top` best classes of one example.

    Args:
        labels: Names of the C classes.
        scores: `(C,)`, probabilities, or scores of which the largest is the best.
        top: Classes at most.
    """
    best = np.argsort(-scores, kind="stable")[:top]
    number = "probability" if are_probabilities(scores) else "score"
    return ClassAnswer(tuple((labels[index], float(scores[index])) for index in best), number)


def are_probabilities(scores: np.ndarray) -> bool:
    """Whether numbers `(C,)` are in [0, 1] and sum to 1, but for the rounding of quantized models."""
    rounding = max(0.01, len(scores) / 512)  # half a step of 1/256 each
    return bool(np.all(scores >= 0) and np.all(scores <= 1.01) and abs(np.sum(scores) - 1) <= rounding)


def image_classifier(model: Artifact, scale: ValueRange | None) -> Reader:
    """Answers images with a `ClassAnswer`."""

    def read(outputs: dict[str, np.ndarray], top: int) -> ClassAnswer:
        (scores,) = outputs.values()
        return best_classes(labels, scores, top)

    answer = picture_reader(model, scale, read)
    labels = class_labels(model)
    return answer


def text_classifier(model: Artifact, scale: ValueRange | None) -> Reader:
    """Answers texts with a `ClassAnswer`."""
    labels, words = class_labels(model), vocabulary_of(model)

    def answer(text: str, top: int) -> ClassAnswer:
        tokens = tokens_of(text)
        length = model.signature.inputs[0].shape[0] or len(tokens)
        (scores,) = model.predict({"tokens": words.ids(tokens, length)[None]}).values()
        return best_classes(labels, scores[0], top)

    return answer
