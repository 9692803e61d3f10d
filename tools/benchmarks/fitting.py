"""Linear models on many rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tools.benchmarks.floors import Cost
from tools.benchmarks.measuring import Peer, Work, assert_close

GOAL = 0.7


def linear(rows: int = 100_000, columns: int = 100, l2: float = 1e-3, l1: float = 0.1) -> Iterator[Work]:
    """Least squares, ridge and lasso without intercept, against scikit-learn at its default solver."""
    from sklearn.linear_model import Lasso, LinearRegression, Ridge

    from suite.linear import least_squares, penalized

    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, columns)) @ (np.eye(columns) + 0.1 * rng.normal(size=(columns, columns)))
    y = X @ np.where(rng.random(columns) < 0.3, rng.normal(size=columns), 0) + rng.normal(size=rows)

    # A penalty on the sum of absolute values is a bound on it, the one that Lasso finds.
    radius = float(np.abs(Lasso(l1, fit_intercept=False, tol=1e-8).fit(X, y).coef_).sum())

    def lasso() -> np.ndarray:
        return penalized.least_squares_within(X, y, penalized.project_l1_ball, radius, steps=200)

    pairs = {
        "OLS": (lambda: least_squares.fit(X, y).coefficients, LinearRegression(fit_intercept=False)),
        "ridge": (lambda: penalized.ridge(X, y, l2), Ridge(l2 * rows, fit_intercept=False)),
        "lasso": (lasso, Lasso(l1, fit_intercept=False)),
    }
    for name, (ours, estimator) in pairs.items():

        def theirs(estimator: Any = estimator) -> np.ndarray:
            return estimator.fit(X, y).coef_

        assert_close(
            ours(), theirs(), f"scikit-learn's {name}", 1e-3 if name == "lasso" else 1e-8
        )  # Lasso stops early
        # Both begin with X'X, or what costs as much; a product of a matrix with itself is half of one.
        cost = Cost(flops=float(rows) * columns**2, bytes=8.0 * rows * columns, dtype="float64")
        work = f"{name} on {rows // 1000}k x {columns}, fits/s"
        yield Work(work, ours, (Peer(f"scikit-learn {type(estimator).__name__}", theirs, GOAL),), 1, 11, cost)
