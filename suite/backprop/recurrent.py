"""Recurrent layers, simple and LSTM, and backpropagation through time.

One kernel serves every step. Unrolled, the layer is a deep network with shared weights, and its derivative is
that network's: backward from step to step, what each step's copy of a kernel gets added up.
"""

from typing import NamedTuple

import numpy as np

from suite.backprop.activations import ACTIVATIONS, sigmoid
from suite.backprop.dense import dense_input_gradient, dense_parameter_gradients


class RecurrentCache(NamedTuple):
    """What `recurrent_backward` needs of the forward pass: its arguments, states H and sums Z."""

    X: np.ndarray
    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    initial_state: np.ndarray
    activation: str
    H: np.ndarray
    Z: np.ndarray


class RecurrentGradients(NamedTuple):
    """Derivatives of the cost, each of the shape of what it is by."""

    X: np.ndarray
    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    initial_state: np.ndarray
    H: np.ndarray  # of a state through its own output and through all later ones


def recurrent(
    X: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray,
    initial_state: np.ndarray,
    activation: str = "tanh",
) -> tuple[np.ndarray, RecurrentCache]:
    """Z[:, t] = X[:, t] kernel + H[:, t - 1] recurrent_kernel + bias; H[:, t] = activation(Z[:, t]).

    Args:
        X: `(n, T, inputs)` float.
        kernel: `(inputs, units)` float.
        recurrent_kernel: `(units, units)` float.
        bias: `(units,)` float.
        initial_state: `(n, units)` float, the state before the first step.
        activation: A key of `ACTIVATIONS`.

    Returns:
        The states H, `(n, T, units)`, and the cache for `recurrent_backward`.

    Reference:
        Elman (1990), Finding structure in time.
    """
    function, state = ACTIVATIONS[activation].function, initial_state
    Z = X @ kernel + bias
    H = np.empty_like(Z)
    for t in range(X.shape[1]):
        Z[:, t] += state @ recurrent_kernel
        H[:, t] = state = function(Z[:, t])
    return H, RecurrentCache(X, kernel, recurrent_kernel, initial_state, activation, H, Z)


def recurrent_backward(
    dH: np.ndarray, cache: RecurrentCache, window: int | None = None
) -> RecurrentGradients:
    """Backpropagation through time: the last step first, each passing on to the one before it.

    A state gets its derivative from two sides: from its own output, and through the recurrent kernel from
    the step after it.

    Args:
        dH: `(n, T, units)` derivative of the cost by the outputs; zeros at steps that the cost does not see.
        cache: From `recurrent`.
        window: Steps of each piece in truncated backpropagation: the states pass from piece to piece as
            values, and no derivative passes back. None: one piece, the exact derivative.

    Returns:
        The derivatives; with a window, they leave out what lies across the borders of pieces.

    Raises:
        ValueError: A window of less than one step.

    Reference:
        Werbos (1990), Backpropagation through time: what it does and how to do it.
    """
    if window is not None and window < 1:
        raise ValueError(f"expected a window of at least 1 step, received {window}; None takes them all")
    X, kernel, recurrent_kernel, initial_state, activation, H, Z = cache
    slope = ACTIVATIONS[activation].derivative(Z)
    whole, dZ = dH.copy(), np.empty_like(Z)
    through = np.zeros_like(initial_state)  # from the step after
    for t in reversed(range(X.shape[1])):
        whole[:, t] += through
        dZ[:, t] = whole[:, t] * slope[:, t]
        through = dense_input_gradient(dZ[:, t], recurrent_kernel)
        if window is not None and t % window == 0 and t > 0:
            through = np.zeros_like(through)
    d_kernel, d_bias = dense_parameter_gradients(_rows(dZ), _rows(X))
    d_recurrent_kernel = _rows(_before(initial_state, H)).T @ _rows(dZ)
    return RecurrentGradients(dZ @ kernel.T, d_kernel, d_recurrent_kernel, d_bias, through, whole)


class LSTMCache(NamedTuple):
    """What `lstm_backward` needs of the forward pass: its arguments, states H and C, and gates."""

    X: np.ndarray
    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    initial_state: np.ndarray
    initial_cell: np.ndarray
    H: np.ndarray
    C: np.ndarray
    gates: np.ndarray


