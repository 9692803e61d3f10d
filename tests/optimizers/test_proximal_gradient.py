import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import Lasso

from suite.optimizers import GradientDescent, ProximalGradient, proximal_gradient
from suite.optimizers.proximal_gradient import soft_threshold
from tests.optimizers import checks, rules
from tests.references import optimizers as reference


def test_whole_trajectory_equals_the_reference():
    rules.proximal_gradient(proximal_gradient)


def test_whole_trajectory_in_float32():
    stream = checks.gradients()
    expected = reference.proximal_gradient(checks.start(), stream, 0.0625, 2.0)
    received = checks.path(ProximalGradient(0.0625, 2.0), checks.start(), stream, dtype="float32")
    np.testing.assert_allclose(received, expected, rtol=0, atol=2e-6)  # measured 9.4e-8


def test_equals_the_kernel_of_tensorflow():
    variable = tf.Variable(checks.start())
    expected = []
    for gradient in checks.gradients():
        tf.raw_ops.ResourceApplyProximalGradientDescent(
            var=variable.handle, alpha=np.float64(0.0625), l1=np.float64(2), l2=np.float64(0), delta=gradient
        )
        expected.append(variable.numpy())
    received = checks.path(ProximalGradient(0.0625, 2.0), checks.start(), checks.gradients())
    np.testing.assert_allclose(received, expected, rtol=1e-9, atol=1e-14)


def test_soft_threshold():
    received = soft_threshold(tf.constant([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0]), tf.constant(1.0))
    np.testing.assert_array_equal(received, [-2, 0, 0, 0, 0, 0, 2])


def test_without_penalty_it_is_gradient_descent():
    stream = checks.gradients()
    expected = checks.path(GradientDescent(0.0625), checks.start(), stream)
    received = checks.path(ProximalGradient(0.0625, 0), checks.start(), stream)
    np.testing.assert_allclose(received, expected, rtol=1e-12, atol=1e-14)


def test_fit_solves_the_lasso_with_exact_zeros():
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 8))
    y = x @ [3, 0, 0, -2, 0, 0, 1, 0] + 5 + 0.1 * random.normal(size=64)
    expected = Lasso(alpha=0.25, tol=1e-10).fit(x, y)

    inputs = keras.Input((8,), dtype="float64")
    model = keras.Model(inputs, keras.layers.Dense(1, dtype="float64")(inputs))
    model.compile(ProximalGradient(0.25, l1=0.5), "mse")  # mse is twice the loss of Lasso
    model.fit(tf.data.Dataset.from_tensors((x, y)).repeat(100), verbose=0)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel[:, 0], expected.coef_, atol=1e-6)  # measured 1.1e-7
    np.testing.assert_allclose(bias, expected.intercept_, atol=1e-6)
    np.testing.assert_array_equal(kernel[:, 0] == 0, expected.coef_ == 0)
    assert np.sum(kernel == 0) == 5


def test_rows_without_gradient_shrink_as_well():
    variable = keras.Variable(np.full((3, 2), 2.0))
    slices = tf.IndexedSlices(tf.zeros((1, 2)), tf.constant([1]), tf.constant([3, 2]))
    ProximalGradient(0.5, l1=1.0).apply([slices], [variable])
    np.testing.assert_array_equal(variable.numpy(), np.full((3, 2), 1.5))


@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf")])
def test_l1_is_checked(value):
    with pytest.raises(ValueError, match=f"^expected l1 >= 0 and finite, received {value}$"):
        ProximalGradient(0.1, l1=value)


def test_one_string_is_not_a_list_of_names():
    message = r"^expected exclude as a list of names, received a string; write \['bias'\]$"
    with pytest.raises(ValueError, match=message):
        ProximalGradient(exclude="bias")
