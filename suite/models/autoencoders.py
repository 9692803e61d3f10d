"""Autoencoders: an encoder from raw pixels to a code, a decoder back, and both in a row for training."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import keras
from keras import layers

from suite.layers import PenalizedDense, Sampling

Shape = tuple[int, int, int]


class Autoencoder(NamedTuple):
    """Three models on the same weights.

    Attributes:
        encoder: From "image", `(batch, height, width, channels)` uint8 in [0, 255], to "code",
            `(batch, code_size)` float32.
        decoder: From "code" to "image", `(batch, height, width, channels)` float32, where 0 is black and 1
            white.
        model: One after the other: what is trained, on images in [0, 1].
    """

    encoder: keras.Model
    decoder: keras.Model
    model: keras.Model


def build_linear(shape: Shape, code_size: int) -> Autoencoder:
    """Builds an encoder and a decoder without a nonlinearity: they can span a hyperplane, as PCA does.

    Args:
        shape: `(height, width, channels)` of the images.
        code_size: Numbers in a code.

    Returns:
        The models.
    """
    return build_dense(shape, code_size, units=())


def build_dense(shape: Shape, code_size: int, units: Sequence[int] = (256, 128)) -> Autoencoder:
    """Builds an undercomplete autoencoder of dense layers; code and image are linear in what is before them.

    Args:
        shape: `(height, width, channels)` of the images.
        code_size: Numbers in a code.
        units: Units of the encoder's hidden layers; the decoder has them in reverse order.

    Returns:
        The models.
    """
    encoder = _dense_encoder(shape, code_size, units)
    code = keras.Input((code_size,), name="code")
    decoder = keras.Model(code, _dense_image(_hidden(code, reversed(units)), shape), name="decoder")
    return _in_a_row(encoder, decoder)


def build_convolutional(shape: Shape, code_size: int, filters: Sequence[int] = (16, 32)) -> Autoencoder:
    """Builds an autoencoder of convolutions: each stage of the encoder halves the sides, the decoder doubles.

    Args:
        shape: `(height, width, channels)` of the images.
        code_size: Numbers in a code.
        filters: Filters of the encoder's stages; the decoder has them in reverse order.

    Returns:
        The models.
    """
    image, x = _image_input(shape)
    settings = {"strides": 2, "padding": "same", "activation": "relu", "kernel_initializer": "he_normal"}
    sizes = []
    for count in filters:
        sizes.append(x.shape[1:3])
        x = layers.Conv2D(count, 3, **settings)(x)
    small = x.shape[1:]
    encoder = keras.Model(image, layers.Dense(code_size, name="code")(layers.Flatten()(x)), name="encoder")
    code = keras.Input((code_size,), name="code")
    x = layers.Reshape(small)(layers.Dense(math.prod(small), "relu", kernel_initializer="he_normal")(code))
    for count, size in zip(reversed(filters), reversed(sizes), strict=True):
        x = layers.Conv2DTranspose(count, 4, **settings)(x)  # 4: each pixel gets as many products as the next
        x = _cropped(x, size)
    decoder = keras.Model(code, layers.Conv2D(shape[2], 3, padding="same", name="image")(x), name="decoder")
    return _in_a_row(encoder, decoder)


def build_overcomplete(shape: Shape, code_size: int, **penalty: Any) -> Autoencoder:
    """Builds one layer of sigmoids, more than there are pixels, and a linear decoder.

    Args:
        shape: `(height, width, channels)` of the images.
        code_size: Numbers in a code, each in (0, 1).
        **penalty: Those of `PenalizedDense`: penalty, strength, rho. None: nothing but the training examples
            keeps the model from copying its input.

    Returns:
        The models.
    """
    image, x = _image_input(shape)
    code_of = PenalizedDense(code_size, name="code", **penalty)
    encoder = keras.Model(image, code_of(layers.Flatten()(x)), name="encoder")
    code = keras.Input((code_size,), name="code")
    return _in_a_row(encoder, keras.Model(code, _dense_image(code, shape), name="decoder"))


def build_stochastic(
    shape: Shape, code_size: int, outputs: int, units: Sequence[int] = (256, 128)
) -> Autoencoder:
    """Builds an autoencoder whose decoder gives the parameters of a distribution over each pixel.

    Args:
        shape: `(height, width, channels)` of the images.
        code_size: Numbers in a code.
        outputs: Parameters a value of a pixel.
        units: Units of the encoder's hidden layers; the decoder has them in reverse order.

    Returns:
        The models; the decoder gives "parameters", `(batch, height, width, channels, outputs)` float32.
    """
    encoder = _dense_encoder(shape, code_size, units)
    code = keras.Input((code_size,), name="code")
    x = _dense_image(_hidden(code, reversed(units)), (*shape, outputs), name="parameters")
    return _in_a_row(encoder, keras.Model(code, x, name="decoder"))


def build_variational(shape: Shape, code_size: int, units: Sequence[int] = (256, 128)) -> Autoencoder:
    """Builds an encoder that gives a distribution over codes, and a decoder that gives one over images.

    The training model draws its code, and gives what the loss needs.

    Args:
        shape: `(height, width, channels)` of the images.
        code_size: Numbers in a code.
        units: Units of the encoder's hidden layers; the decoder has them in reverse order.

    Returns:
        The models; the code of the encoder is the mean, and the image of the decoder the probability of
        white. The training model gives a dict: "mean" and "log_variance" `(batch, code_size)` of the code's
        normal distribution, and "logits" `(batch, height, width, channels)` of the pixels.

    Reference:
        Kingma, Welling (2014), Auto-encoding variational Bayes, appendix C.
    """
    image, x = _image_input(shape)
    x = _hidden(layers.Flatten()(x), units)
    mean = layers.Dense(code_size, name="code")(x)
    log_variance = layers.Dense(code_size, kernel_initializer="zeros", name="log_variance")(x)
    code = keras.Input((code_size,), name="code")
    logits = _dense_image(_hidden(code, reversed(units)), shape, name="logits")
    to_logits = keras.Model(code, logits, name="to_logits")
    outputs = {
        "mean": mean,
        "log_variance": log_variance,
        "logits": to_logits(Sampling(name="sampling")([mean, log_variance])),
    }
    return Autoencoder(
        encoder=keras.Model(image, mean, name="encoder"),
        decoder=keras.Model(code, layers.Activation("sigmoid", name="image")(logits), name="decoder"),
        model=keras.Model(image, outputs, name="variational_autoencoder"),
    )


def _image_input(shape: Shape) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    image = keras.Input(shape, dtype="uint8", name="image")
    return image, layers.Rescaling(1 / 255)(image)


def _dense_encoder(shape: Shape, code_size: int, units: Sequence[int]) -> keras.Model:
    image, x = _image_input(shape)
    x = _hidden(layers.Flatten()(x), units)
    return keras.Model(image, layers.Dense(code_size, name="code")(x), name="encoder")


def _hidden(x: keras.KerasTensor, units: Iterable[int]) -> keras.KerasTensor:
    for count in units:
        x = layers.Dense(count, "relu", kernel_initializer="he_normal")(x)
    return x


def _cropped(x: keras.KerasTensor, size: Sequence[int]) -> keras.KerasTensor:
    """Cuts off what doubling added to an odd side."""
    surplus = [(0, has - wanted) for has, wanted in zip(x.shape[1:3], size, strict=True)]
    return layers.Cropping2D(surplus)(x) if any(cut for _, cut in surplus) else x


def _dense_image(x: keras.KerasTensor, shape: tuple[int, ...], name: str = "image") -> keras.KerasTensor:
    return layers.Reshape(shape, name=name)(layers.Dense(math.prod(shape))(x))


def _in_a_row(encoder: keras.Model, decoder: keras.Model) -> Autoencoder:
    return Autoencoder(
        encoder, decoder, keras.Model(encoder.input, decoder(encoder.output), name="autoencoder")
    )
