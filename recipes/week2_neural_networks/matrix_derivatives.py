# %% [markdown]
# # Write down every derivative of a layer, and see why nobody does
#
# The derivative of a vector by a vector is a matrix, the Jacobian, and the chain rule is a product of
# Jacobians. Training needs such a product with one vector only, and never the matrices.
#
# *Week 2, "Efficient MLP implementation", "Other matrix derivatives". Takes 3 s on 2 CPU cores. `suite run
# matrix_derivatives`*
#
# ## Why know them
#
# Every formula of a backward pass (`dX = dZ W'`, `dW = X' dZ`, the softmax's strange subtraction) is a
# Jacobian that somebody multiplied out. Who can write the Jacobian down can derive the formula for a new
# layer, check it, and say what it costs. And whoever wants the *other* uses of derivatives, how an output
# moves with an input, which step Newton would take, meets the matrix itself.
#
# ## The method
#
# Number the outputs and the inputs of a function. Its Jacobian has a row for each output and a column for
# each input, and in it the derivative of the one by the other. An array counts as the list of its entries,
# row by row. For a dense layer `Z = X W + b` with one example, two inputs and two units:
#
#                         by X        by W              by b
#     Z1 = x1 a + x2 c    a  c        x1  0  x2  0      1  0
#     Z2 = x1 b + x2 d    b  d        0  x1   0  x2     0  1
#
# By X it is `W'`. By W it is each input, spread out over the units: the Kronecker product of the example
# with an identity matrix, mostly zeros. For the softmax, `a_i (1 - a_i)` on the diagonal and `-a_i a_j`
# off it: raise one score, and all other probabilities fall.
#
# **The chain rule** multiplies the Jacobians of the layers. With a cost at the end, its gradient is a
# *row*, and one can multiply from the left: row times matrix, row times matrix. That is backpropagation,
# "reverse mode". From the right, matrix times *column*, one gets how all outputs move when the inputs move
# in one direction: "forward mode". A layer needs two short functions, the products of its Jacobian with a
# row and with a column, and both can do without the Jacobian.
#
# The lecture writes an example as a column, `W a`; here it is a row, and the Jacobians by X and by W trade
# places with its own, transposed.

# %%
import dataclasses
from collections.abc import Callable, Iterable
from typing import Annotated, NamedTuple

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.backprop.activations import ACTIVATIONS, LEAK, softmax, softmax_backward
from suite.backprop.dense import dense, dense_input_gradient, dense_parameter_gradients
from suite.backprop.gradient_check import numeric_jacobian, relative_error
from suite.evaluation import plots
from suite.evaluation.scaling import log_log_slope, time_and_memory
from suite.runs.recipe import Claim, Context, Result


class Operation(NamedTuple):
    """A function of arrays, and its derivative in three forms where the arrays have these values."""

    arrays: list[np.ndarray]
    function: Callable
    tensorflow: Callable  # the same function, of tensors
    jacobian: np.ndarray  # `(entries of the output, entries of all arrays)`, each read row by row
    backward: Callable  # derivatives of a cost, by the output -> by the arrays: a row times the Jacobian
    forward: Callable  # changes, of the arrays -> of the output: the Jacobian times a column


def dense_operation(X: np.ndarray, W: np.ndarray, b: np.ndarray) -> Operation:
    """The example above.

    >>> operation = dense_operation(np.array([[1., 2]]), np.array([[3., 4], [5, 6]]), np.zeros(2))
    >>> operation.jacobian.astype(int).tolist()
    [[3, 5, 1, 0, 2, 0, 1, 0], [4, 6, 0, 1, 0, 2, 0, 1]]
    """
    examples, units = np.eye(len(X)), np.eye(len(b))
    return Operation(
        arrays=[X, W, b],
        function=dense,
        tensorflow=lambda X, W, b: tf.matmul(X, W) + b,
        jacobian=np.hstack([np.kron(examples, W.T), np.kron(X, units), np.tile(units, (len(X), 1))]),
        backward=lambda dZ: [dense_input_gradient(dZ, W), *dense_parameter_gradients(dZ, X)],
        forward=lambda dX, dW, db: dX @ W + X @ dW + db,
    )


def symmetric_operation(
    Z: np.ndarray, functions: tuple, jacobian: np.ndarray, product: Callable[[np.ndarray], np.ndarray]
) -> Operation:
    """With a symmetric Jacobian: the product from the left is the product from the right."""
    ours, tensorflow = functions
    return Operation([Z], ours, tensorflow, jacobian, lambda dA: [product(dA)], product)


def elementwise_operation(name: str, Z: np.ndarray) -> Operation:
    functions, slopes = (ACTIVATIONS[name].function, TENSORFLOW[name]), ACTIVATIONS[name].derivative(Z)
    return symmetric_operation(Z, functions, np.diag(slopes.ravel()), lambda change: change * slopes)


