"""VGG: deep stacks of 3 x 3 convolutions."""

import functools
from collections.abc import Sequence

import keras
from keras import layers

from suite.models.blocks import Activation, Shape, dense_classifier, image_input

_FILTERS = (64, 128, 256, 512, 512)  # of the blocks
_VGG16 = (2, 2, 3, 3, 3)  # convolutions in each block; configuration D
_VGG19 = (2, 2, 4, 4, 4)  # configuration E
_MIN_SIZE = 32


def VGG(
    depths: Sequence[int],
    include_top: bool = True,
    input_shape: Shape | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    *,
    dropout: float = 0.5,
    name: str,
) -> keras.Model:
    """Five blocks of 3 x 3 convolutions and 3 dense layers: `VGG16` and `VGG19` are the deepest two.

    The weights of `keras.applications.VGG16` and `VGG19` fit, in the same order.

    Args:
        depths: Convolutions in each block.
        include_top: Whether to end with the classifier.
        input_shape: `(height, width, channels)`, at least 32 x 32 pixels; None for 224 x 224 x 3, or without
            the top for any size.
        classes: Number of classes of the top.
        classifier_activation: Activation of the top; None for logits.
        dropout: Share of the outputs of the two hidden dense layers that is dropped in training, in [0, 1),
            as in the paper; Keras' models have none, and in inference it does nothing.
        name: Name of the model.

    Returns:
        A functional model from "image", `(batch, height, width, channels)` float32, to probabilities
        `(batch, classes)`, or without the top to a feature map `(batch, height / 32, width / 32, 512)`,
        rounded down. The paper subtracts the mean color from RGB pixels in [0, 255]; the weights of Keras
        want BGR besides (`keras.applications.vgg16.preprocess_input`).

    Raises:
        ValueError: input_shape out of range.

    Reference:
        Simonyan, Zisserman (2015), Very Deep Convolutional Networks for Large-Scale Image Recognition,
        table 1.
    """
    x = image = image_input(input_shape, 224, _MIN_SIZE, include_top)
    for number, (depth, filters) in enumerate(zip(depths, _FILTERS, strict=True), start=1):
        x = vgg_block(x, filters, depth, name=f"block{number}")
    if include_top:
        x = dense_classifier(x, 4096, classes, classifier_activation, dropout)
    return keras.Model(image, x, name=name)


VGG16 = functools.partial(VGG, _VGG16, name="vgg16")
"""VGG16: 13 convolutions and 3 dense layers, 138,357,544 parameters."""

VGG19 = functools.partial(VGG, _VGG19, name="vgg19")
"""VGG19: 16 convolutions and 3 dense layers, 143,667,240 parameters."""


def vgg_block(x: keras.KerasTensor, filters: int, depth: int, *, name: str) -> keras.KerasTensor:
    """3 x 3 convolutions with ReLU, then a 2 x 2 max pooling.

    Two of them see 5 x 5 pixels and three 7 x 7, as one large filter does, with fewer weights (27 against 49
    for each pair of channels) and a ReLU after each.

    Args:
        x: `(batch, height, width, channels)`.
        filters: Filters of each convolution.
        depth: Number of convolutions.
        name: What the names of the layers begin with.

    Returns:
        `(batch, height / 2, width / 2, filters)`, rounded down.
    """
    for number in range(1, depth + 1):
        settings = {"padding": "same", "activation": "relu", "kernel_initializer": "he_normal"}
        x = layers.Conv2D(filters, 3, name=f"{name}_conv{number}", **settings)(x)
    return layers.MaxPooling2D(2, name=f"{name}_pool")(x)
