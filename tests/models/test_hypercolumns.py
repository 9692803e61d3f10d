import keras
import numpy as np
import pytest

from suite.models.efficientnet_lite import EfficientNetLite0
from suite.models.hypercolumns import LAYERS, build_hypercolumns


def test_each_cell_has_the_means_of_every_depth():
    image = np.random.default_rng(0).integers(256, size=(2, 96, 96, 3), dtype=np.uint8)
    features = build_hypercolumns(96)(image).numpy()
    assert features.shape == (2, 3, 3, 464)
    whole = EfficientNetLite0(include_top=False, weights="imagenet", input_shape=(96, 96, 3))
    first = 0
    for name in LAYERS:
        values = keras.Model(whole.input, whole.get_layer(name).output)(image).numpy()
        side, channels = values.shape[2] // 3, values.shape[3]
        means = values.reshape(2, 3, side, 3, side, channels).mean(axis=(2, 4))
        np.testing.assert_allclose(features[..., first : first + channels], means, atol=1e-4)
        first += channels
    assert first == 464


@pytest.mark.parametrize("size", [0, 16, 100])
def test_other_sizes(size):
    message = f"^expected an image_size that is a multiple of 32, received {size}; try 224$"
    with pytest.raises(ValueError, match=message):
        build_hypercolumns(size)
