"""Attention: a decoder looks at all that the encoder has read, and chooses."""

import keras
from keras import ops

from suite.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("suite")
class Attention(keras.layers.Layer):
    """Global attention with a learned product of query and memory.

        scores = (queries @ kernel) @ memory.T,  less 10,000 where the memory is of padding
        weights = softmax(scores)
        context = weights @ memory

    Called on queries `(batch, steps, units)`, memory `(batch, length, features)` and, where the memory is of
    padded sequences, their ids `(batch, length)` with 0 for padding; without these the mask of the memory
    counts, where it has one. Gives the context `(batch, steps, features)` and the weights `(batch, steps,
    length)`, which sum to 1.

    Args:
        **keras_arguments: Those of `keras.layers.Layer`, such as name and dtype.

    Reference:
        Luong, Pham, Manning (2015), Effective approaches to attention-based neural machine translation: the
        score "general".
    """

    def build(self, queries_shape: Shape, memory_shape: Shape, source_shape: Shape | None = None) -> None:  # noqa: ARG002  Keras passes shapes by name
        self.kernel = self.add_weight(
            shape=(queries_shape[-1], memory_shape[-1]), initializer="glorot_uniform", name="kernel"
        )

    def call(
        self, queries: Tensor, memory: Tensor, source: Tensor | None = None, memory_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        scores = ops.matmul(ops.matmul(queries, self.kernel), ops.swapaxes(memory, 1, 2))
        told = memory_mask if source is None else source
        if told is not None:
            is_padding = ops.cast(ops.equal(told, ops.zeros_like(told)), scores.dtype)[:, None]
            scores = scores - 1e4 * is_padding  # which float16 still holds
        weights = ops.softmax(scores, axis=-1)
        return ops.matmul(weights, memory), weights

    def compute_output_shape(
        self,
        queries_shape: Shape,
        memory_shape: Shape,
        source_shape: Shape | None = None,  # noqa: ARG002  Keras passes shapes by name
    ) -> tuple[Shape, Shape]:
        batch, steps, _ = queries_shape
        return (batch, steps, memory_shape[-1]), (batch, steps, memory_shape[1])
