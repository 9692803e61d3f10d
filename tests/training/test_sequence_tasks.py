"""Sequences with one answer: what is drawn, and that the best rate's weights are kept."""

import keras
import numpy as np

from suite.optimizers import Adam
from suite.training.sequence_tasks import adding, fit_at_rates, next_letter, training_step


def make_model(features, outputs=1, activation=None):
    keras.utils.set_random_seed(0)
    sequence = keras.Input((None, features))
    state = keras.layers.SimpleRNN(4)(sequence)
    return keras.Model(sequence, keras.layers.Dense(outputs, activation)(state))


def test_a_step_is_that_of_keras():
    x, y = adding(6).draw("train", 16, 6, np.random.default_rng(0))
    ours, theirs = make_model(2), make_model(2)
    step = training_step(ours, Adam(0.01), keras.losses.mean_squared_error)
    theirs.compile(Adam(0.01), "mean_squared_error")
    for _ in range(3):
        step(x, y)
        theirs.train_on_batch(x, y)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-6)


def test_the_best_rate_is_kept_and_begins_anew():
    task, found = adding(6), {}
    x, y = task.draw("test", 500, 6, np.random.default_rng(5))
    how = dict(steps=40, batch_size=32, clip_norm=1.0, seed=3)
    for rates in ((1e-2,), (1e-7,), (1e-2, 1e-7), (1e-7, 1e-2)):
        model = make_model(2)
        answers = fit_at_rates(model, task, rates, **how)(x).numpy()
        np.testing.assert_allclose(answers, model.predict(x, verbose=0), atol=1e-6)
        found[rates] = float(np.mean((answers - y) ** 2))
    assert found[1e-2,] < 0.7 * found[1e-7,]
    np.testing.assert_allclose([found[1e-2, 1e-7], found[1e-7, 1e-2]], found[1e-2,], rtol=1e-4)


def test_the_letters_before_and_the_next_one():
    texts = {"train": ["ab", "cab"], "test": ["ba"]}
    task = next_letter(texts, length=3)
    letters = "_?ab\nc"  # padding, the unknown one, then the more frequent first, of equal ones by alphabet
    assert task.features == task.outputs == len(letters)
    before, after = task.draw("train", 200, 3, np.random.default_rng(0))
    assert before.shape == (200, 3, 6) and after.shape == (200, 1)
    drawn = {
        "".join(letters[place] for place in row.argmax(axis=1)) + letters[int(target)]
        for row, (target,) in zip(before, after, strict=True)
    }
    assert drawn == {"___a", "__ab", "_ab\n", "___c", "__ca", "_cab", "cab\n"}
    np.testing.assert_array_equal(before.sum(axis=2), 1)
