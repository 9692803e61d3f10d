"""RMSprop."""

from typing import Any

import keras
import tensorflow as tf

from suite.optimizers.base import LearningRate, UpdateRule, decay_rate, moving_average, positive


def rmsprop(
    gradient: tf.Tensor, mean_square: tf.Tensor, learning_rate: tf.Tensor, rho: float, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """The step as in `RMSprop`, and the new running mean of squared gradients."""
    mean_square = moving_average(mean_square, tf.square(gradient), rho)
    return learning_rate * (gradient / tf.sqrt(mean_square + epsilon)), mean_square


@keras.saving.register_keras_serializable("suite")
class RMSprop(UpdateRule):
    """Divides the learning rate of each weight by the root mean square of its recent gradients.

        G = rho * G + (1 - rho) * g**2
        w = w - learning_rate * g / sqrt(G + epsilon)

    G is a running mean where AdaGrad's is a sum, so that the steps do not vanish. It starts at 0 and is not
    corrected for that: the first step is about `learning_rate / sqrt(1 - rho) * sign(g)`, 3 times the later
    ones for rho 0.9. Epsilon stands inside the root; torch adds it to the root. Keras' `RMSprop` without its
    options momentum and centered is the same rule.
    State and step of a float16 variable are in float32, see `UpdateRule`.

    Args:
        learning_rate: Float > 0, `LearningRateSchedule`, or function of no arguments.
        rho: Float in [0, 1), the share of G that is kept.
        epsilon: Float > 0, in units of a squared gradient.
        **keras_arguments: Those of `keras.optimizers.Optimizer`, such as clipnorm and weight_decay.

    Raises:
        ValueError: learning_rate or epsilon <= 0, or not finite; rho outside [0, 1).

    Reference:
        Tieleman, Hinton (2012), Neural networks for machine learning, lecture 6.5, slide 29;
        Goodfellow, Bengio, Courville (2016), Deep Learning, algorithm 8.5.
    """

    state_names = ("mean_square",)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        epsilon: float = 1e-7,
        **keras_arguments: Any,
    ):
        super().__init__(learning_rate, **keras_arguments)
        self.rho = decay_rate("rho", rho)
        self.epsilon = positive("epsilon", epsilon)

    def step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor, mean_square: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        return rmsprop(gradient, mean_square, learning_rate, self.rho, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"rho": self.rho, "epsilon": self.epsilon}
