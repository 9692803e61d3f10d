"""Runs .tflite files, our own and other people's: with or without signatures, quantized or not."""

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from suite.deploy.ranges import ValueRange, is_picture
from suite.deploy.signature import Signature, Tensor
from suite.deploy.tflite_metadata import read_normalizations

Details = Mapping[str, Mapping[str, Any]]


class TfliteModel:
    """A flatbuffer, ready to run one example at a time; each thread has an interpreter of its own.

    Inputs and outputs that are quantized, as many tools write them, are real numbers here: float32 values
    are quantized with the tensor's scale and zero point, clipped to its integers, and answers turned back.

    Attributes:
        signature: What it takes and gives, in real numbers.
        ranges: The values of black and white by image input, as far as its metadata say them.
        integer_ranges: Those for which the integers of a quantized image input are the pixels.
    """

    def __init__(self, content: bytes, threads: int):
        """Loads it.

        Args:
            content: The file.
            threads: Threads of one call.
        """
        self._content, self._threads = content, threads
        self._local = threading.local()
        runner = self._runner()
        self._inputs, self._outputs = runner.get_input_details(), runner.get_output_details()
        self.signature = Signature(_tensors(self._inputs), _tensors(self._outputs))
        said = self._said()
        pictures = [tensor.name for tensor in self.signature.inputs if is_picture(tensor)]
        self.ranges = {name: said[name] for name in pictures if name in said}
        self.integer_ranges = {
            name: _range_of_integers(self._inputs[name])
            for name in pictures
            if _is_quantized(self._inputs[name])
        }

    @property
    def quantization(self) -> dict[str, tuple[str, float, int]]:
        """(dtype, scale, zero point) of each input and output whose integers stand for real numbers."""
        found = {}
        for name, detail in (*self._inputs.items(), *self._outputs.items()):
            if _is_quantized(detail):
                scale, zero_point = detail["quantization"]
                found[name] = np.dtype(detail["dtype"]).name, float(scale), int(zero_point)
        return found

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs one example, arrays by name in and out."""
        given = {name: _quantized(self._inputs[name], array) for name, array in inputs.items()}
        outputs = self._runner()(**given)
        return {name: _real(self._outputs[name], array) for name, array in outputs.items()}

    def _runner(self) -> Any:
        if not hasattr(self._local, "runner"):
            interpreter = self._interpreter()
            names = list(interpreter.get_signature_list())
            known = [name for name in ("serving_default", "infer") if name in names]
            self._local.runner = (
                interpreter.get_signature_runner((known or names)[0]) if names else _Unsigned(interpreter)
            )
        return self._local.runner

    def _interpreter(self) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(model_content=self._content, num_threads=self._threads)

    def _said(self) -> dict[str, ValueRange]:
        """Ranges that metadata give, by input name: they list the inputs in the order of the graph."""
        ranges = read_normalizations(self._content)
        if not any(ranges):
            return {}
        order = [detail["index"] for detail in self._interpreter().get_input_details()]
        said = dict(zip(order, ranges, strict=False))
        found = {name: said.get(detail["index"]) for name, detail in self._inputs.items()}
        return {name: each for name, each in found.items() if each}


class _Unsigned:
    """Runs a model without signatures as the runner of one would, by the names of its tensors."""

    def __init__(self, interpreter: Any):
        self._interpreter = interpreter
        interpreter.allocate_tensors()

    def get_input_details(self) -> dict[str, dict[str, Any]]:
        return {detail["name"]: detail for detail in self._interpreter.get_input_details()}

    def get_output_details(self) -> dict[str, dict[str, Any]]:
        return {detail["name"]: detail for detail in self._interpreter.get_output_details()}

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        for name, detail in self.get_input_details().items():
            self._interpreter.set_tensor(detail["index"], inputs[name])
        self._interpreter.invoke()
        details = self.get_output_details().items()
        return {name: self._interpreter.get_tensor(detail["index"]) for name, detail in details}


def _tensors(details: Details) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(
            name,
            "float32" if _is_quantized(detail) else np.dtype(detail["dtype"]).name,
            tuple(int(size) for size in detail["shape"][1:]),
        )
        for name, detail in details.items()
    )


def _is_quantized(detail: Mapping[str, Any]) -> bool:
    """Whether its integers stand for real numbers; a scale of 0 says that they do not."""
    return np.issubdtype(detail["dtype"], np.integer) and detail["quantization"][0] != 0


def _quantized(detail: Mapping[str, Any], values: np.ndarray) -> np.ndarray:
    if not _is_quantized(detail):
        return values
    scale, zero_point = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    rounded = np.rint(np.float64(values) / scale + zero_point)
    return np.clip(rounded, limits.min, limits.max).astype(detail["dtype"])


def _real(detail: Mapping[str, Any], values: np.ndarray) -> np.ndarray:
    if not _is_quantized(detail):
        return values
    scale, zero_point = detail["quantization"]
    return np.float32((np.float64(values) - zero_point) * scale)


def _range_of_integers(detail: Mapping[str, Any]) -> ValueRange:
    limits = np.iinfo(detail["dtype"])
    low, high = (_real(detail, np.array(limit)) for limit in (limits.min, limits.max))
    return ValueRange(float(low), float(high))
