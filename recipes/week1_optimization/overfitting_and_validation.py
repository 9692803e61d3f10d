"""Overfit with polynomials and networks, see it in the validation error, and choose by cross-validation.

Week 1, "Overfitting problem and model validation".
Claim: with its degree the training error of a polynomial never rises (by more than 1e-9), while its
       validation error at the highest degree is at least 20 times that at the best, and its weights at least
       3 times as long; 10-fold cross-validation, which sees the training points alone, picks a degree with at
       most 1.3 times the best one's validation error (medians over 100 draws); with 20 points the validation
       error of degree 9 is at least 3 times its training error, with 1,000 at most 1.1 times, while that of
       degree 1 stays at at least 3 times the noise; with 50 examples of low signal-to-noise a network stopped
       early has at least 1.2 times the error of a linear model, which wins at least 0.65 of the paired draws
       of 20 and of 50; with 500 clean ones it has at most 0.3 times that error; test R-squared at least 0.75.
Cost:  20 s on 2 CPU cores.
Run:   suite run overfitting_and_validation
"""

import dataclasses
from typing import TypeAlias

import keras
import numpy as np
from matplotlib.figure import Figure

from suite.evaluation import plots
from suite.evaluation.metrics import Metric, r2
from suite.linear.polynomials import legendre
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Export, Result, Task
from suite.training.side_by_side import fit_side_by_side, networks_side_by_side


@dataclasses.dataclass(frozen=True)
class Config:
    draws: int = 100  # of every training set
    points: int = 30  # to fit the polynomials to
    degrees: int = 15  # the highest
    folds: int = 10
    hidden_units: int = 32
    steps: int = 300  # of the networks, which stop at their best


SMOKE = Config(draws=3, steps=10)

NOISE = 2.0  # standard deviation of the temperature around its daily course, in degrees
SIZES = (20, 50, 100, 200, 500, 1000)
CASES = {"20": (20, 0.5), "50": (50, 0.5), "500": (500, 10)}  # examples, signal-to-noise ratio

CLAIMS = (
    Claim("training_error_rise", at_most=1e-9),
    Claim("highest_degree_error_over_best", at_least=20),
    Claim("highest_degree_weights_over_best", at_least=3),
    Claim("cross_validated_error_over_best", at_most=1.3),
    Claim("few_points_validation_over_training", at_least=3),
    Claim("many_points_validation_over_training", at_most=1.1),
    Claim("many_points_line_error_over_noise", at_least=3),
    Claim("network_error_over_linear_50", at_least=1.2),
    Claim("linear_wins", at_least=0.65),
    Claim("network_error_over_linear_500", at_most=0.3),
    Claim("test_r2", at_least=0.75),
)


