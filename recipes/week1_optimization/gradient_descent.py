"""Descend the squared error: how large a step, how many steps, and at what cost against the closed form.

Week 1, "Gradient descent".
Claim: the derivative of the mean squared error equals GradientTape's (1e-12); descent diverges above a
       learning rate of 2/L, L the largest eigenvalue of the Hessian (predicted and observed agree to 0.005);
       the number of steps grows in proportion to the condition number (log-log slope 0.9 to 1.1) and comes
       to at least 0.8 and at most 1 of what theory allows; a Keras Dense(1) trained by our gradient descent
       reaches the analytical solution (1e-3); in p columns the analytical solution needs memory like p^2
       (slope at least 1.8), descent like p (slope at most 1.1), for the same answer (0.01); test R-squared at
       least 0.25.
Cost:  15 s on 2 CPU cores, most of it the exports.
Run:   suite run gradient_descent
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.data.sets import tabular
from suite.data.splits import SPLITS, split_rows
from suite.evaluation import plots
from suite.evaluation.metrics import Metric, r2
from suite.evaluation.scaling import crossover, log_log_slope, time_and_memory
from suite.linear import least_squares
from suite.models.standardized_linear import standardized_linear
from suite.optimizers import GradientDescent
from suite.runs.recipe import Claim, Context, Export, Result, Task


@dataclasses.dataclass(frozen=True)
class Config:
    steps: int = 5000  # on the patients
    largest_condition: int = 1000
    largest_columns: int = 512  # of the comparison of costs


SMOKE = Config(steps=500, largest_condition=30, largest_columns=64)

CLAIMS = (
    Claim("derivative_gap", at_most=1e-12),
    Claim("divergence_threshold_error", at_most=0.005),
    Claim("steps_slope", at_least=0.9, at_most=1.1),
    Claim("least_steps_over_theory", at_least=0.8),
    Claim("most_steps_over_theory", at_most=1),
    Claim("analytical_gap", at_most=1e-3),
    Claim("analytical_memory_slope", at_least=1.8),
    Claim("descent_memory_slope", at_most=1.1),
    Claim("cost_answers_gap", at_most=0.01),
    Claim("test_r2", at_least=0.25),
)


def mse_gradient(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The derivative of mean((X w - y)^2) by w."""
    return X.T @ (X @ w - y) * (2 / len(X))


