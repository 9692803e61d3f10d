import numpy as np
import pytest

from suite.evaluation.representations import (
    along_over_across,
    explained,
    few_labels_accuracy,
    mended_linearly,
    overlaps,
)

PARTS = ("train", "validation", "test")


def examples(seed=0):
    """Two classes that a first feature tells apart, and a second that tells nothing."""
    rng = np.random.default_rng(seed)
    labels = {part: rng.integers(2, size=80) for part in PARTS}
    codes = {part: np.c_[4 * labels[part] + rng.normal(size=80), rng.normal(size=80)] for part in PARTS}
    return codes, labels


def test_a_representation_that_has_the_answer_beats_one_that_has_not():
    codes, labels = examples()
    assert few_labels_accuracy(codes, labels, 0, count=10, draws=3) > 0.9
    without = {part: values[:, 1:] for part, values in codes.items()}
    assert few_labels_accuracy(without, labels, 0, count=10, draws=3) < 0.65


def test_neither_scale_nor_offset_matters():
    codes, labels = examples()
    moved = {part: 1000 * values + 50 for part, values in codes.items()}
    accuracies = [few_labels_accuracy(each, labels, 1, count=10, draws=2) for each in (codes, moved)]
    assert accuracies[0] == pytest.approx(accuracies[1], abs=1e-6)


def test_it_is_the_accuracy_on_test():
    codes, labels = examples()
    wrong = labels | {"test": 1 - labels["test"]}
    right = few_labels_accuracy(codes, labels, 0, count=20, draws=2)
    assert few_labels_accuracy(codes, wrong, 0, count=20, draws=2) == pytest.approx(1 - right)


def test_too_few_examples():
    codes, labels = examples()
    with pytest.raises(ValueError, match=r"^expected at least 100 training examples, received 80$"):
        few_labels_accuracy(codes, labels, 0)


def test_explained_is_over_the_mean_image():
    images = np.random.default_rng(0).normal(3, size=(50, 2, 2))
    mean = images.mean(axis=0)
    assert explained(images, images) == 1
    assert explained(np.broadcast_to(mean, images.shape), images) == 0
    assert explained((images + mean) / 2, images) == pytest.approx(0.75)
    assert explained(np.zeros_like(images), images) < 0
    assert explained(np.broadcast_to(mean, images.shape), images, mean + 1) > 0


def test_overlaps():
    labels = np.arange(40) % 2
    selective = np.eye(2)[labels]
    assert overlaps(np.ones((40, 3)), labels, 0) == (1, 1)
    mean, ratio = overlaps(5 * selective + 0.05, labels, 0)
    assert 0.3 < mean < 0.7 and ratio == pytest.approx(1 / (0.1 / 10.1))
    same, _ = overlaps(selective + 0.01, labels, 0)
    assert same == pytest.approx(overlaps(100 * selective + 1, labels, 0)[0]), "the scale does not matter"


def test_steps_along_the_data_and_across():
    line = np.c_[np.linspace(0, 1, 30), np.zeros(30)].astype(np.float32)
    assert along_over_across(lambda x: x, line, 0) == pytest.approx(1, abs=1e-5)
    assert along_over_across(lambda x: x * [1, 0.01], line, 0) > 1.2
    assert along_over_across(lambda x: x * [0.01, 1], line, 0) < 0.1
    twice = np.repeat(line, 2, axis=0)
    assert np.isfinite(along_over_across(lambda x: x, twice, 0)), "equal inputs have no direction"


def test_mended_linearly_is_the_least_squares():
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(200, 2, 2))
    spoiled = 3 * clean - 1
    np.testing.assert_allclose(
        mended_linearly(spoiled[:100], clean[:100], spoiled[100:]), clean[100:], atol=1e-9
    )
    noisy = clean + rng.normal(size=clean.shape)
    mended = mended_linearly(noisy[:100], clean[:100], noisy[100:])
    assert explained(noisy[100:], clean[100:]) < explained(mended, clean[100:])
