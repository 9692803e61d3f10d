"""SavedModel with a batch of one -> TFLite, built-in operators only, in five precisions."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite.keras_internals import freeze, quantize_but

# Variant -> file name. "float32" is the reference; "int16x8" stands in where "int8" loses too much.
FILES = {
    "float32": "model.tflite",
    "float16": "model_float16.tflite",
    "dynamic": "model_dynamic.tflite",
    "int8": "model_int8.tflite",
    "int16x8": "model_int16x8.tflite",
}
CALIBRATED = ("int8", "int16x8")
BYTES_PER_PARAMETER = {"float32": 4, "float16": 2, "dynamic": 1, "int8": 1, "int16x8": 1}
CALIBRATION_EXAMPLES = 128
STEPS = 256  # of an integer of 8 bits
PERSONAL_FILE = "model_personal.tflite"
PERSONAL_LEARNING_RATE = 0.1  # for all: their features have a mean square length of 1
_LOOPS = {"WHILE", "IF", "CALL_ONCE"}


def convert_tflite(
    saved_model: str | Path,
    variant: str,
    calibration: dict[str, np.ndarray] | None = None,
    float_layers: Sequence[str] = (),
) -> bytes:
    """Converts a SavedModel of batch size 1 with TFLite's built-in operators.

    Args:
        saved_model: Folder with signatures whose shapes are all fixed, such as `serving_default`.
        variant: A key of `FILES`.
        calibration: Training inputs by name, batch first, for "int8" and "int16x8"; 100 to 300 are enough.
        float_layers: Names of layers that "int8" leaves in float32.

    Returns:
        The TFLite flatbuffer. Inputs and outputs keep the dtypes of the signature in every variant, so an
        app can swap one file for another.

    Raises:
        ValueError: An unknown variant, or a calibrated one without calibration data.
        Exception: What the converter raises for an operator without a built-in counterpart.
    """
    import tensorflow as tf

    if variant not in FILES:
        raise ValueError(f"expected a variant among {', '.join(FILES)}, received {variant!r}")
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model))
    if variant != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if variant in CALIBRATED:
        if not calibration:
            raise ValueError(f"expected calibration inputs for variant {variant!r}, received none")
        converter.representative_dataset = _one_by_one(calibration)
    if variant == "int16x8":
        sets = tf.lite.OpsSet
        converter.target_spec.supported_ops = [
            sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
            sets.TFLITE_BUILTINS,  # the cast of uint8 pixels has no 16-bit form
        ]
    if variant == "int8":
        return quantize_but(converter, lambda flatbuffer: _tensors_in_float(flatbuffer, float_layers))
    return converter.convert()


def is_of_layer(tensor: str, layers: Sequence[str]) -> bool:
    """Whether a tensor is computed by one of some layers.

    Args:
        tensor: Its name as the converter gives it: the scopes of layers, which TensorFlow numbers, such as
            "detector_1/boxes_1/add"; those of fused operators are joined by ";".
        layers: Their names, such as "boxes".
    """
    names = "|".join(re.escape(layer) for layer in layers)
    return any(re.search(rf"(^|/)({names})(_\d+)?(/|$)", each) for each in tensor.split(";"))


def _tensors_in_float(flatbuffer: bytes, layers: Sequence[str]) -> set[str]:
    """Names of what integers are too coarse for: results of `layers`, and probabilities of many classes.

    Those are integers of 1/256, which of a vocabulary leave most words without any probability.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(flatbuffer, 0)
    kinds, graph = op_names(model), model.Subgraphs(0)
    tensors = [graph.Tensors(index) for index in range(graph.TensorsLength())]
    named = [tensor.Name().decode() for tensor in tensors]
    chosen = {name for name in named if layers and is_of_layer(name, layers)}
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        result = operator.Outputs(0)
        if kinds[operator.OpcodeIndex()] == "SOFTMAX" and tensors[result].ShapeAsNumpy()[-1] > STEPS:
            chosen.add(named[result])
    return chosen


def convert_for_now(model: Any) -> bytes:
    """Converts a model of batch size 1 to run in this process, in half the time of `convert_tflite`.

    The graph is frozen in memory instead of saved and loaded; what the way through a SavedModel adds is a
    signature, by which apps name inputs and outputs.

    Args:
        model: One input of a fixed size, one output.

    Returns:
        The TFLite flatbuffer, float32, without a signature.
    """
    import tensorflow as tf

    (image,) = model.inputs
    spec = tf.TensorSpec((1, *image.shape[1:]), image.dtype, name=image.name)
    infer = tf.function(lambda inputs: model(inputs, training=False), input_signature=[spec], autograph=False)
    frozen = freeze(infer.get_concrete_function())
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen]).convert()


def calibration_rows(total: int, most: int = CALIBRATION_EXAMPLES) -> np.ndarray:
    """Chooses at most `most` of `total` examples, evenly spread: `(n,)` int, increasing."""
    return np.unique(np.linspace(0, total - 1, min(total, most)).astype(int))


def _one_by_one(calibration: dict[str, np.ndarray]) -> Callable[[], Iterator[dict[str, np.ndarray]]]:
    total = len(next(iter(calibration.values())))

    def examples() -> Iterator[dict[str, np.ndarray]]:
        for index in calibration_rows(total):
            yield {name: np.asarray(array[index : index + 1]) for name, array in calibration.items()}

    return examples


def calibration_obstacle(ops: list[str]) -> str | None:
    """Says why a model with these operators cannot be calibrated for integers, or None where it can.

    TensorFlow's calibrator ends the whole process (a segmentation fault) on graphs with loops.
    """
    loops = sorted(_LOOPS.intersection(ops))
    return f"integer calibration does not support {', '.join(loops)}" if loops else None


def tflite_ops(path: str | Path) -> list[str]:
    """Lists the operators that a TFLite file uses, sorted; custom and Flex ones as "custom:NAME"."""
    from ai_edge_litert import schema_py_generated as schema

    return sorted(set(op_names(schema.Model.GetRootAs(Path(path).read_bytes(), 0))))


def op_names(model: Any) -> list[str]:
    """Names the operators of a parsed flatbuffer by opcode index, as `tflite_ops`."""
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    found = []
    for index in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(index)
        # Old writers put codes below 127 into the deprecated field only.
        builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        custom = code.CustomCode()
        found.append(f"custom:{custom.decode()}" if custom else names.get(builtin, f"unknown:{builtin}"))
    return found


def min_runtime(path: str | Path) -> str | None:
    """Reads the oldest TFLite runtime that runs a file, such as "2.3.0", from its metadata."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(Path(path).read_bytes(), 0)
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if entry.Name() == b"min_runtime_version":
            return bytes(model.Buffers(entry.Buffer()).DataAsNumpy()).rstrip(b"\0").decode()
    return None
