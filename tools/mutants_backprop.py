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

SIZE = "(size - kernel_size + 2 * padding) // stride + 1"
FULL = "slice(k - 1, k - 1 + stride * count, stride)"
CROP = "full[:, padding : padding + size[0], padding : padding + size[1]]"
FLIP = "flipped = W[::-1, ::-1].transpose(0, 1, 3, 2)"
CONVOLUTION = [
    ("rounded up", SIZE, "-((kernel_size - size - 2 * padding) // stride) + 1"),
    ("padding counted once", SIZE, SIZE.replace("2 * padding", "padding")),
    ("kernel flipped forward", "@ _as_matrix(W)\n    Z", "@ _as_matrix(W[::-1, ::-1])\n    Z"),
    ("no bias", "    Z += b\n", ""),
    ("unflipped dX kernel", FLIP, FLIP.replace("[::-1, ::-1]", "")),
    ("dX kernel flipped along one axis", FLIP, FLIP.replace("[::-1, ::-1]", "[::-1]")),
    ("channels and filters not swapped in dX", FLIP, FLIP.replace(".transpose(0, 1, 3, 2)", "")),
    ("missing padding crop", CROP, "full[:, : size[0], : size[1]]"),
    ("padding cropped on the wrong side", CROP, "full[:, -size[0] :, -size[1] :]"),
    ("not a full convolution", FULL, "slice(0, stride * count, stride)"),
    ("mean instead of the sum of the unshared gradients", ".T @ rows", ".T @ rows / len(rows)"),
    ("axes of dW in another order", "(channels, height, width, filters).transpose(1, 2, 0, 3)", "(W.shape)"),
    ("bias gradient of one place", "rows.sum(axis=0)", "rows[0]"),
    ("bias gradient a mean", "rows.sum(axis=0)", "rows.mean(axis=0)"),
]  # fmt: skip

WINNER = "dX[pixels] += dZ * (winner == place)"
POOLING = [
    ("smallest value", ".max(axis=(4, 5))", ".min(axis=(4, 5))"),
    ("sum instead of mean", ".mean(axis=(4, 5))", ".sum(axis=(4, 5))"),
    ("last of equals wins", ".argmax(axis=4)", "[..., ::-1].argmax(axis=4) * -1 + size * size - 1"),
    ("routes to ties twice", WINNER, "dX[pixels] += dZ * (X[pixels] == max_pooling(X, size, stride))"),
    ("overlapping windows overwrite", WINNER, "dX[pixels] = np.where(winner == place, dZ, dX[pixels])"),
    ("routes to all", WINNER, "dX[pixels] += dZ"),
    ("routes to the losers", WINNER, WINNER.replace("==", "!=")),
    ("not divided", "dZ / size**2", "dZ"),
    ("divided by the side", "dZ / size**2", "dZ / size"),
    ("rows and columns swapped", "yield row * size + column", "yield column * size + row"),
    ("windows one step apart", "slice(row, row + stride * rows, stride)", "slice(row, row + rows)"),
]  # fmt: skip

INPUT_SLOPE = "(d_normalized - through_mean - through_variance)"
BATCH_NORMALIZATION = [
    ("ignores the mean's dependence", INPUT_SLOPE, "(d_normalized - through_variance)"),
    ("ignores the variance's dependence", INPUT_SLOPE, "(d_normalized - through_mean)"),
    ("statistics as constants", INPUT_SLOPE, "d_normalized"),
    ("divided by the variance", "through_variance) / deviation", "through_variance) / deviation**2"),
    ("sums instead of means", "through_mean = d_normalized.mean", "through_mean = d_normalized.sum"),
    ("gamma left out", "d_normalized = dZ * gamma", "d_normalized = dZ"),
    ("epsilon outside the root", "np.sqrt(variance + epsilon)", "(np.sqrt(variance) + epsilon)"),
    ("epsilon left out backward", "np.sqrt(X.var(axis=axes) + epsilon)", "np.sqrt(X.var(axis=axes))"),
    ("variance too large", "X.mean(axis=axes), X", "X.mean(axis=axes), 1.1 * X"),
    ("beta left out", "+ beta, mean, variance", "+ 0 * beta, mean, variance"),
    ("gamma's derivative of X", "(dZ * normalized).sum(axis=axes), dZ", "(dZ * X).sum(axis=axes), dZ"),
    ("beta's derivative a mean", "dZ.sum(axis=axes)", "dZ.mean(axis=axes)"),
]  # fmt: skip

