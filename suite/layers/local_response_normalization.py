"""Local response normalization."""

from typing import Any

import keras
import tensorflow as tf

from suite.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("suite")
class LocalResponseNormalization(keras.layers.Layer):
    """Divides each feature by how active its neighbors among the channels are, at the same place.

        output[c] = x[c] / (k + alpha * sum(x[j] ** 2 for j in range(c - n // 2, c + n // 2 + 1))) ** beta

    Channels that do not exist count as 0. This is the paper's formula, whose alpha multiplies the sum; Caffe,
    torch and ONNX multiply the mean, so that their alpha is n times ours. Nothing is learned.

    Called on `(batch, height, width, channels)` float32; gives the same shape.

    Args:
        n: Odd integer > 0, the channels that count, the feature's own in the middle.
        k: Float > 0.
        alpha: Float >= 0.
        beta: Float >= 0.
        **keras_arguments: Those of `keras.layers.Layer`, such as name and dtype.

    Raises:
        ValueError: An even n or one below 1, k <= 0, a negative alpha or beta, or an input without 4 axes.

    Reference:
        Krizhevsky, Sutskever, Hinton (2012), ImageNet Classification with Deep Convolutional Neural Networks,
        section 3.3: n = 5, k = 2, alpha = 1e-4, beta = 0.75.
    """

    def __init__(
        self, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75, **keras_arguments: Any
    ):
        super().__init__(**keras_arguments)
        if n < 1 or n % 2 == 0:
            raise ValueError(f"expected an odd n of at least 1, received {n}")
        if not (k > 0 and alpha >= 0 and beta >= 0):
            raise ValueError(f"expected k > 0, alpha >= 0 and beta >= 0, received {k}, {alpha} and {beta}")
        self.n, self.k, self.alpha, self.beta = int(n), float(k), float(alpha), float(beta)

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) != 4:
            raise ValueError(f"expected (batch, height, width, channels), received {tuple(input_shape)}")

    def call(self, inputs: Tensor) -> Tensor:
        return tf.nn.local_response_normalization(inputs, self.n // 2, self.k, self.alpha, self.beta)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"n": self.n, "k": self.k, "alpha": self.alpha, "beta": self.beta}
