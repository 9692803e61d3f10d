# %% [markdown]
# # Keep a model from overfitting by a price on its weights
#
# A penalty on the size of the weights makes a model fit its examples less and new ones better. Ridge, lasso
# and five other ways are each held against the model without them.
#
# *Week 1, "Model regularization", "Ridge Regression", "Lasso Regression". Takes 40 s on 2 CPU cores, half of
# it the exports. `suite run regularization [--data houses.csv --target price]`*
#
# ## Why a worse fit can be the better model
#
# [overfitting_and_validation](overfitting_and_validation.md) chose among models of different sizes. Often
# there is nothing to choose: sixty columns are there, all of them may matter a little, and three hundred
# patients have to do. A model that may use all of them but *pays for each unit of weight* uses what is worth
# its price. Every network of this course is trained with one price or another.
#
# ## The method
#
# Add a penalty R to the loss, with a strength that one chooses on validation data:
#
#     mean squared error  +  strength * R(w)          ridge:  R = sum of w^2        lasso:  R = sum of |w|
#
# **Ridge** keeps a closed form: the strength is added to the diagonal of `X'X / n`, which also makes every
# system solvable. **Lasso** has none, and plain descent does not do: the slope of `|w|` is -1 or 1 however
# near to 0 the weight is, so a step overshoots, and weights flutter about 0. (The notes say that the slope
# "is zero"; it has none at 0, and there the solutions lie.) So one takes the two parts one after the other: a
# step along the loss, then the exact solution of the penalty's part, which is to *shrink*: each weight loses
# `rate * strength` of its size, and what has less than that becomes exactly 0.
#
# By hand: one weight, two examples (1, 2) and (2, 4). Then `X'X / n = 2.5` and `X'y / n = 5`, and least
# squares gives `5 / 2.5 = 2`. Ridge at strength 2.5 gives `5 / (2.5 + 2.5) = 1`. Lasso at strength 5: from 0,
# a step at the rate 1/5 leads to 2, shrinking takes `5 / 5 = 1` of it, and 1 is where it stays. At strength
# 10 shrinking takes all of it: 0. Ridge would never get there.

# %%
import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated, Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from sklearn import linear_model

from suite.data.sets import image_sets, tabular
from suite.data.splits import SPLITS, split_rows
from suite.evaluation import plots
from suite.evaluation.metrics import r2
from suite.linear import penalized
from suite.optimizers import Adam, ProximalGradient
from suite.runs import own_table
from suite.runs.recipe import Claim, Context, Result, about, regressor_export
from suite.training.side_by_side import fit_side_by_side, networks_side_by_side


