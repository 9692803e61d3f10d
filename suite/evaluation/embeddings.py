"""How good word vectors are: nearest words, analogies, and the ranking of held-out contexts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class WordVectors(NamedTuple):
    """Words and their vectors.

    Attributes:
        words: n words.
        vectors: `(n, size)` float32; those of length 0 are like nothing.
    """

    words: Sequence[str]
    vectors: np.ndarray

    def unit(self) -> np.ndarray:
        """The vectors scaled to length 1."""
        lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        return self.vectors / np.where(lengths > 0, lengths, 1)

    def rows(self, words: Sequence[str]) -> np.ndarray:
        """Rows of words, `(m,)` int.

        Raises:
            ValueError: A word has no vector.
        """
        places = {word: row for row, word in enumerate(self.words)}
        unknown = [word for word in words if word not in places]
        if unknown:
            raise ValueError(
                f"expected words of the vocabulary ({len(places)} words), received {unknown[0]!r}"
            )
        return np.array([places[word] for word in words], int)

    def nearest(self, word: str, count: int = 10) -> list[tuple[str, float]]:
        """The words most like a word, other than itself, with their cosine, most like first; at most `count`.

        Raises:
            ValueError: The word has no vector.
        """
        (row,) = self.rows([word])
        unit = self.unit()
        likeness = unit @ unit[row]
        order = np.argsort(-likeness, kind="stable")
        return [(self.words[near], float(likeness[near])) for near in order[order != row][:count]]

    def complete(self, questions: Sequence[Sequence[str]]) -> list[str]:
        """Answers "a is to b as c is to what?": the word whose vector is most like b - a + c.

        Args:
            questions: `(a, b, c, ...)` each; a, b and c are no answers.

        Raises:
            ValueError: There is no question, or a word has no vector.

        Reference:
            Mikolov, Yih, Zweig (2013), Linguistic regularities in continuous space word representations.
        """
        if not len(questions):
            raise ValueError("expected at least one question, received none")
        unit = self.unit()
        asked = np.array([self.rows(question[:3]) for question in questions])
        a, b, c = (unit[rows] for rows in asked.T)
        likeness = (b - a + c) @ unit.T
        np.put_along_axis(likeness, asked, -np.inf, axis=1)
        return [self.words[row] for row in likeness.argmax(axis=1)]

    def analogy_accuracy(self, questions: Sequence[Sequence[str]]) -> float:
        """The share of questions `(a, b, c, d)` whose answer is d, in [0, 1]."""
        answers = self.complete(questions)
        return float(
            np.mean([answer == question[3] for answer, question in zip(answers, questions, strict=True)])
        )

    def projector_files(self) -> dict[str, str]:
        """The two files that TensorBoard's projector loads (also the one at projector.tensorflow.org)."""
        rows = ("\t".join(f"{number:.5g}" for number in vector) for vector in self.vectors)
        return {
            "vectors.tsv": "".join(f"{row}\n" for row in rows),
            "metadata.tsv": "".join(f"{word}\n" for word in self.words),
        }


def context_ranking(words: np.ndarray, contexts: np.ndarray, pairs: np.ndarray, noise: np.ndarray) -> float:
    """How often the context that a word has scores above a noise word: the area under the ROC curve.

    Args:
        words: `(V, size)`, word vectors.
        contexts: `(V, size)`, context vectors; the score of a pair is the product of the two.
        pairs: `(n, 2)` int, held-out words and their contexts.
        noise: `(m,)` int, draws from the noise distribution; every pair is compared with each.

    Returns:
        A number in [0, 1]; ties count half. Chance is 0.5.

    Raises:
        ValueError: There are no pairs, or no noise.
    """
    if not len(pairs) or not len(noise):
        raise ValueError(f"expected pairs and noise words, received {len(pairs)} and {len(noise)}")
    right = np.einsum("nd,nd->n", words[pairs[:, 0]], contexts[pairs[:, 1]])[:, None]
    scores = words[pairs[:, 0]] @ contexts[noise].T
    return float(np.mean(scores < right) + np.mean(scores == right) / 2)