def observe(points: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Temperatures at random hours of the day."""
    hours = rng.uniform(0, 24, points)
    course = 12 + 6 * np.sin(2 * np.pi * (hours - 9) / 24) + 2 * np.sin(4 * np.pi * (hours - 3) / 24)
    return hours, course + NOISE * rng.normal(size=points)


Column: TypeAlias = np.ndarray | keras.KerasTensor  # of data, or of a Keras model


def polynomials(hours: Column, degree: int) -> list:
    return legendre(hours / 12 - 1, degree)  # the day is [-1, 1]


def fit(X: np.ndarray, y: np.ndarray, degree: int) -> np.ndarray:
    return np.linalg.lstsq(X[:, : degree + 1], y)[0]


def error(weights: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
    return np.mean((X[:, : len(weights)] @ weights - y) ** 2)


def cross_validate(X: np.ndarray, y: np.ndarray, folds: int) -> np.ndarray:
    """Mean squared error by degree on the fold left out of the fit, over all folds; the rows are random."""
    fold = np.arange(len(y)) % folds
    by_fold = []
    for k in range(folds):
        train, left_out = ((X[rows], y[rows]) for rows in (fold != k, fold == k))
        by_fold.append([error(fit(*train, degree), *left_out) for degree in range(X.shape[1])])
    return np.average(by_fold, axis=0, weights=np.bincount(fold))


def errors_by_degree(config: Config, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Training, validation and cross-validated errors and the length of the weights, `(draws, degrees)`."""
    draws = []
    for _ in range(config.draws):
        (hours, y), (new_hours, new_y) = observe(config.points, rng), observe(2000, rng)
        X, new_X = (np.column_stack(polynomials(values, config.degrees)) for values in (hours, new_hours))
        fits = [fit(X, y, degree) for degree in range(config.degrees + 1)]
        training, validation = ([error(w, *data) for w in fits] for data in ((X, y), (new_X, new_y)))
        lengths = [np.linalg.norm(w[1:]) for w in fits]
        draws.append(np.array([training, validation, cross_validate(X, y, config.folds), lengths]))
    names = ("training", "validation", "cross-validated", "weights")
    return dict(zip(names, np.stack(draws, axis=1), strict=True))


def degree_metrics(errors: dict[str, np.ndarray]) -> dict[str, float]:
    draws, validation = np.arange(len(errors["training"])), errors["validation"]
    best, picked = validation.argmin(axis=1), errors["cross-validated"].argmin(axis=1)
    least, weights = validation[draws, best], errors["weights"]
    return {
        "training_error_rise": np.diff(errors["training"]).max(),
        "highest_degree_error_over_best": np.median(validation[:, -1] / least),
        "highest_degree_weights_over_best": np.median(weights[:, -1] / weights[draws, best]),
        "cross_validated_error_over_best": np.median(validation[draws, picked] / least),
    }


def curves(degree: int, config: Config, rng: np.random.Generator) -> np.ndarray:
    """Median training and validation errors by the number of points, `(sizes, 2)`."""
    hours, new_y = observe(5000, rng)
    new_X, medians = np.column_stack(polynomials(hours, degree)), []
    for size in SIZES:
        pairs = []
        for _ in range(config.draws):
            hours, y = observe(size, rng)
            X = np.column_stack(polynomials(hours, degree))
            weights = fit(X, y, degree)
            pairs.append((error(weights, X, y), error(weights, new_X, new_y)))
        medians.append(np.median(pairs, axis=0))
    return np.array(medians)


def network_errors(
    X: np.ndarray, y: np.ndarray, new_X: np.ndarray, signal: np.ndarray, config: Config
) -> np.ndarray:
    """Errors `(draws,)` of networks, a quarter of their examples being held out to stop each at its best."""
    X, y, new_X, signal = (values.astype(np.float32) for values in (X, y, new_X, signal))
    cut = 3 * X.shape[1] // 4
    train, held_out = ((X[:, part], y[:, part, None]) for part in (slice(cut), slice(cut, None)))
    networks = networks_side_by_side(len(X), X.shape[2], config.hidden_units)
    fit_side_by_side(networks, Adam(1e-2), train, held_out, steps=config.steps)
    return np.mean((networks(new_X).numpy()[..., 0] - signal) ** 2, axis=1)


def compare(examples: int, signal_to_noise: float, config: Config, rng: np.random.Generator) -> np.ndarray:
    """Errors `(2, draws)` of a linear model and a network; a fifth of the signal's variance is not linear."""
    slopes = rng.normal(size=(config.draws, 5, 1))
    slopes /= np.linalg.norm(slopes, axis=1, keepdims=True)
    X, new_X = (rng.normal(size=(config.draws, rows, 5)) for rows in (examples, 1000))
    signal, new_signal = (
        (0.8**0.5 * x @ slopes)[..., 0] + 0.1**0.5 * (x[..., 0] * x[..., 1] + (x[..., 2] ** 2 - 1) / 2**0.5)
        for x in (X, new_X)
    )
    y = signal + rng.normal(size=signal.shape) / signal_to_noise**0.5
    ones, new_ones = (np.insert(x, 0, 1, axis=2) for x in (X, new_X))
    rows = zip(ones, y, new_ones, new_signal, strict=True)
    linear = [error(fit(A, b, 5), new_A, new_b) for A, b, new_A, new_b in rows]
    return np.array([linear, network_errors(X, y, new_X, new_signal, config)])


def build_model(weights: np.ndarray) -> keras.Model:
    """The hour of the day in, the temperature out."""
    hour = keras.Input((1,), name="hour")
    columns = keras.layers.Concatenate()(polynomials(hour, len(weights) - 1))
    dense = keras.layers.Dense(1, use_bias=False, name="temperature")
    model = keras.Model(hour, dense(columns), name="polynomial")
    dense.set_weights([weights[:, None]])
    return model


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    errors = errors_by_degree(config, rng)
    learning = {degree: curves(degree, config, rng) for degree in (1, 9)}
    pairs = {name: compare(*case, config, rng) for name, case in CASES.items()}
    metrics = {
        **degree_metrics(errors),
        "few_points_validation_over_training": learning[9][0, 1] / learning[9][0, 0],
        "many_points_validation_over_training": learning[9][-1, 1] / learning[9][-1, 0],
        "many_points_line_error_over_noise": learning[1][-1, 1] / NOISE**2,
        "linear_wins": np.mean([pairs[name][0] < pairs[name][1] for name in ("20", "50")]),
    }
    for name, (linear, network) in pairs.items():
        metrics[f"network_error_over_linear_{name}"] = network.mean() / linear.mean()

    (hours, y), (test_hours, test_y) = observe(200, rng), observe(1000, rng)
    X = np.column_stack(polynomials(hours, config.degrees))
    metrics["degree"] = cross_validate(X, y, config.folds).argmin()
    model = build_model(fit(X, y, int(metrics["degree"])))
    train, test = (values[:, None].astype(np.float32) for values in (hours, test_hours))
    metrics["test_r2"] = r2(model(test), test_y)

    metric = Metric("test_r2", lambda outputs, targets: r2(outputs["temperature"], targets))
    return Result(
        metrics=metrics,
        figures={"validation": draw(errors, learning, pairs)},
        exports=[Export(model, test, train, targets=test_y, metric=metric, task=Task.REGRESSOR)],
        data={"source": "simulated", "train": len(y), "test": len(test_y)},
    )


def draw(
    errors: dict[str, np.ndarray], learning: dict[int, np.ndarray], pairs: dict[str, np.ndarray]
) -> Figure:
    figure, (left, middle, right) = plots.new_figure(width=15, height=4.4, columns=3)
    for name in ("training", "validation", "cross-validated"):
        left.plot(np.median(errors[name], axis=0), marker="o", label=name)
    left.set(title="Median over the draws", xlabel="degree", yscale="log", ylabel="mean squared error")
    for (degree, curve), color in zip(learning.items(), plots.COLORS, strict=False):
        middle.plot(SIZES, curve[:, 0], "--", color=color, label=f"degree {degree}, training")
        middle.plot(SIZES, curve[:, 1], color=color, label=f"degree {degree}, validation")
    middle.axhline(NOISE**2, color=plots.MUTED, linewidth=1, label="noise")
    middle.set(title="Learning curves", xlabel="training points", xscale="log", yscale="log")
    for name, marker in zip(pairs, "os^", strict=True):
        right.plot(*pairs[name], marker, label=f"{name} examples, signal-to-noise {CASES[name][1]:g}")
    right.axline((0.1, 0.1), (1, 1), color=plots.MUTED, linewidth=1)
    right.set(title="A point a draw: above the line the linear model wins", xscale="log", yscale="log")
    right.set(xlabel="error of the linear model", ylabel="error of the network")
    for axes in (left, middle, right):
        axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
