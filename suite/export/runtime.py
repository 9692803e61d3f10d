"""Runs an exported model, whatever its format: the artifact picks the runtime, and only that one is
imported."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from suite.console import first_line
from suite.export.signature import Signature, Tensor, call_model, named_inputs, signature_of

FORMATS = ("keras", "saved_model", "tflite", "onnx")
BATCH_SIZE = 32
CPU_COUNT = os.cpu_count() or 1


class Artifact:
    """A model loaded from a file, ready to run.

    Attributes:
        path: Where it was loaded from.
        format: One of `FORMATS`.
        signature: What it takes and gives.
    """

    def __init__(self, path: Path, format: str, signature: Signature, run: Callable, concurrency: int = 1):
        self.path, self.format, self.signature = path, format, signature
        self._run = run
        # Its threads stay from call to call, as each has an interpreter of its own.
        self._pool = ThreadPoolExecutor(concurrency) if concurrency > 1 else None

    def beside(self, name: str, what: str) -> str:
        """The text of a file in the artifact's folder, or else in the artifact, where TFLite's carry some.

        Args:
            name: Name of the file.
            what: What is in it, for the message.

        Raises:
            ValueError: There is no such file.
        """
        from suite.export.metadata import read_associated_file

        path = Path(self.path).resolve().parent / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
        carried = read_associated_file(self.path, name) if self.format == "tflite" else None
        if carried is None:
            raise ValueError(f"expected the {what} in {path}, found no such file; put it there")
        return carried

    def __call__(self, inputs: Any) -> dict[str, np.ndarray]:
        """Runs one batch.

        Args:
            inputs: An array, a sequence or a dict of arrays as `named_inputs` takes; batch first. The batch
                size must be 1 for TFLite.

        Returns:
            Arrays by output name, batch first.
        """
        return self._run(named_inputs(self.signature, inputs))

    def predict(self, inputs: Any) -> dict[str, np.ndarray]:
        """Runs any number of examples, on all cores.

        Args:
            inputs: As in `__call__`, any number of examples; a `RowFile` is read bit by bit.

        Returns:
            Arrays by output name, one row an example.
        """
        inputs = named_inputs(self.signature, inputs)
        total = len(next(iter(inputs.values())))
        step = 1 if self.format == "tflite" else BATCH_SIZE
        starts = range(0, total, step)

        def run(start):
            return self._run(
                {name: np.asarray(array[start : start + step]) for name, array in inputs.items()}
            )

        each = self._pool.map if self._pool and len(starts) > 1 else map
        batches = list(each(run, starts))
        return {
            tensor.name: np.concatenate([batch[tensor.name] for batch in batches])
            for tensor in self.signature.outputs
        }


def format_of(path: str | Path) -> str:
    """Tells the format of an artifact from its name and content.

    Args:
        path: A .keras, .tflite or .onnx file or a SavedModel folder.

    Returns:
        One of `FORMATS`.

    Raises:
        ValueError: There is nothing there, or it is something else.
    """
    path = Path(path)
    if path.is_dir() and (path / "saved_model.pb").is_file():
        return "saved_model"
    if path.is_file() and path.suffix in (".keras", ".tflite", ".onnx"):
        return path.suffix[1:]
    if not path.exists():
        raise ValueError(f"expected a model, found nothing at {path}; check the path")
    raise ValueError(f"expected a .keras, .tflite or .onnx file or a SavedModel folder, received {path}")


def load_artifact(path: str | Path, threads: int | None = None, concurrency: int = 1) -> Artifact:
    """Loads an exported model in its own runtime.

    Args:
        path: As in `format_of`.
        threads: Threads of one TFLite or ONNX Runtime call; all cores by default. TensorFlow keeps its own.
        concurrency: How many TFLite calls `predict` keeps running at once; each has an interpreter of its
            own.

    Returns:
        The loaded artifact.

    Raises:
        ValueError: The file is damaged, or not a model.
    """
    path, format = Path(path), format_of(path)
    loaders = {
        "keras": lambda: _load_keras(path),
        "saved_model": lambda: _load_saved_model(path),
        "tflite": lambda: _load_tflite(path.read_bytes(), threads or CPU_COUNT),
        "onnx": lambda: _load_onnx(path, threads or CPU_COUNT),
    }
    try:
        signature, run = loaders[format]()
    except Exception as failure:
        raise ValueError(
            f"expected a readable {format} model, {path} cannot be loaded: {first_line(failure)}"
        ) from failure
    return Artifact(path, format, signature, run, concurrency if format == "tflite" else 1)


def tflite_artifact(content: bytes, concurrency: int = CPU_COUNT) -> Artifact:
    """Makes an artifact of a TFLite flatbuffer in memory, with `concurrency` single-threaded interpreters.

    Interpreters side by side finish more examples a second than one with as many threads.
    """
    signature, run = _load_tflite(content, threads=1)
    return Artifact(Path("model.tflite"), "tflite", signature, run, concurrency)


def _load_keras(path: Path):
    import keras
    import tensorflow as tf

    import suite.layers  # noqa: F401  registers our layers

    model = keras.models.load_model(path, compile=False, safe_mode=True)

    infer = tf.function(lambda tensors: call_model(model, tensors), reduce_retracing=True)

    def run(inputs):
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        return {name: value.numpy() for name, value in infer(tensors).items()}

    return signature_of(model), run


def _load_saved_model(path: Path):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    if "serving_default" not in loaded.signatures:
        raise ValueError("no signature 'serving_default'")
    function = loaded.signatures["serving_default"]
    specs, outputs = function.structured_input_signature[1], function.structured_outputs
    signature = Signature(
        tuple(Tensor(name, spec.dtype.name, tuple(spec.shape[1:])) for name, spec in specs.items()),
        tuple(Tensor(name, spec.dtype.name, tuple(spec.shape[1:])) for name, spec in outputs.items()),
    )

    def run(inputs, loaded=loaded):  # the signature does not keep the loaded object, and its variables, alive
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        return {name: value.numpy() for name, value in function(**tensors).items()}

    return signature, run


def _load_tflite(content: bytes, threads: int):
    from ai_edge_litert.interpreter import Interpreter

    local = threading.local()

    def runner():
        # An interpreter runs one call at a time: each thread gets its own.
        if not hasattr(local, "runner"):
            interpreter = Interpreter(model_content=content, num_threads=threads)
            names = list(interpreter.get_signature_list())
            known = [name for name in ("serving_default", "infer") if name in names]
            local.runner = (
                interpreter.get_signature_runner((known or names)[0]) if names else _Unsigned(interpreter)
            )
        return local.runner

    def tensors(details):
        return tuple(
            Tensor(name, np.dtype(detail["dtype"]).name, tuple(int(size) for size in detail["shape"][1:]))
            for name, detail in details.items()
        )

    first = runner()
    signature = Signature(tensors(first.get_input_details()), tensors(first.get_output_details()))
    return signature, lambda inputs: runner()(**inputs)


class _Unsigned:
    """Runs a model without signatures as the runner of one would, by the names of its tensors."""

    def __init__(self, interpreter):
        self._interpreter = interpreter
        interpreter.allocate_tensors()

    def get_input_details(self) -> dict[str, dict]:
        return {detail["name"]: detail for detail in self._interpreter.get_input_details()}

    def get_output_details(self) -> dict[str, dict]:
        return {detail["name"]: detail for detail in self._interpreter.get_output_details()}

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        for name, detail in self.get_input_details().items():
            self._interpreter.set_tensor(detail["index"], inputs[name])
        self._interpreter.invoke()
        details = self.get_output_details().items()
        return {name: self._interpreter.get_tensor(detail["index"]) for name, detail in details}


def _load_onnx(path: Path, threads: int):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def tensor(node):
        dtype = {"float": "float32", "double": "float64"}.get(node.type[7:-1], node.type[7:-1])
        return Tensor(
            node.name, dtype, tuple(size if isinstance(size, int) else None for size in node.shape[1:])
        )

    signature = Signature(
        tuple(tensor(node) for node in session.get_inputs()),
        tuple(tensor(node) for node in session.get_outputs()),
    )
    names = [output.name for output in signature.outputs]
    return signature, lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def onnx_ops(path: str | Path) -> list[str]:
    """Lists the operators that an ONNX file uses, sorted, subgraphs included."""
    import onnx

    found: set[str] = set()
    pending = [onnx.load(str(path)).graph]
    while pending:
        graph = pending.pop()
        for node in graph.node:
            found.add(node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}")
            pending += [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return sorted(found)
