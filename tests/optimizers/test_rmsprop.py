import keras
import numpy as np
import pytest

from suite.optimizers import RMSprop, rmsprop
from tests.optimizers import checks, rules
from tests.references import optimizers as reference


def test_whole_trajectory_equals_the_reference():
    rules.rmsprop(rmsprop)


def test_whole_trajectory_in_float32():
    stream = checks.gradients()
    expected = reference.rmsprop(checks.start(), stream, 0.0625, 0.9, 1e-7)
    received = checks.path(RMSprop(0.0625), checks.start(), stream, dtype="float32")
    np.testing.assert_allclose(received, expected, rtol=0, atol=2e-6)  # measured 4.1e-7


@pytest.mark.parametrize(("rho", "epsilon"), [(0.9, 1e-7), (0.5, 1e-2), (0.0, 1e-7)])
def test_equals_keras_rmsprop(rho, epsilon):
    stream = checks.gradients()
    peer = keras.optimizers.RMSprop(0.0625, rho=rho, epsilon=epsilon)
    received = checks.path(RMSprop(0.0625, rho, epsilon), checks.start(), stream)
    np.testing.assert_allclose(received, checks.path(peer, checks.start(), stream), rtol=1e-11)


def test_steps_do_not_vanish():
    received = checks.path(RMSprop(1.0), np.zeros(1), np.ones((200, 1)))
    assert -received[0, 0] == pytest.approx(1 / np.sqrt(1 - 0.9), rel=1e-5)
    assert received[-2, 0] - received[-1, 0] == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("value", [1, 1.5, -0.1, float("nan")])
def test_rho_is_checked(value):
    with pytest.raises(ValueError, match=rf"^expected rho in \[0, 1\), received {value}$"):
        RMSprop(0.1, rho=value)


@pytest.mark.parametrize("value", [0, -1e-7, float("nan"), float("inf")])
def test_epsilon_is_checked(value):
    with pytest.raises(ValueError, match=f"^expected epsilon > 0 and finite, received {value}$"):
        RMSprop(0.1, epsilon=value)
