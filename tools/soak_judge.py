"""Exports one random model as `suite export` does, and judges what comes out by the bare runtimes.

Nothing of the suite's own gates counts here: each artifact that is called "ok" is loaded by its runtime and
has to give every output of the Keras model, with the same numbers.
"""

import contextlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import keras
import numpy as np

from suite.bundle.record import read_result
from suite.bundle.rows import ArtifactRow
from suite.deploy import pipeline
from suite.deploy.signature import signature_of
from suite.errors import GateError
from suite.runs.export_file import export_file
from tools.random_models import DYNAMIC_SIZE, RandomModel, call, draw_model
from tools.soak_runtimes import LOADERS, Entries, Run

RIGHT, REFUSED, WRONG = "right", "refused", "WRONG"
FLOAT32_FILES = ("model.keras", "saved_model", "model.onnx", "model.tflite")
PARITY = 1e-4  # of float32 runtimes, as a share of the size of an output
HALF_PARITY = 2e-2  # where a layer asks for half precision, whatever the policy
REDUCED_PARITY = {"float16": 2e-2, "dynamic": 0.2, "int8": 0.5, "int16x8": 0.2}
EQUAL_SHARE = 0.9  # of the integers of an output, where rounding may decide
LONGEST_LINE = 300
EXAMPLES = 24
# What only a converter, a runtime or Python says. "tf.keras" is no such thing.
RAW = re.compile(
    r"tf\.(?!keras)|tfl\.|node_def|loc\(|Traceback|File \"|\berror: |0x[0-9a-f]{6}|[^\x20-\x7e\u00a0-\uffff]"
    r"|\[ONNXRuntimeError\]|NodeArg|KerasTensor|<[\w.]+ object"
)
MEND = re.compile(
    r"\b(give|export|use|build|name|rename|put|leave|take|save|call|end|replace|set|make|say|ask|convert|keep|"
    r"draw|choose|write|pass|without|install|load|remove)\b|--[a-z]"
)


class Verdict(NamedTuple):
    """What became of a model.

    Attributes:
        verdict: `RIGHT`, `REFUSED` or `WRONG`.
        reason: One line: the refusal, or what is wrong; empty where all is right.
        kinds: What the model consists of.
    """

    verdict: str
    reason: str
    kinds: tuple[str, ...]


class FaultError(Exception):
    """What must not happen."""


def judge(seed: int, index: int, folder: Path) -> Verdict:
    """Draws a model, exports it into a folder, and judges the bundle or the refusal.

    Args:
        seed: Of all models.
        index: Which one. Every tenth also gets the reduced variants; every other one is given examples.
        folder: An empty one.

    Returns:
        The verdict.
    """
    drawn = draw_model(seed, index)
    reduced = pipeline.REDUCED if index % 10 == 0 else ()
    path = folder / "net.keras"
    drawn.model.save(path)
    kinds = (*drawn.kinds, *(["reduced variants"] if reduced else []))
    examples = _write_examples(drawn, path) if index % 4 in (0, 3) else None
    kinds += ("examples given" if examples else "no examples",)
    said = io.StringIO()
    try:
        with (
            mock.patch.object(pipeline, "REDUCED", reduced),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            export_file(path, folder / "net", examples=examples)
    except (ValueError, GateError) as refusal:
        line = " ".join(str(refusal).split()) if isinstance(refusal, ValueError) else str(refusal)
        return _judged(lambda: _check_refusal(line, drawn, seed, index, folder), REFUSED, line, kinds)
    except Exception as failure:
        return Verdict(WRONG, _one_line(f"{type(failure).__name__}: {failure}"), kinds)
    check = lambda: _check_bundle(drawn, seed, index, folder / "net", said.getvalue(), bool(examples))  # noqa: E731
    return _judged(check, RIGHT, "", kinds)


def _judged(check: Callable[[], None], verdict: str, reason: str, kinds: tuple[str, ...]) -> Verdict:
    try:
        check()
    except FaultError as fault:
        return Verdict(WRONG, _one_line(str(fault)), kinds)
    return Verdict(verdict, reason, kinds)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:400]


