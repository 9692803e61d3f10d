"""Proximal gradient descent for the L1 penalty."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from suite.optimizers.base import LearningRate, UpdateRule


def soft_threshold(values: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """Moves values towards 0 by the threshold; those within it become exactly 0."""
    return values - tf.clip_by_value(values, -threshold, threshold)


def proximal_gradient(
    gradient: tf.Tensor, variable: tf.Tensor, learning_rate: tf.Tensor, l1: float
) -> tf.Tensor:
    """The variable after a gradient step and the soft threshold, as in `ProximalGradient`."""
    return soft_threshold(variable - learning_rate * gradient, learning_rate * l1)


@keras.saving.register_keras_serializable("suite")
class ProximalGradient(UpdateRule):
    """Minimizes loss + l1 * sum(abs(w)): a gradient step on the loss, then the exact step on the penalty.

        z = w - learning_rate * g
        w = sign(z) * max(abs(z) - learning_rate * l1, 0)

    This is ISTA; on a least-squares loss it solves the lasso. The penalty is the optimizer's: leave it out of
    the loss that g comes from. Weights become exactly 0, which a subgradient of the penalty does not achieve.
    With gradients of the whole data it converges for learning_rate <= 1 / L, L the largest eigenvalue of the
    Hessian of the loss. Rows that a sparse gradient does not hold shrink as well. Keras has no such class.

    Args:
        learning_rate: Float > 0, `LearningRateSchedule`, or function of no arguments.
        l1: Float >= 0, strength of the penalty; 0 is gradient descent.
        exclude: Names of the variables that are not penalized, as in `variable.name`; the biases by default.
        **keras_arguments: Those of `keras.optimizers.Optimizer`, such as clipnorm and weight_decay.

    Raises:
        ValueError: learning_rate <= 0, or not finite; l1 < 0, or not finite; exclude is one string.

    Reference:
        Daubechies, Defrise, De Mol (2004), An iterative thresholding algorithm for linear inverse problems
        with a sparsity constraint; Beck, Teboulle (2009), A fast iterative shrinkage-thresholding algorithm
        for linear inverse problems, equation 1.4.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        l1: float = 0.01,
        exclude: Sequence[str] = ("bias",),
        **keras_arguments: Any,
    ):
        super().__init__(learning_rate, **keras_arguments)
        if not (math.isfinite(l1) and l1 >= 0):
            raise ValueError(f"expected l1 >= 0 and finite, received {l1}")
        if isinstance(exclude, str):
            raise ValueError(f"expected exclude as a list of names, received a string; write [{exclude!r}]")
        self.l1 = float(l1)
        self.exclude = tuple(exclude)

    def step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        name = self._trainable_variables[self._get_variable_index(variable)].name
        l1 = 0.0 if name in self.exclude else self.l1
        # Zeros stay exact through this difference, as w - (w - 0) is 0.
        weights = tf.cast(variable, gradient.dtype)
        return (weights - proximal_gradient(gradient, weights, learning_rate, l1),)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"l1": self.l1, "exclude": list(self.exclude)}
