import keras
import numpy as np
import pytest

from suite.models.backbones import build_backbone

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetV2B0"])
def test_preprocessing_of_keras_applications_is_inside(name):
    keras.utils.set_random_seed(0)
    backbone = build_backbone(name, weights=None)
    assert backbone.inputs[0].name == "image" and backbone.inputs[0].dtype == "uint8"
    reference = getattr(keras.applications, name)(include_top=False, weights=None, pooling="avg")
    reference.set_weights(backbone.get_weights())
    module = {"MobileNetV2": "mobilenet_v2", "EfficientNetV2B0": "efficientnet_v2"}[name]
    prepared = getattr(keras.applications, module).preprocess_input(PIXELS.astype("float32"))
    np.testing.assert_allclose(
        backbone.predict(PIXELS, verbose=0), reference.predict(prepared, verbose=0), atol=1e-5
    )


def test_lite_backbone_takes_raw_pixels_of_its_own_size():
    backbone = build_backbone("efficientnet_lite0")
    assert backbone.input_shape == (None, 224, 224, 3) and backbone.output_shape == (None, 1280)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("efficientnet_lit0", "did you mean 'efficientnet_lite0'"),
        ("resnet50", "did you mean 'ResNet50'"),
        ("x", "known"),
    ],
)
def test_unknown_backbone(name, message):
    with pytest.raises(ValueError, match="expected the name of a backbone") as failure:
        build_backbone(name)
    assert message in str(failure.value)


def test_weights_that_cannot_be_had(monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("URL fetch failure on https://somewhere: name resolution")

    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", offline, raising=False)
    monkeypatch.setattr("keras.src.applications.mobilenet_v2.file_utils.get_file", offline)
    with pytest.raises(
        ValueError, match="expected the pretrained weights of MobileNetV2 in Keras' cache or a network"
    ):
        build_backbone("MobileNetV2")
