"""Fit a linear model in closed form, infer its coefficients, and reach them again by gradient descent.

Week 1, "Linear regression".
Claim: the hat matrix projects (1e-9); where columns depend on each other, two solutions are at least 0.1
       apart and their fitted values equal (1e-8); over 1,000 simulated samples 95 % intervals cover in 0.93
       to 0.97, the variances of the coefficients are within 0.2 of theory and their correlation with sigma
       at most 0.15; a Keras Dense(1) trained by our gradient descent reaches the closed form to 1e-4.
Cost:  10 s on 2 CPU cores, most of it the exports.
Run:   suite run linear_regression
"""

import dataclasses
from typing import TypeAlias

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.data.sets import tabular
from suite.data.splits import SPLITS, split_rows
from suite.evaluation import plots
from suite.evaluation.metrics import Metric, r2
from suite.evaluation.table import Table
from suite.linear import least_squares
from suite.models.standardized_linear import standardized_linear
from suite.optimizers import GradientDescent
from suite.runs.recipe import Claim, Context, Export, Result, Task, at_most

MEASUREMENTS = ("age", "sex", "bmi", "bp", "s3", "s5")


@dataclasses.dataclass(frozen=True)
class Config:
    simulations: int = 1000  # samples drawn from the fitted model
    steps: int = 200  # of gradient descent, each on all training rows


SMOKE = Config(simulations=50)

CLAIMS = (
    *at_most(
        1e-9,
        "hat_asymmetry",
        "hat_idempotence_error",
        "hat_trace_error",
        "hat_fitted_values_error",
        "residual_cosine",
    ),
    Claim("full_rank_coefficients_gap", at_most=1e-8),
    Claim("redundant_dummy_coefficients_gap", at_least=0.1),
    Claim("redundant_dummy_fitted_gap", at_most=1e-8),
    Claim("more_columns_than_rows_coefficients_gap", at_least=0.1),
    Claim("more_columns_than_rows_fitted_gap", at_most=1e-8),
    Claim("interval_coverage", at_least=0.93, at_most=0.97),
    Claim("simulated_variance_error", at_most=0.2),
    Claim("coefficient_sigma_correlation", at_most=0.15),
    Claim("gradient_descent_gap", at_most=1e-4),
)


Column: TypeAlias = np.ndarray | keras.KerasTensor  # of data, or of a Keras model


def design(age: Column, sex: Column, bmi: Column, bp: Column, s3: Column, s5: Column) -> dict[str, Column]:
    """The columns of X but for the ones, from NumPy arrays or from the inputs of a Keras model alike."""
    over_40, over_60 = (keras.ops.cast(age >= years, bmi.dtype) for years in (40, 60))
    return {
        "bmi": bmi,  # quantitative inputs
        "s5": s5,
        "log(s3)": keras.ops.log(s3),  # a transformation
        "bp": bp - 95,  # a basis expansion: a polynomial in the blood pressure, around its center
        "bp^2": (bp - 95) ** 2,
        "sex[2]": keras.ops.cast(sex > 1.5, bmi.dtype),  # dummy coding; the first level has no column
        "age[40-59]": over_40 - over_60,
        "age[60+]": over_60,
        "bmi*bp": (bmi - 26) * (bp - 95),  # an interaction
    }


def projection_errors(X: np.ndarray, y: np.ndarray, fit: least_squares.LeastSquaresFit) -> dict[str, float]:
    """H is symmetric and idempotent, trace(H) = p, H y the fitted values; residuals are orthogonal to X."""
    H = least_squares.hat_matrix(X)
    cosines = fit.residuals @ X / (np.linalg.norm(X, axis=0) * np.linalg.norm(fit.residuals))
    return {
        "hat_asymmetry": np.abs(H - H.T).max(),
        "hat_idempotence_error": np.abs(H @ H - H).max(),
        "hat_trace_error": abs(np.trace(H) - X.shape[1]),
        "hat_fitted_values_error": np.abs(H @ y / fit.fitted_values - 1).max(),
        "residual_cosine": np.abs(cosines).max(),
    }