def _write_examples(drawn: RandomModel, path: Path) -> Path | None:
    """Examples in an .npz, by the names that the inputs have; None of strings."""
    if any(tensor.dtype == "string" for tensor in drawn.model.inputs):
        return None
    try:
        names = [tensor.name for tensor in signature_of(keras.models.load_model(path)).inputs]
    except Exception:  # whatever it is, the export has to say it
        names = [tensor.name for tensor in drawn.model.inputs]
    found = path.with_suffix(".npz")
    arrays = drawn.examples(EXAMPLES, seed=1)
    if any(values.dtype.kind not in "biuf" for values in arrays):  # bfloat16, which no .npz holds
        return None
    np.savez(found, allow_pickle=False, **dict(zip(names, arrays, strict=True)))
    return found


def _check_refusal(line: str, drawn: RandomModel, seed: int, index: int, folder: Path) -> None:
    """One short line that says what and the mend, nothing raw; what is left of the bundle is right."""
    if "\n" in line or len(line) > LONGEST_LINE:
        raise FaultError(f"refused in {len(line)} characters: {line}")
    raw = RAW.search(line)
    if raw:
        raise FaultError(f"refused with a converter's own text ({raw.group()!r}): {line}")
    if not MEND.search(re.sub(r"; see \S+$", "", line)):
        raise FaultError(f"refused without a mend: {line}")
    failed = folder / "net.failed"
    if failed.exists():
        for row in read_result(failed).artifacts:
            check_reason(row)
        _check_artifacts(drawn, seed, index, failed)


def check_reason(row: ArtifactRow) -> None:
    """Nothing raw in the reason of a failed or skipped artifact either, which the report shows."""
    reason = row.reason or ""
    raw = RAW.search(reason)
    if raw or len(reason) > LONGEST_LINE:
        raise FaultError(f"{row.path} {row.status} with a converter's own text: {reason}")


def _check_bundle(
    drawn: RandomModel, seed: int, index: int, bundle: Path, said: str, has_examples: bool
) -> None:
    rows = read_result(bundle).artifacts
    found = {row.path for row in rows if row.is_shipped}
    if missing := [name for name in FLOAT32_FILES if name not in found]:
        raise FaultError(f"exit 0 without {', '.join(missing)}")
    for row in rows:
        check_reason(row)
    sizes = _check_artifacts(drawn, seed, index, bundle)
    told = [line for line in said.splitlines() if re.search(r"\b(size|length)\b", line)]
    for size in () if has_examples else sizes:
        if not any(re.search(rf"\b{size}\b", line) for line in told):
            raise FaultError(f"a size of {size} was chosen for TFLite without a word")


def _check_artifacts(drawn: RandomModel, seed: int, index: int, bundle: Path) -> list[int]:
    """Compares each artifact that is "ok" with the Keras model; gives the sizes that TFLite fixes."""
    exact = drawn if "16" not in drawn.policy else _in_float32(drawn, seed, index)
    rows = read_result(bundle).shipped
    sizes: list[int] = []
    names = None
    for row in sorted(rows, key=lambda row: row.format != "tflite"):  # TFLite says which size there is
        path = bundle / row.path
        runner = LOADERS[row.format](path)
        if row.format == "tflite":
            sizes = sizes or _fixed_sizes(exact.model, runner[1])
        for size in {sizes[0] if sizes else DYNAMIC_SIZE, DYNAMIC_SIZE + (row.format != "tflite")}:
            if row.format == "tflite" and sizes and size != sizes[0]:
                continue
            found = _compare(exact, row, runner, size)
            if row.format == "keras":
                continue
            if names is not None and found != names:
                raise FaultError(f"{row.path} names its outputs {found}, others {names}")
            names = found
    return sizes


def _in_float32(drawn: RandomModel, seed: int, index: int) -> RandomModel:
    """The same model in float32, with the same weights: what an export in float32 has to agree with."""
    twin = draw_model(seed, index, policy="float32")
    if "quantized" not in drawn.kinds:
        twin.model.set_weights([np.asarray(weight, np.float32) for weight in drawn.model.get_weights()])
    return twin


def _has_half_layers(model: keras.Model) -> bool:
    return any("16" in (layer.compute_dtype or "") for layer in model._flatten_layers())


