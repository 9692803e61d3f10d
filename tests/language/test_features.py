"""Counts and TF-IDF against scikit-learn, in NumPy and inside a model."""

import keras
import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from suite.language.features import bag_of_words, inverse_document_frequency, ngrams, one_hot, tf_idf
from suite.language.vocabulary import Vocabulary
from suite.layers import TfIdf

RNG = np.random.default_rng(0)
TEXTS = [[f"w{i}" for i in RNG.zipf(1.3, size) if i < 40] for size in RNG.integers(1, 30, 60)] + [[]]
TEXTS = [text[:20] for text in TEXTS]


def peer(kind, largest: int, vocabulary: Vocabulary, **settings):
    columns = {word: index for index, word in enumerate(vocabulary.words[2:])}
    words = {"analyzer": lambda text: ngrams(text, 1, largest), "vocabulary": columns}
    return kind(**words, **settings).fit(TEXTS)


@pytest.mark.parametrize("largest", [1, 2, 3])
def test_against_scikit_learn(largest):
    grams = [ngrams(text, 1, largest) for text in TEXTS]
    vocabulary = Vocabulary.fit(grams, 60)
    counts = bag_of_words(grams, vocabulary)
    expected = peer(CountVectorizer, largest, vocabulary).transform(TEXTS)
    np.testing.assert_array_equal(counts.toarray(), expected.toarray())
    assert counts.shape == (61, len(vocabulary) - 2) and counts.max() > 1
    tfidf = peer(TfidfVectorizer, largest, vocabulary)
    idf = inverse_document_frequency(counts)
    np.testing.assert_allclose(idf, tfidf.idf_, rtol=1e-12)
    np.testing.assert_allclose(tf_idf(counts, idf).toarray(), tfidf.transform(TEXTS).toarray(), atol=1e-12)


def test_ngrams_are_scikit_learns():
    text = ["a", "b", "a", "c", "d"]
    for smallest, largest in ((1, 1), (1, 3), (2, 4), (6, 7)):
        peers = CountVectorizer(ngram_range=(smallest, largest), token_pattern=r"\w+").build_analyzer()
        assert ngrams(text, smallest, largest) == peers(" ".join(text))
    for wrong in ((0, 2), (3, 2)):
        with pytest.raises(
            ValueError, match=rf"^expected 1 <= smallest <= largest, received {wrong[0]} and {wrong[1]}$"
        ):
            ngrams(text, *wrong)


def test_one_hot():
    found = one_hot(np.array([[1, 0], [3, 3]]), 4)
    np.testing.assert_array_equal(found, [[[0, 1, 0, 0], [1, 0, 0, 0]], [[0, 0, 0, 1], [0, 0, 0, 1]]])
    assert found.dtype == np.float32 and one_hot(np.int32([]), 3).shape == (0, 3)
    for wrong in (4, -1):
        with pytest.raises(ValueError, match=rf"^expected ids in \[0, 4\), received {min(0, wrong)} to "):
            one_hot([0, wrong], 4)


@pytest.mark.parametrize("with_pairs", [True, False])
def test_the_layer_counts_as_scikit_learn_does(with_pairs, tmp_path):
    words = Vocabulary.fit(TEXTS, 12)  # with unknown words
    known = [[name for name in ngrams(text, 2, 2) if all(w in words for w in name.split())] for text in TEXTS]
    names = [*words.words[2:], *(Vocabulary.fit(known, 30).words[2:] if with_pairs else ())]
    vocabulary = Vocabulary(names)
    tfidf = peer(TfidfVectorizer, 1 + with_pairs, vocabulary)
    pairs = [words.ids(name.split()) for name in names[10:]]
    tokens = keras.Input((20,), dtype="int32", name="tokens")
    layer = TfIdf(len(words), len(pairs))
    model = keras.Model(tokens, layer(tokens))
    layer.adapt(np.reshape(pairs, (-1, 2)), tfidf.idf_)
    ids = np.stack([words.ids(text, 20) for text in TEXTS])
    expected = tfidf.transform(TEXTS).toarray()
    np.testing.assert_allclose(model(ids), expected, atol=1e-6)
    assert not layer.trainable_variables and not expected[-1].any()
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "model.keras")(ids), expected, atol=1e-6)


def test_the_layer_refuses_pairs_that_overflow():
    with pytest.raises(
        ValueError, match=r"^expected at most 46,340 words, received 46341; take the frequent$"
    ):
        TfIdf(46_341)