def solution_gaps(name: str, X: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Solves in two systems of units; the shortest solution depends on them, unless there is only one."""
    units = np.maximum(np.linalg.norm(X, axis=0), 1e-3)  # a dummy may be 0 in all of a few rows
    one, other = least_squares.fit(X, y), least_squares.fit(X / units, y)
    difference = np.linalg.norm(one.coefficients - other.coefficients / units)
    return {
        f"{name}_coefficients_gap": difference / np.linalg.norm(one.coefficients),
        f"{name}_fitted_gap": np.abs(one.fitted_values - other.fitted_values).max(),
    }


def simulate(
    X: np.ndarray, fit: least_squares.LeastSquaresFit, config: Config, seed: int
) -> dict[str, float]:
    """Draws samples of Gaussian noise around X b, b and sigma known, and infers b and sigma from each."""
    noise = np.random.default_rng(seed).normal(size=(len(X), config.simulations))
    samples = fit.fitted_values[:, None] + fit.sigma * noise
    coefficients = np.linalg.lstsq(X, samples)[0]  # (p, simulations)
    sigmas = np.linalg.norm(samples - X @ coefficients, axis=0) / np.sqrt(fit.degrees_of_freedom)
    half_widths = (fit.confidence_intervals[:, 1:] - fit.coefficients[:, None]) * sigmas / fit.sigma
    covered = np.abs(coefficients - fit.coefficients[:, None]) <= half_widths
    variances = coefficients.var(axis=1) / np.diag(fit.covariance)  # theory: sigma^2 (X'X)^-1
    correlations = np.corrcoef(coefficients, sigmas)[-1, :-1]  # theory: independent
    return {
        "interval_coverage": covered.mean(),
        "simulated_variance_error": np.abs(variances - 1).max(),
        "coefficient_sigma_correlation": np.abs(correlations).max(),
    }


def build_model(means: np.ndarray, deviations: np.ndarray) -> keras.Model:
    """Raw measurements in, progression of the disease out; the columns are standardized on the way."""
    inputs = {name: keras.Input((1,), name=name) for name in MEASUREMENTS}
    columns = design(**inputs).values()
    return standardized_linear(
        list(inputs.values()), columns, means, deviations, "progression", "linear_regression"
    )


def descend(
    model: keras.Model, inputs: list, y: np.ndarray, correlations: np.ndarray, steps: int, context: Context
) -> None:
    """Gradient descent on all rows at the fastest constant rate: the Hessian is twice the correlations."""
    curvatures = 2 * np.linalg.eigvalsh(correlations)
    model.compile(GradientDescent(2 / (curvatures[0] + curvatures[-1])), "mse")
    batches = tf.data.Dataset.from_tensors((tuple(inputs), y[:, None])).repeat()
    context.fit(model, batches, steps_per_epoch=steps)


def run(config: Config, context: Context) -> Result:
    data = tabular.load_diabetes(raw=True)
    raw = {name: data.column(name) for name in MEASUREMENTS}
    columns = {"intercept": np.ones(len(data.targets)), **design(**raw)}
    X, y, names = np.column_stack(list(columns.values())), data.targets, list(columns)
    splits = dict(zip(SPLITS, split_rows(len(y), context.seed), strict=True))
    float32 = [values[:, None].astype(np.float32) for values in raw.values()]
    inputs = {part: [values[rows] for values in float32] for part, rows in splits.items()}
    train, test = splits["train"], splits["test"]

    fit = least_squares.fit(X[train], y[train])
    both_sexes = np.column_stack([X, 1 - columns["sex[2]"]])  # adds up to the intercept: redundant
    too_few = train[: len(names) - 3]  # fewer patients than columns
    metrics = {
        **projection_errors(X[train], y[train], fit),
        **solution_gaps("full_rank", X[train], y[train]),
        **solution_gaps("redundant_dummy", both_sexes[train], y[train]),
        **solution_gaps("more_columns_than_rows", X[too_few], y[too_few]),
        **simulate(X[train], fit, config, context.seed),
        "residual_standard_error": fit.sigma,
        "bmi_t": fit.t_values[names.index("bmi")],
    }

    means, deviations = X[train, 1:].mean(axis=0), X[train, 1:].std(axis=0)
    model = build_model(means, deviations)
    descend(model, inputs["train"], y[train], np.corrcoef(X[train, 1:].T), config.steps, context)
    kernel, bias = model.get_layer("progression").get_weights()
    effects = fit.coefficients[1:] * deviations  # the closed form, in the units of the standardized columns
    gaps = np.append(kernel[:, 0] - effects, bias - y[train].mean())
    metrics["gradient_descent_gap"] = np.abs(gaps).max() / np.abs(effects).max()
    for part in ("validation", "test"):
        metrics[f"{part}_r2"] = r2(model(inputs[part]), y[splits[part]])

    metric = Metric("test_r2", lambda outputs, targets: r2(outputs["progression"], targets))
    return Result(
        metrics=metrics,
        figures={"fit": draw(names[1:], effects, fit.confidence_intervals[1:] * deviations[:, None], fit)},
        tables=[Table("Coefficients", *fit.table(names))],
        exports=[
            Export(
                model, inputs["test"], inputs["train"], targets=y[test], metric=metric, task=Task.REGRESSOR
            )
        ],
        data={"source": "embedded", **{part: len(rows) for part, rows in splits.items()}},
    )


def draw(
    names: list[str], effects: np.ndarray, intervals: np.ndarray, fit: least_squares.LeastSquaresFit
) -> Figure:
    figure, (left, right) = plots.new_figure(width=9.6, columns=2)
    left.errorbar(effects, names, xerr=np.abs(intervals.T - effects), fmt="o", capsize=3)
    left.axvline(0, color=plots.MUTED, linewidth=1)
    left.set(title="Effect of one standard deviation, 95 % intervals", xlabel="change of the progression")
    left.invert_yaxis()
    right.scatter(fit.fitted_values, fit.residuals, s=12)
    right.axhline(0, color=plots.MUTED, linewidth=1)
    right.set(title="Residuals of the training patients", xlabel="fitted value", ylabel="residual")
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