def _compare(exact: RandomModel, row: ArtifactRow, runner: tuple[Run, Entries], size: int) -> tuple[str, ...]:
    """Runs an artifact and the Keras model on the same inputs; gives the names of the artifact's outputs."""
    run, entries = runner
    examples = exact.examples(5, seed=2, size=size)
    names = _input_names(exact.model, list(entries))
    given = {name: _as(values, entries[name]) for name, values in zip(names, examples, strict=True)}
    try:
        got = run(given)
    except Exception as failure:
        raise FaultError(
            f"{row.path} fails: {type(failure).__name__}: {_one_line(str(failure))}"
        ) from failure
    expected = call(exact.model, examples)
    if len(got) != len(expected):
        raise FaultError(f"{row.path} gives {len(got)} of {len(expected)} outputs: {', '.join(got)}")
    limit = REDUCED_PARITY.get(row.variant, HALF_PARITY if _has_half_layers(exact.model) else PARITY)
    matched: list[str] = []
    for name, values in zip(_natural_names(exact.model), expected, strict=True):
        rest = {key: got[key] for key in sorted(got) if key not in matched}
        far_by_key = {key: difference(found, values) for key, found in rest.items()}
        near = [key for key, far in far_by_key.items() if far <= PARITY]  # equal ones in the order of names
        nearest = (near or sorted(rest, key=lambda key: far_by_key[key]))[0]
        key = name if name is not None and name in rest else nearest
        matched.append(key)
        far = far_by_key[key]
        if not far <= limit:
            shapes = f"{rest[key].shape}, {values.shape}"
            raise FaultError(f"{row.path} differs in {key!r} by {far:.2g} of its size ({shapes})")
    return tuple(matched)


def difference(got: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference as a share of the size of what is expected; infinite for another shape or NaN.

    Of integers, which rounding may decide, the share that is other, where more than a tenth is.
    """
    if got.shape != expected.shape:
        return float("inf")
    if expected.dtype.kind in "biu":
        other = float(np.mean(got != expected))
        return other if other > 1 - EQUAL_SHARE else 0.0
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    if not (np.all(np.isfinite(got)) and np.all(np.isfinite(expected))):
        return float("inf")
    return float(
        np.max(np.abs(got - expected), initial=0.0) / max(1.0, np.max(np.abs(expected), initial=0.0))
    )


def _natural_names(model: keras.Model) -> list[str | None]:
    """What each output is called where nothing speaks against it: a dict's key, or a layer's own name."""
    if isinstance(model, keras.Sequential):
        return [None]
    structure = model.output
    if isinstance(structure, Mapping):
        names = [path[-1] if len(path) == 1 else None for path, _ in keras.tree.flatten_with_path(structure)]
    else:
        names = list(model.output_names) if len(model.output_names) == len(model.outputs) else []
        names = names or [None] * len(model.outputs)
    taken = {tensor.name for tensor in model.inputs}
    return [name if name and names.count(name) == 1 and name not in taken else None for name in names]


def _input_names(model: keras.Model, found: Sequence[str]) -> list[str]:
    """An artifact's name for each of `model.inputs`: the same one, or that of the signature."""
    if len(found) != len(model.inputs):
        raise FaultError(f"takes {len(found)} of {len(model.inputs)} inputs: {', '.join(found)}")
    names = [tensor.name for tensor in signature_of(model).inputs]
    if len(found) == 1:
        return list(found)
    if set(names) != set(found):
        raise FaultError(f"takes inputs named {sorted(found)} in place of {sorted(names)}")
    return names


def _as(values: np.ndarray, dtype: Any) -> np.ndarray:
    return values if values.dtype == dtype else values.astype(dtype)


def _fixed_sizes(model: keras.Model, entries: Entries) -> list[int]:
    """The sizes that a TFLite file has where the model takes any; one size for all of a model's inputs."""
    found = []
    names = _input_names(model, list(entries))
    for name, tensor in zip(names, model.inputs, strict=True):
        fixed = entries.shapes[name]
        found += [int(side) for side, own in zip(fixed[1:], tensor.shape[1:], strict=True) if own is None]
    return sorted(set(found))