def ridge(X: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Minimizes mean((X w - y)^2) + penalty * sum(w^2).

    >>> X, y = np.array([[1.0], [2.0]]), np.array([2.0, 4.0])
    >>> ridge(X, y, 0).tolist(), ridge(X, y, 2.5).tolist()
    ([2.0], [1.0])
    """
    return np.linalg.solve(X.T @ X / len(y) + penalty * np.eye(X.shape[1]), X.T @ y / len(y))


def shrink(w: np.ndarray, by: float) -> np.ndarray:
    return np.sign(w) * np.maximum(np.abs(w) - by, 0)


def descend(
    X: np.ndarray, y: np.ndarray, steps: int, slope: Callable = lambda w: 0, after: Callable = lambda w, _: w
) -> np.ndarray:
    """Steps along the slopes of mean squared error and penalty, from 0; after(w, rate) ends each of them."""
    H, b, w = 2 * X.T @ X / len(y), 2 * X.T @ y / len(y), np.zeros(X.shape[1])
    rate = 1 / np.linalg.eigvalsh(H)[-1]
    for _ in range(steps):
        w = after(w - rate * (H @ w - b + slope(w)), rate)
    return w


def lasso(X: np.ndarray, y: np.ndarray, penalty: float, steps: int) -> np.ndarray:
    """Minimizes mean((X w - y)^2) + penalty * sum(|w|).

    >>> X, y = np.array([[1.0], [2.0]]), np.array([2.0, 4.0])
    >>> lasso(X, y, 5, steps=100).tolist(), lasso(X, y, 10, steps=100).tolist()
    ([1.0], [0.0])
    """
    return descend(X, y, steps, after=lambda w, rate: shrink(w, rate * penalty))


# %% [markdown]
# ## Data: sixty-four columns
#
# Ten measurements of the diabetes patients, their squares and their products, standardized; of 442 patients
# 309 are there to fit, 66 to choose the strength, 67 to test. Strengths are tried from almost nothing to so
# much that little is left of the weights. Sixty-seven patients are few to tell by whether a penalty pays, so
# what ridge loses on those it was fitted to, and wins on others, is the mean over thirty splits.


# %%
RIDGE_PENALTIES, LASSO_PENALTIES = np.geomspace(0.01, 10, 10), np.geomspace(1, 30, 10)
LEFT, RIGHT = (np.delete(each, 10) for each in np.triu_indices(10))  # sex has two values: no square


def expand(measurements: Any, ops: Any = np) -> Any:
    """Ten measurements, their squares and their products: `(n, 64)`, by NumPy or by keras.ops."""
    left, right = (ops.take(measurements, each, axis=1) for each in (LEFT, RIGHT))
    return ops.concatenate([measurements, left * right], axis=1)


def split(patients: tabular.Table, seed: int) -> tuple[dict, list, dict, dict]:
    """Rows by part; means and deviations of measurements and of columns; columns and targets by part."""
    rows = dict(zip(SPLITS, split_rows(len(patients.targets), seed), strict=True))
    scaling, columns, train = [], patients.features, rows["train"]
    for transform in (np.asarray, expand):
        columns = transform(columns)
        scaling.append((columns[train].mean(axis=0), columns[train].std(axis=0)))
        columns = (columns - scaling[-1][0]) / scaling[-1][1]
    centered = patients.targets - patients.targets[train].mean()
    X, y = ({part: array[each] for part, each in rows.items()} for array in (columns, centered))
    return rows, scaling, X, y


def best(path: np.ndarray, X: dict, y: dict) -> int:
    """Which of the weights in the rows has the least error on the validation patients."""
    return int(np.argmin(np.mean((path @ X["validation"].T - y["validation"]) ** 2, axis=1)))


def r2_gained(patients: tabular.Table, part: str, seeds: range) -> float:
    """R-squared of the best ridge less that of least squares, the mean over splits."""
    gains = []
    for _, _, X, y in (split(patients, seed) for seed in seeds):
        path = np.array([ridge(X["train"], y["train"], each) for each in (*RIDGE_PENALTIES, 0)])
        gains.append(r2(X[part] @ path[best(path[:-1], X, y)], y[part]) - r2(X[part] @ path[-1], y[part]))
    return float(np.mean(gains))


# %% [markdown]
# ## A penalty is a constraint
#
# Instead of a price one may set a limit: the least error among the weights with `R(w) <= C`. The notes say
# that both are the same problem, each strength with its C. We try it: take R of the penalized solution as C,
# minimize within that ball without any penalty, by descent that is brought back to the ball after each step,
# and see whether the same weights come out. And back: on the border of the ball, the slope of the error is
# `strength` times that of R, which gives the strength from the constrained solution alone.
#
# (R is the *square* of the length for ridge; the notes write it as the length. And a limit beyond the
# least-squares solution changes nothing: there are more limits than strengths.)


# %%
def within(X: np.ndarray, y: np.ndarray, w: np.ndarray, order: int, penalty: float, steps: int) -> float:
    """How far the constrained problem is from w and its penalty, relative."""
    project = {1: penalized.project_l1_ball, 2: penalized.project_l2_ball}[order]
    radius = float(np.linalg.norm(w, order))
    found = descend(X, y, steps, after=lambda w, rate: project(w, radius))
    slope = 2 * X.T @ (X @ found - y) / len(y)
    multiplier = -(slope @ found) / (order * np.sum(np.abs(found) ** order))
    return max(gap(found, w), abs(multiplier / penalty - 1))


def gap(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference, relative to the largest weight."""
    return np.abs(one - other).max() / np.abs(other).max()


# %% [markdown]
# ## Units
#
# Measure a column in units a thousand times as large, and for the same answers its weight has to be a
# thousand times as large, at a million times the price. So ridge on columns as they come depends on the
# units; least squares, which pays nothing, does not. We do it to the body mass index and see how far the
# fitted values move. On standardized columns, which all our others are, units have dropped out.


# %%
def change_with_units(X: np.ndarray, fitted: Callable[[np.ndarray], np.ndarray]) -> float:
    """Of fitted values, with a column in units a thousand times as large, relative to their spread."""
    before, after = fitted(X), fitted(X * np.where(np.arange(X.shape[1]) == 2, 1e-3, 1))
    return np.abs(after - before).max() / before.std()


# %% [markdown]
# ## Five other ways
#
# The notes name five more: fewer dimensions, augmented data, dropout, early stopping, and more data. A small
# network learns digits from 150 images of which a tenth has a wrong label, which is what one gets from people
# in a hurry. It has every chance to learn these by heart. Each way changes one thing. "More data" is four
# times as much, with the same share of wrong labels; early stopping has to give up 50 of the 150 images to
# see when to stop. Twenty draws, judged on validation digits whose labels are
# right.


# %%
def jitter(inputs: tf.Tensor) -> tf.Tensor:
    """Turns, zooms and shifts each image a little."""
    return tf.reshape(image_sets.random_affine(tf.reshape(inputs, [-1, 8, 8, 1])), inputs.shape)


def other_ways(config: "Config", seed: int) -> dict[str, np.ndarray]:
    """Validation losses `(draws,)` in nats of one network, trained plainly and in five other ways."""
    n, digits = config.examples // 3, image_sets.load_digits(seed)
    sizes = {"fit": 2 * n, "stop": n, "more": 9 * n}
    sets = image_sets.draw_samples(digits, sizes, draws=config.draws, seed=seed, mislabeled=config.mislabeled)
    plain = tuple(np.concatenate(pair, axis=1) for pair in zip(sets["fit"], sets["stop"], strict=True))
    more = tuple(np.concatenate(pair, axis=1) for pair in zip(plain, sets["more"], strict=True))
    new_pixels, new_labels = sets["validation"]
    center = plain[0].mean(axis=1, keepdims=True)
    axes = np.linalg.svd(plain[0] - center, full_matrices=False)[2][:, :20].swapaxes(1, 2)
    cross_entropy = functools.partial(keras.losses.sparse_categorical_crossentropy, from_logits=True)

    def loss_after(
        train: tuple, new_pixels: np.ndarray = new_pixels, make_dropout: Any = None, **rest: Any
    ) -> np.ndarray:
        networks = networks_side_by_side(config.draws, train[0].shape[2], 64, 10, 1, make_dropout)
        fit_side_by_side(networks, Adam(1e-2), train, steps=config.network_steps, loss=cross_entropy, **rest)
        return np.mean(cross_entropy(new_labels, networks(new_pixels)), axis=1)

    return {
        "plain": loss_after(plain),
        "fewer dimensions": loss_after(((plain[0] - center) @ axes, plain[1]), (new_pixels - center) @ axes),
        "augmentation": loss_after(plain, augment=jitter),
        "dropout": loss_after(plain, make_dropout=lambda: keras.layers.Dropout(0.5)),
        "early stopping": loss_after(sets["fit"], held_out=sets["stop"]),
        "more data": loss_after(more),
    }


# %% [markdown]
# ## The lasso in Keras
#
# The optimizer `suite.optimizers.ProximalGradient` is `lasso` for any Keras model: the penalty belongs to it,
# not to the loss, and it leaves biases alone. The model takes a patient's ten measurements as they are, and
# does the rest itself.


# %%
def build_model(scaling: list[tuple[np.ndarray, np.ndarray]]) -> keras.Model:
    """From raw measurements; `scaling` has means and deviations, of these and of the 64 columns."""
    inputs = keras.Input((10,), name="measurements")
    (mean, spread), (column_mean, column_spread) = (np.array(pair, np.float32) for pair in scaling)
    columns = (expand((inputs - mean) / spread, keras.ops) - column_mean) / column_spread
    return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="zeros", name="progression")(columns))


