"""N-gram models against nltk.lm and plain Python, as functions of the modules that hold them."""

import numpy as np
from nltk import lm

from suite.language import smoothing as smoothing_methods
from suite.language.ngrams import NgramCounts
from tests.references import ngrams as reference

RNG = np.random.default_rng(0)
SIZE = 7
# Words 1 to 5, some far more frequent; 6 occurs in the test texts alone.
TRAIN = [RNG.choice(np.arange(1, 6), length, p=(0.4, 0.3, 0.15, 0.1, 0.05)) for length in (30, 1, 12, 0, 19)]
TEST = [RNG.integers(1, SIZE, length) for length in (25, 0, 1, 9)] + [TRAIN[2][:7]]
ORDERS = (1, 2, 3, 4)
UNIGRAMS = {"uniform": False}


def ngrams(module):
    counts = module.NgramCounts(TRAIN, max(ORDERS), SIZE)
    tables(counts)
    scores(smoothing_methods, counts)
    np.testing.assert_allclose(module.perplexity(np.log([0.5, 0.125])), 4, rtol=1e-12)
    assert module.perplexity(np.array([0.0, -np.inf])) == np.inf


def smoothing(module):
    scores(module, NgramCounts(TRAIN, max(ORDERS), SIZE))


def scores(module, counts):
    against_nltk(module, counts, TRAIN, TEST, SIZE)
    down_to_the_uniform(module, counts)
    next_words(module, counts)


def tables(counts):
    expected = reference.counted(TRAIN, max(ORDERS))
    assert counts.entries().tolist() == [len(table) for table in expected]
    unseen = [
        np.mean([gram not in table for gram in reference.counted(TEST, max(ORDERS))[n].elements()])
        for n, table in enumerate(expected)
    ]
    np.testing.assert_allclose(counts.unseen(TEST), unseen, rtol=1e-12)
    assert 0 < unseen[0] < unseen[-1] < 1
    entries, contexts = counts.entries(), np.array([0, *counts.entries()[:-1]])
    # A key and two counts a n-gram, three numbers a context, 8 bytes each, and the rows at both ends.
    numbers = 3 * entries + 3 * contexts + 10
    numbers[-1] -= entries[-1] + contexts[-1] + 4  # the longest have no continuations
    assert counts.bytes().tolist() == (8 * numbers).tolist()


def peer(kind, texts, order: int, size: int, **settings):
    """A model of nltk.lm with our paddings and our vocabulary, fitted; its words are ids as text."""
    padded = [["0"] * (order - 1) + [str(word) for word in text] for text in texts]
    grams = [
        [tuple(text[end - n : end]) for end in range(order, len(text) + 1) for n in range(1, order + 1)]
        for text in padded
    ]
    # nltk counts its own label of unknown words in: it takes the place of the last id.
    words = lm.Vocabulary([str(index) for index in range(size - 1)], unk_label=str(size - 1))
    model = kind(order=order, vocabulary=words, **settings)
    model.fit(grams)
    return model


def peer_scores(model, texts) -> np.ndarray:
    found = []
    for text in texts:
        padded = ["0"] * (model.order - 1) + [str(word) for word in text]
        for end in range(model.order, len(padded) + 1):
            found.append(model.score(padded[end - 1], padded[end - model.order : end - 1]))
    return np.array(found)


def pairs(module, order: int):
    """Our smoothing, and nltk's class and settings."""
    yield module.MaximumLikelihood(), lm.MLE, {}
    yield module.AddK(1.0), lm.Laplace, {}
    yield module.AddK(0.03), lm.Lidstone, {"gamma": 0.03}
    yield module.WittenBell(**UNIGRAMS), lm.WittenBellInterpolated, {}
    if order > 1:  # of single words, nltk's divides by 0
        for discount in (0.1, 0.75, 1.0):
            settings = {"discount": discount}
            yield module.KneserNey(discount, **UNIGRAMS), lm.KneserNeyInterpolated, settings


def against_nltk(module, counts, train, test, size):
    for order in range(1, counts.order + 1):
        for smoothing, kind, settings in pairs(module, order):
            expected = peer_scores(peer(kind, train, order, size, **settings), test)
            found = counts.log_probabilities(test, smoothing, order)
            assert found.shape == expected.shape
            np.testing.assert_allclose(np.exp(found), expected, atol=1e-10)  # measured 3e-16


def down_to_the_uniform(module, counts):
    weights = (0.9, 0.6, 0.3)

    def jelinek_mercer(count, total, types, n):
        weight = weights[min(n, 3) - 1]
        return weight * count / total, 1 - weight

    def witten_bell(count, total, types, n):
        return count / (types + total), types / (types + total)

    def kneser_ney(count, total, types, n):
        return max(count - 0.75, 0) / total, 0.75 * types / total

    ways = (
        (module.JelinekMercer(weights), jelinek_mercer),
        (module.WittenBell(), witten_bell),
        (module.KneserNey(0.75), kneser_ney),
    )
    for order in ORDERS:
        grams = [
            (tuple([0] * (order - 1) + text.tolist())[end : end + order - 1], int(word))
            for text in TEST
            for end, word in enumerate(text)
        ]
        for smoothing, terms in ways:
            expected = [
                reference.interpolated(TRAIN, context, word, SIZE, terms, terms is kneser_ney)
                for context, word in grams
            ]
            found = counts.log_probabilities(TEST, smoothing, order)
            np.testing.assert_allclose(np.exp(found), expected, rtol=1e-10)
    first = module.JelinekMercer((0.5, 0.6), **UNIGRAMS), module.JelinekMercer((0.9, 0.6), **UNIGRAMS)
    np.testing.assert_array_equal(*(counts.log_probabilities(TEST, each, 2) for each in first))


def next_words(module, counts):
    """Of each text so far: the distribution sums to 1, and its numbers are those of the scores."""
    for order in ORDERS:
        for smoothing, _, _ in pairs(module, order):
            for text in TEST[0][:12], TRAIN[0][:5], TEST[2]:
                found = counts.distribution(text, smoothing, order)
                if not isinstance(smoothing, module.MaximumLikelihood):
                    np.testing.assert_allclose(found.sum(), 1, rtol=1e-10)
                longer = [np.append(text, word) for word in range(1, SIZE)]
                last = np.cumsum([len(each) for each in longer]) - 1
                scores = np.exp(counts.log_probabilities(longer, smoothing, order)[last])
                np.testing.assert_allclose(found[1:], scores, rtol=1e-12)
