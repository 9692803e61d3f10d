"""What a .tflite file says of itself, and the texts that it carries, so that the file is all an app needs.

TFLite's model metadata is a FlatBuffer in a buffer of the model; labels and vocabularies are a ZIP behind the
model, which runtimes do not read. MediaPipe Tasks and Android Studio understand both.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np

from suite.bundle.names import LABELS_FILE
from suite.bundle.task import Task
from suite.console import first_line
from suite.deploy.ranges import PIXELS, ValueRange
from suite.deploy.signature import Tensor, check_class_names, class_output, is_image
from suite.deploy.tflite_metadata import METADATA, NORMALIZATION_OPTIONS, TASK_METADATA

IDENTIFIER, MODEL_IDENTIFIER = b"M001", b"TFL3"
WEIGHTS_ALIGNMENT = 16  # the schema's `force_align`, which the generated Python leaves out
# Numbers of metadata_schema.fbs.
AXIS_LABELS, VALUE_LABELS, VOCABULARY = np.int8(2), np.int8(3), np.int8(5)
RGB, GRAYSCALE = np.int8(1), np.int8(2)
IMAGE_PROPERTIES = np.uint8(2)


def add_metadata(
    path: str | Path,
    labels: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    ranges: Mapping[str, ValueRange | None] | None = None,
    task: Task | None = None,
) -> None:
    """Makes a .tflite file describe its inputs and outputs and carry its texts; it computes what it did.

    Images are described as RGB or gray, with the mean and the standard deviation that turn pixels into what
    the graph takes: 0 and 1 where that is the pixels themselves. Where it is not known, they are left out.

    Args:
        path: The file, rewritten at once or not at all; earlier metadata of this kind is replaced.
        labels: Class names by output index; the output `probabilities`, or the only one, has as many.
        files: Further texts by file name, such as the vocabulary.
        ranges: The values of black and white by image input; those of uint8 pixels need not be given.
        task: What the model is for. It stands in a buffer of its own, as the schema has no place for it.

    Raises:
        ValueError: The file is damaged, or another number of labels is given than the model has classes.

    Reference:
        TensorFlow Lite Metadata, `metadata_schema.fbs`, and "Pack metadata and associated files".
    """
    path, files = Path(path), files or {}
    model = _read_model(path)
    _put_metadata(model, METADATA, _describe(model, labels, files, ranges or {}))
    if task is not None:
        _put_metadata(model, TASK_METADATA, task.value.encode())
    builder = _Builder()
    builder.Finish(model.Pack(builder), MODEL_IDENTIFIER)
    content = io.BytesIO(bytes(builder.Output()))
    if labels or files:
        with zipfile.ZipFile(content, "a") as archive:
            for name, text in associated_files(labels, files).items():
                # Stored, which MediaPipe reads in place, and of a fixed date: same model, same bytes.
                archive.writestr(zipfile.ZipInfo(name), text)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content.getvalue())
    partial.replace(path)


def associated_files(labels: Sequence[str], files: Mapping[str, str]) -> dict[str, bytes]:
    """What goes with a model, by file name: `labels.txt`, one class name a line, and the given texts."""
    texts = ({LABELS_FILE: "".join(f"{label}\n" for label in labels)} if labels else {}) | dict(files)
    # Names of folders need not be UTF-8.
    return {name: text.encode("utf-8", errors="backslashreplace") for name, text in texts.items()}


def _read_model(path: Path) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    content = path.read_bytes()
    try:
        if not schema.Model.ModelBufferHasIdentifier(content, 0):
            raise ValueError(f"no identifier {MODEL_IDENTIFIER.decode()}")
        return schema.ModelT.InitFromPackedBuf(content)
    except Exception as failure:  # a damaged flatbuffer fails in many ways
        raise ValueError(
            f"expected a readable TFLite model, {path} is damaged ({first_line(failure)}); export it again"
        ) from failure


def _put_metadata(model: Any, name: bytes, described: bytes) -> None:
    from ai_edge_litert import schema_py_generated as schema

    buffer = schema.BufferT(np.frombuffer(described, np.uint8))
    earlier = [entry.buffer for entry in model.metadata or () if entry.name == name]
    if earlier:
        model.buffers[earlier[0]] = buffer
    else:
        model.metadata = [*(model.metadata or ()), schema.MetadataT(name, len(model.buffers))]
        model.buffers.append(buffer)


class _Builder(flatbuffers.Builder):
    """Writes tables whose fields are listed in the order of the schema."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802  overrides
        least = WEIGHTS_ALIGNMENT if elemSize == 1 else 1
        return super().StartVector(elemSize, numElems, max(alignment, least))

    def table(self, *fields: Any) -> int:
        """NumPy scalars stand in the table, ints are offsets of what was written before, None is absent."""
        self.StartObject(len(fields))
        for slot, field in enumerate(fields):
            if isinstance(field, int):
                self.PrependUOffsetTRelativeSlot(slot, field, 0)
            elif field is not None:
                getattr(self, f"Prepend{field.dtype.name.title()}Slot")(slot, int(field), 0)
        return self.EndObject()

    def tables(self, offsets: Sequence[int]) -> int:
        """A vector of tables."""
        self.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.PrependUOffsetTRelative(offset)
        return self.EndVector()


