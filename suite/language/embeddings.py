"""What word embeddings are learned from, and by: windows, subsampling, noise, counts, and the loss.

A corpus is a stream: the ids of its words one after another, and beside them the number of the sentence that
each stands in. A window never reaches into another sentence.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import tensorflow as tf

from suite.language.vocabulary import SPECIAL, UNKNOWN, Vocabulary


class Stream(NamedTuple):
    """A corpus.

    Attributes:
        words: `(n,)` int32, ids.
        sentences: `(n,)` int32, the number of the sentence of each word; no two neighboring sentences have
            the same.
    """

    words: np.ndarray
    sentences: np.ndarray

    @classmethod
    def of(cls, sentences: Sequence[Sequence[int] | np.ndarray]) -> "Stream":
        """The stream of sentences of ids."""
        numbers = np.repeat(np.arange(len(sentences), dtype=np.int32), [len(ids) for ids in sentences])
        return cls(
            np.concatenate([np.array([], np.int32), *(np.asarray(ids, np.int32) for ids in sentences)]),
            numbers,
        )

    def keep(self, kept: np.ndarray) -> "Stream":
        """The stream without the words where `kept` `(n,)` bool is False: those around them move together."""
        return Stream(self.words[kept], self.sentences[kept])


class Text(NamedTuple):
    """A corpus in ids, split.

    Attributes:
        vocabulary: Fitted on the training part.
        streams: Known words, by part "train" and such.
    """

    vocabulary: Vocabulary
    streams: Mapping[str, Stream]

    @classmethod
    def encode(cls, sentences: Mapping[str, Sequence[Sequence[str]]], min_count: int) -> "Text":
        """Leaves out the words that occur less than `min_count` times in the sentences of "train"."""
        vocabulary = Vocabulary.fit(sentences["train"], min_count=min_count)
        wholes = {
            part: Stream.of([vocabulary.ids(each) for each in texts]) for part, texts in sentences.items()
        }
        return cls(vocabulary, {part: whole.keep(whole.words != UNKNOWN) for part, whole in wholes.items()})

    def counts(self) -> np.ndarray:
        """`(V,)` int64 occurrences in training; 0 for padding and the unknown, which no stream holds."""
        return np.where(np.arange(len(self.vocabulary)) < len(SPECIAL), 0, self.vocabulary.counts)


class Windows(NamedTuple):
    """Stretches of a stream, each with its surroundings, so that windows become matrix products.

    Attributes:
        words: `(rows, span + 2 * window)` int32; the middle `span` are the words that windows stand around.
        sentences: As `words`; -1 beyond the ends of the stream.
        reach: `(rows, span)` int32 in [1, window], how far the window around each word goes on either side.
    """

    words: np.ndarray
    sentences: np.ndarray
    reach: np.ndarray


def keep_probabilities(counts: np.ndarray, threshold: float) -> np.ndarray:
    """Probability that an occurrence of a word is kept when frequent words are subsampled.

        f = counts / sum(counts)
        p = min(1, sqrt(threshold / f) + threshold / f)

    This is what the authors' program does, and gensim; the paper, equation 5, has `sqrt(threshold / f)`.

    Args:
        counts: `(V,)` >= 0, occurrences in the corpus.
        threshold: Share of the corpus above which words are thinned out, > 0; 1e-5 to 1e-3 is usual.

    Returns:
        `(V,)` float64 in (0, 1]; 1 for words without occurrences.

    Raises:
        ValueError: A threshold that is not positive.

    Reference:
        Mikolov, Sutskever, Chen, Corrado, Dean (2013), Distributed representations of words and phrases and
        their compositionality, section 2.3, and word2vec.c.
    """
    if not threshold > 0:
        raise ValueError(f"expected a subsampling threshold > 0, received {threshold}; 1 keeps every word")
    ratio = threshold * np.sum(counts) / np.maximum(counts, 1e-300)
    return np.minimum(1.0, np.sqrt(ratio) + ratio)


def noise_distribution(counts: np.ndarray, power: float = 0.75) -> np.ndarray:
    """Distribution of the words that are not there: counts to a power, over their sum.

    Args:
        counts: `(V,)` >= 0, occurrences in the corpus, before subsampling.
        power: 1 is the unigram distribution, 0 the uniform one over the words that occur.

    Returns:
        `(V,)` float64 that adds up to 1.

    Reference:
        Mikolov et al. (2013), section 2.2.
    """
    weights = np.where(np.asarray(counts) > 0, np.asarray(counts, np.float64) ** power, 0.0)
    return weights / weights.sum()


def subsample(stream: Stream, probabilities: np.ndarray, rng: np.random.Generator) -> Stream:
    """Keeps each occurrence of word `i` with probability `probabilities[i]`, before windows are drawn.

    Args:
        stream: The corpus.
        probabilities: `(V,)` in [0, 1].
        rng: Source of the draws, one a word.
    """
    return stream.keep(rng.random(len(stream.words)) < probabilities[stream.words])


def cut_windows(stream: Stream, window: int, span: int, rng: np.random.Generator) -> Windows:
    """Cuts a stream into rows in random order; each word of it is in the middle of one row, once.

    Args:
        stream: The corpus, n words.
        window: Largest reach of a window.
        span: Words in the middle of a row. Where the rows begin is drawn anew at each call.
        rng: Draws that, the order, and the reach of every window, from 1 to `window` with equal
            probability: near words count for more.
    """
    begin = int(rng.integers(span))
    rows = -(-(begin + len(stream.words)) // span)
    inside = slice(window + begin, window + begin + len(stream.words))
    words, sentences = np.zeros((2, rows * span + 2 * window), np.int32) - np.array([[0], [1]], np.int32)
    words[inside], sentences[inside] = stream.words, stream.sentences
    order = rng.permutation(rows)
    words, sentences = (
        np.lib.stride_tricks.sliding_window_view(values, span + 2 * window)[::span][order]
        for values in (words, sentences)
    )
    reach = rng.integers(1, window + 1, (rows, span), dtype=np.int32)
    return Windows(words, sentences, reach)


def pair_mask(sentences: tf.Tensor | np.ndarray, reach: tf.Tensor | np.ndarray) -> tf.Tensor:
    """Which words of a row are in the window of which.

    Args:
        sentences: As in `Windows`, a tensor or an array.
        reach: The same.

    Returns:
        `(rows, span, span + 2 * window)` float32: 1 where the word (third axis) is a context of the word in
        the middle (second axis), else 0.
    """
    span = reach.shape[1]
    window = (sentences.shape[1] - span) // 2
    distance = np.abs(np.arange(span)[:, None] + window - np.arange(span + 2 * window)).astype(np.int32)
    own = sentences[:, window : window + span, None]
    near = (distance > 0) & (distance <= reach[..., None])
    return tf.cast(near & (own == sentences[:, None, :]) & (own >= 0), tf.float32)


def draw_pairs(stream: Stream, window: int, rng: np.random.Generator) -> np.ndarray:
    """Every word with each word in its window.

    Args:
        stream: The corpus.
        window: Largest reach of a window.
        rng: Draws the reaches, as in `cut_windows`.

    Returns:
        `(pairs, 2)` int32.
    """
    reach = rng.integers(1, window + 1, len(stream.words))
    found = []
    for distance in range(1, window + 1):
        same = stream.sentences[:-distance] == stream.sentences[distance:]
        left, right = stream.words[:-distance], stream.words[distance:]
        after, before = same & (reach[:-distance] >= distance), same & (reach[distance:] >= distance)
        found += [np.stack([left[after], right[after]]), np.stack([right[before], left[before]])]
    return np.concatenate(found, axis=1).T


def negative_sampling_loss(
    logits: tf.Tensor, pairs: tf.Tensor, noise_logits: tf.Tensor, negatives: float
) -> tf.Tensor:
    """Negative log-likelihood of telling the pairs that occur from pairs with noise, in nats a pair.

        loss of a pair = -log sigmoid(s) - negatives * mean(log sigmoid(-s_noise))

    The paper draws `negatives` noise words for every pair and sums over them. Here the K noise words are
    drawn once for all pairs of a batch, which makes their scores one matrix product, and each weighs
    `negatives / K`: the expectation is the same. A noise word that happens to be the right one is not left
    out, as the paper's equation has it; word2vec.c and gensim skip it.

    Args:
        logits: `(..., C)` float32, scores of words with what may be their contexts.
        pairs: `(..., C)` float32, 1 where the score is that of a pair that occurs, else 0.
        noise_logits: `(..., K)` float32, scores of the same words with the noise words.
        negatives: Noise words for each pair.

    Returns:
        Scalar float32 >= 0: the mean over the pairs. At scores of 0 it is `(1 + negatives) * log(2)`.

    Reference:
        Mikolov et al. (2013), equation 4.
    """
    positive = tf.reduce_sum(pairs * tf.nn.softplus(-logits))
    noise = tf.reduce_sum(tf.reduce_sum(pairs, -1) * tf.reduce_mean(tf.nn.softplus(noise_logits), -1))
    return (positive + negatives * noise) / tf.maximum(tf.reduce_sum(pairs), 1.0)


def cooccurrences(stream: Stream, window: int, vocabulary_size: int) -> scipy.sparse.csr_array:
    """How often each word has each other one in its window: `(V, V)` float64, symmetric.

    A pair at distance d counts `(window + 1 - d) / window`: the probability that a window whose reach is
    drawn from 1 to `window` goes that far.

    Args:
        stream: The corpus, in ids below V.
        window: Largest reach of a window.
        vocabulary_size: V.
    """
    counts = scipy.sparse.csr_array((vocabulary_size, vocabulary_size))
    for distance in range(1, min(window, len(stream.words) - 1) + 1):
        same = stream.sentences[:-distance] == stream.sentences[distance:]
        left, right = stream.words[:-distance][same], stream.words[distance:][same]
        weights = np.full(len(left), (window + 1 - distance) / window)
        counts = counts + scipy.sparse.coo_array((weights, (left, right)), counts.shape)
    return (counts + counts.T).tocsr()


def ppmi(counts: scipy.sparse.csr_array, power: float = 0.75, shift: float = 1.0) -> scipy.sparse.csr_array:
    """Positive pointwise mutual information of words and contexts.

        p(c) = sum_w(counts)**power / its sum
        PPMI = max(0, log(p(w, c) / (p(w) * p(c))) - log(shift))

    Args:
        counts: `(V, V)` >= 0, rows words and columns contexts.
        power: Below 1, rare contexts weigh less; as in `noise_distribution`.
        shift: The k of negative sampling, whose scores factorize `PMI - log(k)`; 1 shifts nothing.

    Returns:
        `(V, V)` float64 in nats; 0 where the pair does not occur.

    Reference:
        Levy, Goldberg (2014), Neural word embedding as implicit matrix factorization, section 3; Levy,
        Goldberg, Dagan (2015), Improving distributional similarity with lessons learned from word
        embeddings, section 3.2.
    """
    pairs = scipy.sparse.coo_array(counts)
    words, contexts = counts.sum(axis=1), noise_distribution(counts.sum(axis=0), power)
    rows, columns = pairs.coords
    information = np.log(pairs.data / (words[rows] * contexts[columns])) - np.log(shift)
    found = scipy.sparse.coo_array((np.maximum(information, 0), pairs.coords), counts.shape).tocsr()
    found.eliminate_zeros()
    return found


def factorize(matrix: scipy.sparse.csr_array, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Word and context vectors whose products come nearest to a matrix: a truncated SVD, shared evenly.

    Args:
        matrix: `(V, V)`, such as PPMI.
        size: Numbers a vector, < V.

    Returns:
        `U * sqrt(S)` and `V * sqrt(S)`, `(V, size)` float32 each, largest singular value first.

    Reference:
        Levy, Goldberg (2014), section 3.3 (symmetric SVD).
    """
    size = min(size, min(matrix.shape) - 1)
    start = np.ones(min(matrix.shape))  # drawn at random otherwise, and the signs with it
    left, values, right = scipy.sparse.linalg.svds(matrix, size, v0=start)
    order = np.argsort(-values)
    roots = np.sqrt(np.maximum(values[order], 0))
    return (left[:, order] * roots).astype(np.float32), (right[order].T * roots).astype(np.float32)
