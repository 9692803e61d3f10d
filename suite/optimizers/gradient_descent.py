"""Gradient descent."""

from typing import Any

import keras
import tensorflow as tf

from suite.optimizers.base import Gradient, LearningRate, UpdateRule


def gradient_descent(gradient: tf.Tensor, learning_rate: tf.Tensor) -> tf.Tensor:
    """The step `learning_rate * gradient`, to be subtracted from the variable."""
    return learning_rate * gradient


@keras.saving.register_keras_serializable("suite")
class GradientDescent(UpdateRule):
    """Steps against the gradient.

        w = w - learning_rate * g

    Fed with the gradient of one example or of a mini-batch it is stochastic gradient descent. On a quadratic
    it converges for learning_rate < 2 / L, L the largest eigenvalue of the Hessian. Keras' `SGD` with
    momentum 0 is the same rule. A sparse gradient (embeddings) updates only the rows that it holds.

    Args:
        learning_rate: Float > 0, `LearningRateSchedule`, or function of no arguments.
        **keras_arguments: Those of `keras.optimizers.Optimizer`, such as clipnorm and weight_decay.

    Raises:
        ValueError: learning_rate <= 0, or not finite.

    Reference:
        Cauchy (1847), Méthode générale pour la résolution des systèmes d'équations simultanées;
        Goodfellow, Bengio, Courville (2016), Deep Learning, equation 4.5 and algorithm 8.1.
    """

    def __init__(self, learning_rate: LearningRate = 0.01, **keras_arguments: Any):
        super().__init__(learning_rate, **keras_arguments)

    def step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        return (gradient_descent(gradient, learning_rate),)

    def update_step(self, gradient: Gradient, variable: keras.Variable, learning_rate: tf.Tensor) -> None:
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        gradient = tf.cast(gradient, variable.dtype)
        step = gradient_descent(gradient.values, tf.cast(learning_rate, variable.dtype))
        self.assign_sub(variable, tf.IndexedSlices(step, gradient.indices, gradient.dense_shape))
