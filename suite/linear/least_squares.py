"""Least squares by singular values, with the inference of the Gaussian linear model (NumPy, float64)."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow_probability as tfp
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular

MODEST_CONDITION = 1e6  # below it a design goes through products of matrices, 5 times as fast


@dataclasses.dataclass(frozen=True, eq=False)
class LeastSquaresFit:
    """A least-squares fit: what always exists as fields, the inference as properties.

    With linearly dependent columns the coefficients are the shortest of infinitely many solutions while
    `fitted_values`, `residuals` and `sigma` are unique; the inference on single coefficients then has no
    answer and its properties raise.

    Attributes:
        coefficients: `(p,)` float64.
        fitted_values: `(n,)` float64, the orthogonal projection of y onto the columns of X.
        residuals: `(n,)` float64, y - fitted_values.
        rank: Number of linearly independent columns of X, at most p.
        degrees_of_freedom: n - rank, what is left to estimate the noise from.
        confidence: Coverage of `confidence_intervals`, in (0, 1).
    """

    coefficients: np.ndarray
    fitted_values: np.ndarray
    residuals: np.ndarray
    rank: int
    degrees_of_freedom: int
    confidence: float
    _inverse_factor: np.ndarray = dataclasses.field(repr=False)  # A with A A' = (X'X)^-1, (p, rank)

    @functools.cached_property
    def sigma(self) -> float:
        """Residual standard error: sqrt(RSS / degrees_of_freedom), in units of y.

        Raises:
            ValueError: There are no degrees of freedom.
        """
        if self.degrees_of_freedom == 0:
            raise ValueError(
                f"expected more rows than independent columns, received {len(self.residuals)} rows for rank "
                f"{self.rank}; without residual degrees of freedom the noise cannot be estimated, add rows"
            )
        return float(np.linalg.norm(self.residuals) / np.sqrt(self.degrees_of_freedom))

    @functools.cached_property
    def covariance(self) -> np.ndarray:
        """`(p, p)` estimate of Var(coefficients) = sigma^2 (X'X)^-1.

        Raises:
            ValueError: There is no such estimate, as columns of X depend on each other.
        """
        if self.rank < len(self.coefficients):
            raise ValueError(
                f"expected linearly independent columns, received rank {self.rank} for "
                f"{len(self.coefficients)} columns; drop those that redundant_columns(X) names"
            )
        return self.sigma**2 * self._inverse_factor @ self._inverse_factor.T

    @functools.cached_property
    def standard_errors(self) -> np.ndarray:
        """`(p,)` standard errors of the coefficients."""
        return np.sqrt(np.diag(self.covariance))

    @functools.cached_property
    def t_values(self) -> np.ndarray:
        """`(p,)` statistics of the tests of coefficient = 0."""
        return self.coefficients / self.standard_errors

    @functools.cached_property
    def p_values(self) -> np.ndarray:
        """`(p,)` two-sided p-values of `t_values`."""
        return 2 * self._student_t().cdf(-np.abs(self.t_values)).numpy()

    @functools.cached_property
    def confidence_intervals(self) -> np.ndarray:
        """`(p, 2)` lower and upper ends, each interval with coverage `confidence` on its own."""
        quantile = self._student_t().quantile(np.float64((1 + self.confidence) / 2)).numpy()
        half_widths = quantile * self.standard_errors
        return np.stack([self.coefficients - half_widths, self.coefficients + half_widths], axis=1)

    def transformed(self, matrix: np.ndarray) -> "LeastSquaresFit":
        """The same fit with other coefficients, which are sums of these: of columns in other units, say.

        Args:
            matrix: `(q, p)`, invertible where the columns shall span what they did; the new coefficients are
                its product with the old.
        """
        return dataclasses.replace(
            self,
            coefficients=matrix @ self.coefficients,
            _inverse_factor=matrix @ self._inverse_factor,
        )

    def table(self, names: Sequence[str]) -> tuple[list[str], list[list[str]]]:
        """Headings and one row per coefficient, formatted for people.

        Args:
            names: Those of the p columns of X.
        """
        headings = ["column", "coefficient", "standard error", "t", "p", f"{self.confidence:.0%} from", "to"]
        numbers = [self.coefficients, self.standard_errors, self.t_values, self.p_values]
        rows = np.column_stack([*numbers, self.confidence_intervals])
        return headings, [[name, *(f"{x:.4g}" for x in row)] for name, row in zip(names, rows, strict=True)]

    def _student_t(self) -> Any:
        df, loc, scale = np.float64(self.degrees_of_freedom), np.float64(0), np.float64(1)
        return tfp.distributions.StudentT(df, loc, scale)


def fit(X: ArrayLike, y: ArrayLike, *, confidence: float = 0.95) -> LeastSquaresFit:
    """Minimizes `||y - X b||^2` over b.

    X is used as it comes: a column of ones in it is the intercept. With X = U S V', b = V S^-1 U'y. Where
    the squared condition number of X'X would cost digits, X'X is not formed.

    Args:
        X: `(n, p)` inputs, finite; any shape, n < p and dependent columns included.
        y: `(n,)` outputs, finite.
        confidence: Coverage of the confidence intervals, in (0, 1).

    Returns:
        LeastSquaresFit in float64.

    Raises:
        ValueError: Shapes that do not match, values that are not finite, or confidence out of range. The
            inference properties raise it for dependent columns and where no degrees of freedom are left.

    Reference:
        Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, equations 3.6 to 3.14;
        Golub, Van Loan (2013), Matrix Computations, theorem 5.5.1 (dependent columns).
    """
    X, y = checked_data(X, y)
    if not 0 < confidence < 1:
        raise ValueError(f"expected confidence between 0 and 1, received {confidence}; 0.95 is usual")
    left, singular_values, right = thin_svd(X)
    inverse_factor = right.T / singular_values
    coefficients = inverse_factor @ (left.T @ y)
    fitted_values = left @ (left.T @ y)
    rank = len(singular_values)
    return LeastSquaresFit(
        coefficients=coefficients,
        fitted_values=fitted_values,
        residuals=y - fitted_values,
        rank=rank,
        degrees_of_freedom=len(y) - rank,
        confidence=confidence,
        _inverse_factor=inverse_factor,
    )


def hat_matrix(X: ArrayLike) -> np.ndarray:
    """The `(n, n)` matrix H of the projection onto the columns of X: fitted values = H y, trace(H) = rank.

    Args:
        X: `(n, p)` inputs, finite.

    Raises:
        ValueError: X is not a finite matrix.
    """
    left, _, _ = thin_svd(_checked_design(X))
    return left @ left.T


def redundant_columns(X: ArrayLike, tolerance: float = 1e-10) -> tuple[int, ...]:
    """Indices of the columns that are linear combinations of the columns before them.

    Dropping them leaves a design of full rank with the same fitted values.

    Args:
        X: `(n, p)` inputs, finite.
        tolerance: Share of a column's length that is taken for rounding.

    Raises:
        ValueError: X is not a finite matrix.
    """
    X = _checked_design(X)
    basis = np.zeros((len(X), 0))
    redundant = []
    for index, column in enumerate(X.T):
        remainder = column
        for _ in range(2):  # Gram-Schmidt once loses orthogonality; "twice is enough" (Kahan)
            remainder = remainder - basis @ (basis.T @ remainder)
        if np.linalg.norm(remainder) <= tolerance * np.linalg.norm(column):
            redundant.append(index)
        else:
            basis = np.column_stack([basis, remainder / np.linalg.norm(remainder)])
    return tuple(redundant)


def checked_data(X: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Returns both as float64.

    Args:
        X: `(n, p)` inputs, finite.
        y: `(n,)` outputs, finite.

    Raises:
        ValueError: Shapes that do not match, or values that are not finite.
    """
    X = _checked_design(X)
    y = np.asarray(y, np.float64)
    if y.shape != X.shape[:1]:
        raise ValueError(f"expected y with shape {X.shape[:1]}, one value per row of X, received {y.shape}")
    if not np.isfinite(y).all():
        raise ValueError("expected finite values in y, received NaN or infinity; drop or impute those rows")
    return X, y


def _checked_design(X: ArrayLike) -> np.ndarray:
    X = np.asarray(X, np.float64)
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(f"expected X as a non-empty matrix (rows, columns), received shape {X.shape}")
    bad = np.flatnonzero(~np.isfinite(X).all(axis=0))
    if len(bad):
        raise ValueError(
            f"expected finite values in X, received NaN or infinity in columns {bad.tolist()}; "
            "drop or impute those rows"
        )
    return X


def thin_svd(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """U `(n, rank)`, S `(rank,)`, V' `(rank, p)` of float64 `(n, p)`; rounding makes no direction."""
    left, singular_values, right = _tall_svd(X) or np.linalg.svd(X, full_matrices=False)
    threshold = singular_values[0] * max(X.shape) * np.finfo(np.float64).eps
    rank = int(np.sum(singular_values > threshold))
    return left[:, :rank], singular_values[:rank], right[:rank]


def _tall_svd(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The same from the SVD of the small factor of X = Q R, in products of matrices; None where unsafe.

    R is a Cholesky factor of X'X, which leaves Q orthogonal but for 1e-16 times the squared condition number
    of X. A second time on Q, whose condition number is 1 by then, the error is 1e-16.

    Reference:
        Yamamoto, Nakatsukasa, Yanagisawa, Fukaya (2015), Roundoff error analysis of the CholeskyQR2
        algorithm: as accurate as Householder's QR for condition numbers up to 1e7.
    """
    if len(X) < 4 * X.shape[1]:
        return None
    try:
        first = np.linalg.cholesky(gram(X)).T
        if not np.linalg.cond(first) <= MODEST_CONDITION:
            return None
        nearly = solve_triangular(first, X.T, trans="T", check_finite=False).T  # X R^-1
        second = np.linalg.cholesky(gram(nearly)).T
    except np.linalg.LinAlgError:  # dependent columns
        return None
    left, singular_values, right = np.linalg.svd(second @ first)
    return nearly @ solve_triangular(second, left), singular_values, right


def gram(X: np.ndarray) -> np.ndarray:
    """X'X `(p, p)`; infinite where it is too large for float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        return X.T @ X
