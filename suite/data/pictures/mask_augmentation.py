"""Random changes of a picture together with its mask.

TensorFlow is imported where it is used, as in `suite.data.pictures.images`.
"""

import math
from typing import TYPE_CHECKING

from suite.data.pictures.augmentation import recolor

if TYPE_CHECKING:
    import tensorflow as tf

_ZOOM = (0.6, 1.25)  # pixels of the picture for one of the window
_STRETCH = 0.2  # of one side against the other, as a logarithm
_PLAIN = 0.5  # share of the windows whose pixels are those of the picture
_TILT = math.radians(10)
_OUTSIDE = 255  # no class


def augment_with_mask(
    image: "tf.Tensor", mask: "tf.Tensor", seed: "tf.Tensor", size: tuple[int, int], turns: bool
) -> "tuple[tf.Tensor, tf.Tensor]":
    """Shows a random window of a picture and of its mask: a pure function of the seed, fit for `tf.function`.

    It is mirrored in half of the cases. Half of the windows are cut out as they are, as the model will see
    pictures: what is zoomed or tilted is blurred. The others have 0.6 to 1.25 pixels of the picture for one
    of theirs, up to a tenth more one way and fewer the other, tilted by up to 10 degrees, or by any angle.
    Colors change as those of `augment`.

    Args:
        image: `(height, width, 3)` uint8.
        mask: `(height, width)` uint8, class indices or 255.
        seed: Two integers, `(2,)`.
        size: `(height, width)` of the result, in pixels.
        turns: Whether the picture may stand on its head or lie on its side, as may what is cut out.

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

    drawn = tf.unstack(tf.random.stateless_uniform((7,), seed))
    is_plain = drawn[0] < _PLAIN
    zoom = _ZOOM[0] * tf.exp(drawn[1] * math.log(_ZOOM[1] / _ZOOM[0]))
    stretch = tf.exp((drawn[2] - 0.5) * _STRETCH)
    mirror = tf.where(drawn[3] < 0.5, -1.0, 1.0)
    angle = 2 * math.pi * drawn[4] if turns else (2 * drawn[4] - 1) * _TILT
    quarters = tf.floor(4 * drawn[4]) if turns else 0.0
    zoom, stretch = tf.where(is_plain, 1.0, zoom), tf.where(is_plain, 1.0, stretch)
    angle = tf.where(is_plain, quarters * math.pi / 2, angle)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    # Steps in the picture, in its pixels, for one pixel of the window to the right, and for one down.
    wide, high = zoom / stretch * mirror, zoom * stretch
    right, down = (cosine * wide, sine * wide), (-sine * high, cosine * high)
    # Pixel (0, 0) of the window, which lies in the picture as far as it fits.
    start = []
    for axis, place in enumerate(drawn[5:]):
        spare = sides[1 - axis] - zoom * size[1 - axis]
        middle = spare * place + (zoom * size[1 - axis] - 1) / 2
        begin = middle - right[axis] * (size[1] - 1) / 2 - down[axis] * (size[0] - 1) / 2
        start.append(tf.where(is_plain, tf.round(begin), begin))
    return tf.stack([right[0], down[0], start[0], right[1], down[1], start[1], 0.0, 0.0])
