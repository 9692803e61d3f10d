# %% [markdown]
# # Walk downhill until the loss stops falling
#
# Gradient descent needs nothing of a loss but its slope, and the data decide how large a step may be and how
# many it takes. Beside the closed form it wins where the loss has none, and, a few rows at a time, where
# there are many columns.
#
# *Week 1, "Gradient descent". Takes 20 s on 2 CPU cores, half of it the exports. `suite run
# gradient_descent`*
#
# ## Why walk, if one can jump
#
# [linear_regression](linear_regression.md) found its weights by solving equations. That works for the squared
# error of a linear model and for next to nothing else: no network of this course has a formula for its best
# weights. All of them are trained by walking, with the three lines of `descend` or a refinement of them. On a
# linear model we know where the walk should end, so here we can watch every part of it: the slope, the length
# of the step, the number of steps, and the bill.
#
# ## The method
#
# Stand at some weights `w`. The *gradient* points to where the loss climbs fastest, so go against it:
#
#     w  <-  w - rate * gradient(w)           until the loss stops falling
#
# For the mean squared error, with an example in each row of `X`, the residuals are `r = X w - y`, and the
# chain rule gives `X' (2 r) / n`: each weight is blamed for its column times the slope of each loss. The
# notes write this as a sum over examples; it is the same sum.
#
# By hand: one weight, two examples (1, 2) and (2, 4). The best weight is 2. From `w = 0`:
#
#     r = [-2, -4]     gradient = (1 * -4 + 2 * -8) / 2 = -10     at rate 0.1:  w = 0 + 1 = 1
#     r = [-1, -2]     gradient = -5                                            w = 1.5
#
# The distance to 2 halves in each step: 2, 1, 1/2. That is no accident. The gradient is `5 (w - 2)`, so a
# step multiplies the distance by `1 - 5 * rate`. The 5 is the *curvature* of this bowl. At rate 0.2 one step
# arrives; at 0.4 the factor is -1, and the walk jumps from side to side for ever; beyond, it flies off.

# %%
import dataclasses
from collections.abc import Callable
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from scipy import optimize

from suite.data.sets import tabular
from suite.data.splits import SPLITS, split_rows
from suite.evaluation import plots
from suite.evaluation.metrics import r2
from suite.evaluation.scaling import crossover, log_log_slope, time_and_memory
from suite.models.standardized_linear import standardized_linear
from suite.optimizers import GradientDescent
from suite.runs.recipe import Claim, Context, Result, regressor_export


def squared(r: np.ndarray) -> np.ndarray:
    """The slope of r^2."""
    return 2 * r


def huber(r: np.ndarray) -> np.ndarray:
    """The slope of a loss that is r^2 up to 50, and from there goes on as a straight line."""
    return np.clip(2 * r, -100, 100)


def gradient(w: np.ndarray, X: np.ndarray, y: np.ndarray, slope: Callable = squared) -> np.ndarray:
    """Of the mean loss of the rows."""
    return X.T @ slope(X @ w - y) / len(X)


def descend(w: np.ndarray, downhill: Callable, rate: float | np.ndarray, steps: int) -> np.ndarray:
    """Where the walk was before each step, and after the last.

    >>> X, y = np.array([[1.0], [2.0]]), np.array([2.0, 4.0])
    >>> descend(np.zeros(1), lambda w: gradient(w, X, y), rate=0.1, steps=3)[:, 0].tolist()
    [0.0, 1.0, 1.5, 1.75]
    """
    path = [w]
    for _ in range(steps):
        path.append(path[-1] - rate * downhill(path[-1]))
    return np.array(path)


# %% [markdown]
# That is all. A loss comes in through its slope alone, and `gradient` does not care which one.
#
# ## Is the slope right?
#
# Keras has both losses, and TensorFlow differentiates whatever it computes. At random weights both must agree
# with our two lines to the last digits.


