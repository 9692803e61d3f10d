"""Layers in a chain."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import DTypeLike

from suite.backprop.layers import Activate, Dense, Layer
from suite.backprop.losses import softmax_cross_entropy, softmax_cross_entropy_derivative


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

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Gives the outputs after training: batch normalization uses its averages, and they stay."""
        for layer in self.layers:
            layer.training = False
        outputs = self.forward(x)
        for layer in self.layers:
            layer.training = True
        return outputs

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


def mlp(
    sizes: Sequence[int], rng: np.random.Generator, *, activation: str = "relu", dtype: DTypeLike = np.float32
) -> Network:
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


def momentum_step(
    network: Network, velocities: Sequence[np.ndarray], learning_rate: float, momentum: float = 0.9
) -> None:
    """Takes a step of momentum: v = momentum * v + learning_rate * gradient, then w = w - v.

    Args:
        network: After `backward`; its parameters change, and its gradients are used up.
        velocities: One array a parameter, zeros at first; they change.
        learning_rate: > 0.
        momentum: In [0, 1).
    """
    for parameter, velocity, gradient in zip(network.parameters, velocities, network.gradients, strict=True):
        gradient *= parameter.dtype.type(learning_rate)  # in place: new arrays take their time
        velocity *= momentum
        velocity += gradient
        parameter -= velocity


def train_step(
    network: Network,
    velocities: Sequence[np.ndarray],
    X: np.ndarray,
    labels: np.ndarray,
    learning_rate: float,
    momentum: float = 0.9,
) -> float:
    """Takes a step of momentum down the cross-entropy of a batch: forward, backward, step.

    Args:
        network: Gives scores `(batch, classes)`; its parameters change.
        velocities: One array a parameter, zeros at first; they change.
        X: Inputs.
        labels: `(batch,)` int in [0, classes).
        learning_rate: > 0.
        momentum: In [0, 1).

    Returns:
        The loss before the step, in nats.
    """
    scores = network.forward(X)
    network.backward(softmax_cross_entropy_derivative(scores, labels))
    momentum_step(network, velocities, learning_rate, momentum)
    return softmax_cross_entropy(scores, labels)


def train(
    network: Network,
    parts: Mapping[str, tuple[np.ndarray, np.ndarray]],
    rng: np.random.Generator,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    momentum: float = 0.9,
) -> dict[str, list[float]]:
    """Trains a classifier on mini-batches by momentum, the learning rate falling to 0 along a cosine.

    Args:
        network: Gives scores `(batch, classes)`; its parameters change.
        parts: Inputs and labels, int in [0, classes), of "train" and of "validation".
        rng: Source of the order of the examples.
        epochs: Passes over the training part, >= 1.
        batch_size: Examples of a step; what fills no batch is left out of a pass.
        learning_rate: At first, > 0.
        momentum: In [0, 1).

    Returns:
        "train_loss", the mean over the batches of each epoch, and "validation_loss" after it, in nats.
    """
    (X, labels), (new_X, new_labels) = parts["train"], parts["validation"]
    velocities = [np.zeros_like(parameter) for parameter in network.parameters]
    steps = len(X) // batch_size
    fading = (1 + np.cos(np.linspace(0, np.pi, epochs * steps))) / 2
    curves: dict[str, list[float]] = {"train_loss": [], "validation_loss": []}
    for rates in np.split(learning_rate * fading, epochs):
        order = rng.permutation(len(X))[: steps * batch_size]
        losses = [
            train_step(network, velocities, X[batch], labels[batch], rate, momentum)
            for rate, batch in zip(rates, np.split(order, steps), strict=True)
        ]
        curves["train_loss"].append(float(np.mean(losses)))
        curves["validation_loss"].append(softmax_cross_entropy(network.predict(new_X), new_labels))
    return curves
