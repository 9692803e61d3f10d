"""Wrong variants of the recipes of week 2: module -> (check, [(what is wrong, right source, replacement)]).

The check is the recipe's own: it runs, small, and its claims are held. Each row shows that a claim can fail.
"""

import dataclasses
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from suite.data.source import EMBEDDED
from suite.runs.recipe import Context, claims_on


def keeps_claims(*left_out: str, **settings: Any) -> Callable[[types.ModuleType], None]:
    """Makes a check that runs a recipe in its tiny configuration and holds its claims.

    Args:
        *left_out: Metrics of claims that need the whole run.
        **settings: Fields of the configuration that differ from SMOKE.
    """

    def check(recipe: types.ModuleType) -> None:
        config = dataclasses.replace(recipe.SMOKE, **settings)
        metrics = recipe.run(config, Context(seed=0, source=EMBEDDED, folder=Path())).metrics
        claims = [claim for claim in claims_on(recipe.CLAIMS, EMBEDDED) if claim.metric not in left_out]
        missed = [f"{claim}: {metrics[claim.metric]}" for claim in claims if not claim.holds(metrics)]
        assert not missed, missed

    return check


PERCEPTRONS = [
    ("OR instead of NAND", "WEIGHTS = np.array([-2.0, -2.0])", "WEIGHTS = np.array([2.0, 2.0])"),
    ("halves of the table swapped", "low, high = (from_table", "high, low = (from_table"),
    ("carry of the first half adder lost", "nand(nand(first, first), nand(second, second))", "second"),
    ("one neuron without its bias", "np.array([bias])", "np.array([0 * bias])"),
    ("no turn of the points with label 0", "X.T * (2 * labels - 1)", "X.T * 1"),
    ("zeros are not corrected", "(2 * labels[position] - 1) *", "labels[position] *"),
]
SIGMOID = [
    ("steps in place of sigmoids", "return 1 / (1 + np.exp(-z))", "return step(z)"),
    ("sigmoids in place of steps", "return (z > 0).astype(float)", "return sigmoid(z)"),
    ("slope without the neuron's own", "dx = x * (1 - x) * dz", "dx = dz"),
    ("slope that misses the change itself", "dz = dx @ W + x @ dW", "dz = dx @ W"),
    ("biases left out of the one layer", "b @ V + c", "b @ V"),
    (
        "a bend in the linear network",
        "build_model(name) for",
        'build_model(name.replace("linear", "tanh")) for',
    ),
]
BACKWARD = "errors[0] @ W.T * sigmoid_derivative(z)"
BACKPROPAGATION = [
    ("BP1 without sigma'", "[slopes * sigmoid_derivative(zs[-1])]", "[slopes]"),
    ("BP2 without sigma'", BACKWARD, "errors[0] @ W.T"),
    ("BP2 with sigma' of the activation", BACKWARD, "errors[0] @ W.T * sigmoid_derivative(sigmoid(z))"),
    ("BP3 as a mean", "(a.T @ error, error.sum(axis=0))", "(a.T @ error, error.mean(axis=0))"),
    ("BP4 by the absolute input", "(a.T @ error,", "(abs(a).T @ error,"),
    ("the best example in place of the worst", "one = [np.argmax(", "one = [np.argmin("),
    ("a hidden cost with a sign", "errors[0] + hidden *", "errors[0] - hidden *"),
]
MATRICES = [
    ("Kronecker factors swapped", "np.kron(X, units)", "np.kron(units, X)"),
    ("softmax by its diagonal alone", " - same_example * np.outer(A, A)", ""),
    ("softmax across examples", "same_example * np.outer(A, A)", "np.outer(A, A)"),
    ("no bias in forward mode", "dX @ W + X @ dW + db", "dX @ W + X @ dW"),
    ("forward mode without the weights", "dX @ W + X @ dW + db", "dX @ W + db"),
]
RECIPES = "recipes.week2_neural_networks"
MUTANTS: dict[str, tuple[Callable[[types.ModuleType], None], list[tuple[str, str, str]]]] = {
    f"{RECIPES}.perceptron_circuits": (keeps_claims(bits=2), PERCEPTRONS),
    f"{RECIPES}.sigmoid_neurons": (keeps_claims("sigmoid_error"), SIGMOID),
    f"{RECIPES}.backpropagation": (keeps_claims("sampled_share", "newton_over_descent"), BACKPROPAGATION),
    f"{RECIPES}.matrix_derivatives": (keeps_claims("jacobian_memory_slope"), MATRICES),
}
