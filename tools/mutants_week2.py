"""Wrong variants of the recipes of week 2: module -> (check, [(what is wrong, right source, its replacement)]).

The check is the recipe's own: it runs, small, and its claims are held. So each row shows that a claim can fail.
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
MUTANTS: dict[str, tuple[Callable[[types.ModuleType], None], list[tuple[str, str, str]]]] = {
    "recipes.week2_neural_networks.perceptron_circuits": (keeps_claims(bits=2), PERCEPTRONS),
}
