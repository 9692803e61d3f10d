import contextlib
import io
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from suite.deploy.compatibility import (
    _is_taken,
    _Operator,
    _Tensor,
    arena_bytes,
    compatibility,
    gpu_cell,
    phone_notes,
)
from suite.deploy.convert.saved_model import save_saved_model
from suite.deploy.convert.tflite import convert_tflite
from suite.deploy.prove.benchmarking import artifact_cells, benchmark
from suite.deploy.prove.verification import verify
from tests.records import artifact

NEW_FIELDS = ("gpu_compatible", "cpu_ops", "arena_bytes")


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """20 numbers -> 100 -> 200 -> 50 -> 4, as float32 and int16x8."""
    folder = tmp_path_factory.mktemp("chain")
    x = features = keras.Input((20,), name="features")
    for units in (100, 200, 50):
        x = keras.layers.Dense(units, activation="relu")(x)
    save_saved_model(keras.Model(features, keras.layers.Dense(4, name="scores")(x)), folder / "one", 1)
    data = {"features": np.random.default_rng(0).normal(size=(8, 20)).astype("float32")}
    for variant in ("float32", "int16x8"):
        (folder / f"{variant}.tflite").write_bytes(convert_tflite(folder / "one", variant, data))
    return folder


def test_the_arena_of_a_chain_is_as_computed_by_hand(chain):
    # In multiples of 64 bytes: the input of 80 -> 128 all the time, and when the second layer runs, its input
    # of 100 units, 400 -> 448, with its output of 200, 800 -> 832; later layers are smaller.
    assert arena_bytes(chain / "float32.tflite") == 128 + 448 + 832


