import keras
import numpy as np
import pytest

from suite.layers import LSTMCell
from suite.models.recurrent_stacks import recurrent_stack


def stack(connections: str, depth: int = 3) -> keras.Model:
    x = keras.Input((5, 4))
    return keras.Model(x, recurrent_stack(x, lambda: LSTMCell(4), depth, connections))


def test_what_each_layer_sees():
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    for connections, width in (("plain", 4), ("skip", 4), ("dense", 16)):
        model = stack(connections)
        recurrent = [layer for layer in model.layers if hasattr(layer, "cell")]
        expected = x
        for layer in recurrent:
            output = layer(expected).numpy()
            if connections == "skip":
                expected = expected + output
            elif connections == "dense":
                expected = np.concatenate([expected, output], axis=-1)
            else:
                expected = output
        assert model.output_shape == (None, 5, width)
        np.testing.assert_allclose(model(x), expected, atol=1e-6)


def test_other_connections():
    with pytest.raises(ValueError, match="^expected connections among plain, skip, dense, received 'none'$"):
        stack("none")
