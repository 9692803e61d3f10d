"""Keep a model from overfitting: ridge, lasso, and five other ways, each measured.

Week 1, "Model regularization", "Ridge Regression", "Lasso Regression".
Claim: on 64 columns the ridge solution is the same in closed form, by our gradient descent and by
       scikit-learn (1e-4), at most 0.2 times as long as the least-squares solution; one column in units 1,000
       times as large changes its fitted values by at least 0.5 of their spread, and those of least squares
       and of ridge on standardized columns by at most 1e-9; the lasso by our ProximalGradient equals
       scikit-learn's (1e-4) and has at least 20 coefficients of exactly 0, by a subgradient at most 0;
       penalty and constraint lead to each other's solution and strength (1e-3); on digits of which a tenth is
       mislabeled, fewer dimensions and dropout have at most 0.95 of the validation loss of a network without
       them, more data at most 0.9, augmentation and early stopping (on half as many further digits) at most
       0.75; test R-squared of the lasso at least 0.3.
Cost:  30 s on 2 CPU cores.
Run:   suite run regularization
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from sklearn.linear_model import Lasso, Ridge

from suite.data.sets import image_sets, tabular
from suite.data.splits import SPLITS, split_rows
from suite.evaluation import plots
from suite.evaluation.metrics import Metric, r2
from suite.linear import least_squares
from suite.linear.penalized import least_squares_within, project_l1_ball, project_l2_ball, ridge
from suite.optimizers import Adam, GradientDescent, ProximalGradient
from suite.runs.recipe import Claim, Context, Export, Result, Task, at_most
from suite.training.side_by_side import fit_side_by_side, networks_side_by_side


@dataclasses.dataclass(frozen=True)
class Config:
    steps: int = 20000  # of gradient descent, each on all patients
    draws: int = 20  # of a small set of digits
    examples: int = 100  # in each
    mislabeled: float = 0.1  # share of them
    dimensions: int = 20  # principal components kept
    dropout: float = 0.5
    hidden_units: int = 64
    network_steps: int = 500


SMOKE = Config(steps=200, draws=2, examples=40, hidden_units=8, network_steps=20)

RIDGE_PENALTIES = np.geomspace(0.01, 10, 10)
LASSO_PENALTIES = np.geomspace(1, 30, 10)
LEFT, RIGHT = np.triu_indices(10)  # pairs of measurements
LEFT, RIGHT = (np.delete(indices, 10) for indices in (LEFT, RIGHT))  # sex has two values: no square

CLAIMS = (
    *at_most(1e-4, "ridge_descent_gap", "ridge_scikit_gap"),
    Claim("ridge_length_over_least_squares", at_most=0.2),
    Claim("ridge_change_with_units", at_least=0.5),
    *at_most(1e-9, "least_squares_change_with_units", "standardized_ridge_change_with_units"),
    Claim("lasso_scikit_gap", at_most=1e-4),
    Claim("lasso_zeros", at_least=20),
    Claim("lasso_descent_zeros", at_most=0),
    *at_most(1e-3, "ridge_constraint_gap", "lasso_constraint_gap"),
    *at_most(0.95, "fewer_dimensions_loss_over_plain", "dropout_loss_over_plain"),
    Claim("more_data_loss_over_plain", at_most=0.9),
    *at_most(0.75, "augmentation_loss_over_plain", "early_stopping_loss_over_plain"),
    Claim("test_r2", at_least=0.3),
)


def expand(measurements: np.ndarray | keras.KerasTensor) -> keras.KerasTensor:
    """Ten measurements, their squares and their products: `(n, 64)` from NumPy or Keras alike."""
    left, right = (keras.ops.take(measurements, indices, axis=1) for indices in (LEFT, RIGHT))
    return keras.ops.concatenate([measurements, left * right], axis=1)


def descend(
    optimizer: keras.Optimizer,
    X: np.ndarray,
    y: np.ndarray,
    steps: int,
    penalty: Callable[[tf.Tensor], tf.Tensor | float] = lambda w: 0.0,
) -> np.ndarray:
    """Minimizes mean((X w - y)^2) + penalty(w) from w = 0, all rows in every step."""
    w = keras.Variable(np.zeros(X.shape[1]), dtype="float64")
    optimizer.build([w])

    @tf.function
    def take_steps() -> None:
        for _ in tf.range(steps):
            with tf.GradientTape() as tape:
                weights = tf.convert_to_tensor(w)
                loss = tf.reduce_mean((tf.linalg.matvec(X, weights) - y) ** 2) + penalty(weights)
            optimizer.apply([tape.gradient(loss, weights)], [w])

    take_steps()
    return w.numpy()


def gap(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference, relative to the largest coefficient."""
    return np.abs(one - other).max() / np.abs(other).max()


