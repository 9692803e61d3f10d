"""Polynomials as columns of a linear model."""

from typing import Any


def legendre(x: Any, degree: int) -> list[Any]:
    """Legendre's polynomials of degree 0 to `degree`, which are orthogonal on [-1, 1].

    Unlike powers, they keep a design well conditioned up to high degrees.

    Args:
        x: NumPy array or Keras tensor of any shape, in [-1, 1].
        degree: The highest, >= 0.

    Returns:
        degree + 1 arrays or tensors of the shape of x.

    Raises:
        ValueError: degree < 0.

    Reference:
        Abramowitz, Stegun (1964), Handbook of Mathematical Functions, equation 22.7.10.
    """
    if degree < 0:
        raise ValueError(f"expected degree >= 0, received {degree}")
    columns = [x * 0 + 1, x]
    for k in range(1, degree):
        columns.append(((2 * k + 1) * x * columns[k] - k * columns[k - 1]) / (k + 1))
    return columns[: degree + 1]
