"""Encoder-decoder networks for semantic segmentation, by the way the decoder enlarges its maps."""

from collections.abc import Sequence

import keras
from keras import layers

from suite.layers import MaxUnpooling2D
from suite.models.blocks import convolution

UNPOOLINGS = ("nearest", "transposed_convolution", "max_unpooling")


def build_segmenter(
    input_shape: tuple[int, int, int],
    num_classes: int,
    unpoolings: Sequence[str] = ("max_unpooling",),
    filters: Sequence[int] = (16, 32),
    context_filters: int = 64,
    context_layers: int = 4,
) -> keras.Model:
    """Builds one encoder, and a decoder on it for each way to enlarge.

    The encoder pools after each stage; then convolutions look far around on the small map. A decoder
    goes the same way back, a convolution after each enlargement. Nothing but the small map goes from encoder
    to decoder, save for max unpooling the positions of the maxima. All decoders have as many weights.

    Args:
        input_shape: `(height, width, channels)`, sides that halve `len(filters)` times without a remainder.
        num_classes: Number of classes, the background included.
        unpoolings: "nearest" (each value fills a square) and "max_unpooling" (values go back to the
            remembered positions), a convolution after either, or "transposed_convolution" (3 x 3, stride 2).
        filters: Filters of each stage, at the full size first.
        context_filters: Filters of the convolutions on the small map.
        context_layers: How many of these there are.

    Returns:
        A model from "image", `(batch, height, width, channels)` uint8 in [0, 255], to a dict by unpooling of
        probabilities `(batch, height, width, num_classes)` float32.

    Raises:
        ValueError: Unknown unpooling, or sides that do not fit.

    Reference:
        Badrinarayanan, Kendall, Cipolla (2017), SegNet; Long, Shelhamer, Darrell (2015), Fully convolutional
        networks, section 3.3 (transposed convolution).
    """
    unknown = set(unpoolings) - set(UNPOOLINGS)
    if unknown:
        raise ValueError(f"expected unpoolings among {', '.join(UNPOOLINGS)}, received {unknown.pop()!r}")
    factor = 2 ** len(filters)
    if any(side % factor for side in input_shape[:2]):
        raise ValueError(f"expected sides that are multiples of {factor}, received {input_shape[:2]}")
    image = keras.Input(input_shape, dtype="uint8", name="image")
    x = layers.Rescaling(1 / 127.5, -1)(image)
    stages = []
    for index, width in enumerate(filters):
        for _ in range(1 + (index > 0)):  # one is enough at the full size, where it costs most
            x = convolution(x, width)
        stages.append(x)
        x = layers.MaxPooling2D()(x)
    for _ in range(context_layers):
        x = convolution(x, context_filters)
    x = convolution(x, filters[-1])
    decoded = {name: _decode(x, stages, name, num_classes) for name in unpoolings}
    return keras.Model(image, {name: layers.Softmax(name=name)(scores) for name, scores in decoded.items()})


def single(segmenter: keras.Model, unpooling: str, name: str | None = None) -> keras.Model:
    """Takes the encoder and one decoder, to be deployed.

    Args:
        segmenter: From `build_segmenter`.
        unpooling: One of its outputs.
        name: Of the model; None: that of the unpooling.

    Returns:
        A model on the same weights from "image" to "probabilities".
    """
    outputs = {"probabilities": segmenter.output[unpooling]}
    return keras.Model(segmenter.input, outputs, name=name or unpooling)


def _decode(
    x: keras.KerasTensor, stages: Sequence[keras.KerasTensor], unpooling: str, num_classes: int
) -> keras.KerasTensor:
    for index in reversed(range(len(stages))):
        # As many channels as the next features; half as many at the full size, where they cost most.
        width = stages[index - 1].shape[-1] if index else stages[0].shape[-1] // 2
        x = _enlarged_convolution(x, stages[index], width, unpooling)
    return layers.Conv2D(num_classes, 1)(x)


def _enlarged_convolution(
    x: keras.KerasTensor, features: keras.KerasTensor, width: int, unpooling: str
) -> keras.KerasTensor:
    """A 3 x 3 convolution of the enlarged map, with normalization and ReLU; always as many weights."""
    if unpooling == "transposed_convolution":
        x = layers.Conv2DTranspose(width, 3, strides=2, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    enlarged = MaxUnpooling2D()([x, features]) if unpooling == "max_unpooling" else layers.UpSampling2D()(x)
    return convolution(enlarged, width)
