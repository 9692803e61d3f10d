"""The pretrained network in whose maps the content and the style of an image are measured."""

from collections.abc import Sequence

import keras
from keras import layers

from suite.models.efficientnet_lite import EfficientNetLite0

# The colors themselves, then the ends of blocks, before any activation: what ReLU6 has cut off at both sides
# tells less of a style. The deepest has 1/16 of the image's height and width; what comes after it is never
# computed.
STYLE_LAYERS = ("image", "stem_conv", "block1a_project_bn", "block2b_add", "block3b_add", "block4c_add")
CONTENT_LAYER = "block3b_add"  # 1/8 of the image's height and width
JUDGING_LAYERS = ("block5c_add", "block6d_add")  # deeper: for a look at images that were not made to fit them


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
