"""Keras models whose steps XLA compiles."""

import keras
import tensorflow as tf


class CompiledModel(keras.Model):
    """A functional model whose `fit`, `evaluate` and `predict` run steps compiled by XLA.

    `compile(jit_compile=True)` has no effect where operations are deterministic, as they are in every run of
    the suite: some operations would be refused. This model takes XLA all the same; such an operation in it is
    an error. Batches should be of one shape, since each new one is compiled for seconds.
    """

    @tf.function(jit_compile=True)
    def train_step(self, data):
        return super().train_step(data)

    @tf.function(jit_compile=True)
    def test_step(self, data):
        return super().test_step(data)

    @tf.function(jit_compile=True)
    def predict_step(self, data):
        return super().predict_step(data)
