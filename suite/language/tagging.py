"""What a tagger of words reads: the ids of the words, and of the characters of each."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from suite.data.sets.tagged_sets import TaggedSet
from suite.language.tokens import clean, fold
from suite.language.vocabulary import UNKNOWN, Vocabulary

CHARACTERS_FILE = "characters.txt"
BOUNDARY = " "  # stands before and after the characters of a word, so that its ending is one


class TaggerVocabulary(NamedTuple):
    """Fitted on training sentences.

    Attributes:
        words: Of words in lower case.
        characters: Of single characters as written, and the boundary.
        seen: Every word of training in lower case, the rare ones, too.
    """

    words: Vocabulary
    characters: Vocabulary
    seen: frozenset[str] = frozenset()

    @classmethod
    def fit(cls, sentences: Sequence[Sequence[str]], min_count: int = 1) -> "TaggerVocabulary":
        """Takes the words that occur at least `min_count` times, and every character."""
        words = Vocabulary.fit([list(map(fold, sentence)) for sentence in sentences], min_count=min_count)
        spelled = (spell(word) for sentence in sentences for word in sentence)
        seen = frozenset(fold(word) for sentence in sentences for word in sentence)
        return cls(words, Vocabulary.fit(spelled), seen)

    def to_files(self) -> dict[str, str]:
        """The texts of both by file name, as an `Export` takes them."""
        return self.words.to_files() | {CHARACTERS_FILE: self.characters.to_text()}

    def encode(self, sentences: Sequence[Sequence[str]], length: int, letters: int) -> dict[str, np.ndarray]:
        """Ids by the tagger's input.

        Args:
            sentences: Words of each.
            length: Words of a sentence; a longer one is cut off, a shorter one filled up with 0.
            letters: Characters of a word, boundaries included; see `spell`.

        Returns:
            "words" `(n, length)` int32 and "characters" `(n, length, letters)` int32.
        """
        words = [self.words.ids(map(fold, sentence), length) for sentence in sentences]
        characters = np.zeros((len(sentences), length, letters), np.int32)
        known: dict[str, np.ndarray] = {}
        for row, sentence in enumerate(sentences):
            for place, word in enumerate(sentence[:length]):
                if word not in known:
                    known[word] = self.characters.ids(spell(word, letters), letters)
                characters[row, place] = known[word]
        return {"words": np.reshape(words, (-1, length)).astype(np.int32), "characters": characters}


class Sequences(NamedTuple):
    """Sentences in ids with a label for each word, all padded to one length.

    Attributes:
        inputs: What `TaggerVocabulary.encode` gives.
        labels: `(n, length)` int64, 0 where there is no word.
        mask: `(n, length)` bool, where there is one.
        unseen: `(n, length)` bool, where there is one that never occurs in training.
        words: n sequences of the words themselves.
    """

    inputs: dict[str, np.ndarray]
    labels: np.ndarray
    mask: np.ndarray
    unseen: np.ndarray
    words: list[Sequence[str]]

    @classmethod
    def of(
        cls,
        sentences: Sequence[Sequence[str]],
        labels: Sequence[np.ndarray],
        vocabulary: TaggerVocabulary,
        length: int,
        letters: int,
    ) -> "Sequences":
        """Cuts sentences of more than `length` words into pieces, so that every word is in one.

        Args:
            sentences: Words as written.
            labels: For each sentence `(words,)` int, the tags of its words.
            vocabulary: Fitted on the training part.
            length: Words of a row.
            letters: Characters of a word, the rest is cut off.
        """
        words, numbers = _pieces(sentences, length), _pieces(labels, length)
        places = np.zeros((3, len(words), length), np.int64)
        for row, (piece, tags) in enumerate(zip(words, numbers, strict=True)):
            unseen = [fold(word) not in vocabulary.seen for word in piece]
            places[:, row, : len(piece)] = tags, np.ones(len(piece)), unseen
        inputs = vocabulary.encode(words, length, letters)
        return cls(inputs, places[0], places[1].astype(bool), places[2].astype(bool), words)


def baseline(data: TaggedSet, sequences: Sequences) -> np.ndarray:
    """How often each word had each tag in training: the most frequent one is the answer of who only counts.

    For words that never occur there, the tags of those that occur once.

    Args:
        data: Its part "train" is counted.
        sequences: n rows of `length` words.

    Returns:
        `(n, length, K)` float64.
    """
    words = [list(map(fold, sentence)) for sentence in data.words["train"]]
    vocabulary = Vocabulary.fit(words)
    counts = np.zeros((len(vocabulary), len(data.tags)))
    ids = np.concatenate([vocabulary.ids(sentence) for sentence in words])
    np.add.at(counts, (ids, np.concatenate(data.labels["train"])), 1)
    counts[UNKNOWN] = counts[vocabulary.counts == 1].sum(axis=0)
    length = sequences.labels.shape[1]
    return counts[np.stack([vocabulary.ids(map(fold, sentence), length) for sentence in sequences.words])]


def _pieces(sequences: Sequence[Any], length: int) -> list[Any]:
    return [each[start : start + length] for each in sequences for start in range(0, len(each), length)]


def spell(word: str, length: int | None = None) -> list[str]:
    """The characters of a word between boundaries.

    Args:
        word: The word as written; composed first.
        length: Characters at most; of a longer word the middle is left out, for beginnings and endings say
            more. None: all.
    """
    characters = [BOUNDARY, *clean(word), BOUNDARY]
    if length is None or len(characters) <= length:
        return characters
    ending = (length + 1) // 2
    return characters[: length - ending] + characters[len(characters) - ending :]
