"""What training keeps of a forward pass until the gradient is there."""

import keras
import tensorflow as tf

from suite.keras_internals import traced_operations


def kept_bytes(model: keras.Model, words: tf.Tensor) -> int:
    """What backpropagation needs of the forward pass: all that its operations read of it, but the weights.

    Args:
        model: Token ids `(batch, length)` to probabilities `(batch, length, V)`.
        words: Ids to read, `(batch, length)` int32, as batches are in training.

    Returns:
        Bytes of the tensors of numbers that the operations of the gradient read.
    """

    @tf.function
    def measure(words: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            probabilities = model(words, training=True)
            loss = keras.losses.sparse_categorical_crossentropy(words, probabilities)
        forward = set(traced_operations())
        tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        backward = [operation for operation in traced_operations() if operation not in forward]
        read = {tensor.ref() for operation in backward for tensor in operation.inputs}
        kept = [each.deref() for each in read if each.deref().op in forward]
        kept = [each for each in kept if each.dtype.is_floating and each.op.type != "ReadVariableOp"]
        return sum(tf.size(each, tf.int64) * each.dtype.size for each in kept)

    return int(measure(words))
