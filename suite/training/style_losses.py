"""What a stylized image is trained on: the features of its content, the Gram matrices of its style."""

from collections.abc import Sequence

import tensorflow as tf


def gram_matrix(features: tf.Tensor) -> tf.Tensor:
    """Gives how strongly the channels are active together, wherever in the image that is.

        gram[i, j] = sum(features[y, x, i] * features[y, x, j] for all y, x) / (height * width * channels)

    Divided like that, as Johnson et al. do, it does not depend on the size of the image; Gatys et al. have
    the sum alone, and divide in the loss.

    Args:
        features: `(batch, height, width, channels)` float.

    Returns:
        `(batch, channels, channels)`, symmetric.

    Reference:
        Gatys, Ecker, Bethge (2016), Image style transfer using convolutional neural networks, equation 3.
        Johnson, Alahi, Fei-Fei (2016), Perceptual losses for real-time style transfer and super-resolution,
        equation 3.
    """
    shape = tf.shape(features)
    flat = tf.reshape(features, (shape[0], -1, shape[3]))  # (batch, height * width, channels)
    count = tf.cast(shape[1] * shape[2] * shape[3], features.dtype)
    return tf.matmul(flat, flat, transpose_a=True) / count


def style_loss(features: Sequence[tf.Tensor], targets: Sequence[tf.Tensor]) -> tf.Tensor:
    """Measures how far the Gram matrices of an image are from those of the style.

        mean over layers of  sum((gram_matrix(features) - target) ** 2) / sum(target ** 2)

    Each layer counts relative to its target, so that none needs a weight: an image whose features are all 0
    has a loss of 1. The papers sum the numerators, Gatys et al. with weights and over 4 * channels ** 2.

    Args:
        features: One layer each, `(batch, height, width, channels)` float; sizes and channels may differ.
        targets: As many Gram matrices of the style image, `(1, channels, channels)`.

    Returns:
        `(batch,)`, >= 0.

    Raises:
        ValueError: Not as many targets as layers, or none.

    Reference:
        Gatys et al. (2016), equations 4 and 5; Johnson et al. (2016), equation 4.
    """
    if not features or len(features) != len(targets):
        raise ValueError(
            f"expected as many Gram matrices as layers, at least 1, received {len(targets)} "
            f"and {len(features)}"
        )
    layers = [
        tf.reduce_sum(tf.square(gram_matrix(layer) - target), axis=(1, 2)) / tf.reduce_sum(tf.square(target))
        for layer, target in zip(features, targets, strict=True)
    ]
    return tf.add_n(layers) / len(layers)


def content_loss(features: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Measures how far the features of an image are from those of its content, place by place.

    Args:
        features: `(batch, height, width, channels)` float.
        targets: Of the content images, of the same shape.

    Returns:
        `(batch,)`: mean of the squared differences.

    Reference:
        Johnson et al. (2016), equation 2; Gatys et al. (2016), equation 1, have half the sum.
    """
    return tf.reduce_mean(tf.square(features - targets), axis=(1, 2, 3))


def total_variation(images: tf.Tensor) -> tf.Tensor:
    """Measures how rough images are: small where neighboring pixels are alike.

    Args:
        images: `(batch, height, width, channels)` float.

    Returns:
        `(batch,)`: mean absolute difference of vertical neighbors plus that of horizontal ones, in the units
        of the pixels.

    Reference:
        Johnson et al. (2016), section 3.2; Rudin, Osher, Fatemi (1992), whose differences are not absolute
        values but under a common root.
    """
    vertical = tf.reduce_mean(tf.abs(images[:, 1:] - images[:, :-1]), axis=(1, 2, 3))
    horizontal = tf.reduce_mean(tf.abs(images[:, :, 1:] - images[:, :, :-1]), axis=(1, 2, 3))
    return vertical + horizontal


def tiles(images: tf.Tensor, side: int) -> tf.Tensor:
    """Cuts images into squares, of which each can then be judged alone.

    A Gram matrix is a sum over all places: a network that is trained on whole images learns to reach it by a
    few glaring spots in each.

    Args:
        images: `(batch, height, width, channels)`, height and width known.
        side: Height and width of a tile in pixels; divides those of the images.

    Returns:
        `(batch * height / side * width / side, side, side, channels)`, row by row, image by image.

    Raises:
        ValueError: side does not divide height and width.
    """
    _, height, width, channels = images.shape
    if height % side or width % side:
        raise ValueError(
            f"expected tiles that fill the images, received a side of {side} for {height} x {width} pixels"
        )
    rows = tf.reshape(images, (-1, height // side, side, width // side, side, channels))
    return tf.reshape(tf.transpose(rows, (0, 1, 3, 2, 4, 5)), (-1, side, side, channels))


def check_sides(sides: Sequence[int], tile: int, stride: int, margin: int) -> None:
    """Refuses images that the network cannot bring back to their size, or that tiles do not fill.

    Args:
        sides: Height and width in pixels: of the training images, then of others.
        tile: Height and width of the parts of training images that are judged alone.
        stride: What all sides have to be a multiple of.
        margin: Pixels that are mirrored at each edge; a side is longer than that.

    Raises:
        ValueError: A side that does not fit.
    """
    crop, *_ = sides
    if crop % tile:
        raise ValueError(
            f"expected a crop that is a multiple of the tile, received {crop} and {tile}; "
            f"try --crop {max(1, crop // tile) * tile}"
        )
    for side in sides:
        if side <= margin or side % stride:
            raise ValueError(
                f"expected a side that is a multiple of {stride} above {margin}, received {side}; "
                f"try {max(margin // stride + 1, round(side / stride)) * stride}"
            )
