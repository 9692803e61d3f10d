"""Batch normalization of each feature over all other axes."""

import numpy as np


def batch_normalization(
    X: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float = 1e-3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Z = gamma (X - mean) / sqrt(variance + epsilon) + beta, mean and variance of this batch.

    Args:
        X: `(..., features)` float.
        gamma: `(features,)` scale.
        beta: `(features,)` shift.
        epsilon: Added to the variance.

    Returns:
        Z of the shape of X, and the mean and the variance (divided by the count) of each feature.

    Reference:
        Ioffe, Szegedy (2015), Batch normalization, algorithm 1.
    """
    axes = tuple(range(X.ndim - 1))
    mean, variance = X.mean(axis=axes), X.var(axis=axes)
    return gamma * ((X - mean) / np.sqrt(variance + epsilon)) + beta, mean, variance


def batch_normalization_backward(
    dZ: np.ndarray, X: np.ndarray, gamma: np.ndarray, epsilon: float = 1e-3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Through the normalized value, and through the mean and the variance, which every example moves.

    Args:
        dZ: `(..., features)` derivative of the cost by Z.
        X: `(..., features)`, what the layer was given.
        gamma: `(features,)` scale.
        epsilon: As in the forward pass.

    Returns:
        Derivatives by X, gamma and beta.

    Reference:
        Ioffe, Szegedy (2015), Batch normalization, section 3, the derivatives put together.
    """
    axes = tuple(range(X.ndim - 1))
    deviation = np.sqrt(X.var(axis=axes) + epsilon)
    normalized = (X - X.mean(axis=axes)) / deviation
    d_normalized = dZ * gamma
    through_mean = d_normalized.mean(axis=axes)
    through_variance = normalized * (d_normalized * normalized).mean(axis=axes)
    dX = (d_normalized - through_mean - through_variance) / deviation
    return dX, (dZ * normalized).sum(axis=axes), dZ.sum(axis=axes)
