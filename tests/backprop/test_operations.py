import numpy as np
import pytest

from suite.backprop import (
    activations,
    batch_normalization,
    convolution,
    dense,
    gradient_check,
    layers,
    losses,
    network,
    paths,
    pooling,
    recurrent,
)
from tests.backprop import checks
from tests.references import optimizers as reference


@pytest.mark.parametrize(
    "module",
    [activations, batch_normalization, convolution, dense, layers, losses, network, pooling, recurrent],
    ids=lambda module: module.__name__,
)
def test_against_central_differences_and_tensorflow(module):
    getattr(checks, module.__name__.split(".")[-1])(module)


def test_a_3_2_1_network_worked_by_hand():
    """With L = log 3, sigmoid(L) = 3/4, sigmoid(-L) = 1/4, sigmoid(0) = 1/2: every step is a fraction."""
    L = np.log(3)
    net = network.mlp((3, 2, 1), np.random.default_rng(0), activation="sigmoid", dtype=np.float64)
    net.layers.append(layers.Activate("sigmoid"))
    W1, b1, W2, b2 = net.parameters
    W1[:], b1[:], W2[:], b2[:] = [[L, 2 * L], [L / 2, -L], [L, L]], 0, [[2], [-4]], -1 / 2
    x, y = np.array([[1.0, 2.0, -1.0]]), np.array([[1.0]])

    output = net.forward(x)
    # z1 = (L, -L), a1 = (3/4, 1/4), z2 = 2 * 3/4 - 4 * 1/4 - 1/2 = 0
    np.testing.assert_allclose(output, [[1 / 2]], rtol=1e-15)
    np.testing.assert_allclose(losses.quadratic(output, y), 1 / 8, rtol=1e-15)
    d_output = losses.quadratic_derivative(output, y)
    net.backward(d_output)
    # dz2 = (1/2 - 1) * 1/4 = -1/8; da1 = -1/8 * (2, -4) = (-1/4, 1/2); dz1 = 3/16 * da1 = (-3/64, 3/32)
    expected = (
        [[-3 / 64, 3 / 32], [-3 / 32, 3 / 16], [3 / 64, -3 / 32]],
        [-3 / 64, 3 / 32],
        [[-3 / 32], [-1 / 32]],
        [-1 / 8],
    )
    for gradient, by_hand in zip(net.gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, by_hand, rtol=1e-14)
    np.testing.assert_allclose(net.input_gradient(d_output), [[9 * L / 64, -15 * L / 128, 3 * L / 64]])


def test_float32_stays_float32():
    net = network.mlp((4, 3, 2), np.random.default_rng(0))
    x = np.ones((5, 4), np.float32)
    derivative = losses.softmax_cross_entropy_derivative(net.forward(x), np.zeros(5, int))
    net.backward(derivative)
    arrays = [*net.parameters, *net.gradients, derivative, net.input_gradient(derivative)]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("activation", "gain"), [("relu", 2), ("leaky_relu", 2), ("tanh", 1)])
def test_initial_weights(activation, gain):
    W, b = network.mlp((50, 200, 3), np.random.default_rng(0), activation=activation).parameters[:2]
    np.testing.assert_allclose(W.std(), np.sqrt(gain / 50), rtol=0.03)
    assert not b.any()


def test_the_last_layer_is_linear():
    net = network.mlp((4, 3, 2), np.random.default_rng(0))
    assert [type(layer).__name__ for layer in net.layers] == ["Dense", "Activate", "Dense"]


def test_an_unknown_activation():
    message = "^expected an activation among identity, sigmoid, .*, received 'swish'$"
    with pytest.raises(ValueError, match=message):
        layers.Activate("swish")


def test_central_differences():
    array = np.array([[1.0, -2.0], [0.5, 3.0]])
    before = array.copy()
    gradient = gradient_check.numeric_gradient(lambda: np.sum(array**3) + array[0, 1] * array[1, 0], array)
    expected = 3 * before**2 + [[0, 0.5], [-2, 0]]
    np.testing.assert_allclose(gradient, expected, rtol=1e-9)
    np.testing.assert_array_equal(array, before)
    with pytest.raises(ValueError, match="^expected a float64 array, received float32; convert it"):
        gradient_check.numeric_gradient(lambda: 0.0, np.ones(3, np.float32))


