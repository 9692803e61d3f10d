import numpy as np
import pytest

from suite.data.sets import corpora
from suite.data.source import EMBEDDED
from suite.language import ngrams, smoothing
from suite.language.ngrams import NgramCounts, perplexity
from suite.language.smoothing import AddK, JelinekMercer, KneserNey
from suite.language.vocabulary import Vocabulary, tokenize
from tests.language import ngram_checks as checks


def test_against_nltk_and_plain_python():
    checks.ngrams(ngrams)
    checks.smoothing(smoothing)


def test_real_text_against_nltk():
    """Ids of Python's documentation: contexts and words that were not seen, at each n up to 5."""
    parts = corpora.load(EMBEDDED, 0).texts
    texts = {part: [tokenize(text) for text in parts[part][:150]] for part in ("train", "test")}
    vocabulary = Vocabulary.fit(texts["train"], min_count=2)
    train, test = ([vocabulary.ids(text) for text in texts[part]] for part in ("train", "test"))
    counts = NgramCounts(train, 5, len(vocabulary))
    assert counts.unseen(test)[1] > 0.2 and len(vocabulary) > 400
    checks.against_nltk(smoothing, counts, train, test[:3], len(vocabulary))


def test_many_words_and_long_ngrams():
    """A number for each n-gram that were `size ** n` would not fit into 64 bits."""
    rng = np.random.default_rng(0)
    size, texts = 10_000, [rng.integers(1, 10_000, 400)]
    counts = NgramCounts(texts, 12, size)
    assert counts.entries()[1:].tolist() == [400] * 11
    found = counts.log_probabilities(texts, smoothing.MaximumLikelihood())
    np.testing.assert_array_equal(found, np.zeros(400))
    assert counts.unseen([np.roll(texts[0], 1)])[1] <= 2 / 400


def test_sums_over_a_vocabulary():
    rng = np.random.default_rng(1)
    texts = [rng.integers(1, 60, 300), rng.integers(1, 90, 50)]
    counts = NgramCounts(texts, 3, 100)
    for way in (AddK(0.1), JelinekMercer((0.9, 0.5)), smoothing.WittenBell(), KneserNey(0.8)):
        for text in (texts[0][:9], texts[1], np.array([99])):
            found = counts.distribution(text, way)
            np.testing.assert_allclose(found.sum(), 1, rtol=1e-12)
            assert found.min() > 0  # words that do not occur, too


def test_the_smoothing_that_held_out_text_likes_best():
    counts, ways = NgramCounts([np.array([1, 2] * 10)], 2, 4), (AddK(1), AddK(0.001))
    assert counts.best(ways, [np.array([1, 2, 1])]) == AddK(0.001)  # all of it was seen
    assert counts.best(ways, [np.array([1, 3, 1])]) == AddK(1)
    assert counts.best(iter(ways), [np.array([2, 1, 1])], order=1) == AddK(0.001)  # as pairs, they are new


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AddK(0), r"^expected k > 0, received 0; MaximumLikelihood\(\) adds nothing$"),
        (lambda: AddK(np.nan), "^expected k > 0, received nan; "),
        (lambda: JelinekMercer((0.5, 1.0)), r"^expected weights in \(0, 1\), at least one, received \(0"),
        (lambda: JelinekMercer(()), r"^expected weights in \(0, 1\), .* received \(\); MaximumL.*nothing$"),
        (lambda: KneserNey(0), r"^expected a discount in \(0, 1\], received 0; 0.75 is a usual one$"),
        (lambda: KneserNey(1.1), r"^expected a discount in \(0, 1\], received 1.1; "),
        (lambda: NgramCounts([[1]], 0, 3), "^expected an order of at least 1, received 0; 1 counts single w"),
        (lambda: NgramCounts([[], []], 1, 3), "^expected at least one word, received none; give more text$"),
        (
            lambda: NgramCounts([[1], [3]], 1, 3),
            r"^expected ids in \[1, 3\), received 3; 0 stands for what is before a text$",
        ),
        (lambda: NgramCounts([[1, 0]], 1, 3), r"^expected ids in \[1, 3\), received 0; "),
        (lambda: perplexity(np.array([])), "^expected the log-probability of at least one word, received no"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("order", [0, 3, -1])
def test_an_order_that_was_not_counted(order):
    counts = NgramCounts([[1, 2, 1]], 2, 3)
    message = f"^expected an order from 1 to 2, received {order}; count longer n-grams for more$"
    for ask in (counts.log_probabilities, lambda texts, *way: counts.distribution(texts[0], *way)):
        with pytest.raises(ValueError, match=message):
            ask([[1]], AddK(1), order)


def test_which_words_end_an_ngram_that_occurred():
    rng = np.random.default_rng(0)
    train, test = ([rng.integers(1, 6, length) for length in (60, 40)] for _ in range(2))
    counts = NgramCounts(train, 4, 6)
    for n in range(1, 5):
        padded = [[0] * (n - 1) + text.tolist() for text in train]
        known = {tuple(text[i : i + n]) for text in padded for i in range(len(text) - n + 1)}
        asked = [[0] * (n - 1) + text.tolist() for text in test]
        expected = [tuple(text[i : i + n]) in known for text in asked for i in range(len(text) - n + 1)]
        assert counts.occurred(test, n).tolist() == expected
        assert counts.unseen(test)[n - 1] == pytest.approx(1 - np.mean(expected))
