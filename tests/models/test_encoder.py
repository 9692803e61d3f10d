import keras
import numpy as np
import pytest

from suite.models.backbones import build_backbone
from suite.models.encoder import build_encoder, folded, freeze_up_to
from suite.models.pyramid_detector import build_pyramid_detector, with_suppression


@pytest.fixture(scope="module")
def encoder():
    return build_encoder("efficientnet_lite0", 64)


def test_the_maps_are_those_of_the_backbone(encoder):
    backbone = build_backbone("efficientnet_lite0", side=64, pooling=None)
    images = np.random.default_rng(0).integers(256, size=(2, 64, 64, 3), dtype=np.uint8)
    maps = encoder.predict_on_batch(images)
    assert {name: each.shape[1] for name, each in maps.items()} == {
        "stride_2": 32, "stride_4": 16, "stride_8": 8, "stride_16": 4, "stride_32": 2,
    }  # fmt: skip
    ends = {"stride_8": "block3b_add", "stride_32": "block7a_project_bn"}
    for name, layer in ends.items():
        there = keras.Model(backbone.inputs, backbone.get_layer(layer).output).predict_on_batch(images)
        np.testing.assert_allclose(maps[name], there, atol=2e-4)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in encoder.layers)
    trained = encoder(images, training=True)
    np.testing.assert_allclose(trained["stride_32"], maps["stride_32"], atol=2e-4)


def test_lower_layers_freeze(encoder):
    freeze_up_to(encoder, 8)
    names = {variable.path.split("/")[0][:6] for variable in encoder.trainable_variables}
    assert names == {"block4", "block5", "block6", "block7"}
    freeze_up_to(encoder, 0)
    assert any(variable.path.startswith("stem") for variable in encoder.trainable_variables)


def test_normalization_with_any_parameters_folds():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3)(image)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)(x)
    x = keras.layers.BatchNormalization(scale=False)(x)
    kept = keras.layers.BatchNormalization(name="kept")(keras.layers.Activation("relu")(x))
    model = keras.Model(image, {"x": kept})
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.5, 1.5, each.shape) for each in model.get_weights()])
    made = folded(model)
    assert [layer.name for layer in made.layers if isinstance(layer, keras.layers.BatchNormalization)] == [
        "kept"
    ]
    images = rng.normal(size=(2, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(made(images)["x"], model(images)["x"], rtol=1e-4, atol=1e-4)


def test_a_backbone_without_the_maps_is_refused(monkeypatch):
    image = keras.Input((96, 96, 3))
    shallow = keras.Model(image, keras.layers.AveragePooling2D(8)(image))
    monkeypatch.setattr("suite.models.encoder.build_backbone", lambda *_, **__: shallow)
    with pytest.raises(
        ValueError, match="^expected a backbone with maps at strides 8, 16 and 32 of 96 pixels"
    ):
        build_encoder("Shallow", 96)
    with pytest.raises(ValueError, match="^expected a side that is a multiple of 32 pixels, received 50$"):
        build_encoder("MobileNetV2", 50)


def test_the_detector_starts_with_typical_boxes_and_rare_things(encoder):
    maps = build_pyramid_detector(encoder, 3, typical_side=0.25)
    images = np.random.default_rng(0).integers(256, size=(2, 64, 64, 3), dtype=np.uint8)
    given = maps.predict_on_batch(images)
    assert given["heatmap"].shape == (2, 8, 8, 3) and given["boxes"].shape == (2, 8, 8, 4)
    inner = given["boxes"][:, 3:5, 3:5]
    assert np.median(inner[..., 2] - inner[..., 0]) == pytest.approx(0.25, rel=0.3)
    assert np.median(given["heatmap"]) == pytest.approx(-4, abs=1)
    detector = with_suppression(maps, max_detections=7)
    assert detector.predict_on_batch(images)["boxes"].shape == (2, 7, 4)
    fine = build_pyramid_detector(encoder, 3, stride=4)
    assert fine.output["heatmap"].shape[1:3] == (16, 16)