def derivative_gap(X: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> float:
    """The largest difference to the derivative that GradientTape finds, relative to the largest entry."""
    w = tf.Variable(rng.normal(size=X.shape[1]))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((tf.linalg.matvec(X, w) - y) ** 2)
    automatic = tape.gradient(loss, w).numpy()
    return np.abs(automatic - mse_gradient(X, y, w.numpy())).max() / np.abs(automatic).max()


def losses_by_rate(X: np.ndarray, y: np.ndarray, learning_rates: np.ndarray, steps: int) -> np.ndarray:
    """The loss before each step, `(steps, rates)`, of one descent from 0 for each of the learning rates."""
    W = np.zeros((X.shape[1], len(learning_rates)))  # a descent a column
    losses = []
    for _ in range(steps):
        losses.append(np.mean((X @ W - y[:, None]) ** 2, axis=0))
        W -= learning_rates * mse_gradient(X, y[:, None], W)
    return np.array(losses)


def steps_by_condition(conditions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Steps until the distance to the solution is 1e-6 of what it was, at the best constant learning rate."""
    rows, columns, counts = 200, 10, []
    left, right = (np.linalg.qr(rng.normal(size=(n, columns)))[0] for n in (rows, columns))
    solution = right.sum(axis=1)  # as far along one axis of the bowl as along any other
    for condition in conditions:
        curvatures = np.geomspace(1, condition, columns)  # the eigenvalues of the Hessian
        X = left * np.sqrt(rows / 2 * curvatures) @ right.T
        y, w, count = X @ solution, np.zeros(columns), 0
        while np.linalg.norm(w - solution) > 1e-6 * np.linalg.norm(solution):
            w -= 2 / (1 + condition) * mse_gradient(X, y, w)
            count += 1
        counts.append(count)
    return np.array(counts)


def solve_analytically(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The normal equations: n p^2 + p^3 / 3 multiplications, and the p x p matrix X'X in memory."""
    return np.linalg.solve(X.T @ X, X.T @ y)


def solve_by_descent(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Until the gradient is 1e-3 of the first: 2 n p multiplications a step, and vectors alone in memory."""
    # Independent columns: the Hessian's eigenvalues are in 2 (1 -+ sqrt(p / n))^2 (Marchenko, Pastur, 1967).
    learning_rate = 0.5 / (1 + X.shape[1] / len(X))
    w = np.zeros(X.shape[1])
    gradient = first = mse_gradient(X, y, w)
    while np.linalg.norm(gradient) > 1e-3 * np.linalg.norm(first):
        w -= learning_rate * gradient
        gradient = mse_gradient(X, y, w)
    return w


def costs_by_columns(columns: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(seconds, bytes beside X) of both ways, `(sizes, 2 ways, 2)`, and the gaps between their answers."""
    costs, gaps = [], []
    for p in columns:
        X = rng.normal(size=(16 * p, p))
        y = X @ rng.normal(size=p) + rng.normal(size=len(X))
        costs.append([time_and_memory(way, X, y) for way in (solve_analytically, solve_by_descent)])
        one, other = solve_analytically(X, y), solve_by_descent(X, y)
        gaps.append(np.linalg.norm(one - other) / np.linalg.norm(one))
    return np.array(costs), np.array(gaps)


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    data = tabular.load_diabetes(raw=True)
    raw, y = data.features, data.targets
    splits = dict(zip(SPLITS, split_rows(len(y), context.seed), strict=True))
    train, test = splits["train"], splits["test"]
    means, deviations = raw[train].mean(axis=0), raw[train].std(axis=0)
    X = np.column_stack([np.ones(len(train)), (raw[train] - means) / deviations])
    curvatures = np.linalg.eigvalsh(2 * X.T @ X / len(X))  # of the Hessian, ascending
    threshold, best = 2 / curvatures[-1], 2 / (curvatures[0] + curvatures[-1])
    fit = least_squares.fit(X, y[train])

    named = {"too small": 0.01 * threshold, "best": best, "too large": 1.01 * threshold}
    curves = losses_by_rate(X, y[train], np.array([*named.values()]), 300) - np.mean(fit.residuals**2)
    shares = np.linspace(0.9505, 1.0495, 100)
    losses = losses_by_rate(X, y[train], shares * threshold, 1000)
    observed = shares[np.argmax(losses[-1] > losses[-2])]  # the first that climbs

    conditions = np.geomspace(3, config.largest_condition, 6)
    counts = steps_by_condition(conditions, rng)
    theory = np.ceil(np.log(1e6) / np.log((conditions + 1) / (conditions - 1)))
    columns = 2 ** np.arange(4, 1 + int(np.log2(config.largest_columns)))
    costs, gaps = costs_by_columns(columns, rng)

    measurements = [keras.Input((1,), name=name) for name in data.feature_names]
    model = standardized_linear(
        measurements, measurements, means, deviations, "progression", "gradient_descent"
    )
    model.compile(GradientDescent(best), "mse")
    inputs = {part: list(raw[rows].T[..., None].astype(np.float32)) for part, rows in splits.items()}
    batches = tf.data.Dataset.from_tensors((tuple(inputs["train"]), y[train, None])).repeat()
    context.fit(model, batches, steps_per_epoch=config.steps)
    kernel, bias = model.get_layer("progression").get_weights()
    gap = np.abs(np.append(bias, kernel) - fit.coefficients).max() / np.abs(fit.coefficients[1:]).max()

    metric = Metric("test_r2", lambda outputs, targets: r2(outputs["progression"], targets))
    return Result(
        metrics={
            "derivative_gap": derivative_gap(X, y[train], rng),
            "divergence_threshold": threshold,
            "divergence_threshold_error": abs(observed - 1),
            "steps_slope": log_log_slope(conditions, counts),
            "least_steps_over_theory": (counts / theory).min(),
            "most_steps_over_theory": (counts / theory).max(),
            "analytical_gap": gap,
            "analytical_memory_slope": log_log_slope(columns, costs[:, 0, 1]),
            "descent_memory_slope": log_log_slope(columns, costs[:, 1, 1]),
            "cost_answers_gap": gaps.max(),
            "crossover_columns": crossover(columns, *costs[..., 0].T),
            "validation_r2": r2(model(inputs["validation"]), y[splits["validation"]]),
            "test_r2": r2(model(inputs["test"]), y[test]),
        },
        figures={
            "steps": draw_steps(named, curves, shares, losses, conditions, counts, theory),
            "cost": draw_costs(columns, costs),
        },
        exports=[Export(model, inputs["test"], inputs["train"], y[test], metric, task=Task.REGRESSOR)],
        data={"source": "diabetes", **{part: len(rows) for part, rows in splits.items()}},
    )


def draw_steps(
    named: dict[str, float],
    curves: np.ndarray,
    shares: np.ndarray,
    losses: np.ndarray,
    conditions: np.ndarray,
    counts: np.ndarray,
    theory: np.ndarray,
) -> Figure:
    figure, (left, middle, right) = plots.new_figure(width=13, columns=3)
    for (name, rate), curve in zip(named.items(), curves.T, strict=True):
        left.semilogy(curve, label=f"{name}: {rate:.3g}")
    left.set(title="Learning rates", xlabel="step", ylabel="loss above the minimum")
    middle.semilogy(shares, losses[-1] / losses[0])
    middle.axvline(1, color=plots.MUTED, linewidth=1, linestyle=":", label="2 / L")
    middle.set(title=f"After {len(losses)} steps", xlabel="learning rate, in 2 / L", ylabel="loss / first")
    right.loglog(conditions, counts, marker="o", label="measured")
    right.loglog(conditions, theory, color=plots.MUTED, linestyle=":", label="theory, at most")
    right.set(title="To a millionth of the distance", xlabel="condition number", ylabel="steps")
    for axes in (left, middle, right):
        axes.legend(frameon=False)
    return figure


def draw_costs(columns: np.ndarray, costs: np.ndarray) -> Figure:
    ways = "analytical solution", "gradient descent"
    figure = plots.costs(columns, costs, ways, "columns p, with 16 p rows")
    time, memory = figure.axes
    equal = crossover(columns, *costs[..., 0].T)
    time.axvline(equal, color=plots.MUTED, linewidth=1, linestyle=":")
    time.set_title(f"Time: equal at {equal:.0f} columns")
    memory.set_title("Memory beside X")
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
