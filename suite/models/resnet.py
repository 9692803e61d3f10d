"""ResNet: blocks that learn what to add to their input."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
from keras import layers

from suite.models.blocks import Activation, Shape, image_input, pooled_classifier

_Block: TypeAlias = Callable[..., keras.KerasTensor]
_FILTERS = (64, 128, 256, 512)  # of the stages, before the bottleneck's factor of 4
_MIN_SIZE = 32
_EPSILON = 1.001e-5  # Keras' ResNet has this one
_MOMENTUM = 0.9  # the paper's; the moving averages follow short trainings, too


def ResNet(
    block: _Block,
    depths: tuple[int, ...],
    include_top: bool = True,
    input_shape: Shape | None = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    use_bias: bool = False,
    name: str = "resnet",
) -> keras.Model:
    """ResNet, version 1: `ResNet18`, `ResNet34` or `ResNet50`, by its block and depths.

    Args:
        block: `basic_block` or `bottleneck_block`.
        depths: Number of blocks of each of the 4 stages.
        include_top: Whether to end with the classifier.
        input_shape: `(height, width, channels)`, at least 32 x 32 pixels; None for 224 x 224 x 3, or without
            the top for any size.
        classes: Number of classes of the top.
        classifier_activation: Activation of the top; None for logits.
        use_bias: Whether the convolutions have biases, which the batch normalization after them takes out
            again. `keras.applications.ResNet50` has them: 25,636,712 parameters with the moving averages,
            and its weights fit, in the same order.
        name: Name of the model.

    Returns:
        A functional model from "image", `(batch, height, width, channels)` float32, to probabilities
        `(batch, classes)`, or without the top to a feature map `(batch, height / 32, width / 32, channels)`,
        rounded up, of 2048 channels for ResNet-50 and 512 for the others. The paper subtracts the mean of the
        training pixels from RGB in [0, 255]; the weights of Keras want the mean color subtracted and BGR
        (`keras.applications.resnet.preprocess_input`).

    Raises:
        ValueError: input_shape out of range.

    Reference:
        He, Zhang, Ren, Sun (2016), Deep Residual Learning for Image Recognition, table 1, with projection
        shortcuts where the shape changes (option B).
    """
    top = (classes, classifier_activation) if include_top else None
    image = image_input(input_shape, 224, _MIN_SIZE, bool(top))
    x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
    x = convolution(x, 64, 7, name="conv1", strides=2, padding="valid", use_bias=use_bias)
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, 2, name="pool1_pool")(x)
    for number, (depth, filters) in enumerate(zip(depths, _FILTERS, strict=True), start=2):
        strides = 1 if number == 2 else 2
        x = residual_stage(x, block, filters, depth, strides, name=f"conv{number}", use_bias=use_bias)
    if top:
        x = pooled_classifier(x, *top)
    return keras.Model(image, x, name=name)


def residual_stage(
    x: keras.KerasTensor,
    block: _Block,
    filters: int,
    depth: int,
    strides: int,
    *,
    name: str,
    **settings: Any,
) -> keras.KerasTensor:
    """Blocks one after the other, of which the first changes the size.

    Args:
        x: `(batch, height, width, channels)`.
        block: `basic_block` or `bottleneck_block`.
        filters: As the block takes them.
        depth: Number of blocks.
        strides: Steps of the first block.
        name: What the names of the layers begin with.
        **settings: Further arguments of the block: shortcut, residual, use_bias.

    Returns:
        What the last block gives.
    """
    for number in range(1, depth + 1):
        x = block(x, filters, strides if number == 1 else 1, name=f"{name}_block{number}", **settings)
    return x


def small_image_stages(
    x: keras.KerasTensor,
    filters: Sequence[int],
    depth: int,
    *,
    residual: bool = True,
    shortcut: str = "identity",
) -> keras.KerasTensor:
    """Three stages of basic blocks: the paper's network for CIFAR-10, between its stem and its classifier.

    With the stem, a 3 x 3 convolution, and the classifier on the average it has 6 * depth + 2 layers. Its
    shortcuts have no parameters, so that the plain network has the same ones, in the same order.

    Args:
        x: `(batch, height, width, channels)`.
        filters: Of each stage; (16, 32, 64) in the paper.
        depth: Blocks of each stage.
        residual: False for the plain network.
        shortcut: As for `basic_block`.

    Returns:
        `(batch, height / 4, width / 4, filters[-1])`, rounded up.

    Reference:
        He, Zhang, Ren, Sun (2016), Deep Residual Learning for Image Recognition, section 4.2.
    """
    for number, (count, strides) in enumerate(zip(filters, (1, 2, 2), strict=True), start=2):
        x = residual_stage(
            x, basic_block, count, depth, strides,
            shortcut=shortcut, residual=residual, name=f"conv{number}",
        )  # fmt: skip
    return x


def basic_block(
    x: keras.KerasTensor,
    filters: int,
    strides: int = 1,
    *,
    name: str,
    shortcut: str = "projection",
    residual: bool = True,
    use_bias: bool = False,
) -> keras.KerasTensor:
    """Two 3 x 3 convolutions, `relu(shortcut(x) + f(x))`: the block of ResNet-18 and 34.

    Args:
        x: `(batch, height, width, channels)`.
        filters: Filters of both convolutions.
        strides: Steps of the first convolution.
        name: What the names of the layers begin with.
        shortcut: Where the shape changes, "projection" for a 1 x 1 convolution (option B of the paper), or
            "identity" for every so many pixels, and zeros in the new channels (option A): no parameters.
        residual: False for `relu(f(x))`, a block of the plain network.
        use_bias: Whether the convolutions have biases.

    Returns:
        `(batch, height / strides, width / strides, filters)`, rounded up.

    Raises:
        ValueError: Another shortcut, or "identity" from more channels to fewer.
    """
    settings = {"use_bias": use_bias}
    skipped = _shortcut(x, filters, strides, shortcut, name, settings) if residual else None
    x = convolution(x, filters, 3, name=f"{name}_1", strides=strides, **settings)
    x = convolution(x, filters, 3, name=f"{name}_2", activate=False, **settings)
    return _add(skipped, x, name)


def bottleneck_block(
    x: keras.KerasTensor,
    filters: int,
    strides: int = 1,
    *,
    name: str,
    shortcut: str = "projection",
    residual: bool = True,
    use_bias: bool = False,
) -> keras.KerasTensor:
    """1 x 1 down, 3 x 3, 1 x 1 up to four times the filters: the block of ResNet-50, cheap for its width.

    From and to 256 channels it has 69,632 weights, where a basic block has 1,179,648. The first convolution
    has the strides, as in the paper and in Keras; torch gives them to the second ("version 1.5").

    Args:
        x: `(batch, height, width, channels)`.
        filters: Filters of the first two convolutions.
        strides: Steps of the first convolution.
        name: What the names of the layers begin with.
        shortcut: As for `basic_block`.
        residual: False for `relu(f(x))`, a block of the plain network.
        use_bias: Whether the convolutions have biases.

    Returns:
        `(batch, height / strides, width / strides, 4 * filters)`, rounded up.

    Raises:
        ValueError: Another shortcut, or "identity" from more channels to fewer.
    """
    settings = {"use_bias": use_bias}
    skipped = _shortcut(x, 4 * filters, strides, shortcut, name, settings) if residual else None
    x = convolution(x, filters, 1, name=f"{name}_1", strides=strides, **settings)
    x = convolution(x, filters, 3, name=f"{name}_2", **settings)
    x = convolution(x, 4 * filters, 1, name=f"{name}_3", activate=False, **settings)
    return _add(skipped, x, name)


def convolution(
    x: keras.KerasTensor, filters: int, kernel_size: int, *, name: str, activate: bool = True, **settings: Any
) -> keras.KerasTensor:
    """Convolution, batch normalization, and ReLU unless `activate` is False.

    Args:
        x: `(batch, height, width, channels)`.
        filters: Number of filters.
        kernel_size: Side of the filters.
        name: What the names of the layers begin with.
        activate: Whether to end with the ReLU.
        **settings: Further arguments of `Conv2D`, such as strides and use_bias; padding is "same" by default.

    Returns:
        `(batch, height / strides, width / strides, filters)`, rounded up.
    """
    settings = {"padding": "same", "kernel_initializer": "he_normal", "use_bias": False} | settings
    x = layers.Conv2D(filters, kernel_size, name=f"{name}_conv", **settings)(x)
    x = layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if activate else x


def _shortcut(
    x: keras.KerasTensor, filters: int, strides: int, kind: str, name: str, settings: dict[str, Any]
) -> keras.KerasTensor:
    channels = x.shape[-1]
    if kind not in ("projection", "identity") or (kind == "identity" and channels > filters):
        raise ValueError(
            "expected shortcut 'projection', or 'identity' to as many channels or more, "
            f"received {kind!r} from {channels} to {filters}"
        )
    if strides == 1 and channels == filters:
        return x
    if kind == "projection":
        return convolution(x, filters, 1, name=f"{name}_0", strides=strides, activate=False, **settings)
    x = layers.MaxPooling2D(1, strides, name=f"{name}_0_subsample")(x)
    return keras.ops.pad(x, [[0, 0], [0, 0], [0, 0], [0, filters - channels]])


def _add(skipped: keras.KerasTensor | None, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = x if skipped is None else layers.Add(name=f"{name}_add")([skipped, x])
    return layers.ReLU(name=f"{name}_out")(x)


ResNet18 = functools.partial(ResNet, basic_block, (2, 2, 2, 2), name="resnet18")
"""ResNet-18: 8 basic blocks, 11,689,512 trainable parameters."""

ResNet34 = functools.partial(ResNet, basic_block, (3, 4, 6, 3), name="resnet34")
"""ResNet-34: 16 basic blocks, 21,797,672 trainable parameters."""

ResNet50 = functools.partial(ResNet, bottleneck_block, (3, 4, 6, 3), name="resnet50")
"""ResNet-50: 16 bottleneck blocks, 25,557,032 trainable parameters."""
