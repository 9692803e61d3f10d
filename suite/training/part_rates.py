"""AdamW with a lower rate for the pretrained part of a model, which it leaves alone at first."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

WARM_UP = 0.05  # share of the steps
WEIGHT_DECAY = 0.01
EMA = 0.99  # share of the averaged weights that a step leaves: they lag by a hundred steps
CLIP = 10.0  # global norm of the gradient


@keras.saving.register_keras_serializable("suite")
class PartRates(keras.optimizers.AdamW):
    """Keras' AdamW, whose pretrained variables move at a share of the rate, and not at all at first.

    While the head is still random, its gradients would spoil what the encoder has learned elsewhere. The
    pretrained variables are not decayed, either.

    Args:
        learning_rate: As of AdamW: that of all other variables.
        pretrained: Paths of the pretrained variables.
        share: Of the rate that they move at, in [0, 1].
        held: Steps for which they do not move.
        **keras_arguments: Those of AdamW.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        pretrained: Sequence[str] = (),
        share: float = 1.0,
        held: int = 0,
        **keras_arguments: Any,
    ):
        super().__init__(learning_rate, **keras_arguments)
        self.pretrained, self.share, self.held = tuple(pretrained), float(share), int(held)
        self._slow: set[int] = set()

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Keras calls it with the variables of the training."""
        paths = set(self.pretrained)
        slow = [variable for variable in variables if variable.path in paths]
        if not self.built:
            self.exclude_from_weight_decay(var_list=slow, var_names=["bias", "gamma", "beta"])
        super().build(variables)
        self._slow = {self._get_variable_index(variable) for variable in slow}

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: tf.Tensor) -> None:
        """The step of AdamW of one variable, at its own rate.

        Args:
            gradient: Of the shape of the variable.
            variable: A variable of the model.
            learning_rate: That of the parts that are new.
        """
        if self._get_variable_index(variable) in self._slow:
            is_free = tf.cast(self.iterations >= self.held, learning_rate.dtype)
            learning_rate = learning_rate * self.share * is_free
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict[str, Any]:
        names = ("pretrained", "share", "held")
        return super().get_config() | {name: getattr(self, name) for name in names}


def part_rates(
    pretrained: Sequence[keras.Variable], steps: int, *, rate: float, pretrained_rate: float
) -> PartRates:
    """The optimizer of a training: a warm-up, then a cosine to 0; weights averaged on the way.

    `suite.training.loop.fit` measures and keeps the averaged weights.

    Args:
        pretrained: Variables that move at the lower rate, once the warm-up is over.
        steps: Of the training.
        rate: Highest rate of all others.
        pretrained_rate: Highest rate of the pretrained ones.
    """
    warm_up = max(1, round(WARM_UP * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), warmup_target=rate, warmup_steps=warm_up
    )
    return PartRates(
        schedule,
        [variable.path for variable in pretrained],
        pretrained_rate / rate,
        warm_up,
        weight_decay=WEIGHT_DECAY,
        global_clipnorm=CLIP,
        use_ema=True,
        ema_momentum=min(EMA, 1 - 10 / (steps + 10)),
    )
