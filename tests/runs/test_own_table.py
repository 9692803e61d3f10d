import csv

import keras
import numpy as np
import pytest
from scipy import stats
from sklearn import linear_model

from recipes.week1_optimization import regularization
from suite.data.source import Source
from suite.data.splits import SPLITS
from suite.runs import own_table
from suite.runs.recipe import Context


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """300 houses; the area stands there in two units, and names are such as no model's input may have."""
    rng = np.random.default_rng(0)
    area, rooms, year = rng.uniform(30, 250, 300), rng.integers(1, 9, 300), rng.integers(1900, 2024, 300)
    price = 20_000 + 3000 * area + 9000 * rooms + 400 * (year - 1950) + 40_000 * rng.normal(size=300)
    path = tmp_path_factory.mktemp("houses") / "houses.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Fläche (m²)", "class", "subtract", "sq ft", "price"])
        writer.writerows(zip(area, rooms, year, 10.7639 * area, price, strict=True))
    return path


def context_of(path, folder, seed=0):
    keras.utils.set_random_seed(seed)
    return Context(seed, Source.parse(path), folder)


def test_least_squares_in_the_units_of_the_file(houses, tmp_path):
    result = own_table.regression(context_of(houses, tmp_path), None)
    assert result.data["columns"] == ["Fläche (m²)", "class", "subtract"]
    assert result.data["notes"] == ["left out 1 column: sq ft (sums of others, in training)"]
    (export,) = result.exports
    assert [each.name for each in export.model.inputs] == ["Flache_m2", "class_", "subtract_column"]
    assert list(export.inputs) == ["Flache_m2", "class_", "subtract_column"]
    X = np.column_stack([export.calibration[name][:, 0] for name in export.inputs]).astype(np.float64)
    assert len(X) == result.data["train"] == 180
    with houses.open() as file:
        rows = {float(row[0]): row for row in list(csv.reader(file))[1:]}
    nearest = np.array(list(rows))
    y = np.array([float(rows[nearest[np.abs(nearest - area).argmin()]][-1]) for area in X[:, 0]])
    theirs = linear_model.LinearRegression().fit(X, y)
    table = np.array([row[1:] for row in result.tables[0].rows], float)
    np.testing.assert_allclose(table[:, 0], [theirs.intercept_, *theirs.coef_], rtol=2e-3)
    design = np.insert(X, 0, 1, axis=1)
    sigma = np.linalg.norm(y - theirs.predict(X)) / np.sqrt(180 - 4)
    assert result.metrics["residual_deviation"] == pytest.approx(sigma, rel=1e-4)
    errors = sigma * np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    np.testing.assert_allclose(table[:, 1], errors, rtol=2e-3)
    width = stats.t.ppf(0.975, 176) * errors
    np.testing.assert_allclose(table[:, 5] - table[:, 4], 2 * width, rtol=2e-2)
    tests = np.column_stack([export.inputs[name][:, 0] for name in export.inputs])
    answers = export.model.predict(export.inputs, verbose=0)[:, 0]
    np.testing.assert_allclose(answers, theirs.predict(tests), rtol=1e-4)
    assert export.metric.function({"price": answers}, export.targets) == result.metrics["test_r2"] > 0.8


def test_the_penalties_of_ridge_and_lasso(houses, tmp_path):
    ways = regularization.ridge, regularization.lasso
    result = own_table.penalized(context_of(houses, tmp_path), "price", *ways, 2000)
    assert result.metrics["test_r2"] > 0.8 and len(result.data["columns"]) == 4  # both areas
    best = result.data["exported"]
    score = result.metrics[f"validation_r2_{best}"]
    assert score == max(result.metrics[f"validation_r2_{name}"] for name in ("ridge", "lasso"))
    assert result.metrics["validation_r2"] == pytest.approx(score, abs=1e-5)


def test_more_columns_than_rows(tmp_path):
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(40, 31)).round(4)
    numbers[:, -1] = numbers[:, :3].sum(axis=1) + 0.1 * rng.normal(size=40)
    path = tmp_path / "wide.csv"
    names = ",".join([*(f"x{column}" for column in range(30)), "y"])
    np.savetxt(path, numbers, delimiter=",", header=names, comments="")
    message = "^expected more rows of training than unknowns in .*, received 24 and 24; add rows, leave"
    with pytest.raises(ValueError, match=message):
        own_table.regression(context_of(path, tmp_path), None)
    ways = regularization.ridge, regularization.lasso
    assert own_table.penalized(context_of(path, tmp_path), None, *ways, 2000).metrics["lasso_zeros"] > 5
    wide = ",".join(f"x{column}" for column in range(302))
    np.savetxt(path, rng.normal(size=(30, 302)), delimiter=",", header=wide, comments="")
    with pytest.raises(
        ValueError, match="^expected at most 300 columns of numbers in .*, received 301; leave"
    ):
        own_table.penalized(context_of(path, tmp_path), None, *ways, 20)


def test_classes_by_the_penalty_that_is_best_on_validation(tmp_path):
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 3, 300)
    X = rng.normal(size=(300, 3)) * [1, 100, 1e-3] + kinds[:, None] * [2, -150, 0]
    path = tmp_path / "kinds.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "probabilities", "kind"])
        writer.writerows([*row, "rgb"[kind]] for row, kind in zip(X, kinds, strict=True))
    result = own_table.classification(context_of(path, tmp_path), None)
    assert result.data["classes"] == ["b", "g", "r"]
    (export,) = result.exports
    assert [each.name for each in export.model.inputs] == ["a", "b", "probabilities_1"]
    answers = export.model.predict(export.inputs, verbose=0)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)
    assert np.mean(answers.argmax(axis=1) == export.targets) == result.metrics["test_accuracy"] > 0.8
    assert result.baselines[0].value < 0.5 and result.intervals["test_accuracy"].low > 0.5
    assert all(f"{part}_accuracy" in result.metrics for part in SPLITS)
