"""TF-IDF of words and pairs of words, from token ids."""

from typing import Any

import keras
import numpy as np
from keras import ops

from suite.layers.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("suite")
class TfIdf(keras.layers.Layer):
    """Counts words and pairs of neighboring words, weighs them, and scales the result to length 1.

        unigrams = sum over positions of one_hot(token)
        bigrams = sum over positions of (token * vocabulary_size + next token == pair), for each known pair
        features = counts * idf / norm(counts * idf)

    The special ids 0 and 1 are not counted. Every operation has a built-in counterpart in TFLite.

    Args:
        vocabulary_size: Number of ids, the special ones included; its square must fit into 31 bits.
        num_pairs: Number of known pairs of words, >= 0.

    Input: `(batch, length)` int32 ids, padded with 0. Output: `(batch, vocabulary_size - 2 + num_pairs)`
    float32. `adapt` sets what is counted.

    Raises:
        ValueError: A vocabulary of more than 46,340 words.
    """

    def __init__(self, vocabulary_size: int, num_pairs: int = 0, **keras_arguments: Any):
        super().__init__(**keras_arguments)
        if vocabulary_size**2 >= 2**31:
            raise ValueError(f"expected at most 46,340 words, received {vocabulary_size}; take the frequent")
        self.vocabulary_size, self.num_pairs = vocabulary_size, num_pairs

    def build(self, input_shape: Shape) -> None:  # noqa: ARG002  Keras' signature
        features = self.vocabulary_size - 2 + self.num_pairs
        self.codes = self.add_weight((self.num_pairs,), "zeros", "int32", trainable=False, name="codes")
        self.idf = self.add_weight((features,), "ones", "float32", trainable=False, name="idf")

    def adapt(self, pairs: np.ndarray, idf: np.ndarray) -> None:
        """Sets the pairs of ids `(num_pairs, 2)` and the weights, those of words before those of pairs."""
        first, second = pairs.astype(np.int32).reshape(-1, 2).T
        self.codes.assign(first * self.vocabulary_size + second)
        self.idf.assign(idf.astype(np.float32))

    def call(self, tokens: Tensor) -> Tensor:
        counts = ops.sum(ops.one_hot(tokens, self.vocabulary_size, dtype="float32"), axis=1)[:, 2:]
        if self.num_pairs:
            codes = tokens[:, :-1] * self.vocabulary_size + tokens[:, 1:]
            found = ops.cast(
                ops.equal(codes[:, :, None], self.codes), "float32"
            )  # (batch, length - 1, pairs)
            counts = ops.concatenate([counts, ops.sum(found, axis=1)], axis=1)
        weighted = counts * self.idf
        squares = ops.sum(ops.square(weighted), axis=1, keepdims=True)
        # Without a known word all is 0; the least length of others is 1, as no idf is below 1.
        return weighted * ops.rsqrt(ops.maximum(squares, 1e-12))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.vocabulary_size - 2 + self.num_pairs)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "num_pairs": self.num_pairs,
        }
