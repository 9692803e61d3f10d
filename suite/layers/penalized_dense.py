"""A dense layer whose activations pay: the codes of sparse and of contractive autoencoders."""

from typing import Any

import keras
from keras import ops

from suite.layers.tensors import Tensor


def l1_penalty(code: keras.KerasTensor) -> keras.KerasTensor:
    """Sum of the absolute activations, mean over examples: most activations become 0.

    Args:
        code: `(batch, units)` float32.

    Returns:
        A scalar.
    """
    return ops.mean(ops.sum(ops.abs(code), axis=-1))


def kl_penalty(code: keras.KerasTensor, rho: float) -> keras.KerasTensor:
    """Sum over units of the Kullback-Leibler divergence from a rare event to the unit's mean activation.

        mean(code) is held at rho:  rho * log(rho / mean) + (1 - rho) * log((1 - rho) / (1 - mean))

    Args:
        code: `(batch, units)` float32 in [0, 1]; the mean is over the batch, which must not be small.
        rho: Wanted mean activation, in (0, 1).

    Returns:
        A scalar in nats, 0 where every unit's mean is rho.

    Reference:
        Ng (2011), Sparse autoencoder, CS294A lecture notes, section 3.
    """
    mean = ops.clip(ops.mean(code, axis=0), 1e-6, 1 - 1e-6)
    return ops.sum(rho * ops.log(rho / mean) + (1 - rho) * ops.log((1 - rho) / (1 - mean)))


def jacobian_penalty(code: keras.KerasTensor, kernel: keras.KerasTensor) -> keras.KerasTensor:
    """Squared Frobenius norm of the Jacobian of a sigmoid layer's output by its input, mean over examples.

        d code[j] / d x[i] = code[j] * (1 - code[j]) * kernel[i, j]

    Args:
        code: `(batch, units)` float32, the layer's sigmoid output.
        kernel: `(features, units)` float32.

    Returns:
        A scalar.

    Reference:
        Rifai, Vincent, Muller, Glorot, Bengio (2011), Contractive auto-encoders: explicit invariance
        during feature extraction.
    """
    slopes = ops.square(code * (1 - code))
    return ops.mean(ops.sum(slopes * ops.sum(ops.square(kernel), axis=0), axis=-1))


@keras.saving.register_keras_serializable("suite")
class PenalizedDense(keras.layers.Dense):
    """Dense layer with sigmoid activation that adds a penalty on its activations to the loss.

    Args:
        units: Number of activations.
        penalty: "l1", "kl" or "jacobian"; None for none.
        strength: What the penalty is multiplied by, at least 0.
        rho: Wanted mean activation of the "kl" penalty, in (0, 1).
        **keras_arguments: Those of `keras.layers.Dense`, save for the activation.

    Raises:
        ValueError: Another penalty, or an argument out of range.
    """

    def __init__(
        self,
        units: int,
        penalty: str | None = None,
        strength: float = 0.0,
        rho: float = 0.05,
        **keras_arguments: Any,
    ):
        super().__init__(units, **{"activation": "sigmoid"} | keras_arguments)
        if penalty not in (None, "l1", "kl", "jacobian"):
            raise ValueError(f"expected a penalty among l1, kl, jacobian or None, received {penalty!r}")
        if not (strength >= 0 and 0 < rho < 1):
            raise ValueError(f"expected strength >= 0 and rho in (0, 1), received {strength} and {rho}")
        if keras.activations.serialize(self.activation) != "sigmoid":
            raise ValueError(f"expected the activation sigmoid, received {keras_arguments['activation']!r}")
        self.penalty, self.strength, self.rho = penalty, float(strength), float(rho)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        code = super().call(inputs, training=training)
        if self.penalty is not None:
            self.add_loss(self.strength * self._penalty_of(code))
        return code

    def _penalty_of(self, code: Tensor) -> Tensor:
        if self.penalty == "l1":
            return l1_penalty(code)
        if self.penalty == "kl":
            return kl_penalty(code, self.rho)
        return jacobian_penalty(code, self.kernel)

    def get_config(self) -> dict[str, Any]:
        own = {"penalty": self.penalty, "strength": self.strength, "rho": self.rho}
        return super().get_config() | own
