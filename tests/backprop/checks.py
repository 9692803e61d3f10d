"""Each operation against central differences and TensorFlow, as a function of the module that holds it.

The tests run them on the module itself, the mutation checks (tools/mutants.py) on wrong variants of it.
Shapes are square at first, so that a missing transpose computes something wrong instead of failing.
"""

import contextlib
import itertools

import keras
import numpy as np
import tensorflow as tf

from suite.backprop import layers as backprop_layers
from suite.backprop import losses as right_losses
from suite.backprop.gradient_check import check_layer, numeric_gradient, numeric_jacobian, relative_error

NUMERIC = 1e-8  # measured 3e-10 at most, of central differences in float64
EXACT = 1e-12  # measured 2e-15, against TensorFlow in float64


def random(*shape: int, seed: int = 0) -> np.ndarray:
    """Values from about 0.05 to 3 of either sign, no two alike."""
    rng = np.random.default_rng([seed, *shape])
    return rng.choice([-1, 1], shape) * (0.05 + np.abs(rng.normal(size=shape)))


@contextlib.contextmanager
def no_overflow():
    with np.errstate(all="raise", under="ignore"):
        try:
            yield
        except FloatingPointError as failure:
            raise AssertionError from failure


def close(received, expected, tolerance: float) -> None:
    assert relative_error(received, expected) < tolerance


def dense(module):
    for n, inputs, units in ((4, 4, 4), (5, 3, 2)):
        X, W, b, dZ = random(n, inputs), random(inputs, units), random(units), random(n, units, seed=1)
        Z = np.array([[sum(x[i] * W[i, j] for i in range(inputs)) + b[j] for j in range(units)] for x in X])
        close(module.dense(X, W, b), Z, EXACT)

        def cost(X=X, W=W, b=b, dZ=dZ):
            return np.sum(dZ * (X @ W + b))

        dW, db = module.dense_parameter_gradients(dZ, X)
        gradients = module.dense_input_gradient(dZ, W), dW, db
        for gradient, array in zip(gradients, (X, W, b), strict=True):
            close(gradient, numeric_gradient(cost, array), NUMERIC)


def activations(module):
    far = np.array([-800.0, 800.0])
    expected = {
        "identity": lambda z: z,
        "sigmoid": tf.nn.sigmoid,
        "tanh": tf.nn.tanh,
        "relu": tf.nn.relu,
        "leaky_relu": lambda z: tf.maximum(z, 0.1 * z),
    }
    assert list(module.ACTIVATIONS) == list(expected)
    with no_overflow():
        for name, (function, derivative) in module.ACTIVATIONS.items():
            for z in (random(40), far):
                x = tf.constant(z)
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    value = expected[name](x)
                close(function(z), value.numpy(), EXACT)
                close(derivative(z), tape.gradient(value, x).numpy(), EXACT)
                close(derivative(z), np.diag(numeric_jacobian(function, z)), NUMERIC)
    scores, da = random(4, 4), random(4, 4, seed=1)
    close(module.softmax(scores), tf.nn.softmax(scores).numpy(), EXACT)
    jacobian = numeric_jacobian(lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), scores)
    expected_dz = np.einsum("nk,nkmj->mj", da, jacobian)
    close(module.softmax_backward(da, module.softmax(scores)), expected_dz, NUMERIC)
    with no_overflow():
        close(module.softmax(np.array([1000.0, 1001.0])), [1 / (1 + np.e), np.e / (1 + np.e)], EXACT)


def losses(module):
    a, y = 1 / (1 + np.exp(-random(5, 3))), np.abs(random(5, 3, seed=1)) / 4
    scores, labels = random(5, 3), np.array([0, 2, 1, 1, 2])
    cases = (
        (module.quadratic, module.quadratic_derivative, a, y, tf.reduce_sum((y - a) ** 2, axis=1) / 2),
        (
            module.binary_cross_entropy, module.binary_cross_entropy_derivative, a, y,
            tf.reduce_sum(-y * tf.math.log(a) - (1 - y) * tf.math.log(1 - a), axis=1),
        ),
        (
            module.softmax_cross_entropy, module.softmax_cross_entropy_derivative, scores, labels,
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores),
        ),
    )  # fmt: skip
    for loss, derivative, outputs, targets, by_example in cases:
        close(loss(outputs, targets), np.mean(by_example), EXACT)
        close(
            derivative(outputs, targets),
            numeric_gradient(lambda: loss(outputs, targets), outputs),  # noqa: B023
            NUMERIC,
        )
    far = np.array([[1000.0, 0.0], [0.0, 1000.0]])
    with no_overflow():
        close(module.softmax_cross_entropy(far, np.array([1, 1])), 500.0, EXACT)


