"""The four equations of backpropagation, each held against reality by itself.

Week 2, "Chain rule", "Backpropagation", "The four fundamental equations behind backpropagation".
Claim: each of the four equations agrees with central differences (relative error 1e-7, float64) and with
       GradientTape (1e-12), and a small network with fractions worked out by hand (1e-12); a cost that is no
       average over examples, or looks at a hidden layer, puts the gradient off by at least 0.1; a weight
       whose input is below 0.1 or whose neuron is saturated has at most 0.3 of the gradient of the others;
       numerical gradients under the same optimizer take the same trajectory (1e-6); summing over paths
       multiplies its work with every layer by the width of 3 (2.9 to 3.1), backpropagation's work grows like
       the number of edges (log-log slope 0.9 to 1.1), for the same derivative (1e-12).
Cost:  3 s on 2 CPU cores.
Run:   suite run backpropagation
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.backprop.activations import sigmoid, sigmoid_derivative
from suite.backprop.gradient_check import numeric_gradient, numeric_gradients, relative_error
from suite.backprop.losses import quadratic, quadratic_derivative
from suite.backprop.network import mlp
from suite.backprop.paths import accumulate_backward, sum_over_paths
from suite.evaluation import plots
from suite.evaluation.scaling import log_log_slope
from suite.evaluation.table import Table
from suite.optimizers import Adam, GradientDescent, Momentum
from suite.runs.recipe import Claim, Context, Result, at_least, at_most


@dataclasses.dataclass(frozen=True)
class Config:
    examples: int = 20
    steps: int = 50  # of each optimizer
    deepest: int = 9  # layers of the graph whose paths are counted


SMOKE = Config(examples=5, steps=5, deepest=4)

SIZES = (4, 6, 5, 3)
WIDTH = 3  # of the graph whose paths are counted

CLAIMS = (
    Claim("numeric_gap", at_most=1e-7),
    *at_most(1e-12, "tape_gap", "by_hand_gap"),
    *at_least(0.1, "no_average_gap", "hidden_cost_gap"),
    *at_most(0.3, "low_input_gradient_over_others", "saturated_gradient_over_others"),
    Claim("trajectory_gap", at_most=1e-6),
    Claim("path_work_per_layer", at_least=2.9, at_most=3.1),
    Claim("backpropagation_work_slope", at_least=0.9, at_most=1.1),
    Claim("path_derivative_gap", at_most=1e-12),
)


def output_error(cost_gradient: np.ndarray, z: np.ndarray) -> np.ndarray:
    """BP1: the error of the last layer, dC/dz, is dC/da times sigma'(z)."""
    return cost_gradient * sigmoid_derivative(z)


def hidden_error(next_error: np.ndarray, next_weights: np.ndarray, z: np.ndarray) -> np.ndarray:
    """BP2: the error of a layer is that of the next one, back through its weights, times sigma'(z)."""
    return next_error @ next_weights.T * sigmoid_derivative(z)


def bias_gradient(error: np.ndarray) -> np.ndarray:
    """BP3: dC/db is the error, added up over the examples."""
    return error.sum(axis=0)


def weight_gradient(inputs: np.ndarray, error: np.ndarray) -> np.ndarray:
    """BP4: dC/dw is the activation that goes in times the error of the neuron that it goes to."""
    return inputs.T @ error


def forward(
    weights: list, biases: list, a: np.ndarray, activation: Callable[[np.ndarray], np.ndarray] = sigmoid
) -> tuple[list, list]:
    """Weighted inputs z of every layer, and the activations before and after each."""
    zs, activations = [], [a]
    for W, b in zip(weights, biases, strict=True):
        zs.append(activations[-1] @ W + b)
        activations.append(activation(zs[-1]))
    return zs, activations


def cost(weights: list, biases: list, x: np.ndarray, y: np.ndarray) -> float:
    return quadratic(forward(weights, biases, x)[1][-1], y)


def backpropagate(weights: list, biases: list, x: np.ndarray, y: np.ndarray) -> tuple[list, list, list]:
    """Errors of every layer, and the derivatives of the quadratic cost by the weights and the biases."""
    zs, activations = forward(weights, biases, x)
    errors = [output_error(quadratic_derivative(activations[-1], y), zs[-1])]
    for W, z in zip(weights[:0:-1], zs[-2::-1], strict=True):
        errors.insert(0, hidden_error(errors[0], W, z))
    by_weights = [weight_gradient(a, error) for a, error in zip(activations[:-1], errors, strict=True)]
    return errors, by_weights, [bias_gradient(error) for error in errors]


