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
RECIPES = "recipes.week2_neural_networks"
MUTANTS: dict[str, tuple[Callable[[types.ModuleType], None], list[tuple[str, str, str]]]] = {
    f"{RECIPES}.sigmoid_neurons": (keeps_claims("sigmoid_error"), SIGMOID),
}
