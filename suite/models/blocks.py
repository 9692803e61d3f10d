"""What the convolutional networks are made of."""

from keras import layers


def convolution(x, filters: int, kernel_size: int = 3, **settings):
    """Convolution, batch normalization, ReLU.

    Args:
        x: `(batch, height, width, channels)`.
        filters: Number of filters.
        kernel_size: Side of the filters.
        **settings: Further arguments of `Conv2D`, such as strides and dilation_rate.

    Returns:
        `(batch, height / strides, width / strides, filters)`, rounded up.
    """
    x = layers.Conv2D(filters, kernel_size, padding="same", use_bias=False, **settings)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
