"""What a .tflite file says of itself, its images and its task: the counterpart of `convert.metadata`."""

import zipfile
from pathlib import Path

import numpy as np
from flatbuffers import encode, number_types, packer
from flatbuffers.table import Table

from suite.bundle.task import Task, known_task
from suite.deploy.ranges import ValueRange

METADATA, TASK_METADATA = b"TFLITE_METADATA", b"SUITE_TASK"  # names of buffers of a model
NORMALIZATION_OPTIONS = np.uint8(1)  # of metadata_schema.fbs


def read_associated_file(path: str | Path, name: str) -> str | None:
    """Reads a text that a .tflite file carries.

    Args:
        path: The file.
        name: Name of the text, such as "labels.txt".

    Returns:
        The text; None where the file carries none of that name.

    Raises:
        ValueError: The text is damaged.
    """
    if not zipfile.is_zipfile(path):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(name).decode() if name in archive.namelist() else None
    except Exception as failure:  # a damaged archive fails in many ways, too
        raise ValueError(
            f"expected a readable {name} in {path}, it is damaged; export the model again"
        ) from failure


def read_normalizations(content: bytes) -> list[ValueRange | None]:
    """Reads what the inputs of a .tflite file take for black and white, as anybody's metadata say it.

    Args:
        content: The file.

    Returns:
        A range for each input of the first subgraph, in order, None where there are no
        `NormalizationOptions`; nothing where the file has no metadata, or damaged ones.
    """
    try:
        graphs = _Node(_buffer(content, METADATA)).nodes(3)
        return [_normalization(tensor) for tensor in graphs[0].nodes(2)]
    except Exception:  # none, or damaged ones, which fail in many ways
        return []


def read_task(content: bytes) -> Task | None:
    """What a .tflite file is for, as `add_metadata` has put it there; None where it does not say it."""
    return known_task(_buffer(content, TASK_METADATA).decode(errors="replace"))


def _buffer(content: bytes, name: bytes) -> bytes:
    """The metadata of that name; nothing where there are none."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    entries = [model.Metadata(index) for index in range(model.MetadataLength())]
    found = [model.Buffers(entry.Buffer()).DataAsNumpy() for entry in entries if entry.Name() == name]
    return bytes(found[0]) if found else b""


def _normalization(tensor: "_Node") -> ValueRange | None:
    for unit in tensor.nodes(4):
        options = unit.node(1)
        if unit.number(0) == NORMALIZATION_OPTIONS and options is not None:
            mean, deviation = (options.floats(slot) for slot in (0, 1))
            low, high = (0 - mean) / deviation, (255 - mean) / deviation
            if low.size == 1:
                return ValueRange(float(low[0]), float(high[0]))
            return ValueRange(tuple(low.tolist()), tuple(high.tolist()))
    return None


class _Node:
    """A table of metadata; fields by their number in the schema."""

    def __init__(self, buffer: bytes, position: int | None = None):
        if position is None:
            position = encode.Get(packer.uoffset, buffer, 0)
        self._table = Table(buffer, position)

    def _at(self, slot: int) -> int:
        return self._table.Offset(4 + 2 * slot)

    def node(self, slot: int) -> "_Node | None":
        at = self._at(slot)
        return _Node(self._table.Bytes, self._table.Indirect(at + self._table.Pos)) if at else None

    def nodes(self, slot: int) -> list["_Node"]:
        at = self._at(slot)
        first, count = (self._table.Vector(at), self._table.VectorLen(at)) if at else (0, 0)
        return [_Node(self._table.Bytes, self._table.Indirect(first + 4 * index)) for index in range(count)]

    def number(self, slot: int) -> int:
        return self._table.GetSlot(4 + 2 * slot, 0, number_types.Uint8Flags)

    def floats(self, slot: int) -> np.ndarray:
        return np.float64(self._table.GetVectorAsNumpy(number_types.Float32Flags, self._at(slot)))
