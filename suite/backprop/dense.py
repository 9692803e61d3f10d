"""The dense layer: a matrix product and a bias."""

import numpy as np


def dense(X: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Z = X W + b, one example a row.

    Args:
        X: `(n, inputs)` float.
        W: `(inputs, units)` float.
        b: `(units,)` float.

    Returns:
        `(n, units)`.
    """
    Z = X @ W
    Z += b
    return Z


def dense_input_gradient(dZ: np.ndarray, W: np.ndarray) -> np.ndarray:
    """dX = dZ W': each input gets back what its weights made of it.

    Args:
        dZ: `(n, units)` derivative of the cost by Z.
        W: `(inputs, units)`.

    Returns:
        `(n, inputs)` derivative of the cost by X.

    Reference:
        Nielsen (2015), Neural Networks and Deep Learning, equation BP2 (its first factor).
    """
    return dZ @ W.T


def dense_parameter_gradients(dZ: np.ndarray, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """dW = X' dZ and db = the sum of the rows of dZ.

    Both are sums over the examples; where the cost is a mean, dZ already has the 1 / n.

    Args:
        dZ: `(n, units)` derivative of the cost by Z.
        X: `(n, inputs)`, what the layer was given.

    Returns:
        `(inputs, units)` derivative by W and `(units,)` derivative by b.

    Reference:
        Nielsen (2015), Neural Networks and Deep Learning, equations BP4 and BP3.
    """
    return X.T @ dZ, dZ.sum(axis=0)
