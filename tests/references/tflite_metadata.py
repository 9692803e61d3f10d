"""Reads TFLite's model metadata by the slots of metadata_schema.fbs, without the suite."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import number_types
from flatbuffers.table import Table


def metadata_buffer(content: bytes) -> bytes:
    """The one buffer that the model calls TFLITE_METADATA."""
    model = schema.Model.GetRootAs(content, 0)
    entries = [model.Metadata(index) for index in range(model.MetadataLength())]
    (entry,) = [entry for entry in entries if entry.Name() == b"TFLITE_METADATA"]
    return bytes(model.Buffers(entry.Buffer()).DataAsNumpy())


class Node:
    """A table; fields by their number in the schema."""

    def __init__(self, buffer: bytes, position: int):
        self._table = Table(buffer, position)

    @classmethod
    def root(cls, buffer: bytes) -> "Node":
        return cls(buffer, flatbuffers.encode.Get(flatbuffers.packer.uoffset, buffer, 0))

    def _at(self, slot: int) -> int:
        return self._table.Offset(4 + 2 * slot)

    def node(self, slot: int) -> "Node | None":
        at = self._at(slot)
        return Node(self._table.Bytes, self._table.Indirect(at + self._table.Pos)) if at else None

    def nodes(self, slot: int) -> list["Node"]:
        at = self._at(slot)
        if not at:
            return []
        first = self._table.Vector(at)
        places = [first + 4 * index for index in range(self._table.VectorLen(at))]
        return [Node(self._table.Bytes, self._table.Indirect(place)) for place in places]

    def text(self, slot: int) -> str | None:
        at = self._at(slot)
        return self._table.String(at + self._table.Pos).decode() if at else None

    def number(self, slot: int, flags) -> int:
        return self._table.GetSlot(4 + 2 * slot, 0, flags)

    def floats(self, slot: int) -> list[float]:
        at = self._at(slot)
        found = self._table.GetVectorAsNumpy(number_types.Float32Flags, at) if at else np.zeros(0)
        return found.tolist()


def described(content: bytes) -> dict:
    """What the metadata of a .tflite file say, as plain values."""
    buffer = metadata_buffer(content)
    assert flatbuffers.util.BufferHasIdentifier(buffer, 0, b"M001")
    root = Node.root(buffer)
    graphs = [
        {
            side: [_tensor(each) for each in graph.nodes(slot)]
            for side, slot in (("inputs", 2), ("outputs", 3))
        }
        for graph in root.nodes(3)
    ]
    return {"parser": root.text(7), "files": _files(root, 6), "graphs": graphs}


def _tensor(node: Node) -> dict:
    found = {"name": node.text(0), "files": _files(node, 6)}
    if content := node.node(3):
        assert content.number(0, number_types.Uint8Flags) == 2  # ImageProperties
        image = content.node(1)
        size = [image.node(1).number(slot, number_types.Uint32Flags) for slot in (0, 1)]
        found["image"] = (image.number(0, number_types.Int8Flags), *size)
    for unit in node.nodes(4):
        assert unit.number(0, number_types.Uint8Flags) == 1  # NormalizationOptions
        found["normalization"] = (unit.node(1).floats(0), unit.node(1).floats(1))
    return found


def _files(node: Node, slot: int) -> dict[str, int]:
    return {each.text(0): each.number(2, number_types.Int8Flags) for each in node.nodes(slot)}