def convolution(module):
    # A kernel as wide as there are channels and filters first, so that swapped axes compute something wrong.
    cases = (
        ((2, 6, 6, 3), (3, 3, 3, 3), 1, 0),
        ((2, 6, 6, 3), (3, 3, 3, 3), 1, 1),
        ((1, 7, 8, 2), (3, 3, 2, 4), 2, 1),  # the last column is under no kernel
        ((2, 9, 7, 1), (2, 4, 1, 2), 3, 2),
    )
    for shape, kernel, stride, padding in cases:
        X, W, b = random(*shape), random(*kernel), random(kernel[3])
        pads = [[0, 0], [padding] * 2, [padding] * 2, [0, 0]]
        arrays = [tf.constant(array) for array in (X, W, b)]
        with tf.GradientTape() as tape:
            tape.watch(arrays)
            # TensorFlow has the derivative of its convolution for square strides alone.
            expected = tf.nn.conv2d(*arrays[:2], stride, pads) + arrays[2]
        for pixels, kernel_size, count in zip(shape[1:3], kernel[:2], expected.shape[1:3], strict=True):
            assert module.output_size(pixels, kernel_size, stride, padding) == count
        Z = module.convolution(X, W, b, stride, padding)
        close(Z, expected.numpy(), EXACT)
        dZ = random(*Z.shape, seed=1)
        gradients = (
            module.convolution_input_gradient(dZ, X, W, stride, padding),
            *module.convolution_parameter_gradients(dZ, X, W, stride, padding),
        )
        by_tape = tape.gradient(expected, arrays, output_gradients=tf.constant(dZ))

        def cost(X=X, W=W, b=b, dZ=dZ, stride=stride, pads=pads):
            return np.sum(dZ * (tf.nn.conv2d(X, W, stride, pads) + b))

        for gradient, tensor, array in zip(gradients, by_tape, (X, W, b), strict=True):
            close(gradient, tensor.numpy(), EXACT)
            close(gradient, numeric_gradient(cost, array), NUMERIC)


def pooling(module):
    for shape, size, stride in (((2, 4, 4, 3), 2, 2), ((1, 7, 6, 2), 3, 2), ((2, 5, 5, 1), 3, 1)):
        X = random(*shape)
        for name, peer in (("max", tf.nn.max_pool2d), ("average", tf.nn.avg_pool2d)):
            x = tf.constant(X)
            with tf.GradientTape() as tape:
                tape.watch(x)
                expected = peer(x, size, stride, "VALID")
            Z = getattr(module, f"{name}_pooling")(X, size, stride)
            close(Z, expected.numpy(), EXACT)
            dZ = random(*Z.shape, seed=1)
            dX = getattr(module, f"{name}_pooling_backward")(dZ, X, size, stride)
            close(dX, tape.gradient(expected, x, output_gradients=tf.constant(dZ)).numpy(), EXACT)
            pool = getattr(module, f"{name}_pooling")
            numeric = numeric_gradient(lambda: np.sum(dZ * pool(X, size, stride)), X)  # noqa: B023
            close(dX, numeric, NUMERIC)
    ties = np.zeros((1, 4, 4, 1))
    routed = module.max_pooling_backward(np.ones((1, 2, 2, 1)), ties, 2, 2)
    np.testing.assert_array_equal(routed[0, :, :, 0], np.kron(np.ones((2, 2)), [[1, 0], [0, 0]]))


def batch_normalization(module):
    for shape in ((4, 4), (3, 2, 2, 5)):
        X, dZ = 3 * random(*shape) + 1, random(*shape, seed=1)
        gamma, beta = random(shape[-1]), random(shape[-1], seed=2)
        for epsilon in (1e-3, 0.1):
            arrays = [tf.constant(array) for array in (X, gamma, beta)]
            with tf.GradientTape() as tape:
                tape.watch(arrays)
                mean, variance = tf.nn.moments(arrays[0], list(range(len(shape) - 1)))
                expected = tf.nn.batch_normalization(arrays[0], mean, variance, *arrays[2:0:-1], epsilon)
            received = module.batch_normalization(X, gamma, beta, epsilon)
            for ours, theirs in zip(received, (expected, mean, variance), strict=True):
                close(ours, theirs.numpy(), EXACT)
            gradients = module.batch_normalization_backward(dZ, X, gamma, epsilon)
            by_tape = tape.gradient(expected, arrays, output_gradients=tf.constant(dZ))

            def cost(X=X, gamma=gamma, beta=beta, dZ=dZ, epsilon=epsilon):
                return np.sum(dZ * module.batch_normalization(X, gamma, beta, epsilon)[0])

            for gradient, tensor, array in zip(gradients, by_tape, (X, gamma, beta), strict=True):
                close(gradient, tensor.numpy(), EXACT)
                close(gradient, numeric_gradient(cost, array), NUMERIC)