def test_the_arena_is_as_large_as_the_one_of_litert(chain):
    interpreter = Interpreter(
        str(chain / "float32.tflite"),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    starts, ends = [], []
    for detail in interpreter.get_tensor_details():
        if len(detail["shape"]) == 2 and detail["shape"][0] == 1:  # of one example; weights have more rows
            view = interpreter.tensor(detail["index"])()
            starts.append(view.__array_interface__["data"][0])
            ends.append(starts[-1] + view.nbytes)
    assert len(starts) == 5
    largest_end = max(ends) - min(starts)
    assert arena_bytes(chain / "float32.tflite") == -(-largest_end // 64) * 64


@pytest.mark.parametrize("name", ["model.tflite", "model_float16.tflite", "model_dynamic.tflite"])
def test_raw_pixels_are_cast_on_the_cpu_and_a_gpu_takes_the_rest(exported_images, name):
    row = exported_images.rows[name]
    assert row.cpu_ops == ("CAST",) and row.gpu_compatible is False
    assert gpu_cell(row) == "all but CAST"
    assert tuple(getattr(row, key) for key in NEW_FIELDS) == compatibility(exported_images.folder / name)


def test_a_gpu_takes_dense_layers_but_no_16_bit_integers(chain):
    floats, integers = compatibility(chain / "float32.tflite"), compatibility(chain / "int16x8.tflite")
    assert floats.gpu_compatible and floats.cpu_ops == () and gpu_cell(floats) == "all"
    assert not integers.gpu_compatible and "FULLY_CONNECTED" in integers.cpu_ops


def test_a_gpu_leaves_loops_and_arithmetic_of_ids(exported_sequences):
    row = exported_sequences.rows["model.tflite"]
    assert {"WHILE", "LESS"} <= set(row.cpu_ops) and "FULLY_CONNECTED" not in row.cpu_ops
    assert gpu_cell(row) == f"all but {len(row.cpu_ops)} ops"


MAP, VECTOR = (1, 8, 8, 3), (1, 8)


@pytest.mark.parametrize(
    ("name", "inputs", "output", "taken"),
    [
        ("CONV_2D", [("FLOAT32", MAP), ("FLOAT16", (4, 3, 3, 3), True)], "FLOAT32", True),
        ("CONV_2D", [("INT16", MAP), ("INT8", (4, 3, 3, 3), True)], "INT16", False),
        ("CAST", [("INT32", VECTOR)], "FLOAT32", True),
        ("CAST", [("UINT8", VECTOR)], "FLOAT32", False),
        ("GREATER", [("FLOAT32", VECTOR), ("FLOAT32", VECTOR)], "BOOL", True),
        ("ADD", [("INT32", VECTOR), ("INT32", (), True)], "INT32", False),
        ("SELECT_V2", [("BOOL", VECTOR), ("FLOAT32", VECTOR), ("FLOAT32", VECTOR)], "FLOAT32", True),
        ("SELECT_V2", [("BOOL", VECTOR), ("INT8", VECTOR), ("INT8", VECTOR)], "INT8", False),
        ("GATHER", [("FLOAT32", (9, 4), True), ("INT32", (1,))], "FLOAT32", True),
        ("GATHER", [("FLOAT32", (9, 4), True), ("INT32", (1, 5))], "FLOAT32", False),
        ("MEAN", [("FLOAT32", MAP), ("INT32", (2,), True)], "FLOAT32", True),
        ("MEAN", [("FLOAT32", MAP), ("INT32", (2,))], "FLOAT32", False),
        ("RESHAPE", [("FLOAT32", MAP), ("INT32", (2,), True)], "FLOAT32", True),
        ("PAD", [("FLOAT32", MAP), ("INT32", (4, 2), True)], "FLOAT32", True),
        ("PAD", [("FLOAT32", VECTOR), ("INT32", (2, 2), True)], "FLOAT32", False),
        ("SLICE", [("FLOAT32", MAP), ("INT32", (4,), True), ("INT32", (4,), True)], "FLOAT32", True),
        ("SLICE", [("FLOAT32", VECTOR), ("INT32", (2,), True), ("INT32", (2,), True)], "FLOAT32", False),
        ("FULLY_CONNECTED", [("FLOAT32", VECTOR), ("INT8", (4, 8), True)], "FLOAT32", True),
        ("FULLY_CONNECTED", [("FLOAT32", VECTOR, True), ("FLOAT32", (4, 8))], "FLOAT32", False),
        ("LOCAL_RESPONSE_NORMALIZATION", [("FLOAT32", MAP)], "FLOAT32", False),
        ("custom:FlexErf", [("FLOAT32", VECTOR)], "FLOAT32", False),
    ],
)
def test_what_a_gpu_takes(name, inputs, output, taken):
    tensors = [_Tensor(type, shape, bool(constant), False) for type, shape, *constant in inputs]
    tensors.append(_Tensor(output, VECTOR, False, False))
    op = _Operator(name, range(len(inputs)), [len(inputs)], masks=0)
    assert _is_taken(op, tensors) is taken


def test_a_gpu_does_not_take_a_slice_that_drops_a_dimension():
    tensors = [_Tensor("FLOAT32", MAP, False, False), *[_Tensor("INT32", (4,), True, False)] * 3]
    taken = [_is_taken(_Operator("STRIDED_SLICE", [0, 1, 2, 3], [0], masks), tensors) for masks in (0, 1)]
    assert taken == [True, False]


def test_the_analyzer_of_tensorflow_calls_a_loop_compatible(exported_sequences):
    """Why the rules are written here; when this fails, it looks at the operators again."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        tf.lite.experimental.Analyzer.analyze(
            model_path=str(exported_sequences.folder / "model.tflite"), gpu_compatibility=True
        )
    assert "WHILE" in printed.getvalue() and "looks compatible with GPU delegate" in printed.getvalue()
    assert "WARNING" not in printed.getvalue()


def test_a_phone_is_warned_of_once_for_all_artifacts():
    rows = [
        artifact("model.tflite", min_runtime="2.3.0", cpu_ops=("CAST", "WHILE")),
        artifact("model_float16.tflite", cpu_ops=("CAST", "WHILE"), variant="float16"),
        artifact("model_dynamic.tflite", min_runtime="2.17.0"),
        artifact("model_int8.tflite", min_runtime="2.20.0"),
        artifact("model_int16x8.tflite", "skipped", cpu_ops=("ADD",)),
        artifact("model.onnx"),
        artifact("step/model.tflite", cpu_ops=("ADD", "EQUAL", "LESS", "MUL", "SUB", "SUM")),
    ]
    assert phone_notes(rows) == [
        "a GPU leaves CAST, WHILE to the CPU: model.tflite, model_float16.tflite",
        "a CPU computes in float32: half the bytes, no gain in speed: model_float16.tflite",
        "needs TFLite 2.17.0, which older apps do not have: model_dynamic.tflite",
        "needs TFLite 2.20.0, newer than the iOS pod: model_int8.tflite",
        "a GPU leaves ADD, EQUAL, LESS, MUL and 2 more to the CPU: step/model.tflite",
    ]


def test_a_bundle_from_before_is_still_verified_and_benchmarked(exported_images, tmp_path, capsys):
    rows = [exported_images.rows[name].to_json() for name in ("model.tflite", "model.onnx")]
    for row in rows:
        for key in NEW_FIELDS:
            del row[key]
        shutil.copy(exported_images.folder / row["path"], tmp_path)
    shutil.copy(exported_images.folder / "verification.npz", tmp_path)
    (tmp_path / "result.json").write_text(json.dumps({"artifacts": rows}))
    assert all(row.passed for row in verify(tmp_path))
    assert artifact_cells(benchmark(tmp_path)[0])[7:9] == ("", "")
    assert "arena kB" in capsys.readouterr().out
