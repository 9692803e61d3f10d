"""Steps that pictures `(batch, height, width, channels)` and volumes take."""

import keras
from keras import layers, ops

from suite import layers as own
from tools.random_models.drawing import DoesNotFitError, Draw, step

PICTURE, VOLUME = 4, 5
PADDINGS = ("valid", "same")


def at_least(x: keras.KerasTensor, side: int) -> None:
    """Nothing can be cut off a smaller picture."""
    if any(known is not None and known < side for known in x.shape[1:-1]):
        raise DoesNotFitError


def fixed(x: keras.KerasTensor) -> tuple[int, ...]:
    if None in x.shape[1:-1]:
        raise DoesNotFitError
    return tuple(x.shape[1:-1])


@step("convolution: Conv2D", PICTURE)
def convolution(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    at_least(x, 4)
    kernel = d.pick((1, 3, (2, 3)))
    return layers.Conv2D(d.number(3, 6), kernel, padding=d.pick(PADDINGS), activation=d.pick((None, "relu")))(
        x
    )


@step("convolution: Conv2D strided", PICTURE)
def strided(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    at_least(x, 4)
    return layers.Conv2D(4, 3, strides=d.pick((2, (1, 2))), padding=d.pick(PADDINGS))(x)


@step("convolution: Conv2D dilated", PICTURE)
def dilated(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    at_least(x, 5)
    return layers.Conv2D(4, 3, dilation_rate=2, padding=d.pick(PADDINGS))(x)


@step("convolution: Conv2D grouped", PICTURE)
def grouped(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    at_least(x, 3)
    groups = d.pick((2, 4))
    return layers.Conv2D(8, 3, groups=groups, padding=d.pick(PADDINGS))(layers.Conv2D(4, 1)(x))


@step("convolution: Conv2DTranspose", PICTURE)
def transposed(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    options = {"strides": d.pick((1, 2)), "padding": d.pick(PADDINGS)}
    if options["strides"] == 2 and d.chance(0.3):
        options["output_padding"] = 1
    return layers.Conv2DTranspose(d.number(2, 4), 3, **options)(x)


@step("convolution: DepthwiseConv2D", PICTURE)
def depthwise(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    at_least(x, 3)
    options = d.pick(({}, {"strides": 2}, {"dilation_rate": 2, "padding": "same"}))
    return layers.DepthwiseConv2D(3, depth_multiplier=d.pick((1, 2)), **{"padding": "same"} | options)(x)


@step("convolution: SeparableConv2D", PICTURE)
def separable(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    at_least(x, 3)
    return layers.SeparableConv2D(5, 3, depth_multiplier=d.pick((1, 2)), padding=d.pick(PADDINGS))(x)


@step("pooling: 2D", PICTURE)
def pooling(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    at_least(x, 3)
    layer = d.pick((layers.MaxPooling2D, layers.AveragePooling2D))
    return layer(d.pick((2, 3, (1, 2))), strides=d.pick((None, 1, 2)), padding=d.pick(PADDINGS))(x)


@step("pooling: 2D global", PICTURE)
def everything(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    layer = d.pick((layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D))
    return layer(keepdims=d.chance(0.3))(x)


@step("pooling: 2D adaptive", PICTURE)
def adaptive(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    at_least(x, 4)
    return d.pick((layers.AdaptiveAveragePooling2D, layers.AdaptiveMaxPooling2D))(d.pick((2, (2, 3))))(x)


@step("resizing: UpSampling2D", PICTURE)
def larger(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    interpolation = d.pick(("nearest", "bilinear"))
    return layers.UpSampling2D(d.pick((2, (1, 2))), interpolation=interpolation)(x)


@step("resizing: UpSampling2D bicubic", PICTURE)
def bicubic(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.UpSampling2D(2, interpolation="bicubic")(x)


@step("resizing: Resizing", PICTURE)
def resized(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    options = d.pick(({}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}, {"antialias": True}))
    return layers.Resizing(7, 6, interpolation=d.pick(("nearest", "bilinear")), **options)(x)


@step("resizing: Resizing bicubic", PICTURE)
def resized_smoothly(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Resizing(7, 6, interpolation=d.pick(("bicubic", "area", "lanczos3")))(x)


@step("cropping: 2D", PICTURE)
def cropped(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    at_least(x, 5)
    return layers.Cropping2D(((1, 1), (0, 2)))(x)


@step("cropping: CenterCrop", PICTURE)
def centered(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    at_least(x, 4)
    return layers.CenterCrop(4, 4)(x)


@step("padding: 2D", PICTURE)
def padded(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ZeroPadding2D(((1, 0), (2, 1)))(x)


@step("augmentation", PICTURE)
def augmented(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    flip, turn = layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)
    others = (layers.RandomZoom(0.2), layers.RandomContrast(0.2), layers.RandomTranslation(0.1, 0.1))
    return d.pick((flip, turn, *others))(x)


@step("regularization: SpatialDropout2D", PICTURE)
def dropped(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.SpatialDropout2D(0.3)(x)


@step("recurrent: rows of a picture", PICTURE)
def rows(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    _, width = fixed(x)
    return layers.LSTM(4, return_sequences=d.chance(0.5))(layers.Reshape((-1, width * x.shape[-1]))(x))


@step("recurrent: ConvLSTM1D", PICTURE)
def convolving(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    fixed(x)
    return layers.ConvLSTM1D(3, 3, padding="same", return_sequences=d.chance(0.5))(x)


@step("recurrent: TimeDistributed Conv1D", PICTURE)
def each_row(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    fixed(x)
    return layers.TimeDistributed(layers.Conv1D(3, 3, padding="same"))(x)


@step("attention: over positions", PICTURE)
def over_positions(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    fixed(x)
    return layers.MultiHeadAttention(2, 3, attention_axes=(1, 2))(x, x)


@step("attention: patches", PICTURE)
def patches(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    fixed(x)
    y = layers.Conv2D(6, 4, strides=4, activation="gelu")(x)
    y = layers.Reshape((-1, 6))(y)
    return y + layers.MultiHeadAttention(2, 3)(y, y)


@step("merge: two scales", PICTURE)
def two_scales(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    height, width = fixed(x)
    if height % 2 or width % 2:
        raise DoesNotFitError
    small = layers.Conv2D(3, 3, padding="same", activation="relu")(layers.MaxPooling2D()(x))
    return layers.Concatenate()([x, layers.UpSampling2D()(small)])


@step("own: LocalResponseNormalization", PICTURE)
def responses(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return own.LocalResponseNormalization(n=3, alpha=0.1)(x)


@step("own: InstanceNormalization", PICTURE)
def instances(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return own.InstanceNormalization()(x)


@step("own: MaxUnpooling2D", PICTURE)
def unpooled(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    if any(side % 2 for side in fixed(x)):
        raise DoesNotFitError
    features = layers.Conv2D(3, 3, padding="same")(x)
    values = layers.Dense(3)(layers.MaxPooling2D()(features))
    return own.MaxUnpooling2D()([values, features])


@step("own: BoxesFromDistances", PICTURE)
def boxes(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    fixed(x)
    found = own.BoxesFromDistances()(layers.Conv2D(4, 1, activation="sigmoid")(x))
    return ops.reshape(found, (-1, found.shape[1] * found.shape[2], 4))


@step("convolution: Conv3D", VOLUME)
def convolution_3d(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    at_least(x, 3)
    options = d.pick(({}, {"strides": 2}, {"dilation_rate": 1}))
    return layers.Conv3D(3, d.pick((2, 3)), padding=d.pick(PADDINGS), **options)(x)


@step("convolution: Conv3D grouped", VOLUME)
def grouped_3d(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    at_least(x, 3)
    return layers.Conv3D(4, 2, groups=2, padding="same")(layers.Dense(4)(x))


@step("convolution: Conv3DTranspose", VOLUME)
def transposed_3d(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Conv3DTranspose(3, 2, strides=d.pick((1, 2)), padding=d.pick(PADDINGS))(x)


@step("pooling: 3D", VOLUME)
def pooling_3d(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    at_least(x, 2)
    return d.pick((layers.MaxPooling3D, layers.AveragePooling3D))(2, padding=d.pick(PADDINGS))(x)


@step("pooling: 3D global", VOLUME)
def everything_3d(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return d.pick((layers.GlobalMaxPooling3D, layers.GlobalAveragePooling3D))(keepdims=d.chance(0.3))(x)


@step("resizing: UpSampling3D", VOLUME)
def larger_3d(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.UpSampling3D((1, 2, 1))(x)


@step("cropping: 3D", VOLUME)
def cropped_3d(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    at_least(x, 3)
    return layers.Cropping3D((0, 1, (1, 0)))(x)


@step("padding: 3D", VOLUME)
def padded_3d(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ZeroPadding3D((1, (0, 1), 0))(x)


@step("recurrent: ConvLSTM2D", VOLUME)
def convolving_2d(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ConvLSTM2D(3, 3, padding="same", return_sequences=d.chance(0.5))(x)


@step("recurrent: TimeDistributed Conv2D", VOLUME)
def each_frame(d: Draw, x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.TimeDistributed(layers.Conv2D(3, 3, padding="same", activation="relu"))(x)
