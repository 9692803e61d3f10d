import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.optimizers import Adam, adam
from tests.optimizers import checks, rules
from tests.references import optimizers as reference


def test_whole_trajectory_equals_the_reference():
    rules.adam(adam)


def test_whole_trajectory_in_float32():
    stream = checks.gradients()
    expected = reference.adam(checks.start(), stream, 0.0625, 0.9, 0.999, 1e-8)
    received = checks.path(Adam(0.0625), checks.start(), stream, dtype="float32")
    np.testing.assert_allclose(received, expected, rtol=0, atol=2e-6)  # measured 5.7e-7


def test_keras_adam_is_this_rule_with_another_epsilon_at_each_step():
    stream = checks.gradients()
    epsilon_hat, beta_1, beta_2 = 1e-2, 0.875, 0.984375  # Keras rounds the betas to float32
    peer = keras.optimizers.Adam(0.0625, beta_1, beta_2, epsilon_hat)
    expected = checks.path(peer, checks.start(), stream)
    variable = keras.Variable(checks.start(), dtype="float64")
    optimizer = Adam(0.0625, beta_1, beta_2, epsilon_hat)
    for t, gradient in enumerate(stream, start=1):
        optimizer.epsilon = epsilon_hat / np.sqrt(1 - beta_2**t)
        optimizer.apply([tf.constant(gradient)], [variable])
        np.testing.assert_allclose(variable.numpy(), expected[t - 1], rtol=1e-11)


def test_with_one_epsilon_it_differs_from_keras_adam_at_first_and_not_in_the_end():
    stream = np.full((800, 1), 0.01)  # as small as epsilon
    ours = checks.path(Adam(1.0, beta_2=0.99, epsilon=1e-2), np.zeros(1), stream)
    keras_adam = keras.optimizers.Adam(1.0, beta_2=0.99, epsilon=1e-2)
    theirs = checks.path(keras_adam, np.zeros(1), stream)
    our_steps, their_steps = -np.diff(ours[:, 0], prepend=0), -np.diff(theirs[:, 0], prepend=0)
    assert our_steps[0] == pytest.approx(0.01 / (0.01 + 0.01))
    assert their_steps[0] == pytest.approx(0.01 / (0.01 + 0.01 / np.sqrt(1 - 0.99)))
    assert our_steps[-1] == pytest.approx(their_steps[-1], rel=1e-3)


def test_the_first_step_has_the_length_of_the_learning_rate():
    received = checks.path(Adam(0.5, epsilon=1e-12), np.zeros(3), np.array([[1e-4, -1.0, 10.0]]))
    np.testing.assert_allclose(received[0], [-0.5, 0.5, -0.5], rtol=1e-7)


def test_corrections_keep_their_digits_in_float32():
    received = checks.path(Adam(0.5), np.zeros(1), np.ones((1, 1)), dtype="float32")
    np.testing.assert_allclose(received[0], [-0.5], rtol=2e-7)  # 6e-6 with 1 - 0.999**t in float32


@pytest.mark.parametrize("name", ["beta_1", "beta_2"])
@pytest.mark.parametrize("value", [1, 1.5, -0.1, float("nan")])
def test_betas_are_checked(name, value):
    with pytest.raises(ValueError, match=rf"^expected {name} in \[0, 1\), received {value}$"):
        Adam(0.1, **{name: value})


@pytest.mark.parametrize("value", [0, -1e-7, float("nan"), float("inf")])
def test_epsilon_is_checked(value):
    with pytest.raises(ValueError, match=f"^expected epsilon > 0 and finite, received {value}$"):
        Adam(0.1, epsilon=value)
