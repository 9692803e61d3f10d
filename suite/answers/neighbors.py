"""The images most like an image, and the words nearest to a word."""

import dataclasses
from typing import Any

import numpy as np

from suite.answers.answer import Reader, picture_reader, vocabulary_of
from suite.deploy.ranges import ValueRange
from suite.deploy.runtime import Artifact
from suite.language.tokens import fold
from suite.language.vocabulary import SPECIAL


@dataclasses.dataclass(frozen=True)
class Neighbors:
    """(name, distance), nearest first."""

    neighbors: tuple[tuple[str, float], ...]

    def to_json(self) -> dict[str, Any]:
        """{"neighbors": [{"name", "distance"}, ...]}."""
        return {"neighbors": [{"name": name, "distance": distance} for name, distance in self.neighbors]}

    def __str__(self) -> str:
        return ", ".join(f"{name} {distance:.3f}" for name, distance in self.neighbors)


def image_embedder(model: Artifact, scale: ValueRange | None) -> Reader:
    """Answers images with the `Neighbors` in the index beside the model."""
    from suite.evaluation.retrieval import INDEX_FILE, Index  # scikit-learn takes its time

    def read(outputs: dict[str, np.ndarray], top: int) -> Neighbors:
        rows, distances = index.search(outputs["code"][None], top)
        pairs = zip(rows[0], distances[0], strict=True)
        return Neighbors(tuple((index.names[row], float(distance)) for row, distance in pairs))

    answer = picture_reader(model, scale, read)
    index = Index.load(model.path.resolve().parent / INDEX_FILE)
    return answer


def word_embeddings(model: Artifact, scale: ValueRange | None) -> Reader:
    """Answers words with `Neighbors`; their distance is 1 - cosine."""
    from suite.evaluation.embeddings import WordVectors  # scikit-learn takes its time

    words = vocabulary_of(model)
    (vectors,) = model.predict({"word": np.arange(len(words), dtype=np.int32)}).values()
    known = WordVectors(words.words[len(SPECIAL) :], vectors[len(SPECIAL) :])

    def answer(word: str, top: int) -> Neighbors:
        return Neighbors(tuple((near, 1 - cosine) for near, cosine in known.nearest(fold(word), top)))

    return answer
