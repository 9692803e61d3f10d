"""Recurrent layers one on another, with and without ways around them."""

from collections.abc import Callable

import keras
from keras import layers

from suite.layers import Recurrent

CONNECTIONS = ("plain", "skip", "dense")


def recurrent_stack(
    x: keras.KerasTensor, make_cell: Callable[[], keras.layers.Layer], depth: int, connections: str = "plain"
) -> keras.KerasTensor:
    """Puts recurrent layers on a sequence.

    Args:
        x: `(batch, length, features)`; with "skip", as many features as the cell has units.
        make_cell: Gives a new cell.
        depth: Number of layers.
        connections: "plain": a layer sees what the last one gives; "skip": the sum of that and what the last
            one saw; "dense": what all earlier layers give, and x, side by side.

    Returns:
        `(batch, length, units)`; with "dense", x and all layers' outputs side by side.

    Raises:
        ValueError: Other connections.

    Reference:
        He, Zhang, Ren, Sun (2016), Deep residual learning for image recognition.
        Huang, Liu, van der Maaten, Weinberger (2017), Densely connected convolutional networks.
    """
    if connections not in CONNECTIONS:
        raise ValueError(f"expected connections among {', '.join(CONNECTIONS)}, received {connections!r}")
    for _ in range(depth):
        y = Recurrent(make_cell(), return_sequences=True)(x)
        if connections == "skip":
            x = layers.Add()([x, y])
        elif connections == "dense":
            x = layers.Concatenate()([x, y])
        else:
            x = y
    return x
