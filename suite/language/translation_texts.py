"""Translations as words and as ids: what an encoder reads and a decoder is trained on."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from suite.data.sets.translation_sets import TranslationSet
from suite.data.splits import SPLITS
from suite.language.streams import teacher_forcing
from suite.language.vocabulary import END, SPECIAL, START, Vocabulary, tokenize

Tokens = Sequence[str]


class CodedPairs(NamedTuple):
    """Pairs in ids, int32, filled up with 0.

    Attributes:
        source: `(n, length)`.
        previous: `(n, steps)`, the target one step late, as of `teacher_forcing`.
        target: `(n, steps)`.
    """

    source: np.ndarray
    previous: np.ndarray
    target: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class TranslationTexts:
    """A `TranslationSet` cut into tokens.

    Attributes:
        pairs: Per part a source with its translation; of training each, else the first of a source.
        valid: All translations of each test source.
        vocabularies: Of the sources; of the translations, with `START` and `END`.
        coded: `pairs` in ids.
    """

    pairs: Mapping[str, Sequence[tuple[Tokens, Tokens]]]
    valid: Sequence[Sequence[Tokens]]
    vocabularies: tuple[Vocabulary, Vocabulary]
    coded: Mapping[str, CodedPairs]

    @property
    def length(self) -> int:
        """Tokens of a source."""
        return self.coded["train"].source.shape[1]

    @property
    def steps(self) -> int:
        """Tokens of a translation, with `END`."""
        return self.coded["train"].target.shape[1]


def encode_translations(
    data: TranslationSet, most_words: int, min_count: int, longest: int
) -> TranslationTexts:
    """Cuts translations into tokens, and numbers these by vocabularies of training.

    Args:
        data: The set.
        most_words: Of a vocabulary, special ones left out.
        min_count: Of a word in training.
        longest: Tokens of a text of training; pairs with a longer one are left out. What is longer than those
            in held-out parts is cut off in `coded`.

    Raises:
        ValueError: No pair is short enough.
    """
    pairs = {
        part: [
            (tokenize(source), tokenize(target))
            for source, targets in zip(data.sources[part], data.targets[part], strict=True)
            for target in targets[: None if part == "train" else 1]
        ]
        for part in SPLITS
    }
    short = [pair for pair in pairs["train"] if max(map(len, pair)) <= longest]
    if not short:
        shortest = min(max(map(len, pair)) for pair in pairs["train"])
        raise ValueError(
            f"expected training texts of at most {longest} tokens, received none below {shortest}; raise it"
        )
    sources, targets = ([pair[side] for pair in short] for side in (0, 1))
    size = most_words + len(SPECIAL)
    known = Vocabulary.fit(sources, size, min_count)
    words = Vocabulary.fit([[START, *target, END] for target in targets], size, min_count)
    length, steps = max(map(len, sources)), max(map(len, targets)) + 1
    pairs["train"] = short
    coded = {
        part: CodedPairs(
            np.stack([known.ids(source, length) for source, _ in some]),
            *teacher_forcing([target for _, target in some], words, steps),
        )
        for part, some in pairs.items()
    }
    valid = [[tokenize(target) for target in targets] for targets in data.targets["test"]]
    return TranslationTexts(pairs, valid, (known, words), coded)
