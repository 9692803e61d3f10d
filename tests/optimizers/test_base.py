import keras
import numpy as np
import pytest

from suite.optimizers.base import UpdateRule, decay_rate, positive
from tests.optimizers import checks


def test_state_follows_its_variable():
    stream = checks.gradients()
    optimizer = checks.HeavyBall(0.0625)
    received = checks.path(optimizer, checks.start(), stream)
    expected = checks.path(keras.optimizers.SGD(0.0625, momentum=0.5), checks.start(), stream)
    np.testing.assert_allclose(received, expected, rtol=1e-10)
    velocity, squares = optimizer.variables[2:]
    assert velocity.name.endswith("_velocity")
    np.testing.assert_allclose(squares.numpy(), np.sum(stream**2, axis=0), rtol=1e-12)


def test_a_rule_must_return_all_of_its_state():
    class Forgetful(checks.HeavyBall):
        def step(self, gradient, variable, learning_rate, velocity, squares):
            return gradient, velocity

    with pytest.raises(ValueError, match="zip"):
        Forgetful().apply([np.ones(2, np.float32)], [keras.Variable([1.0, 2.0])])


def test_a_rule_must_be_stated():
    with pytest.raises(NotImplementedError):
        UpdateRule(0.1).apply([np.ones(2, np.float32)], [keras.Variable([1.0, 2.0])])


@pytest.mark.parametrize("value", [1.0, -0.1, 1.5, float("nan")])
def test_decay_rate_is_checked(value):
    with pytest.raises(ValueError, match=rf"^expected beta_1 in \[0, 1\), received {value}$"):
        decay_rate("beta_1", value)


def test_checked_numbers_come_back_as_floats():
    assert decay_rate("beta_1", 0) == 0.0
    assert isinstance(decay_rate("beta_1", 0), float)
    assert positive("epsilon", np.float32(2)) == 2.0
    assert isinstance(positive("epsilon", np.float32(2)), float)
