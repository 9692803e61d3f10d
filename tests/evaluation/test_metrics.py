import numpy as np
import pytest

from suite.evaluation.metrics import masked_accuracy


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
