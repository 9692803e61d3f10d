"""N-gram language models: counts, what they make of a text, perplexity, and what they take in memory.

Every n-gram of a training text has a row in the table of its n, sorted by the number `context * size + word`,
where `context` is the row of its first n - 1 words in the table below. So numbers stay small for any n, and
counting is sorting, looking up a binary search, both of all words at once. Row 0 is the context of padding
alone, before the first word of a text; the row after the last is that of every n-gram that did not occur.

Ids are those of `Vocabulary`. 0, padding, never occurs in a text; as one of `size` outcomes it has its share
where a method gives one to words that do not occur.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from suite.language.smoothing import Seen, Smoothing

Way = TypeVar("Way", bound=Smoothing)


class _Table(NamedTuple):
    """The n-grams of one n.

    Attributes:
        keys: `(entries,)` int64, sorted: the context's row * size + the last word.
        counts: `(entries + 2,)` int64 by row, 0 in the first and the last.
        totals, types: `(contexts + 2,)` int64 by the context's row; see `Seen`.
        continuations, continuation_totals: As `counts` and `totals`, of the different words before an n-gram;
            empty for the longest n-grams.
    """

    keys: np.ndarray
    counts: np.ndarray
    totals: np.ndarray
    types: np.ndarray
    continuations: np.ndarray
    continuation_totals: np.ndarray

    def rows(self, contexts: np.ndarray, words: np.ndarray, size: int) -> np.ndarray:
        """Row of each n-gram; the last row for those that did not occur."""
        keys = contexts * size + words
        places = np.searchsorted(self.keys, keys)
        known = self.keys[np.minimum(places, len(self.keys) - 1)] == keys
        return np.where(known, places + 1, len(self.keys) + 1)

    def seen(self, contexts: np.ndarray, rows: np.ndarray, continuations: bool) -> Seen:
        if continuations:
            counts, totals = self.continuations, self.continuation_totals
        else:
            counts, totals = self.counts, self.totals
        return Seen(counts[rows], totals[contexts], self.types[contexts])


class NgramCounts:
    """How often each n-gram occurs in training texts, for n from 1 to an order.

    Before the first word of a text stand as many paddings as a context needs; n-grams do not reach from one
    text into the next, and the end of a text is no word.

    Attributes:
        order: Largest n.
        size: Size of the vocabulary.
    """

    def __init__(self, texts: Sequence[np.ndarray], order: int, size: int):
        """Counts.

        Args:
            texts: Ids `(length,)` of each text, int in [1, size).
            order: Largest n, >= 1.
            size: Size of the vocabulary, padding included.

        Raises:
            ValueError: The order is below 1, an id is out of range, or there is no word.
        """
        if order < 1:
            raise ValueError(f"expected an order of at least 1, received {order}; 1 counts single words")
        self.order, self.size = order, size
        stream = self._stream(texts)
        is_word = stream > 0
        words, rows, contexts = stream[is_word], np.zeros_like(stream), 2
        self._tables: list[_Table] = []
        for _ in range(order):
            own = rows[_before(is_word)]
            keys, first, places, counts = np.unique(
                own * size + words, return_index=True, return_inverse=True, return_counts=True
            )
            if self._tables:
                self._add_continuations(rows[is_word][first])
            shares = keys // size
            totals = np.bincount(shares, counts, contexts).astype(np.int64)
            types = np.bincount(shares, minlength=contexts)
            none = np.zeros(0, np.int64)
            self._tables.append(_Table(keys, np.pad(counts, 1), totals, types, none, none))
            rows[is_word], contexts = places + 1, len(keys) + 2

    def _add_continuations(self, endings: np.ndarray) -> None:
        """Takes, of each longer n-gram, the row of what is left without its first word."""
        table = self._tables[-1]
        counts = np.bincount(endings, minlength=len(table.counts))
        totals = np.bincount(table.keys // self.size, counts[1:-1], len(table.totals)).astype(np.int64)
        self._tables[-1] = table._replace(continuations=counts, continuation_totals=totals)

    def _stream(self, texts: Sequence[np.ndarray]) -> np.ndarray:
        """The texts one after another, int64, a 0 before each."""
        words = np.concatenate([np.array([], np.int64), *texts]).astype(np.int64)
        if not len(words):
            raise ValueError("expected at least one word, received none; give more text")
        if not 1 <= words.min() <= words.max() < self.size:
            outside = words.min() if words.min() < 1 else words.max()
            raise ValueError(
                f"expected ids in [1, {self.size}), received {outside}; 0 stands for what is before a text"
            )
        starts = np.cumsum([0, *map(len, texts)])[:-1]
        return np.insert(words, starts, 0)

    def _rows(self, stream: np.ndarray, order: int) -> list[np.ndarray]:
        """Row of the n-gram that ends at each place of a stream, for n from 0 to `order`."""
        rows, is_word = [np.zeros_like(stream)], stream > 0
        for table in self._tables[:order]:
            found = np.zeros_like(stream)
            found[is_word] = table.rows(rows[-1][_before(is_word)], stream[is_word], self.size)
            rows.append(found)
        return rows

    def _probabilities(
        self, contexts: Sequence[np.ndarray], rows: Sequence[np.ndarray], smoothing: Smoothing
    ) -> np.ndarray:
        """From the rows of contexts and of n-grams, for each n from 1 up."""
        levels = [
            table.seen(context, row, smoothing.continuations and n < len(rows))
            for n, (table, context, row) in enumerate(
                zip(self._tables, contexts, rows, strict=False), start=1
            )
        ]
        return smoothing.probabilities(levels, self.size)

    def _checked(self, order: int | None) -> int:
        if order is not None and not 1 <= order <= self.order:
            raise ValueError(
                f"expected an order from 1 to {self.order}, received {order}; count longer n-grams for more"
            )
        return order or self.order

    def log_probabilities(
        self, texts: Sequence[np.ndarray], smoothing: Smoothing, order: int | None = None
    ) -> np.ndarray:
        """Log-probability of each word after the `order - 1` words before it.

        Args:
            texts: Ids `(length,)` of each text, int in [1, size).
            smoothing: How counts become probabilities.
            order: n of the model; None for all that was counted.

        Returns:
            `(words of all texts,)` float64 in nats; -inf where the probability is 0.

        Raises:
            ValueError: An id or the order is out of range, or there is no word.
        """
        order, stream = self._checked(order), self._stream(texts)
        rows, is_word = self._rows(stream, order), stream > 0
        contexts = [row[_before(is_word)] for row in rows[:-1]]
        found = self._probabilities(contexts, [row[is_word] for row in rows[1:]], smoothing)
        with np.errstate(divide="ignore"):
            return np.log(found)

    def distribution(
        self, text: Sequence[int] | np.ndarray, smoothing: Smoothing, order: int | None = None
    ) -> np.ndarray:
        """Probability of each word of the vocabulary to come next.

        Args:
            text: Ids `(length,)` of the text so far, int in [1, size), at least one; the last `order - 1`
                matter.
            smoothing: How counts become probabilities.
            order: n of the model; None for all that was counted.

        Returns:
            `(size,)` float64; the sum is 1, but for maximum likelihood after what did not occur.

        Raises:
            ValueError: An id or the order is out of range, or there is no word.
        """
        order, words = self._checked(order), np.arange(self.size)
        contexts = [row[-1:] for row in self._rows(self._stream([np.asarray(text)]), order - 1)]
        rows = [
            table.rows(context, words, self.size)
            for table, context in zip(self._tables, contexts, strict=False)
        ]
        return self._probabilities(contexts, rows, smoothing)

    def best(self, ways: Iterable[Way], texts: Sequence[np.ndarray], order: int | None = None) -> Way:
        """The kind of smoothing, or its setting, with the lowest perplexity of texts, such as validation's.

        Args:
            ways: What is tried, at least one; of equals the first is taken.
            texts: Ids `(length,)` of each text, int in [1, size).
            order: n of the model; None for all that was counted.

        Raises:
            ValueError: An id or the order is out of range, or there is no word.
        """
        return min(ways, key=lambda way: perplexity(self.log_probabilities(texts, way, order)))

    def unseen(self, texts: Sequence[np.ndarray]) -> np.ndarray:
        """Share of the n-grams of texts that did not occur in training, `(order,)` float64 by n.

        Args:
            texts: Ids `(length,)` of each text, int in [1, size); one n-gram ends at each word.

        Raises:
            ValueError: An id is out of range, or there is no word.
        """
        return np.array([np.mean(~self.occurred(texts, n)) for n in range(1, self.order + 1)])

    def occurred(self, texts: Sequence[np.ndarray], order: int | None = None) -> np.ndarray:
        """Of each word of texts, whether it and the `order - 1` words before it did, in this order.

        Args:
            texts: Ids `(length,)` of each text, int in [1, size).
            order: n of the n-grams that end at the words; None for all that was counted.

        Returns:
            `(words of all texts,)` bool.

        Raises:
            ValueError: An id or the order is out of range, or there is no word.
        """
        order, stream = self._checked(order), self._stream(texts)
        rows = self._rows(stream, order)[order]
        return rows[stream > 0] <= len(self._tables[order - 1].keys)

    def entries(self) -> np.ndarray:
        """How many different n-grams there are, `(order,)` int64 by n."""
        return np.array([len(table.keys) for table in self._tables])

    def bytes(self) -> np.ndarray:
        """What the tables of the n-grams take in memory, `(order,)` int64 bytes by n."""
        return np.array([sum(column.nbytes for column in table) for table in self._tables])


def _before(is_word: np.ndarray) -> np.ndarray:
    """The places before the words of a stream, as a mask; its first place is no word."""
    return np.roll(is_word, -1)


def perplexity(log_probabilities: np.ndarray) -> float:
    """exp of the mean negative log-probability: as if one had to choose among so many equally likely words.

    Args:
        log_probabilities: `(words,)` float <= 0, in nats.

    Returns:
        A number >= 1; infinite where a word has probability 0.

    Raises:
        ValueError: There is none.
    """
    if not len(log_probabilities):
        raise ValueError("expected the log-probability of at least one word, received none")
    return float(np.exp(-np.mean(log_probabilities)))
