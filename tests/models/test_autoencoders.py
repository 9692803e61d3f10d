import keras
import numpy as np
import pytest

from suite.models import autoencoders

SHAPE = (9, 7, 1)  # odd sides, which halving rounds
IMAGES = np.random.default_rng(0).integers(256, size=(5, *SHAPE), dtype=np.uint8)
BUILDERS = {
    "linear": lambda: autoencoders.build_linear(SHAPE, 4),
    "dense": lambda: autoencoders.build_dense(SHAPE, 4, (8, 6)),
    "convolutional": lambda: autoencoders.build_convolutional(SHAPE, 4, (3, 5)),
    "overcomplete": lambda: autoencoders.build_overcomplete(SHAPE, 4, penalty="l1", strength=0.5),
    "variational": lambda: autoencoders.build_variational(SHAPE, 4, (8, 6)),
}


@pytest.mark.parametrize("kind", BUILDERS)
def test_from_pixels_to_a_code_and_back(kind):
    keras.utils.set_random_seed(0)
    encoder, decoder, model = BUILDERS[kind]()
    code, image = encoder(IMAGES), decoder(encoder(IMAGES))
    assert encoder.input.dtype == "uint8" and code.shape == (5, 4) and image.shape == IMAGES.shape
    assert (encoder.output_names, decoder.output_names) == (["code"], ["image"])
    if kind == "variational":
        outputs = model(IMAGES)
        np.testing.assert_array_equal(outputs["mean"], code)  # the mean, where nothing is drawn
        np.testing.assert_array_equal(outputs["log_variance"], 0)  # starts as the prior
        np.testing.assert_allclose(1 / (1 + np.exp(-outputs["logits"])), image, atol=1e-6)
        assert not np.array_equal(model(IMAGES, training=True)["logits"], outputs["logits"])
    else:
        np.testing.assert_allclose(model(IMAGES), image, atol=1e-6)
    parts = {id(variable) for part in (encoder, decoder) for variable in part.trainable_variables}
    more = [variable.path for variable in model.trainable_variables if id(variable) not in parts]
    assert len(model.trainable_variables) == len(parts) + len(more)  # training trains what is deployed
    assert all("log_variance" in path for path in more) and bool(more) == (kind == "variational")


def test_a_linear_one_is_linear():
    encoder, decoder, _ = BUILDERS["linear"]()
    x = np.stack([np.zeros(SHAPE), IMAGES[0] // 2, IMAGES[1] // 2, IMAGES[0] // 2 + IMAGES[1] // 2])
    for model, inputs in (
        (encoder, x.astype(np.uint8)),
        (decoder, np.float32([[0] * 4, [1, 2, 0, 3], [0, -1, 2, 0], [1, 1, 2, 3]])),
    ):
        zero, first, second, both = model(inputs).numpy()
        np.testing.assert_allclose(both - zero, first - zero + second - zero, atol=1e-5)


def test_pixels_go_in_as_shares_of_white():
    _, _, model = autoencoders.build_dense((1, 1, 1), 1, ())
    for variable in model.variables:
        variable.assign(np.eye(*variable.shape) if variable.ndim == 2 else np.zeros(variable.shape))
    np.testing.assert_allclose(model(np.uint8([0, 51, 255]).reshape(3, 1, 1, 1)).numpy().ravel(), (0, 0.2, 1))


def test_the_penalty_is_in_the_loss_of_the_training_model():
    keras.utils.set_random_seed(0)
    encoder, _, model = BUILDERS["overcomplete"]()
    model(IMAGES)
    expected = 0.5 * np.mean(np.sum(encoder(IMAGES), axis=1))
    np.testing.assert_allclose(model.losses[0], expected, rtol=1e-5)


def test_a_stochastic_one_gives_parameters_of_every_pixel():
    encoder, decoder, model = autoencoders.build_stochastic(SHAPE, 4, 3, (8,))
    assert model(IMAGES).shape == (*IMAGES.shape, 3) and decoder.output_names == ["parameters"]
    assert encoder(IMAGES).shape == (5, 4)
