"""What an exported model takes and gives: one description that feeds every format.

A model that is to be deployed carries its preprocessing and takes raw values (uint8 pixels, token ids,
measured features), so the signature is that of the Keras model itself: input names from
`keras.Input(name=...)`, output names from the last layers or from the keys of a dict output.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from suite.data.row_file import RowFile


class Tensor(NamedTuple):
    """One input or output, without its batch dimension.

    Attributes:
        name: Name in every format.
        dtype: NumPy name of the dtype, such as "uint8".
        shape: Dimensions after the batch; None where any length is accepted.
    """

    name: str
    dtype: str
    shape: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype} {self.shape}"


class Signature(NamedTuple):
    """The inputs and outputs of an exported model, in a fixed order."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


def is_image(tensor: Tensor) -> bool:
    """Whether it has the shape of an RGB or a gray image of fixed size."""
    return len(tensor.shape) == 3 and tensor.shape[2] in (1, 3) and None not in tensor.shape[:2]


def class_output(outputs: Sequence[Tensor]) -> Tensor | None:
    """The output whose last axis counts the classes of a classifier: `probabilities`, or the only one."""
    found = [tensor for tensor in outputs if tensor.name == "probabilities" or len(outputs) == 1]
    return found[0] if found and found[0].shape else None


def check_class_names(outputs: Sequence[Tensor], names: Sequence[str], where: str | Path) -> None:
    """Checks that there is a name for each class.

    Args:
        outputs: Those of a model.
        names: One a class.
        where: What they are from, for the message.

    Raises:
        ValueError: There are fewer or more names than the last axis of `class_output` counts.
    """
    output = class_output(outputs)
    if output and output.shape[-1] not in (None, len(names)):
        raise ValueError(
            f"expected {output.shape[-1]} class names in {where}, received {len(names)}; give one for each "
            f"number of the output {output.name!r}"
        )


def signature_of(model: Any) -> Signature:
    """Reads the signature of a functional Keras model.

    Args:
        model: A built functional `keras.Model`; one or several inputs and outputs of any dtype.

    Returns:
        The signature: input names as in `keras.Input`, output names as in a dict output or as the layers.

    Raises:
        ValueError: The model is not functional, or a name cannot be used in an exported graph.
    """
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise ValueError(
            f"expected a built functional Keras model, received {type(model).__name__} without "
            "symbolic inputs; build it with keras.Model(inputs, outputs)"
        )
    inputs = tuple(_tensor(tensor.name, tensor) for tensor in model.inputs)
    outputs = tuple(_tensor(name, tensor) for name, tensor in named_outputs(model, model.output).items())
    for tensor in inputs + outputs:
        if not tensor.name.isidentifier():
            raise ValueError(
                f"expected input and output names that are Python identifiers, received {tensor.name!r}; "
                "name the layer, as in Dense(10, name='probabilities')"
            )
    return Signature(inputs, outputs)


def _tensor(name: str, tensor) -> Tensor:
    return Tensor(name, str(tensor.dtype), tuple(tensor.shape[1:]))


def named_outputs(model: Any, outputs: Any) -> dict:
    """Gives a functional model's outputs (a tensor, a sequence or a dict) as a dict by name."""
    if isinstance(outputs, Mapping):
        return dict(outputs)
    sequence = outputs if isinstance(outputs, Sequence) and not hasattr(outputs, "shape") else [outputs]
    return dict(zip(model.output_names, sequence, strict=True))


def call_model(model: Any, tensors: Mapping) -> dict:
    """Runs a functional model's inference on tensors by input name, and gives its outputs by name.

    Args:
        model: A functional Keras model, whatever structure of inputs it was built with.
        tensors: Tensors by input name.

    Returns:
        A dict of tensors by output name.
    """
    arguments: Any  # in the structure that the model was built with
    if isinstance(model.input, Mapping):
        arguments = {key: tensors[tensor.name] for key, tensor in model.input.items()}
    elif len(model.inputs) == 1:
        arguments = tensors[model.inputs[0].name]
    else:
        arguments = [tensors[tensor.name] for tensor in model.inputs]
    return named_outputs(model, model(arguments, training=False))


def named_inputs(signature: Signature, values: Any) -> dict[str, np.ndarray]:
    """Gives arrays the names, and checks the dtypes and shapes, of the signature.

    Args:
        signature: What the model takes.
        values: One array for a model with one input, else a sequence in order or a dict by name; batch first.

    Returns:
        Arrays by input name, of the signature's dtypes.

    Raises:
        ValueError: A missing or unknown input, a wrong shape, unequal batch sizes or a lossy dtype.
    """
    names = [tensor.name for tensor in signature.inputs]
    if not isinstance(values, Mapping):
        values = dict(zip(names, values if isinstance(values, (list, tuple)) else [values], strict=False))
    if set(values) != set(names):
        got = ", ".join(values) or "none"
        raise ValueError(f"expected inputs named {', '.join(names)}, received {got}")
    arrays = {tensor.name: _checked(tensor, values[tensor.name]) for tensor in signature.inputs}
    if len({len(array) for array in arrays.values()}) != 1:
        sizes = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        raise ValueError(f"expected the same number of examples in every input, received {sizes}")
    return arrays


def _checked(tensor: Tensor, value) -> np.ndarray:
    array: Any = value if isinstance(value, RowFile) else np.asanyarray(value)
    fits = array.ndim == len(tensor.shape) + 1 and all(
        wanted in (None, got) for wanted, got in zip(tensor.shape, array.shape[1:], strict=True)
    )
    if not fits:
        wanted = ("batch", *("any" if size is None else size for size in tensor.shape))
        raise ValueError(f"expected input {tensor.name!r} of shape {wanted}, received {array.shape}")
    if array.dtype == tensor.dtype:
        return array
    if not np.can_cast(array.dtype, tensor.dtype, "same_kind"):
        raise ValueError(
            f"expected input {tensor.name!r} of dtype {tensor.dtype}, received {array.dtype}; convert it"
        )
    return np.asarray(array, tensor.dtype)
