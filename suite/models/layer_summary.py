"""What each layer of a functional Keras model gives out, holds, and sees of the image."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from suite import console
from suite.keras_internals import calls_of

_CONVOLUTIONS = (
    layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.DepthwiseConv1D, layers.DepthwiseConv2D,
    layers.SeparableConv1D, layers.SeparableConv2D,
)  # fmt: skip
_POOLINGS = (
    layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D,
    layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D,
)  # fmt: skip
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_UPSAMPLINGS = (layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D)
_PADDINGS = (layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D)
_CROPPINGS = (layers.Cropping1D, layers.Cropping2D, layers.Cropping3D)


class LayerSummary(NamedTuple):
    """One layer.

    Attributes:
        name: Its name, after those of the models that it is in: "backbone/conv_1".
        kind: Its class.
        output_shape: Without the batch; None where any size is accepted.
        parameters: Numbers that it holds, trained or not.
        receptive_field: Pixels of the input that one output depends on, along each axis, borders ignored;
            None where it depends on all.
        strides: Pixels of the input from one output to the next, along each axis.
    """

    name: str
    kind: str
    output_shape: tuple[int | None, ...]
    parameters: int
    receptive_field: tuple[int, ...] | None
    strides: tuple[float, ...] | None


class _Axis(NamedTuple):
    """Output i depends on the pixels from `first + i * stride` to `last + i * stride`."""

    first: float
    last: float
    stride: float


_Field: TypeAlias = tuple[_Axis, ...] | None  # what one number depends on; None for everything


def convolution_parameters(
    kernel_size: tuple[int, int], channels: int, filters: int, *, use_bias: bool = True
) -> int:
    """Counts the weights of a convolution: (height * width * channels + 1) * filters, for any image size.

    Args:
        kernel_size: `(height, width)`.
        channels: Of its input.
        filters: Of its output.
        use_bias: Whether each filter adds a bias.
    """
    return (math.prod(kernel_size) * channels + use_bias) * filters


def dense_parameters(inputs: int, units: int, *, use_bias: bool = True) -> int:
    """Counts the weights of a dense layer: (inputs + 1) * units.

    Args:
        inputs: Numbers that come in.
        units: Numbers that go out.
        use_bias: Whether each unit adds a bias.
    """
    return (inputs + use_bias) * units


def multiplications(model: keras.Model) -> int:
    """Counts the products with weights for one image: a kernel's once for every place that it is used at.

    Args:
        model: Its convolutions and dense layers count, those of models inside it do not.
    """
    weighted = [layer for layer in model.layers if isinstance(layer, layers.Conv2D | layers.Dense)]
    return sum(math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape) for layer in weighted)


def describe_layers(model: keras.Model) -> list[LayerSummary]:
    """Follows sizes, parameters and receptive fields through the layers of a model.

    Receptive fields go through convolutions, pooling, padding, cropping, upsampling and everything that works
    pixel by pixel, along all branches (the widest counts), for a model with one image as input. A layer that
    flattens or averages all sees everything, and so does one that changes sizes in a way of its own.

    Args:
        model: Functional model whose first input is `(batch, *size, channels)`.

    Returns:
        One row a layer, in the order of computation.

    Raises:
        ValueError: The model is not functional.
    """
    if not getattr(model, "operations", None) or not getattr(model, "inputs", None):
        raise ValueError(f"expected a built functional Keras model, received {type(model).__name__}")
    start = tuple(_Axis(0, 0, 1) for _ in model.inputs[0].shape[1:-1])
    rows: list[LayerSummary] = []
    _follow(model, [start for _ in model.inputs], rows, "")
    return rows


def summary(model: keras.Model) -> list[LayerSummary]:
    """Prints what `describe_layers` finds, and returns it.

    Args:
        model: As of `describe_layers`.

    Raises:
        ValueError: As of it.
    """
    rows = describe_layers(model)
    cells = [
        (row.name, row.kind, _shape(row.output_shape), f"{row.parameters:,}", *_seen(row)) for row in rows
    ]
    columns = ("layer", "kind", "output", "parameters", "sees", "stride")
    console.table(f"{model.name}: {model.count_params():,} parameters", columns, cells)
    return rows


def _follow(model: keras.Model, starts: list[_Field], rows: list[LayerSummary], prefix: str) -> list[_Field]:
    """Adds the rows of a model's layers; gives what each of its outputs sees (None for everything)."""
    fields = {id(tensor): field for tensor, field in zip(model.inputs, starts, strict=True)}
    for operation in model.operations:
        for node in calls_of(operation):
            if any(id(tensor) not in fields for tensor in node.input_tensors) or not node.input_tensors:
                continue  # a call in another model, or an input
            seen = [fields[id(tensor)] for tensor in node.input_tensors]
            if isinstance(operation, keras.Model):
                outputs = _follow(operation, seen, rows, f"{prefix}{operation.name}/")
            else:
                field = _after(operation, node, _union(seen))
                outputs = [field] * len(node.output_tensors)
                rows.append(_row(operation, node, field, prefix))
            fields |= {id(tensor): field for tensor, field in zip(node.output_tensors, outputs, strict=True)}
    return [fields[id(tensor)] for tensor in model.outputs]


