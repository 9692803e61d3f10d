"""What an exported model takes and gives: one description that feeds every format.

A model that is to be deployed carries its preprocessing and takes raw values (uint8 pixels, token ids,
measured features), so the signature is that of the Keras model itself: input names from
`keras.Input(name=...)`, output names from the last layers or from the keys of a dict output. Every output has
a name of its own, and all are legal in every format.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from suite.data.row_file import RowFile
from suite.deploy.names import distinct_names, legal_name
from suite.keras_internals import producer_of


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


def as_functional(model: Any) -> Any:
    """Gives a Keras model as one with symbolic inputs and outputs, which shares its layers.

    Args:
        model: A functional model, or a `keras.Sequential` that knows the shape of its input.

    Raises:
        ValueError: The model is neither.
    """
    import keras

    if isinstance(model, keras.Sequential):
        if not getattr(model, "inputs", None):
            raise ValueError(
                f"expected a built Keras model, received Sequential {model.name!r} that knows no input "
                "shape; put keras.Input(shape) before its first layer, or call it on an example"
            )
        return keras.Model(model.inputs, model.outputs, name=model.name)
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        raise ValueError(
            f"expected a functional or Sequential Keras model, received {type(model).__name__}, whose graph "
            "is known to its Python code only; give its layers to keras.Model(inputs, outputs)"
        )
    return model


def given_names(model: Any) -> tuple[list[str], list[str]]:
    """What a model itself calls its inputs and its outputs, flattened; several may have one name.

    Args:
        model: What `as_functional` gives.

    Returns:
        Names of the input layers; of each output the keys that lead to it, as in "heads_a", where it is in a
        dict, else the layer that it comes from.
    """
    import keras

    def layer_name(tensor: Any) -> str:
        return producer_of(tensor)[0].name

    outputs = []
    for path, tensor in keras.tree.flatten_with_path(model.output):
        keys = [isinstance(key, str) for key in path]
        named = path[keys.index(True) :] if any(keys) else [layer_name(tensor)]
        outputs.append("_".join(map(str, named)))
    return [layer_name(tensor) for tensor in model.inputs], outputs


def signature_of(model: Any) -> Signature:
    """Reads the signature of a Keras model.

    Args:
        model: A functional or built Sequential `keras.Model`; any number, structure and dtypes of inputs and
            outputs.

    Returns:
        The signature, with `given_names` made legal, and numbered where they are not distinct.

    Raises:
        ValueError: The model has no symbolic inputs, or takes or gives strings.
    """
    model = as_functional(model)
    inputs, outputs = given_names(model)
    inputs = distinct_names([legal_name(name, "input") for name in inputs])
    outputs = distinct_names([legal_name(name, "output") for name in outputs], taken=inputs)
    return Signature(tuple(map(_tensor, inputs, model.inputs)), tuple(map(_tensor, outputs, model.outputs)))


def renamed(model: Any, signature: Signature) -> list[str]:
    """Says which inputs and outputs have other names in the signature than in the model.

    Args:
        model: A functional or built Sequential model.
        signature: What `signature_of` gives for it.

    Returns:
        A text each, such as "input 'in' is called 'in_'".
    """
    pairs = zip(("input", "output"), given_names(as_functional(model)), signature, strict=True)
    return [
        f"{kind} {name!r} is called {tensor.name!r}"
        for kind, names, tensors in pairs
        for name, tensor in zip(names, tensors, strict=True)
        if name != tensor.name
    ]


def _tensor(name: str, tensor: Any) -> Tensor:
    dtype = str(tensor.dtype)
    if dtype == "string":
        raise ValueError(
            f"expected inputs and outputs that are numbers, received strings ({name!r}); phones have no "
            "operators for them: export the part of the model behind its text layers"
        )
    return Tensor(name, dtype, tuple(tensor.shape[1:]))


def call_model(model: Any, tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Runs a model's inference on tensors by input name, and gives its outputs by name.

    Args:
        model: A functional or built Sequential model, whatever structure of inputs it was built with.
        tensors: Tensors by input name.

    Returns:
        A dict of tensors by output name.
    """
    import keras

    signature, model = signature_of(model), as_functional(model)
    arguments = keras.tree.pack_sequence_as(model.input, [tensors[name] for name, *_ in signature.inputs])
    outputs = keras.tree.flatten(model(arguments, training=False))
    return {tensor.name: value for tensor, value in zip(signature.outputs, outputs, strict=True)}


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


def _checked(tensor: Tensor, value: Any) -> np.ndarray:
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


def has_fixed_batch(model: Any) -> bool:
    """Whether a functional Keras model takes a certain number of examples at a time."""
    return any(symbol.shape[:1] != (None,) for symbol in model.inputs)
