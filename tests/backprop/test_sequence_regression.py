"""A number for a sequence: its gradients against central differences, whole and truncated."""

import numpy as np
import pytest

from suite.backprop.gradient_check import numeric_gradients, relative_error
from suite.backprop.sequence_regression import answers, cost_and_gradients, initial_weights

RNG = np.random.default_rng(0)
X, TARGETS = RNG.normal(size=(4, 7, 2)), RNG.normal(size=(4, 1))


def drawn_weights():
    weights = initial_weights(RNG.normal(0, 0.4, (5, 5)), 2, 1.0, RNG, np.float64)
    return [each + RNG.normal(0, 0.1, each.shape) for each in weights]


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_gradients(activation):
    weights = drawn_weights()
    cost, gradients, _ = cost_and_gradients(weights, X, TARGETS, activation)
    assert cost == pytest.approx(np.mean((answers(weights, X, activation) - TARGETS) ** 2), rel=1e-12)
    numeric = numeric_gradients(lambda: cost_and_gradients(weights, X, TARGETS, activation)[0], weights)
    assert max(map(relative_error, gradients, numeric)) < 1e-6


def test_truncated_to_one_step_a_state_is_blamed_by_the_answer_alone():
    weights = drawn_weights()
    _, _, by_states = cost_and_gradients(weights, X, TARGETS, "tanh", window=1)
    assert np.abs(by_states[:, -1]).min() > 0 and not by_states[:, :-1].any()


def test_initial_weights():
    weights = initial_weights(np.eye(3), 2, 0.5, RNG)
    assert [each.shape for each in weights] == [(2, 3), (3, 3), (3,), (3, 1), (1,)]
    assert {each.dtype for each in weights} == {np.dtype(np.float32)}
    assert weights[4].item() == 0.5 and (weights[1] == np.eye(3)).all()
