"""Layers that remember what their backward pass needs, and a chain of them."""

import itertools
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from suite.backprop.activations import ACTIVATIONS
from suite.backprop.dense import dense, dense_input_gradient, dense_parameter_gradients


class Layer(Protocol):
    """An operation with parameters.

    Attributes:
        parameters: Arrays that are changed in place; empty where there are none.
        gradients: Derivatives of the cost by the parameters, in their order, after `backward`.
    """

    parameters: list[np.ndarray]
    gradients: list[np.ndarray]

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Gives the output for a batch and remembers what `backward` needs."""

    def backward(self, d_output: np.ndarray) -> None:
        """Sets the gradients for the batch of the last `forward`."""

    def input_gradient(self, d_output: np.ndarray) -> np.ndarray:
        """Gives the derivative of the cost by the input of the last `forward`."""


class Dense:
    """`dense` with its weights.

    Args:
        inputs: Number of inputs.
        units: Number of outputs.
        rng: Source of the initial weights.
        gain: Variance of the weights times the number of inputs: 2 before ReLU (He et al., 2015), 1 else.
        dtype: dtype of the parameters.
    """

    def __init__(self, inputs: int, units: int, rng: np.random.Generator, *, gain=2.0, dtype=np.float32):
        W = rng.normal(0, np.sqrt(gain / inputs), (inputs, units)).astype(dtype)
        self.parameters = [W, np.zeros(units, dtype)]
        self.gradients = []

    def forward(self, x):
        self._x = x
        return dense(x, *self.parameters)

    def backward(self, d_output):
        self.gradients = [*dense_parameter_gradients(d_output, self._x)]

    def input_gradient(self, d_output):
        return dense_input_gradient(d_output, self.parameters[0])


class Activate:
    """An activation function as a layer.

    Args:
        name: A key of `ACTIVATIONS`.

    Raises:
        ValueError: There is none of that name.
    """

    def __init__(self, name: str):
        if name not in ACTIVATIONS:
            raise ValueError(f"expected an activation among {', '.join(ACTIVATIONS)}, received {name!r}")
        self._activation = ACTIVATIONS[name]
        self.parameters, self.gradients = [], []

    def forward(self, x):
        self._z = x
        return self._activation.function(x)

    def backward(self, d_output):
        pass

    def input_gradient(self, d_output):
        return d_output * self._activation.derivative(self._z)


class Network:
    """Layers one after the other.

    Args:
        layers: At least one.
    """

    def __init__(self, layers: Sequence[Layer]):
        self.layers = list(layers)

    @property
    def parameters(self) -> list[np.ndarray]:
        """All parameters, first layer first; to be changed in place."""
        return [array for layer in self.layers for array in layer.parameters]

    @property
    def gradients(self) -> list[np.ndarray]:
        """Derivatives of the cost by `parameters`, in their order, after `backward`."""
        return [array for layer in self.layers for array in layer.gradients]

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Gives the outputs for a batch."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, d_output: np.ndarray) -> None:
        """Sets the gradients for the batch of the last `forward`.

        Args:
            d_output: Derivative of the cost by the outputs, from a function of `suite.backprop.losses`.
        """
        for layer in reversed(self.layers):
            layer.backward(d_output)
            if layer is not self.layers[0]:  # nobody needs the derivative by the data
                d_output = layer.input_gradient(d_output)

    def input_gradient(self, d_output: np.ndarray) -> np.ndarray:
        """Gives the derivative of the cost by the input of the last `forward`; sets no gradients."""
        for layer in reversed(self.layers):
            d_output = layer.input_gradient(d_output)
        return d_output


def mlp(sizes: Sequence[int], rng: np.random.Generator, *, activation="relu", dtype=np.float32) -> Network:
    """Builds a multilayer perceptron with linear outputs.

    Args:
        sizes: Inputs, units of each hidden layer, outputs.
        rng: Source of the initial weights, of He's or, for other activations than ReLU, LeCun's variance.
        activation: A key of `ACTIVATIONS`, after each hidden layer.
        dtype: dtype of the parameters.

    Returns:
        The network.
    """
    layers: list[Layer] = []
    for inputs, units in itertools.pairwise(sizes):
        gain = 2.0 if "relu" in activation else 1.0
        layers += [Dense(inputs, units, rng, gain=gain, dtype=dtype), Activate(activation)]
    return Network(layers[:-1])
