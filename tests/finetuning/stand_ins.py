"""What stands in for pretrained networks."""

import keras

from suite.models.encoder import STRIDES


def small_encoder(name, side):
    """Maps at the same strides as a pretrained encoder's, in no time."""
    image = x = keras.Input((side, side, 3), dtype="uint8", name="image")
    x, maps = keras.layers.Rescaling(1 / 128, -1)(x), {}
    for stride in STRIDES:
        x = keras.layers.Conv2D(8, 3, 2, padding="same", activation="relu6")(x)
        maps[f"stride_{stride}"] = x
    return keras.Model(image, maps)


def small_backbone(name):
    """Pixels and edges, coarsely: enough to tell a few photos apart, in no time."""
    image = keras.Input((64, 64, 3), dtype="uint8", name="image")
    pixels = keras.layers.Rescaling(1 / 255)(image)
    edges = keras.layers.Conv2D(8, 3, activation="relu", name="edges")(pixels)
    pooled = [keras.layers.AveragePooling2D(8)(maps) for maps in (pixels, edges)]
    return keras.Model(image, keras.layers.Concatenate()([keras.layers.Flatten()(maps) for maps in pooled]))
