"""Wrong variants of the operations: module -> (check, [(what is wrong, right source, its replacement)])."""

from tests.backprop import checks

INPUT, PARAMETERS = "return dZ @ W.T", "return X.T @ dZ, dZ.sum(axis=0)"
DENSE = [
    ("no transpose of W", INPUT, "return dZ @ W"),
    ("factors swapped", INPUT, "return W.T @ dZ"),
    ("no transpose of X", PARAMETERS, PARAMETERS.replace("X.T", "X")),
    ("dW transposed", PARAMETERS, PARAMETERS.replace("X.T @ dZ", "dZ.T @ X")),
    ("mean instead of sum over the examples", PARAMETERS, "return X.T @ dZ / len(X), dZ.sum(axis=0)"),
    ("bias gradient not summed", PARAMETERS, PARAMETERS.replace("dZ.sum(axis=0)", "dZ")),
    ("bias gradient summed over the units", PARAMETERS, PARAMETERS.replace("axis=0", "axis=1")),
    ("bias gradient a mean", PARAMETERS, PARAMETERS.replace("sum", "mean")),
    ("bias gradient of one example", PARAMETERS, PARAMETERS.replace("dZ.sum(axis=0)", "dZ[0]")),
    ("bias subtracted", "Z += b", "Z -= b"),
    ("no bias", "    Z += b\n", ""),
]

ACTIVATIONS = [
    ("sigmoid' without 1 - a", "return a * (1 - a)", "return a"),
    ("sigmoid' of sigmoid(z)", "    a = sigmoid(z)\n", "    a = sigmoid(sigmoid(z))\n"),
    ("sigmoid' with a sign", "return a * (1 - a)", "return a * (a - 1)"),
    ("sigmoid twice as steep", "0.5 * np.tanh(0.5 * z)", "0.5 * np.tanh(z)"),
    ("sigmoid that overflows", "return 0.5 + 0.5 * np.tanh(0.5 * z)", "return 1 / (1 + np.exp(-z))"),
    ("tanh' without the square", "return 1 - np.tanh(z) ** 2", "return 1 - np.tanh(z)"),
    ("tanh' of the activation", "return 1 - np.tanh(z) ** 2", "return 1 - np.tanh(np.tanh(z)) ** 2"),
    ("relu' of negatives", "return (z > 0).astype(z.dtype)", "return (z < 0).astype(z.dtype)"),
    ("relu' of all", "return (z > 0).astype(z.dtype)", "return np.ones_like(z)"),
    ("relu of the absolute value", "return np.maximum(z, 0)", "return np.abs(z)"),
    ("leak left out of the derivative", "np.where(z > 0, 1, LEAK)", "np.where(z > 0, 1, 0)"),
    ("leak of another size in the derivative", "np.where(z > 0, 1, LEAK)", "np.where(z > 0, 1, LEAK**2)"),
    ("leak turned around", "return np.where(z > 0, z, LEAK * z)", "return np.where(z < 0, z, LEAK * z)"),
    ("softmax over all examples", "exponentials.sum(axis=-1, keepdims=True)", "exponentials.sum()"),
    ("softmax over the wrong axis", "exponentials.sum(axis=-1,", "exponentials.sum(axis=0,"),
    ("softmax that overflows", "np.exp(z - z.max(axis=-1, keepdims=True))", "np.exp(z)"),
    (
        "softmax' by its diagonal alone",
        "return a * (da - np.sum(da * a, axis=-1, keepdims=True))",
        "return a * (1 - a) * da",
    ),
    ("softmax' without its diagonal", "return a * (da - np.sum", "return a * (-np.sum"),
    ("softmax' summed over the examples", "np.sum(da * a, axis=-1,", "np.sum(da * a, axis=0,"),
]

QUADRATIC_SLOPE = "return (a - y) / len(a)\n\n\ndef binary"
QUADRATIC = "return np.sum((a - y) ** 2) / (2 * len(a))"
BINARY = "return -np.sum(y * np.log(a) + (1 - y) * np.log1p(-a)) / len(a)"
LOSSES = [
    ("sum instead of mean, quadratic", QUADRATIC, "return np.sum((a - y) ** 2) / 2"),
    ("mean over the units too", QUADRATIC, "return np.mean((a - y) ** 2) / 2"),
    ("without the half", QUADRATIC, QUADRATIC.replace("(2 * len(a))", "len(a)")),
    ("sum instead of mean in quadratic'", QUADRATIC_SLOPE, QUADRATIC_SLOPE.replace(" / len(a)", "")),
    ("sign of quadratic'", QUADRATIC_SLOPE, QUADRATIC_SLOPE.replace("a - y", "y - a")),
    ("sum instead of mean, binary", BINARY, BINARY.replace(" / len(a)", "")),
    ("zeros not counted", BINARY, BINARY.replace(" + (1 - y) * np.log1p(-a)", "")),
    ("targets swapped", BINARY, BINARY.replace("y * np.log(a) + (1 - y)", "(1 - y) * np.log(a) + y")),
    ("sum instead of mean in binary'", "(a * (1 - a)) / len(a)", "(a * (1 - a))"),
    ("denominator already canceled", "(a - y) / (a * (1 - a)) / len(a)", "(a - y) / (1 * len(a))"),
    ("sum instead of mean, softmax", "return np.mean(np.log(", "return np.sum(np.log("),
    ("score not subtracted", ".sum(axis=1)) - right)", ".sum(axis=1)))"),
    ("overflows", "shifted = scores - scores.max(axis=1, keepdims=True)", "shifted = scores"),
    ("sum instead of mean in softmax'", "    derivative /= len(labels)\n", ""),
    ("label not subtracted", "    derivative[np.arange(len(labels)), labels] -= 1\n", ""),
    ("label subtracted everywhere", "derivative[np.arange(len(labels)), labels]", "derivative[:, labels]"),
    ("scores instead of probabilities", "derivative = softmax(scores)", "derivative = scores.copy()"),
]  # fmt: skip

NETWORK = [
    ("no sigma'", "* self._activation.derivative(self._z)", ""),
    ("sigma instead of sigma'", "_activation.derivative(", "_activation.function("),
    ("sigma' at the activation", "derivative(self._z)", "derivative(self._activation.function(self._z))"),
    ("sigma' added", "return d_output * self._activation", "return d_output + self._activation"),
    ("weights instead of inputs", "(d_output, self._x)", "(d_output, self.parameters[0])"),
    ("inputs instead of weights", "(d_output, self.parameters[0])", "(d_output, self._x)"),
    (
        "first layer first in backward",
        "for layer in reversed(self.layers):\n            layer.backward",
        "for layer in self.layers:\n            layer.backward",
    ),
    (
        "the error stops at the last layer",
        "if layer is not self.layers[0]:",
        "if layer is self.layers[-2]:",
    ),
    (
        "first layer first in input_gradient",
        "for layer in reversed(self.layers):\n            d_output",
        "for layer in self.layers:\n            d_output",
    ),
    ("gradients reversed", "self.layers for array in layer.g", "self.layers[::-1] for array in layer.g"),
]  # fmt: skip

MUTANTS = {
    "suite.backprop.dense": (checks.dense, DENSE),
    "suite.backprop.activations": (checks.activations, ACTIVATIONS),
    "suite.backprop.losses": (checks.losses, LOSSES),
    "suite.backprop.network": (checks.network, NETWORK),
}
