"""Keras model -> ONNX, with the names of the signature and a dynamic batch."""

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf

from suite.bundle.task import Task
from suite.console import first_line
from suite.deploy.convert.saved_model import serving_function
from suite.deploy.obstacles import FormatError, cannot_hold, missing_operators
from suite.deploy.ranges import ValueRange
from suite.deploy.runtime import ONNX_RANGE_KEY, ONNX_RANGES, ONNX_TASK_KEY
from suite.keras_internals import freeze

OPSET = 17  # ONNX Runtime >= 1.13 and every mobile build since read it


def onnx_properties(task: Task, ranges: Mapping[str, ValueRange | None]) -> dict[str, str]:
    """What an ONNX file says of its model: the task, and the values of black and white where ONNX has a word.

    Args:
        task: What the model is for.
        ranges: The values of black and white by image input; None where they are not known.
    """
    properties = {ONNX_TASK_KEY: task.value}
    for word, usual in ONNX_RANGES.items():
        if list(ranges.values()) == [usual]:
            properties[ONNX_RANGE_KEY] = word
    return properties


def save_onnx(model: keras.Model, path: str | Path, properties: dict[str, str] | None = None) -> None:
    """Writes the inference graph as ONNX.

    Args:
        model: A functional or built Sequential model in float32.
        path: File to write.
        properties: Its metadata, such as `onnx_properties`.

    Raises:
        FormatError: The model needs an operator that ONNX lacks, or cannot be held otherwise.
    """
    import tf2onnx  # slow to import, and only needed here

    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # what it complains about is looked for below
    function, specs = _inlined(model)
    # tf2onnx would make graph inputs of captured constants.
    frozen = freeze(function, lower_control_flow=False, aggressive_inlining=True)
    inputs, outputs = [tensor.name for tensor in frozen.inputs], [tensor.name for tensor in frozen.outputs]
    names = dict(zip(inputs, (spec.name for spec in specs), strict=True))
    names |= dict(zip(outputs, sorted(function.structured_outputs), strict=True))
    proto, _ = tf2onnx.convert.from_graph_def(
        _with_one_bias(frozen.graph.as_graph_def(add_shapes=True)),
        input_names=inputs,
        output_names=outputs,
        opset=OPSET,
        custom_op_handlers={name: (handler, []) for name, handler in HANDLERS.items()},
        tensors_to_rename=names,
    )
    unknown = [node for node in _nodes(proto.graph) if not onnx.defs.has(node.op_type, node.domain)]
    if unknown:
        operators, scopes = [node.op_type for node in unknown], [node.name for node in unknown]
        raise FormatError(missing_operators("ONNX", operators, scopes, model))
    try:
        onnx.checker.check_model(proto, full_check=True)
    except Exception as failure:  # of several modules
        raise FormatError(cannot_hold("ONNX", first_line(failure))) from failure
    onnx.helper.set_model_props(proto, properties or {})
    Path(path).write_bytes(proto.SerializeToString())


def _inlined(model: keras.Model) -> tuple[Any, list[tf.TensorSpec]]:
    """The concrete serving function of any batch, and its specs, without calls of what XLA compiles.

    Keras wraps grouped convolutions in such, which tf2onnx does not see into.
    """
    serve, specs = serving_function(model, batch_size=None)
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        return serve.get_concrete_function(), specs
    finally:
        tf.config.run_functions_eagerly(before)


def _with_one_bias(graph: Any) -> Any:
    """A graph in which a vector that is added to a sum with a bias is a sum, too.

    Keras adds vectors as biases, and tf2onnx gives every bias behind a convolution to that convolution.
    """
    nodes = {node.name: node for node in graph.node}

    def source(name: str) -> Any:
        node = nodes.get(name.split(":")[0])
        return source(node.input[0]) if node is not None and node.op == "Identity" else node

    second = [
        node
        for node in graph.node
        if node.op == "BiasAdd" and (before := source(node.input[0])) is not None and before.op == "BiasAdd"
    ]
    for node in second:
        node.op = "AddV2"
        node.attr.pop("data_format", None)
    return graph


def _nodes(graph: Any) -> Iterator[Any]:
    """Those of an ONNX graph and of the graphs in them."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


# For operators that tf2onnx lacks: a handler, `(graph, node, name, args)`, puts those of ONNX in the place of
# the node.


def _erfc(graph: Any, node: Any, _name: str, _args: Any) -> None:
    """1 - erf(x), which exact GELU has."""
    _replace(graph, node, lambda x, one: graph.make_node("Sub", [one, _of(graph, "Erf", x)]))


def _expm1(graph: Any, node: Any, _name: str, _args: Any) -> None:
    _replace(graph, node, lambda x, one: graph.make_node("Sub", [_of(graph, "Exp", x), one]))


def _log1p(graph: Any, node: Any, _name: str, _args: Any) -> None:
    _replace(graph, node, lambda x, one: graph.make_node("Log", [_of(graph, "Add", x, one)]))


def _of(graph: Any, operator: str, *inputs: str) -> str:
    return graph.make_node(operator, list(inputs)).output[0]


def _replace(graph: Any, node: Any, build: Callable[[str, str], Any]) -> None:
    """Puts what `build(input, one)` makes in the place of a node with one input and one output."""
    dtype, shape, name = graph.get_dtype(node.output[0]), graph.get_shape(node.output[0]), node.name
    one = graph.make_const(f"{name}/one", np.ones((), np.float32)).output[0]
    graph.remove_node(name)
    made = build(node.input[0], one)
    graph.make_node("Identity", made.output, outputs=node.output, dtypes=[dtype], shapes=[shape])


def _bucketize(graph: Any, node: Any, name: str, _args: Any) -> None:
    """How many boundaries each number has reached."""
    boundaries = np.array(node.get_attr_value("boundaries"), np.float32)
    bounds = graph.make_const(f"{name}/boundaries", boundaries).output[0]
    last = graph.make_const(f"{name}/last", np.array([-1], np.int64)).output[0]

    def count(x: str, _one: str) -> Any:
        x = graph.make_node("Cast", [x], attr={"to": onnx.TensorProto.FLOAT}).output[0]
        reached = _of(graph, "GreaterOrEqual", _of(graph, "Unsqueeze", x, last), bounds)
        numbers = graph.make_node("Cast", [reached], attr={"to": onnx.TensorProto.INT32}).output[0]
        return graph.make_node("ReduceSum", [numbers, last], attr={"keepdims": 0})

    _replace(graph, node, count)


def _convolution_3d(graph: Any, node: Any, _name: str, _args: Any) -> None:
    """tf2onnx's own, which counts groups on pictures only."""
    from tf2onnx.onnx_opset.nn import ConvOp

    channels, channels_of_a_group = (graph.get_shape(each) for each in node.input[:2])
    ConvOp.version_13(graph, node)
    node.set_attr("group", channels[-1] // channels_of_a_group[-2])


HANDLERS = {
    "Bucketize": _bucketize,
    "Conv3D": _convolution_3d,
    "Erfc": _erfc,
    "Expm1": _expm1,
    "Log1p": _log1p,
}
