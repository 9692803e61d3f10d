import numpy as np
import pytest
import statsmodels.api as sm

from suite.linear import least_squares


def problem(rows=60, columns=5, seed=0):
    random = np.random.default_rng(seed)
    X = np.column_stack(
        [np.ones(rows), random.normal(size=(rows, columns - 1)) * 10.0 ** np.arange(columns - 1)]
    )
    return X, X @ random.normal(size=columns) + random.normal(size=rows) * 3


@pytest.mark.parametrize(("rows", "confidence"), [(60, 0.95), (7, 0.9), (2000, 0.999)])
def test_equals_statsmodels(rows, confidence):
    X, y = problem(rows)
    fit, expected = least_squares.fit(X, y, confidence=confidence), sm.OLS(y, X).fit()
    pairs = {
        "coefficients": (fit.coefficients, expected.params),
        "fitted_values": (fit.fitted_values, expected.fittedvalues),
        "residuals": (fit.residuals, expected.resid),
        "sigma": (fit.sigma, np.sqrt(expected.scale)),
        "covariance": (fit.covariance, expected.cov_params()),
        "standard_errors": (fit.standard_errors, expected.bse),
        "t_values": (fit.t_values, expected.tvalues),
        "p_values": (fit.p_values, expected.pvalues),
        "confidence_intervals": (fit.confidence_intervals, expected.conf_int(1 - confidence)),
    }
    for name, (received, wanted) in pairs.items():
        np.testing.assert_allclose(received, wanted, rtol=1e-8, atol=1e-300, err_msg=name)  # measured 4e-11
    assert (fit.rank, fit.degrees_of_freedom) == (5, expected.df_resid)


def test_reaches_the_certified_values_of_longley():
    """NIST StRD: condition number 5e9, certified to 15 digits."""
    data = sm.datasets.longley.load_pandas()
    X = np.column_stack(
        [np.ones(16), data.exog[["GNPDEFL", "GNP", "UNEMP", "ARMED", "POP", "YEAR"]].to_numpy()]
    )
    fit = least_squares.fit(X, data.endog.to_numpy())
    coefficients = [
        -3482258.63459582, 15.0618722713733, -0.358191792925910e-01, -2.02022980381683,
        -1.03322686717359, -0.511041056535807e-01, 1829.15146461355,
    ]  # fmt: skip
    standard_errors = [
        890420.383607373, 84.9149257747669, 0.334910077722432e-01, 0.488399681651699,
        0.214274163161675, 0.226073200069370, 455.478499142212,
    ]  # fmt: skip
    np.testing.assert_allclose(fit.coefficients, coefficients, rtol=1e-9)  # measured 1.3e-11
    np.testing.assert_allclose(fit.standard_errors, standard_errors, rtol=1e-9)  # measured 1.3e-12
    np.testing.assert_allclose(fit.sigma, 304.854073561965, rtol=1e-9)


def test_hat_matrix_projects():
    X, y = problem()
    H, fit = least_squares.hat_matrix(X), least_squares.fit(X, y)
    np.testing.assert_allclose(H, H.T, atol=1e-12)
    np.testing.assert_allclose(H @ H, H, atol=1e-12)
    np.testing.assert_allclose(np.trace(H), 5, atol=1e-12)
    np.testing.assert_allclose(H @ y, fit.fitted_values, rtol=1e-10)
    cosines = X.T @ fit.residuals / np.linalg.norm(X, axis=0) / np.linalg.norm(fit.residuals)
    np.testing.assert_allclose(cosines, 0, atol=1e-11)


def test_redundant_dummy_leaves_the_fitted_values_unique():
    random = np.random.default_rng(1)
    levels, x = random.integers(0, 3, 40), random.normal(size=40)
    y = levels + x + random.normal(size=40)
    redundant = np.column_stack([np.ones(40), x, levels == 0, levels == 1, levels == 2])
    full = redundant[:, :4]
    expected, received = least_squares.fit(full, y), least_squares.fit(redundant, y)
    assert (received.rank, received.degrees_of_freedom) == (4, 36)
    np.testing.assert_allclose(received.fitted_values, expected.fitted_values, atol=1e-10)
    np.testing.assert_allclose(received.sigma, expected.sigma, rtol=1e-10)
    np.testing.assert_allclose(received.coefficients, np.linalg.pinv(redundant) @ y, atol=1e-10)
    assert least_squares.redundant_columns(redundant) == (4,)
    np.testing.assert_allclose(np.trace(least_squares.hat_matrix(redundant)), 4)
    with pytest.raises(
        ValueError,
        match=r"^expected linearly independent columns, received rank 4 for 5 columns; "
        r"drop those that redundant_columns\(X\) names$",
    ):
        _ = received.standard_errors