BACK = "through = dense_input_gradient(dZ[:, t], recurrent_kernel)\n        if window"
RESULT, START = "RecurrentGradients(dZ @ kernel.T", "initial_state, initial_cell, 3 *"
FORWARD = "input_gate, forget_gate, output_gate, candidate = np.split(gates[:, t], 4, axis=1)\n        C"
STATE, CUT = "whole[:, t] += through", "t % window == 0 and t > 0"
RECURRENT = [
    ("no bias", "Z = X @ kernel + bias", "Z = X @ kernel"),
    (
        "recurrent kernel transposed",
        "Z[:, t] += state @ recurrent_kernel",
        "Z[:, t] += state @ recurrent_kernel.T",
    ),
    (
        "the sum comes back instead of the state",
        "H[:, t] = state = function(Z[:, t])",
        "H[:, t], state = function(Z[:, t]), Z[:, t]",
    ),
    ("the state is forgotten", "H[:, t] = state = function", "H[:, t] = function"),
    ("nothing passes back", STATE, STATE.replace("through", "0 * through")),
    ("later steps alone", STATE, "whole[:, t] = through if t < X.shape[1] - 1 else dH[:, t]"),
    (
        "first step first",
        "reversed(range(X.shape[1])):\n        whole",
        "range(X.shape[1]):\n        whole",
    ),
    ("slope of the state", "derivative(Z)", "derivative(H)"),
    ("slope left out", "whole[:, t] * slope[:, t]", "whole[:, t]"),
    ("slope of the step before", "* slope[:, t]", "* slope[:, t - 1]"),
    ("passes back without the transpose", BACK, "through = dZ[:, t] @ recurrent_kernel\n        if window"),
    ("the derivative before the slope passes back", BACK, BACK.replace("dZ", "whole")),
    ("pieces that begin one step late", CUT, "t % window == 1"),
    ("pieces counted from the end", CUT, "(X.shape[1] - t) % window == 0 and t > 0"),
    ("no pieces", CUT, "False"),
    ("the initial state cut off", CUT, "t % window == 0"),
    (
        "each step's own state instead of that before",
        "[initial[:, None], states[:, :-1]], axis=1",
        "[states]",
    ),
    ("no initial state", "[initial[:, None]", "[0 * initial[:, None]"),
    ("derivative by X without the transpose", RESULT, RESULT.replace(".T", "")),
    ("derivative by X of the slope left out", RESULT, RESULT.replace("dZ", "whole")),
]

LSTM = [
    ("gates in Keras' order", FORWARD, FORWARD.replace("output_gate, candidate", "candidate, output_gate")),
    (
        "input and forget gate swapped",
        "cell = forget_gate * cell + input_gate * candidate",
        "cell = input_gate * cell + forget_gate * candidate",
    ),
    ("the cell is shown without tanh", "output_gate * np.tanh(cell)", "output_gate * cell"),
    ("the candidate a sigmoid", "np.tanh(sums", "sigmoid(sums"),
    ("no bias", "gates = X @ kernel + bias", "gates = X @ kernel"),
    ("the cell forgotten", "C[:, t] = cell =", "C[:, t] ="),
    ("the initial cell left out", START, START.replace("initial_cell", "0 * initial_cell")),
    ("nothing passes back by the state", "dH[:, t] + through,", "dH[:, t],"),
    ("nothing passes back by the cell", "by_cell = by_cell + by_state", "by_cell = by_state"),
    ("no slope of the cell's tanh", " * output_gate * (1 - shown**2)", " * output_gate"),
    ("slope of tanh at the gate", "(1 - shown**2)", "(1 - C[:, t] ** 2)"),
    ("input gate's slope left out", "candidate * input_gate * (1 - input_gate)", "candidate"),
    ("forget gate by the cell after", "cells[:, t] * forget_gate", "C[:, t] * forget_gate"),
    ("output gate by the cell itself", "by_state * shown * output", "by_state * C[:, t] * output"),
    ("candidate's slope a sigmoid's", "(1 - candidate**2)", "candidate * (1 - candidate)"),
    ("the forget gate not passed", "    by_cell = by_cell * forget_gate\n", "    pass\n"),
]

LAYERS = [
    ("no sigma'", "* self._activation.derivative(self._z)", ""),
    ("sigma instead of sigma'", "_activation.derivative(", "_activation.function("),
    ("sigma' at the activation", "derivative(self._z)", "derivative(self._activation.function(self._z))"),
    ("sigma' added", "return d_output * self._activation", "return d_output + self._activation"),
    ("W instead of X", "_gradients(d_output, self._x)", "_gradients(d_output, self.parameters[0])"),
    ("inputs instead of weights", "(d_output, self.parameters[0])", "(d_output, self._x)"),
    ("no padding in dX", "self.parameters[0], *self._geometry)", "self.parameters[0], self._geometry[0])"),
    ("pools by the other kind", 'getattr(pooling, f"{kind}_pooling")', "pooling.average_pooling"),
    ("routes by the other kind", 'f"{kind}_pooling_backward"', '"average_pooling_backward"'),
    ("averages that stand still", "average += (1 - self._momentum) *", "average += 0 *"),
    ("the averages' complement", "(1 - self._momentum)", "self._momentum"),
    ("the batch in inference, too", "if not self.training:", "if False:"),
    ("no beta in inference", "+ self._epsilon) + self._beta", "+ self._epsilon)"),
]  # fmt: skip

NETWORK = [
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
    ("predicts as in training", "layer.training = False", "layer.training = True"),
    ("no training after a prediction", "layer.training = True", "layer.training = False"),
]

MUTANTS = {
    "suite.backprop.dense": (checks.dense, DENSE),
    "suite.backprop.activations": (checks.activations, ACTIVATIONS),
    "suite.backprop.losses": (checks.losses, LOSSES),
    "suite.backprop.convolution": (checks.convolution, CONVOLUTION),
    "suite.backprop.pooling": (checks.pooling, POOLING),
    "suite.backprop.batch_normalization": (checks.batch_normalization, BATCH_NORMALIZATION),
    "suite.backprop.recurrent": (checks.recurrent, RECURRENT + LSTM),
    "suite.backprop.layers": (checks.layers, LAYERS),
    "suite.backprop.network": (checks.network, NETWORK),
}