# %% The figures
def draw(ridges: np.ndarray, lassos: np.ndarray) -> Figure:
    figure, panels = plots.new_figure(width=11, columns=2)
    paths = {"Ridge": (RIDGE_PENALTIES, ridges), "Lasso": (LASSO_PENALTIES, lassos)}
    for axes, (name, path) in zip(panels, paths.items(), strict=True):
        plots.curves(axes, {"": path}, title=f"{name}: 64 weights", xscale="log", xlabel="strength")
    return figure


# %% [markdown]
# ## Run it
#
# The strengths of ridge and lasso are those with the least error on the validation patients. The test
# patients are looked at once, by the model in Keras. `--data houses.csv --target price` does the same to a
# table of yours.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    steps: Annotated[int, "of every descent, each on all patients"] = 10_000
    splits: Annotated[int, "of the patients, to see what ridge is worth"] = 30
    draws: Annotated[int, "small sets of digits"] = 20
    examples: Annotated[int, "digits in each"] = 150
    mislabeled: Annotated[float, "share of them with a wrong label"] = 0.1
    network_steps: Annotated[int, "of each network"] = 500
    target: Annotated[str | None, "column of your own CSV file: its name, or its number from 1"] = None


SMOKE = Config(steps=200, splits=2, draws=2, examples=60, network_steps=10)
DATA = ("embedded", "path")