def softmax_operation(Z: np.ndarray) -> Operation:
    """diag(a) - a a' for the probabilities a of each example, 0 between two examples."""
    A, same_example = softmax(Z), np.kron(np.eye(len(Z)), np.ones((Z.shape[1], Z.shape[1])))
    jacobian, functions = np.diag(A.ravel()) - same_example * np.outer(A, A), (softmax, tf.nn.softmax)
    return symmetric_operation(Z, functions, jacobian, lambda change: softmax_backward(change, A))


# %% [markdown]
# Softmax and all element-wise maps have symmetric Jacobians, so that the products from both sides are one
# function. For an element-wise map it is a multiplication: nobody would write a diagonal matrix for that.
# The softmax's is `a * (da - sum(da * a))`, and the whole matrix is never formed.
#
# ## The chain rule, three times
#
# A function of a function. Its Jacobian is the product of the two. Forward, the changes go through the
# first and then through the second; backward, the derivatives go through the second and then through the
# first.


# %%
def compose(first: Operation, second: Operation) -> Operation:
    """The second operation on the output of the first: the chain rule in its three forms."""
    count, size = len(first.arrays), second.arrays[0].size

    def in_turn(one: Callable, other: Callable) -> Callable:
        return lambda *arrays: other(one(*arrays[:count]), *arrays[count:])

    def backward(d_output: np.ndarray) -> list[np.ndarray]:
        d_middle, *others = second.backward(d_output)
        return [*first.backward(d_middle), *others]

    return Operation(
        arrays=first.arrays + second.arrays[1:],
        function=in_turn(first.function, second.function),
        tensorflow=in_turn(first.tensorflow, second.tensorflow),
        jacobian=np.hstack([second.jacobian[:, :size] @ first.jacobian, second.jacobian[:, size:]]),
        backward=backward,
        forward=in_turn(first.forward, second.forward),
    )


EXAMPLES, INPUTS, HIDDEN, OUTPUTS = 3, 4, 6, 5  # of the network


def network_operation(rng: np.random.Generator) -> Operation:
    """dense -> tanh -> dense -> softmax, of the data and of all parameters."""
    sizes = (EXAMPLES, INPUTS), (INPUTS, HIDDEN), HIDDEN, (HIDDEN, OUTPUTS), OUTPUTS
    X, W, b, next_W, next_b = (rng.normal(size=size) for size in sizes)
    network = dense_operation(X, W, b)
    network = compose(network, elementwise_operation("tanh", dense(X, W, b)))
    network = compose(network, dense_operation(network.function(*network.arrays), next_W, next_b))
    return compose(network, softmax_operation(network.function(*network.arrays)))


# %% [markdown]
# ## Is it right?
#
# Every Jacobian is held against central differences and against the one that TensorFlow makes, and both
# products against the Jacobian, for the dense layer, the softmax, five activations, and the network of
# four layers. Biases and inputs are random: at exactly 0, ReLU has no derivative to agree on.
#
# And the other way round: a product with a unit vector is one row of the Jacobian, or one column. Put
# together from rows, the network's needs a pass back for each of its 15 outputs; from columns, a pass
# forward for each of its 77 inputs and weights. A cost is a single output, so its gradient is a single
# row, one pass back. That is the whole case for backpropagation.


# %%
TENSORFLOW = {
    "identity": tf.identity,
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
    "relu": tf.nn.relu,
    "leaky_relu": lambda z: tf.maximum(z, LEAK * z),  # tf.nn.leaky_relu keeps its slope in float32
}


def flat(arrays: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(array) for array in arrays])