def check_equations(weights: list, biases: list, x: np.ndarray, y: np.ndarray) -> dict[str, tuple]:
    """Relative errors of each equation, from central differences and from GradientTape."""
    errors, by_weights, by_biases = backpropagate(weights, biases, x, y)
    zs, _ = forward(weights, biases, x)

    def cost_after(k: int) -> float:
        return cost(weights[k + 1 :], biases[k + 1 :], sigmoid(zs[k]), y)

    numeric_errors = [numeric_gradient(functools.partial(cost_after, k), z) for k, z in enumerate(zs)]
    numeric_weights, numeric_biases = (
        numeric_gradients(lambda: cost(weights, biases, x, y), arrays) for arrays in (weights, biases)
    )
    with tf.GradientTape() as tape:
        tensors = [[tf.constant(array) for array in arrays] for arrays in (weights, biases)]
        tape.watch(tensors)
        tape_zs, activations = forward(tensors[0], tensors[1], tf.constant(x), tf.sigmoid)
        value = tf.reduce_sum((activations[-1] - y) ** 2) / (2 * len(x))
    tape_errors, tape_weights, tape_biases = tape.gradient(value, [tape_zs, *tensors])
    equations = {
        "BP1, error of the outputs": (errors[-1:], numeric_errors[-1:], tape_errors[-1:]),
        "BP2, error of the hidden layers": (errors[:-1], numeric_errors[:-1], tape_errors[:-1]),
        "BP3, biases": (by_biases, numeric_biases, tape_biases),
        "BP4, weights": (by_weights, numeric_weights, tape_weights),
    }
    return {
        name: tuple(max(map(relative_error, ours, others)) for others in (numeric, automatic))
        for name, (ours, numeric, automatic) in equations.items()
    }


def by_hand_gap() -> float:
    """Two inputs, two hidden neurons, one output; sigmoid(log 3) = 3/4 keeps every number a fraction."""
    L = np.log(3)
    weights, biases = [np.array([[-L, L], [L, -L]]), np.array([[4], [-4]])], [np.zeros(2), np.array([-2])]
    x, y = np.array([[1.0, 2.0]]), np.array([[0.0]])
    # z1 = (L, -L), a1 = (3/4, 1/4); z2 = 4 * 3/4 - 4 * 1/4 - 2 = 0, a2 = 1/2
    # error 2 = (1/2 - 0) * 1/4 = 1/8; error 1 = 1/8 * (4, -4) * 3/4 * 1/4 = (3/32, -3/32)
    expected = [
        np.array([[3, -3]]) / 32, np.array([[1]]) / 8,
        np.array([[3, -3], [6, -6]]) / 32, np.array([[3], [1]]) / 32,
        np.array([3, -3]) / 32, np.array([1]) / 8,
    ]  # fmt: skip
    received = [array for arrays in backpropagate(weights, biases, x, y) for array in arrays]
    return max(map(relative_error, received, expected))


