"""Generated sentences whose ambiguous words are explained by a word elsewhere, before or after them."""

from typing import NamedTuple

import numpy as np

MARKERS, AMBIGUOUS, FILLERS = 2, 4, 14
WORDS = 1 + MARKERS + AMBIGUOUS + FILLERS  # id 0 is padding
CLASSES = 2 * AMBIGUOUS
MARKER_SHARE, AMBIGUOUS_SHARE = 0.15, 0.35


class Sentences(NamedTuple):
    """Sentences and what their ambiguous words mean.

    Attributes:
        words: `(n, length)` int32 ids in [1, WORDS): first the markers, then the ambiguous words, the
            fillers.
        senses: `(n, length)` int32 in [0, CLASSES): twice the number of an ambiguous word, plus that of the
            marker which explains it; 0 elsewhere.
        weights: `(n, length)` float32: 1 at ambiguous words which have such a marker, else 0.
    """

    words: np.ndarray
    senses: np.ndarray
    weights: np.ndarray


def generate_sentences(n: int, seed: int, *, length: int = 20, ahead: bool) -> Sentences:
    """Draws sentences word by word.

    Args:
        n: Number of sentences.
        seed: Same seed, same sentences.
        length: Words a sentence.
        ahead: Whether the next marker explains a word, else the last one before it.
    """
    rng = np.random.default_rng(seed)
    kinds = rng.choice(3, (n, length), p=(MARKER_SHARE, AMBIGUOUS_SHARE, 1 - MARKER_SHARE - AMBIGUOUS_SHARE))
    firsts, sizes = (
        np.array([1, 1 + MARKERS, 1 + MARKERS + AMBIGUOUS]),
        np.array([MARKERS, AMBIGUOUS, FILLERS]),
    )
    words = firsts[kinds] + (rng.random((n, length)) * sizes[kinds]).astype(np.int64)
    reading = np.s_[:, ::-1] if ahead else np.s_[:]
    where = np.where(kinds[reading] == 0, np.arange(length), -1)
    last = np.maximum.accumulate(where, axis=1)
    markers = np.take_along_axis(words[reading], np.maximum(last, 0), axis=1)[reading] - 1
    explained = (kinds == 1) & (last[reading] >= 0)
    senses = np.where(explained, 2 * (words - firsts[1]) + markers, 0)
    return Sentences(words.astype(np.int32), senses.astype(np.int32), explained.astype(np.float32))
