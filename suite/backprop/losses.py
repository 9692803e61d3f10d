"""Costs of a batch, each with its derivative by the outputs beside it.

Each is a mean over the examples of a cost of one example, and a function of the outputs alone: the two
assumptions that backpropagation makes.
"""

import numpy as np

from suite.backprop.activations import softmax


def quadratic(a: np.ndarray, y: np.ndarray | float) -> float:
    """Mean over the examples of half the squared distance.

    Args:
        a: `(n, units)` outputs.
        y: `(n, units)` targets.

    Reference:
        Nielsen (2015), Neural Networks and Deep Learning, equation 26.
    """
    return np.sum((a - y) ** 2) / (2 * len(a))


def quadratic_derivative(a: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(a - y) / n."""
    return (a - y) / len(a)


def binary_cross_entropy(a: np.ndarray, y: np.ndarray) -> float:
    """Mean over the examples, sum over the units, of -y log(a) - (1 - y) log(1 - a), in nats.

    Args:
        a: `(n, units)` outputs in (0, 1), such as those of sigmoid neurons.
        y: `(n, units)` targets in [0, 1].

    Reference:
        Nielsen (2015), Neural Networks and Deep Learning, equation 63.
    """
    return -np.sum(y * np.log(a) + (1 - y) * np.log1p(-a)) / len(a)


def binary_cross_entropy_derivative(a: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(a - y) / (a (1 - a)): sigmoid's derivative, which it meets next, cancels the denominator."""
    return (a - y) / (a * (1 - a)) / len(a)


def softmax_cross_entropy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean over the examples of -log(softmax(scores)[label]), in nats.

    Args:
        scores: `(n, K)` outputs before the softmax.
        labels: `(n,)` int in [0, K).
    """
    shifted = scores - scores.max(axis=1, keepdims=True)
    right = shifted[np.arange(len(labels)), labels]
    return np.mean(np.log(np.exp(shifted).sum(axis=1)) - right)


def softmax_cross_entropy_derivative(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(probabilities - one-hot labels) / n."""
    derivative = softmax(scores)
    derivative[np.arange(len(labels)), labels] -= 1
    derivative /= len(labels)
    return derivative
