import keras
import numpy as np
import pytest

from suite.models.segmenter import UNPOOLINGS, build_segmenter, single


@pytest.fixture(scope="module")
def segmenter():
    keras.utils.set_random_seed(0)
    return build_segmenter((16, 24, 3), 4, UNPOOLINGS, filters=(4, 6), context_filters=8)


def test_every_decoder_gives_probabilities_of_each_pixel(segmenter):
    images = np.random.default_rng(0).integers(256, size=(2, 16, 24, 3), dtype=np.uint8)
    for name, probabilities in segmenter(images).items():
        assert name in UNPOOLINGS and probabilities.shape == (2, 16, 24, 4)
        np.testing.assert_allclose(np.sum(probabilities, axis=-1), 1, atol=1e-6)
    one = single(segmenter, "nearest")
    assert list(one.output) == ["probabilities"]
    np.testing.assert_array_equal(one(images)["probabilities"], segmenter(images)["nearest"])
    assert one.count_params() < segmenter.count_params()


def test_decoders_differ_in_how_they_enlarge_and_in_nothing_else():
    sizes = {
        name: build_segmenter((16, 16, 3), 4, [name], (4, 6), 8).count_params() for name in UNPOOLINGS[:3]
    }
    assert sizes["max_unpooling"] == sizes["nearest"]
    assert sizes["transposed_convolution"] == sizes["nearest"] + 2 * 2 * (6 * 6 + 4 * 4)


def test_coarse_scores_are_the_same_in_each_square(segmenter):
    images = np.random.default_rng(1).integers(256, size=(1, 16, 24, 3), dtype=np.uint8)
    probabilities = segmenter(images)["nearest_scores"][0].numpy()
    np.testing.assert_array_equal(probabilities, probabilities[::4, ::4].repeat(4, 0).repeat(4, 1))


def test_bad_arguments():
    with pytest.raises(ValueError, match="^expected unpoolings among max_unpooling, .*, received 'bicubic'$"):
        build_segmenter((16, 16, 3), 4, ["bicubic"])
    with pytest.raises(ValueError, match=r"^expected sides that are multiples of 4, received \(16, 18\)$"):
        build_segmenter((16, 18, 3), 4)