def study(
    name: str,
    order: int,
    penalties: np.ndarray,
    solvers: tuple[Callable, Callable],
    project: Callable,
    data: dict,
    steps: int,
) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """The solutions of all penalties, the one that suits the validation patients, and what it shows.

    They minimize mean((X w - y)^2) + penalty * sum(abs(w)^order); the solvers are ours and scikit-learn's.
    """
    solve, scikit = solvers
    (X, y), (new_X, new_y) = data["train"], data["validation"]
    path = np.array([solve(penalty) for penalty in penalties])
    best = np.argmin(np.mean((path @ new_X.T - new_y) ** 2, axis=1))
    w, penalty = path[best], penalties[best]
    optimizer = GradientDescent(0.5 / np.linalg.norm(X.T @ X / len(y), 2))
    descended = descend(optimizer, X, y, steps, lambda w: penalty * tf.reduce_sum(tf.abs(w) ** order))
    # From the penalty to its constraint C, the size of its solution, and back: on the border of the ball the
    # derivative of the loss is -penalty times that of the sum.
    within = least_squares_within(X, y, project, float(np.linalg.norm(w, order)), steps=steps)
    derivative = X.T @ (X @ within - y) * (2 / len(y))
    multiplier = -(derivative @ within) / (order * np.sum(np.abs(within) ** order))
    shortest = least_squares.fit(X, y).coefficients
    metrics = {
        "penalty": penalty,
        "scikit_gap": gap(scikit(penalty).fit(X, y).coef_, w),
        "descent_gap": gap(descended, w),
        "constraint_gap": max(gap(within, w), abs(multiplier / penalty - 1)),
        "zeros": np.sum(w == 0),
        "descent_zeros": np.sum(descended == 0),
        "length_over_least_squares": np.linalg.norm(w) / np.linalg.norm(shortest),
        "validation_gain": r2(new_X @ w, new_y) - r2(new_X @ shortest, new_y),
    }
    return path, w, {f"{name}_{key}": value for key, value in metrics.items()}


def penalize(data: dict, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, float]]:
    """Ridge in closed form and lasso by our optimizer: both paths, the best lasso, and what they show."""
    X, y = data["train"]
    rate = 0.5 / np.linalg.norm(X.T @ X / len(y), 2)  # 1 / L
    l2 = (lambda l2: ridge(X, y, l2)), (lambda l2: Ridge(alpha=l2 * len(y), fit_intercept=False))
    l1 = (
        lambda l1: descend(ProximalGradient(rate, l1), X, y, steps),
        lambda l1: Lasso(alpha=l1 / 2, fit_intercept=False, tol=1e-10, max_iter=10**6),
    )
    ridges, _, metrics = study("ridge", 2, RIDGE_PENALTIES, l2, project_l2_ball, data, steps)
    lassos, lasso, others = study("lasso", 1, LASSO_PENALTIES, l1, project_l1_ball, data, steps)
    return ridges, lassos, lasso, metrics | others


def units_matter(X: np.ndarray, y: np.ndarray, l2: float) -> dict[str, float]:
    """How far fitted values move with the units of one column, relative to their spread."""
    ways = {
        "least_squares": lambda A: least_squares.fit(A, y).fitted_values,
        "ridge": lambda A: A @ ridge(A, y, l2),
        "standardized_ridge": lambda A: A @ (ridge(A / A.std(axis=0), y, l2) / A.std(axis=0)),
    }
    other_units = X / np.where(np.arange(X.shape[1]) == 2, 1e3, 1.0)
    pairs = {name: (fitted_values(X), fitted_values(other_units)) for name, fitted_values in ways.items()}
    return {
        f"{name}_change_with_units": np.abs(one - other).max() / one.std()
        for name, (one, other) in pairs.items()
    }


def jitter(inputs: tf.Tensor) -> tf.Tensor:
    return tf.reshape(image_sets.random_affine(tf.reshape(inputs, [-1, 8, 8, 1])), inputs.shape)


