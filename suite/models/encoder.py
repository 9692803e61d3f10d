"""Pretrained encoders by name: raw uint8 pixels in, feature maps at strides 2, 4, 8, 16 and 32 out.

Batch normalization is frozen, as batches of a few photos say too little of means and variances; where it
follows a convolution it is folded into it, which trains and runs faster and computes the same.
"""

import collections
from typing import Any

import keras
import numpy as np
from keras import layers

from suite.keras_internals import calls_of, producer_of
from suite.models.backbones import LITE, build_backbone

STRIDES = (2, 4, 8, 16, 32)
# The last block of EfficientNet-Lite at each stride; what follows widens it sixfold for the next one.
_LITE_BLOCKS = {2: "block1", 4: "block2", 8: "block3", 16: "block5", 32: "block7"}


def build_encoder(name: str, side: int, weights: str | None = "imagenet") -> keras.Model:
    """Builds a pretrained encoder with its preprocessing inside, frozen batch normalization folded.

    Args:
        name: As of `build_backbone`.
        side: Height and width of the images in pixels, a multiple of 32.
        weights: As of `build_backbone`.

    Returns:
        A functional model from `image` `(batch, side, side, 3)` uint8 in [0, 255] to a dict of maps by
        stride, "stride_8" `(batch, side / 8, side / 8, channels)`; those of 8, 16 and 32 are always there.

    Raises:
        ValueError: As `build_backbone`; or a side that does not fit, or a backbone that has no such maps.
    """
    if side < 32 or side % 32:
        raise ValueError(f"expected a side that is a multiple of 32 pixels, received {side}")
    backbone = build_backbone(name, weights, side=side, pooling=None)
    found = {}
    for stride in STRIDES:
        maps = [layer for layer in backbone.layers if _is_map(layer, name, stride, side // stride)]
        if maps:
            found[f"stride_{stride}"] = maps[-1].output
    if not {"stride_8", "stride_16", "stride_32"} <= set(found):
        raise ValueError(
            f"expected a backbone with maps at strides 8, 16 and 32 of {side} pixels, received {name!r} with "
            f"{', '.join(found) or 'none'}; efficientnet_lite0 has them"
        )
    return folded(keras.Model(backbone.inputs, found, name=f"{name}_encoder"))


def freeze_up_to(encoder: keras.Model, stride: int) -> None:
    """Freezes the layers that the map of a stride is computed by, and all batch normalization.

    Args:
        encoder: From `build_encoder`; is changed. The layers above are made trainable.
        stride: Of the last frozen map, 8 for what pictures have in common; 0 freezes none.
    """
    below: set[str] = set()
    if stride:
        frozen = keras.Model(encoder.inputs, encoder.output[f"stride_{stride}"])
        below = {layer.name for layer in frozen.layers}
    for layer in encoder.layers:
        layer.trainable = layer.name not in below and not isinstance(layer, layers.BatchNormalization)


def folded(model: keras.Model) -> keras.Model:
    """Writes the frozen batch normalization after a convolution into its kernel and bias; no dropout is left.

    Args:
        model: Functional; is left as it is.

    Returns:
        A model that computes the same up to rounding, with layers of the same names. Batch normalization
        that follows no linear convolution of its own stays, frozen.
    """
    read = [tensor for layer in model.layers for call in calls_of(layer) for tensor in call.input_tensors]
    readers = collections.Counter(producer_of(tensor)[0].name for tensor in [*read, *model.outputs])
    pairs = {}
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            before, _ = producer_of(layer.input)
            if _is_linear_convolution(before) and readers[before.name] == 1:
                pairs[before.name] = layer

    def cloned(layer: layers.Layer) -> layers.Layer:
        # Dropout of whole blocks is for training from scratch: here it is only noise in few steps.
        if layer in pairs.values() or isinstance(layer, layers.Dropout):
            return layers.Activation("linear", name=layer.name, dtype=layer.dtype_policy)
        config = layer.get_config() | ({"use_bias": True} if layer.name in pairs else {})
        return type(layer).from_config(config)

    def called(layer: layers.Layer, *inputs: Any, **settings: Any) -> Any:
        settings.pop("mask", None)  # that batch normalization was called with
        return layer(*inputs, **settings)

    clone = keras.models.clone_model(model, clone_function=cloned, call_function=called)
    for layer in model.layers:
        if layer.name in pairs:
            clone.get_layer(layer.name).set_weights(_folded(layer, pairs[layer.name]))
        elif layer not in pairs.values() and layer.weights:
            clone.get_layer(layer.name).set_weights(layer.get_weights())
    freeze_up_to(clone, 0)
    return clone


def _is_map(layer: layers.Layer, name: str, stride: int, cells: int) -> bool:
    """Whether the output of a layer is a feature map of that many cells a side."""
    output = layer.output
    is_square = isinstance(output, keras.KerasTensor) and output.shape[1:3] == (cells, cells)
    if not is_square or len(output.shape) != 4:
        return False
    return name not in LITE or layer.name.startswith(_LITE_BLOCKS[stride])


def _is_linear_convolution(layer: layers.Layer) -> bool:
    is_convolution = type(layer) in (layers.Conv2D, layers.DepthwiseConv2D)
    return is_convolution and layer.activation is keras.activations.linear


def _folded(convolution: layers.Layer, normalization: layers.BatchNormalization) -> list[np.ndarray]:
    """Kernel and bias of a convolution with the normalization behind it."""
    kernel, *bias = convolution.get_weights()
    mean, variance = (each.numpy() for each in (normalization.moving_mean, normalization.moving_variance))
    scale = 1 / np.sqrt(variance + normalization.epsilon)
    if normalization.scale:
        scale = scale * normalization.gamma.numpy()
    shift = normalization.beta.numpy() if normalization.center else 0.0
    # A depthwise kernel has its channels in the last axis but one.
    is_depthwise = isinstance(convolution, layers.DepthwiseConv2D)
    per_channel = scale.reshape(kernel.shape[2:]) if is_depthwise else scale
    return [kernel * per_channel, shift + ((bias[0] if bias else 0) - mean) * scale]
