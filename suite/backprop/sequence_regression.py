"""A number for a sequence: a simple recurrent layer, a linear answer from its last state, squared error."""

import numpy as np

from suite.backprop.recurrent import recurrent, recurrent_backward


def initial_weights(
    recurrent_kernel: np.ndarray, inputs: int, mean: float, rng: np.random.Generator, dtype: type = np.float32
) -> list[np.ndarray]:
    """Weights to start with: small input weights, and answers around a mean.

    Args:
        recurrent_kernel: `(units, units)` float.
        inputs: Numbers at each step.
        mean: The bias of the answer.
        rng: Source of the draws.
        dtype: Of all weights.

    Returns:
        The recurrent layer's kernel, recurrent kernel and bias, the answer's kernel `(units, 1)` and bias.
    """
    units = len(recurrent_kernel)
    kernel, answer = rng.normal(0, 0.1, (inputs, units)), rng.normal(0, 1 / np.sqrt(units), (units, 1))
    return [
        each.astype(dtype) for each in (kernel, recurrent_kernel, np.zeros(units), answer, np.full(1, mean))
    ]


def answers(weights: list[np.ndarray], X: np.ndarray, activation: str) -> np.ndarray:
    """The answer to each sequence.

    Args:
        weights: As of `initial_weights`.
        X: `(n, T, inputs)` float.
        activation: A key of `ACTIVATIONS`.

    Returns:
        `(n, 1)` float.
    """
    kernel, recurrent_kernel, bias, answer, mean = weights
    states, _ = recurrent(X, kernel, recurrent_kernel, bias, _nothing(X, bias), activation)
    return states[:, -1] @ answer + mean


def cost_and_gradients(
    weights: list[np.ndarray], X: np.ndarray, targets: np.ndarray, activation: str, window: int | None = None
) -> tuple[float, list[np.ndarray], np.ndarray]:
    """The mean squared error and its derivatives.

    Args:
        weights: As of `initial_weights`.
        X: `(n, T, inputs)` float.
        targets: `(n, 1)` float.
        activation: A key of `ACTIVATIONS`.
        window: Steps of truncated backpropagation, as of `recurrent_backward`.

    Returns:
        The error, its derivatives by the weights, and those by the states, `(n, T, units)`.
    """
    kernel, recurrent_kernel, bias, answer, mean = weights
    states, cache = recurrent(X, kernel, recurrent_kernel, bias, _nothing(X, bias), activation)
    errors = states[:, -1] @ answer + mean - targets
    by_answer, by_states = 2 * errors / len(errors), np.zeros_like(states)
    by_states[:, -1] = by_answer @ answer.T
    back = recurrent_backward(by_states, cache, window)
    by_weights = [back.kernel, back.recurrent_kernel, back.bias]
    by_weights += [states[:, -1].T @ by_answer, by_answer.sum(axis=0)]
    return float(np.mean(errors**2)), by_weights, back.H


def _nothing(X: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return np.zeros((len(X), len(bias)), bias.dtype)