def recurrent(module):
    simple(module)
    lstm(module)


def lstm(module):
    """Against Keras' layer, whose candidate is the third of the gates."""
    for n, steps, inputs, units in ((3, 3, 3, 3), (2, 5, 2, 4)):
        layer = keras.layers.LSTM(units, return_sequences=True, return_state=True, dtype="float64")
        layer.build((n, steps, inputs))
        X, dH = random(n, steps, inputs), random(n, steps, units, seed=1)
        weights = random(inputs, 4 * units), random(units, 4 * units, seed=2), random(4 * units)
        states = random(n, units), random(n, units, seed=3)
        layer.set_weights([_third_last(weight) for weight in weights])
        given = [tf.constant(array) for array in (X, *states)]
        with tf.GradientTape() as tape:
            tape.watch(given)
            expected, *last = layer(given[0], initial_state=given[1:])
        variables = [given[0], *(weight.value for weight in layer.weights), *given[1:]]
        by_tape = [gradient.numpy() for gradient in tape.gradient(expected, variables, output_gradients=dH)]
        H, cache = module.lstm(X, *weights, *states)
        for ours, theirs in ((H, expected), (H[:, -1], last[0]), (cache.C[:, -1], last[1])):
            close(ours, theirs.numpy(), EXACT)
        found = module.lstm_backward(dH, cache)
        for index, (gradient, other) in enumerate(zip(found, by_tape, strict=True)):
            close(_third_last(gradient) if index in (1, 2, 3) else gradient, other, EXACT)
        arrays = X, *weights, *states

        def cost(arrays=arrays, dH=dH):
            return np.sum(dH * module.lstm(*arrays)[0])

        for gradient, array in zip(found, arrays, strict=True):
            close(gradient, numeric_gradient(cost, array), NUMERIC)


def _third_last(weight: np.ndarray) -> np.ndarray:
    first, second, third, fourth = np.split(weight, 4, axis=-1)
    return np.concatenate([first, second, fourth, third], axis=-1)


def simple(module):
    """Against Keras' layer, piece by piece where there is a window, its states stopped between pieces."""
    cases = itertools.product(((3, 3, 3, 3), (2, 5, 2, 4)), ("tanh", "relu"), (None, 1, 2, 7))
    for (n, steps, inputs, units), activation, window in cases:
        layer = keras.layers.SimpleRNN(units, activation, return_sequences=True, dtype="float64")
        layer.build((n, steps, inputs))
        X, initial_state, dH = random(n, steps, inputs), random(n, units), random(n, steps, units, seed=1)
        weights = random(inputs, units), random(units, units, seed=2), random(units)
        layer.set_weights(weights)
        given = [tf.constant(X), tf.constant(initial_state)]
        with tf.GradientTape() as tape:
            tape.watch(given)
            state, pieces = given[1], []
            for start in range(0, steps, window or steps):
                piece = given[0][:, start : start + (window or steps)]
                pieces.append(layer(piece, initial_state=state))
                state = tf.stop_gradient(pieces[-1][:, -1])
            expected = tf.concat(pieces, axis=1)
        variables = [weight.value for weight in layer.weights]
        by_tape = tape.gradient(expected, [given[0], *variables, given[1]], output_gradients=dH)
        H, cache = module.recurrent(X, *weights, initial_state, activation)
        close(H, expected.numpy(), EXACT)
        found = module.recurrent_backward(dH, cache, window)
        for gradient, tensor in zip(found, by_tape, strict=False):
            close(gradient, tensor.numpy(), EXACT)
        if window is None:
            arrays = X, *weights, initial_state

            def cost(arrays=arrays, activation=activation, dH=dH):
                return np.sum(dH * module.recurrent(*arrays, activation)[0])

            for gradient, array in zip(found, arrays, strict=False):
                close(gradient, numeric_gradient(cost, array), NUMERIC)
            slope = np.where(cache.Z > 0, 1, 0) if activation == "relu" else 1 - H**2
            close(found.H[:, 0] * slope[:, 0] @ weights[1].T, found.initial_state, EXACT)
            close(found.H[:, -1], dH[:, -1], EXACT)


