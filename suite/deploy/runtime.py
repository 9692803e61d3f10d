"""Runs an exported model: the format of the artifact picks the runtime, and only that one is imported."""

import math
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from suite.bundle.task import Task, known_task
from suite.console import first_line
from suite.deploy.keras_file import UnloadableModelError, load_keras, way_from
from suite.deploy.ranges import PIXELS, SIGNED, UNIT, ValueRange, implied_range, is_picture
from suite.deploy.signature import Signature, Tensor, call_model, named_inputs, signature_of
from suite.deploy.tflite_metadata import read_associated_file, read_task
from suite.deploy.tflite_runtime import TfliteModel

FORMATS = ("keras", "saved_model", "tflite", "onnx")
BATCH_SIZE = 32  # examples at a time, at most
NUMBERS = 2**21  # of inputs at a time: large pictures go through a few at a time, so that memory stays small
CPU_COUNT = os.cpu_count() or 1
# Keys of an ONNX file's metadata; the second is of ONNX' own for images ("Image Category Definition").
ONNX_TASK_KEY = "suite.task"
ONNX_RANGE_KEY = "Image.NominalPixelRange"
ONNX_RANGES = {"NominalRange_0_255": PIXELS, "Normalized_0_1": UNIT, "Normalized_1_1": SIGNED}


class Loaded(NamedTuple):
    """What there is to a model of any format.

    Attributes:
        signature: What it takes and gives.
        run: Arrays by name in, arrays by name out; one batch.
        batch: Number of examples that it takes at a time; None for any.
        ranges: The values of black and white by image input, as far as the file says them.
        assumed: Those that are likely, and in a few words why, where it does not.
        task: What the file says that it is for, if it does.
    """

    signature: Signature
    run: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]
    batch: int | None = None
    ranges: Mapping[str, ValueRange] = {}
    assumed: Mapping[str, tuple[ValueRange, str]] = {}
    task: Task | None = None


class Artifact:
    """A model loaded from a file, ready to run.

    Attributes:
        path: Where it was loaded from.
        format: One of `FORMATS`.
        signature, ranges, assumed, task: As of `Loaded`.
    """

    def __init__(self, path: Path, format: str, loaded: Loaded, concurrency: int = 1):
        self.path, self.format = path, format
        self.signature, self._run, self._batch, self.ranges, self.assumed, self.task = loaded
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
        step = self._batch or examples_at_once(inputs)
        starts = range(0, total, step)

        def run(start: int) -> dict[str, np.ndarray]:
            rows = {name: np.asarray(array[start : start + step]) for name, array in inputs.items()}
            missing = step - min(step, total - start)
            if not (self._batch and missing):
                return self._run(rows)
            # A fixed batch is filled up with its last example.
            filled = {name: np.concatenate([x, *[x[-1:]] * missing]) for name, x in rows.items()}
            return {name: x[: step - missing] for name, x in self._run(filled).items()}

        each = self._pool.map if self._pool and len(starts) > 1 else map
        batches = list(each(run, starts))
        return {
            tensor.name: np.concatenate([batch[tensor.name] for batch in batches])
            for tensor in self.signature.outputs
        }


