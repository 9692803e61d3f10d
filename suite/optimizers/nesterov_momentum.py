"""Nesterov momentum."""

import keras
import tensorflow as tf

from suite.optimizers.momentum import Momentum


def nesterov_momentum(
    gradient: tf.Tensor, velocity: tf.Tensor, learning_rate: tf.Tensor, momentum: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """The step from look-ahead point to look-ahead point as in `NesterovMomentum`, and the new velocity."""
    gradient_step = learning_rate * gradient
    velocity = momentum * velocity + gradient_step
    return momentum * velocity + gradient_step, velocity


@keras.saving.register_keras_serializable("suite")
class NesterovMomentum(Momentum):
    """Steps along the momentum first, then corrects by the gradient found there.

        g = gradient at w - momentum * h
        h = momentum * h + learning_rate * g
        w = w - h

    Keras hands over gradients at the variables, so the variables hold the look-ahead point
    `u = w - momentum * h`. Put into the lines above (u and w start equal, as h starts at 0), that is

        g = gradient at u
        h = momentum * h + learning_rate * g
        u = u - (momentum * h + learning_rate * g)

    the same trajectory, not an approximation of it. `behind` returns w; the two meet as h goes to 0. Keras'
    `SGD(momentum=..., nesterov=True)` moves u in the same way, its state -h.

    Args:
        learning_rate: Float > 0, `LearningRateSchedule`, or function of no arguments.
        momentum: Float in [0, 1), the share of h that is kept; 0 is gradient descent.
        **keras_arguments: Those of `keras.optimizers.Optimizer`, such as clipnorm and weight_decay.

    Raises:
        ValueError: learning_rate <= 0, or not finite; momentum outside [0, 1).

    Reference:
        Nesterov (1983), A method of solving a convex programming problem with convergence rate O(1/k^2);
        Sutskever, Martens, Dahl, Hinton (2013), On the importance of initialization and momentum in deep
        learning, equations 3 and 4; the change of variables: Bengio, Boulanger-Lewandowski, Pascanu (2013),
        Advances in optimizing recurrent networks, equations 6 and 7.
    """

    def step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor, velocity: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        return nesterov_momentum(gradient, velocity, learning_rate, self.momentum)

    def behind(self, variable: keras.Variable) -> tf.Tensor:
        """The point `w = u + momentum * h` that the look-ahead of a trained variable started from."""
        (velocities,) = self._states
        velocity = tf.convert_to_tensor(velocities[self._get_variable_index(variable)])
        return tf.cast(variable, velocity.dtype) + self.momentum * velocity
