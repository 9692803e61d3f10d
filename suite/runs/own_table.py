"""Linear models of a user's table: fitted, measured beside the trivial answer, ready to export."""

import dataclasses
import re
from collections.abc import Callable

import keras
import numpy as np
from keras import layers
from matplotlib.figure import Figure

from suite.bundle.task import Task
from suite.data.sets import tabular
from suite.data.sets.csv_tables import TableSet
from suite.data.splits import SPLITS
from suite.deploy.export import Export, regressor_export
from suite.deploy.names import distinct_names, legal_name
from suite.evaluation import plots
from suite.evaluation.baselines import most_frequent_class
from suite.evaluation.classification import classification_tables, confusion
from suite.evaluation.confusion_matrix import confusion_matrix
from suite.evaluation.intervals import bootstrap, wilson
from suite.evaluation.metrics import Metric, accuracy, choose, cross_entropy, r2
from suite.evaluation.table import Table
from suite.linear import least_squares
from suite.linear.softmax_regression import fit_softmax_regression
from suite.runs.recipe import Context, Result

SOLVED = {"solved": "to the end"}  # in `Result.data`: no longer training would help
MOST_COLUMNS = 300  # inputs of a model
_ROUNDING = 1e-6  # of float32: what a column differs by from a sum of others
_CALIBRATION = 300
_SHOWN = 30
_STRENGTHS = np.geomspace(1e-5, 1, 6)  # of the penalty on squared weights, in nats
_TAKEN = re.compile(
    r"(subtract|true_divide|divide|concatenate|standardized)(_\d+)?"
)  # by layers of the model


@dataclasses.dataclass(frozen=True)
class _Columns:
    """Columns that do not depend on each other, and how training scales them."""

    table: TableSet
    means: np.ndarray
    deviations: np.ndarray

    def standardized(self, part: str) -> np.ndarray:
        return (self.table.features[part] - self.means) / self.deviations

    @property
    def input_names(self) -> list[str]:
        names = [legal_name(name, "input") for name in self.table.feature_names]
        names = [f"{name}_column" if _TAKEN.fullmatch(name) else name for name in names]
        return distinct_names(names, taken=[self.output_name])

    @property
    def output_name(self) -> str:
        name = legal_name(self.table.target_name, "output")
        return "probabilities" if self.table.classes else f"{name}_value" if _TAKEN.fullmatch(name) else name

    def inputs(self, part: str) -> dict[str, np.ndarray]:
        """Each column as an input of the model, `(n, 1)` float32."""
        columns = self.table.features[part].astype(np.float32).T[:, :, None]
        return dict(zip(self.input_names, columns, strict=True))

    def model(self, kernel: np.ndarray, bias: np.ndarray, activation: str | None, name: str) -> keras.Model:
        """From raw columns to the answer, by weights of standardized ones: `(p, k)` and `(k,)`."""
        inputs = [keras.Input((1,), name=each) for each in self.input_names]
        scales = zip(inputs, self.means.tolist(), self.deviations.tolist(), strict=True)
        columns = [(column - mean) / deviation for column, mean, deviation in scales]
        x = layers.Concatenate(name="standardized")(columns) if len(columns) > 1 else columns[0]
        dense = layers.Dense(kernel.shape[1], activation, name=self.output_name)
        model = keras.Model(inputs, dense(x), name=name)
        dense.set_weights([kernel, bias])
        return model


def _columns(table: TableSet, *, drops_redundant: bool = True) -> _Columns:
    train = table.features["train"]
    if train.shape[1] > MOST_COLUMNS:
        raise ValueError(
            f"expected at most {MOST_COLUMNS} columns of numbers in {table.source}, received "
            f"{train.shape[1]}; leave some out"
        )
    means, deviations = train.mean(axis=0), train.std(axis=0)
    if not drops_redundant:
        return _Columns(table, means, deviations)
    design = np.column_stack([np.ones(len(train)), (train - means) / deviations])
    redundant = [column - 1 for column in least_squares.redundant_columns(design, _ROUNDING)]
    kept = np.delete(np.arange(train.shape[1]), redundant)
    table = table.without(redundant, "sums of others, in training")
    return _Columns(table, means[kept], deviations[kept])


