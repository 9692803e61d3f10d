import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, r2_score

from suite.evaluation.metrics import accuracy, agreement, choose, cross_entropy, masked_accuracy, r2

RNG = np.random.default_rng(7)


def test_masked_accuracy_adds_up_before_it_divides():
    rng = np.random.default_rng(0)
    probabilities, labels = rng.random((6, 9, 4)), rng.integers(4, size=(6, 9))
    mask = np.arange(9) < np.array([9, 1, 4, 0, 2, 7])[:, None]
    right = total = 0
    for row in range(6):
        for place in range(9):
            if mask[row, place]:
                right += probabilities[row, place].argmax() == labels[row, place]
                total += 1
    assert total == 23 and 0 < right < total
    assert masked_accuracy(probabilities, labels, mask) == right / total
    changed = np.where(mask[..., None], probabilities, rng.random((6, 9, 4)))
    assert masked_accuracy(changed, np.where(mask, labels, -1), mask) == right / total


def test_a_mask_that_counts_nothing():
    with pytest.raises(
        ValueError, match=r"^expected a mask that counts some place, received \(2, 3\) of False$"
    ):
        masked_accuracy(np.ones((2, 3, 4)), np.zeros((2, 3), int), np.zeros((2, 3), bool))


def test_against_scikit_learn():
    probabilities = RNG.dirichlet([1, 2, 3], 50)
    labels = RNG.choice(3, 50, p=[0.6, 0.3, 0.1])
    expected = accuracy_score(labels, probabilities.argmax(axis=1))
    assert 0.1 < expected < 0.5 and accuracy(probabilities, labels) == pytest.approx(expected)
    clipped = np.clip(probabilities, 1e-7, 1)
    expected = -np.mean(np.log(clipped[np.arange(50), labels]))
    assert cross_entropy(probabilities, labels) == pytest.approx(expected)
    assert expected == pytest.approx(log_loss(labels, probabilities, labels=range(3)), rel=1e-4)
    targets = RNG.normal(100, 3, (40, 2))  # the mean is far from 0
    for noise in (0.5, 4.0):
        predictions = targets + RNG.normal(0, noise, targets.shape)
        expected = r2_score(targets.ravel(), predictions.ravel())
        assert r2(predictions, targets) == pytest.approx(expected, rel=1e-9)
    assert expected < 0
    assert r2(np.full((40, 2), targets.mean()), targets) == pytest.approx(0, abs=1e-9)


def test_the_surest_mistake_costs_as_much_as_keras_says():
    found = cross_entropy(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]))
    assert found == pytest.approx(-np.log(1e-7) / 2)
    assert str(cross_entropy(np.eye(2), np.array([0, 1]))) == "0.0"


@pytest.mark.parametrize("value", [0.0, 5.0, -1e6])
def test_r2_of_targets_that_do_not_vary(value):
    targets = np.full(6, value)
    assert r2(targets, targets) == 1 and r2(np.float32(targets) * np.float32(1 + 2e-7), targets) == 1
    assert r2(targets + np.arange(6), targets) == 0


def test_agreement_is_that_of_the_worst_output():
    reference = {"a": RNG.normal(9, 1, (20, 2)), "b": RNG.normal(0, 5, (20, 3))}
    outputs = {"a": reference["a"] + RNG.normal(0, 0.5, (20, 2)), "b": reference["b"]}
    metric = agreement(reference)
    expected = r2_score(reference["a"].ravel(), outputs["a"].ravel())
    assert metric.function(outputs, None) == pytest.approx(expected) and expected < 0.95
    assert metric.function(reference, None) == 1


@pytest.mark.parametrize("function", [accuracy, cross_entropy, r2])
def test_no_examples(function):
    with pytest.raises(ValueError, match="^expected at least one example, received none$"):
        function(np.zeros((0, 3)), np.zeros(0, int))


def test_the_best_on_validation_is_chosen_the_simplest_of_equal_ones_and_said(capsys):
    assert choose({"words": 0.8, "pairs": 0.8, "average": 0.7}, "accuracy") == "words"
    assert (
        "exporting words, the best on validation by accuracy: words 0.8, pairs 0.8" in capsys.readouterr().out
    )
    assert choose({"a": 3.0, "b": 2.0}, "perplexity", higher_is_better=False) == "b"
    assert choose({"a": float("nan"), "b": 0.1}, "accuracy") == "b"
