"""Activation functions, each with its derivative beside it; all work element by element but softmax."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Activation(NamedTuple):
    """A function of one variable and its derivative.

    Attributes:
        function: Maps z to the activation a, arrays of any shape.
        derivative: Maps z to da/dz.
    """

    function: Callable[[np.ndarray], np.ndarray]
    derivative: Callable[[np.ndarray], np.ndarray]


def identity(z: np.ndarray) -> np.ndarray:
    """z itself: a layer without an activation."""
    return z


def identity_derivative(z: np.ndarray) -> np.ndarray:
    """1 everywhere."""
    return np.ones_like(z)


def sigmoid(z: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-z)), in (0, 1); by tanh, which does not overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * z)


def sigmoid_derivative(z: np.ndarray) -> np.ndarray:
    """At most 1/4, at z = 0; almost 0 where the neuron is saturated."""
    a = sigmoid(z)
    return a * (1 - a)


def tanh(z: np.ndarray) -> np.ndarray:
    """2 sigmoid(2 z) - 1, in (-1, 1) and zero-centered."""
    return np.tanh(z)


def tanh_derivative(z: np.ndarray) -> np.ndarray:
    """1 - tanh(z)^2: at most 1, at z = 0."""
    return 1 - np.tanh(z) ** 2


def relu(z: np.ndarray) -> np.ndarray:
    """max(0, z)."""
    return np.maximum(z, 0)


def relu_derivative(z: np.ndarray) -> np.ndarray:
    """1 for z > 0, else 0; at the kink itself the left derivative."""
    return (z > 0).astype(z.dtype)


LEAK = 0.1


def leaky_relu(z: np.ndarray) -> np.ndarray:
    """z for z > 0, else 0.1 z: no unit can die."""
    return np.where(z > 0, z, LEAK * z)


def leaky_relu_derivative(z: np.ndarray) -> np.ndarray:
    """1 for z > 0, else 0.1."""
    return np.where(z > 0, 1, LEAK).astype(z.dtype)


ACTIVATIONS = {
    "identity": Activation(identity, identity_derivative),
    "sigmoid": Activation(sigmoid, sigmoid_derivative),
    "tanh": Activation(tanh, tanh_derivative),
    "relu": Activation(relu, relu_derivative),
    "leaky_relu": Activation(leaky_relu, leaky_relu_derivative),
}


def softmax(z: np.ndarray) -> np.ndarray:
    """Probabilities from scores along the last axis: exp(z) / sum(exp(z)).

    Args:
        z: `(..., K)` float.

    Returns:
        `(..., K)` > 0 with sums of 1.
    """
    exponentials = np.exp(z - z.max(axis=-1, keepdims=True))  # the same ratios, without overflow
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def softmax_backward(da: np.ndarray, a: np.ndarray) -> np.ndarray:
    """dz = a (da - sum(da a)): the product with the Jacobian diag(a) - a a', without forming it.

    Args:
        da: `(..., K)` derivative of the cost by the probabilities.
        a: `(..., K)` probabilities.

    Returns:
        `(..., K)` derivative of the cost by the scores.
    """
    return a * (da - np.sum(da * a, axis=-1, keepdims=True))
