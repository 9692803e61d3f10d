"""Central differences: what every derivative here is held against."""

from collections.abc import Callable, Iterable

import numpy as np

from suite.backprop.layers import Layer

STEP = 1e-5  # in float64: cut off at about 1e-11, and rounded at about as much


def numeric_gradient(function: Callable[[], float], array: np.ndarray, step: float = STEP) -> np.ndarray:
    """Measures the derivative of a number by every entry of an array, by central differences.

    Args:
        function: Gives the number; reads the array, which changes in place meanwhile.
        array: float64 of any shape; as it was afterwards.
        step: Half the distance of the two points.

    Returns:
        Array of the same shape.

    Raises:
        ValueError: The array is not float64, in which too little would be left of the differences.
    """
    if array.dtype != np.float64:
        raise ValueError(f"expected a float64 array, received {array.dtype}; convert it for the check")
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        before = array[index]
        array[index] = before + step
        above = function()
        array[index] = before - step
        gradient[index] = (above - function()) / (2 * step)
        array[index] = before
    return gradient


def numeric_gradients(function: Callable[[], float], arrays: Iterable[np.ndarray]) -> list[np.ndarray]:
    """Gives `numeric_gradient` for each of several arrays that the function reads."""
    return [numeric_gradient(function, array) for array in arrays]


def numeric_jacobian(
    function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, step: float = STEP
) -> np.ndarray:
    """Measures the derivative of every output by every input, by central differences.

    Args:
        function: Maps an array like x to an array.
        x: Array of any shape; taken as float64.
        step: Half the distance of the two points.

    Returns:
        `(*output shape, *input shape)` float64.
    """
    x = np.asarray(x, np.float64)
    columns = []
    for index in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[index] = step
        columns.append((function(x + shift) - function(x - shift)) / (2 * step))
    jacobian = np.stack(columns, axis=-1)
    return jacobian.reshape(*jacobian.shape[:-1], *x.shape)


def relative_error(received: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, relative to the largest expected entry.

    Args:
        received: Array.
        expected: Array of the same shape.

    Returns:
        A number >= 0; infinite where the shapes differ.
    """
    received, expected = np.asarray(received), np.asarray(expected)
    if received.shape != expected.shape:
        return np.inf
    return float(np.max(np.abs(received - expected)) / max(np.max(np.abs(expected)), np.finfo(float).tiny))


def check_layer(layer: Layer, x: np.ndarray, rng: np.random.Generator) -> list[float]:
    """Holds a layer's derivatives by its input and by all its parameters against central differences.

    Args:
        layer: Its parameters are float64.
        x: A batch, float64.
        rng: Source of the derivative of the cost by the output: random, so that no error cancels out.

    Returns:
        Relative errors: of the input, then of each parameter.
    """
    d_output = rng.normal(size=layer.forward(x).shape)
    layer.backward(d_output)
    analytic = [layer.input_gradient(d_output), *(gradient.copy() for gradient in layer.gradients)]
    numeric = numeric_gradients(lambda: np.sum(d_output * layer.forward(x)), [x, *layer.parameters])
    return [relative_error(*pair) for pair in zip(analytic, numeric, strict=True)]