def broken_assumptions(weights: list, biases: list, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """How far the equations are off for a cost that is no average, and for one of more than the outputs."""

    def of_worst_example() -> float:
        return max(np.sum((forward(weights, biases, x)[1][-1] - y) ** 2, axis=1)) / 2

    def with_hidden_penalty() -> float:
        return cost(weights, biases, x, y) + quadratic(forward(weights, biases, x)[1][1], 0.0)

    _, (gradient, *_), _ = backpropagate(weights, biases, x, y)
    costs = {"no_average_gap": of_worst_example, "hidden_cost_gap": with_hidden_penalty}
    return {
        name: relative_error(gradient, numeric_gradient(cost, weights[0])) for name, cost in costs.items()
    }


def slow_weights(rng: np.random.Generator) -> dict[str, float]:
    """Mean size of the measured derivative by the weights of a wide last layer, by groups of weights."""
    a, W, b = rng.uniform(size=(1, 100)), rng.normal(size=(100, 40)), np.zeros(40)
    y = np.round(rng.uniform(size=(1, 40)))
    gradient = np.abs(numeric_gradient(lambda: quadratic(sigmoid(a @ W + b), y), W))
    low_input, saturated = (a < 0.1)[0], np.abs(sigmoid(a @ W + b) - 0.5)[0] > 0.45
    return {
        "low_input_gradient_over_others": gradient[low_input].mean() / gradient[~low_input].mean(),
        "saturated_gradient_over_others": gradient[:, saturated].mean() / gradient[:, ~saturated].mean(),
    }


def trajectory(
    rule: Callable[[float], keras.Optimizer], numeric: bool, x: np.ndarray, y: np.ndarray, steps: int
) -> np.ndarray:
    """All weights and biases after each step of an optimizer, to which all gradients are alike."""
    network = mlp(SIZES, np.random.default_rng(0), activation="sigmoid", dtype=np.float64)
    variables, optimizer = [keras.Variable(array, dtype="float64") for array in network.parameters], rule(0.1)
    optimizer.build(variables)
    path = []
    for _ in range(steps):
        network.backward(quadratic_derivative(network.forward(x), y))
        gradients = network.gradients
        if numeric:
            gradients = numeric_gradients(lambda: quadratic(network.forward(x), y), network.parameters)
        optimizer.apply([tf.constant(gradient) for gradient in gradients], variables)
        for array, variable in zip(network.parameters, variables, strict=True):
            array[:] = variable.numpy()
        path.append(np.concatenate([array.ravel() for array in network.parameters]))
    return np.array(path)


def compare_work(deepest: int, rng: np.random.Generator) -> np.ndarray:
    """(layers, multiplications along all paths and backward, gap of the results) by number of layers."""
    rows = []
    for depth in range(1, deepest + 1):
        slopes = list(rng.normal(size=(depth, WIDTH, WIDTH)))  # weight times sigma' of every edge
        by_paths, path_work = sum_over_paths(slopes, neuron=0)
        derivatives, backward_work = accumulate_backward(slopes)
        gap = abs(by_paths - derivatives[0]) / np.abs(derivatives).max()
        rows.append((depth, path_work, backward_work, gap))
    return np.array(rows)


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    weights = [rng.normal(size=shape) for shape in itertools.pairwise(SIZES)]
    biases = [rng.normal(size=units) for units in SIZES[1:]]
    x, y = rng.normal(size=(config.examples, SIZES[0])), rng.uniform(size=(config.examples, SIZES[-1]))
    setting = weights, biases, x, y
    equations = check_equations(*setting)
    numeric, automatic = zip(*equations.values(), strict=True)
    work = compare_work(config.deepest, rng)
    depths, path_work, backward_work, path_gaps = work[len(work) // 2 :].T
    trajectory_gaps = [
        relative_error(*(trajectory(rule, numeric, x, y, config.steps) for numeric in (False, True)))
        for rule in (GradientDescent, Momentum, Adam)
    ]
    rows = [(name, *(f"{value:.1e}" for value in pair)) for name, pair in equations.items()]
    note = "Largest difference, relative to the largest derivative; float64."
    return Result(
        metrics={
            "numeric_gap": max(numeric),
            "tape_gap": max(automatic),
            "by_hand_gap": by_hand_gap(),
            **broken_assumptions(*setting),
            **slow_weights(rng),
            "trajectory_gap": max(trajectory_gaps),
            "path_work_per_layer": np.exp(np.polyfit(depths, np.log(path_work), 1)[0]),
            "backpropagation_work_slope": log_log_slope(depths, backward_work),
            "path_derivative_gap": path_gaps.max(),
        },
        figures={"backpropagation": draw(work)},
        data={"source": "simulated", "train": config.examples},
        tables=[Table("The four equations", ("equation", "central differences", "GradientTape"), rows, note)],
    )


def draw(work: np.ndarray) -> Figure:
    figure, (left, right) = plots.new_figure(width=11, columns=2)
    z = np.linspace(-8, 8, 201)
    costs = {"quadratic cost": (z, sigmoid(z) * sigmoid_derivative(z)), "cross-entropy": (z, sigmoid(z))}
    title = "The derivative by a weight: target 0, input 1"
    plots.curves(left, costs, title=title, xlabel="weighted input z of the neuron", ylabel="derivative")
    depths, path_work, backward_work, _ = work.T
    counts = {"along every path": (depths, path_work, "o-"), "backward": (depths, backward_work, "o-")}
    plots.curves(right, counts, title="Multiplications for the same derivative", yscale="log")
    right.set(xlabel=f"layers of {WIDTH} neurons", ylabel="multiplications")
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
