"""Losses of a linear classifier as functions of the margin, each with its derivative beside it (NumPy).

With labels y of -1 and 1 and the score s = x'w, the margin y * s is positive where sign(s) = y, and the
larger the more confident the classifier is. Every function works element by element on margins of any shape.
"""

import numpy as np


def zero_one(margin: np.ndarray) -> np.ndarray:
    """1 where the class is wrong, 0 where it is right: 1 - accuracy, on average."""
    return np.where(margin > 0, 0.0, 1.0)


def zero_one_derivative(margin: np.ndarray) -> np.ndarray:
    """0 everywhere but at margin 0, where there is none: nothing to descend along."""
    return np.zeros_like(margin)


def squared(margin: np.ndarray) -> np.ndarray:
    """(1 - margin)^2, which is (y - s)^2 for y of -1 and 1: it grows again for the confident, right ones."""
    return (1 - margin) ** 2


def squared_derivative(margin: np.ndarray) -> np.ndarray:
    """Negative below margin 1, positive above: it pulls back what is right by more."""
    return -2 * (1 - margin)


def one_branch_squared(margin: np.ndarray) -> np.ndarray:
    """The left branch of `squared`: 0 from margin 1 on."""
    return np.maximum(1 - margin, 0) ** 2


def one_branch_squared_derivative(margin: np.ndarray) -> np.ndarray:
    """That of `squared` below margin 1, else 0."""
    return -2 * np.maximum(1 - margin, 0)


def hinge(margin: np.ndarray) -> np.ndarray:
    """max(0, 1 - margin), the loss of the support vector machine."""
    return np.maximum(1 - margin, 0)


def hinge_derivative(margin: np.ndarray) -> np.ndarray:
    """At margin 1, where left and right differ, the right derivative 0."""
    return np.where(margin < 1, -1.0, 0.0)


def logistic(margin: np.ndarray) -> np.ndarray:
    """log(1 + exp(-margin)) in nats: the cross-entropy of the probability 1 / (1 + exp(-margin))."""
    return np.logaddexp(0, -margin)


def logistic_derivative(margin: np.ndarray) -> np.ndarray:
    """Minus the probability of the wrong class, in (-1, 0)."""
    return -np.exp(-np.logaddexp(0, margin))


# Name -> (loss, derivative), those that can be descended along.
MARGIN_LOSSES = {
    "squared": (squared, squared_derivative),
    "one-branch squared": (one_branch_squared, one_branch_squared_derivative),
    "hinge": (hinge, hinge_derivative),
    "logistic": (logistic, logistic_derivative),
}
