"""Generators and discriminators: of points in a plane, and of images (DCGAN)."""

import keras
from keras import layers

Shape = tuple[int, int, int]


def build_point_generator(noise_dim: int, units: int = 128) -> keras.Model:
    """Builds a network from "noise" `(batch, noise_dim)` float32 to "point" `(batch, 2)` float32."""
    noise = keras.Input((noise_dim,), name="noise")
    return keras.Model(noise, layers.Dense(2, name="point")(_hidden(noise, units)), name="generator")


def build_point_discriminator(units: int = 128) -> keras.Model:
    """Builds a network from "point" `(batch, 2)` float32 to "logit" `(batch, 1)`: above 0 for real."""
    point = keras.Input((2,), name="point")
    return keras.Model(point, layers.Dense(1, name="logit")(_hidden(point, units)), name="discriminator")


def _hidden(x: keras.KerasTensor, units: int) -> keras.KerasTensor:
    for _ in range(2):
        x = layers.Dense(units, "relu", kernel_initializer="he_normal")(x)
    return x


def build_generator(shape: Shape, noise_dim: int, filters: int = 32) -> keras.Model:
    """Builds a DCGAN generator: noise to a small map, then transposed convolutions that double it.

    Args:
        shape: `(height, width, channels)` of the images, sides that are multiples of 4.
        noise_dim: Numbers of noise an image.
        filters: Filters at the full size; twice and four times as many at half and a quarter of it.

    Returns:
        A model from "noise" `(batch, noise_dim)` float32 to "image" `(batch, height, width, channels)`
        float32 in [0, 1].

    Raises:
        ValueError: Sides that are no multiples of 4.

    Reference:
        Radford, Metz, Chintala (2016), Unsupervised representation learning with DCGAN, section 3.
    """
    height, width, channels = shape
    if height % 4 or width % 4:
        raise ValueError(f"expected sides that are multiples of 4, received {height} x {width}")
    noise = keras.Input((noise_dim,), name="noise")
    x = layers.Dense(height // 4 * (width // 4) * 4 * filters, use_bias=False)(noise)
    x = layers.Reshape((height // 4, width // 4, 4 * filters))(x)
    for count in (2 * filters, filters):
        x = layers.ReLU()(_normalized(x))
        x = layers.Conv2DTranspose(count, 4, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(_normalized(x))
    image = layers.Conv2D(channels, 3, padding="same", activation="sigmoid", name="image")(x)
    return keras.Model(noise, image, name="generator")


def _normalized(x: keras.KerasTensor) -> keras.KerasTensor:
    # Agrees with the other replicas: of a few images alone, the means would be noisier.
    return layers.BatchNormalization(momentum=0.9, synchronized=True)(x)


def build_discriminator(shape: Shape, filters: int = 32) -> keras.Model:
    """Builds a DCGAN discriminator: strided convolutions with leaky ReLU, then one logit.

    It has no batch normalization, which would let it compare the images of a batch, and which the gradient
    penalty on single images does not go with.

    Args:
        shape: `(height, width, channels)` of the images.
        filters: Filters at half the size; twice as many at a quarter of it.

    Returns:
        A model from "image" `(batch, height, width, channels)` float32 in [0, 1] to "logit" `(batch, 1)`.
    """
    image = keras.Input(shape, name="image")
    x = layers.Rescaling(2, -1)(image)
    for count in (filters, 2 * filters):
        x = layers.LeakyReLU(0.2)(layers.Conv2D(count, 4, strides=2, padding="same")(x))
    x = layers.LeakyReLU(0.2)(layers.Conv2D(4 * filters, 3, padding="same")(x))
    return keras.Model(image, layers.Dense(1, name="logit")(layers.Flatten()(x)), name="discriminator")
