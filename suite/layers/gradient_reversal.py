"""The layer that makes features worse for what reads them: domain-adversarial training by plain descent."""

from typing import Any

import keras
from keras import ops

from suite.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("suite")
class GradientReversal(keras.layers.Layer):
    """Gives its input unchanged, and its gradient back times `-strength`.

    What follows the layer learns to tell domains apart; what comes before it learns, by the same descent
    step, features that do not tell. `strength` is a weight that is not trained, so that it can grow
    between epochs.

    Called on a tensor of any shape and float dtype; gives the same.

    Args:
        strength: What the gradient is multiplied by before its sign is turned, at least 0.
        **keras_arguments: Those of `keras.layers.Layer`, such as name and dtype.

    Raises:
        ValueError: A negative strength.

    Reference:
        Ganin, Lempitsky (2015), Unsupervised domain adaptation by backpropagation, section 3.
    """

    def __init__(self, strength: float = 1.0, **keras_arguments: Any):
        super().__init__(**keras_arguments)
        if not strength >= 0:
            raise ValueError(f"expected strength >= 0, received {strength}")
        self.initial_strength = float(strength)
        initial = keras.initializers.Constant(self.initial_strength)
        self.strength = self.add_weight(shape=(), initializer=initial, trainable=False, name="strength")
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Tensor:
        # The value is that of the first term: the other is 0, but its derivative is not.
        value = ops.stop_gradient(inputs)
        return value + ops.cast(self.strength, inputs.dtype) * (value - inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"strength": self.initial_strength}
