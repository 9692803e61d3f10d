# %% [markdown]
# # Tell learning from learning by heart
#
# A model with enough weights reproduces its training examples, noise included, and is wrong everywhere else.
# Examples that it has not seen show it, help to choose a model, and are used up by choosing.
#
# *Week 1, "Overfitting problem and model validation". Takes 30 s on 2 CPU cores, half of it the exports.
# `suite run overfitting_and_validation`*
#
# ## The best score is not the best model
#
# All recipes so far made a training loss small. That is not what one wants: one wants to be right about
# examples to come. Up to a point both go together. Beyond it the model fits what is particular to its
# training examples, and that is called *overfitting*. Nothing in the training loss shows where the point is.
#
# ## The method
#
# Keep some examples away from the fit, and measure the error there: *validation*. Compare degrees, penalties
# or whole models by it, and take the best. If there are few examples, take turns. *Cross-validation* cuts
# them into k folds, fits k times, each time without one fold, and measures on the fold left out: every
# example serves for both, and never at once.
#
# By hand, with three points (0, 0), (1, 1), (2, 0), each of them a fold, and the mean as a model. Without the
# first the mean is 1/2, and it misses 0 by 1/2; without the second it is 0 and misses 1 by 1; without the
# third 1/2, off by 1/2. The cross-validated squared error is (1/4 + 1 + 1/4) / 3 = 1/2. On its own training
# points the mean, 1/3, has (1/9 + 4/9 + 1/9) / 3 = 2/9, which is too good.
#
# The chosen model's validation error is a little too good as well, since it was chosen for it. So a third
# part, the *test* set, is looked at once, at the end.

# %%
import dataclasses
from typing import Annotated, Any

import keras
import numpy as np
from matplotlib.figure import Figure

from suite.data.sets import tabular
from suite.evaluation import plots
from suite.evaluation.metrics import r2
from suite.linear.penalized import ridge
from suite.linear.polynomials import legendre
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, regressor_export
from suite.training.side_by_side import fit_side_by_side, networks_side_by_side


def fit(X: np.ndarray, y: np.ndarray, degree: int) -> np.ndarray:
    """Least squares on the columns of degree 0 to this one."""
    return np.linalg.lstsq(X[:, : degree + 1], y)[0]


def error(weights: np.ndarray, X: np.ndarray, y: np.ndarray) -> float:
    """Mean squared error."""
    return float(np.mean((X[:, : len(weights)] @ weights - y) ** 2))


def cross_validate(X: np.ndarray, y: np.ndarray, folds: int) -> np.ndarray:
    """Error by degree on the fold left out of the fit, over all folds; the rows come in a random order.

    >>> X, y = np.array([[1.0], [1.0], [1.0]]), np.array([0.0, 1.0, 0.0])
    >>> cross_validate(X, y, folds=3).round(3).tolist()
    [0.5]
    """
    fold, by_fold = np.arange(len(y)) % folds, []
    for k in range(folds):
        kept, left_out = fold != k, fold == k
        fits = [fit(X[kept], y[kept], degree) for degree in range(X.shape[1])]
        by_fold.append([error(weights, X[left_out], y[left_out]) for weights in fits])
    return np.average(by_fold, axis=0, weights=np.bincount(fold))


# %% [markdown]
# ## Data: a day's temperatures
#
# A thermometer, read at random hours with an error of two degrees. The course of a day is a sum of two waves,
# which no polynomial is, so the degree is truly a matter of choice. The columns are Legendre's polynomials,
# which span the same curves as powers of the hour, without their condition number. A new sample for each of a
# hundred draws, and 2,000 fresh readings to validate on.


# %%
NOISE, SIZES = 2.0, (20, 50, 100, 200, 500, 1000)


