# %% [markdown]
# # Fit a straight line through everything at once
#
# Least squares finds the weights of a linear model by solving one system of equations, and says how far to
# trust each weight. A dense layer with one unit, trained by gradient descent, arrives at the same weights.
#
# *Week 1, "Linear regression". Takes 25 s on 2 CPU cores, most of it the exports. `suite run
# linear_regression [--data houses.csv --target price]`*
#
# ## Why start here
#
# A linear model is a neural network with one neuron and no activation. It is the only network whose best
# weights can be written down, so it is where one can check everything: the solution, the training loop, the
# uncertainty. It is also hard to beat when there are few examples or a lot of noise, and every deep network
# ends in one.
#
# We predict how far diabetes has progressed a year after ten measurements were taken of 442 patients. That is
# little data with much noise: a good place for a linear model.
#
# ## The method
#
# Put one patient in each row of `X`, with a 1 in front for the intercept. The prediction is `X @ b`, and we
# want the `b` for which the residuals `y - X @ b` have the smallest sum of squares. Its derivative is `-2
# X'(y - X b)`. Setting that to zero leaves the *normal equations*, `X'X b = X'y`.
#
# By hand, for the three points (0, 1), (1, 2), (2, 2):
#
#         1 0            3 3           5          b = [7/6, 1/2]      fitted     7/6   10/6   13/6
#     X = 1 1     X'X =  3 5    X'y =  6                              residual  -1/6    2/6   -1/6
#         1 2
#
# The residuals add up to 0, and so do the residuals times x. That is all the normal equations say: **the
# residual stands at a right angle to every column of X.** The fitted values are the foot of the perpendicular
# from `y` to the space that the columns span, and the "hat" matrix `H` is what drops it: `H y = X b`.

# %%
import dataclasses
from typing import Annotated, Any, NamedTuple

import keras
import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from suite.data.sets import tabular
from suite.data.splits import SPLITS, split_rows
from suite.evaluation import plots
from suite.evaluation.metrics import r2
from suite.evaluation.table import Table
from suite.linear import least_squares
from suite.models.standardized_linear import standardized_linear
from suite.optimizers import GradientDescent
from suite.runs import own_table
from suite.runs.recipe import Claim, Context, Result, about, regressor_export


def solve(X: np.ndarray, y: np.ndarray, penalty: float = 0) -> np.ndarray:
    """The normal equations; a penalty on the squares of b adds to the diagonal.

    >>> solve(np.array([[1, 0], [1, 1], [1, 2]]), np.array([1, 2, 2])).round(3).tolist()
    [1.167, 0.5]
    """
    return np.linalg.solve(X.T @ X + penalty * np.eye(X.shape[1]), X.T @ y)


def projection_error(X: np.ndarray, y: np.ndarray) -> float:
    """How far the hat matrix is from projecting on the columns of X, in five ways."""
    H, fitted = X @ np.linalg.inv(X.T @ X) @ X.T, X @ solve(X, y)
    cosines = (y - fitted) @ X / np.linalg.norm(X, axis=0) / np.linalg.norm(y - fitted)
    off = [H - H.T, H @ H - H, np.trace(H) - X.shape[1], H @ y / fitted - 1, cosines]
    return max(np.abs(each).max() for each in off)


class Fit(NamedTuple):
    coefficients: np.ndarray  # (p,)
    sigma: float  # of the noise, estimated from the residuals
    covariance: np.ndarray  # (p, p), of the coefficients
    half_widths: np.ndarray  # (p,), of their 95 % intervals


def fit(X: np.ndarray, y: np.ndarray) -> Fit:
    b, freedom = solve(X, y), len(y) - X.shape[1]
    sigma = np.linalg.norm(y - X @ b) / np.sqrt(freedom)
    covariance = sigma**2 * np.linalg.inv(X.T @ X)
    return Fit(b, sigma, covariance, stats.t.ppf(0.975, freedom) * np.sqrt(np.diag(covariance)))


# %% [markdown]
# `fit` adds what the second half of the lecture is about. If the errors are independent, with one variance
# `sigma^2`, then the coefficients would scatter around the true ones with covariance `(X'X)^-1 sigma^2` if we
# could draw the patients' outcomes again and again. `sigma` is estimated from the residuals, divided by `N -
# p` and not by `N`: p of their degrees of freedom went into the fit.
#
# In practice one does not form `X'X`, which squares the condition number and costs half of the digits.
# `suite.linear.least_squares` works on `X` itself, by singular values; a run checks that both agree on these
# data.
#
# ## The data, and what "linear" means
#
# Linear is meant in the *parameters*. The columns of X may be anything computed from the measurements. All
# five kinds of the lecture are here: plain numbers, a transformation, a polynomial, a category, and a product
# of two measurements. A category with k levels gets k - 1 columns of its own ("dummies"); the last level is
# the intercept's.

