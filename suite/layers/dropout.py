"""Dropout."""

from typing import Any

import keras
from keras import ops

from suite.layers.tensors import Tensor


@keras.saving.register_keras_serializable("suite")
class Dropout(keras.layers.Layer):
    """Drops each input with a probability in training, and passes everything in inference.

        output = x * kept / (1 - rate),  kept = 1 with probability 1 - rate, else 0

    What is kept is scaled up at once ("inverted" dropout), so that the expectation of each output is its
    input and inference has nothing to scale; the paper scales the weights down after training instead.

    Args:
        rate: Float in [0, 1), the probability to drop an input.
        seed: Integer, or None for the global one.
        **keras_arguments: Those of `keras.layers.Layer`, such as name and dtype.

    Raises:
        ValueError: rate outside [0, 1).

    Reference:
        Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), Dropout, sections 4 and 10.
    """

    def __init__(self, rate: float, seed: int | None = None, **keras_arguments: Any):
        super().__init__(**keras_arguments)
        if not 0 <= rate < 1:
            raise ValueError(f"expected rate in [0, 1), received {rate}")
        self.rate = float(rate)
        self.seed = seed
        self._seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.rate == 0:
            return inputs
        uniform = keras.random.uniform(ops.shape(inputs), dtype=inputs.dtype, seed=self._seed_generator)
        return ops.where(uniform >= self.rate, inputs * (1 / (1 - self.rate)), 0)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rate": self.rate, "seed": self.seed}