def _describe(
    model: Any, labels: Sequence[str], files: Mapping[str, str], ranges: Mapping[str, ValueRange | None]
) -> bytes:
    """The `ModelMetadata` of a model."""
    builder = _Builder()
    signatures = {signature.subgraphIndex: signature for signature in model.signatureDefs or ()}

    def describe(index: int, graph: Any) -> int:
        if index not in signatures:
            return builder.table()
        # Of several signatures, such as those of a personal model, some have nothing to do with classes.
        infers = any(each.name == b"probabilities" for each in signatures[index].outputs)
        named = labels if infers or len(signatures) == 1 else ()
        return _subgraph(builder, graph, signatures[index], named, ranges)

    described = [describe(index, graph) for index, graph in enumerate(model.subgraphs)]
    written = [_file(builder, name, VOCABULARY) for name in files]
    version = builder.CreateString("1.0.1" if files else "1.0.0")  # of the first parser that knows all fields
    subgraphs, carried = builder.tables(described), builder.tables(written) if written else None
    root = builder.table(None, None, None, subgraphs, None, None, carried, version)
    builder.Finish(root, IDENTIFIER)
    return bytes(builder.Output())


def _file(builder: _Builder, name: str, kind: np.int8) -> int:
    return builder.table(builder.CreateString(name), None, kind)


def _subgraph(
    builder: _Builder,
    graph: Any,
    signature: Any,
    labels: Sequence[str],
    ranges: Mapping[str, ValueRange | None],
) -> int:
    inputs = _tensors(graph, graph.inputs, signature.inputs)
    outputs = _tensors(graph, graph.outputs, signature.outputs)
    if labels:
        check_class_names(outputs, labels, LABELS_FILE)
    taken = [
        _image(builder, each, PIXELS if each.dtype == "uint8" else ranges.get(each.name))
        if is_image(each)
        else _tensor(builder, each)
        for each in inputs
    ]
    classes = class_output(outputs)
    kinds = [
        AXIS_LABELS if each is classes else VALUE_LABELS if each.name == "labels" else None
        for each in outputs
    ]
    given = [
        _tensor(builder, each, kind if labels else None) for each, kind in zip(outputs, kinds, strict=True)
    ]
    return builder.table(None, None, builder.tables(taken), builder.tables(given))


def _tensors(graph: Any, indices: Sequence[int], named: Sequence[Any]) -> list[Tensor]:
    """Inputs or outputs in the subgraph's order, with the signature's names; of their dtypes only "uint8"."""
    from ai_edge_litert import schema_py_generated as schema

    names = {each.tensorIndex: each.name.decode() for each in named}
    return [
        Tensor(
            names[index],
            "uint8" if graph.tensors[index].type == schema.TensorType.UINT8 else "",
            tuple(int(size) for size in graph.tensors[index].shape[1:]),
        )
        for index in indices
    ]


def _tensor(builder: _Builder, tensor: Tensor, labels_kind: np.int8 | None = None) -> int:
    name = builder.CreateString(tensor.name)
    files = builder.tables([_file(builder, LABELS_FILE, labels_kind)]) if labels_kind else None
    return builder.table(name, None, None, None, None, None, files)


def _image(builder: _Builder, tensor: Tensor, taken: ValueRange | None) -> int:
    height, width, channels = tensor.shape
    size = builder.table(np.uint32(width), np.uint32(height))
    properties = builder.table(RGB if channels == 3 else GRAYSCALE, size)
    content = builder.table(IMAGE_PROPERTIES, properties)
    units = None
    if taken is not None:
        mean, deviation = (
            builder.CreateNumpyVector(np.float32(np.atleast_1d(value)))
            for value in (taken.mean, taken.deviation)
        )
        units = builder.tables([builder.table(NORMALIZATION_OPTIONS, builder.table(mean, deviation))])
    name = builder.CreateString(tensor.name)
    what = "Raw pixels" if taken == PIXELS else f"Values in {taken}" if taken else "Values of unknown range"
    description = builder.CreateString(f"{what} of the whole picture, stretched to the size.")
    return builder.table(name, description, None, content, units)
