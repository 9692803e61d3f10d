"""A line on weighed words and pairs of neighbors: what a network for texts has to beat."""

import itertools
from collections.abc import Sequence

import keras
import numpy as np
import scipy.sparse
from keras import layers
from sklearn.linear_model import LogisticRegression

from suite.language import features
from suite.language.vocabulary import SPECIAL, Vocabulary
from suite.layers import TfIdf

_ABSENT = -20.0  # the bias of a class without examples


def fit_text_lines(
    texts: Sequence[Sequence[str]],
    labels: np.ndarray,
    num_classes: int,
    words: Vocabulary,
    strengths: Sequence[float] = (3.0, 30.0, 300.0),
    most_pairs: int = 4000,
) -> list[keras.Model]:
    """Fits logistic regressions to TF-IDF of words and pairs of words, one for each strength.

    Args:
        texts: Tokens of each training text.
        labels: `(n,)` int in [0, num_classes); at least two occur.
        num_classes: K; those that do not occur get next to no probability.
        words: That are counted; document frequencies are those of `texts`.
        strengths: What the loss of a text weighs against the squares of the weights, scikit-learn's C.
        most_pairs: Of known words, the most frequent.

    Returns:
        Models from ids `(batch, length)` int32, padded with 0, to "probabilities" `(batch, K)`.
    """
    known = words.words[len(SPECIAL) :]
    pairs = [
        [" ".join(pair) for pair in itertools.pairwise(text) if all(word in words for word in pair)]
        for text in texts
    ]
    found = Vocabulary.fit(pairs, most_pairs + len(SPECIAL)).words[len(SPECIAL) :] if any(pairs) else ()
    vocabulary = Vocabulary([*known, *found])
    counts = features.bag_of_words(
        [[*text, *two] for text, two in zip(texts, pairs, strict=True)], vocabulary
    )
    idf = features.inverse_document_frequency(counts)
    rows = features.tf_idf(counts, idf)
    ids = np.reshape([words.ids(pair.split(" ")) for pair in found], (-1, 2))
    return [_fit(rows, labels, num_classes, strength, (len(words), ids, idf)) for strength in strengths]


def _fit(
    rows: scipy.sparse.csr_array,
    labels: np.ndarray,
    num_classes: int,
    strength: float,
    counted: tuple[int, np.ndarray, np.ndarray],
) -> keras.Model:
    size, pairs, idf = counted
    line = LogisticRegression(C=strength, max_iter=300).fit(rows, labels)
    kernel, bias = np.zeros((rows.shape[1], num_classes)), np.full(num_classes, _ABSENT)
    is_one = len(line.classes_) == 2  # then there is one score, of the second class
    kernel[:, line.classes_[is_one:]] = line.coef_.T
    bias[line.classes_] = np.r_[0, line.intercept_] if is_one else line.intercept_
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    count = TfIdf(size, len(pairs), name="tf_idf")
    answer = layers.Dense(num_classes, "softmax", name="probabilities")
    model = keras.Model(tokens, answer(count(tokens)))
    count.adapt(pairs, idf)
    answer.set_weights([kernel, bias])
    return model


def average_texts(models: Sequence[keras.Model]) -> keras.Model:
    """A model from ids `(batch, length)` int32 to the mean of the "probabilities" of several."""
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    return keras.Model(tokens, layers.Average(name="probabilities")([model(tokens) for model in models]))