class LSTMGradients(NamedTuple):
    """Derivatives of the cost, each of the shape of what it is by."""

    X: np.ndarray
    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    initial_state: np.ndarray
    initial_cell: np.ndarray


def lstm(
    X: np.ndarray,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray,
    initial_state: np.ndarray,
    initial_cell: np.ndarray,
) -> tuple[np.ndarray, LSTMCache]:
    """C[:, t] = forget C[:, t - 1] + input candidate; H[:, t] = output tanh(C[:, t]).

    The gates input, forget and output are sigmoids, the candidate is a tanh, of sums as in `recurrent`; their
    columns stand in this order.

    Args:
        X: `(n, T, inputs)` float.
        kernel: `(inputs, 4 * units)` float.
        recurrent_kernel: `(units, 4 * units)` float.
        bias: `(4 * units,)` float.
        initial_state: `(n, units)` float, H before the first step.
        initial_cell: `(n, units)` float, C before the first step.

    Returns:
        The states H, `(n, T, units)`, and the cache for `lstm_backward`.

    Reference:
        Hochreiter, Schmidhuber (1997), Long short-term memory.
        Gers, Schmidhuber, Cummins (2000), Learning to forget: continual prediction with LSTM.
    """
    gates = X @ kernel + bias
    H, C = (np.empty((*X.shape[:2], len(recurrent_kernel)), gates.dtype) for _ in range(2))
    state, cell, sigmoids = initial_state, initial_cell, 3 * len(recurrent_kernel)
    for t in range(X.shape[1]):
        sums = gates[:, t] + state @ recurrent_kernel
        gates[:, t, :sigmoids] = sigmoid(sums[:, :sigmoids])
        gates[:, t, sigmoids:] = np.tanh(sums[:, sigmoids:])
        input_gate, forget_gate, output_gate, candidate = np.split(gates[:, t], 4, axis=1)
        C[:, t] = cell = forget_gate * cell + input_gate * candidate
        H[:, t] = state = output_gate * np.tanh(cell)
    return H, LSTMCache(X, kernel, recurrent_kernel, initial_state, initial_cell, H, C, gates)


def lstm_backward(dH: np.ndarray, cache: LSTMCache) -> LSTMGradients:
    """Backpropagation through time on two ways: by the state, through a product, and by the cell.

    What the cell passes back is multiplied by the forget gate alone: at 1, nothing vanishes.

    Args:
        dH: `(n, T, units)` derivative of the cost by the outputs.
        cache: From `lstm`.

    Returns:
        The derivatives.
    """
    X, kernel, recurrent_kernel, initial_state, initial_cell, H, C, gates = cache
    cells, dZ = _before(initial_cell, C), np.empty_like(gates)
    through, by_cell = np.zeros_like(initial_state), np.zeros_like(initial_cell)
    for t in reversed(range(X.shape[1])):
        input_gate, forget_gate, output_gate, candidate = np.split(gates[:, t], 4, axis=1)
        by_state, shown = dH[:, t] + through, np.tanh(C[:, t])
        by_cell = by_cell + by_state * output_gate * (1 - shown**2)
        slopes = (
            by_cell * candidate * input_gate * (1 - input_gate),
            by_cell * cells[:, t] * forget_gate * (1 - forget_gate),
            by_state * shown * output_gate * (1 - output_gate),
            by_cell * input_gate * (1 - candidate**2),
        )
        dZ[:, t] = np.concatenate(slopes, axis=1)
        through = dense_input_gradient(dZ[:, t], recurrent_kernel)
        by_cell = by_cell * forget_gate
    d_kernel, d_bias = dense_parameter_gradients(_rows(dZ), _rows(X))
    d_recurrent_kernel = _rows(_before(initial_state, H)).T @ _rows(dZ)
    return LSTMGradients(dZ @ kernel.T, d_kernel, d_recurrent_kernel, d_bias, through, by_cell)


def _before(initial: np.ndarray, states: np.ndarray) -> np.ndarray:
    """What each step began with."""
    return np.concatenate([initial[:, None], states[:, :-1]], axis=1)


def _rows(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, array.shape[-1])