# %%
def derivative_gap(X: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> float:
    """Largest difference to what GradientTape finds, relative to the largest entry."""
    w, gaps = tf.Variable(rng.normal(size=X.shape[1])), []
    with tf.GradientTape(persistent=True) as tape:
        fitted = tf.linalg.matvec(X, w)
        losses = keras.losses.mean_squared_error(y, fitted), 2 * keras.losses.huber(y, fitted, delta=50)
    for slope, loss in zip((squared, huber), losses, strict=True):
        automatic = tape.gradient(loss, w).numpy()
        gaps.append(np.abs(automatic - gradient(w.numpy(), X, y, slope)).max() / np.abs(automatic).max())
    return max(gaps)


# %% [markdown]
# ## How large a step?
#
# With many weights the bowl has a curvature in each direction. Along its axes, the eigenvectors of the matrix
# of second derivatives `H = 2 X'X / n`, the distances shrink one by one as above, each with its own
# eigenvalue. One rate serves all of them. The steepest axis, with eigenvalue L, breaks first: **beyond 2 / L
# the walk climbs.** The flattest, with eigenvalue s, is slowest: the best constant rate, `2 / (s + L)`, takes
# a factor `(c - 1) / (c + 1)` a step there. `c = L / s` is the *condition number*, how elongated the bowl is.
#
# We look for the threshold on the patients of `linear_regression`, without telling the walk where it should
# be: a hundred walks side by side, at rates around 2 / L, and the first whose loss climbs. And we count steps
# in bowls of known condition numbers, until a millionth of the distance is left.


# %%
def losses(path: np.ndarray, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The mean squared error at each of the weights `(..., p)`."""
    return np.mean((path @ X.T - y) ** 2, axis=-1)


def observed_threshold(X: np.ndarray, y: np.ndarray, expected: float) -> float:
    """The smallest rate at which the loss climbs after 1,000 steps, in units of the expected one."""
    shares, start = np.linspace(0.9505, 1.0495, 100), np.zeros((X.shape[1], 100))  # a walk a column
    path = descend(start, lambda W: gradient(W, X, y[:, None]), shares * expected, 1000)
    before, after = losses(path[-2:].swapaxes(1, 2), X, y)
    return shares[np.argmax(after > before)]


def steps_by_condition(conditions: np.ndarray) -> np.ndarray:
    """Steps until the distance to the solution is a millionth of the first, at the best constant rate."""
    counts = []
    for condition in conditions:
        X = np.diag(np.sqrt(5 * np.geomspace(1, condition, 10)))  # H has the eigenvalues 1 to `condition`
        y, enough = X @ np.ones(10), int(10 * condition)
        path = descend(np.zeros(10), lambda w, X=X, y=y: gradient(w, X, y), 2 / (1 + condition), enough)
        counts.append(np.argmax(np.linalg.norm(path - 1, axis=1) < 1e-6 * np.sqrt(10)))
    return np.array(counts)


# %% [markdown]
# ## The bowl is yours to shape
#
# The condition number is no fate. It depends on the *units* of the columns: cholesterol near 190 and a ratio
# near 4 make a bowl that is thousands of times longer than wide. We walk on the same patients three times:
# on the measurements as they come, with their means subtracted, and divided by their deviations as well.
# All three walks start at the mean of the targets, and each takes the best of five rates for its bowl. All
# three bowls have the same floor: the model is the same, only its coordinates are others.


# %%
SHARES = 0.1, 0.2, 0.4, 0.8, 0.99  # of the largest stable rate


def left_to_explain(columns: np.ndarray, y: np.ndarray, steps: int, shares: tuple = SHARES) -> np.ndarray:
    """Loss above the minimum along the walk at the best share of 2 / L; 1 is the loss of the mean."""
    X = np.insert(columns, 0, 1, axis=1)
    start, least = np.eye(X.shape[1])[0] * y.mean(), losses(np.linalg.lstsq(X, y)[0], X, y)
    rates = np.array(shares) * 2 / np.linalg.eigvalsh(2 * X.T @ X / len(X))[-1]
    walks = [losses(descend(start, lambda w: gradient(w, X, y), rate, steps), X, y) for rate in rates]
    return (min(walks, key=lambda walk: walk[-1]) - least) / (y.var() - least)


# %% [markdown]
# ## Another loss
#
# Suppose that in one of twenty records somebody typed a zero too many. The squared error of such a record is
# as large as that of hundreds of others, and the closed form, which knows no other loss, bends to it. With
# Huber's loss a record pulls no harder than a miss by 50 would. There is no formula for its minimum; the walk
# does not mind, and we check its end against SciPy, which looks for the point where the
# slope is zero.


# %%
def closed_form(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.linalg.solve(X.T @ X, X.T @ y)


def typing_errors(X: dict, y: dict, rng: np.random.Generator) -> dict[str, float]:
    A, typed = X["train"], np.where(rng.random(len(y["train"])) < 0.05, 10, 1) * y["train"]
    rate = 1 / np.linalg.eigvalsh(2 * A.T @ A / len(A))[-1]
    walked = descend(np.zeros(A.shape[1]), lambda w: gradient(w, A, typed, huber), rate, 10_000)[-1]
    found = optimize.root(gradient, walked * 0, (A, typed, huber)).x
    r2_huber, r2_squared = (r2(X["test"] @ w, y["test"]) for w in (walked, closed_form(A, typed)))
    gap = np.abs(walked - found).max() / np.abs(found[1:]).max()
    return {"huber_gap": gap, "huber_test_r2": r2_huber, "huber_r2_gain": r2_huber - r2_squared}


# %% [markdown]
# ## What does it cost?
#
# A gradient over all n rows and p columns takes 2 n p multiplications: one *pass*. The closed form forms X'X
# for n p p of them, as much as p / 2 passes. So which is cheaper depends on how many steps the walk takes.
# The *stochastic* walk (three recipes on) takes a gradient of ten rows at a time, n / 10 steps in one
# pass; its rate falls to 0 along a line.
#
# We give it one pass over 20,000 simulated rows of 100 columns, see how far above the minimum it ends, and
# let the walk over all rows go on until it is as low. Each has the best of five rates, shares of the largest
# that is stable for its kind of step. And we do it for columns that are independent, where descent looks its
# best, and for columns that are correlated, as columns are.


# %%
def one_pass(X: np.ndarray, y: np.ndarray, rate: float) -> np.ndarray:
    """Ten rows a step, in the order in which they come."""
    w = np.zeros(X.shape[1])
    for row in range(0, len(X), 10):
        w = w - rate * (1 - row / len(X)) * gradient(w, X[row : row + 10], y[row : row + 10])
    return w


def bill(n: int, correlation: float, rng: np.random.Generator) -> tuple[float, int]:
    """Loss above the least, relative to it, after one pass; passes of descent on all rows to the same."""
    X = np.sqrt(1 - correlation) * rng.normal(size=(n, 100)) + np.sqrt(correlation) * rng.normal(size=(n, 1))
    signal = X @ rng.normal(size=100)
    y = signal + rng.normal(size=n) * signal.std()
    H, slopes = 2 * X.T @ X / n, 2 * X.T @ y / n  # H w - slopes is the gradient over all rows
    best = np.linalg.solve(H, slopes)
    least, L = np.mean((X @ best - y) ** 2), np.linalg.eigvalsh(H)[-1]

    def excess(path: np.ndarray) -> np.ndarray:
        return np.einsum("...i,ij,...j", path - best, H / 2, path - best) / least

    largest = 2 / (L + np.trace(H) / 10)
    reached = min(float(excess(one_pass(X, y, share * largest))) for share in SHARES)
    walks = [excess(descend(0 * best, lambda w: H @ w - slopes, share * 2 / L, 5000)) for share in SHARES]
    return reached, min(int(np.argmax(walk <= reached)) if walk.min() <= reached else 5000 for walk in walks)


def costs_by_columns(columns: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """`(sizes, 2, 2)`: of the closed form and of one pass in small steps, seconds and bytes beside X."""
    costs = []
    for p in columns:
        X, y = rng.normal(size=(n, p)), rng.normal(size=n)
        costs.append([time_and_memory(closed_form, X, y), time_and_memory(one_pass, X, y, 1e-9)])
    return np.array(costs)


# %% [markdown]
# ## The same walk in Keras
#
# `model.fit`, with all rows in one batch, is the loop above on a layer instead of a vector. The optimizer is
# `suite.optimizers.GradientDescent`; Keras' own `SGD` is the same rule. The model subtracts the means and
# divides by the deviations itself, so that it takes a patient's measurements as they are.


# %%
def build_model(names: tuple[str, ...], means: np.ndarray, deviations: np.ndarray) -> keras.Model:
    inputs = [keras.Input((1,), name=name) for name in names]
    return standardized_linear(inputs, inputs, means, deviations, "progression", "gradient_descent")


# %% The figures
def draw(title: str, xlabel: str, ylabel: str, lines: dict[str, tuple], **settings: str) -> Figure:
    figure, axes = plots.new_figure(width=7)
    plots.curves(axes, lines, title=title, xlabel=xlabel, ylabel=ylabel, yscale="log", **settings)
    return figure


# %% [markdown]
# ## Run it
#
# The patients are split at random into 70, 15 and 15 percent; means and deviations come from the training
# part. The trivial answer, the mean, stands in every number: its R-squared is 0, and it leaves 1 to explain.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    steps: Annotated[int, "of the model in Keras, each on all patients"] = 3000
    walk: Annotated[int, "steps on raw, centered and standardized columns"] = 1000
    rows: Annotated[int, "simulated ones, to compare costs"] = 20_000
    largest_columns: Annotated[int, "of the comparison of seconds and bytes"] = 512


SMOKE = Config(steps=500, rows=1000, largest_columns=64)


def run(config: Config, context: Context) -> Result:
    data, rng = tabular.load_diabetes(raw=True), np.random.default_rng(context.seed)
    rows = dict(zip(SPLITS, split_rows(len(data.targets), context.seed), strict=True))
    raw, y = ({part: array[rows[part]] for part in rows} for array in (data.features, data.targets))
    means, deviations = raw["train"].mean(axis=0), raw["train"].std(axis=0)
    X = {part: np.insert((raw[part] - means) / deviations, 0, 1, axis=1) for part in raw}
    A, b = X["train"], y["train"]
    curvatures, solution = np.linalg.eigvalsh(2 * A.T @ A / len(A)), closed_form(A, b)

    forms = {"raw": raw["train"], "centered": raw["train"] - means, "standardized": A[:, 1:]}
    walks = {name: left_to_explain(form, b, config.walk) for name, form in forms.items()}
    conditions = np.geomspace(3, 1000, 6)
    counts, theory = steps_by_condition(conditions), np.log(1e6) / np.log((conditions + 1) / (conditions - 1))
    correlations = (0.0, 0.5, 0.9)
    excesses, passes = zip(*(bill(config.rows, each, rng) for each in correlations), strict=True)
    columns = 2 ** np.arange(4, 1 + int(np.log2(config.largest_columns)))
    costs = costs_by_columns(columns, config.rows, rng)

    model = build_model(data.feature_names, means, deviations)
    model.compile(GradientDescent(2 / (curvatures[0] + curvatures[-1])), "mse")
    inputs = {part: list(raw[part].T[..., None].astype(np.float32)) for part in raw}
    whole = tf.data.Dataset.from_tensors((tuple(inputs["train"]), b[:, None]))
    context.fit(model, whole.repeat(), steps_per_epoch=config.steps)
    kernel, bias = model.get_layer("progression").get_weights()
    metrics = {
        "derivative_gap": derivative_gap(A, b, rng),
        "threshold_error": abs(observed_threshold(A, b, 2 / curvatures[-1]) - 1),
        "steps_slope": log_log_slope(conditions, counts),
        **{f"left_{name}": walk[-1] for name, walk in walks.items()},
        **typing_errors(X, y, rng),
        "stochastic_excess": max(excesses),
        "passes_independent": passes[0],
        "passes_correlated": min(passes[1:]),
        "closed_memory_slope": log_log_slope(columns, costs[:, 0, 1]),
        "descent_memory_slope": log_log_slope(columns, costs[:, 1, 1]),
        "crossover_columns": crossover(columns, *costs[..., 0].T),
        "closed_form_gap": np.abs(np.append(bias, kernel) - solution).max() / np.abs(solution[1:]).max(),
        **{f"{part}_r2": r2(model(inputs[part]), y[part]) for part in ("validation", "test")},
    }
    tried = {f"{each}": (left_to_explain(A[:, 1:], b, 300, (each,)),) for each in (0.01, 0.5, 0.99, 1.01)}
    counted = {"measured": (conditions, counts, "o-"), "theory, at most": (conditions, theory, ":")}
    bowls = {name: (walk,) for name, walk in walks.items()}
    work = {"all rows": passes, "closed form": (50, 50, 50), "ten rows a step": (1, 1, 1)}
    work = {name: (correlations, each, "o-") for name, each in work.items()}
    figures = {
        "rates": draw("Learning rates, in units of 2 / L", "step", "left to explain", tried),
        "steps": draw("To a millionth of the distance", "condition number", "steps", counted, xscale="log"),
        "columns": draw("The same patients, three bowls", "step", "left to explain", bowls),
        "work": draw("To the same loss, 100 columns", "correlation", "passes over the rows", work),
        "costs": plots.costs(columns, costs, ("closed form", "one pass, ten rows a step"), "columns"),
    }
    return Result(
        metrics=metrics,
        figures=figures,
        exports=[regressor_export(model, inputs["test"], y["test"], inputs["train"])],
        data={"source": "embedded", **{part: len(which) for part, which in rows.items()}},
    )


# %% [markdown]
# ## What was measured
#
# ![Loss along the walks at four learning rates](figures/rates.png)
#
# A rate of a hundredth of the largest creeps. Half of the largest is a good first guess: on the steepest axis
# it arrives at once. Just below the threshold the walk swings from wall to wall of the valley and is behind
# for more than a hundred steps, until the flat axes are all that is left, where it is twice as fast. A
# hundredth *above* the threshold it descends with the others at first, while the error on the steepest axis
# is small, and then that error grows in each step. A training that falls and later explodes often has this
# reason.
#
# ![Steps over the condition number, measured and by theory](figures/steps.png)
#
# A bowl ten times as long takes ten times as many steps, at the best constant rate.
#
# ![Loss along the walks on raw, centered and standardized columns](figures/columns.png)
#
# Dividing by the deviations is what one does first with any data, and this is why. Subtracting the means
# alone is ahead for some forty steps, on the steep axes, and then all but stands.
#
# ![Passes over the rows, by correlation, of descent, closed form and small steps](figures/work.png)
#
# The notes say that descent "requires less memory and computations (for stochastic methods)", and the words
# in brackets carry the sentence. On *independent* columns descent over all rows is cheap as well. With
# correlated columns it takes more multiplications than the closed form, the more the stronger they go
# together; ten rows at a time stay at one pass. Why? Small steps are limited by the length of a row, which is
# the sum of all eigenvalues, more than by the largest alone.
#
# ![Seconds and bytes of closed form and of one pass in small steps, by columns](figures/costs.png)
#
# Multiplications are not seconds. A product of large matrices uses the processor far better than thousands of
# small ones in a loop, so the closed form is the faster of the two up to a hundred columns and more. That
# fits the notes' "about 100 or less", though how it fits depends on the machine.

# %%
CLAIMS = (
    Claim(
        "derivative_gap",
        at_most=1e-12,
        says="Both slopes are those that TensorFlow finds.",
        lecture="mse derivative",
    ),
    Claim(
        "threshold_error",
        at_most=0.005,
        says="On the patients, descent climbs at rates beyond 2 / L, and not before.",
    ),
    Claim(
        "steps_slope",
        at_least=0.9,
        at_most=1.1,
        says="The number of steps grows in proportion to the condition number.",
    ),
    Claim(
        "left_standardized",
        at_most=1e-4,
        says="On standardized columns a thousand steps leave next to nothing to explain,",
    ),
    Claim("left_raw", at_least=0.15, says="on the measurements as they come a good part,"),
    Claim("left_centered", at_least=0.02, says="and with only their means subtracted less of it."),
    Claim(
        "huber_gap",
        at_most=1e-3,
        says="Descent finds the minimum of a loss that has no closed form,",
        lecture="Very general, can be applied to any differentiable loss function",
    ),
    Claim(
        "huber_r2_gain",
        at_least=0.3,
        says="which, where one record in twenty has a typing error, predicts better than least squares,",
    ),
    Claim("huber_test_r2", at_least=0.15, says="and better than the mean."),
    Claim(
        "stochastic_excess",
        at_most=0.05,
        says="One pass over 100 columns, ten rows a step, costs a fiftieth of the closed form and ends "
        "within a few percent of the least loss, at any of three correlations.",
        lecture="Requires less memory and computations (for stochastic methods)",
    ),
    Claim(
        "passes_independent",
        at_most=10,
        says="Descent on all rows is as low after a few passes if columns are independent,",
    ),
    Claim(
        "passes_correlated",
        at_least=75,
        says="and after more than the closed form's 50 if they are correlated.",
    ),
    Claim("closed_memory_slope", at_least=1.8, says="In p columns the closed form needs memory like p^2,"),
    Claim(
        "descent_memory_slope",
        at_most=1.1,
        says="and descent at most like p.",
        lecture="Requires less memory",
    ),
    Claim(
        "crossover_columns",
        at_least=50,
        says="With few columns the closed form takes less time than a pass in small steps.",
        lecture="a small number of features (about 100 or less)",
    ),
    Claim("test_r2", at_least=0.25, says="The walk's model predicts new patients better than their mean."),
    Claim("closed_form_gap", at_most=1e-3, says="The walk in Keras ends at the closed form's weights."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run gradient_descent --walk 100`: which claim falls, and does the order of the bowls change?
#
# <details><summary>Answer</summary>
#
# `left_standardized`: a thousandth is left to explain instead of a millionth. The order stays: centered
# columns leave some 7 %, raw ones 60 %, and raw ones will not get far below 25 % in the nine hundred steps
# to come. Ten times the patience is no substitute for a rounder bowl.
#
# </details>
#
# **2.** `suite run gradient_descent --rows 1000`: with fewer rows, what becomes of the small steps?
#
# <details><summary>Answer</summary>
#
# `stochastic_excess` falls, with 10 to 30 % above the least loss, and `passes_correlated` with it: 100 steps
# end so high that descent on all rows needs only some 10 to 40 passes to be there. It is the number of
# *steps* that counts, and the saving belongs to data with many rows: with few, one goes over them again and
# again, or solves the equations.
#
# </details>
#
# **3.** Forget the 2 in `squared`. Which claims notice, and does the model in Keras?
#
# <details><summary>Answer</summary>
#
# `derivative_gap`, `threshold_error` and `steps_slope` (twice as many steps, more than we allow). The model
# in Keras does not: it differentiates by itself. Nor does any claim that tries several rates: half a gradient
# is the right direction at half the rate. A wrong factor hides behind a tuned rate, and the check against
# TensorFlow is there to find it.
#
# </details>
#
# **4.** On paper: a bowl with curvatures 1 and 9. Which constant rate is the best, and what does a step do to
# the distance along each axis?
#
# <details><summary>Answer</summary>
#
# 2 / (1 + 9) = 0.2. Along the flat axis a step leaves `1 - 0.2 * 1 = 0.8` of the distance, along the steep
# one `1 - 0.2 * 9 = -0.8`: as slow, and with a swing to the other side in each step. A smaller rate slows the
# flat axis, a larger one the steep one. From (1, 1) to a thousandth of the distance it is 31 steps.
# [optimizer_comparison](optimizer_comparison.md) shows what momentum does about it.
#
# </details>
#
# ## To take away
#
# - Against the gradient, a small step, again. The loss comes in through its slope alone.
# - The largest curvature limits the rate, the smallest decides how long it takes: standardize the columns.
# - A loss that explodes after a good start: halve the rate.
# - Where a closed form exists and there are a hundred columns or fewer, take it. With many columns and
#   rows, a pass in small steps gets within a few percent for a small part of the work and memory.
#
# *Before: [linear_classification](linear_classification.md). Next:
# [overfitting_and_validation](overfitting_and_validation.md): the lowest training loss is not the goal.*
