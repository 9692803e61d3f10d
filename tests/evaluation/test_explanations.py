"""Heat maps of a classifier of which it is known where it looks."""

import keras
import numpy as np
import pytest

from suite.evaluation.explanations import CELLS, grad_cam, last_map, occlusion_map, show_heat

SIDE = 32
RED, GREEN = 0, 1


def red_or_green():
    """Says which of two colors a picture has somewhere; gray is none of them."""
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 255)(image)
    x = keras.layers.Conv2D(2, 4, strides=4, activation="relu", name="colors")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(2, "softmax", name="probabilities")(x))
    kernel = np.zeros((4, 4, 3, 2))
    kernel[..., :2, :] = [[1, -1], [-1, 1]]
    model.get_layer("colors").set_weights([kernel / 16, np.zeros(2)])
    model.layers[-1].set_weights([20 * np.eye(2), np.zeros(2)])
    return model


def picture():
    """Red in the upper right corner, a little more than there is green in the lower left one."""
    image = np.full((SIDE, SIDE, 3), 90, np.uint8)
    image[:10, -10:] = (220, 30, 30)
    image[-8:, :8] = (30, 220, 30)
    return image


def predict(model):
    return lambda images: model.predict_on_batch(images)


@pytest.mark.parametrize(
    ("label", "rows", "columns"), [(RED, slice(0, 3), slice(5, 8)), (GREEN, slice(6, 8), slice(0, 2))]
)
def test_both_maps_are_hot_in_the_corner_that_decides_and_nowhere_else(label, rows, columns):
    model, image = red_or_green(), picture()
    for heat in (grad_cam(model, image[None], [label])[0], occlusion_map(predict(model), image, label)):
        assert heat.shape == (CELLS, CELLS) and heat.dtype == np.float32
        assert heat.max() == 1 and heat.min() >= 0
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        assert rows.start <= row < rows.stop and columns.start <= column < columns.stop
        assert heat[rows, columns].sum() > 0.5 * heat.sum()  # windows reach over the corner


def test_the_maps_agree():
    model, image = red_or_green(), picture()
    for label in (RED, GREEN):
        maps = grad_cam(model, image[None], [label])[0], occlusion_map(predict(model), image, label)
        assert np.corrcoef(*(heat.ravel() for heat in maps))[0, 1] > 0.6


def test_a_sure_answer_still_has_a_gradient():
    """The probability is 1 in float32: its own gradient would be 0 everywhere."""
    model = red_or_green()
    model.layers[-1].set_weights([4000 * np.eye(2), np.zeros(2)])
    assert predict(model)(picture()[None])[0, RED] == 1
    assert grad_cam(model, picture()[None], [RED])[0].max() == 1


def test_pictures_are_explained_apart_in_one_batch():
    model, image = red_or_green(), picture()
    both = grad_cam(model, np.stack([image, image]), [RED, GREEN])
    for heat, label in zip(both, (RED, GREEN), strict=True):
        np.testing.assert_allclose(heat, grad_cam(model, image[None], [label])[0], atol=1e-6)


def test_where_nothing_speaks_for_the_class_nothing_is_hot():
    gray = np.full((SIDE, SIDE, 3), 90, np.uint8)
    for heat in (
        grad_cam(red_or_green(), gray[None], [RED])[0],
        occlusion_map(predict(red_or_green()), gray, RED),
    ):
        assert not heat.any()


def test_a_model_without_places_is_refused():
    image = keras.Input((4, 4, 3), name="image")
    model = keras.Model(image, keras.layers.Dense(2, "softmax")(keras.layers.Flatten()(image)))
    assert last_map(model) is None
    with pytest.raises(ValueError, match="^expected a model with a layer of several places"):
        grad_cam(model, np.zeros((1, 4, 4, 3), np.float32), [0])


def test_heat_colors_its_own_place_only():
    image = np.full((64, 64, 3), 128, np.uint8)
    heat = np.zeros((8, 8), np.float32)
    heat[0, 7] = 1
    shown = show_heat(image, heat)
    assert shown.shape == image.shape and shown.dtype == np.uint8
    assert np.abs(shown[:8, -8:].astype(int) - 128).max() > 60 and np.all(shown[32:, :32] == 128)
