"""Steps that a sequence `(batch, steps, features)` takes: convolutions, recurrence, attention."""

import keras
from keras import layers, ops

from suite import layers as own
from tools.random_models.drawing import DoesNotFitError, Draw, Step, step

RANK = 3
PADDINGS = ("valid", "same")


def shorter(x: keras.KerasTensor, least: int) -> None:
    """Nothing can be cut off a sequence of fewer steps."""
    if x.shape[1] is not None and x.shape[1] < least:
        raise DoesNotFitError


@step("convolution: Conv1D", RANK)
def convolution(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    shorter(x, 4)
    return layers.Conv1D(d.number(3, 6), d.pick((2, 3)), padding=d.pick((*PADDINGS, "causal")))(x)


@step("convolution: Conv1D strided", RANK)
def strided(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    shorter(x, 4)
    return layers.Conv1D(4, 3, strides=2, padding=d.pick(PADDINGS))(x)


@step("convolution: Conv1D dilated", RANK)
def dilated(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    shorter(x, 5)
    return layers.Conv1D(4, 2, dilation_rate=d.pick((2, 3)), padding=d.pick((*PADDINGS, "causal")))(x)


@step("convolution: Conv1D grouped", RANK)
def grouped(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    shorter(x, 3)
    return layers.Conv1D(6, 3, groups=2, padding=d.pick(PADDINGS))(layers.Dense(4)(x))


@step("convolution: Conv1DTranspose", RANK)
def transposed(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Conv1DTranspose(4, 3, strides=d.pick((1, 2)), padding=d.pick(PADDINGS))(x)


@step("convolution: DepthwiseConv1D", RANK)
def depthwise(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    shorter(x, 3)
    return layers.DepthwiseConv1D(3, depth_multiplier=d.pick((1, 2)), padding=d.pick(PADDINGS))(x)


@step("convolution: SeparableConv1D", RANK)
def separable(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    shorter(x, 3)
    return layers.SeparableConv1D(5, 3, depth_multiplier=d.pick((1, 2)), padding=d.pick(PADDINGS))(x)


def _pooling(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    shorter(x, 3)
    layer = d.pick((layers.MaxPooling1D, layers.AveragePooling1D))
    return layer(d.pick((2, 3)), strides=d.pick((None, 1, 2)), padding=d.pick(PADDINGS))(x)


step("pooling: 1D", RANK)(_pooling)


@step("pooling: 1D global", RANK)
def everything(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    layer = d.pick((layers.GlobalMaxPooling1D, layers.GlobalAveragePooling1D))
    return layer(keepdims=d.chance(0.3))(x)


@step("pooling: 1D adaptive", RANK)
def adaptive(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    shorter(x, 3)
    return d.pick((layers.AdaptiveAveragePooling1D, layers.AdaptiveMaxPooling1D))(d.pick((2, 3)))(x)


@step("resizing: UpSampling1D", RANK)
def repeated(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.UpSampling1D(2)(x)


@step("cropping: 1D", RANK)
def cropped(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    shorter(x, 4)
    return layers.Cropping1D((1, 1))(x)


@step("padding: 1D", RANK)
def padded(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ZeroPadding1D((1, 2))(x)


@step("regularization: SpatialDropout1D", RANK)
def dropped(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.SpatialDropout1D(0.3)(x)


def _recurrent(layer: type[keras.layers.Layer]) -> Step:
    def apply(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
        options = {"return_sequences": d.chance(0.6), "go_backwards": d.chance(0.2)}
        if x.shape[1] is not None:
            options["unroll"] = d.chance(0.2)
        if d.chance(0.3):
            options["activation"] = d.pick(("relu", "softsign", "tanh"))
        if layer is layers.GRU:
            options["reset_after"] = d.chance(0.6)
        if layer is layers.LSTM:
            options["use_bias"] = d.chance(0.8)
        return layer(d.number(3, 5), **options)(x)

    return apply


for _layer in (layers.SimpleRNN, layers.LSTM, layers.GRU):
    step(f"recurrent: {_layer.__name__}", RANK)(_recurrent(_layer))


@step("recurrent: Bidirectional", RANK)
def both_ways(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    inner = d.pick((layers.LSTM, layers.GRU, layers.SimpleRNN))(3, return_sequences=d.chance(0.6))
    return layers.Bidirectional(inner, merge_mode=d.pick(("concat", "sum", "mul", "ave")))(x)


@step("recurrent: stacked cells", RANK)
def stacked(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    cells = [layers.LSTMCell(4), d.pick((layers.GRUCell, layers.SimpleRNNCell))(3)]
    return layers.RNN(cells, return_sequences=d.chance(0.5))(x)


@step("recurrent: stacked layers", RANK)
def two_layers(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.GRU(3)(layers.LSTM(4, return_sequences=True)(x))


@step("recurrent: masked", RANK)
def masked(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    y = layers.Masking(0.0)(ops.relu(x) * ops.cast(ops.sum(x, -1, keepdims=True) > -1, x.dtype))
    return d.pick((layers.LSTM, layers.GRU, layers.SimpleRNN))(4, return_sequences=d.chance(0.5))(y)


@step("recurrent: TimeDistributed", RANK)
def each_step(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.TimeDistributed(layers.Dense(4, activation="relu"))(x)


@step("recurrent: own cells", RANK)
def own_cells(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    cell = d.pick((own.LSTMCell, own.GRUCell, own.SimpleRNNCell))(4)
    return own.Recurrent(cell, return_sequences=d.chance(0.6))(x)


@step("attention: MultiHeadAttention", RANK)
def heads(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    layer = layers.MultiHeadAttention(2, 3, value_dim=d.pick((None, 4)))
    return layer(x, x, use_causal_mask=d.chance(0.4))


@step("attention: MultiHeadAttention on a memory", RANK)
def on_a_memory(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    memory = layers.Dense(5)(x)
    return layers.MultiHeadAttention(2, 3, output_shape=4)(x, memory, memory[:, :, ::-1])


@step("attention: GroupQueryAttention", RANK)
def group_query(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.GroupQueryAttention(3, 4, 2)(x, x)


@step("attention: Attention", RANK)
def luong(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    layer = layers.Attention(use_scale=d.chance(0.5), score_mode=d.pick(("dot", "concat")))
    return layer([x, layers.Dense(x.shape[-1])(x)], use_causal_mask=d.chance(0.3))


@step("attention: AdditiveAttention", RANK)
def bahdanau(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.AdditiveAttention(use_scale=d.chance(0.7))([x, layers.Dense(x.shape[-1])(x)])


@step("attention: Dot", RANK)
def dot(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Dot(axes=(2, 2), normalize=d.chance(0.5))([x, layers.Dense(x.shape[-1])(x)])


@step("attention: own Attention", RANK)
def own_attention(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return own.Attention()(x, layers.Dense(4)(x))[0]


@step("attention: transformer block", RANK)
def block(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    y = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 3)(x, x))
    wide = layers.Dense(8, activation=d.pick(("gelu", "relu", "silu")))(y)
    return layers.LayerNormalization()(y + layers.Dense(x.shape[-1])(wide))


@step("preprocessing: MelSpectrogram", 2)
def mel(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    wave = layers.Dense(160, activation="tanh")(x)
    return layers.MelSpectrogram(fft_length=64, sequence_stride=32, sampling_rate=8000, num_mel_bins=6)(wave)


@step("preprocessing: STFTSpectrogram", RANK)
def fourier(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    wave = layers.Dense(80, activation="tanh")(layers.GlobalAveragePooling1D()(x))
    return layers.STFTSpectrogram(frame_length=16, frame_step=8, fft_length=16)(wave[..., None])
