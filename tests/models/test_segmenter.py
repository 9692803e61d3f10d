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


def test_decoders_differ_in_how_they_enlarge_and_not_in_how_many_weights_they_have():
    sizes = {build_segmenter((16, 16, 3), 4, [name], (4, 6), 8).count_params() for name in UNPOOLINGS}
    assert len(sizes) == 1
    layers = [
        {type(layer).__name__ for layer in build_segmenter((16, 16, 3), 4, [name], (4, 6), 8).layers}
        for name in UNPOOLINGS
    ]
    for own, found in zip(("UpSampling2D", "Conv2DTranspose", "MaxUnpooling2D"), layers, strict=True):
        assert own in found and sum(own in other for other in layers) == 1


def test_the_convolutions_on_the_small_map_are_as_many_as_asked_for():
    deep, shallow = (build_segmenter((16, 16, 3), 4, context_layers=count) for count in (3, 1))
    assert deep.count_params() - shallow.count_params() == 2 * (9 * 64 * 64 + 4 * 64)
    assert single(deep, "max_unpooling", "deep").name == "deep"


def test_bad_arguments():
    with pytest.raises(ValueError, match="^expected unpoolings among nearest, .*, received 'bicubic'$"):
        build_segmenter((16, 16, 3), 4, ["bicubic"])
    with pytest.raises(ValueError, match=r"^expected sides that are multiples of 4, received \(16, 18\)$"):
        build_segmenter((16, 18, 3), 4)