def run(config: Config, context: Context) -> Result:
    if config.target or context.source.path:
        return own_table.penalized(context, config.target, ridge, lasso, config.steps)
    patients, steps = tabular.load_diabetes(raw=True), config.steps
    rows, scaling, X, y = split(patients, context.seed)
    train, seeds = rows["train"], range(context.seed * config.splits, (context.seed + 1) * config.splits)
    A, b, raw = X["train"], y["train"], patients.features[train] - scaling[0][0]

    ridges = np.array([ridge(A, b, each) for each in RIDGE_PENALTIES])
    lassos = np.array([lasso(A, b, each, steps) for each in LASSO_PENALTIES])
    l2, by_ridge = RIDGE_PENALTIES[best(ridges, X, y)], ridges[best(ridges, X, y)]
    l1, by_lasso = LASSO_PENALTIES[best(lassos, X, y)], lassos[best(lassos, X, y)]
    losses = other_ways(config, context.seed)
    theirs = linear_model.Lasso(l1 / 2, fit_intercept=False, tol=1e-10, max_iter=10**6).fit(A, b).coef_

    model = build_model(scaling)
    model.compile(ProximalGradient(1 / np.linalg.eigvalsh(2 * A.T @ A / len(A))[-1], l1), "mse")
    inputs = {part: patients.features[each].astype(np.float32) for part, each in rows.items()}
    whole = tf.data.Dataset.from_tensors((inputs["train"], patients.targets[train, None]))
    context.fit(model, whole.repeat(), steps_per_epoch=steps)
    metrics = {
        "ridge_descent_gap": gap(descend(A, b, steps, lambda w: 2 * l2 * w), by_ridge),
        "ridge_length_over_least_squares": np.linalg.norm(by_ridge) / np.linalg.norm(ridge(A, b, 0)),
        "ridge_training_r2_lost": -r2_gained(patients, "train", seeds),
        "ridge_test_r2_gained": r2_gained(patients, "test", seeds),
        "ridge_change_with_units": change_with_units(raw, lambda X: X @ ridge(X, b, l2)),
        "lasso_zeros": np.sum(by_lasso == 0),
        "fluttering_zeros": np.sum(descend(A, b, steps, lambda w: l1 * np.sign(w)) == 0),
        "ridge_constraint_gap": within(A, b, by_ridge, 2, l2, steps),
        "lasso_constraint_gap": within(A, b, by_lasso, 1, l1, steps),
        "keras_gap": gap(model.get_layer("progression").get_weights()[0][:, 0], by_lasso),
        "test_r2": r2(model(inputs["test"]), patients.targets[rows["test"]]),
        "reference_gap": max(gap(penalized.ridge(A, b, l2), by_ridge), gap(theirs, by_lasso)),
    }
    for name, each in losses.items():
        metrics[f"{name.replace(' ', '_')}_loss_over_plain"] = each.mean() / losses["plain"].mean()
    ways = plots.draws(losses, xlabel="nats", title="Validation loss, a point a draw")
    return Result(
        metrics=metrics,
        figures={"paths": draw(ridges, lassos), "other_ways": ways},
        exports=[regressor_export(model, inputs["test"], patients.targets[rows["test"]], inputs["train"])],
        data={"source": "diabetes", **{part: len(each) for part, each in rows.items()}},
    )


# %% [markdown]
# ## What was measured
#
# ![Weights of ridge and of lasso, by the strength of the penalty](figures/paths.png)
#
# Least squares is off the paper, far to the left and far above: columns that say nearly the same get huge
# weights of opposite signs, and the weakest penalty shown has taken most of that away. Ridge draws all
# weights in together, and none arrives at zero. In the lasso one after the other arrives and stays there,
# until only the few that predict most are left. That is a choice of columns as well, and one can read it.
# Which of two columns that say the same is kept may be chance.
#
# ![Validation loss of a network trained in six ways, a point a draw](figures/other_ways.png)
#
# All five help. The plain network has learned its labels by heart, the wrong ones as well, and is as sure of
# itself on new digits, which costs dearly where it errs. Augmentation does most: an image that is turned and
# shifted anew in each step cannot be learned by heart. Stopping in time is next, a little ahead of dropout,
# though a third of the images had to be given up for it, and it saves steps. Four times the images are no
# cure by themselves: they bring four times the wrong labels, and the network has these by heart in the end as
# well. Fewer dimensions help a little. And mind the spread: one draw of 150 images could tell almost any
# story.

