import numpy as np
import pytest

from suite.models import gan


def test_noise_becomes_images_and_images_a_logit():
    noise = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    generator, discriminator = gan.build_generator((8, 12, 2), 5, 4), gan.build_discriminator((8, 12, 2), 4)
    images = generator(noise).numpy()
    assert images.shape == (3, 8, 12, 2) and 0 < images.min() < images.max() < 1
    assert discriminator(images).shape == (3, 1)
    # Each image is judged alone, in training too: the gradient penalty needs that.
    alone = discriminator(images[:1], training=True)
    np.testing.assert_allclose(discriminator(images, training=True)[:1], alone, atol=1e-6)


def test_points():
    points = gan.build_point_generator(3)(np.zeros((4, 3), np.float32))
    assert points.shape == (4, 2) and gan.build_point_discriminator()(points).shape == (4, 1)


def test_sides_that_cannot_be_doubled_twice():
    with pytest.raises(ValueError, match="^expected sides that are multiples of 4, received 8 x 10$"):
        gan.build_generator((8, 10, 1), 5)
