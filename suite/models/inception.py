"""Inception V3: blocks of parallel branches, and 1 x 1 convolutions that make them affordable."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from suite.models.blocks import Activation, Shape, image_input, pooled_classifier

_MIN_SIZE = 75
_MOMENTUM = 0.9  # the moving averages follow short trainings, too


def InceptionV3(
    include_top: bool = True,
    input_shape: Shape | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str = "inception_v3",
) -> keras.Model:
    """Inception V3: a stem of 5 convolutions and 11 blocks, 23,851,784 parameters with the moving averages.

    The weights of `keras.applications.InceptionV3` fit, in the same order. As there, the paper's second
    classifier on the 17 x 17 features, which only helps training, is left out.

    Args:
        include_top: Whether to end with the classifier.
        input_shape: `(height, width, channels)`, at least 75 x 75 pixels; None for 299 x 299 x 3, or without
            the top for any size.
        classes: Number of classes of the top.
        classifier_activation: Activation of the top; None for logits.
        name: Name of the model.

    Returns:
        A functional model from "image", `(batch, height, width, channels)` float32, to probabilities
        `(batch, classes)`, or without the top to a feature map, 8 x 8 x 2048 for 299 x 299 pixels. The
        weights of Keras want RGB in [-1, 1] (`keras.applications.inception_v3.preprocess_input`).

    Raises:
        ValueError: input_shape out of range.

    Reference:
        Szegedy, Vanhoucke, Ioffe, Shlens, Wojna (2016), Rethinking the Inception Architecture for Computer
        Vision, section 6 and figures 5, 6, 7 and 10.
    """
    image = image_input(input_shape, 299, _MIN_SIZE, include_top)
    x = chain(image, [(32, 3, 2)], padding="valid")
    x = chain(x, [(32, 3)], padding="valid")
    x = chain(x, [(64, 3)])
    x = layers.MaxPooling2D(3, 2, name="pool1")(x)
    x = chain(x, [(80, 1), (192, 3)], padding="valid")
    x = layers.MaxPooling2D(3, 2, name="pool2")(x)  # (B, 35, 35, 192)
    for number, pool_filters in enumerate((32, 64, 64)):
        x = inception_a(x, pool_filters, name=f"mixed{number}")  # (B, 35, 35, 256), then 288 channels
    x = inception_b(x, name="mixed3")  # (B, 17, 17, 768)
    for number, filters in enumerate((128, 160, 160, 192), start=4):
        x = inception_c(x, filters, name=f"mixed{number}")
    x = inception_d(x, name="mixed8")  # (B, 8, 8, 1280)
    for number in (9, 10):
        x = inception_e(x, name=f"mixed{number}")  # (B, 8, 8, 2048)
    if include_top:
        x = pooled_classifier(x, classes, classifier_activation)
    return keras.Model(image, x, name=name)


def inception_a(
    x: keras.KerasTensor, pool_filters: int, *, name: str, width: float = 1.0, reduce: bool = True
) -> keras.KerasTensor:
    """Block A: 1 x 1, 5 x 5, two 3 x 3 and pooling side by side (figure 5, one 5 x 5 not factorized).

    A 5 x 5 convolution from 192 channels to 64 takes 25 * 192 * 64 = 307,200 multiply-adds a place. A 1 x 1
    convolution to 48 channels before it leaves 192 * 48 + 25 * 48 * 64 = 86,016: less than a third.

    Args:
        x: `(batch, height, width, channels)`.
        pool_filters: Filters of the 1 x 1 convolution after the pooling.
        name: Name of the block.
        width: Factor on all numbers of filters, for smaller networks.
        reduce: Whether the 1 x 1 convolutions come before the larger ones; without, these see all channels.

    Returns:
        `(batch, height, width, width * (224 + pool_filters))`.
    """
    first = 0 if reduce else 1
    branches = [
        chain(x, [(64, 1)], width),
        chain(x, [(48, 1), (64, 5)][first:], width),
        chain(x, [(64, 1), (96, 3), (96, 3)][first:], width),
        chain(_average(x), [(pool_filters, 1)], width),
    ]
    return layers.Concatenate(name=name)(branches)


def inception_b(
    x: keras.KerasTensor, *, name: str, width: float = 1.0, padding: str = "valid"
) -> keras.KerasTensor:
    """Block B: to half the size by convolutions and pooling side by side (figure 10).

    A 1 x 1 convolution takes the long branch to 64 channels: from 288, its 3 x 3 convolution after it would
    take 9 * (288 - 64) * 96 = 193,536 multiply-adds a place more, for the 288 * 64 = 18,432 of the 1 x 1.

    Args:
        x: `(batch, height, width, channels)`.
        name: Name of the block.
        width: Factor on all numbers of filters, for smaller networks.
        padding: "valid", or "same" where the image is too small to lose its border.

    Returns:
        `(batch, height / 2, width / 2, width * 480 + channels)`, rounded by the padding.
    """
    double = chain(x, [(64, 1), (96, 3)], width)
    branches = [
        chain(x, [(384, 3, 2)], width, padding),
        chain(double, [(96, 3, 2)], width, padding),
        layers.MaxPooling2D(3, 2, padding)(x),
    ]
    return layers.Concatenate(name=name)(branches)


def inception_c(x: keras.KerasTensor, filters: int, *, name: str, width: float = 1.0) -> keras.KerasTensor:
    """Block C: 7 x 7 filters as 1 x 7 after 7 x 1 (figure 6), 14 weights for 49.

    1 x 1 convolutions take the 768 channels to 128-192 before: they are a quarter to a sixth of the channels
    that each 7 x 1 would see, and so of its multiply-adds.

    Args:
        x: `(batch, height, width, channels)`.
        filters: Filters of the convolutions within the branches.
        name: Name of the block.
        width: Factor on all numbers of filters, for smaller networks.

    Returns:
        `(batch, height, width, width * 768)`.
    """
    long = [(filters, 1), (filters, (7, 1)), (filters, (1, 7)), (filters, (7, 1)), (192, (1, 7))]
    branches = [
        chain(x, [(192, 1)], width),
        chain(x, [(filters, 1), (filters, (1, 7)), (192, (7, 1))], width),
        chain(x, long, width),
        chain(_average(x), [(192, 1)], width),
    ]
    return layers.Concatenate(name=name)(branches)


def inception_d(
    x: keras.KerasTensor, *, name: str, width: float = 1.0, padding: str = "valid"
) -> keras.KerasTensor:
    """Block D: to half the size again, with a 7 x 7 branch.

    From 768 channels, the 3 x 3 convolution would cost four times as much without the 1 x 1 before, to 192.

    Args:
        x: As of `inception_b`.
        name: As there.
        width: As there.
        padding: As there.

    Returns:
        `(batch, height / 2, width / 2, width * 512 + channels)`, rounded by the padding.
    """
    short = chain(x, [(192, 1)], width)
    long = chain(x, [(192, 1), (192, (1, 7)), (192, (7, 1))], width)
    branches = [
        chain(short, [(320, 3, 2)], width, padding),
        chain(long, [(192, 3, 2)], width, padding),
        layers.MaxPooling2D(3, 2, padding)(x),
    ]
    return layers.Concatenate(name=name)(branches)


def inception_e(x: keras.KerasTensor, *, name: str, width: float = 1.0) -> keras.KerasTensor:
    """Block E: 1 x 3 and 3 x 1 side by side on the same features (figure 7), wide at the end of the network.

    1 x 1 convolutions take up to 2,048 channels to 384 and 448 before the larger filters see them.

    Args:
        x: `(batch, height, width, channels)`.
        name: Name of the block.
        width: Factor on all numbers of filters, for smaller networks.

    Returns:
        `(batch, height, width, width * 2048)`.
    """
    branches = [
        chain(x, [(320, 1)], width),
        _fork(chain(x, [(384, 1)], width), width),
        _fork(chain(x, [(448, 1), (384, 3)], width), width),
        chain(_average(x), [(192, 1)], width),
    ]
    return layers.Concatenate(name=name)(branches)


def chain(
    x: keras.KerasTensor, steps: Sequence[tuple[Any, ...]], width: float = 1.0, padding: str = "same"
) -> keras.KerasTensor:
    """Convolutions one after the other, each with batch normalization (no gamma) and ReLU.

    Args:
        x: `(batch, height, width, channels)`.
        steps: One `(filters, kernel_size)` or `(filters, kernel_size, strides)` a convolution.
        width: Factor on the numbers of filters, which stay at least 1.
        padding: "same" or "valid".

    Returns:
        What the last one gives.
    """
    for filters, kernel_size, *strides in steps:
        filters = max(1, round(width * filters))
        x = layers.Conv2D(filters, kernel_size, *strides, padding=padding, use_bias=False)(x)
        # After a ReLU, gamma could as well be in the next weights.
        x = layers.BatchNormalization(momentum=_MOMENTUM, scale=False)(x)
        x = layers.ReLU()(x)
    return x


def _average(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.AveragePooling2D(3, 1, "same")(x)


def _fork(x: keras.KerasTensor, width: float) -> keras.KerasTensor:
    return layers.Concatenate()([chain(x, [(384, (1, 3))], width), chain(x, [(384, (3, 1))], width)])
