"""Adam."""

from typing import Any

import keras
import tensorflow as tf

from suite.optimizers.base import LearningRate, UpdateRule, decay_rate, moving_average, positive


def adam(
    gradient: tf.Tensor,
    m: tf.Tensor,
    v: tf.Tensor,
    t: tf.Tensor,
    learning_rate: tf.Tensor,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The step as in `Adam`, and the new means m of the gradient and v of its square; t counts from 1."""
    m = moving_average(m, gradient, beta_1)
    v = moving_average(v, tf.square(gradient), beta_2)
    # The corrections as scalars, not on every weight; in float64, as 1 - 0.999 in float32 is off by 1e-5.
    t = tf.cast(t, tf.float64)
    root_correction = tf.sqrt(1 - beta_2**t)
    scale = learning_rate * tf.cast(root_correction / (1 - beta_1**t), m.dtype)
    return scale * (m / (tf.sqrt(v) + tf.cast(epsilon * root_correction, m.dtype))), m, v


@keras.saving.register_keras_serializable("suite")
class Adam(UpdateRule):
    """Momentum and RMSprop in one, both corrected for their start at 0.

        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        w = w - learning_rate * m_hat / (sqrt(v_hat) + epsilon)

    This is algorithm 1 of the paper, as in torch: epsilon is added to the root of the corrected v_hat. Keras'
    `Adam` is the form that the paper gives before its section 2.1: epsilon_hat is added to `sqrt(v)`, before
    the correction. That is this rule with `epsilon = epsilon_hat / sqrt(1 - beta_2**t)`: 32 times epsilon_hat
    at the first step (beta_2 0.999), equal to it in the end. Gradients as small as epsilon show it.
    State and step of a float16 variable are in float32, see `UpdateRule`.

    Args:
        learning_rate: Float > 0, `LearningRateSchedule`, or function of no arguments.
        beta_1: Float in [0, 1), the share of m that is kept.
        beta_2: Float in [0, 1), the share of v that is kept.
        epsilon: Float > 0, in units of a gradient.
        **keras_arguments: Those of `keras.optimizers.Optimizer`, such as clipnorm and weight_decay.

    Raises:
        ValueError: learning_rate or epsilon <= 0, or not finite; beta_1 or beta_2 outside [0, 1).

    Reference:
        Kingma, Ba (2015), Adam: a method for stochastic optimization, algorithm 1.
    """

    state_names = ("m", "v")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        **keras_arguments: Any,
    ):
        super().__init__(learning_rate, **keras_arguments)
        self.beta_1 = decay_rate("beta_1", beta_1)
        self.beta_2 = decay_rate("beta_2", beta_2)
        self.epsilon = positive("epsilon", epsilon)

    def step(
        self,
        gradient: tf.Tensor,
        variable: keras.Variable,
        learning_rate: tf.Tensor,
        m: tf.Tensor,
        v: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        t = self.iterations + 1
        return adam(gradient, m, v, t, learning_rate, self.beta_1, self.beta_2, self.epsilon)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
