"""Skip-gram and CBOW on rows of words against loops over pairs; what training brings together."""

import numpy as np
import pytest
import tensorflow as tf

from suite.language.embeddings import Stream, Windows, pair_mask
from suite.language.vocabulary import Vocabulary
from suite.language.word2vec import Settings, Trainer, cbow, learn, skip_gram, window_loss
from suite.optimizers import Adam

WINDOW = 2
RNG = np.random.default_rng(0)
TABLES = RNG.normal(size=(2, 9, 4)).astype(np.float32)
WINDOWS = Windows(  # a row of six words in two sentences, two of them beyond the end
    np.array([[0, 0, 3, 5, 7, 2, 1, 4, 0, 0]], np.int32),
    np.array([[-1, -1, 0, 0, 0, 1, 1, 1, -1, -1]], np.int32),
    np.array([[2, 1, 2, 1, 2, 2]], np.int32),
)
NOISE = np.array([6, 8, 6], np.int32)


def examples(one_by_one):
    """Vectors that predict, and the word that is predicted, in the sentences above."""
    found = []
    words, sentences, reach = (each[0] for each in WINDOWS)
    for at in range(WINDOW, len(words) - WINDOW):
        far = reach[at - WINDOW]
        near = [i for i in range(at - far, at + far + 1) if i != at and sentences[i] == sentences[at]]
        if one_by_one:
            found += [(TABLES[0, words[at]], words[i]) for i in near]
        elif near:
            found.append((TABLES[0, words[near]].mean(axis=0), words[at]))
    return found


@pytest.mark.parametrize(("predict", "one_by_one"), [(skip_gram, True), (cbow, False)])
def test_the_loss_of_rows_is_the_mean_over_predictions(predict, one_by_one):
    losses = []
    for vector, target in examples(one_by_one):
        noise = np.mean(np.log1p(np.exp(TABLES[1, NOISE] @ vector)))
        losses.append(np.log1p(np.exp(-vector @ TABLES[1, target])) + 5 * noise)
    tables = tuple(map(tf.constant, TABLES))
    loss = window_loss(predict, tables, tuple(map(tf.constant, WINDOWS)), tf.constant(NOISE), 5)
    np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-5)


def test_what_counts():
    pairs = pair_mask(WINDOWS.sentences, WINDOWS.reach)
    inputs, outputs = (tf.gather(table, WINDOWS.words) for table in TABLES)
    for predict, one_by_one in ((skip_gram, True), (cbow, False)):
        counted = predict(inputs, outputs, pairs)[2]
        assert float(tf.reduce_sum(counted)) == len(examples(one_by_one))


def test_training_brings_words_of_the_same_sentences_together():
    rng = np.random.default_rng(1)
    stream = Stream.of([rng.permutation(4) + 4 * (number % 2) for number in range(60)])
    counts, settings = (
        np.bincount(stream.words),
        Settings(size=6, threshold=1, noise_words=16, rows=2, span=8),
    )
    trainer = Trainer(skip_gram, counts, settings, Adam(0.05), seed=0)
    losses = [trainer.epoch(stream) for _ in range(10)]
    assert losses[0] < 6 * np.log(2) + 0.1 and losses[-1] < 0.9 * losses[0]
    words, contexts = trainer.vectors()
    scores = words @ contexts.T
    own = np.arange(8)[:, None] // 4 == np.arange(8) // 4
    assert scores[own].mean() > scores[~own].mean() + 2
    assert -(-(len(stream.words) + settings.span) // settings.span // settings.rows) <= Trainer.steps_for(
        counts, settings
    )


def test_vectors_to_begin_with_are_by_the_ids_of_a_vocabulary():
    rng = np.random.default_rng(2)
    families = (("fine", "nice", "sweet"), ("bad", "poor", "vile"))
    texts = [list(rng.permutation(family)) for family in families for _ in range(200)]
    words = Vocabulary(["vile", "sweet", "elsewhere", "fine", "bad"])
    found = learn(texts, words, 8, 600, 0, spread=0.2)
    assert found.shape == (7, 8) and found.dtype == np.float32
    assert found.std() == pytest.approx(0.2, abs=1e-4)
    np.testing.assert_array_equal(found[4], found[1])  # what no text has is the unknown word
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    vile, sweet, fine, bad = unit[[2, 3, 5, 6]]
    assert min(vile @ bad, sweet @ fine) > max(vile @ fine, sweet @ bad) + 0.2
