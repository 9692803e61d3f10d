"""A light U-Net decoder on a pretrained encoder: a class for each pixel, thin things included."""

from collections.abc import Mapping

import keras
from keras import layers

from suite.models.encoder import STRIDES

WIDTHS = {2: 32, 4: 48, 8: 64, 16: 64, 32: 64}  # channels of the decoder by stride


def build_unet(
    encoder: keras.Model, num_classes: int, widths: Mapping[int, int] | None = None
) -> keras.Model:
    """Builds the decoder on an encoder.

    From the smallest map on, to which its average over the picture is added, each map is enlarged twofold and
    meets the encoder's map of that size. A transposed convolution goes from stride 2 to the pixels: it draws
    a line of one pixel, which enlarged scores cannot, and costs next to nothing.

    Args:
        encoder: From `build_encoder`; where it has no map at stride 2 or 4, none is met there.
        num_classes: Number of classes, the background included.
        widths: Channels by stride, `WIDTHS` by default.

    Returns:
        A model from "image", `(batch, side, side, 3)` uint8, to "probabilities",
        `(batch, side, side, num_classes)` float32.

    Reference:
        Ronneberger, Fischer, Brox (2015), U-Net; Liu, Rabinovich, Berg (2015), ParseNet (the average);
        Chollet (2017), Xception (separable convolutions).
    """
    widths = WIDTHS if widths is None else widths
    maps = {stride: encoder.output.get(f"stride_{stride}") for stride in STRIDES}
    smallest = maps[32]
    x = _project(smallest, widths[32])
    x = layers.Add()([x, _project(layers.GlobalAveragePooling2D(keepdims=True)(smallest), widths[32])])
    for stride in reversed(STRIDES[:-1]):
        x = layers.UpSampling2D(interpolation="bilinear")(_project(x, widths[stride]))
        if maps[stride] is not None:
            x = layers.Add()([x, _project(maps[stride], widths[stride])])
        x = layers.SeparableConv2D(widths[stride], 3, padding="same", use_bias=False)(layers.ReLU(6.0)(x))
        x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))
    scores = layers.Conv2DTranspose(num_classes, 4, strides=2, padding="same", name="scores")(x)
    probabilities = layers.Softmax(dtype="float32", name="probabilities")(scores)
    return keras.Model(encoder.input, {"probabilities": probabilities}, name="segmenter")


def _project(x: keras.KerasTensor, width: int) -> keras.KerasTensor:
    """As many channels as another map, to be added to it."""
    return x if x.shape[-1] == width else layers.Conv2D(width, 1)(x)
