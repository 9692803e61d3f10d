"""Steps that a tensor of any rank, or a vector, can take: activations, normalizations, dense layers."""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from suite.layers import BatchNormalization as OwnBatchNormalization
from suite.layers import Dropout as OwnDropout
from suite.layers import GradientReversal, PenalizedDense, Sampling
from tools.random_models.drawing import DoesNotFitError, Draw, step

ACTIVATIONS = (
    *("celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid"),
    *("hard_silu", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax"),
    *("mish", "relu", "relu6", "selu", "sigmoid", "silu"),
    *("soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid"),
    *("sparsemax", "squareplus", "tanh", "tanh_shrink"),
)


def _enter_activation(name: str) -> None:
    def apply(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
        units, rank = d.number(3, 6), len(x.shape)
        if rank == 4 and d.chance(0.5):
            return layers.Conv2D(units, 3, padding="same", activation=name)(x)
        if d.chance(0.6):
            return layers.Dense(units, activation=name)(x)
        return layers.Activation(name)(x)

    step(f"activation: {name}", 2, 3, 4)(apply)


for _activation in ACTIVATIONS:
    _enter_activation(_activation)


@step("activation: threshold", 2, 3, 4)
def above(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.threshold(x, 0.2, 0.1)


def _enter(
    kind: str, ranks: tuple[int, ...], make: Callable[[Draw, keras.KerasTensor], keras.layers.Layer]
) -> None:
    """Enters a layer: `make(draw, x)` gives it."""
    step(kind, *ranks)(lambda d, x: make(d, x)(x))


ANY = (2, 3, 4, 5)
_enter("activation layer: LeakyReLU", ANY, lambda d, x: layers.LeakyReLU(d.pick((0.1, 0.3))))
_enter("activation layer: ELU", ANY, lambda d, x: layers.ELU(0.7))
_enter("activation layer: ReLU bounded", ANY, lambda d, x: layers.ReLU(1.5, 0.1, 0.2))
_enter("activation layer: Softmax", (2, 3), lambda d, x: layers.Softmax(axis=d.pick((-1, 1))))
_enter("activation layer: Identity", ANY, lambda d, x: layers.Identity())


@step("activation layer: PReLU", 2, 3, 4)
def parametric(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    axes = tuple(range(1, len(x.shape) - 1))
    if None in x.shape[1:-1] or (axes and d.chance(0.6)):
        return layers.PReLU(shared_axes=axes)(x)
    return layers.PReLU()(x)


@step("activation: glu", 2, 3, 4)
def gated(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.glu(layers.Dense(6)(x))


_enter("regularization: Dropout", ANY, lambda d, x: layers.Dropout(0.4))
_enter("regularization: GaussianNoise", ANY, lambda d, x: layers.GaussianNoise(0.3))
_enter("regularization: GaussianDropout", ANY, lambda d, x: layers.GaussianDropout(0.3))
_enter("regularization: AlphaDropout", ANY, lambda d, x: layers.AlphaDropout(0.3))
_enter("regularization: ActivityRegularization", ANY, lambda d, x: layers.ActivityRegularization(0.01))

_enter("normalization: BatchNormalization", ANY, lambda d, x: layers.BatchNormalization(scale=d.chance(0.7)))
_enter("normalization: UnitNormalization", ANY, lambda d, x: layers.UnitNormalization())
_enter("normalization: RMSNormalization", ANY, lambda d, x: layers.RMSNormalization())
_enter("normalization: LayerNormalization", ANY, lambda d, x: layers.LayerNormalization(epsilon=1e-3))


@step("normalization: LayerNormalization over several axes", 3, 4)
def over_all(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    if None in x.shape[1:]:
        raise DoesNotFitError
    return layers.LayerNormalization(axis=list(range(1, len(x.shape))))(x)


@step("normalization: GroupNormalization", 3, 4, 5)
def grouped(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    channels = x.shape[-1]
    return layers.GroupNormalization(groups=d.pick([n for n in (1, 2, 3, -1) if channels % n == 0]))(x)


@step("normalization: Normalization with constants", *ANY)
def with_constants(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    if d.chance(0.3):
        return layers.Normalization(axis=None, mean=0.4, variance=2.0, invert=d.chance(0.4))(x)
    channels = x.shape[-1]
    mean, variance = d.random.normal(size=channels), d.random.uniform(0.5, 2, channels)
    return layers.Normalization(mean=mean.tolist(), variance=variance.tolist())(x)


@step("normalization: Normalization adapted", *ANY)
def adapted(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    layer = layers.Normalization()
    layer.adapt(d.random.normal(0.5, 2, (40, *(5 if side is None else side for side in x.shape[1:]))))
    return layer(x)


@step("normalization: SpectralNormalization", 2, 3, 4)
def spectral(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.SpectralNormalization(layers.Dense(d.number(3, 5)))(x)


_enter("dense: plain", ANY, lambda d, x: layers.Dense(d.number(2, 7), use_bias=d.chance(0.7)))
_enter("dense: EinsumDense", (2,), lambda d, x: layers.EinsumDense("ab,bc->ac", 5, bias_axes="c"))
_enter("dense: EinsumDense", (3,), lambda d, x: layers.EinsumDense("abc,cde->abde", (None, 2, 3)))
_enter("dense: kernel constraint", (2,), lambda d, x: layers.Dense(4, kernel_constraint="max_norm"))


@step("dense: low rank", 2, 3)
def low_rank(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    layer = layers.Dense(6)
    y = layer(x)
    layer.enable_lora(2)
    return y


@step("merge: residual", 2, 3, 4)
def residual(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    branch = d.grow(layers.Dense(x.shape[-1], activation="tanh")(x), 0)
    merge = d.pick((layers.Add, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum))
    return merge()([x, branch])


@step("merge: Subtract and Concatenate", 2, 3, 4)
def differences(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Concatenate()([layers.Subtract()([x, ops.flip(x, -1)]), x])


@step("merge: Concatenate along another axis", 3, 4)
def along_one(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Concatenate(axis=1)([x, x * 0.5])


@step("merge: gate", 2, 3, 4)
def gate(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    """Squeeze and excitation."""
    axes = list(range(1, len(x.shape) - 1))
    squeezed = ops.mean(x, axis=axes, keepdims=True) if axes else x
    return x * layers.Dense(x.shape[-1], activation=d.pick(("sigmoid", "hard_sigmoid")))(squeezed)


@step("reshape: Reshape", 2, 3, 4)
def reshaped(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    if None in x.shape[1:]:
        raise DoesNotFitError
    size = int(np.prod(x.shape[1:]))
    sides = [side for side in (2, 3, 4, 6) if size % side == 0] or [1]
    return layers.Reshape((d.pick(sides), -1))(x)


@step("reshape: Permute", 3, 4)
def permuted(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    if None in x.shape[1:]:
        raise DoesNotFitError
    return layers.Permute(tuple(int(axis) + 1 for axis in d.random.permutation(len(x.shape) - 1)))(x)


@step("reshape: RepeatVector", 2)
def repeated(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.RepeatVector(d.number(2, 4))(x)


@step("reshape: Flatten", 3, 4, 5)
def flat(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    if None in x.shape[1:]:
        raise DoesNotFitError
    return layers.Flatten()(x)


_enter("own: BatchNormalization", (2, 4), lambda d, x: OwnBatchNormalization())
_enter("own: Dropout", (2, 3), lambda d, x: OwnDropout(0.3))
_enter("own: GradientReversal", (2, 3), lambda d, x: GradientReversal())
_enter("own: PenalizedDense", (2,), lambda d, x: PenalizedDense(4, "l1", 0.01))


@step("own: Sampling", 2, 3)
def sampled(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return Sampling()([layers.Dense(3)(x), layers.Dense(3)(x)])


@step("preprocessing: Rescaling", *ANY)
def rescaled(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    if d.chance(0.5):
        return layers.Rescaling(0.3, offset=-0.2)(x)
    return layers.Rescaling(d.random.uniform(0.2, 0.9, x.shape[-1]).tolist(), offset=0.1)(x)


@step("preprocessing: Discretization", 2, 3)
def binned(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    layer = layers.Discretization(bin_boundaries=[-1.0, -0.2, 0.3, 1.1], output_mode="int")
    return ops.one_hot(layer(x), 5) if len(x.shape) == 2 else ops.cast(layer(x), "float32") * 0.3


@step("ops: stop_gradient", 2)
def stopped(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return keras.ops.stop_gradient(x) + 0.1
