import gc
import math

import keras
import numpy as np
import pytest
from keras import layers

from suite.models.alexnet import AlexNet, convolution
from suite.models.inception import InceptionV3, inception_a, inception_b, inception_d
from suite.models.resnet import (
    ResNet18,
    ResNet34,
    ResNet50,
    basic_block,
    bottleneck_block,
    residual_stage,
    small_image_stages,
)
from suite.models.vgg import VGG16, VGG19, vgg_block

# Of the classifiers on 1,000 classes, but for their first layer: half a gigabyte that need not be built.
DENSE_TOP = 4096 * 4096 + 4096 + 4096 * 1000 + 1000
APPLICATIONS = keras.applications


@pytest.fixture(autouse=True)
def forget_models():
    yield
    keras.backend.clear_session()
    gc.collect()


def randomize(model: keras.Model) -> list[np.ndarray]:
    """Fills every weight, moving averages too, with values that no permutation or sign leaves as they are."""
    rng, values = np.random.default_rng(0), []
    for weight in model.weights:
        shape = tuple(weight.shape)
        if len(shape) == 1:
            values.append(rng.uniform(0.05, 2, shape))  # also small variances: an epsilon counts
        else:
            spread = np.float32(math.sqrt(2 / math.prod(shape[:-1])))
            values.append((rng.standard_normal(shape, np.float32) + np.float32(0.1)) * spread)
    model.set_weights(values)
    return model.get_weights()


def relative_gap(ours: keras.Model, theirs: keras.Model, size: tuple[int, int]) -> float:
    ours.set_weights(randomize(theirs))
    x = np.random.default_rng(1).normal(size=(2, *size, 3)).astype(np.float32)
    received, expected = ours(x, training=False).numpy(), theirs(x, training=False).numpy()
    assert received.shape == expected.shape and np.ptp(expected) > 0.1 * np.abs(expected).max()
    return np.abs(received - expected).max() / np.abs(expected).max()


def trained(model: keras.Model) -> int:
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def test_alexnet_has_the_published_parameters():
    assert AlexNet().count_params() == 60_965_224


@pytest.mark.parametrize(("build", "published"), [(VGG16, 138_357_544), (VGG19, 143_667_240)])
def test_vgg_has_the_published_parameters(build, published):
    features = build(include_top=False, input_shape=(224, 224, 3))
    assert features.output_shape == (None, 7, 7, 512)
    first = math.prod(features.output_shape[1:]) * 4096 + 4096
    assert features.count_params() + first + DENSE_TOP == published


def test_the_others_have_the_published_parameters():
    assert InceptionV3().count_params() == 23_851_784
    assert trained(ResNet18()) == 11_689_512
    assert trained(ResNet34()) == 21_797_672
    assert trained(ResNet50()) == 25_557_032
    assert ResNet50(use_bias=True).count_params() == 25_636_712


# Measured: 0, the operations are the same ones.
@pytest.mark.parametrize(("build", "theirs"), [(VGG16, APPLICATIONS.VGG16), (VGG19, APPLICATIONS.VGG19)])
def test_vgg_gives_what_keras_gives(build, theirs):
    features = build(include_top=False), theirs(include_top=False, weights=None)
    assert relative_gap(*features, (65, 71)) < 1e-4


def test_vgg_has_the_classifier_that_was_counted_and_the_logits_of_keras():
    settings = {"input_shape": (32, 32, 3), "classifier_activation": None}
    model = VGG16(**settings)  # 512 features, not 25,088
    features = sum(layer.count_params() for layer in model.layers if "block" in layer.name)
    assert model.count_params() == features + 512 * 4096 + 4096 + DENSE_TOP
    assert [layer.rate for layer in model.layers if isinstance(layer, layers.Dropout)] == [0.5, 0.5]
    assert relative_gap(model, APPLICATIONS.VGG16(weights=None, **settings), (32, 32)) < 1e-4


@pytest.mark.parametrize(
    ("build", "theirs", "size"),
    [
        (InceptionV3, APPLICATIONS.InceptionV3, (149, 132)),
        (lambda **settings: ResNet50(use_bias=True, **settings), APPLICATIONS.ResNet50, (97, 122)),
    ],
    ids=["inception_v3", "resnet50"],
)
def test_inception_and_resnet_give_the_logits_of_keras(build, theirs, size):
    settings = {"input_shape": (*size, 3), "classes": 7, "classifier_activation": None}
    assert relative_gap(build(**settings), theirs(weights=None, **settings), size) < 1e-4