def other_ways(config: Config, seed: int) -> dict[str, np.ndarray]:
    """Validation losses `(draws,)` in nats of one network, trained plainly and in five other ways."""
    n, digits = config.examples, image_sets.load_digits(seed)
    sizes = {"train": n, "more": 3 * n, "stopping": n // 2}
    sets = image_sets.draw_samples(digits, sizes, draws=config.draws, seed=seed, mislabeled=config.mislabeled)
    (pixels, labels), (new_pixels, new_labels) = sets["train"], sets["validation"]
    more = tuple(np.concatenate(pair, axis=1) for pair in zip(sets["train"], sets["more"], strict=True))
    center = pixels.mean(axis=1, keepdims=True)
    axes = np.linalg.svd(pixels - center, full_matrices=False)[2][:, : config.dimensions].swapaxes(1, 2)
    cross_entropy = functools.partial(keras.losses.sparse_categorical_crossentropy, from_logits=True)

    def loss_after(
        train: tuple = (pixels, labels),
        new_pixels: np.ndarray = new_pixels,
        make_dropout: Callable[[], keras.Layer] | None = None,
        **settings: Any,
    ) -> np.ndarray:
        features = train[0].shape[2]
        networks = networks_side_by_side(config.draws, features, config.hidden_units, 10, 1, make_dropout)
        settings |= {"steps": config.network_steps, "loss": cross_entropy}
        fit_side_by_side(networks, Adam(1e-2), train, **settings)
        return np.mean(cross_entropy(new_labels, networks(new_pixels)), axis=1)

    return {
        "plain": loss_after(),
        "fewer dimensions": loss_after(((pixels - center) @ axes, labels), (new_pixels - center) @ axes),
        "augmentation": loss_after(augment=jitter),
        "dropout": loss_after(make_dropout=lambda: keras.layers.Dropout(config.dropout)),
        "early stopping": loss_after(held_out=sets["stopping"]),
        "more data": loss_after(more),
    }


def build_model(standardize: list[tuple], weights: np.ndarray, bias: float) -> keras.Model:
    """Raw measurements in, progression of the disease out."""
    inputs = keras.Input((10,), name="measurements")
    (mean, scale), (column_mean, column_scale) = (np.array(pair, np.float32) for pair in standardize)
    columns = (expand((inputs - mean) / scale) - column_mean) / column_scale
    dense = keras.layers.Dense(1, name="progression")
    model = keras.Model(inputs, dense(columns), name="lasso")
    dense.set_weights([weights[:, None], np.array([bias])])
    return model


def run(config: Config, context: Context) -> Result:
    patients = tabular.load_diabetes(raw=True)
    splits = dict(zip(SPLITS, split_rows(len(patients.targets), context.seed), strict=True))
    train, test = splits["train"], splits["test"]
    scaling, X, y = [], patients.features, patients.targets - patients.targets[train].mean()
    for transform in (np.asarray, expand):
        X = np.asarray(transform(X))
        scaling.append((X[train].mean(axis=0), X[train].std(axis=0)))
        X = (X - scaling[-1][0]) / scaling[-1][1]

    data = {part: (X[rows], y[rows]) for part, rows in splits.items()}
    ridges, lassos, lasso, metrics = penalize(data, config.steps)
    centered = patients.features[train] - scaling[0][0]
    metrics |= units_matter(centered, y[train], metrics["ridge_penalty"])
    losses = other_ways(config, context.seed)
    for name, values in losses.items():
        metrics[f"{name.replace(' ', '_')}_loss_over_plain"] = values.mean() / losses["plain"].mean()

    raw = patients.features.astype(np.float32)
    model = build_model(scaling, lasso, patients.targets[train].mean())
    metrics["test_r2"] = r2(model(raw[test]), patients.targets[test])
    metric = Metric("test_r2", lambda outputs, targets: r2(outputs["progression"], targets))
    return Result(
        metrics=metrics,
        figures={
            "paths": draw(ridges, lassos),
            "other_ways": plots.draws(losses, xlabel="nats", title="Validation loss, a point a draw"),
        },
        exports=[Export(model, raw[test], raw[train], patients.targets[test], metric, task=Task.REGRESSOR)],
        data={"source": "diabetes", **{part: len(rows) for part, rows in splits.items()}},
    )


def draw(ridges: np.ndarray, lassos: np.ndarray) -> Figure:
    figure, (left, middle, right) = plots.new_figure(width=14, columns=3)
    plots.curves(left, {"": (RIDGE_PENALTIES, ridges)}, title="Ridge", xscale="log", xlabel="penalty")
    plots.curves(middle, {"": (LASSO_PENALTIES, lassos)}, title="Lasso", xscale="log", xlabel="penalty")
    left.set(ylabel="coefficients")
    constraints = {
        "ridge: sum of squares": (RIDGE_PENALTIES, np.sum(ridges**2, axis=1), "o-"),
        "lasso: sum of sizes": (LASSO_PENALTIES, np.abs(lassos).sum(axis=1), "o-"),
    }
    plots.curves(right, constraints, title="To each penalty its constraint", xscale="log", yscale="log")
    right.set(xlabel="penalty", ylabel="constraint C")
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
