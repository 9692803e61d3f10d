"""Least squares with small coefficients: by a penalty, or within a ball (NumPy, float64)."""

import math
from collections.abc import Callable

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from suite.linear.least_squares import MODEST_CONDITION, checked_data, gram, thin_svd


def ridge(X: ArrayLike, y: ArrayLike, l2: float) -> np.ndarray:
    """Minimizes `mean((X w - y)^2) + l2 * sum(w^2)` over w.

    X is used as it comes: a column of ones in it is penalized like any other, and the solution depends on the
    units of the columns, so center y and standardize X. With X = U S V', w = V (S^2 + n l2)^-1 S U'y; from
    the normal equations where they lose no digits.

    Args:
        X: `(n, p)` inputs, finite; n < p and dependent columns included.
        y: `(n,)` outputs, finite.
        l2: Strength of the penalty, >= 0; at 0 the shortest least-squares solution. scikit-learn's
            `Ridge(alpha)` is `l2 = alpha / n`.

    Returns:
        `(p,)` float64.

    Raises:
        ValueError: Shapes that do not match, values that are not finite, l2 < 0 or not finite.

    Reference:
        Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, equations 3.41 to 3.47.
    """
    X, y = checked_data(X, y)
    _check_size("l2", l2)
    w = _normal_equations(X, y, len(y) * l2)
    if w is not None:
        return w
    left, singular_values, right = thin_svd(X)
    return right.T @ (singular_values / (singular_values**2 + len(y) * l2) * (left.T @ y))


def _normal_equations(X: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray | None:
    """w of `(X'X + penalty I) w = X'y`, corrected once by the residuals; None where that may be inaccurate.

    Reference:
        Bjorck (1987), Stability analysis of the method of seminormal equations for linear least squares: as
        accurate as QR once corrected, while the squared condition number leaves digits.
    """
    if len(X) < X.shape[1]:
        return None
    matrix = gram(X) + penalty * np.eye(X.shape[1])
    if not (np.isfinite(matrix).all() and np.linalg.cond(matrix) <= MODEST_CONDITION**2):
        return None
    factor = scipy.linalg.cho_factor(matrix)
    w = scipy.linalg.cho_solve(factor, X.T @ y)
    return w + scipy.linalg.cho_solve(factor, X.T @ (y - X @ w) - penalty * w)


def project_l2_ball(w: np.ndarray, radius: float) -> np.ndarray:
    """Finds the point nearest to w whose length is at most the radius.

    Args:
        w: `(p,)` float64.
        radius: >= 0, in the units of w.

    Returns:
        `(p,)` float64.

    Raises:
        ValueError: radius < 0, or not finite.
    """
    _check_size("radius", radius)
    length = np.linalg.norm(w)
    return w * (radius / length) if length > radius else w


def project_l1_ball(w: np.ndarray, radius: float) -> np.ndarray:
    """Finds the point nearest to w whose absolute values add up to at most the radius.

    Args:
        w: `(p,)` float64.
        radius: >= 0, in the units of w.

    Returns:
        `(p,)` float64; coordinates may be exactly 0.

    Raises:
        ValueError: radius < 0, or not finite.

    Reference:
        Duchi, Shalev-Shwartz, Singer, Chandra (2008), Efficient projections onto the l1-ball for learning in
        high dimensions, figure 1.
    """
    _check_size("radius", radius)
    if np.abs(w).sum() <= radius:
        return w
    descending = np.sort(np.abs(w))[::-1]
    thresholds = (np.cumsum(descending) - radius) / np.arange(1, len(w) + 1)
    threshold = thresholds[max(0, int(np.sum(descending > thresholds)) - 1)]
    return np.sign(w) * np.maximum(np.abs(w) - threshold, 0)


def least_squares_within(
    X: ArrayLike,
    y: ArrayLike,
    project: Callable[[np.ndarray, float], np.ndarray],
    radius: float,
    *,
    steps: int,
) -> np.ndarray:
    """Minimizes `mean((X w - y)^2)` over the points of a ball, by projected gradient descent from 0.

    Each step goes along the gradient at the rate 1 / L, L the largest eigenvalue of the Hessian, then back to
    the nearest point of the ball.

    Args:
        X: `(n, p)` inputs, finite.
        y: `(n,)` outputs, finite.
        project: `project_l1_ball` or `project_l2_ball`.
        radius: Radius of the ball, >= 0.
        steps: Number of steps.

    Returns:
        `(p,)` float64.

    Raises:
        ValueError: Shapes that do not match, values that are not finite, radius < 0 or not finite.

    Reference:
        Bertsekas (1999), Nonlinear Programming, section 2.3.
    """
    X, y = checked_data(X, y)
    hessian, slope = 2 / len(y) * gram(X), 2 / len(y) * (X.T @ y)
    learning_rate = 1 / np.linalg.eigvalsh(hessian)[-1]
    w = project(np.zeros(X.shape[1]), radius)
    for _ in range(steps):
        w = project(w - learning_rate * (hessian @ w - slope), radius)
    return w


def _check_size(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"expected {name} >= 0 and finite, received {value}")
