"""Features of all depths of a pretrained CNN, side by side."""

import keras
from keras import layers

from suite.models.efficientnet_lite import EfficientNetLite0

CELL = 32  # pixels a side
# The last one of each width: colors show in the early layers, shapes in the late ones.
LAYERS = ("block1a_project_bn", "block2b_add", "block3b_add", "block4c_add", "block5c_add", "block6d_add")


def build_hypercolumns(image_size: int) -> keras.Model:
    """Builds what EfficientNet-Lite0, pretrained on ImageNet, sees of each cell of 32 x 32 pixels.

    Finer maps are averaged over the cell.

    Args:
        image_size: Pixels a side, a multiple of 32.

    Returns:
        "image" `(batch, image_size, image_size, 3)` uint8 in [0, 255] to `(batch, image_size / 32,
        image_size / 32, 464)` float32.

    Raises:
        ValueError: Another size.

    Reference:
        Hariharan, Arbelaez, Girshick, Malik (2015), Hypercolumns for object segmentation and fine-grained
        localization.
    """
    if image_size < 32 or image_size % 32:
        raise ValueError(f"expected an image_size that is a multiple of 32, received {image_size}; try 224")
    shape = (image_size, image_size, 3)
    whole = EfficientNetLite0(include_top=False, weights="imagenet", input_shape=shape)
    maps = [whole.get_layer(name).output for name in LAYERS]
    cells = image_size // CELL
    maps = [layers.AveragePooling2D(x.shape[1] // cells)(x) if x.shape[1] > cells else x for x in maps]
    return keras.Model(whole.input, layers.Concatenate()(maps), name="hypercolumns")
