"""Encoder-decoder networks for semantic segmentation, by the way the decoder enlarges its maps."""

from collections.abc import Sequence

import keras
from keras import layers

from suite.layers import MaxUnpooling2D
from suite.models.blocks import convolution

UNPOOLINGS = ("max_unpooling", "transposed_convolution", "nearest", "nearest_scores")


def build_segmenter(
    input_shape: tuple[int, int, int],
    num_classes: int,
    unpoolings: Sequence[str] = ("max_unpooling",),
    filters: Sequence[int] = (16, 32),
    context_filters: int = 64,
) -> keras.Model:
    """Builds one encoder, and a decoder on it for each way to enlarge.

    The encoder pools after each stage; then four convolutions look far around on the small map. A decoder
    goes the same way back, a convolution after each enlargement. Nothing but the small map goes from encoder
    to decoder, save for max unpooling the positions of the maxima.

    Args:
        input_shape: `(height, width, channels)`, sides that halve `len(filters)` times without a remainder.
        num_classes: Number of classes, the background included.
        unpoolings: "max_unpooling" (values go back to the remembered positions), "transposed_convolution"
            (learned, 2 x 2 at stride 2), "nearest" (each value fills a square), or "nearest_scores": no
            decoder, the scores of the small map fill the squares.
        filters: Filters of each stage, at the full size first.
        context_filters: Filters of the convolutions on the small map.

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
    for _ in range(4):
        x = convolution(x, context_filters)
    x = convolution(x, filters[-1])
    decoded = {name: _decode(x, stages, name, num_classes) for name in unpoolings}
    return keras.Model(image, {name: layers.Softmax(name=name)(scores) for name, scores in decoded.items()})


def single(segmenter: keras.Model, unpooling: str) -> keras.Model:
    """Takes the encoder and one decoder, to be deployed.

    Args:
        segmenter: From `build_segmenter`.
        unpooling: One of its outputs.

    Returns:
        A model on the same weights from "image" to "probabilities".
    """
    return keras.Model(segmenter.input, {"probabilities": segmenter.output[unpooling]}, name=unpooling)


def _decode(
    x: keras.KerasTensor, stages: Sequence[keras.KerasTensor], unpooling: str, num_classes: int
) -> keras.KerasTensor:
    if unpooling == "nearest_scores":
        return layers.UpSampling2D(2 ** len(stages))(layers.Conv2D(num_classes, 1)(x))
    for index in reversed(range(len(stages))):
        x = _enlarge(x, stages[index], unpooling)
        # As many channels as the next features; half as many at the full size, where they cost most.
        x = convolution(x, stages[index - 1].shape[-1] if index else stages[0].shape[-1] // 2)
    return layers.Conv2D(num_classes, 1)(x)


def _enlarge(x: keras.KerasTensor, features: keras.KerasTensor, unpooling: str) -> keras.KerasTensor:
    if unpooling == "max_unpooling":
        return MaxUnpooling2D()([x, features])
    if unpooling == "transposed_convolution":
        return layers.Conv2DTranspose(features.shape[-1], 2, strides=2, use_bias=False)(x)
    return layers.UpSampling2D()(x)
