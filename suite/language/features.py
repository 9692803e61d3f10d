"""Texts as numbers without order: one-hot, bag of words, n-grams, TF-IDF."""

from collections.abc import Iterable, Sequence

import numpy as np
import scipy.sparse

from suite.language.vocabulary import SPECIAL, Vocabulary


def one_hot(ids: np.ndarray, size: int) -> np.ndarray:
    """Each id as a vector with one 1: `(..., size)` float32.

    Raises:
        ValueError: An id is out of range.
    """
    ids = np.asarray(ids)
    if ids.size and not 0 <= ids.min() <= ids.max() < size:
        raise ValueError(f"expected ids in [0, {size}), received {ids.min()} to {ids.max()}")
    return np.eye(size, dtype=np.float32)[ids]


def ngrams(tokens: Sequence[str], smallest: int, largest: int) -> list[str]:
    """The n-grams of a text, words joined by a space: all of the smallest n, then the next.

    Args:
        tokens: Words in order.
        smallest: Least n, >= 1.
        largest: Largest n.

    Raises:
        ValueError: Not 1 <= smallest <= largest.
    """
    if not 1 <= smallest <= largest:
        raise ValueError(f"expected 1 <= smallest <= largest, received {smallest} and {largest}")
    return [
        " ".join(tokens[start : start + n])
        for n in range(smallest, largest + 1)
        for start in range(len(tokens) - n + 1)
    ]


def bag_of_words(texts: Iterable[Sequence[str]], vocabulary: Vocabulary) -> scipy.sparse.csr_array:
    """How often each word (or n-gram) of the vocabulary is in each text.

    Args:
        texts: Tokens or n-grams of each text.
        vocabulary: Its special words have no columns: what is unknown is not counted.

    Returns:
        `(n, len(vocabulary) - 2)` float64; column j is the id j + 2.
    """
    rows = [vocabulary.ids(text) - len(SPECIAL) for text in texts]
    columns = np.concatenate([np.array([], np.int32), *rows])
    starts = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    known = columns >= 0
    pairs = (starts[known], columns[known])
    shape = (len(rows), len(vocabulary) - len(SPECIAL))
    return scipy.sparse.coo_array((np.ones(known.sum()), pairs), shape).tocsr()  # adds up equal pairs


def inverse_document_frequency(counts: scipy.sparse.csr_array) -> np.ndarray:
    """How much the presence of each word says: `log((1 + n) / (1 + texts with it)) + 1`, `(V,)` float64.

    This is scikit-learn's smoothed form, as if one more text had every word; textbooks have `log(n / df)`.

    Args:
        counts: `(n, V)` of the training texts.

    Reference:
        Sparck Jones (1972), A statistical interpretation of term specificity and its application in
        retrieval.
    """
    texts_with = np.bincount(scipy.sparse.coo_array(counts).coords[1], minlength=counts.shape[1])
    return np.log((1 + counts.shape[0]) / (1 + texts_with)) + 1


def tf_idf(counts: scipy.sparse.csr_array, idf: np.ndarray) -> scipy.sparse.csr_array:
    """Counts times the inverse document frequency, each row scaled to Euclidean length 1.

    Args:
        counts: `(n, V)`.
        idf: `(V,)`, from the training texts.

    Returns:
        `(n, V)` float64; rows without a known word stay 0.
    """
    weighted = scipy.sparse.csr_array(counts * idf[None])
    lengths = np.sqrt((weighted * weighted).sum(axis=1))
    return scipy.sparse.csr_array(weighted / np.where(lengths > 0, lengths, 1)[:, None])