@pytest.mark.parametrize(
    ("build", "shapes"),
    [
        (AlexNet, {"conv1": (55, 96), "pool1": (27, 96), "conv2": (27, 256), "pool2": (13, 256),
                   "conv3": (13, 384), "conv4": (13, 384), "conv5": (13, 256), "pool5": (6, 256)}),
        (InceptionV3, {"pool2": (35, 192), "mixed0": (35, 256), "mixed2": (35, 288), "mixed3": (17, 768),
                       "mixed7": (17, 768), "mixed8": (8, 1280), "mixed10": (8, 2048)}),
        (ResNet34, {"conv1_relu": (112, 64), "pool1_pool": (56, 64), "conv2_block3_out": (56, 64),
                    "conv3_block4_out": (28, 128), "conv4_block6_out": (14, 256),
                    "conv5_block3_out": (7, 512)}),
    ],
    ids=["alexnet", "inception_v3", "resnet34"],
)  # fmt: skip
def test_the_features_have_the_published_sizes(build, shapes):
    sizes = {AlexNet: 227, InceptionV3: 299, ResNet34: 224}
    model = build(include_top=False, input_shape=(sizes[build], sizes[build], 3))
    for name, (side, channels) in shapes.items():
        assert model.get_layer(name).output.shape == (None, side, side, channels), name


def test_towers_are_grouped_convolutions():
    x = keras.Input((9, 9, 6))
    towers = keras.Model(x, convolution(x, 8, 3, name="conv", towers=2))
    groups = layers.Conv2D(8, 3, padding="same", activation="relu", groups=2)
    groups.build((None, 9, 9, 6))
    kernels, biases = randomize(towers)[::2], towers.get_weights()[1::2]
    groups.set_weights([np.concatenate(kernels, axis=-1), np.concatenate(biases)])
    image = np.random.default_rng(0).normal(size=(2, 9, 9, 6)).astype(np.float32)
    np.testing.assert_allclose(towers(image), groups(image), atol=1e-5)
    with pytest.raises(
        ValueError, match="^expected towers that divide 8 filters and 6 channels, received 4$"
    ):
        convolution(x, 8, 3, name="conv", towers=4)


def test_alexnet_is_saved_with_its_towers(tmp_path):
    model = AlexNet(include_top=False, input_shape=(67, 67, 3))
    model.save(tmp_path / "model.keras")
    image = np.random.default_rng(0).normal(size=(1, 67, 67, 3)).astype(np.float32)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(image), model(image))


def test_a_vgg_block_halves_the_image():
    block = keras.Model(x := keras.Input((8, 8, 1)), vgg_block(x, 4, 3, name="block"))
    assert block.output_shape == (None, 4, 4, 4)
    assert block.count_params() == (9 + 1) * 4 + 2 * (9 * 4 + 1) * 4


def test_inception_blocks_scale_with_width():
    x = keras.Input((8, 8, 10))
    assert inception_a(x, 32, name="a", width=0.25).shape == (None, 8, 8, 16 + 16 + 24 + 8)
    assert inception_b(x, name="b", width=0.125, padding="same").shape == (None, 4, 4, 48 + 12 + 10)
    assert inception_b(x, name="c", width=0.125).shape == (None, 3, 3, 48 + 12 + 10)
    assert inception_d(x, name="d", width=0.125, padding="same").shape == (None, 4, 4, 40 + 24 + 10)


def test_without_1x1_convolutions_a_block_gives_as_much_and_costs_more():
    x = keras.Input((35, 35, 192))
    blocks = [keras.Model(x, inception_a(x, 32, name="a", reduce=reduce)) for reduce in (True, False)]
    assert blocks[0].output_shape == blocks[1].output_shape
    kernels = [
        sum(math.prod(weight.shape) for weight in block.weights if len(weight.shape) > 1) for block in blocks
    ]
    assert kernels == [254_976, 574_464]


