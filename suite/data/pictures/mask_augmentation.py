"""Random changes of a picture together with its mask.

TensorFlow is imported where it is used, as in `suite.data.pictures.images`.
"""

import math
from typing import TYPE_CHECKING

from suite.data.pictures.augmentation import recolor

if TYPE_CHECKING:
    import tensorflow as tf

_WINDOW = (0.5, 1.15)  # side of what is seen, in sides of the picture
_STRETCH = 0.2  # of one side against the other, as a logarithm
_TILT = math.radians(10)
_OUTSIDE = 255  # no class


def augment_with_mask(
    image: "tf.Tensor", mask: "tf.Tensor", seed: "tf.Tensor", size: tuple[int, int], turns: bool
) -> "tuple[tf.Tensor, tf.Tensor]":
    """Shows a random window of a picture and of its mask: a pure function of the seed, fit for `tf.function`.

    The window has 0.5 to 1.15 of the picture's sides, up to a fifth longer one way than the other; it is
    mirrored and tilted by up to 10 degrees, or by any angle. Colors change as those of `augment`.

    Args:
        image: `(height, width, 3)` uint8.
        mask: `(height, width)` uint8, class indices or 255.
        seed: Two integers, `(2,)`.
        size: `(height, width)` of the result, in pixels.
        turns: Whether the picture may stand on its head or lie on its side.

    Returns:
        The window `(*size, 3)` uint8, and its mask `(*size)` uint8, 255 beyond the picture's border.
    """
    import tensorflow as tf

    place_seed, color_seed = tf.unstack(tf.random.split(tf.cast(seed, tf.int64), 2))
    transform = _transform(place_seed, tf.cast(tf.shape(mask), tf.float32), size, turns)
    pixels, labels = (
        tf.raw_ops.ImageProjectiveTransformV3(
            images=array[None], transforms=transform[None], output_shape=size, interpolation=how,
            fill_mode="CONSTANT", fill_value=fill,
        )[0]
        for array, how, fill in (
            (tf.cast(image, tf.float32), "BILINEAR", 127.0),
            (mask[..., None], "NEAREST", float(_OUTSIDE)),
        )
    )  # fmt: skip
    return recolor(tf.ensure_shape(pixels, (*size, 3)), color_seed), tf.ensure_shape(labels[..., 0], size)


def _transform(seed: "tf.Tensor", sides: "tf.Tensor", size: tuple[int, int], turns: bool) -> "tf.Tensor":
    """The 8 numbers that say where in the picture each pixel of the window lies."""
    import tensorflow as tf

    drawn = tf.unstack(tf.random.stateless_uniform((6,), seed))
    share = tf.exp(drawn[0] * math.log(_WINDOW[1] / _WINDOW[0])) * _WINDOW[0]
    stretch = tf.exp((drawn[1] - 0.5) * _STRETCH)
    mirror = tf.where(drawn[2] < 0.5, -1.0, 1.0)
    angle = 2 * math.pi * drawn[3] if turns else (2 * drawn[3] - 1) * _TILT
    cosine, sine = tf.cos(angle), tf.sin(angle)
    # Steps in the picture, in its pixels, for one pixel of the window to the right, and for one down.
    height, width = sides[0] * share * stretch / size[0], sides[1] * share / stretch / size[1]
    right, down = (cosine * width * mirror, sine * height), (-sine * width * mirror, cosine * height)
    middle = (0.5 + (drawn[4] - 0.5) * tf.abs(1 - share)) * sides[1], (
        0.5 + (drawn[5] - 0.5) * tf.abs(1 - share)
    ) * sides[0]
    # Pixel (0, 0) of the window, whose middle is at half of its size.
    start = [
        middle[axis] - 0.5 - right[axis] * (size[1] - 1) / 2 - down[axis] * (size[0] - 1) / 2 for axis in (0, 1)
    ]
    return tf.stack([right[0], down[0], start[0], right[1], down[1], start[1], 0.0, 0.0])
