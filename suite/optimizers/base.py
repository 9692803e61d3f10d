"""What all our update rules share: checked arguments, state per variable, casts, sparse gradients."""

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any, SupportsFloat, TypeAlias

import keras
import tensorflow as tf

LearningRate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule | Callable[[], float]
Gradient: TypeAlias = tf.Tensor | tf.IndexedSlices


class UpdateRule(keras.optimizers.Optimizer):
    """Optimizer whose subclass states only its rule; the state lives here.

    A subclass names its state in `state_names`, if it has any, and implements `step`. What Keras does to a
    gradient comes before: unscale the loss, clip, sum over replicas. Weight decay is decoupled from the
    gradient: `variable -= learning_rate * weight_decay * variable`, then the step.

    State and step of a float16 or bfloat16 variable are in float32, unlike those of Keras' own optimizers:
    in float16 an epsilon of 1e-8 is 0, and so is the square of a gradient of 1e-4; that of 300 is infinite.

    Args:
        learning_rate: Float > 0, `keras.optimizers.schedules.LearningRateSchedule`, or function of no
            arguments. What a schedule or a function returns is not checked; it may warm up from 0.
        **keras_arguments: Those of `keras.optimizers.Optimizer`: weight_decay, clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name.

    Raises:
        ValueError: learning_rate <= 0, or not finite.
    """

    state_names: tuple[str, ...] = ()

    def __init__(self, learning_rate: LearningRate, **keras_arguments: Any):
        if isinstance(learning_rate, numbers.Real):
            learning_rate = positive("learning_rate", learning_rate)
        super().__init__(learning_rate, **keras_arguments)

    def step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor, *state: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        """The rule for one variable.

        Args:
            gradient: Tensor of the shape of the variable, and of its dtype or, where that is a half one,
                float32.
            variable: The variable before the step; not to be assigned here.
            learning_rate: Scalar tensor of the gradient's dtype.
            *state: One tensor per name in `state_names`, shaped like the variable, 0 at first.

        Returns:
            (what to subtract from the variable, new state, ...), as many states as came in.
        """
        raise NotImplementedError

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Creates the state of each of the trainable variables."""
        if self.built:
            return
        super().build(variables)
        rows = [[self._state_of(variable, name) for name in self.state_names] for variable in variables]
        self._states: list[tuple[keras.Variable, ...]] = list(zip(*rows, strict=True))

    def _state_of(self, variable: keras.Variable, name: str) -> keras.Variable:
        dtype = dtype_of_step(variable)
        if dtype == variable.dtype:
            return self.add_variable_from_reference(variable, name)
        name = f"{variable.path.replace('/', '_')}_{name}"
        with self._distribution_strategy.extended.colocate_vars_with(variable.value):
            return self.add_variable(variable.shape, "zeros", dtype, name=name)

    def update_step(self, gradient: Gradient, variable: keras.Variable, learning_rate: tf.Tensor) -> None:
        """Takes one step with one variable, arguments as of `step`; Keras calls it."""
        index = self._get_variable_index(variable)
        state = [variables[index] for variables in self._states]
        # A sparse gradient may hold a row several times; a rule that is not linear needs their sum.
        gradient = tf.convert_to_tensor(tf.cast(gradient, dtype_of_step(variable)))
        learning_rate = tf.cast(learning_rate, gradient.dtype)
        step, *new_state = self.step(gradient, variable, learning_rate, *map(tf.convert_to_tensor, state))
        for state_variable, value in zip(state, new_state, strict=True):
            self.assign(state_variable, value)
        self.assign_sub(variable, step)


def dtype_of_step(variable: keras.Variable) -> str:
    """The dtype that a variable's state and step are in: its own, but float32 at least."""
    return "float32" if variable.dtype in ("float16", "bfloat16") else variable.dtype


def moving_average(average: tf.Tensor, value: tf.Tensor, decay: float) -> tf.Tensor:
    """`decay * average + (1 - decay) * value`, with one large temporary tensor instead of two.

    Args:
        average: Tensor.
        value: Tensor of the same shape and dtype.
        decay: In [0, 1), the share of the average that is kept.
    """
    return average + (1 - decay) * (value - average) if decay else value


def positive(name: str, value: SupportsFloat) -> float:
    """Returns `value` as a float.

    Raises:
        ValueError: Not finite, or not > 0.
    """
    if not (math.isfinite(value) and float(value) > 0):
        raise ValueError(f"expected {name} > 0 and finite, received {value}")
    return float(value)


def decay_rate(name: str, value: float) -> float:
    """Returns `value` (a momentum, beta or rho: the share of the past that is kept) as a float.

    Raises:
        ValueError: Outside [0, 1).
    """
    if not 0 <= value < 1:
        raise ValueError(f"expected {name} in [0, 1), received {value}")
    return float(value)
