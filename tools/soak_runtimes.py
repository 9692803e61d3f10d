"""The bare runtimes of exported files, with nothing of the suite between a file and its answers.

Each loader gives a function from arrays by input name to arrays by output name, and the inputs' dtypes.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np

from suite.deploy.signature import signature_of
from tools.random_models import call

Run: TypeAlias = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


class Entries(dict[str, Any]):
    """Dtypes of inputs by name, with their shapes beside."""

    shapes: Mapping[str, Any] = {}


def load_tflite(path: Path) -> tuple[Run, Entries]:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(path)).get_signature_runner("serving_default")
    details = runner.get_input_details()
    entries = Entries({name: detail["dtype"] for name, detail in details.items()})
    entries.shapes = {name: detail["shape"] for name, detail in details.items()}

    def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = len(next(iter(inputs.values())))
        each = [runner(**{k: v[i : i + 1] for k, v in inputs.items()}) for i in range(rows)]
        return {name: np.concatenate([answer[name] for answer in each]) for name in each[0]}

    return run, entries


def load_saved_model(path: Path) -> tuple[Run, Entries]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    function = loaded.signatures["serving_default"]
    specs = function.structured_input_signature[1]

    def run(
        inputs: Mapping[str, np.ndarray], _loaded: Any = loaded
    ) -> dict[str, np.ndarray]:  # which the signature does not keep alive
        answers = function(**{name: tf.constant(values) for name, values in inputs.items()})
        return {name: value.numpy() for name, value in answers.items()}

    return run, Entries({name: spec.dtype.as_numpy_dtype for name, spec in specs.items()})


def load_onnx(path: Path) -> tuple[Run, Entries]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    numbers = {"float": "float32", "double": "float64", "float16": "float16"}
    types = {node.name: node.type[7:-1] for node in session.get_inputs()}
    entries = Entries({name: np.dtype(numbers.get(type_, type_)) for name, type_ in types.items()})
    names = [node.name for node in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True)), entries


def load_keras(path: Path) -> tuple[Run, Entries]:
    model = keras.models.load_model(path, compile=False, safe_mode=True)
    names = [tensor.name for tensor in signature_of(model).inputs]
    entries = Entries({name: tensor.dtype for name, tensor in zip(names, model.inputs, strict=True)})

    def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:  # a Keras model numbers its outputs
        answers = call(model, [inputs[name] for name in names])
        return {f"#{number}": values for number, values in enumerate(answers)}

    return run, entries


LOADERS = {"tflite": load_tflite, "saved_model": load_saved_model, "onnx": load_onnx, "keras": load_keras}
