"""Pretrained backbones by name: raw uint8 pixels in, a feature vector out."""

import difflib
from collections.abc import Callable

import keras

from suite.console import first_line
from suite.keras_internals import preprocessing_of
from suite.models import efficientnet_lite

LITE: dict[str, tuple[Callable[..., keras.Model], int]] = {  # builder and input size, in pixels
    "efficientnet_lite0": (efficientnet_lite.EfficientNetLite0, 224),
    "efficientnet_lite1": (efficientnet_lite.EfficientNetLite1, 240),
    "efficientnet_lite2": (efficientnet_lite.EfficientNetLite2, 260),
}


def build_backbone(
    name: str, weights: str | None = "imagenet", *, side: int | None = None, pooling: str | None = "avg"
) -> keras.Model:
    """Builds a pretrained backbone with its preprocessing inside.

    Args:
        name: "efficientnet_lite0", "..1" or "..2", whose weights ship in packages, or the name of a model of
            keras.applications such as "MobileNetV3Large", whose weights Keras downloads once.
        weights: "imagenet", None for random ones, or the path of a weights file.
        side: Height and width of the images in pixels; by default those of the pretraining.
        pooling: As of keras.applications: "avg" for a vector, None for the last feature map.

    Returns:
        A functional model from `image` `(batch, height, width, 3)` uint8 in [0, 255] to `(batch, features)`,
        or without pooling to `(batch, rows, columns, features)`.

    Raises:
        ValueError: There is no such model, or its weights are neither on disk nor to be had from the network.
    """
    if name in LITE:
        builder, size = LITE[name]
        shape = (side or size, side or size, 3)
        return builder(include_top=False, weights=weights, input_shape=shape, pooling=pooling)
    applications = {
        key: value for key, value in vars(keras.applications).items() if key[0].isupper() and callable(value)
    }
    if name not in applications:
        close = difflib.get_close_matches(name, [*LITE, *applications], n=1)
        hint = (
            f"did you mean {close[0]!r}?" if close else f"known are {', '.join(LITE)} and keras.applications"
        )
        raise ValueError(f"expected the name of a backbone, received {name!r}; {hint}")
    builder = applications[name]
    preprocess = preprocessing_of(builder)
    size = side or (299 if "ception" in name else 331 if name == "NASNetLarge" else 224)
    image = keras.Input((size, size, 3), dtype="uint8", name="image")
    pixels = keras.layers.Rescaling(1.0, name="to_float")(image)
    try:
        return builder(include_top=False, weights=weights, input_tensor=preprocess(pixels), pooling=pooling)
    except Exception as failure:
        if weights != "imagenet":
            raise
        raise ValueError(
            f"expected the pretrained weights of {name} in Keras' cache or a network to download them from, "
            f"received {first_line(failure)}; efficientnet_lite0 works offline"
        ) from failure
