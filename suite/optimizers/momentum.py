"""Momentum."""

from typing import Any

import keras
import tensorflow as tf

from suite.optimizers.base import LearningRate, UpdateRule, decay_rate


def heavy_ball(
    gradient: tf.Tensor, velocity: tf.Tensor, learning_rate: tf.Tensor, momentum: float
) -> tf.Tensor:
    """The new velocity, which is also the step, as in `Momentum`."""
    return momentum * velocity + learning_rate * gradient


@keras.saving.register_keras_serializable("suite")
class Momentum(UpdateRule):
    """Steps along a decaying sum of the past gradients.

        h = momentum * h + learning_rate * g
        w = w - h

    Where the gradient keeps its sign, the step grows to `learning_rate / (1 - momentum)` times the gradient;
    where the sign alternates, the terms cancel. The learning rate is inside h: after a schedule lowers it,
    the steps taken before still count at their old rate (torch multiplies h by the new rate). The gradient is
    not dampened by `1 - momentum`. Keras' `SGD(momentum=...)` is the same rule, its state -h.

    Args:
        learning_rate: Float > 0, `LearningRateSchedule`, or function of no arguments.
        momentum: Float in [0, 1), the share of h that is kept; 0 is gradient descent.
        **keras_arguments: Those of `keras.optimizers.Optimizer`, such as clipnorm and weight_decay.

    Raises:
        ValueError: learning_rate <= 0, or not finite; momentum outside [0, 1).

    Reference:
        Polyak (1964), Some methods of speeding up the convergence of iteration methods, equation 9;
        Goodfellow, Bengio, Courville (2016), Deep Learning, algorithm 8.2.
    """

    state_names = ("velocity",)

    def __init__(self, learning_rate: LearningRate = 0.01, momentum: float = 0.9, **keras_arguments: Any):
        super().__init__(learning_rate, **keras_arguments)
        self.momentum = decay_rate("momentum", momentum)

    def step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor, velocity: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        velocity = heavy_ball(gradient, velocity, learning_rate, self.momentum)
        return velocity, velocity

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"momentum": self.momentum}