def layers(module):
    rng = np.random.default_rng(0)
    x, images = random(4, 4), random(2, 6, 6, 3)
    assert max(check_layer(module.Dense(4, 4, rng, dtype=np.float64), x, rng)) < NUMERIC
    for name in ("sigmoid", "tanh", "relu", "leaky_relu", "identity"):
        assert max(check_layer(module.Activate(name), x, rng)) < NUMERIC
    for stride, padding in ((1, 0), (2, 1)):
        layer = module.Convolution(3, 3, 3, rng, stride=stride, padding=padding, dtype=np.float64)
        layer.parameters[1][:] = random(3)
        assert max(check_layer(layer, images, rng)) < NUMERIC
    for kind in ("max", "average"):
        assert max(check_layer(module.Pooling(kind, 2), images, rng)) < NUMERIC
        assert max(check_layer(module.Pooling(kind, 3, 1), images, rng)) < NUMERIC
    np.testing.assert_array_equal(
        module.Pooling("max", 2).forward(images)[0, 0, 0], images[0, :2, :2].max((0, 1))
    )
    assert max(check_layer(module.Flatten(), images, rng)) < NUMERIC
    _normalization_layer(module.BatchNormalization, rng)


def _normalization_layer(kind, rng: np.random.Generator) -> None:
    """Its derivatives, and its averages over five batches against Keras' layer."""
    for shape in ((5, 3), (2, 3, 3, 3)):
        ours, theirs = (
            kind(3, dtype=np.float64),
            keras.layers.BatchNormalization(momentum=0.9, dtype="float64"),
        )
        theirs.build(shape)
        for array, weight, values in zip(ours.parameters, theirs.weights, random(2, 3), strict=False):
            array[:] = values
            weight.assign(values)
        for _ in range(5):
            x = rng.normal(2, 3, shape)
            close(ours.forward(x), theirs(x, training=True).numpy(), EXACT)
        ours.training = False
        close(ours.forward(x), theirs(x).numpy(), EXACT)
        ours.training = True
        assert max(check_layer(ours, x, rng)) < NUMERIC
        fixed = kind(3, learned=False)
        assert len(check_layer(fixed, x, rng)) == 1 and not fixed.parameters


def network(module):
    rng = np.random.default_rng(0)
    x = random(4, 4)
    _predict_uses_averages(module.Network, x)
    for activation in ("sigmoid", "relu"):
        net = module.mlp((4, 4, 4, 4), rng, activation=activation, dtype=np.float64)
        for bias in net.parameters[1::2]:
            bias[:] = rng.normal(size=bias.shape)
        assert max(check_layer(net, x, rng)) < NUMERIC
        against_the_tape(net, activation, x)


def _predict_uses_averages(kind, x: np.ndarray) -> None:
    normalization = backprop_layers.BatchNormalization(4, dtype=np.float64)
    net = kind([normalization])
    net.forward(x)
    mean, variance = (average.copy() for average in normalization.moving)
    close(net.predict(x), (x - mean) / np.sqrt(variance + 1e-3), EXACT)
    np.testing.assert_array_equal(normalization.moving, [mean, variance])
    net.forward(x)
    assert not np.array_equal(normalization.moving[0], mean), "training goes on"


def against_the_tape(net, activation: str, x: np.ndarray) -> None:
    labels = np.array([2, 0, 1, 2])
    variables = [tf.Variable(array) for array in net.parameters]
    with tf.GradientTape() as tape:
        hidden = tf.constant(x)
        for index in range(0, 6, 2):
            hidden = hidden @ variables[index] + variables[index + 1]
            hidden = getattr(tf.nn, activation)(hidden) if index < 4 else hidden
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, hidden))
    scores = net.forward(x)
    close(scores, hidden.numpy(), EXACT)
    net.backward(right_losses.softmax_cross_entropy_derivative(scores, labels))
    for gradient, expected in zip(net.gradients, tape.gradient(loss, variables), strict=True):
        close(gradient, expected.numpy(), EXACT)
