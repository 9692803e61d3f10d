import numpy as np
import pytest
from scipy import optimize
from sklearn.linear_model import Lasso, Ridge

from suite.linear.penalized import least_squares_within, project_l1_ball, project_l2_ball, ridge

RNG = np.random.default_rng(0)
POINT = np.array([3.0, -0.2, 0.0, -1.7, 0.6, 0.2])


def some_data(n: int, p: int) -> tuple[np.ndarray, np.ndarray]:
    X = RNG.normal(size=(n, p)) * np.geomspace(0.1, 30, p)
    return X, X @ RNG.normal(size=p) + RNG.normal(size=n)


@pytest.mark.parametrize("shape", [(40, 6), (5, 9)])
@pytest.mark.parametrize("l2", [1e-3, 0.3, 20.0])
def test_ridge_against_scikit_learn(shape, l2):
    X, y = some_data(*shape)
    expected = Ridge(alpha=l2 * len(y), fit_intercept=False, solver="svd").fit(X, y).coef_
    np.testing.assert_allclose(ridge(X, y, l2), expected, rtol=1e-9, atol=1e-12)  # measured 1e-13


def test_ridge_is_where_the_derivative_vanishes():
    X, y = some_data(40, 6)
    w = ridge(X, y, 0.7)
    np.testing.assert_allclose(2 * X.T @ (X @ w - y) / len(y) + 2 * 0.7 * w, 0, atol=1e-9)  # measured 1e-12


@pytest.mark.parametrize("shape", [(40, 6), (5, 9)])
def test_ridge_without_a_penalty_is_least_squares(shape):
    X, y = some_data(*shape)
    np.testing.assert_allclose(ridge(X, y, 0), np.linalg.lstsq(X, y)[0], rtol=1e-8)


@pytest.mark.parametrize(("project", "order"), [(project_l1_ball, 1), (project_l2_ball, 2)])
@pytest.mark.parametrize("radius", [0.3, 2.0, 4.5])
def test_projections_against_a_constrained_optimizer(project, order, radius):
    if order == 1:  # smooth for SLSQP: w = plus - minus, both >= 0
        split, inside = (lambda z: z[:6] - z[6:]), (lambda z: radius - z.sum())
        bounds, start = [(0, None)] * 12, np.full(12, radius / 24)
    else:
        split, inside = (lambda z: z), (lambda z: radius**2 - z @ z)
        bounds, start = None, np.full(6, radius / 6)
    found = optimize.minimize(
        lambda z: np.sum((split(z) - POINT) ** 2),
        start,
        bounds=bounds,
        constraints={"type": "ineq", "fun": inside},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    received = project(POINT, radius)
    np.testing.assert_allclose(received, split(found.x), atol=1e-5)  # measured 3e-8, SLSQP's
    assert np.linalg.norm(received, order) <= np.linalg.norm(POINT, order)


def test_l1_projection_has_exact_zeros_and_radius():
    received = project_l1_ball(POINT, 2.0)
    assert np.sum(received == 0) >= 3
    np.testing.assert_allclose(np.abs(received).sum(), 2.0, rtol=1e-12)


@pytest.mark.parametrize("project", [project_l1_ball, project_l2_ball])
def test_projections_leave_what_is_inside_and_empty_a_ball_of_none(project):
    np.testing.assert_array_equal(project(POINT, 100.0), POINT)
    np.testing.assert_array_equal(project(POINT, 0.0), 0 * POINT)


@pytest.mark.parametrize("project", [project_l1_ball, project_l2_ball])
def test_least_squares_within_a_ball_that_holds_the_solution(project):
    X, y = some_data(40, 3)
    X = X / np.linalg.norm(X, axis=0)  # well conditioned, so that a few steps are enough
    received = least_squares_within(X, y, project, 1e6, steps=1000)
    np.testing.assert_allclose(received, np.linalg.lstsq(X, y)[0], rtol=1e-9)


@pytest.mark.parametrize("l2", [1e-2, 1.0])
def test_least_squares_within_the_length_of_the_ridge_solution_is_ridge(l2):
    X, y = some_data(40, 3)
    X = X / np.linalg.norm(X, axis=0)
    expected = ridge(X, y, l2)
    received = least_squares_within(X, y, project_l2_ball, np.linalg.norm(expected), steps=2000)
    np.testing.assert_allclose(received, expected, rtol=1e-6)


def test_least_squares_within_the_size_of_the_lasso_solution_is_the_lasso():
    X, y = some_data(40, 6)
    X = X / X.std(axis=0)
    expected = Lasso(alpha=2.0, fit_intercept=False, tol=1e-12).fit(X, y).coef_
    received = least_squares_within(X, y, project_l1_ball, np.abs(expected).sum(), steps=5000)
    assert 0 < np.sum(expected == 0) < 6
    np.testing.assert_allclose(received, expected, atol=1e-6)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_sizes_are_checked(value):
    with pytest.raises(ValueError, match=f"^expected l2 >= 0 and finite, received {value}$"):
        ridge(*some_data(9, 2), value)
    for project in (project_l1_ball, project_l2_ball):
        with pytest.raises(ValueError, match=f"^expected radius >= 0 and finite, received {value}$"):
            project(POINT, value)


def test_bad_data():
    X, y = some_data(9, 2)
    with pytest.raises(ValueError, match=r"expected y with shape \(9,\).*received \(8,\)"):
        ridge(X, y[1:], 1.0)
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"received NaN or infinity in columns \[1\]"):
        ridge(X, y, 1.0)


@pytest.mark.parametrize("condition", [1e2, 9e5, 1e9])
@pytest.mark.parametrize("l2", [0.0, 1e-10, 1e-3])
def test_ridge_is_as_accurate_as_singular_values_whatever_the_condition(condition, l2):
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.normal(size=(side, 15)))[0] for side in (500, 15))
    S, y = np.geomspace(1, 1 / condition, 15), rng.normal(size=500)
    exact = V @ (S / (S**2 + 500 * l2) * (U.T @ y))
    found = ridge(U * S @ V.T, y, l2)
    # 1e-16 times the condition number of what is solved: what LAPACK's SVD leaves, too.
    bound = 1e-14 * S[0] / np.sqrt(S[-1] ** 2 + 500 * l2)
    assert np.linalg.norm(found - exact) <= max(bound, 1e-12) * np.linalg.norm(exact)
