"""Keras model -> float32 serving graph -> SavedModel."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from suite.deploy.signature import call_model, signature_of
from suite.keras_internals import freeze, graph_function, layers_of

SIGNATURE_KEY = "serving_default"
_OTHER_FLOATS = {"float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"}


def serving_function(
    model: keras.Model, batch_size: int | None, lengths: Mapping[str, tuple[int | None, ...]] | None = None
) -> tuple[tf.types.experimental.PolymorphicFunction, list[tf.TensorSpec]]:
    """Traces inference as a function of named tensors that returns a dict of named tensors.

    Args:
        model: A functional or built Sequential model in float32.
        batch_size: Fixed batch size, or None for any.
        lengths: Shapes (without batch) by input name that replace the model's own where those have None.

    Returns:
        A `tf.function` and its list of `tf.TensorSpec`, in the order of the model's inputs.
    """
    signature = signature_of(model)
    specs = [
        tf.TensorSpec((batch_size, *(lengths or {}).get(name, shape)), dtype, name=name)
        for name, dtype, shape in signature.inputs
    ]

    @tf.function(input_signature=specs, autograph=False)  # nothing to convert, which takes a second
    def serve(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = call_model(model, {spec.name: tensor for spec, tensor in zip(specs, tensors, strict=True)})
        return {name: tf.identity(value, name=name) for name, value in outputs.items()}

    return serve, specs


def save_saved_model(
    model: keras.Model,
    path: str | Path,
    batch_size: int | None = None,
    lengths: Mapping[str, tuple[int | None, ...]] | None = None,
) -> None:
    """Writes the inference graph with the one signature `serving_default`.

    Args:
        model: A functional or built Sequential model in float32.
        path: Folder to write.
        batch_size: As in `serving_function`.
        lengths: As in `serving_function`.
    """
    serve, _ = serving_function(model, batch_size, lengths)
    function = serve.get_concrete_function()
    module = tf.Module()
    if batch_size == 1:
        function = _for_tflite(function)
    else:  # Keras variables that are reached only through the model would be written without their values
        module.variables_of_the_model = [variable.value for variable in model.variables]
    tf.saved_model.save(module, str(path), signatures={SIGNATURE_KEY: function})


def recurrent_layers(model: keras.Model) -> list[keras.layers.RNN]:
    """The layers of a model that loop over sequences."""
    return [layer for layer in layers_of(model) if isinstance(layer, keras.layers.RNN)]


@contextlib.contextmanager
def unrolled(model: keras.Model) -> Iterator[None]:
    """Lets the recurrent layers of a model write out every step inside, so that a graph has no loop.

    Args:
        model: Its sequences have one length where it is traced.
    """
    before = {layer: layer.unroll for layer in recurrent_layers(model)}
    try:
        for layer in before:
            layer.unroll = True
        yield
    finally:
        for layer, unroll in before.items():
            layer.unroll = unroll


def _multiplies_integers(node: Any) -> bool:
    return node.op == "BatchMatMulV3" and tf.as_dtype(node.attr["Ta"].type).is_integer


def _adds_to_rows(node: Any) -> bool:
    return node.op == "BiasAdd" and node.attr["data_format"].s == b"NCHW"


def _for_tflite(function: Any) -> Any:
    """A frozen copy, which is read in a quarter of the time, without two operators that TFLite lacks so."""
    frozen = freeze(function, lower_control_flow=False)
    ranks = {op.name: op.outputs[0].shape.rank for op in frozen.graph.get_operations() if op.outputs}
    graph = frozen.graph.as_graph_def()
    for node in graph.node:
        node.attr.pop("_gradient_op_type", None)  # of code that is not there
    for node in list(graph.node):
        if _multiplies_integers(node):
            _multiply_floats(graph, node)
        elif _adds_to_rows(node):
            _add_rows(graph, node, ranks[node.name])
    wrapped = graph_function(graph)
    tensor = wrapped.graph.get_tensor_by_name
    outputs = zip(sorted(function.structured_outputs), frozen.outputs, strict=True)
    return wrapped.prune(
        [tensor(each.name) for each in frozen.inputs], {name: tensor(each.name) for name, each in outputs}
    )


def _multiply_floats(graph: Any, node: Any) -> None:
    """Casts matrices of integers, whose products TFLite lacks, to float.

    Keras multiplies the int8 weights of a quantized model with inputs that it quantizes. float32 holds these
    products as they are, and sums of a thousand of them.
    """
    name, dtypes = node.name, {key: node.attr.pop(key).type for key in ("Ta", "Tb", "Tout")}
    for index, dtype in enumerate((dtypes["Ta"], dtypes["Tb"])):
        _add_cast(graph, f"{name}/float_{index}", node.input[index], dtype, tf.float32.as_datatype_enum)
        node.input[index] = f"{name}/float_{index}"
    node.op, node.name = "BatchMatMulV2", f"{name}/product"
    node.attr["T"].type = tf.float32.as_datatype_enum
    for key in set(node.attr) - {"T", "adj_x", "adj_y"}:
        del node.attr[key]
    _add_cast(graph, name, node.name, tf.float32.as_datatype_enum, dtypes["Tout"])


def _add_rows(graph: Any, node: Any, rank: int) -> None:
    """Adds a vector along axis 1 by its shape.

    Keras adds every tensor with one side along axis 1 as a bias, which TFLite takes of pictures only.
    """
    shape = graph.node.add(name=f"{node.name}/shape", op="Const")
    shape.attr["dtype"].type = tf.int32.as_datatype_enum
    shape.attr["value"].tensor.CopyFrom(tf.make_tensor_proto([-1] + [1] * (rank - 2), tf.int32))
    reshaped = graph.node.add(name=f"{node.name}/column", op="Reshape", input=[node.input[1], shape.name])
    reshaped.attr["T"].type, reshaped.attr["Tshape"].type = node.attr["T"].type, tf.int32.as_datatype_enum
    node.op, node.input[1] = "AddV2", reshaped.name
    del node.attr["data_format"]


def _add_cast(graph: Any, name: str, source: str, from_dtype: int, to_dtype: int) -> None:
    cast = graph.node.add(name=name, op="Cast", input=[source])
    cast.attr["SrcT"].type, cast.attr["DstT"].type = from_dtype, to_dtype


def weights_in_use(model: keras.Model) -> list[keras.Variable]:
    """Gives the weights that the outputs depend on: a nested model may have branches that nobody reads.

    Args:
        model: A functional or built Sequential model.

    Raises:
        ValueError: TensorFlow cannot make a graph of it that takes every size that the model takes.
    """
    serve, _ = serving_function(model, batch_size=None)
    try:
        graph = serve.get_concrete_function().graph
    except Exception as failure:
        layer = re.findall(r"calling (?!Functional|Sequential)(\w+)", str(failure))
        place = f" ({layer[-1]})" if layer else ""
        sizes = ", ".join(map(str, signature_of(model).inputs))
        raise ValueError(
            f"expected layers that work for every size of {sizes}, received one{place} that does not; "
            "build the model with fixed sizes, as in keras.Input((224, 224, 3))"
        ) from failure
    pending, seen = [tensor.op for tensor in graph.outputs], set()
    while pending:  # by data only: the outputs also wait for variables that they do not use
        operation = pending.pop()
        if operation.name not in seen:
            seen.add(operation.name)
            pending += [tensor.op for tensor in operation.inputs]
    used = {id(outside) for outside, inside in graph.captures if inside.op.name in seen}
    return [weight for weight in model.weights if id(weight.value.handle) in used]


def as_float32(model: keras.Model) -> keras.Model:
    """Copies a model of another precision into float32, which is what the converters accept.

    Args:
        model: A functional or built Sequential model of any dtype policies, also in nested models, wrappers
            and operations. Integer weights of a quantized model stay as they are.

    Returns:
        The model itself where everything in it already computes in float32, else a copy with the same weights
        that takes and gives float32 instead of other floats.
    """
    config = keras.saving.serialize_keras_object(model)
    in_float32 = _in_float32(config)
    if in_float32 == config:
        return model
    # The Python code of Lambda layers is that of this process.
    copy = keras.saving.deserialize_keras_object(in_float32, safe_mode=False)
    copy.set_weights(model.get_weights())  # raises where number or shapes differ
    for layer in layers_of(copy):
        if hasattr(layer, "finalize_state"):  # what an adapted layer computes of its weights
            layer.finalize_state()
    return copy


def _in_float32(config: Any) -> Any:
    """A serialized Keras object with float32 in place of every other float, mixed policies included."""
    if isinstance(config, dict):
        return {key: _in_float32(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(map(_in_float32, config))
    return "float32" if isinstance(config, str) and config in _OTHER_FLOATS else config