def regression(context: Context, target: str | None) -> Result:
    """Least squares of a quantity on all columns, with the inference of the Gaussian linear model.

    Args:
        context: Of the run; its source is the user's file, see `tabular.load`.
        target: As of `tabular.load`.

    Raises:
        ValueError: As of `tabular.load`; more columns than rows of training, or than a model should take.
    """
    columns = _columns(tabular.load(context.source, context.seed, target))
    table, train = columns.table, columns.standardized("train")
    rows, unknowns = len(train), train.shape[1] + 1
    if rows < unknowns + 1:
        raise ValueError(
            f"expected more rows of training than unknowns in {table.source}, received {rows} and "
            f"{unknowns}; add rows, leave columns out, or run regularization"
        )
    design = np.column_stack([np.ones(rows), train])
    fitted = least_squares.fit(design, table.targets["train"])
    own_units = np.diag([1, *1 / columns.deviations])
    own_units[0, 1:] = -columns.means / columns.deviations
    intercept, weights = fitted.coefficients[:1], fitted.coefficients[1:]
    note = (
        "For each unit of a column, the others staying as they are. The intervals suppose errors that are "
        "independent, and of one size everywhere."
    )
    headings, cells = fitted.transformed(own_units).table(["intercept", *table.feature_names])
    half_widths = np.ptp(fitted.confidence_intervals[1:], axis=1) / 2
    shown = np.argsort(-np.abs(fitted.t_values[1:]))[:_SHOWN]
    names = [table.feature_names[each] for each in shown]
    result = _of_quantity(columns, columns.model(weights[:, None], intercept, None, "linear_regression"))
    return dataclasses.replace(
        result,
        title=f"Linear regression of {table.target_name}",
        metrics={**result.metrics, "residual_deviation": fitted.sigma},
        figures={**result.figures, "effects": plots.effects(names, weights[shown], half_widths[shown])},
        tables=[Table("Coefficients", headings, cells, note)],
    )


def penalized(
    context: Context,
    target: str | None,
    ridge: Callable[..., np.ndarray],
    lasso: Callable[..., np.ndarray],
    steps: int,
) -> Result:
    """Ridge and lasso on all columns, each with the strength that is best on validation rows.

    Args:
        context: Of the run.
        target: As of `tabular.load`.
        ridge: Maps standardized columns `(n, p)`, a standardized target `(n,)` and a strength to weights
            `(p,)`; the strength is that of the sum of squares beside the mean squared error.
        lasso: The same for the sum of absolute values; its fourth argument is `steps`.
        steps: Of the lasso's descent.

    Raises:
        ValueError: As of `tabular.load`; more columns than a model should take.
    """
    columns = _columns(tabular.load(context.source, context.seed, target), drops_redundant=False)
    table, X = columns.table, columns.standardized("train")
    mean, deviation = table.targets["train"].mean(), table.targets["train"].std()
    y = (table.targets["train"] - mean) / deviation
    most = 2 * np.abs(X.T @ y).max() / len(y)  # from here on the lasso has no weight
    tried = {
        "ridge": (ridge, np.geomspace(1e-4, 10, 16)),
        "lasso": (lambda *given: lasso(*given, steps), most * np.geomspace(1e-3, 1, 12)),
    }
    held_out, truth = columns.standardized("validation"), table.targets["validation"]
    weights, strengths, scores = {}, {}, {}
    for name, (fit, candidates) in tried.items():
        path = np.array([fit(X, y, strength) for strength in candidates])
        errors = np.mean((path @ held_out.T * deviation + mean - truth) ** 2, axis=1)
        best = int(np.argmin(errors))
        weights[name], strengths[name] = path[best] * deviation, candidates[best]
        scores[name] = r2(held_out @ weights[name] + mean, truth)
    chosen = choose(scores, "R-squared")
    result = _of_quantity(columns, columns.model(weights[chosen][:, None], np.array([mean]), None, chosen))
    order = np.argsort(-np.abs(weights[chosen]))
    cells = [
        [
            table.feature_names[each],
            *(f"{weights[name][each] / columns.deviations[each]:.4g}" for name in tried),
        ]
        for each in order
    ]
    note = "For each unit of a column. Penalties are on standardized columns, so that units do not count."
    return dataclasses.replace(
        result,
        title=f"Ridge and lasso of {table.target_name}",
        metrics={
            **result.metrics,
            **{f"validation_r2_{name}": score for name, score in scores.items()},
            **{f"{name}_strength": strength for name, strength in strengths.items()},
            "lasso_zeros": np.sum(weights["lasso"] == 0),
        },
        tables=[Table("Weights", ["column", *tried], cells, note)],
        data={**result.data, "exported": chosen},
    )


