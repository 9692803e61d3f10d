"""Write out the Jacobians of a network and its layers, and see why backpropagation never does.

Week 2, "Efficient MLP implementation", "Other matrix derivatives".
Claim: the Jacobians of a dense layer (by its input, weights and bias), of softmax, of all element-wise maps
       and of a network of them equal GradientTape's (1e-10) and central differences (1e-7); their products
       with a vector from the left equal those of backpropagation, from the right those of forward mode
       (1e-10); put together from such products (1e-10) the network's takes at most 15 passes in reverse, one
       an output, and at least 77 forward, one an input, and the gradient of a cost at most 1 in reverse; by
       p x p weights the gradient through the Jacobian takes memory like p^3 (log-log slope at least 2.9), by
       backpropagation like p^2 (at most 2.1), and is the same (1e-10).
Cost:  5 s on 2 CPU cores.
Run:   suite run matrix_derivatives
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.backprop.activations import ACTIVATIONS, LEAK, softmax, softmax_backward
from suite.backprop.dense import dense, dense_input_gradient, dense_parameter_gradients
from suite.backprop.gradient_check import numeric_jacobian, relative_error
from suite.evaluation import plots
from suite.evaluation.scaling import log_log_slope, time_and_memory
from suite.runs.recipe import Claim, Context, Result, at_most


@dataclasses.dataclass(frozen=True)
class Config:
    largest_width: int = 128  # of the layers whose costs are compared


SMOKE = Config(largest_width=48)

EXAMPLES, INPUTS, HIDDEN, OUTPUTS = 3, 4, 6, 5  # of the network
TENSORFLOW = {
    "identity": tf.identity,
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
    "relu": tf.nn.relu,
    "leaky_relu": lambda z: tf.maximum(z, LEAK * z),  # tf.nn.leaky_relu keeps its slope in float32
}

CLAIMS = (
    Claim("tape_gap", at_most=1e-10),
    Claim("numeric_gap", at_most=1e-7),
    *at_most(1e-10, "vector_jacobian_gap", "jacobian_vector_gap", "assembled_gap"),
    Claim("reverse_passes", at_most=15),
    Claim("forward_passes", at_least=77),
    Claim("gradient_reverse_passes", at_most=1),
    Claim("jacobian_memory_slope", at_least=2.9),
    Claim("backward_memory_slope", at_most=2.1),
    Claim("cost_gradients_gap", at_most=1e-10),
)


class Operation(NamedTuple):
    """A function of arrays, and its derivative in three forms where the arrays have these values."""

    arrays: list[np.ndarray]
    function: Callable
    tensorflow: Callable  # the same function, of tensors
    jacobian: np.ndarray  # `(entries of the output, entries of all arrays)`, each read row by row
    backward: Callable  # derivatives of a cost, by the output -> by the arrays: a row times the Jacobian
    forward: Callable  # changes, of the arrays -> of the output: the Jacobian times a column


def dense_operation(X: np.ndarray, W: np.ndarray, b: np.ndarray) -> Operation:
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


def network_operation(rng: np.random.Generator) -> Operation:
    """dense -> tanh -> dense -> softmax, of the data and of all parameters."""
    sizes = (EXAMPLES, INPUTS), (INPUTS, HIDDEN), HIDDEN, (HIDDEN, OUTPUTS), OUTPUTS
    X, W, b, next_W, next_b = (rng.normal(size=size) for size in sizes)
    network = dense_operation(X, W, b)
    network = compose(network, elementwise_operation("tanh", dense(X, W, b)))
    network = compose(network, dense_operation(network.function(*network.arrays), next_W, next_b))
    return compose(network, softmax_operation(network.function(*network.arrays)))


def flat(arrays: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(array) for array in arrays])


def unflat(vector: np.ndarray, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """Cuts a vector into arrays of the shapes of these."""
    parts = np.split(vector, np.cumsum([array.size for array in arrays])[:-1])
    return [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]


def gaps(operation: Operation, rng: np.random.Generator) -> dict[str, float]:
    """Holds the Jacobian against TensorFlow and central differences, and every product against it."""
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


def assemble(network: Operation, rng: np.random.Generator) -> dict[str, float]:
    """Puts the Jacobian together from products, and then the gradient of a cost; each product is a pass."""
    outputs, inputs = network.jacobian.shape
    d_output = rng.normal(size=(1, EXAMPLES, OUTPUTS))  # of the cost
    units = np.eye(outputs).reshape(-1, EXAMPLES, OUTPUTS)
    rows, gradient = ([flat(network.backward(each)) for each in passes] for passes in (units, d_output))
    columns = [network.forward(*unflat(unit, network.arrays)).ravel() for unit in np.eye(inputs)]
    forward = np.transpose(columns)
    pairs = (rows, network.jacobian), (forward, network.jacobian), (gradient, [d_output.ravel() @ forward])
    return {
        "assembled_gap": max(relative_error(*pair) for pair in pairs),
        "reverse_passes": len(rows),
        "forward_passes": len(columns),
        "gradient_reverse_passes": len(gradient),
    }


def through_jacobian(dZ: np.ndarray, X: np.ndarray) -> np.ndarray:
    """The derivative by the weights of a dense layer with as many units as inputs."""
    return (dZ.ravel() @ np.kron(X, np.eye(X.shape[1]))).reshape(-1, X.shape[1])


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

    ways = {
        "through the Jacobian": through_jacobian,
        "by backpropagation": lambda dZ, X: dense_parameter_gradients(dZ, X)[0],
    }
    widths = np.geomspace(32, config.largest_width, 5).astype(int)
    points = [rng.normal(size=(2, 8, width)) for width in widths]  # dZ and X of 8 examples
    costs = np.array(
        [[time_and_memory(way, *point, seconds=0.02) for way in ways.values()] for point in points]
    )
    return Result(
        metrics={
            **{key: max(error[key] for error in errors) for key in errors[0]},
            **assemble(network, rng),
            "jacobian_memory_slope": log_log_slope(widths, costs[:, 0, 1]),
            "backward_memory_slope": log_log_slope(widths, costs[:, 1, 1]),
            "jacobian_seconds_over_backward": costs[-1, 0, 0] / costs[-1, 1, 0],
            "cost_gradients_gap": max(
                relative_error(*(way(*point) for way in ways.values())) for point in points
            ),
        },
        figures={
            "layers": draw_jacobians(shown),
            "network": draw_jacobians({"dense, tanh, dense, softmax, by X, W, b and the next W, b": network}),
            "costs": plots.costs(widths, costs, [*ways], "inputs = units of a dense layer"),
        },
        data={"source": "random arrays", "train": EXAMPLES},
    )


def draw_jacobians(operations: dict[str, Operation]) -> Figure:
    figure, panels = plots.new_figure(width=13, height=3.2, columns=len(operations))
    for axes, (name, operation) in zip(np.ravel(panels), operations.items(), strict=True):
        limit = np.quantile(np.abs(operation.jacobian[operation.jacobian != 0]), 0.9)
        axes.imshow(operation.jacobian, cmap="RdBu", vmin=-limit, vmax=limit, interpolation="nearest")
        for edge in np.cumsum([array.size for array in operation.arrays])[:-1]:
            axes.axvline(edge - 0.5, color=plots.INK, linewidth=1)
        axes.set(title=name, xticks=(), yticks=())
        axes.set(xlabel=f"{operation.jacobian.shape[1]} inputs", ylabel=f"{len(operation.jacobian)} outputs")
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
