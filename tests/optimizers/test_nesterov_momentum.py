import keras
import numpy as np
import pytest
import tensorflow as tf

from suite.optimizers import Momentum, NesterovMomentum, nesterov_momentum
from tests.optimizers import checks, rules
from tests.references import optimizers as reference


def test_whole_trajectory_equals_the_reference():
    rules.nesterov_momentum(nesterov_momentum)


def test_whole_trajectory_in_float32():
    stream = checks.gradients()
    _, expected = reference.nesterov_momentum(
        checks.start(), lambda point, step: stream[step], len(stream), 0.0625, 0.9
    )
    received = checks.path(NesterovMomentum(0.0625, 0.9), checks.start(), stream, dtype="float32")
    np.testing.assert_allclose(received, expected, rtol=0, atol=2e-5)  # measured 8e-6 on values up to 19


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.875])  # Keras rounds it to float32
def test_equals_keras_sgd_with_nesterov(alpha):
    stream = checks.gradients()
    expected = checks.path(
        keras.optimizers.SGD(0.0625, momentum=alpha, nesterov=True), checks.start(), stream
    )
    received = checks.path(NesterovMomentum(0.0625, alpha), checks.start(), stream)
    np.testing.assert_allclose(received, expected, rtol=1e-12)


def test_stepping_first_and_shifted_variables_are_one_trajectory():
    curvature = np.array([0.5, 8.0])

    def gradient_at(point, step):  # depends on the point, unlike a given stream
        return curvature * point + np.sin(3 * point)

    w, look_ahead = reference.nesterov_momentum([1.0, -2.0], gradient_at, 60, 0.0625, 0.75)
    variable = keras.Variable([1.0, -2.0], dtype="float64")
    optimizer = NesterovMomentum(0.0625, 0.75)
    for step in range(60):
        optimizer.apply([tf.constant(gradient_at(variable.numpy(), step))], [variable])
        np.testing.assert_allclose(variable.numpy(), look_ahead[step], rtol=0, atol=1e-13)
        np.testing.assert_allclose(optimizer.behind(variable), w[step], rtol=0, atol=1e-13)
    assert np.abs(w[3] - look_ahead[3]).max() > 0.01
    assert np.abs(w[-1] - look_ahead[-1]).max() < 1e-3


def test_behind_reads_the_velocity_of_its_variable():
    variables = [keras.Variable([1.0]), keras.Variable([2.0])]
    optimizer = NesterovMomentum(0.5, 0.5)
    optimizer.apply([tf.constant([2.0]), tf.constant([4.0])], variables)
    assert [float(optimizer.behind(variable)[0]) for variable in variables] == [0.0, 0.0]


def test_it_beats_momentum_on_an_elliptic_quadratic():
    curvature = np.array([1.0, 50.0])

    def distance_after(optimizer):
        variable = keras.Variable([1.0, 1.0], dtype="float64")
        for _ in range(60):
            optimizer.apply([tf.constant(curvature * variable.numpy())], [variable])
        return np.linalg.norm(variable.numpy())

    assert distance_after(NesterovMomentum(0.015625, 0.9)) < 0.5 * distance_after(Momentum(0.015625, 0.9))


@pytest.mark.parametrize("value", [1, 1.5, -0.1, float("nan")])
def test_momentum_is_checked(value):
    with pytest.raises(ValueError, match=rf"^expected momentum in \[0, 1\), received {value}$"):
        NesterovMomentum(0.1, momentum=value)