def test_more_columns_than_rows_interpolates():
    X, y = problem(rows=6, columns=10)
    fit = least_squares.fit(X, y)
    assert (fit.rank, fit.degrees_of_freedom) == (6, 0)
    np.testing.assert_allclose(fit.fitted_values, y, rtol=1e-9)
    np.testing.assert_allclose(X @ fit.coefficients, y, rtol=1e-6)
    null_space = np.linalg.svd(X)[2][6:]
    np.testing.assert_allclose(null_space @ fit.coefficients, 0, atol=1e-9)  # the shortest solution
    with pytest.raises(
        ValueError, match="^expected more rows than independent columns, received 6 rows for rank 6"
    ):
        _ = fit.sigma
    with pytest.raises(
        ValueError, match="^expected linearly independent columns, received rank 6 for 10 columns"
    ):
        _ = fit.p_values


def test_as_many_rows_as_columns_leaves_no_noise_to_estimate():
    X, y = problem(rows=5)
    with pytest.raises(
        ValueError, match="^expected more rows than independent columns, received 5 rows for rank 5"
    ):
        _ = least_squares.fit(X, y).confidence_intervals


def test_redundant_columns_name_the_later_ones():
    random = np.random.default_rng(2)
    a, b, c = random.normal(size=(3, 20)) * np.array([[1], [1e6], [1e-6]])
    X = np.column_stack([a, 3 * a, b, a + b, c, np.zeros(20), c - 2 * b])
    assert least_squares.redundant_columns(X) == (1, 3, 5, 6)
    assert least_squares.redundant_columns(X[:, [0, 2, 4]]) == ()
    assert least_squares.redundant_columns(random.normal(size=(3, 5))) == (3, 4)


X, Y = np.eye(3), np.ones(3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(X=Y, y=Y), r"expected X as a non-empty matrix \(rows, columns\), received shape \(3,\)"),
        (
            dict(X=np.zeros((0, 2)), y=[]),
            r"expected X as a non-empty matrix \(rows, columns\), received shape \(0, 2\)",
        ),
        (dict(X=X, y=Y[:2]), r"expected y with shape \(3,\), one value per row of X, received \(2,\)"),
        (dict(X=X, y=Y[:, None]), r"expected y with shape \(3,\), one value per row of X, received \(3, 1\)"),
        (
            dict(X=np.where(X == 1, np.nan, X)[:, :2], y=Y),
            r"expected finite values in X, received NaN or infinity in columns \[0, 1\]; drop or impute .*",
        ),
        (
            dict(X=X, y=[1, np.inf, 2]),
            "expected finite values in y, received NaN or infinity; drop or impute those rows",
        ),
        (dict(X=X, y=Y, confidence=95), "expected confidence between 0 and 1, received 95; 0.95 is usual"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        least_squares.fit(**arguments)


@pytest.mark.parametrize("condition", [1e1, 1e5, 9e5, 1.1e6, 1e10])
@pytest.mark.parametrize("rows", [59, 60, 1000])  # 4 rows a column and more take products of matrices
def test_the_svd_is_as_accurate_whatever_the_condition_and_shape(condition, rows):
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.normal(size=(side, 15)))[0] for side in (rows, 15))
    X = U * np.geomspace(1, 1 / condition, 15) @ V.T
    left, singular_values, right = least_squares.thin_svd(X)
    np.testing.assert_allclose(left.T @ left, np.eye(15), atol=2e-14)  # 4e-15 seen
    np.testing.assert_allclose(right @ right.T, np.eye(15), atol=2e-14)
    np.testing.assert_allclose(left * singular_values @ right, X, atol=5e-15)  # 6e-16 seen
    assert np.all(np.diff(singular_values) < 0)


def test_the_svd_of_a_tall_matrix_drops_dependent_columns_and_bears_huge_values():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    left, singular_values, right = least_squares.thin_svd(np.column_stack([X, X @ np.ones(5)]))
    assert len(singular_values) == 5 and left.shape == (200, 5) and right.shape == (5, 6)
    huge = least_squares.thin_svd(1e200 * X)  # its X'X is infinite
    np.testing.assert_allclose(huge[1], 1e200 * least_squares.thin_svd(X)[1], rtol=1e-12)


def test_small_remainders_are_taken_for_rounding_where_that_is_said():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 50))
    X = np.column_stack([x, y, x + y + 1e-8 * rng.normal(size=50)])
    assert least_squares.redundant_columns(X) == ()
    assert least_squares.redundant_columns(X, 1e-6) == (2,)


def test_a_fit_in_other_units():
    rng = np.random.default_rng(0)
    X, y = np.column_stack([np.ones(30), rng.normal(size=(30, 2))]), rng.normal(size=30)
    change = np.array([[1, 0.5, -2], [0, 3, 0], [0, 0, 1e-2]])
    expected = least_squares.fit(X @ np.linalg.inv(change), y)
    received = least_squares.fit(X, y).transformed(change)
    np.testing.assert_allclose(received.coefficients, expected.coefficients)
    np.testing.assert_allclose(received.covariance, expected.covariance)
    np.testing.assert_allclose(received.confidence_intervals, expected.confidence_intervals)
    assert received.sigma == pytest.approx(expected.sigma)
