"""The private parts of Keras and TensorFlow that the suite needs; nothing else may use one.

Each is used by one function here, whose test fails where an upgrade changes it.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # TensorFlow is imported where it is used: what reads a graph of layers needs none
    import keras
    import tensorflow as tf


def layers_of(model: "keras.Model") -> "list[keras.layers.Layer]":
    """Every layer of a model, those of nested models, wrappers and recurrent cells included."""
    return list(model._flatten_layers(include_self=False, recursive=True))


def calls_of(operation: "keras.Operation") -> list[Any]:
    """The calls of a layer on symbolic tensors, in any models: each has `input_tensors`, `output_tensors`."""
    return list(operation._inbound_nodes)


def producer_of(tensor: "keras.KerasTensor") -> "tuple[keras.Operation, int]":
    """The layer that a tensor of a functional model comes from, and which of its `calls_of` gave it."""
    operation, call, _ = tensor._keras_history
    return operation, call


def freeze(function: Any, **settings: bool) -> Any:
    """A copy of a concrete function whose variables are constants.

    Args:
        function: As `tf.function(...).get_concrete_function()` gives it.
        settings: `lower_control_flow` (True), `aggressive_inlining` (False).
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    return convert_variables_to_constants_v2(function, **settings)


def graph_function(graph: Any) -> Any:
    """A function of a GraphDef; its `prune` makes one of chosen inputs and outputs."""
    import tensorflow as tf

    return tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])


def quantize_but(converter: Any, stay_float: Callable[[bytes], set[str]]) -> bytes:
    """Quantizes to int8 as a converter's `convert` does, some operators left out.

    Args:
        converter: A `tf.lite.TFLiteConverter` with a representative dataset.
        stay_float: Chooses the operators to be left out, by the names of the tensors that they give, from the
            flatbuffer in float32.
    """
    from tensorflow.lite.python.convert import deduplicate_readonly_buffers, mlir_quantize

    converter._experimental_calibrate_only = True
    calibrated = converter.convert()
    return deduplicate_readonly_buffers(mlir_quantize(calibrated, denylisted_nodes=stay_float(calibrated)))


def of_any_size(tensor: "tf.Tensor") -> "tf.Tensor":
    """The same tensor, of whose first axis a traced function does not know the size."""
    import tensorflow as tf

    return tf.compat.v1.placeholder_with_default(tensor, (None, *tensor.shape[1:]))


def traced_operations() -> "list[tf.Operation]":
    """The operations that the `tf.function` being traced has so far."""
    import tensorflow as tf

    return tf.compat.v1.get_default_graph().get_operations()


def preprocessing_of(builder: "Callable[..., keras.Model]") -> Callable[[Any], Any]:
    """What a model of `keras.applications` wants done to its pixels, which lie in [0, 255]."""
    return sys.modules[builder.__module__].preprocess_input
