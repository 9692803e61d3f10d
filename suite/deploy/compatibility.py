"""What a TFLite file asks of a phone, read off the file: operators that a GPU leaves, memory, runtime.

TensorFlow's own `tf.lite.experimental.Analyzer` no longer looks at the operators (TensorFlow issue 77042): it
calls every file compatible with the GPU, so the rules stand here.
"""

import bisect
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from suite.bundle.rows import ArtifactRow
from suite.deploy.convert.tflite import op_names

ALIGNMENT = 64  # bytes: LiteRT begins every tensor of its arena at a multiple
WIDESPREAD_RUNTIME = (2, 16, 1)  # many apps still pin TensorFlow Lite 2.16 or older
IOS_RUNTIME = (2, 17, 0)  # the last release of the pod TensorFlowLiteSwift
_NAMED = 4  # operators of a note


def _ops(names: str) -> frozenset[str]:
    return frozenset(names.split())


_COMPARISONS = _ops("EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL")
# Taken whatever their inputs, as long as the types are right.
_FREE = _COMPARISONS | _ops(
    "ABS ADD ADD_N ATAN2 AVERAGE_POOL_2D BATCH_MATMUL CEIL CONCATENATION CONV_2D COS DEPTHWISE_CONV_2D "
    "DEPTH_TO_SPACE DEQUANTIZE DIV ELU EXP FLOOR FLOOR_DIV FLOOR_MOD GELU HARD_SWISH LEAKY_RELU LOG "
    "LOGICAL_AND LOGISTIC MAXIMUM MAX_POOL_2D MINIMUM MUL NEG PACK POW PRELU QUANTIZE RELU RELU6 "
    "RELU_N1_TO_1 RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SIGN SIN SOFTMAX SPACE_TO_DEPTH SPLIT "
    "SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SUB TANH TRANSPOSE_CONV"
)
_WITH_A_CONSTANT = _ops("MEAN REDUCE_MAX REDUCE_MIN REDUCE_PROD RESHAPE SUM TILE TRANSPOSE")
_SELECTIONS = _ops("SELECT SELECT_V2")
_CASTS = [{"BOOL", "FLOAT16"}, {"BOOL", "FLOAT32"}, {"FLOAT32", "INT32"}]
_WIDTHS = {  # in bytes, where it is not 4; of strings only a run shows the size
    **dict.fromkeys(_ops("BOOL INT4 INT8 UINT8"), 1),
    **dict.fromkeys(_ops("BFLOAT16 FLOAT16 INT16 UINT16"), 2),
    **dict.fromkeys(_ops("COMPLEX64 FLOAT64 INT64 UINT64"), 8),
    **{"COMPLEX128": 16, "STRING": 0, "VARIANT": 0},
}
_NUMBERS = _ops("FLOAT32 FLOAT16 INT8 UINT8")
# Types beside `_NUMBERS` that an operator may take or give: truth values, and integers as indices.
_OTHER_TYPES = {
    **dict.fromkeys(_COMPARISONS | _SELECTIONS | {"LOGICAL_AND"}, _ops("BOOL")),
    "CAST": _ops("BOOL INT32"),
    "GATHER": _ops("INT32"),
}


class _Tensor(NamedTuple):
    type: str
    shape: tuple[int, ...]
    is_constant: bool
    is_variable: bool


class _Operator(NamedTuple):
    name: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    masks: int  # of a STRIDED_SLICE: bits of an ellipsis, a new axis or a dropped one


class _Graph(NamedTuple):
    tensors: list[_Tensor]
    operators: list[_Operator]
    inputs: list[int]
    outputs: list[int]


class Compatibility(NamedTuple):
    """What a TFLite file asks of a phone.

    Attributes:
        gpu_compatible: Whether a GPU delegate takes every operator.
        cpu_ops: Sorted names of those that it leaves to the CPU.
        arena_bytes: As `arena_bytes` gives it.
    """

    gpu_compatible: bool
    cpu_ops: tuple[str, ...]
    arena_bytes: int


def compatibility(path: str | Path) -> Compatibility:
    """Reads off a TFLite file what it asks of a phone; nothing is run.

    Args:
        path: A .tflite file.

    Reference:
        TensorFlow, lite/tools/versioning/gpu_compatibility.cc: what the delegate asks of an operator.
    """
    graphs = _read_graphs(Path(path).read_bytes())
    left = sorted({op.name for graph in graphs for op in graph.operators if not _is_taken(op, graph.tensors)})
    return Compatibility(not left, tuple(left), sum(map(_planned_bytes, graphs)))


