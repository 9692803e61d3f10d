"""The operations as layers that remember what their backward pass needs."""

from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

from suite.backprop import pooling
from suite.backprop.activations import ACTIVATIONS
from suite.backprop.batch_normalization import batch_normalization, batch_normalization_backward
from suite.backprop.convolution import (
    convolution,
    convolution_input_gradient,
    convolution_parameter_gradients,
)
from suite.backprop.dense import dense, dense_input_gradient, dense_parameter_gradients


class Layer(Protocol):
    """An operation with parameters.

    Attributes:
        parameters: Arrays that are changed in place; empty where there are none.
        gradients: Derivatives of the cost by the parameters, in their order, after `backward`.
        training: Whether `forward` is that of training; most layers do the same in both.
    """

    parameters: list[np.ndarray]
    gradients: list[np.ndarray]
    training: bool = True

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Gives the output for a batch and remembers what `backward` needs."""

    def backward(self, d_output: np.ndarray) -> None:
        """Sets the gradients for the batch of the last `forward`."""

    def input_gradient(self, d_output: np.ndarray) -> np.ndarray:
        """Gives the derivative of the cost by the input of the last `forward`."""


class Dense(Layer):
    """`dense` with its weights.

    Args:
        inputs: Number of inputs.
        units: Number of outputs.
        rng: Source of the initial weights.
        gain: Variance of the weights times the number of inputs: 2 before ReLU (He et al., 2015), 1 else.
        dtype: dtype of the parameters.
    """

    def __init__(
        self,
        inputs: int,
        units: int,
        rng: np.random.Generator,
        *,
        gain: float = 2.0,
        dtype: DTypeLike = np.float32,
    ):
        W = rng.normal(0, np.sqrt(gain / inputs), (inputs, units)).astype(dtype)
        self.parameters = [W, np.zeros(units, dtype)]
        self.gradients: list[np.ndarray] = []

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._x = x
        return dense(x, *self.parameters)

    def backward(self, d_output: np.ndarray) -> None:
        self.gradients = [*dense_parameter_gradients(d_output, self._x)]

    def input_gradient(self, d_output: np.ndarray) -> np.ndarray:
        return dense_input_gradient(d_output, self.parameters[0])


class Activate(Layer):
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
        self.parameters: list[np.ndarray] = []
        self.gradients: list[np.ndarray] = []

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._z = x
        return self._activation.function(x)

    def backward(self, d_output: np.ndarray) -> None:
        pass

    def input_gradient(self, d_output: np.ndarray) -> np.ndarray:
        return d_output * self._activation.derivative(self._z)


class Convolution(Layer):
    """`convolution` with its weights.

    Args:
        channels: Channels of the input.
        filters: Channels of the output.
        kernel_size: Side of the kernels in pixels.
        rng: Source of the initial weights, of He's variance.
        stride: Pixels from one patch to the next.
        padding: Zeros around the image, on each side.
        dtype: dtype of the parameters.
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        kernel_size: int,
        rng: np.random.Generator,
        *,
        stride: int = 1,
        padding: int = 0,
        dtype: DTypeLike = np.float32,
    ):
        shape = (kernel_size, kernel_size, channels, filters)
        W = rng.normal(0, np.sqrt(2 / (kernel_size**2 * channels)), shape).astype(dtype)
        self.parameters = [W, np.zeros(filters, dtype)]
        self.gradients: list[np.ndarray] = []
        self._geometry = stride, padding

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._x = x
        W, b = self.parameters
        return convolution(x, W, b, *self._geometry)

    def backward(self, d_output: np.ndarray) -> None:
        W = self.parameters[0]
        self.gradients = [*convolution_parameter_gradients(d_output, self._x, W, *self._geometry)]

    def input_gradient(self, d_output: np.ndarray) -> np.ndarray:
        return convolution_input_gradient(d_output, self._x, self.parameters[0], *self._geometry)


class Pooling(Layer):
    """Max or average pooling.

    Args:
        kind: "max" or "average".
        size: Side of the windows in pixels.
        stride: Pixels from one window to the next; the size by default.

    Raises:
        ValueError: Another kind.
    """

    def __init__(self, kind: str, size: int, stride: int | None = None):
        if kind not in ("max", "average"):
            raise ValueError(f"expected kind 'max' or 'average', received {kind!r}")
        self._pool = getattr(pooling, f"{kind}_pooling")
        self._pool_backward = getattr(pooling, f"{kind}_pooling_backward")
        self._geometry = size, stride or size
        self.parameters: list[np.ndarray] = []
        self.gradients: list[np.ndarray] = []

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._x = x
        return self._pool(x, *self._geometry)

    def backward(self, d_output: np.ndarray) -> None:
        pass

    def input_gradient(self, d_output: np.ndarray) -> np.ndarray:
        return self._pool_backward(d_output, self._x, *self._geometry)


class BatchNormalization(Layer):
    """`batch_normalization` with gamma, beta and moving averages of the statistics.

    Args:
        units: Size of the last axis.
        learned: Whether gamma and beta are parameters; they stay 1 and 0 otherwise.
        momentum: Share of the moving averages that a batch leaves as it was, in [0, 1).
        epsilon: Added to the variance.
        dtype: dtype of parameters and averages.

    In training `forward` normalizes by its batch, which moves the averages; else by the averages.
    `input_gradient` is that of training.

    Attributes:
        moving: Averages of mean and variance, `(units,)` each.
    """

    def __init__(
        self,
        units: int,
        *,
        learned: bool = True,
        momentum: float = 0.9,
        epsilon: float = 1e-3,
        dtype: DTypeLike = np.float32,
    ):
        self._gamma, self._beta = np.ones(units, dtype), np.zeros(units, dtype)
        self.parameters = [self._gamma, self._beta] if learned else []
        self.gradients: list[np.ndarray] = []
        self.moving = [np.zeros(units, dtype), np.ones(units, dtype)]
        self._momentum, self._epsilon = momentum, epsilon

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._x = x
        if not self.training:
            mean, variance = self.moving
            return self._gamma * (x - mean) / np.sqrt(variance + self._epsilon) + self._beta
        z, *statistics = batch_normalization(x, self._gamma, self._beta, self._epsilon)
        for average, now in zip(self.moving, statistics, strict=True):
            average += (1 - self._momentum) * (now - average)
        return z

    def backward(self, d_output: np.ndarray) -> None:
        _, *through = batch_normalization_backward(d_output, self._x, self._gamma, self._epsilon)
        self.gradients = through if self.parameters else []

    def input_gradient(self, d_output: np.ndarray) -> np.ndarray:
        return batch_normalization_backward(d_output, self._x, self._gamma, self._epsilon)[0]


class Flatten(Layer):
    """Everything of an example in one row."""

    def __init__(self) -> None:
        self.parameters: list[np.ndarray] = []
        self.gradients: list[np.ndarray] = []

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, d_output: np.ndarray) -> None:
        pass

    def input_gradient(self, d_output: np.ndarray) -> np.ndarray:
        return d_output.reshape(self._shape)