def examples_at_once(inputs: Mapping[str, Any]) -> int:
    """How many examples go through a model together.

    Args:
        inputs: Arrays by input name, batch first.
    """
    numbers = sum(math.prod(array.shape[1:]) for array in inputs.values())
    return max(1, min(BATCH_SIZE, NUMBERS // max(1, numbers)))


def format_of(path: str | Path) -> str:
    """Tells the format of an artifact from its name and content.

    Args:
        path: A .keras, .tflite or .onnx file or a SavedModel folder; a whole model in an .h5 file counts as
            .keras.

    Returns:
        One of `FORMATS`.

    Raises:
        ValueError: There is nothing there, or it is something else.
    """
    path = Path(path)
    if path.is_dir() and (path / "saved_model.pb").is_file():
        return "saved_model"
    if path.is_file() and path.suffix in (".keras", ".h5", ".hdf5", ".tflite", ".onnx"):
        return {".h5": "keras", ".hdf5": "keras"}.get(path.suffix, path.suffix[1:])
    if not path.exists():
        raise ValueError(f"expected a model, found nothing at {path}; check the path")
    raise ValueError(
        f"expected a .keras, .tflite or .onnx file or a SavedModel folder, received {path}{way_from(path)}"
    )


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
        UnloadableModelError: It is a .keras file that Keras cannot read.
    """
    path, format = Path(path), format_of(path)
    loaders = {
        "keras": lambda: _load_keras(path),
        "saved_model": lambda: _load_saved_model(path),
        "tflite": lambda: _load_tflite(path.read_bytes(), threads or CPU_COUNT),
        "onnx": lambda: _load_onnx(path, threads or CPU_COUNT),
    }
    try:
        loaded = loaders[format]()
    except UnloadableModelError:
        raise
    except Exception as failure:
        raise ValueError(
            f"expected a readable {format} model, {path} cannot be loaded: {first_line(failure)}"
        ) from failure
    return Artifact(path, format, loaded, concurrency if format == "tflite" else 1)


def tflite_artifact(content: bytes, concurrency: int = CPU_COUNT) -> Artifact:
    """Makes an artifact of a TFLite flatbuffer in memory, with `concurrency` single-threaded interpreters.

    Interpreters side by side finish more examples a second than one with as many threads.
    """
    return Artifact(Path("model.tflite"), "tflite", _load_tflite(content, threads=1), concurrency)


def _load_keras(path: Path) -> Loaded:
    import tensorflow as tf

    model = load_keras(path)
    infer = tf.function(lambda tensors: call_model(model, tensors), reduce_retracing=True, autograph=False)

    def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        return {name: value.numpy() for name, value in infer(tensors).items()}

    signature, assumed = signature_of(model), {}
    for tensor, symbol in zip(signature.inputs, model.inputs, strict=True):
        implied = implied_range(model, symbol) if is_picture(tensor) else None
        if implied:
            assumed[tensor.name] = implied, "for which the layer behind its input is made"
    return Loaded(signature, run, _common_size(tensor.shape[0] for tensor in model.inputs), assumed=assumed)


def _common_size(sizes: Iterable[Any]) -> int | None:
    """The batch size that inputs are fixed to, if they are."""
    fixed = {size for size in sizes if isinstance(size, int)}
    return fixed.pop() if len(fixed) == 1 else None


def _load_saved_model(path: Path) -> Loaded:
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

    def run(
        inputs: Mapping[str, np.ndarray], _loaded: Any = loaded
    ) -> dict[str, np.ndarray]:  # the signature does not keep the loaded object, and its variables, alive
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        return {name: value.numpy() for name, value in function(**tensors).items()}

    return Loaded(signature, run, _common_size(spec.shape[0] for spec in specs.values() if spec.shape.rank))


def _load_tflite(content: bytes, threads: int) -> Loaded:
    model = TfliteModel(content, threads)
    likely = {
        name: (found, "for which its integers are the pixels") for name, found in model.integer_ranges.items()
    }
    return Loaded(model.signature, model, 1, model.ranges, likely, read_task(content))


def _load_onnx(path: Path, threads: int) -> Loaded:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def tensor(node: Any) -> Tensor:
        dtype = {"float": "float32", "double": "float64"}.get(node.type[7:-1], node.type[7:-1])
        return Tensor(
            node.name, dtype, tuple(size if isinstance(size, int) else None for size in node.shape[1:])
        )

    signature = Signature(
        tuple(tensor(node) for node in session.get_inputs()),
        tuple(tensor(node) for node in session.get_outputs()),
    )
    names = [output.name for output in signature.outputs]
    pictures = [tensor.name for tensor in signature.inputs if is_picture(tensor)]
    properties = session.get_modelmeta().custom_metadata_map
    said = ONNX_RANGES.get(properties.get(ONNX_RANGE_KEY, ""))
    return Loaded(
        signature,
        lambda inputs: dict(zip(names, session.run(names, inputs), strict=True)),
        _common_size(node.shape[0] for node in session.get_inputs() if node.shape),
        dict.fromkeys(pictures, said) if said else {},
        task=known_task(properties.get(ONNX_TASK_KEY)),
    )


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