def _union(fields: list[_Field]) -> _Field:
    """The widest of several branches, which meet with one stride."""
    if any(field is None for field in fields):
        return None
    return tuple(
        _Axis(min(a.first for a in axes), max(a.last for a in axes), max(a.stride for a in axes))
        for axes in zip(*fields, strict=False)
    )


def _after(operation: keras.Operation, node: Any, field: _Field) -> _Field:
    """What an output of the operation sees, given what its input sees."""
    shapes = [tensor.shape for tensor in (node.input_tensors[0], node.output_tensors[0])]
    if field is None or len(shapes[1]) != len(field) + 2:
        return None
    sizes = shapes[0][1:-1]
    if isinstance(operation, _CONVOLUTIONS):
        return _slide(field, sizes, operation.kernel_size, operation)
    if isinstance(operation, _POOLINGS):
        return _slide(field, sizes, operation.pool_size, operation)
    if isinstance(operation, (*_PADDINGS, *_CROPPINGS)):
        amounts = operation.padding if isinstance(operation, _PADDINGS) else operation.cropping
        before = [np.ravel(amount)[0] for amount in (amounts if len(field) > 1 else [amounts])]
        sign = -1 if isinstance(operation, _PADDINGS) else 1
        shifts = [sign * count * axis.stride for count, axis in zip(before, field, strict=True)]
        return tuple(_Axis(a.first + s, a.last + s, a.stride) for a, s in zip(field, shifts, strict=True))
    if isinstance(operation, _UPSAMPLINGS):
        factors = np.broadcast_to(operation.size, len(field))
        return tuple(_Axis(a.first, a.last, a.stride / f) for a, f in zip(field, factors, strict=True))
    if isinstance(operation, _TRANSPOSED):
        reach = [math.ceil(k / s) - 1 for k, s in zip(operation.kernel_size, operation.strides, strict=True)]
        return tuple(
            _Axis(axis.first - r * axis.stride, axis.last, axis.stride / s)
            for axis, r, s in zip(field, reach, operation.strides, strict=True)
        )
    return field if shapes[0][1:-1] == shapes[1][1:-1] else None


def _slide(
    field: tuple[_Axis, ...],
    sizes: Sequence[int | None],
    kernel_size: Sequence[int],
    operation: keras.Operation,
) -> tuple[_Axis, ...]:
    """A kernel or a window that slides: it reaches further, and its steps are as many of the steps before."""
    dilations = getattr(operation, "dilation_rate", 1)
    axes = zip(
        field, sizes, kernel_size, np.broadcast_to(operation.strides, len(field)),
        np.broadcast_to(dilations, len(field)), strict=True,
    )  # fmt: skip
    after = []
    for axis, size, kernel, stride, dilation in axes:
        reach, before = int((kernel - 1) * dilation), 0
        if operation.padding == "same":
            fitted = reach if size is None else (math.ceil(size / stride) - 1) * stride + reach + 1 - size
            before = max(fitted, 0) // 2  # TensorFlow puts the odd one behind
        first = axis.first - before * axis.stride
        after.append(_Axis(first, axis.last + (reach - before) * axis.stride, axis.stride * int(stride)))
    return tuple(after)


def _row(operation: keras.Operation, node: Any, field: _Field, prefix: str) -> LayerSummary:
    sees = None if field is None else tuple(math.floor(a.last - a.first) + 1 for a in field)
    strides = None if field is None else tuple(a.stride for a in field)
    parameters = operation.count_params() if isinstance(operation, layers.Layer) else 0
    shape = tuple(node.output_tensors[0].shape[1:])
    return LayerSummary(prefix + operation.name, type(operation).__name__, shape, parameters, sees, strides)


def _shape(sizes: Sequence[object]) -> str:
    return " x ".join("any" if size is None else str(size) for size in sizes)


def _seen(row: LayerSummary) -> tuple[str, str]:
    if row.receptive_field is None or row.strides is None:
        return "all", ""
    return _shape(row.receptive_field), _shape(tuple(f"{stride:g}" for stride in row.strides))


def measure_receptive_field(
    model: keras.Model, layer: str, *, draws: int = 20, seed: int = 0
) -> tuple[int, ...]:
    """Measures what the middle output of a layer depends on: the extent of the derivative by the input.

    The weights of a copy are made positive, so that nothing cancels out and every ReLU is on; maxima are
    caught by the union over draws of a random image.

    Args:
        model: Functional model with one image of a fixed size as input, large enough for the borders not to
            cut the field off.
        layer: Name of one of its layers, whose output is `(batch, *size, channels)`.
        draws: Number of random images.
        seed: Of weights and images.

    Returns:
        Pixels along each axis.
    """
    rng = np.random.default_rng(seed)
    copy = keras.models.clone_model(model)
    copy.set_weights([rng.uniform(0.1, 1, weight.shape) / max(1, weight.shape[0]) for weight in copy.weights])
    part = keras.Model(copy.inputs, copy.get_layer(layer).output)
    middle = (0, *(size // 2 for size in part.output_shape[1:-1]))
    support = np.zeros(model.input_shape[1:-1], bool)
    for _ in range(draws):
        image = tf.constant(rng.uniform(0.1, 1, (1, *model.input_shape[1:])), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(image)
            output = tf.reduce_sum(part(image)[middle])
        support |= np.any(tape.gradient(output, image).numpy()[0] != 0, axis=-1)
    return tuple(int(np.ptp(pixels) + 1) for pixels in np.nonzero(support))