@pytest.mark.parametrize(("block", "factor"), [(basic_block, 1), (bottleneck_block, 4)])
def test_a_residual_block_adds_its_input(block, factor):
    x = keras.Input((5, 5, 4 * factor))
    model = keras.Model(x, block(x, 4, name="block"))
    image = np.random.default_rng(0).normal(size=(2, 5, 5, 4 * factor)).astype(np.float32)
    last = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)][-1]
    last.gamma.assign(np.zeros(4 * factor))
    np.testing.assert_array_equal(model(image), np.maximum(image, 0))
    plain = keras.Model(x, block(x, 4, name="plain", residual=False))
    assert plain.count_params() == model.count_params()
    last = [layer for layer in plain.layers if isinstance(layer, layers.BatchNormalization)][-1]
    last.gamma.assign(np.zeros(4 * factor))
    assert not np.any(plain(image))


def test_the_identity_shortcut_subsamples_and_pads_with_zeros():
    x = keras.Input((5, 5, 2))
    model = keras.Model(x, basic_block(x, 6, 2, name="block", shortcut="identity"))
    model.get_layer("block_2_bn").gamma.assign(np.zeros(6))
    image = np.random.default_rng(0).normal(size=(2, 5, 5, 2)).astype(np.float32)
    expected = np.pad(np.maximum(image[:, ::2, ::2], 0), ((0, 0), (0, 0), (0, 0), (0, 4)))
    np.testing.assert_array_equal(model(image), expected)
    plain = keras.Model(x, basic_block(x, 6, 2, name="block", residual=False))
    assert [w.shape for w in plain.weights] == [w.shape for w in model.weights]
    projected = keras.Model(x, basic_block(x, 6, 2, name="block"))
    assert trained(projected) - trained(plain) == 2 * 6 + 2 * 6


def test_a_stage_changes_the_size_once():
    x = keras.Input((8, 8, 4))
    stage = residual_stage(x, bottleneck_block, 3, 3, 2, name="conv3")
    model = keras.Model(x, stage)
    assert model.output_shape == (None, 4, 4, 12)
    assert [layer.name for layer in model.layers if "_0_conv" in layer.name] == ["conv3_block1_0_conv"]


def test_the_plain_network_has_the_weights_of_the_residual_one():
    x = keras.Input((8, 8, 4))
    residual, plain = (
        keras.Model(x, small_image_stages(x, (4, 6, 8), 9, residual=residual)) for residual in (True, False)
    )
    assert residual.output_shape == plain.output_shape == (None, 2, 2, 8)
    assert sum(isinstance(layer, layers.Conv2D) for layer in plain.layers) == 54
    names = [[weight.path for weight in model.weights] for model in (residual, plain)]
    assert names[0] == names[1] and sum("add" in layer.name for layer in residual.layers) == 27


def test_keras_gives_the_strides_to_the_first_1x1():
    x = keras.Input((8, 8, 4))
    model = keras.Model(x, bottleneck_block(x, 2, 2, name="block"))
    strides = [model.get_layer(f"block_{number}_conv").strides for number in range(4)]
    assert strides == [(2, 2), (2, 2), (1, 1), (1, 1)]


@pytest.mark.parametrize(("kind", "filters"), [("concatenate", 8), ("identity", 3)])
def test_an_impossible_shortcut(kind, filters):
    message = (
        "^expected shortcut 'projection', or 'identity' to as many channels or more, "
        f"received '{kind}' from 4 to {filters}$"
    )
    with pytest.raises(ValueError, match=message):
        basic_block(keras.Input((8, 8, 4)), filters, name="block", shortcut=kind)


@pytest.mark.parametrize(
    ("build", "smallest", "shape"),
    [
        (AlexNet, 67, (66, 67, 3)),
        (VGG16, 32, (32, 31, 3)),
        (InceptionV3, 75, (74, 75, 3)),
        (ResNet18, 32, (None, None, 3)),
        (ResNet50, 32, (64, 64)),
        (ResNet34, 32, (64, 64, None)),
    ],
)
def test_an_impossible_image(build, smallest, shape):
    message = f"at least {smallest} x {smallest} pixels, and a known size for the top, received {shape}; try"
    with pytest.raises(ValueError, match="^expected ") as caught:
        build(input_shape=shape)
    assert message in str(caught.value) and str(caught.value).startswith(
        "expected input_shape (height, width"
    )


@pytest.mark.parametrize(("build", "smallest"), [(AlexNet, 67), (InceptionV3, 75)])
def test_the_smallest_image_leaves_one_place(build, smallest):
    model = build(include_top=False, input_shape=(smallest, smallest, 1))
    assert model.output_shape[1:3] == (1, 1)