def test_a_jacobian_has_the_shapes_of_output_and_input():
    A = checks.random(5, 3)
    x = checks.random(3, 2)
    jacobian = gradient_check.numeric_jacobian(lambda x: A @ x, x)
    assert jacobian.shape == (5, 2, 3, 2)
    np.testing.assert_allclose(jacobian, np.einsum("ij,kl->ikjl", A, np.eye(2)), atol=1e-9)


def test_relative_error():
    assert gradient_check.relative_error([1.0, 4.2], [1.0, 4.0]) == pytest.approx(0.05)
    assert gradient_check.relative_error([0.0], [0.0]) == 0
    assert gradient_check.relative_error(np.ones((2, 1)), np.ones(2)) == np.inf


def test_a_wrong_layer_is_noticed_at_its_input_and_at_each_parameter():
    class Wrong(layers.Dense):
        def backward(self, d_output):
            super().backward(d_output)
            self.gradients[1] = 2 * self.gradients[1]

    rng = np.random.default_rng(0)
    by_input, by_W, by_b = gradient_check.check_layer(
        Wrong(3, 2, rng, dtype=np.float64), checks.random(4, 3), rng
    )
    assert by_input < 1e-8 and by_W < 1e-8 and by_b == pytest.approx(1, rel=1e-6)


def test_a_derivative_along_all_paths_and_backward():
    slopes = [checks.random(2, 3), checks.random(3, 2), checks.random(2, 4)]
    expected = slopes[0] @ slopes[1] @ slopes[2] @ np.ones(4)
    backward, work = paths.accumulate_backward(slopes)
    np.testing.assert_allclose(backward, expected, rtol=1e-13)
    assert work == 2 * 3 + 3 * 2 + 2 * 4
    for neuron in range(2):
        derivative, path_work = paths.sum_over_paths(slopes, neuron)
        assert derivative == pytest.approx(expected[neuron], rel=1e-13)
        assert path_work == 3 + 3 * 2 + 3 * 2 * 4


@pytest.mark.parametrize(("stride", "padding", "kernel"), [(0, 0, 3), (1, -1, 3), (1, 0, 6), (1, 0, 0)])
def test_a_kernel_that_does_not_fit(stride, padding, kernel):
    received = f"received stride {stride}, padding {padding}, kernel {kernel} on 5 pixels"
    with pytest.raises(
        ValueError, match=f"^expected stride >= 1, padding >= 0 and a kernel of 1 .*{received}$"
    ):
        convolution.output_size(5, kernel, stride, padding)


def test_an_unknown_pooling():
    with pytest.raises(ValueError, match="^expected kind 'max' or 'average', received 'sum'$"):
        layers.Pooling("sum", 2)


def test_a_window_without_a_step():
    X, state, kernel = np.ones((1, 2, 3)), np.ones((1, 3)), np.ones((3, 3))
    H, cache = recurrent.recurrent(X, kernel, kernel, np.ones(3), state)
    message = "^expected a window of at least 1 step, received 0; None takes them all$"
    with pytest.raises(ValueError, match=message):
        recurrent.recurrent_backward(H, cache, window=0)


def test_images_in_float32_stay_float32():
    rng = np.random.default_rng(0)
    net = network.Network(
        [
            layers.Convolution(1, 2, 3, rng, padding=1),
            layers.Pooling("max", 2),
            layers.Pooling("average", 2),
            layers.Flatten(),
            layers.Dense(8, 3, rng),
        ]
    )
    d_output = net.forward(np.ones((2, 8, 8, 1), np.float32))
    net.backward(d_output)
    assert {a.dtype for a in [d_output, *net.gradients, net.input_gradient(d_output)]} == {
        np.dtype("float32")
    }


def test_a_step_of_momentum():
    net = network.mlp((2, 2), np.random.default_rng(0), dtype=np.float64)
    start = [array.copy() for array in net.parameters]
    stream = [[checks.random(2, 2, seed=k), checks.random(2, seed=k)] for k in range(5)]
    velocities = [np.zeros_like(array) for array in start]
    for gradients in stream:
        net.layers[0].gradients = [array.copy() for array in gradients]
        network.momentum_step(net, velocities, 0.1, 0.75)
    for index, received in enumerate(net.parameters):
        path = reference.momentum(start[index], [gradients[index] for gradients in stream], 0.1, 0.75)
        np.testing.assert_allclose(received, path[-1], rtol=1e-13)
