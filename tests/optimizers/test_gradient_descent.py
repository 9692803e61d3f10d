import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.optimizers import GradientDescent
from suite.optimizers.gradient_descent import gradient_descent
from tests.optimizers import checks
from tests.references import optimizers as reference


@pytest.mark.parametrize("learning_rate", [0.0625, 0.5])
def test_whole_trajectory_equals_the_reference(learning_rate):
    stream = checks.gradients()
    expected = reference.gradient_descent(checks.start(), stream, learning_rate)
    received = checks.path(GradientDescent(learning_rate), checks.start(), stream)
    np.testing.assert_allclose(received, expected, rtol=1e-12)  # measured 2e-15


def test_whole_trajectory_in_float32():
    stream = checks.gradients()
    expected = reference.gradient_descent(checks.start(), stream, 0.1)
    received = checks.path(GradientDescent(0.1), checks.start(), stream, dtype="float32")
    np.testing.assert_allclose(received, expected, rtol=0, atol=2e-6)  # measured 4e-7 on values up to 6


def test_equals_keras_sgd():
    stream = checks.gradients()
    expected = checks.path(keras.optimizers.SGD(0.1), checks.start(), stream)
    np.testing.assert_array_equal(checks.path(GradientDescent(0.1), checks.start(), stream), expected)


def test_the_rule_is_pure():
    gradient = tf.constant([2.0, -4.0])
    np.testing.assert_array_equal(gradient_descent(gradient, tf.constant(0.25)), [0.5, -1.0])
    np.testing.assert_array_equal(gradient, [2.0, -4.0])


def test_quadratic_converges_below_two_over_l_and_diverges_above():
    curvature = np.array([1.0, 8.0])  # L = 8, limit 0.25

    def distance_after(learning_rate):
        variable = keras.Variable([1.0, 1.0])
        optimizer = GradientDescent(learning_rate)
        for _ in range(200):
            optimizer.apply([tf.constant(curvature, tf.float32) * variable], [variable])
        return np.abs(variable.numpy()).max()

    assert distance_after(0.24) < 1e-3
    assert distance_after(0.26) > 1e3


def test_sparse_step_stays_sparse(monkeypatch):
    variable = keras.Variable(np.zeros((1000, 2)))
    optimizer = GradientDescent(1.0)
    optimizer.build([variable])
    received = []
    monkeypatch.setattr(optimizer, "assign_sub", lambda variable, step: received.append(step))
    slices = tf.IndexedSlices(tf.ones((2, 2)), tf.constant([7, 7]), tf.constant([1000, 2]))
    optimizer.apply([slices], [variable])
    assert isinstance(received[0], tf.IndexedSlices)
    np.testing.assert_array_equal(received[0].indices, [7, 7])
    assert received[0].values.shape == (2, 2)


def test_it_keeps_no_state():
    optimizer = GradientDescent(0.1)
    optimizer.build([keras.Variable(np.zeros(3))])
    assert [variable.name for variable in optimizer.variables] == ["iteration", "learning_rate"]
