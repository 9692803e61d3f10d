import keras
import numpy as np
import pytest

from suite.optimizers import AdaGrad, adagrad
from tests.optimizers import checks, rules
from tests.references import optimizers as reference


def test_whole_trajectory_equals_the_reference():
    rules.adagrad(adagrad)


def test_whole_trajectory_in_float32():
    stream = checks.gradients()
    expected = reference.adagrad(checks.start(), stream, 0.0625, 1e-7)
    received = checks.path(AdaGrad(0.0625), checks.start(), stream, dtype="float32")
    np.testing.assert_allclose(received, expected, rtol=0, atol=2e-6)  # measured 2.6e-7


@pytest.mark.parametrize("epsilon", [1e-7, 1e-2])
def test_equals_keras_adagrad_from_the_same_start_of_the_sum(epsilon):
    stream = checks.gradients()

    def keras_path(initial):
        peer = keras.optimizers.Adagrad(0.0625, initial_accumulator_value=initial, epsilon=epsilon)
        return checks.path(peer, checks.start(), stream)

    from_zero = checks.path(AdaGrad(0.0625, epsilon), checks.start(), stream)
    np.testing.assert_allclose(from_zero, keras_path(0.0), rtol=1e-12)

    tenth = np.full(checks.SHAPE, np.float32(0.1))  # as Keras' initializer rounds it
    from_a_tenth = checks.path(AdaGrad(0.0625, epsilon), checks.start(), stream, state=[tenth])
    np.testing.assert_allclose(from_a_tenth, keras_path(0.1), rtol=1e-12)
    assert np.abs(from_zero - from_a_tenth).max() > 0.01


def test_the_first_step_has_the_length_of_the_learning_rate():
    received = checks.path(AdaGrad(0.5, epsilon=1e-12), np.zeros(3), np.array([[1e-4, -1.0, 10.0]]))
    np.testing.assert_allclose(received[0], [-0.5, 0.5, -0.5], rtol=1e-4)


def test_steps_shrink_as_the_sum_grows():
    received = checks.path(AdaGrad(1.0), np.zeros(1), np.ones((100, 1)))
    assert received[-2, 0] - received[-1, 0] == pytest.approx(1 / np.sqrt(100), rel=1e-6)


@pytest.mark.parametrize("value", [0, -1e-7, float("nan"), float("inf")])
def test_epsilon_is_checked(value):
    with pytest.raises(ValueError, match=f"^expected epsilon > 0 and finite, received {value}$"):
        AdaGrad(0.1, epsilon=value)
