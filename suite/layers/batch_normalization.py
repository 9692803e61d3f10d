"""Batch normalization."""

from typing import Any

import keras
from keras import ops

from suite.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("suite")
class BatchNormalization(keras.layers.Layer):
    """Normalizes each feature by the statistics of the batch, then scales and shifts it as it learns to.

        output = gamma * (x - mean) / sqrt(variance + epsilon) + beta

    In training, mean and variance are those of the batch (divided by the count, over all axes but the last),
    gradients flow through both, and moving averages follow them:
    `moving = momentum * moving + (1 - momentum) * batch`. Steps that a mask, given or of the inputs, leaves
    out do not count in the statistics; they are normalized as the others. In inference the moving averages
    take their place, so an output depends on its own example alone. With `trainable = False` it runs in
    inference mode, as Keras' layer does. Statistics are kept in float32 at least; under `tf.distribute` those
    of a replica are of its own part of the batch.

    Args:
        momentum: Float in [0, 1), the share of the moving averages that is kept.
        epsilon: Float > 0, added to the variance.
        **keras_arguments: Those of `keras.layers.Layer`, such as name and dtype.

    Raises:
        ValueError: momentum outside [0, 1), epsilon <= 0, or a mask that has not all axes but the last.

    Reference:
        Ioffe, Szegedy (2015), Batch normalization, algorithms 1 and 2 (whose moving variance is divided by
        n - 1; this one's, like Keras', by n).
    """

    def __init__(self, momentum: float = 0.99, epsilon: float = 1e-3, **keras_arguments: Any):
        super().__init__(**keras_arguments)
        if not 0 <= momentum < 1:
            raise ValueError(f"expected momentum in [0, 1), received {momentum}")
        if not epsilon > 0:
            raise ValueError(f"expected epsilon > 0, received {epsilon}")
        self.momentum = float(momentum)
        self.epsilon = float(epsilon)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma", autocast=False)
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta", autocast=False)
        self.moving_mean = self.add_weight(
            shape=shape, initializer="zeros", name="moving_mean", trainable=False, autocast=False
        )
        self.moving_variance = self.add_weight(
            shape=shape, initializer="ones", name="moving_variance", trainable=False, autocast=False
        )

    def call(self, inputs: Tensor, training: bool = False, mask: Tensor | None = None) -> Tensor:
        if mask is not None and len(mask.shape) != len(inputs.shape) - 1:
            raise ValueError(
                f"expected a mask with all axes of the inputs but the last, received {tuple(mask.shape)} for "
                f"{tuple(inputs.shape)}"
            )
        x = ops.cast(inputs, self.variable_dtype)
        if training and self.trainable:
            mean, variance = _moments(x, mask)
            for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(self.momentum * moving + (1 - self.momentum) * value)
        else:
            mean, variance = self.moving_mean, self.moving_variance
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        return ops.cast(x * scale + (self.beta - mean * scale), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"momentum": self.momentum, "epsilon": self.epsilon}


def _moments(x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and variance of each feature, where the mask is True."""
    axes = list(range(len(x.shape) - 1))
    if mask is None:
        return ops.moments(x, axes)
    counts = ops.cast(mask, "bool")[..., None]
    count = ops.maximum(ops.sum(ops.cast(counts, x.dtype)), 1)
    mean = ops.sum(ops.where(counts, x, 0), axes) / count
    return mean, ops.sum(ops.square(ops.where(counts, x - mean, 0)), axes) / count