def observe(points: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    hours = rng.uniform(0, 24, points)
    course = 12 + 6 * np.sin(2 * np.pi * (hours - 9) / 24) + 2 * np.sin(4 * np.pi * (hours - 3) / 24)
    return hours, course + NOISE * rng.normal(size=points)


def columns(hours: Any, degree: int) -> list:  # of data, or of a Keras model
    return legendre(hours / 12 - 1, degree)  # the day is [-1, 1]


def errors_by_degree(config: "Config", rng: np.random.Generator) -> np.ndarray:
    """Training, validation and cross-validated errors, and the weights' length: `(4, draws, degrees + 1)`."""
    draws = []
    for _ in range(config.draws):
        (hours, y), (new_hours, new_y) = observe(config.points, rng), observe(2000, rng)
        X, new_X = (np.column_stack(columns(values, config.degrees)) for values in (hours, new_hours))
        fits = [fit(X, y, degree) for degree in range(config.degrees + 1)]
        training, validation = ([error(w, *data) for w in fits] for data in ((X, y), (new_X, new_y)))
        lengths = [np.linalg.norm(w[1:]) for w in fits]
        draws.append([training, validation, cross_validate(X, y, config.folds), lengths])
    return np.array(draws).swapaxes(0, 1)


def learning_curves(degree: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Median training and validation errors by the number of points, `(2, sizes)`."""
    hours, new_y = observe(20_000, rng)
    new_X, medians = np.column_stack(columns(hours, degree)), []
    for size in SIZES:
        samples = [observe(size, rng) for _ in range(draws)]
        pairs = [(np.column_stack(columns(hours, degree)), y) for hours, y in samples]
        fits = [fit(X, y, degree) for X, y in pairs]
        errors = [(error(w, *pair), error(w, new_X, new_y)) for w, pair in zip(fits, pairs, strict=True)]
        medians.append(np.median(errors, axis=0))
    return np.transpose(medians)


# %% [markdown]
# ## When a line beats a network
#
# The notes say that linear models can outperform nonlinear ones where there are few examples, much noise or
# sparse data. Such a sentence is easily "shown" by giving the network a bad deal, so both get the same one: a
# quarter of the examples is held out, one of ten strengths of a penalty (ridge here, weight decay there) is
# chosen on it, and both are fitted again to *all* examples. Beside them stand the same network without decay,
# and the mean of the training examples.
#
# Three cases: *few* is 40 of the diabetes patients of [linear_regression](linear_regression.md), judged on
# 120 others; *sparse* is 200 texts with 60 rare words, each in one of twenty, whose effects add up, with as
# much noise as signal; *many* is 300 examples of a curved surface with little noise.


# %%
PENALTIES, DECAYS = np.geomspace(0.01, 10, 10), np.geomspace(0.3, 20, 10, dtype=np.float32)


def few_patients(draws: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    table, samples = tabular.load_diabetes(raw=True), []
    for _ in range(draws):
        rows = rng.permutation(len(table.targets))
        few, others = rows[:40], rows[-120:]
        X, y = ((a - a[few].mean(axis=0)) / a[few].std(axis=0) for a in (table.features, table.targets))
        samples.append((X[few], y[few], X[others], y[others]))
    return tuple(np.stack(each) for each in zip(*samples, strict=True))


def simulated(is_sparse: bool, draws: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    rows, features = (200, 60) if is_sparse else (300, 5)
    X = rng.normal(size=(draws, rows + 500, features))
    X = (X > 1.645).astype(float) if is_sparse else X  # one in twenty
    signal = (X @ rng.normal(size=(draws, features, 1)))[..., 0]
    if not is_sparse:
        signal += X[..., 0] * X[..., 1] + X[..., 2] ** 2
    signal = (signal - signal.mean(axis=1, keepdims=True)) / signal.std(axis=1, keepdims=True)
    y = signal + rng.normal(size=signal.shape) * (1.0 if is_sparse else 0.3)
    return X[:, :rows], y[:, :rows], X[:, rows:], signal[:, rows:]


def linear(X: np.ndarray, y: np.ndarray, new_X: np.ndarray, penalty: float) -> np.ndarray:
    center, mean = X.mean(axis=0), y.mean()
    return (new_X - center) @ ridge(X - center, y - mean, penalty) + mean


def network(X: np.ndarray, y: np.ndarray, new_X: np.ndarray, decays: np.ndarray, steps: int) -> np.ndarray:
    """Predictions `(draws, n)`, a network and a decay a draw."""
    X, y, new_X = (each.astype(np.float32) for each in (X, y, new_X))
    networks = networks_side_by_side(len(X), X.shape[2], hidden_units=32)
    optimizer = Adam(1e-2, weight_decay=decays[:, None, None])
    fit_side_by_side(networks, optimizer, (X, y[..., None]), steps=steps)
    return networks(new_X).numpy()[..., 0]


def compare(sample: tuple[np.ndarray, ...], steps: int) -> np.ndarray:
    """Errors `(4, draws)` of linear model, network, network without decay, and mean."""
    X, y, new_X, new_y = sample
    cut, found = 3 * X.shape[1] // 4, []
    for A, b, new_A in zip(X, y, new_X, strict=True):
        tried = [linear(A[:cut], b[:cut], A[cut:], penalty) for penalty in PENALTIES]
        held_out = np.mean((np.array(tried) - b[cut:]) ** 2, axis=1)
        found.append(linear(A, b, new_A, PENALTIES[held_out.argmin()]))
    each = np.repeat(np.arange(len(X)), len(DECAYS))  # a network a draw and decay
    guesses = network(X[each, :cut], y[each, :cut], X[each, cut:], np.tile(DECAYS, len(X)), steps)
    held_out = np.mean((guesses - y[each, cut:]) ** 2, axis=1).reshape(len(X), -1)
    best = DECAYS[held_out.argmin(axis=1)]
    decayed, plain = (network(X, y, new_X, decays, steps) for decays in (best, 0 * best))
    means = np.broadcast_to(y.mean(axis=1)[:, None], decayed.shape)
    return np.mean((np.array([found, decayed, plain, means]) - new_y) ** 2, axis=2)


def build_model(weights: np.ndarray) -> keras.Model:
    """The hour of the day in, the temperature out."""
    hour = keras.Input((1,), name="hour")
    dense = keras.layers.Dense(1, use_bias=False, name="temperature")
    model = keras.Model(hour, dense(keras.layers.Concatenate()(columns(hour, len(weights) - 1))))
    dense.set_weights([weights[:, None]])
    return model


# %% The figures
LOG = {"xscale": "log", "yscale": "log"}


def draw_degrees(errors: np.ndarray, curves: dict[int, np.ndarray]) -> Figure:
    figure, (left, right) = plots.new_figure(width=11, columns=2)
    names, medians = ("training", "validation", "cross-validated"), np.median(errors[:3], axis=1)
    found = {name: (range(len(each)), each, "o-") for name, each in zip(names, medians, strict=True)}
    plots.curves(left, found, title="Error by degree", xlabel="degree", yscale="log")
    lines: dict[str, tuple] = {}
    for degree, (training, validation) in curves.items():
        lines[f"degree {degree}, training"] = SIZES, training, "o--"
        lines[f"degree {degree}, validation"] = SIZES, validation, "o-"
    plots.curves(right, lines, title="Error by points", xlabel="training points", **LOG)
    right.axhline(NOISE**2, color=plots.MUTED, linewidth=1)
    return figure


def draw_pairs(found: dict[str, np.ndarray]) -> Figure:
    figure, axes = plots.new_figure(width=6, height=5)
    lines = {name: (*each[:2], marker) for (name, each), marker in zip(found.items(), "os^", strict=True)}
    plots.curves(axes, lines, title="A point a draw: above the line the linear model wins", **LOG)
    axes.set(xlabel="error of the linear model", ylabel="error of the network")
    axes.axline((0.1, 0.1), (1, 1), color=plots.MUTED, linewidth=1)
    return figure


# %% [markdown]
# ## Run it
#
# The exported model is the polynomial that cross-validation chose from 200 readings; a thousand others test
# it, once.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    draws: Annotated[int, "training sets of the polynomials"] = 100
    points: Annotated[int, "readings in each"] = 30
    degrees: Annotated[int, "the highest"] = 15
    folds: Annotated[int, "of cross-validation"] = 10
    comparisons: Annotated[int, "training sets of linear models and networks"] = 50
    steps: Annotated[int, "of the networks, each on all examples"] = 300


SMOKE = Config(draws=3, comparisons=10, steps=10)


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    errors = errors_by_degree(config, rng)
    training, validation, crossed, lengths = errors
    each, best = np.arange(config.draws), validation.argmin(axis=1)
    least = validation[each, best]
    curves = {degree: learning_curves(degree, config.draws, rng) for degree in (1, 9)}
    samples = {
        "few": few_patients(2 * config.comparisons, rng),
        "sparse": simulated(True, (config.comparisons + 1) // 2, rng),
        "many": simulated(False, (config.comparisons + 4) // 5, rng),
    }
    found = {name: compare(sample, config.steps) for name, sample in samples.items()}

    (hours, y), (test_hours, test_y) = observe(200, rng), observe(1000, rng)
    X = np.column_stack(columns(hours, config.degrees))
    model = build_model(fit(X, y, int(cross_validate(X, y, config.folds).argmin())))
    train, test = (values[:, None].astype(np.float32) for values in (hours, test_hours))
    metrics = {
        "highest_degree_training_over_best": np.median(training[:, -1] / training[each, best]),
        "highest_degree_error_over_best": np.median(validation[:, -1] / least),
        "lowest_degree_error_over_best": np.median(validation[:, 0] / least),
        "highest_degree_weights_over_best": np.median(lengths[:, -1] / lengths[each, best]),
        "picked_by_cross_validation_over_best": np.median(validation[each, crossed.argmin(axis=1)] / least),
        "few_points_validation_over_training": curves[9][1, 0] / curves[9][0, 0],
        "many_points_validation_over_training": curves[9][1, -1] / curves[9][0, -1],
        "many_points_line_error_over_noise": curves[1][1, -1] / NOISE**2,
        "test_r2": r2(model(test), test_y),
    }
    for name, (ours, *others) in found.items():
        for other, each in zip(("network", "plain_network", "mean"), others, strict=True):
            metrics[f"{name}_{other}_over_linear"] = each.mean() / ours.mean()
    return Result(
        metrics=metrics,
        figures={"degrees": draw_degrees(errors, curves), "pairs": draw_pairs(found)},
        exports=[regressor_export(model, test, test_y, train)],
        data={"source": "simulated, and diabetes", "train": len(y), "test": len(test_y)},
    )


# %% [markdown]
# ## What was measured
#
# ![Error by degree, and error by points at two degrees](figures/degrees.png)
#
# A constant is wrong everywhere, a line nearly so. To degree 3 training and validation error fall together.
# From there on the training error goes on falling, as it must, since each degree contains the one before. The
# validation error stands still for a while and then climbs by orders of magnitude: thirty points leave room
# between them for a curve of degree 15 to swing. *Its weights are large*, because only large ones that nearly
# cancel can swing so, and that is where [regularization](regularization.md) will take hold. Cross-validation
# has seen the thirty points alone, and its minimum is in the right place.
#
# The notes say that "the data memorizes the training set"; it is the model that does.
#
# On the right: the surest cure is more data. With twenty points degree 9 overfits, with 1,000
# it is at the noise, the gray line. A line has nothing to overfit with: its two errors meet soon, at a value
# far above the noise. *Two errors that have met ask for a larger model, two far apart for more data.*
#
# ![The linear model's error and the network's, a point a draw, in three cases](figures/pairs.png)
#
# Most of the circles and squares are above the line: with forty patients, or with texts of rare words and as
# much noise as signal, the linear model is ahead, and both are ahead of the mean, without which the
# comparison would say nothing. By how much is another matter. On the patients it is about a tenth, and not in
# every draw: strong decay makes a network nearly linear, and it was free to choose some. *Without* decay the
# same network has about twice the linear model's error there, more than the mean. Whoever compares a tuned
# line with such a network shows what a penalty is worth. The triangles are far below the line: with many
# examples and little noise a line misses what is curved.

# %%
CLAIMS = (
    Claim(
        "highest_degree_training_over_best",
        at_most=0.8,
        says="The highest degree fits its training points better than the best degree does,",
        lecture="performs well on the training set",
    ),
    Claim(
        "highest_degree_error_over_best",
        at_least=20,
        says="and is wrong about new ones, by far;",
        lecture="fails to perform on a test set",
    ),
    Claim("lowest_degree_error_over_best", at_least=3, says="a constant is wrong about both."),
    Claim(
        "highest_degree_weights_over_best",
        at_least=3,
        says="The overfitted model has the larger weights.",
        lecture="Usually overfitted models have large weights",
    ),
    Claim(
        "picked_by_cross_validation_over_best",
        at_most=1.3,
        says="Cross-validation, which sees the training points alone, picks a degree near the best.",
    ),
    Claim(
        "few_points_validation_over_training",
        at_least=3,
        says="With 20 points degree 9 overfits,",
    ),
    Claim("many_points_validation_over_training", at_most=1.1, says="with 1,000 it does not,"),
    Claim(
        "many_points_line_error_over_noise",
        at_least=3,
        says="and no number of points makes a line fit a day.",
    ),
    Claim(
        "few_network_over_linear",
        at_least=1.02,
        says="With 40 patients a linear model predicts better than a network tuned in the same way,",
        lecture="with small numbers of training cases",
    ),
    Claim("few_plain_network_over_linear", at_least=1.5, says="far better than one without a penalty,"),
    Claim("few_mean_over_linear", at_least=1.4, says="and better than the mean;"),
    Claim(
        "sparse_network_over_linear",
        at_least=1.1,
        says="so it does on texts of rare words with much noise,",
        lecture="low signal-to-noise ratio or sparse data",
    ),
    Claim("sparse_mean_over_linear", at_least=2.5, says="where it beats the mean, too;"),
    Claim(
        "many_network_over_linear",
        at_most=0.25,
        says="with many clean examples of a curved surface the network is far ahead.",
    ),
    Claim("test_r2", at_least=0.75, says="The degree that cross-validation picks predicts new readings."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run overfitting_and_validation --points 100`: which claims fall, and which still hold?
#
# <details><summary>Answer</summary>
#
# All that speak of the highest degree: its error, its training error and its weights. With a hundred points
# for sixteen weights there is hardly anything left to overfit with, and degree 15 is a little worse than the
# best, no more. A constant is as wrong as before: no number of points helps a model that is too small.
#
# </details>
#
# **2.** `suite run overfitting_and_validation --folds 2`: each fit has half of the points. Does
# cross-validation pick worse degrees?
#
# <details><summary>Answer</summary>
#
# No: the claim is kept, by as much as with ten folds. Fifteen points overfit more than thirty, so all errors
# come out too large, and those of the high degrees most; but only the place of the smallest one counts, and
# that hardly moves. It would where the best model needs nearly all of the points.
#
# </details>
#
# **3.** On paper: five points, each of them a fold, and a model that answers with the nearest point's value.
# What is its training error? What does cross-validation measure?
#
# <details><summary>Answer</summary>
#
# The training error is 0, on any data: the nearest training point of a training point is itself. With the
# point left out it is answered with its neighbor's value, and the error is the mean squared difference of
# neighbors, which is what new points will meet. A training error says nothing of a model that learns by
# heart.
#
# </details>
#
# ## To take away
#
# - A low training error is what any large enough model has. Judge by examples that had no part in the fit.
# - Training error low, validation error high: overfitted; more data, or less freedom. Both high: the model is
#   too small. Both low: keep it.
# - Few examples: take turns, with cross-validation. What was chosen by a number is not to be praised with it:
#   keep a test set.
# - Compare with the mean and with a line first. Where examples are few and noisy, the line may stay.
#
# *Before: [gradient_descent](gradient_descent.md). Next: [regularization](regularization.md), which makes the
# large weights of an overfitted model cost something.*
