import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.optimizers import GradientDescent, Momentum, momentum
from tests.optimizers import checks, rules
from tests.references import optimizers as reference


def test_whole_trajectory_equals_the_reference():
    rules.momentum(momentum)


def test_whole_trajectory_in_float32():
    stream = checks.gradients()
    expected = reference.momentum(checks.start(), stream, 0.0625, 0.9)
    received = checks.path(Momentum(0.0625, 0.9), checks.start(), stream, dtype="float32")
    np.testing.assert_allclose(received, expected, rtol=0, atol=2e-5)  # measured 1.1e-5 on values up to 19


@pytest.mark.parametrize("alpha", [0.5, 0.875])  # Keras rounds it to float32
def test_equals_keras_sgd_with_momentum(alpha):
    stream = checks.gradients()
    expected = checks.path(keras.optimizers.SGD(0.0625, momentum=alpha), checks.start(), stream)
    received = checks.path(Momentum(0.0625, alpha), checks.start(), stream)
    np.testing.assert_allclose(received, expected, rtol=1e-12)


def test_without_momentum_it_is_gradient_descent():
    stream = checks.gradients()
    expected = checks.path(GradientDescent(0.0625), checks.start(), stream)
    np.testing.assert_array_equal(checks.path(Momentum(0.0625, 0.0), checks.start(), stream), expected)


def test_a_steady_gradient_gains_speed_and_an_alternating_one_cancels():
    steady = checks.path(Momentum(0.5, 0.9), np.zeros(1), np.ones((200, 1)))
    assert steady[-2, 0] - steady[-1, 0] == pytest.approx(0.5 / (1 - 0.9), rel=1e-6)
    alternating = checks.path(Momentum(0.5, 0.9), np.zeros(1), np.resize([[1.0], [-1.0]], (200, 1)))
    assert abs(alternating[-2, 0] - alternating[-1, 0]) == pytest.approx(0.5 / (1 + 0.9), rel=1e-6)


def test_a_lowered_rate_counts_for_new_gradients_only():
    variable = keras.Variable(np.zeros(1))
    optimizer = Momentum(1.0, 0.5)
    optimizer.apply([tf.ones(1)], [variable])
    optimizer.learning_rate = 0.25
    optimizer.apply([tf.ones(1)], [variable])
    assert variable.numpy()[0] == -1 - (0.5 * 1 + 0.25 * 1)


@pytest.mark.parametrize("value", [1, 1.5, -0.1, float("nan")])
def test_momentum_is_checked(value):
    with pytest.raises(ValueError, match=rf"^expected momentum in \[0, 1\), received {value}$"):
        Momentum(0.1, momentum=value)