# %%
MEASUREMENTS = ("age", "sex", "bmi", "bp", "s3", "s5")  # bp: blood pressure; s3, s5: blood serum


def design(age: Any, sex: Any, bmi: Any, bp: Any, s3: Any, s5: Any) -> dict[str, Any]:
    """The columns of X but for the ones; the same code takes NumPy arrays and the inputs of a Keras model."""
    over_40, over_60 = (keras.ops.cast(age >= years, bmi.dtype) for years in (40, 60))
    return {
        "bmi": bmi,
        "s5": s5,
        "log(s3)": keras.ops.log(s3),
        "bp": bp - 95,  # around the middle: bp and bp^2 would nearly be one column
        "bp^2": (bp - 95) ** 2,
        "sex[2]": keras.ops.cast(sex > 1.5, bmi.dtype),
        "age[40-59]": over_40 - over_60,
        "age[60+]": over_60,
        "bmi*bp": (bmi - 26) * (bp - 95),
    }


# %% [markdown]
# ## When columns depend on each other
#
# If one column is three times another, you can take weight from one and give it to the other without changing
# a single prediction. `X'X` then has an eigenvalue of zero and no inverse. The *fitted values* are still
# unique (the foot of the perpendicular does not care how we describe the plane), but the *coefficients* mean
# nothing.
#
# We try the three ways in which this happens in practice: a column measured in two units, a dummy column for
# every level, and fewer patients than columns. Each system is solved twice, once with its columns in other
# units. A unique solution does not depend on units; the shortest of many does.