# %%
CLAIMS = (
    *about(
        ("embedded",),
        Claim(
            "ridge_descent_gap",
            at_most=1e-4,
            says="Descent with the penalty in its slope finds ridge's closed form.",
            lecture="we modify our loss function to include a regularizing term",
        ),
        Claim(
            "ridge_length_over_least_squares",
            at_most=0.2,
            says="The best ridge has far shorter weights than least squares,",
            lecture="This regularizer drives all the coefficient closer to zero",
        ),
        Claim(
            "ridge_training_r2_lost",
            at_least=0.02,
            says="explains less of the patients that both were fitted to,",
            lecture="controls the tradeoff between model quality on a training set and model complexity",
        ),
        Claim("ridge_test_r2_gained", at_least=0.03, says="and more of others."),
        Claim(
            "ridge_change_with_units",
            at_least=0.5,
            says="Ridge's answers depend on the units of a column.",
            lecture="The ridge solutions are not equivariant under scaling of the inputs",
        ),
        Claim(
            "lasso_zeros",
            at_least=20,
            says="At least twenty of the lasso's 64 weights are exactly zero,",
            lecture="This drives some weights exactly to zero",
        ),
        Claim(
            "fluttering_zeros",
            at_most=0,
            says="and none is if descent follows the slope of the penalty.",
            lecture="L1 penalty can't be optimized with simple gradient methods",
        ),
        Claim(
            "ridge_constraint_gap",
            at_most=1e-3,
            says="Penalty and constraint lead to each other's weights and strength, for ridge",
            lecture="there is a one to one correspondence between C and lambda",
        ),
        Claim("lasso_constraint_gap", at_most=1e-3, says="and for the lasso."),
        Claim(
            "fewer_dimensions_loss_over_plain",
            at_most=0.95,
            says="On digits, a network loses less with fewer dimensions,",
        ),
        Claim("dropout_loss_over_plain", at_most=0.9, says="with dropout,"),
        Claim("more_data_loss_over_plain", at_most=0.95, says="with more data,"),
        Claim("early_stopping_loss_over_plain", at_most=0.85, says="stopped early"),
        Claim("augmentation_loss_over_plain", at_most=0.65, says="and with augmented data."),
        Claim(
            "keras_gap", at_most=1e-3, says="ProximalGradient finds the lasso's weights for a model in Keras,"
        ),
        Claim("test_r2", at_least=0.3, says="which predicts new patients."),
        Claim(
            "reference_gap",
            at_most=1e-4,
            says="Our few lines find the weights of suite.linear's ridge and of scikit-learn's lasso.",
        ),
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run regularization --steps 100`: which claims fall?
#
# <details><summary>Answer</summary>
#
# `ridge_descent_gap`, both constraint gaps and `reference_gap`: what descends is not there yet after so few
# steps. `keras_gap` is kept, since the model in Keras takes the same hundred and is as far from the end. And
# `test_r2` is as good as with ten thousand. Stopping early regularizes, too.
#
# </details>
#
# **2.** On paper, with the one weight of "The method": which strength of ridge makes it 1/2? Which limit C is
# that, and which strength belongs to C = 9?
#
# <details><summary>Answer</summary>
#
# `5 / (2.5 + s) = 1/2` at s = 7.5, and `C = (1/2)^2 = 1/4`. To C = 9 there belongs none but 0: least squares
# has a weight of 2, whose square is 4, and lies within that limit anyway.
#
# </details>
#
# **3.** In `lasso`, keep the size of all weights that are large enough: replace the body of `shrink` by
# `w * (np.abs(w) > by)`. Which claims fall?
#
# <details><summary>Answer</summary>
#
# `lasso_constraint_gap`, `keras_gap`, `reference_gap` and, by a little, `test_r2`. There are zeros, even more
# than before. But the weights that stay pay nothing: this is the solution of another problem, to which
# another strength belongs. The model in Keras still solves the lasso's, and gets a strength that does not
# suit it.
#
# </details>
#
# ## To take away
#
# - A penalty buys a smaller error on new examples with a larger one on the old; choose its strength on
#   validation data.
# - Standardize the columns first, or the units decide.
# - Ridge makes all weights small, the lasso makes many of them zero. Zeros need an optimizer that can stop at
#   zero.
# - A strength is a limit on the size of the weights, said in another way.
# - More data, data made more by augmentation, a stop in time, dropout, fewer inputs: all regularize, and they
#   can be combined.
#
# *Before: [overfitting_and_validation](overfitting_and_validation.md). Next:
# [stochastic_gradient_descent](stochastic_gradient_descent.md), steps that do not wait for all examples.*
