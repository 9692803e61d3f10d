"""Instance normalization."""

from typing import Any

import keras
from keras import ops

from suite.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("suite")
class InstanceNormalization(keras.layers.Layer):
    """Normalizes each channel of each image by its own statistics, then scales and shifts it as it learns to.

        output = gamma * (x - mean) / sqrt(variance + epsilon) + beta

    Mean and variance (divided by the count) are those of one channel of one image over height and width, in
    training and in inference alike: nothing is remembered, and no image depends on the others of its batch.
    It takes the contrast out of the content, which a stylized image has to have from its style. Statistics
    are computed in float32 at least. `keras.layers.GroupNormalization(groups=-1)` gives the same numbers by
    way of 5 axes; here the exported graph has means, products and a root only.

    Called on `(batch, height, width, channels)` float; gives the same shape.

    Args:
        epsilon: Float > 0, added to the variance.
        **keras_arguments: Those of `keras.layers.Layer`, such as name and dtype.

    Raises:
        ValueError: epsilon <= 0, or an input without 4 axes.

    Reference:
        Ulyanov, Vedaldi, Lempitsky (2016), Instance normalization: the missing ingredient for fast
        stylization, equation 3.
    """

    def __init__(self, epsilon: float = 1e-5, **keras_arguments: Any):
        super().__init__(**keras_arguments)
        if not epsilon > 0:
            raise ValueError(f"expected epsilon > 0, received {epsilon}")
        self.epsilon = float(epsilon)

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) != 4:
            raise ValueError(f"expected (batch, height, width, channels), received {tuple(input_shape)}")
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma", autocast=False)
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta", autocast=False)

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.cast(inputs, self.variable_dtype)
        centered = x - _mean(x)
        variance = _mean(ops.square(centered))
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        return ops.cast(centered * scale + self.beta, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"epsilon": self.epsilon}


def _mean(x: Tensor) -> Tensor:
    """Row means first: a runtime that adds up one number after another loses digits over a whole image."""
    return ops.mean(ops.mean(x, axis=2, keepdims=True), axis=1, keepdims=True)
