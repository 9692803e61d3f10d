"""One derivative in two ways: the sum over all paths through a graph, and backward accumulation."""

from collections.abc import Sequence

import numpy as np


def sum_over_paths(slopes: Sequence[np.ndarray], neuron: int) -> tuple[float, int]:
    """Adds up the products of the slopes along every path from a neuron to any output.

    Args:
        slopes: One matrix a layer, `(neurons, next neurons)`: the derivative of each neuron of the next layer
            by each of this one, such as weight times sigma'.
        neuron: Index in the first layer.

    Returns:
        The derivative of the sum of the outputs by that neuron, and the number of multiplications: for d
        layers of w neurons w + w^2 + ... + w^d.
    """
    if not len(slopes):
        return 1.0, 0
    first, *rest = slopes
    derivative, work = 0.0, 0
    for following, slope in enumerate(first[neuron]):
        onward, onward_work = sum_over_paths(rest, following)
        derivative += slope * onward
        work += 1 + onward_work
    return derivative, work


def accumulate_backward(slopes: Sequence[np.ndarray]) -> tuple[np.ndarray, int]:
    """Goes from the outputs back, layer by layer, and uses what it knows of the next layer.

    Args:
        slopes: As for `sum_over_paths`.

    Returns:
        The derivatives of the sum of the outputs by all neurons of the first layer, and the number of
        multiplications: one an edge.
    """
    derivatives, work = np.ones(slopes[-1].shape[1]), 0
    for layer in reversed(slopes):
        derivatives = layer @ derivatives
        work += layer.size
    return derivatives, work
