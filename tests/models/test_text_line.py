import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from suite.language.features import ngrams
from suite.language.vocabulary import Vocabulary
from suite.models.text_line import average_texts, fit_text_lines

TEXTS = [
    text.split() for text in ("not bad at all", "bad not good", "good", "so so", "not good so bad", "all")
]


@pytest.mark.parametrize("labels", [[0, 1, 0, 1, 1, 0], [2, 1, 0, 0, 1, 2]])
def test_a_line_is_that_of_scikit_learn(labels):
    words = Vocabulary.fit(TEXTS)
    weak, strong = fit_text_lines(TEXTS, np.array(labels), 4, words, (1.0, 100.0))
    ids = np.stack([words.ids(text, 7) for text in TEXTS])
    for model, strength in ((weak, 1.0), (strong, 100.0)):
        count = TfidfVectorizer(analyzer=lambda text: ngrams(text, 1, 2))
        line = make_pipeline(count, LogisticRegression(C=strength, max_iter=300)).fit(TEXTS, labels)
        theirs = np.zeros((6, 4))
        theirs[:, np.unique(labels)] = line.predict_proba(TEXTS)
        ours = np.array(model(ids))
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
        np.testing.assert_allclose(model(np.pad(ids, [(0, 0), (0, 3)])), ours, atol=1e-6)
    both = average_texts([weak, strong])
    np.testing.assert_allclose(both(ids), (np.array(weak(ids)) + np.array(strong(ids))) / 2, atol=1e-6)
    assert np.abs(np.array(weak(ids)) - np.array(strong(ids))).max() > 0.1


def test_texts_of_one_word_have_no_pairs():
    words = Vocabulary(["a", "b"])
    (model,) = fit_text_lines([["a"], ["b"]] * 4, np.array([0, 1] * 4), 2, words, (10.0,))
    assert np.array(model(np.array([[2], [3]]))).argmax(axis=1).tolist() == [0, 1]
