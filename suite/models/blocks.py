"""What the convolutional networks are made of."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

Shape = tuple[int | None, ...]  # (height, width, channels)
Activation = str | Callable[[keras.KerasTensor], keras.KerasTensor] | None


def convolution(
    x: keras.KerasTensor, filters: int, kernel_size: int = 3, **settings: Any
) -> keras.KerasTensor:
    """Convolution, batch normalization, ReLU.

    Args:
        x: `(batch, height, width, channels)`.
        filters: Number of filters.
        kernel_size: Side of the filters.
        **settings: Further arguments of `Conv2D`, such as strides and dilation_rate.

    Returns:
        `(batch, height / strides, width / strides, filters)`, rounded up.
    """
    x = layers.Conv2D(filters, kernel_size, padding="same", use_bias=False, **settings)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def dense_classifier(
    x: keras.KerasTensor, units: int, classes: int, classifier_activation: Activation, dropout: float
) -> keras.KerasTensor:
    """Two hidden dense layers on the flattened features, then the classifier: AlexNet's and VGG's.

    Args:
        x: `(batch, height, width, channels)`.
        units: Units of each hidden layer.
        classes: Number of classes.
        classifier_activation: Activation of the classifier; None for logits.
        dropout: Share of what goes out of each hidden layer that is dropped in training, in [0, 1).

    Returns:
        `(batch, classes)`.
    """
    x = layers.Flatten(name="flatten")(x)
    for layer in ("fc1", "fc2"):
        x = layers.Dense(units, "relu", kernel_initializer="he_normal", name=layer)(x)
        x = layers.Dropout(dropout, name=f"{layer}_dropout")(x)
    return layers.Dense(classes, classifier_activation, name="predictions")(x)


def pooled_classifier(
    x: keras.KerasTensor, classes: int, classifier_activation: Activation
) -> keras.KerasTensor:
    """The classifier on each feature's average over all places: Inception's and ResNet's, for any image size.

    Args:
        x: `(batch, height, width, channels)`.
        classes: Number of classes.
        classifier_activation: Activation of the classifier; None for logits.

    Returns:
        `(batch, classes)`.
    """
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return layers.Dense(classes, classifier_activation, name="predictions")(x)


def image_input(
    input_shape: Shape | None, default_size: int, min_size: int, include_top: bool
) -> keras.KerasTensor:
    """Makes the input "image" of floats.

    Args:
        input_shape: `(height, width, channels)`, or None for the default, which is any size without the top.
        default_size: Height and width with the top.
        min_size: Smallest height and width.
        include_top: Whether the model ends with its classifier, which needs a known size.

    Returns:
        A symbolic tensor `(batch, height, width, channels)` float32.

    Raises:
        ValueError: input_shape is something else, or too small.
    """
    default = (default_size, default_size, 3)
    if input_shape is None:
        input_shape = default if include_top else (None, None, 3)
    shape = tuple(input_shape)
    unknown = 0 if include_top else min_size
    if len(shape) != 3 or not shape[2] or any((unknown if n is None else n) < min_size for n in shape[:2]):
        raise ValueError(
            f"expected input_shape (height, width, channels), at least {min_size} x {min_size} pixels, and a "
            f"known size for the top, received {shape}; try {default}"
        )
    return keras.Input(shape, name="image")
