import numpy as np
import pytest

from suite.models.encoder import build_encoder
from suite.models.unet import build_unet


@pytest.fixture(scope="module")
def segmenter():
    encoder = build_encoder("efficientnet_lite0", 32, weights=None)
    return build_unet(encoder, 3)


def test_it_gives_probabilities_of_each_pixel(segmenter):
    images = np.random.default_rng(0).integers(256, size=(2, 32, 32, 3), dtype=np.uint8)
    probabilities = segmenter(images)["probabilities"].numpy()
    assert probabilities.shape == (2, 32, 32, 3) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)
    # Neighbors within a cell of stride 2 differ: what is drawn may be one pixel wide.
    assert np.abs(np.diff(probabilities, axis=2)).max(axis=(0, 1, 3)).min() > 0


def test_its_weights_do_not_depend_on_the_side(segmenter):
    larger = build_unet(build_encoder("efficientnet_lite0", 64, weights=None), 3)
    larger.set_weights(segmenter.get_weights())
    assert larger.output["probabilities"].shape == (None, 64, 64, 3)