def arena_bytes(path: str | Path) -> int:
    """Plans the memory for the tensors of a TFLite file as LiteRT does, whose Python API does not tell it.

    Every tensor lives from the operator that gives it to the last that takes it, an input of the graph from
    its beginning and to its end, an output to its end; the largest are placed first, each in the smallest gap
    where it fits. Weights, scratch memory of kernels, and tensors whose size shows only in a run are not in
    it. A WHILE's body and every further signature have an arena of their own; the sum counts.

    Args:
        path: A .tflite file.

    Returns:
        Bytes at the peak.

    Reference:
        Pisarchyk and Lee (2020), Efficient memory management for deep neural net inference, greedy by size.
    """
    return compatibility(path).arena_bytes


def gpu_cell(row: ArtifactRow | Compatibility) -> str:
    """Says in a few words how much of an artifact a GPU takes; empty where its row does not tell."""
    left = row.cpu_ops
    if row.gpu_compatible is None:
        return ""
    return f"all but {left[0] if len(left) == 1 else f'{len(left)} ops'}" if left else "all"


def phone_notes(rows: Iterable[ArtifactRow]) -> list[str]:
    """Warns where a phone would fall back to something slower, or refuse a file.

    Args:
        rows: Artifacts; those that say nothing of phones are left out.

    Returns:
        Short lines, each with the artifacts that it is about.
    """
    about: dict[str, list[str]] = {}
    for row in rows:
        if row.is_shipped and row.format == "tflite":
            for note in _notes(row):
                about.setdefault(note, []).append(row.path)
    return [f"{note}: {', '.join(paths)}" for note, paths in about.items()]


def version_of(text: str | None) -> tuple[int, ...]:
    """The numbers of a version such as "2.16.1"; (0,) of None."""
    return tuple(int(part) for part in (text or "0").split(".") if part.isdigit())


def _notes(row: ArtifactRow) -> list[str]:
    notes, left = [], row.cpu_ops
    if left:
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        notes.append(f"a GPU leaves {', '.join(left[:_NAMED])}{more} to the CPU")
    needed = version_of(row.min_runtime)
    if needed > IOS_RUNTIME:
        notes.append(f"needs TFLite {row.min_runtime}, newer than the iOS pod")
    elif needed > WIDESPREAD_RUNTIME:
        notes.append(f"needs TFLite {row.min_runtime}, which older apps do not have")
    if row.compiled_model and row.compiled_model.reason:
        notes.append(f"LiteRT's CompiledModel does not run it ({row.compiled_model.reason})")
    if row.variant == "float16":
        notes.append("a CPU computes in float32: half the bytes, no gain in speed")
    return notes


def _read_graphs(content: bytes) -> list[_Graph]:
    from ai_edge_litert import schema_py_generated as schema

    types = {code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)}
    model = schema.Model.GetRootAs(content, 0)
    names = op_names(model)

    def tensor(entry: Any) -> _Tensor:
        shape = () if entry.ShapeIsNone() else tuple(int(size) for size in entry.ShapeAsNumpy())
        is_constant = model.Buffers(entry.Buffer()).DataLength() > 0
        return _Tensor(types[entry.Type()], shape, is_constant, bool(entry.IsVariable()))

    def operator(entry: Any) -> _Operator:
        name, masks = names[entry.OpcodeIndex()], 0
        if name == "STRIDED_SLICE":
            options = schema.StridedSliceOptions()
            options.Init(entry.BuiltinOptions().Bytes, entry.BuiltinOptions().Pos)
            masks = options.EllipsisMask() | options.NewAxisMask() | options.ShrinkAxisMask()
        return _Operator(name, _indices(entry, "Inputs"), _indices(entry, "Outputs"), masks)

    graphs = [model.Subgraphs(index) for index in range(model.SubgraphsLength())]
    return [
        _Graph(
            [tensor(graph.Tensors(index)) for index in range(graph.TensorsLength())],
            [operator(graph.Operators(index)) for index in range(graph.OperatorsLength())],
            _indices(graph, "Inputs"),
            _indices(graph, "Outputs"),
        )
        for graph in graphs
    ]


