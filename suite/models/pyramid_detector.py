"""A detector on a pretrained encoder: a light feature pyramid, and a head that tells of centers and boxes."""

import math
from typing import Any

import keras
from keras import layers

from suite.layers import BoxesFromDistances, NonMaximumSuppression

FILTERS = 64  # of the pyramid and the head
RARE = -4.0  # logit of a cell at first: hardly any is a center


def build_pyramid_detector(
    encoder: keras.Model, num_classes: int, *, stride: int = 8, typical_side: float = 0.2
) -> keras.Model:
    """Builds the maps of a detector on the maps of an encoder.

    Args:
        encoder: From `suite.models.encoder.build_encoder`.
        num_classes: Number of classes, without a background.
        stride: Pixels from cell to cell: 4 or 8.
        typical_side: Of the things to be found, as a share of the image's: boxes start with it.

    Returns:
        A model from "image" uint8 to a dict: "heatmap", logits `(batch, rows, columns, num_classes)`, and
        "boxes", `(batch, rows, columns, 4)` of (top, left, bottom, right) in [0, 1].

    Raises:
        ValueError: The encoder has no map of this stride.

    Reference:
        Lin et al. (2017), Feature pyramid networks; Zhou, Wang, Krähenbühl (2019), Objects as points (the
        heatmap); Tian et al. (2019), FCOS (distances).
    """
    maps = encoder.output
    if f"stride_{stride}" not in maps:
        raise ValueError(f"expected an encoder with a map of stride {stride}, received {', '.join(maps)}")
    x = _lateral(maps["stride_32"], "stride_32")
    for finer in (each for each in (16, 8, 4) if each >= stride):
        name = f"stride_{finer}"
        above = layers.UpSampling2D(name=f"up_to_{finer}")(x)
        x = layers.Add(name=f"merge_{finer}")([above, _lateral(maps[name], name)])
        x = _separable(x, f"smooth_{finer}")

    rare = keras.initializers.Constant(RARE)
    half = keras.initializers.Constant(math.log(typical_side / (2 - typical_side)))
    heat, box = (_separable(_separable(x, f"{part}_1"), f"{part}_2") for part in ("heat", "box"))
    heatmap = layers.Conv2D(num_classes, 1, bias_initializer=rare, dtype="float32", name="heatmap")(heat)
    # Nearly an exponential function for small things. That itself gave distances up to 17 in cells without a
    # thing, and int8, which spreads over them, lost the boxes: a step was 7 % of a side. These end at 1.
    distances = layers.Conv2D(
        4, 1, activation="sigmoid", bias_initializer=half, dtype="float32", name="distances"
    )(box)
    boxes = BoxesFromDistances(dtype="float32", name="boxes")(distances)
    return keras.Model(encoder.inputs, {"heatmap": heatmap, "boxes": boxes}, name="detector_maps")


def with_suppression(maps: keras.Model, **suppression: Any) -> keras.Model:
    """Makes the detector to be used of the maps that were trained, on the same weights.

    Args:
        maps: From `build_pyramid_detector`.
        **suppression: Arguments of `NonMaximumSuppression`.

    Returns:
        A model from "image" uint8 to "boxes", "scores" and "labels", as `NonMaximumSuppression` gives them.
    """
    heatmap, boxes = maps.output["heatmap"], maps.output["boxes"]
    scores = layers.Activation("sigmoid", dtype="float32", name="scores")(heatmap)
    found = NonMaximumSuppression(name="suppression", **suppression)([boxes, scores])
    return keras.Model(maps.inputs, found, name="detector")


def _lateral(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.Conv2D(FILTERS, 1, use_bias=False, name=f"lateral_{name}")(x)
    return layers.BatchNormalization(momentum=0.9, name=f"lateral_{name}_bn")(x)


def _separable(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """A separable convolution with batch normalization and ReLU6, which quantize well."""
    x = layers.SeparableConv2D(FILTERS, 3, padding="same", use_bias=False, name=name)(x)
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
    return layers.Activation("relu6", name=f"{name}_activation")(x)
