"""Random changes of a picture while training.

TensorFlow is imported where it is used, as in `suite.data.pictures.images`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

_LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in a gray value: Rec. 601, as Pillow and torchvision


def augment(image: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Flips, crops and recolors a picture at random: a pure function of the seed, fit for `tf.function`.

    Horizontal flip; a crop of 0.6 to 1 of the area and aspect ratio 3/4 to 4/3, resized to the full size;
    brightness +-0.1, contrast (about the mean) and saturation (about gray) * 0.8 to 1.2.

    Args:
        image: `(height, width, 3)` uint8.
        seed: Two integers, `(2,)`.

    Returns:
        `(height, width, 3)` uint8.
    """
    import tensorflow as tf

    # int32 would give another stream
    flip_seed, crop_seed, color_seed = tf.unstack(tf.random.split(tf.cast(seed, tf.int64), 3))
    flipped = tf.image.stateless_random_flip_left_right(image, flip_seed)
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(flipped),
        bounding_boxes=tf.zeros((1, 0, 4)),
        seed=crop_seed,
        min_object_covered=0.0,
        aspect_ratio_range=(3 / 4, 4 / 3),
        area_range=(0.6, 1.0),
        use_image_if_no_bounding_boxes=True,
    )
    colors = tf.image.resize(tf.slice(flipped, begin, size), tf.shape(flipped)[:2])
    return tf.ensure_shape(recolor(colors, color_seed), image.shape)


def recolor(colors: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Changes brightness, contrast and saturation at random, as `augment` does.

    Args:
        colors: `(height, width, 3)` float32 in [0, 255].
        seed: Two integers, `(2,)`.

    Returns:
        `(height, width, 3)` uint8.
    """
    import tensorflow as tf

    # (r, g, b) times one matrix, a third of the passes.
    drawn = tf.random.stateless_uniform((3,), seed, minval=-1.0)
    shift, contrast, saturation = tf.unstack(drawn * (0.1 * 255, 0.2, 0.2) + (0.0, 1.0, 1.0))
    # Each column: what a new color gets from the old ones, the rest being its share of the gray value.
    mixture = saturation * tf.eye(3) + (1 - saturation) * tf.constant(_LUMA)[:, None]
    mean = tf.linalg.matvec(mixture, tf.reduce_mean(colors, (0, 1)), transpose_a=True)
    colors = tf.nn.conv2d(colors[None], (contrast * mixture)[None, None], strides=1, padding="SAME")[0]
    colors = tf.nn.bias_add(colors, (1 - contrast) * mean + shift + 0.5)
    return tf.cast(tf.clip_by_value(colors, 0.0, 255.0), tf.uint8)