# %%
def two_answers(X: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """How far two solutions are apart: a coefficient, at most and relative; a fitted value, at most."""
    units = np.maximum(np.linalg.norm(X, axis=0), 1e-3)  # a dummy may be 0 for all of a few patients
    one, other = np.linalg.lstsq(X, y)[0], np.linalg.lstsq(X / units, y)[0] / units
    return np.max(np.abs(one - other) / (np.abs(one) + 1e-9)), np.abs(X @ (one - other)).max()


def dependent_columns(X: np.ndarray, y: np.ndarray, names: list[str]) -> dict[str, float]:
    tripled = np.column_stack([X, 3 * X[:, names.index("bmi")]])
    both_sexes = np.column_stack([X, 1 - X[:, names.index("sex[2]")]])  # the two add up to the intercept
    few = slice(X.shape[1] - 3)
    cases = [two_answers(tripled, y), two_answers(both_sexes, y), two_answers(X[few], y[few])]
    coefficients, fitted = zip(*cases, strict=True)
    kept = np.delete(both_sexes, least_squares.redundant_columns(both_sexes), axis=1)
    return {
        "dependent_coefficients_gap": min(coefficients),
        "dependent_fitted_gap": max(fitted),
        "recoded_coefficients_gap": two_answers(kept, y)[0],
    }


def too_few_patients(X: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Error on other patients of an exact fit, and of the mean, over that of ridge; 200 draws of p - 1."""
    Z, N, errors = stats.zscore(X[:, 1:]), X.shape[1] - 2, np.zeros(3)
    for order in rng.permuted(np.tile(np.arange(len(y)), (200, 1)), axis=1):
        few, others, mean = order[:N], order[N:], y[order[:N]].mean()
        for which, penalty in enumerate((1e-6, N, 1e9)):  # as good as none; some; nothing but the mean
            b = solve(Z[few], y[few] - mean, penalty)
            errors[which] += np.mean((y[others] - mean - Z[others] @ b) ** 2)
    return {f"{name}_error_over_ridge": errors[i] / errors[1] for name, i in (("exact", 0), ("mean", 2))}


# %% [markdown]
# There are two ways out. Recode or drop the redundant columns, after which the coefficients are unique again.
# Or, with fewer patients than columns, ask for small coefficients as well (ridge, four recipes on):
# `too_few_patients` measures on held-out patients what that is worth.
#
# ## How far to trust a coefficient
#
# Theory says how the coefficients would scatter over repeated studies. We can check it, because a simulated
# study costs microseconds: take the fitted model as the truth, draw new errors, and fit again, a thousand
# times. We compare what comes out with each promise: the whole covariance matrix, the joint (ellipsoidal)
# region, the intervals, the independence of coefficients and sigma, and the test of "this column has no
# effect" on a column that has none.
#
# A thousand more studies break one assumption: neighbors in body mass index share half of their error, as
# patients of one clinic might.


# %%
def repeat(X: np.ndarray, truth: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors of the coefficients, sigma, and t, each `(..., studies)`; a study a column of noise."""
    samples = (X @ truth)[:, None] + noise
    b = solve(X, samples)
    sigmas = np.linalg.norm(samples - X @ b, axis=0) / np.sqrt(len(X) - X.shape[1])
    off = b - truth[:, None]
    return off, sigmas, off / np.sqrt(np.diag(np.linalg.inv(X.T @ X)))[:, None] / sigmas


def simulate(X: np.ndarray, bmi: int, found: Fit, studies: int, rng: np.random.Generator) -> dict[str, float]:
    X = np.column_stack([X, rng.normal(size=len(X))])  # its last column has no effect
    truth, theory = np.append(found.coefficients, 0), found.sigma**2 * np.linalg.inv(X.T @ X)
    scale, wide = np.sqrt(np.diag(theory)), stats.t.ppf(0.975, len(X) - X.shape[1])
    noise = rng.normal(size=(len(X), studies)) * found.sigma
    off, sigmas, t = repeat(X, truth, noise)
    distances = np.sum(off * np.linalg.solve(theory, off), axis=0)
    clinics = np.argsort(np.argsort(X[:, bmi])) // 20
    shared = rng.normal(size=(clinics.max() + 1, studies))[clinics] * found.sigma
    _, _, t_shared = repeat(X, truth, np.sqrt(0.5) * (noise + shared))
    return {
        "covariance_error": np.abs((np.cov(off) - theory) / np.outer(scale, scale)).max(),
        "interval_coverage": np.mean(np.abs(t) <= wide),
        "region_coverage": np.mean(distances <= stats.chi2.ppf(0.95, len(truth))),
        "sigma_correlation": np.abs(np.corrcoef(np.vstack([off, np.abs(off)]), sigmas)[-1, :-1]).max(),
        "false_alarms": np.mean(np.abs(t[-1]) > wide),
        "coverage_with_shared_errors": np.mean(np.abs(t_shared[bmi]) <= wide),
    }


# %% [markdown]
# ## The same model as a network
#
# One `Dense(1)` on the columns. It subtracts the mean of each column and divides by its deviation first, so
# that one learning rate suits all weights. Gradient descent multiplies the error along each eigenvector of
# the Hessian by `1 - rate * eigenvalue` in each step; the best rate is 2 over the sum of the smallest and the
# largest. The model takes raw measurements: the columns are computed inside of it, and are exported with it.


# %%
def build_model(means: np.ndarray, deviations: np.ndarray) -> keras.Model:
    inputs = {name: keras.Input((1,), name=name) for name in MEASUREMENTS}
    return standardized_linear(
        list(inputs.values()),
        design(**inputs).values(),
        means,
        deviations,
        "progression",
        "linear_regression",
    )


# %% The figures
def draw_projection(X: np.ndarray, y: np.ndarray, bmi: np.ndarray, found: Fit) -> Figure:
    figure, (left, right) = plots.new_figure(width=10, columns=2)
    line = X[:, [0]] + 0 * bmi[:, None], bmi[:, None]
    fitted = np.hstack(line) @ solve(np.hstack(line), y)
    left.vlines(bmi, y, fitted, color=plots.COLORS[1], linewidth=0.6, alpha=0.5)
    left.plot(bmi, y, ".", color=plots.COLORS[0])
    left.plot(bmi, fitted, color=plots.INK)
    left.set(title="One column: a line and its residuals", xlabel="body mass index", ylabel="progression")
    foot = np.linalg.norm(X @ found.coefficients - y.mean())
    height = np.linalg.norm(y - X @ found.coefficients)
    right.plot([0, foot, foot, 0], [0, 0, height, 0], color=plots.INK)
    right.plot([0.5 * foot, foot], [0, height], ":", color=plots.COLORS[1])
    for x, up, text in ((0.5, -0.1, "fitted values"), (0.35, 0.55, "y"), (1.15, 0.5, "residual")):
        right.text(x * foot, up * height, text, ha="center")
    right.set(title="All columns: a perpendicular, in true lengths", aspect="equal", xlim=(0, 1.3 * foot))
    right.set_axis_off()
    return figure


# %% [markdown]
# ## Run it
#
# Patients, or a table of yours: `--data houses.csv --target price` fits its rows in the same way, and leaves
# the coefficients with their intervals in the report.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    studies: Annotated[int, "simulated repetitions of the study"] = 1000
    steps: Annotated[int, "of gradient descent, each on all training patients"] = 200
    target: Annotated[str | None, "column of your own CSV file: its name, or its number from 1"] = None


SMOKE = Config(studies=50, steps=20)
DATA = ("embedded", "path")


def run(config: Config, context: Context) -> Result:
    if config.target or context.source.path:
        return own_table.regression(context, config.target)
    data, rng = tabular.load_diabetes(raw=True), np.random.default_rng(context.seed)
    raw = {name: data.column(name).astype("float32") for name in MEASUREMENTS}
    columns = {"intercept": np.ones(len(data.targets)), **design(**raw)}
    names, X, y = list(columns), np.column_stack(list(columns.values())), data.targets
    rows = dict(zip(SPLITS, split_rows(len(y), context.seed), strict=True))
    X_train, y_train = X[rows["train"]], y[rows["train"]]
    inputs = {part: [raw[name][which, None] for name in raw] for part, which in rows.items()}

    found = fit(X_train, y_train)
    reference = least_squares.fit(X_train, y_train)
    t_values = found.coefficients / np.sqrt(np.diag(found.covariance))

    means, deviations = X_train[:, 1:].mean(axis=0), X_train[:, 1:].std(axis=0)
    model = build_model(means, deviations)
    curvatures = 2 * np.linalg.eigvalsh(np.corrcoef(X_train[:, 1:].T))
    model.compile(GradientDescent(2 / (curvatures[0] + curvatures[-1])), "mse")
    model.fit(inputs["train"], y_train, batch_size=len(y_train), epochs=config.steps, verbose=0)
    weights = model.get_layer("progression").get_weights()[0][:, 0]
    effects = found.coefficients[1:] * deviations  # of one standard deviation of a column
    return Result(
        metrics={
            "projection_error": projection_error(X_train, y_train),
            **dependent_columns(X_train, y_train, names),
            **too_few_patients(X_train, y_train, rng),
            **simulate(X_train, names.index("bmi"), found, config.studies, rng),
            "descent_gap": np.abs(weights - effects).max() / np.abs(effects).max(),
            "reference_gap": np.abs(t_values / reference.t_values - 1).max(),
            **{f"{part}_r2": r2(model(inputs[part]), y[rows[part]]) for part in ("validation", "test")},
        },
        figures={
            "projection": draw_projection(X_train, y_train, raw["bmi"][rows["train"]], found),
            "effects": plots.effects(names[1:], effects, found.half_widths[1:] * deviations),
        },
        tables=[Table("Coefficients", *reference.table(names))],
        exports=[regressor_export(model, inputs["test"], y[rows["test"]], inputs["train"])],
        data={"source": "embedded", **{part: len(which) for part, which in rows.items()}},
    )


# %% [markdown]
# ## What was measured
#
# ![A line with its residuals; a triangle of y, fitted values and residual](figures/projection.png)
#
# The triangle on the right is drawn to scale. Its base is what the columns explain, its upright side is what
# they do not; R-squared is the square of base over long side. It is far from 1: most of what happens to a
# patient within a year is not in these columns.
#
# ![Each column's effect on the progression as a dot, with its 95 % interval as a bar.](figures/effects.png)
#
# An interval that crosses zero belongs to a column that could as well have no effect, with the others in the
# model. `s5` and `log(s3)` are the pair to look at: both are about the same lipids.
#
# Every sentence below is checked by each run, and a run that breaks one fails:

# %%
CLAIMS = (
    *about(
        ("embedded",),
        Claim(
            "projection_error",
            at_most=1e-9,
            says="H is the projection onto the columns of X: H = H' = HH, its trace is their number, H y are "
            "the fitted values, and the residual is at a right angle to every column.",
            lecture="The hat matrix H computes the orthogonal projection",
        ),
        Claim(
            "dependent_coefficients_gap",
            at_least=0.1,
            says="Where columns depend on each other, two equally good sets of coefficients differ widely,",
            lecture="the least squares coefficients are not uniquely defined",
        ),
        Claim(
            "dependent_fitted_gap",
            at_most=1e-8,
            says="and their fitted values do not differ at all.",
            lecture="the fitted values are still the projection",
        ),
        Claim(
            "recoded_coefficients_gap",
            at_most=1e-8,
            says="Without the redundant columns the coefficients are unique again.",
            lecture="recoding and/or dropping redundant columns",
        ),
        Claim(
            "exact_error_over_ridge",
            at_least=2,
            says="With fewer patients than columns, a penalty predicts new patients better than an exact "
            "fit,",
            lecture="the fitting is controlled by regularization",
        ),
        Claim("mean_error_over_ridge", at_least=1.05, says="and better than the mean of those patients."),
        Claim(
            "covariance_error",
            at_most=0.25,
            says="Over simulated studies the coefficients scatter with covariance (X'X)^-1 sigma^2, each "
            "pair of them (error relative to the deviations).",
            lecture="Var(b) = (X'X)^-1 sigma^2",
        ),
        Claim(
            "interval_coverage",
            at_least=0.935,
            at_most=0.965,
            says="A 95 % interval contains the true coefficient in 95 % of the studies,",
            lecture="confidence intervals for the parameters",
        ),
        Claim(
            "region_coverage",
            at_least=0.92,
            at_most=0.98,
            says="and the 95 % ellipsoid contains all of them at once.",
            lecture="a multivariate normal distribution",
        ),
        Claim(
            "sigma_correlation",
            at_most=0.15,
            says="Neither the coefficients' errors nor the errors' size go with the estimate of sigma.",
            lecture="b and sigma^2 are statistically independent",
        ),
        Claim(
            "false_alarms",
            at_least=0.025,
            at_most=0.08,
            says="The t-test at 5 % finds an effect of a column that has none in 5 % of the studies.",
            lecture="tests of hypothesis",
        ),
        Claim(
            "coverage_with_shared_errors",
            at_most=0.8,
            says="Where neighbors share half of their error, the same 95 % interval is too narrow.",
            lecture="the y_i are conditionally independent given the inputs x_i",
        ),
        Claim(
            "descent_gap",
            at_most=1e-4,
            says="Gradient descent on a Keras layer finds the closed form's weights.",
        ),
        Claim(
            "reference_gap", at_most=1e-8, says="Our few lines agree with least squares by singular values."
        ),
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run linear_regression --steps 20`: which claim falls? What is the smallest eigenvalue's part
# in it?
#
# <details><summary>Answer</summary>
#
# `descent_gap`, and only that one. Along the eigenvector of the smallest eigenvalue the error shrinks
# slowest, by `1 - 2 s / (s + l)` a step, s the smallest and l the largest eigenvalue: columns that nearly
# depend on each other make `s` small. The closed form does not mind.
#
# </details>
#
# **2.** `suite run linear_regression --studies 20`: which claims fall first, and is the theory wrong?
#
# <details><summary>Answer</summary>
#
# Covariance, region, independence and false alarms, four at once. The theory is right; twenty studies are too
# few to see it: a share of 5 % of twenty is one study, and a correlation of twenty pairs is off by 0.2 by
# chance. A bound has to be farther away than the spread of the experiment.
#
# </details>
#
# **3.** Replace `len(X) - X.shape[1]` by `len(X)` in `repeat`. Which claims notice it with 309 patients?
# Which would, with 30?
#
# <details><summary>Answer</summary>
#
# None, with 309: sigma comes out 2 % too small, and the intervals cover 94.6 % instead of 95. With 30
# patients and ten columns they cover 89 %, so `interval_coverage` would fall. Little data makes the
# difference, and there one would not see it without a simulation.
#
# </details>
#
# **4.** Why is the trace of H the number of columns?
#
# <details><summary>Answer</summary>
#
# The trace does not change when factors rotate: trace(X (X'X)^-1 X') = trace((X'X)^-1 X'X) = trace(I) = p. It
# is the number of directions in which the fit may follow y, noise included. That is why p degrees of freedom
# are missing from the estimate of sigma.
#
# </details>
#
# ## To take away
#
# - Least squares drops a perpendicular on the space of the columns; the normal equations say nothing else.
# - Linear in the parameters: logarithms, powers, categories and products are columns like any other.
# - If columns depend on each other, believe the predictions and not the coefficients; drop a column, or
#   penalize.
# - The formula for the uncertainty is right when its assumptions are. Errors shared between neighbors break
#   it quietly: the fit looks the same.
# - The notes write the model for one patient as a row times a column, `X' b`, and stack patients as the rows
#   of X, as we do.
#
# *Next: [linear_classification](linear_classification.md), where the answer is a class.*