def _indices(entry: Any, which: str) -> list[int]:
    """Tensors of an operator or graph; -1 stands for one that is left out."""
    if getattr(entry, f"{which}IsNone")():
        return []
    return [int(index) for index in getattr(entry, f"{which}AsNumpy")() if index >= 0]


def _is_taken(op: _Operator, tensors: list[_Tensor]) -> bool:
    """Whether a GPU delegate takes an operator."""
    inputs, outputs = [tensors[index] for index in op.inputs], [tensors[index] for index in op.outputs]
    allowed = _NUMBERS | _OTHER_TYPES.get(op.name, frozenset())
    varying = [tensor for tensor in inputs if not tensor.is_constant]
    if op.name not in _FREE and op.name not in _RULES:
        return False
    right_types = all(tensor.type in allowed for tensor in [*varying, *outputs])
    return right_types and (op.name in _FREE or _RULES[op.name](op, inputs, outputs))


def _is_three_or_four_dimensional(op: _Operator, inputs: list[_Tensor], _outputs: list[_Tensor]) -> bool:
    return len(inputs[0].shape) in (3, 4) and not op.masks


def _picks_rows(_op: _Operator, inputs: list[_Tensor], _outputs: list[_Tensor]) -> bool:
    return inputs[0].type != "INT32" and inputs[1].type == "INT32" and len(inputs[1].shape) == 1


_RULES = {
    **dict.fromkeys(_WITH_A_CONSTANT, lambda _op, inputs, _outputs: all(x.is_constant for x in inputs[1:])),
    **dict.fromkeys(_ops("SLICE STRIDED_SLICE"), _is_three_or_four_dimensional),
    **dict.fromkeys(
        _ops("MIRROR_PAD PAD PADV2"), lambda _op, inputs, _outputs: inputs[1].shape in ((3, 2), (4, 2))
    ),
    **dict.fromkeys(
        _SELECTIONS, lambda _op, inputs, _outputs: all(x.type.startswith("FLOAT") for x in inputs[1:])
    ),
    "CAST": lambda _op, inputs, outputs: {inputs[0].type, outputs[0].type} in _CASTS,
    "FULLY_CONNECTED": lambda _op, inputs, _outputs: not inputs[0].is_constant,
    "GATHER": _picks_rows,
}


def _planned_bytes(graph: _Graph) -> int:
    placed: list[tuple[int, int, int, int]] = []  # (offset, end, first, last), by offset
    last_step = len(graph.operators)
    lives = _lives(graph).items()
    whole_first = sorted(
        ((_aligned_size(graph.tensors[index]), first, last) for index, (first, last) in lives),
        key=lambda life: ((life[1], life[2]) != (0, last_step), -life[0], life[1]),
    )
    for size, first, last in whole_first:
        free, best, smallest = 0, None, None
        for offset, end, begins, ends in placed:
            if begins <= last and first <= ends:
                gap = offset - free
                if gap >= size and (smallest is None or gap < smallest):
                    best, smallest = free, gap
                free = max(free, end)
        offset = free if best is None else best
        bisect.insort(placed, (offset, offset + size, first, last))
    return max((end for _, end, _, _ in placed), default=0)


def _lives(graph: _Graph) -> dict[int, tuple[int, int]]:
    """The first and the last operator, counted from 0, of each tensor that is in the arena."""
    end = len(graph.operators)
    first, last = dict.fromkeys(graph.inputs, 0), dict.fromkeys([*graph.inputs, *graph.outputs], end)
    taken: dict[int, int] = {}
    for step, op in enumerate(graph.operators):
        for index in op.outputs:
            first.setdefault(index, step)
        if op.name == "DEQUANTIZE" and graph.tensors[op.inputs[0]].is_constant:
            last |= dict.fromkeys(op.outputs, end)  # weights, which LiteRT unpacks once and keeps
        taken |= dict.fromkeys(op.inputs, step)
    return {
        index: (begin, last.get(index, taken.get(index, end)))
        for index, begin in first.items()
        if not (graph.tensors[index].is_constant or graph.tensors[index].is_variable)
    }


def _aligned_size(tensor: _Tensor) -> int:
    size = _WIDTHS.get(tensor.type, 4) * math.prod(max(length, 0) for length in tensor.shape)
    return -(-size // ALIGNMENT) * ALIGNMENT
