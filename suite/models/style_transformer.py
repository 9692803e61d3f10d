"""A network that repaints a photo in one style in a single pass, and the network that judges it."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from suite.layers import InstanceNormalization
from suite.models.efficientnet_lite import EfficientNetLite0

# The colors themselves, then the ends of blocks, before any activation: what ReLU6 has cut off at both sides
# tells less of a style. The deepest has 1/16 of the image's height and width; what comes after it is never
# computed.
STYLE_LAYERS = ("image", "stem_conv", "block1a_project_bn", "block2b_add", "block3b_add", "block4c_add")
CONTENT_LAYER = "block3b_add"  # 1/8 of the image's height and width
JUDGING_LAYERS = ("block5c_add", "block6d_add")  # deeper: for a look at images that were not made to fit them
_STRIDE = 4
_MARGIN = 8  # pixels, so far the zeros around the feature maps show


def build_loss_network(
    weights: str | None = "imagenet", style: Sequence[str] = STYLE_LAYERS, content: str = CONTENT_LAYER
) -> keras.Model:
    """Builds the frozen network in whose features content and style are measured.

    Args:
        weights: As for `EfficientNetLite0`: "imagenet", or None for random ones.
        style: Names of its layers in which style is measured.
        content: Name of the layer in which content is measured.

    Returns:
        A functional model from float pixels in [0, 255], `(batch, height, width, 3)`, to
        {"style": a feature map of each layer, "content": feature map}, each `(batch, height / s, width / s,
        channels)` with s from 1 to 32. Gradients flow through it to the pixels.

    Reference:
        Gatys, Ecker, Bethge (2016) and Johnson, Alahi, Fei-Fei (2016) take layers of VGG, whose weights do
        not ship in a package.
    """
    base = EfficientNetLite0(include_top=False, weights=weights, include_preprocessing=False)
    image = keras.Input((None, None, 3), name="image")
    outputs = {
        "style": [base.get_layer(name).output for name in style],
        "content": base.get_layer(content).output,
    }
    features = keras.Model(base.input, outputs)
    features.trainable = False
    scaled = layers.Rescaling(1 / 128, offset=-127 / 128, name="preprocessing")(image)
    return keras.Model(image, features(scaled, training=False), name="loss_network")


def build_style_transformer(
    side: int | None = None, filters: tuple[int, int, int] = (16, 32, 48), blocks: int = 4
) -> keras.Model:
    """Builds the feed-forward network, small enough for a phone.

    Two convolutions halve the sides, residual blocks repaint, and two upsamplings of nearest neighbors, each
    with a convolution after it, bring the size back: transposed convolutions would leave a checkerboard.

    Args:
        side: Height and width of the image in pixels, a multiple of 4 above 8; None for all such. The weights
            are the same for all.
        filters: Channels at full, half and quarter size.
        blocks: Residual blocks at quarter size.

    Returns:
        A functional model from "image", `(batch, side, side, 3)` uint8, to "stylized", of the same shape,
        float32 in [0, 255].

    Raises:
        ValueError: side is no multiple of 4 above 8.

    Reference:
        Johnson et al. (2016), section 3.1 and its supplement, with instance normalization (Ulyanov et al.,
        2016) for that of the batch, and upsampling by nearest neighbors (Odena et al., 2016).
    """
    if side is not None and (side <= _MARGIN or side % _STRIDE):
        raise ValueError(
            f"expected a side that is a multiple of {_STRIDE} above {_MARGIN}, received {side}; "
            f"try {max(_MARGIN // _STRIDE + 1, round(side / _STRIDE)) * _STRIDE}"
        )
    image = keras.Input((side, side, 3), dtype="uint8", name="image")
    full, half, quarter = filters
    pixels = layers.Rescaling(1 / 127.5, offset=-1, name="preprocessing")(image)
    margin = ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0))
    pixels = ops.pad(pixels, margin, mode="reflect")
    x = _convolve(pixels, full, 5)
    x = _convolve(x, half, 3, strides=2)
    x = _convolve(x, quarter, 3, strides=2)
    for _ in range(blocks):
        x = layers.Add()([x, _convolve(_convolve(x, quarter, 3), quarter, 3, activate=False)])
    x = _convolve(layers.UpSampling2D(2, interpolation="nearest")(x), half, 3)
    x = _convolve(layers.UpSampling2D(2, interpolation="nearest")(x), full, 3)
    changes = layers.Conv2D(3, 5, padding="same", name="changes")(x)
    x = layers.Cropping2D(_MARGIN)(layers.Add()([pixels, changes]))
    x = layers.Activation("tanh")(x)
    stylized = layers.Rescaling(127.5, offset=127.5, name="stylized")(x)
    return keras.Model(image, {"stylized": stylized}, name="style_transformer")


def _convolve(
    x: keras.KerasTensor, filters: int, kernel_size: int, strides: int = 1, activate: bool = True
) -> keras.KerasTensor:
    x = layers.Conv2D(filters, kernel_size, strides, padding="same", use_bias=False)(x)
    x = InstanceNormalization()(x)
    # A few extreme spots would otherwise carry most of the variance, and the network would paint with them.
    return layers.ReLU(3)(x) if activate else x
