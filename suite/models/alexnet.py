"""AlexNet: the network that won ImageNet 2012."""

import keras
from keras import layers

from suite.layers import LocalResponseNormalization
from suite.models.blocks import Activation, Shape, dense_classifier, image_input

_MIN_SIZE = 67  # below, nothing is left for the last pooling


def AlexNet(
    include_top: bool = True,
    input_shape: Shape | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    dropout: float = 0.5,
    name: str = "alexnet",
) -> keras.Model:
    """AlexNet: 5 convolutions and 3 dense layers, 60,965,224 parameters, most in the first dense layer.

    The paper's network ran on two GPUs: convolutions 2, 4 and 5 see only the half of the channels that is on
    their own. The paper says 224 x 224 pixels; 227 is the size that gives its 55 x 55 outputs, without
    padding. The responses are normalized over all channels here, not tower by tower. Initial weights are
    He's (2015); the paper's have the deviation 0.01, with biases of 1 in convolutions 2, 4, 5 and the hidden
    dense layers.

    Args:
        include_top: Whether to end with the classifier.
        input_shape: `(height, width, channels)`, at least 67 x 67 pixels; None for 227 x 227 x 3, or without
            the top for any size.
        classes: Number of classes of the top.
        classifier_activation: Activation of the top; None for logits.
        dropout: Share of the outputs of the two hidden dense layers that is dropped in training, in [0, 1).
        name: Name of the model.

    Returns:
        A functional model from "image", `(batch, height, width, channels)` float32, to probabilities
        `(batch, classes)`, or without the top to a feature map, 6 x 6 x 256 for 227 x 227 pixels. The paper
        subtracts the mean of the training images from RGB pixels in [0, 255] and does no other scaling.

    Raises:
        ValueError: input_shape out of range.

    Reference:
        Krizhevsky, Sutskever, Hinton (2012), ImageNet Classification with Deep Convolutional Neural Networks.
    """
    image = image_input(input_shape, 227, _MIN_SIZE, include_top)
    x = convolution(image, 96, 11, name="conv1", strides=4, padding="valid")
    x = normalize_and_pool(x, "1")
    x = convolution(x, 256, 5, name="conv2", towers=2)
    x = normalize_and_pool(x, "2")
    x = convolution(x, 384, 3, name="conv3")
    x = convolution(x, 384, 3, name="conv4", towers=2)
    x = convolution(x, 256, 3, name="conv5", towers=2)
    x = layers.MaxPooling2D(3, 2, name="pool5")(x)
    if include_top:
        x = dense_classifier(x, 4096, classes, classifier_activation, dropout)
    return keras.Model(image, x, name=name)


def convolution(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int,
    *,
    name: str,
    strides: int = 1,
    padding: str = "same",
    towers: int = 1,
) -> keras.KerasTensor:
    """Convolution and ReLU, in towers that each see their own share of the channels.

    Each of two towers has half of the filters, and these have half of the channels: half the weights, half
    the multiply-adds. `Conv2D(groups=towers)` computes the same.

    Args:
        x: `(batch, height, width, channels)`.
        filters: Number of filters of all towers together.
        kernel_size: Side of the filters.
        name: Name of the convolution; of several towers, "_tower1" follows it.
        strides: Step of the filters.
        padding: "same" or "valid".
        towers: Number of towers; divides filters and channels.

    Returns:
        `(batch, new_height, new_width, filters)`.

    Raises:
        ValueError: A number of towers that does not divide filters and channels.
    """
    channels = x.shape[-1]
    if filters % towers or channels % towers:
        raise ValueError(
            f"expected towers that divide {filters} filters and {channels} channels, received {towers}"
        )
    settings = {
        "strides": strides,
        "padding": padding,
        "activation": "relu",
        "kernel_initializer": "he_normal",
    }
    if towers == 1:
        return layers.Conv2D(filters, kernel_size, name=name, **settings)(x)
    outputs = []
    for tower, part in enumerate(keras.ops.split(x, towers, axis=-1), start=1):
        layer = layers.Conv2D(filters // towers, kernel_size, name=f"{name}_tower{tower}", **settings)
        outputs.append(layer(part))
    return layers.Concatenate(name=name)(outputs)


def normalize_and_pool(x: keras.KerasTensor, number: str) -> keras.KerasTensor:
    """Local response normalization, then max pooling of windows that overlap: 3 x 3, with steps of 2."""
    x = LocalResponseNormalization(name=f"norm{number}")(x)
    return layers.MaxPooling2D(3, 2, name=f"pool{number}")(x)