def classification(context: Context, target: str | None) -> Result:
    """Softmax regression on all columns, with the penalty that is best on validation rows.

    Args:
        context: Of the run.
        target: As of `tabular.load`.

    Raises:
        ValueError: As of `tabular.load`; more columns than a model should take.
    """
    columns = _columns(tabular.load(context.source, context.seed, target, has_classes=True))
    table, classes = columns.table, columns.table.classes
    X = {part: columns.standardized(part) for part in SPLITS}
    fits: dict[float, tuple[float, np.ndarray, np.ndarray]] = {}
    for l2 in _STRENGTHS[::-1]:  # the strongest first: of equally good ones it is taken
        kernel, bias = fit_softmax_regression(X["train"], table.targets["train"], len(classes), l2=l2)
        odds = np.exp(_from_largest(X["validation"] @ kernel + bias))
        nats = cross_entropy(odds / odds.sum(axis=1, keepdims=True), table.targets["validation"])
        fits[nats] = fits.get(nats, (l2, kernel, bias))
    l2, kernel, bias = fits[min(fits)]
    model = columns.model(kernel, bias, "softmax", "softmax_regression")
    answers = {part: model.predict(columns.inputs(part), verbose=0) for part in SPLITS}
    metric = Metric("test_accuracy", lambda outputs, targets: accuracy(outputs["probabilities"], targets))
    known, truth = table.targets["train"], table.targets["test"]
    measured = accuracy(answers["test"], truth)
    order = np.argsort(-np.abs(kernel).max(axis=1))[:_SHOWN]
    cells = [[table.feature_names[each], *(f"{weight:.3g}" for weight in kernel[each])] for each in order]
    note = (
        f"For each standard deviation of a column, with a penalty of {l2:.2g}, which was best on validation. "
        "A column speaks for the classes of its largest weights."
    )
    weights = Table("Weights", ["column", *classes], cells, note)
    matrix = confusion(answers["test"], truth, len(classes))
    return Result(
        title=f"Linear classification by {table.target_name}",
        metrics={f"{part}_accuracy": accuracy(answers[part], table.targets[part]) for part in SPLITS},
        intervals={"test_accuracy": wilson(measured, len(truth), "rows")},
        baselines=[most_frequent_class(known, truth, classes)],
        figures={"confusion": confusion_matrix(matrix, classes)},
        tables=[*classification_tables(answers["test"], truth, classes), weights],
        exports=[
            Export(
                model, columns.inputs("test"), _first(columns.inputs("train")), truth, metric, classes,
                task=Task.CLASSIFIER,
            )
        ],
        data=table.describe() | SOLVED,
    )  # fmt: skip


def _from_largest(scores: np.ndarray) -> np.ndarray:
    return scores - scores.max(axis=1, keepdims=True)


def _first(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: each[:_CALIBRATION] for name, each in inputs.items()}


def _of_quantity(columns: _Columns, model: keras.Model) -> Result:
    """What is measured of a model of a quantity, and its export."""
    table, inputs = columns.table, {part: columns.inputs(part) for part in SPLITS}
    answers = {part: model.predict(inputs[part], verbose=0)[:, 0] for part in SPLITS}
    truth = table.targets["test"]
    interval = bootstrap(lambda rows: r2(answers["test"][rows], truth[rows]), len(truth), "rows")
    return Result(
        metrics={f"{part}_r2": r2(answers[part], table.targets[part]) for part in SPLITS},
        intervals={"test_r2": interval},
        figures={"answers": _draw_answers(answers["test"], truth, table.target_name)},
        exports=[regressor_export(model, inputs["test"], truth, _first(inputs["train"]))],
        data=table.describe() | SOLVED,
    )


def _draw_answers(answers: np.ndarray, truth: np.ndarray, name: str) -> Figure:
    figure, axes = plots.new_figure("Test rows: what the model says, and what is so", width=5.5, height=5)
    axes.plot(answers, truth, ".", alpha=0.6)
    ends = [min(answers.min(), truth.min()), max(answers.max(), truth.max())]
    axes.plot(ends, ends, ":", color=plots.MUTED)
    axes.locator_params(nbins=5)
    axes.set_xlabel(f"{name}, of the model", parse_math=False)
    axes.set_ylabel(name, parse_math=False)
    return figure
