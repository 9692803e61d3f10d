"""Words and their ids."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from suite.data.source import Source
from suite.language.tokens import tokenize as tokenize

PADDING, UNKNOWN = 0, 1  # ids of what fills a sequence up, and of every word that is not in the vocabulary
SPECIAL = ("<pad>", "<unk>")
START, END = "<start>", "<end>"  # words like others, around what a decoder writes
VOCABULARY_FILE = "vocabulary.txt"
# Of held-out tokens. Measured on texts of 40,000 to 230,000 words in English, German and French, with 2,000
# words or all that occur twice: 0.04 to 0.22. Of Chinese cut at its commas 0.44 were, and "perplexity" 2.35.
MOST_UNKNOWN = 0.3


class Vocabulary:
    """The words that a model knows, each with its id; fit it on training texts alone.

    Id 0 is padding, id 1 every unknown word; the others follow, the most frequent first.

    Attributes:
        words: Words by id, the two special ones first.
        counts: `(size,)` int64, occurrences in the texts it was fitted on; 0 for padding; for the unknown,
            those of the words left out.
    """

    def __init__(self, words: Sequence[str], counts: Sequence[int] | None = None):
        """Takes the words that follow the special ones.

        Raises:
            ValueError: A word occurs twice, or is one of the special ones.
        """
        self.words = (*SPECIAL, *words)
        self.counts = np.zeros(len(self.words), np.int64) if counts is None else np.array(counts, np.int64)
        self._ids = {word: index for index, word in enumerate(self.words)}
        if len(self._ids) < len(self.words):
            twice = next(word for word, count in Counter(self.words).items() if count > 1)
            raise ValueError(f"expected every word once, received {twice!r} twice; leave one out")

    @classmethod
    def fit(cls, texts: Iterable[Sequence[str]], size: int | None = None, min_count: int = 1) -> "Vocabulary":
        """Takes the most frequent words of texts; of equally frequent ones, the first in the alphabet.

        Args:
            texts: Tokens of each training text.
            size: Largest number of words, the two special ones included; None for all.
            min_count: Least number of occurrences.

        Raises:
            ValueError: `size` leaves no room for a word, or no word is frequent enough.
        """
        if size is not None and size <= len(SPECIAL):
            raise ValueError(
                f"expected a vocabulary size of at least {len(SPECIAL) + 1}, received {size}; two are special"
            )
        counts = Counter(token for text in texts for token in text)
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        kept = [item for item in ranked if item[1] >= min_count and item[0] not in SPECIAL]
        kept = kept[: None if size is None else size - len(SPECIAL)]
        if not kept:
            raise ValueError(
                f"expected words that occur at least {min_count} times, received {len(counts)} different "
                "words and none of them; give more text"
            )
        left_out = counts.total() - sum(count for _, count in kept)
        return cls([word for word, _ in kept], [0, left_out, *(count for _, count in kept)])

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._ids

    def ids(self, tokens: Iterable[str], length: int | None = None) -> np.ndarray:
        """Ids of tokens, `(n,)` int32; of those not in the vocabulary 1.

        Args:
            tokens: The tokens of one text.
            length: n: a longer text is cut off, a shorter one is filled up with 0; None: as many as there
                are.
        """
        found = [self._ids.get(token, UNKNOWN) for token in tokens][:length]
        missing = 0 if length is None else length - len(found)
        return np.array(found + [PADDING] * missing, np.int32)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The words of ids, padding left out.

        Raises:
            ValueError: An id is out of range.
        """
        ids = [int(index) for index in ids]
        outside = [index for index in ids if not 0 <= index < len(self.words)]
        if outside:
            raise ValueError(f"expected ids in [0, {len(self.words)}), received {outside[0]}")
        return [self.words[index] for index in ids if index != PADDING]

    @property
    def spells(self) -> bool:
        """Whether its tokens are single characters."""
        return all(len(word) == 1 for word in self.words if word not in (*SPECIAL, START, END))

    def sentence(self, ids: Iterable[int]) -> str:
        """What a decoder wrote: the tokens before `END`, blanks between them unless they are characters."""
        tokens = self.decode(ids)
        tokens = tokens[: tokens.index(END)] if END in tokens else tokens
        return ("" if self.spells else " ").join(tokens)

    def to_text(self) -> str:
        r"""One word a line, ids counted from 0; line breaks and backslashes in a word as `\n` and `\\`."""
        return "".join(f"{_escape(word)}\n" for word in self.words)

    def to_files(self) -> dict[str, str]:
        """`to_text` by file name, as an `Export` takes it."""
        return {VOCABULARY_FILE: self.to_text()}

    @classmethod
    def from_text(cls, text: str) -> "Vocabulary":
        """Reads what `to_text` wrote; the counts are not in it.

        Raises:
            ValueError: The first two lines are not the special words, or a word occurs twice.
        """
        words = [_unescape(line) for line in text.split("\n")[:-1]]
        if tuple(words[: len(SPECIAL)]) != SPECIAL:
            raise ValueError(
                f"expected {' and '.join(SPECIAL)} in the first two lines of a vocabulary, received "
                f"{words[:2]}"
            )
        return cls(words[len(SPECIAL) :])


def unknown_share(texts: Iterable[np.ndarray]) -> float:
    """The share of the tokens of texts, ids `(length,)` each, that are the unknown word."""
    return float(np.mean(np.concatenate(list(texts)) == UNKNOWN))


def check_known(texts: Iterable[np.ndarray], source: Source) -> None:
    """Refuses a user's text of which so much is unknown that its perplexity would be a fiction.

    All unknown words are one word for a model, which is easily guessed where it is frequent.

    Args:
        texts: Ids of the validation texts, `(length,)` each.
        source: As `Context.source`; embedded and TFDS sets are not judged.

    Raises:
        ValueError: More than `MOST_UNKNOWN` of the tokens are unknown.
    """
    share = unknown_share(texts)
    if share > MOST_UNKNOWN and source.path is not None:
        raise ValueError(
            f"expected at most {MOST_UNKNOWN:.0%} unknown words in held-out text of {source}, received "
            f"{share:.0%}, so that a perplexity would say nothing; take its characters, as by suite run "
            "character_generation, or give more text"
        )


def known_ids(
    vocabulary: Vocabulary, tokens: Mapping[str, Sequence[Sequence[str]]], source: Source
) -> dict[str, list[np.ndarray]]:
    """Ids of the tokens of texts, by part; of a user's text after `check_known`.

    Args:
        vocabulary: Fitted on the training part.
        tokens: By part, the tokens of each text.
        source: As `Context.source`.

    Raises:
        ValueError: As `check_known`.
    """
    ids = {part: [vocabulary.ids(text) for text in texts] for part, texts in tokens.items()}
    check_known(ids["validation"], source)
    return ids


def _escape(word: str) -> str:
    return word.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def _unescape(line: str) -> str:
    return re.sub(r"\\(.)", lambda match: {"n": "\n", "r": "\r"}.get(match[1], match[1]), line)
