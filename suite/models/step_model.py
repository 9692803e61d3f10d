"""A recurrent language model as a step: one token in, the next one's probabilities out, and the states."""

import keras

from suite.language.decoding import NEW, TOKEN
from suite.layers import Dropout, Recurrent

STATES = ("hidden_state", "cell_state")  # of a cell, in its order


def build_step_model(model: keras.Model) -> keras.Model:
    """Takes a model that reads sequences apart into one that takes a step; the weights are shared.

    Args:
        model: A chain of layers on token ids `(batch, length)`: an embedding, `Recurrent` layers that return
            sequences, dropout, and dense layers, the last one giving the probabilities.

    Returns:
        "token" `(batch,)` int32 and, for each recurrent layer i from 0, "hidden_state_i" and, if its cell has
        one, "cell_state_i" `(batch, units)` float32 to "probabilities" `(batch, V)` and "new_hidden_state_i",
        "new_cell_state_i". States of zeros begin a text.
    """
    token = keras.Input((), dtype="int32", name=TOKEN)
    x = token
    states: dict[str, keras.KerasTensor] = {}
    new_states: dict[str, keras.KerasTensor] = {}
    recurrent = [layer for layer in model.layers if isinstance(layer, Recurrent)]
    for layer in model.layers:
        if isinstance(layer, Recurrent):
            names = [
                f"{state}_{recurrent.index(layer)}"
                for state, _ in zip(STATES, layer.cell.state_size, strict=False)
            ]
            inputs = [keras.Input((layer.cell.units,), name=name) for name in names]
            x, new = layer.cell(x, inputs)
            states |= dict(zip(names, inputs, strict=True))
            new_states |= {NEW + name: state for name, state in zip(names, new, strict=True)}
        elif not isinstance(layer, (keras.layers.InputLayer, Dropout)):
            x = layer(x)
    return keras.Model([token, *states.values()], {"probabilities": x, **new_states})