def unflat(vector: np.ndarray, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Cuts a vector into arrays of the shapes of these."""
    parts = np.split(vector, np.cumsum([array.size for array in arrays])[:-1])
    return [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]


def gaps(operation: Operation, rng: np.random.Generator) -> dict[str, float]:
    arrays, jacobian = operation.arrays, operation.jacobian
    change, tensors = rng.normal(size=(jacobian.shape[1],)), [tf.constant(array) for array in arrays]
    tangents = [tf.constant(part) for part in unflat(change, arrays)]
    with tf.autodiff.ForwardAccumulator(tensors, tangents) as accumulator, tf.GradientTape() as tape:
        tape.watch(tensors)
        output = operation.tensorflow(*tensors)
    automatic = [np.reshape(part, (len(jacobian), -1)) for part in tape.jacobian(output, tensors)]
    numeric = numeric_jacobian(lambda point: operation.function(*unflat(point, arrays)).ravel(), flat(arrays))
    vector = rng.normal(size=output.shape)
    moves = operation.forward(*unflat(change, arrays)), accumulator.jvp(output)
    return {
        "tape_gap": relative_error(jacobian, np.hstack(automatic)),
        "numeric_gap": relative_error(jacobian, numeric),
        "vector_jacobian_gap": relative_error(flat(operation.backward(vector)), vector.ravel() @ jacobian),
        "jacobian_vector_gap": max(relative_error(np.ravel(move), jacobian @ change) for move in moves),
    }


def assembled_gap(network: Operation) -> float:
    """Between the Jacobian, and what its products with all unit vectors give."""
    outputs, inputs = network.jacobian.shape
    units = np.eye(outputs).reshape(-1, EXAMPLES, OUTPUTS)
    rows = [flat(network.backward(unit)) for unit in units]
    columns = [network.forward(*unflat(unit, network.arrays)).ravel() for unit in np.eye(inputs)]
    return max(relative_error(part, network.jacobian) for part in (np.array(rows), np.transpose(columns)))


# %% [markdown]
# ## What it costs
#
# One gradient, that of a cost by the weights of a dense layer with as many units as inputs, in three ways: a
# product with the layer's Jacobian by W, as it stands; one pass forward for each weight; and `X' dZ`.


# %%
def through_jacobian(dZ: np.ndarray, X: np.ndarray) -> np.ndarray:
    return (dZ.ravel() @ np.kron(X, np.eye(X.shape[1]))).reshape(-1, X.shape[1])


def forward_mode(dZ: np.ndarray, X: np.ndarray) -> np.ndarray:
    gradient, dW = np.empty((2, X.shape[1], X.shape[1]))
    for weight in np.ndindex(dW.shape):
        dW[:] = 0
        dW[weight] = 1
        gradient[weight] = np.sum(dZ * (X @ dW))
    return gradient


def reverse_mode(dZ: np.ndarray, X: np.ndarray) -> np.ndarray:
    return dense_parameter_gradients(dZ, X)[0]


def measure(ways: Iterable[Callable], widths: Iterable[int], rng: np.random.Generator) -> tuple:
    """Seconds and bytes `(widths, ways, 2)`, and the largest gap between the gradients."""
    costs, gap = [], 0.0
    for width in widths:
        point = rng.normal(size=(2, 8, width))  # dZ and X of 8 examples
        costs.append([time_and_memory(way, *point, seconds=0.02) for way in ways])
        gap = max(gap, *(relative_error(way(*point), reverse_mode(*point)) for way in ways))
    return np.array(costs), gap


# %% The figures
def draw_jacobians(operations: dict[str, Operation]) -> Figure:
    figure, panels = plots.new_figure(width=10, height=3.2, columns=len(operations))
    for axes, (name, operation) in zip(np.ravel(panels), operations.items(), strict=True):
        limit = np.quantile(np.abs(operation.jacobian[operation.jacobian != 0]), 0.9)
        axes.imshow(operation.jacobian, cmap="RdBu", vmin=-limit, vmax=limit, interpolation="nearest")
        for edge in np.cumsum([array.size for array in operation.arrays])[:-1]:
            axes.axvline(edge - 0.5, color=plots.INK, linewidth=1)
        axes.set(title=name, xticks=(), yticks=())
        axes.set(xlabel=f"{operation.jacobian.shape[1]} inputs", ylabel=f"{len(operation.jacobian)} outputs")
    return figure


# %% [markdown]
# ## Run it


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    largest_width: Annotated[int, "of the layers whose costs are compared"] = 128


SMOKE = Config(largest_width=48)


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    scores, network = rng.normal(size=(EXAMPLES, OUTPUTS)), network_operation(rng)
    shown = {
        "dense, by X, W and b": dense_operation(*network.arrays[:3]),
        "softmax": softmax_operation(scores),
        "tanh": elementwise_operation("tanh", scores),
    }
    others = [elementwise_operation(name, scores) for name in ACTIVATIONS if name != "tanh"]
    errors = [gaps(operation, rng) for operation in (*shown.values(), *others, network)]
    worst = {key: max(error[key] for error in errors) for key in errors[0]}

    widths = np.geomspace(32, config.largest_width, 5).astype(int)
    costs, gap = measure((through_jacobian, reverse_mode), widths, rng)
    small, forward_gap = measure((forward_mode, reverse_mode), (8, 32), rng)
    return Result(
        metrics={
            "numeric_gap": worst["numeric_gap"],
            "vector_jacobian_gap": worst["vector_jacobian_gap"],
            "jacobian_vector_gap": worst["jacobian_vector_gap"],
            "assembled_gap": assembled_gap(network),
            "forward_seconds_over_reverse": small[1, 0, 0] / small[1, 1, 0],
            "jacobian_memory_slope": log_log_slope(widths, costs[:, 0, 1]),
            "reverse_memory_slope": log_log_slope(widths, costs[:, 1, 1]),
            "cost_gradients_gap": max(gap, forward_gap),
            "reference_gap": worst["tape_gap"],
        },
        figures={
            "layers": draw_jacobians(shown),
            "network": draw_jacobians({"dense, tanh, dense, softmax, by X, W, b and the next W, b": network}),
            "costs": plots.costs(widths, costs, ("through the Jacobian", "X' dZ"), "inputs = units"),
        },
        data={"source": "random arrays", "train": EXAMPLES},
    )


# %% [markdown]
# ## What was measured
#
# ![The Jacobians of a dense layer, of softmax and of tanh, as pictures](figures/layers.png)
#
# Blue is positive, red negative, white zero. In the dense layer's, the block by X has one copy of `W'` for
# each example, that by W is nearly empty, and that by b repeats. The softmax's has a block an example, the
# tanh's only a diagonal.
#
# ![The Jacobian of the whole network](figures/network.png)
#
# Multiplied out, little of the pattern is left but the examples, which do not see each other: a row
# depends on its own example's inputs alone, and on all weights.
#
# ![Seconds and bytes of a gradient through the Jacobian and as a product, by width](figures/costs.png)
#
# With p inputs and p units the Jacobian has, for each example, p rows and p^2 columns. Its memory grows
# with the cube, that of the gradient itself with the square.

# %%
CLAIMS = (
    Claim(
        "numeric_gap",
        at_most=1e-7,
        says="The Jacobians of all layers, and of a network of them, are what central differences find.",
        lecture="Other matrix derivatives (Jacobian)",
    ),
    Claim(
        "vector_jacobian_gap",
        at_most=1e-10,
        says="A row times a Jacobian is what the layer's backward pass computes without it,",
        lecture="Efficient MLP implementation (backward pass of a dense layer)",
    ),
    Claim(
        "jacobian_vector_gap",
        at_most=1e-10,
        says="a Jacobian times a column is how far the outputs move,",
    ),
    Claim("assembled_gap", at_most=1e-10, says="and either, taken often enough, gives the whole matrix."),
    Claim(
        "forward_seconds_over_reverse",
        at_least=50,
        says="For a layer's 1,024 weights, passes forward take at least fifty times as long as one back.",
    ),
    Claim(
        "jacobian_memory_slope",
        at_least=2.7,
        says="By p times p weights, a gradient through the Jacobian takes memory like p^3,",
        lecture="Efficient MLP implementation (gradient as a matrix)",
    ),
    Claim("reverse_memory_slope", at_most=2.1, says="as a product of two matrices it takes p^2,"),
    Claim("cost_gradients_gap", at_most=1e-10, says="and is the same, in all three ways."),
    Claim("reference_gap", at_most=1e-10, says="TensorFlow has the same Jacobians."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run matrix_derivatives --largest_width 256`: how much memory does the Jacobian take at the
# end?
#
# <details><summary>Answer</summary>
#
# 8 examples times 256 units are 2,048 rows, and 256 * 256 weights 65,536 columns: 134 million numbers of 8
# bytes, one gigabyte, for a gradient of half a megabyte. (The figure shows it. Have the memory before you
# try; twice the width takes eight times as much.)
#
# </details>
#
# **2.** Leave out the `- outer(A, A)` in the softmax's Jacobian. Which claims fall?
#
# <details><summary>Answer</summary>
#
# `numeric_gap` and `reference_gap`, since the matrix is wrong, and `vector_jacobian_gap` and
# `jacobian_vector_gap`, since the products are still right: they do not use it. `assembled_gap` falls with
# them. The costs do not notice; there is no softmax in them.
#
# </details>
#
# **3.** On paper: a layer divides each example by its sum, `a = x / s` with `s = x1 + ... + xk`. What is its
# Jacobian, and what is its backward pass?
#
# <details><summary>Answer</summary>
#
# `da_i / dx_j = (1 if i = j else 0) / s - x_i / s^2`, that is `(I - a 1') / s` with a column `a` and a row
# of ones. A row `da` times it is `(da - sum(da * a)) / s`: the softmax's product without the factor `a`,
# and indeed the softmax is this layer behind an exponential, whose slope is `x` itself.
#
# </details>
#
# ## To take away
#
# - A Jacobian has a row an output and a column an input; the chain rule multiplies them.
# - From the left with a row: backward, one pass an output. From the right with a column: forward, one pass
#   an input. A cost has one output and many weights.
# - A backward pass is the product with a Jacobian that is never formed.
#
# *Before: [mlp_keras](mlp_keras.md). Next: [hints](hints.md), what one can tell a network besides its
# weights.*
