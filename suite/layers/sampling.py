"""The stochastic layer of variational autoencoders."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from suite.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("suite")
class Sampling(keras.layers.Layer):
    """Draws a code from a Gaussian by the reparametrization trick, and gives its mean in inference.

        code = mean + exp(log_variance / 2) * noise,  noise from a standard normal distribution

    The noise does not depend on any weight, so the gradient of a draw with regard to the mean and the
    variance is that of this line. A deployed encoder has to answer the same each time: it gives the mean.

    Called on `[mean, log_variance]`, each `(batch, ..., features)` float32; gives as many numbers.

    Args:
        seed: Integer, or None for the global one.
        **keras_arguments: Those of `keras.layers.Layer`, such as name and dtype.

    Reference:
        Kingma, Welling (2014), Auto-encoding variational Bayes, section 2.4.
    """

    def __init__(self, seed: int | None = None, **keras_arguments: Any):
        super().__init__(**keras_arguments)
        self.seed = seed
        self._seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Sequence[Tensor], training: bool = False) -> Tensor:
        mean, log_variance = inputs
        if not training:
            return mean
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self._seed_generator)
        return mean + ops.exp(log_variance / 2) * noise

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"seed": self.seed}
