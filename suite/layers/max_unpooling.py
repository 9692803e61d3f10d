"""Max unpooling."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from suite.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("suite")
class MaxUnpooling2D(keras.layers.Layer):
    """Puts values back where a max pooling found its maxima, and 0 everywhere else.

        output[i, j] = values[i // p, j // p]  where features[i, j] = max of its p x p window, else 0

    The positions come from comparing the features that were pooled with their own maxima, not from indices:
    comparison, product and nearest-neighbor upsampling are built-in operators of every runtime, which
    max pooling with indices is not. Where a window has its maximum more than once, each place gets the
    value; after a ReLU such windows are those without a positive feature, and some in integer models.

    Called on `[values, features]`: `(batch, height / p, width / p, channels)` and
    `(batch, height, width, channels)`, the features as they went into `MaxPooling2D(p)`; gives
    `(batch, height, width, channels)`. Gradients flow to the values only.

    Args:
        pool_size: p, an integer > 1: side and stride of the windows, as in the pooling.
        **keras_arguments: Those of `keras.layers.Layer`, such as name and dtype.

    Raises:
        ValueError: pool_size below 2, or shapes that do not fit each other.

    Reference:
        Zeiler, Fergus (2014), Visualizing and understanding convolutional networks, section 2.1.
        Badrinarayanan, Kendall, Cipolla (2017), SegNet, section 3: the decoder.

    Attributes:
        decides: True: rounding may turn what is nearly equal, so two runtimes need not give the same.
    """

    decides = True

    def __init__(self, pool_size: int = 2, **keras_arguments: Any):
        super().__init__(**keras_arguments)
        if pool_size < 2:
            raise ValueError(f"expected pool_size of at least 2, received {pool_size}")
        self.pool_size = int(pool_size)

    def build(self, input_shape: Sequence[Shape]) -> None:
        values, features = input_shape
        wanted = (*(side and side // self.pool_size for side in features[1:3]), features[3])
        is_whole = all(side is None or side % self.pool_size == 0 for side in features[1:3])
        if not is_whole or tuple(values[1:]) != wanted:
            raise ValueError(
                f"expected values {self.pool_size} times smaller than the features, sides without a "
                f"remainder, received {tuple(values[1:])} and {tuple(features[1:])}"
            )

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        values, features = inputs
        maxima = ops.max_pool(features, self.pool_size, padding="valid")
        positions = ops.equal(features, self._enlarge(maxima))
        return self._enlarge(values) * ops.cast(positions, values.dtype)

    def _enlarge(self, x: Tensor) -> Tensor:
        _, height, width, _ = x.shape
        return ops.image.resize(x, (height * self.pool_size, width * self.pool_size), "nearest")

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        return input_shape[1]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"pool_size": self.pool_size}
