"""A .keras file from anywhere -> a bundle of proven artifacts."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from suite import console
from suite.bundle.examples import load_verification, read_arrays
from suite.bundle.names import LABELS_FILE, VERIFICATION_FILE
from suite.bundle.record import record_of_bundle, recorded_row
from suite.bundle.task import Task, known_task, parse_task
from suite.data.source import Source
from suite.deploy.draws import check_fit, constant_outputs, draw_inputs, has_fixed_batch, misfit
from suite.deploy.image_input import recorded_inputs
from suite.deploy.keras_file import load_keras
from suite.deploy.labels import split_labels
from suite.deploy.obstacles import check_exportable
from suite.deploy.ranges import ASK, ValueRange, is_picture, known_ranges, parse_scale
from suite.deploy.runtime import format_of
from suite.deploy.signature import Signature, Tensor, as_functional, call_model, named_inputs, signature_of
from suite.deploy.task import check_task, guess_task, settled_task
from suite.language.tagging import CHARACTERS_FILE
from suite.language.vocabulary import VOCABULARY_FILE
from suite.runs.job import Job, execute
from suite.runs.options import RunOptions
from suite.runs.recipe import Context, Export, Result

RANDOM_LENGTH = 16  # where a model takes any length
FEW = 4  # examples on which it is tried whether the model runs


@dataclasses.dataclass(frozen=True)
class Config:
    """What is recorded of a re-export.

    Attributes:
        model: The .keras file.
        examples: The .npz of inputs, or empty.
        scale: The values of black and white that were said, or empty.
        size: The size that was said, or empty.
        task: The task that was said, or empty.
    """

    model: str
    examples: str = ""
    scale: str = ""
    size: str = ""
    task: str = ""


def export_file(
    model: str | Path,
    out: str | Path,
    *,
    examples: str | Path | None = None,
    scale: str | tuple[float, float] | None = None,
    size: Any = None,
    task: str | None = None,
    precisions: str = "all",
) -> Path:
    """Exports a functional Keras model to every format and proves that each answers the same.

    Args:
        model: A .keras file, or a whole model in an .h5 file of Keras 2 or 3, loaded in safe mode. Of a
            bundle's model, the labels, the vocabulary, the examples and the record beside it are used.
        out: Folder of the bundle.
        examples: An .npz with inputs by name, batch first: real ones, on which parity is measured and the
            integer variant is calibrated. Without any, parity is measured on random inputs and the integer
            variant is left out.
        scale: "LOW..HIGH" or a pair, the values of black and white of a float image input, such as "0..1";
            by default what the examples, or a first layer that scales, say.
        size: Of a model that takes images of any size, the one that TFLite files are fixed to, in pixels:
            "224", "224,160" (height, width), or a number or a sequence of them; by default that of the
            examples.
        task: What the model is for, a word of `suite.bundle.task.Task`, such as "classifier"; by default what
            the record beside it says, else a guess by its inputs and outputs.
        precisions: "all", or "float32": no float16, dynamic and int8 TFLite, nor a model that learns.

    Returns:
        The bundle's folder.

    Raises:
        ValueError: The model is not a functional .keras model, the examples, the scale, the size, the task
            or the precisions do not fit, or a size is missing; nothing is written then.
        GateError: An export failed its gates.

    Example:
        >>> model = "saved_models/photos/model.keras"
        >>> bundle = suite.export(model, "saved_models/again", precisions="float32")
        >>> (bundle / "model.tflite").exists()
        True
    """
    options = RunOptions(precisions=precisions)  # type: ignore[arg-type]  # it refuses other words
    path = Path(model)
    if (found := format_of(path)) != "keras":
        raise ValueError(f"expected a .keras file, received {path}{_way_from(path, found)}")
    said, sides = parse_scale(scale), _parse_size(size)
    chosen = parse_task(task) if task else None
    item, data = _prepare(path, examples, said, sides, chosen)
    config = Config(
        str(path),
        str(examples or ""),
        f"{said.low:g}..{said.high:g}" if said else "",
        ",".join(map(str, sides)),
        str(chosen or ""),
    )

    def run(_config: Config, _context: Context) -> Result:
        return Result(metrics={}, exports=[item], data=data)

    job = Job(path.stem, "export", f"{path.name}, exported", run)
    source = Source("path", path=Path(examples or "bundle"))
    # Never None: no other machine helps with an export.
    return cast(Path, execute(job, config, source=source, out=out, seed=0, options=options))


def _way_from(path: Path, format: str) -> str:
    """How to get what can be exported from a model of another format: ", ...; ..."."""
    if format == "saved_model" and (path / "keras_metadata.pb").is_file():
        load = f"tf_keras.models.load_model('{path}').save('{path.name}.h5')"
        return f", a SavedModel of Keras 2; in Python: import tf_keras; {load}; then export {path.name}.h5"
    return _WAYS[format]


_WAYS = {
    "saved_model": ", a SavedModel, which Keras cannot load as a model; save it as model.keras where it was "
    "made (`suite predict` and `suite evaluate` take the SavedModel as it is)",
    "tflite": ", which is exported already; give the Keras model that it is from",
    "onnx": ", which is exported already; give the Keras model that it is from",
}


def _parse_size(size: Any) -> tuple[int, ...]:
    """The sides in pixels that `--size` names; none where it was not given."""
    if size is None:
        return ()
    try:
        sides = size.split(",") if isinstance(size, str) else np.atleast_1d(size)
        found = tuple(int(side) for side in sides)
    except (ValueError, TypeError):
        found = ()
    if not found or min(found) < 1:
        raise ValueError(
            f"expected a size in pixels, such as 224 or 224,160 (height, width), received {size!r}"
        )
    return found


def _prepare(
    path: Path,
    examples: str | Path | None,
    scale: ValueRange | None,
    sides: tuple[int, ...],
    task: Task | None = None,
) -> tuple[Export, dict[str, Any]]:
    """What is exported, and what the record says of its examples."""
    model = load_keras(path)
    check_exportable(as_functional(model))  # before inputs are looked for that no such model takes
    signature = signature_of(model)
    labels, texts = _texts_beside(path)
    task = _settled(path, task, signature, labels, texts)
    given = _given_examples(path, examples, signature)
    shapes = _shapes(signature, given, sides)
    if any(None in tensor.shape for tensor in signature.inputs):
        check_fit(model, signature, shapes)
    known = known_ranges(signature, scale, given, model)
    recorded = recorded_inputs(path)
    for name, (found, _) in known.items():
        if found is None and name in recorded and (values := recorded[name].range):
            known[name] = ValueRange(*values), "its bundle"
    _say_ranges(signature, known)
    ranges = {name: found for name, (found, _) in known.items()}
    data: dict[str, Any] = {"examples": "given" if examples else "of the bundle"}
    if given is None:
        console.warn("no examples: parity is measured on random inputs, and there will be no int8 variant")
        draw = draw_inputs(model, signature, shapes, ranges)
        inputs, constant = draw.inputs, draw.constant
        data["examples"] = f"random: {draw.what}"
    else:
        inputs, constant = given, _try(model, given)
    if constant:
        data["note"] = f"{', '.join(constant)} answers the same to all examples: parity proves nothing of it"
        console.warn(f"{data['note']}; give other examples with --examples")
    item = Export(
        model,
        inputs=inputs,
        calibration=None if given is None else inputs,
        labels=labels,
        files=texts,
        ranges=ranges,
        task=task,
    )
    record = record_of_bundle(path)
    if record and record.data.score:  # as right for the same weights
        data["score"] = record.data.score
    return item, data | {"test": len(next(iter(inputs.values())))}


def _texts_beside(path: Path) -> tuple[list[str], dict[str, str]]:
    """The class names and the other texts of a model's folder."""
    names = (LABELS_FILE, VOCABULARY_FILE, CHARACTERS_FILE)
    found = [path.parent / name for name in names if (path.parent / name).is_file()]
    texts = {file.name: file.read_text(encoding="utf-8") for file in found}
    return split_labels(texts.pop(LABELS_FILE, "")), texts


def _settled(
    path: Path, task: Task | None, signature: Signature, labels: list[str], texts: dict[str, str]
) -> Task:
    """The task that was said, that of the model's bundle, or a guess, which is told."""
    row = recorded_row(path)
    task = task or (known_task(row.task) if row else None)
    if task is None:
        task = settled_task(guess_task(signature), labels, texts)
        console.say(f"the model is exported as {task!s}, by its inputs and outputs; --task says otherwise")
    check_task(task, signature, labels, texts)
    return task


def _given_examples(
    path: Path, examples: str | Path | None, signature: Signature
) -> dict[str, np.ndarray] | None:
    """The examples that the user names, or those of the model's bundle; None where there are none."""
    beside = path.parent / VERIFICATION_FILE
    if examples:
        arrays, where = read_arrays(examples, "an .npz of inputs by name"), str(examples)
    elif beside.is_file():
        arrays, where = load_verification(beside)[0], str(beside)
    else:
        return None
    try:
        arrays = named_inputs(signature, arrays)
    except ValueError as failure:
        raise ValueError(f"{failure} (in {where})") from failure
    if not len(next(iter(arrays.values()))):
        raise ValueError(f"expected at least 1 example in {where}, received none; add rows to it")
    return arrays


def _shapes(
    signature: Signature, given: Mapping[str, np.ndarray] | None, sides: tuple[int, ...]
) -> dict[str, tuple[int, ...]]:
    """The shapes that TFLite files are fixed to, by input name: every size that is not known is asked for."""
    open_inputs = [tensor for tensor in signature.inputs if _open_sides(tensor)]
    if sides and not open_inputs:
        raise ValueError(
            "expected no --size, the model takes one size only: "
            f"{', '.join(map(str, signature.inputs))}; leave it out"
        )
    shapes = {}
    for tensor in signature.inputs:
        fixed = tuple(given[tensor.name].shape[1:]) if given else tensor.shape
        if tensor in open_inputs and (sides or None in fixed):
            fixed = _with_sides(tensor, sides)
            if given and fixed != given[tensor.name].shape[1:]:
                raise ValueError(
                    f"expected examples of the size {sides}, {tensor.name!r} has "
                    f"{given[tensor.name].shape[1:]}; leave out --size, or give others"
                )
        if None in fixed:
            console.warn(
                f"{tensor} takes any length: the TFLite files are fixed to {RANDOM_LENGTH}; give --examples "
                "of the length that the app will use"
            )
            fixed = tuple(RANDOM_LENGTH if side is None else side for side in fixed)
        elif None in tensor.shape:
            console.say(f"{tensor} takes any length or size: the TFLite files are fixed to {fixed}")
        shapes[tensor.name] = fixed
    return shapes


def _open_sides(tensor: Tensor) -> int:
    """How many sides of an image or a volume are not known; a first one alone is the length of a film."""
    unknown = [axis for axis, side in enumerate(tensor.shape) if side is None]
    is_film = unknown == [0] and len(tensor.shape) > 3
    return 0 if len(tensor.shape) < 3 or is_film else len(unknown)


def _with_sides(tensor: Tensor, sides: tuple[int, ...]) -> tuple[int, ...]:
    count = _open_sides(tensor)
    if len(sides) not in (1, count):
        wanted = "224" if count == 1 else f"224 or {','.join(['224'] * count)}"
        received = ",".join(map(str, sides)) or "none"
        raise ValueError(
            f"expected a size for {tensor}, which takes any, for the TFLite files: --size {wanted}, or "
            f"--examples of it; received {received}"
        )
    missing = iter(sides * count if len(sides) == 1 else sides)
    return tuple(next(missing) if side is None else side for side in tensor.shape)


def _say_ranges(signature: Signature, known: Mapping[str, tuple[ValueRange | None, str]]) -> None:
    for tensor in signature.inputs:
        found, why = known.get(tensor.name, (None, ""))
        if found is None and is_picture(tensor):
            console.warn(
                f"which values of {tensor.name!r} are black and white is not known ({why}): there will be no "
                f"code for pictures; {ASK}"
            )
        elif found is not None and tensor.dtype != "uint8":
            console.say(f"pictures go into {tensor.name!r} as values in {found}, as {why} says")


def _try(model: Any, inputs: Mapping[str, np.ndarray]) -> list[str]:
    """Runs the model on a few examples; gives the outputs that answer the same to all."""
    if has_fixed_batch(model):
        return []
    some = {name: np.asarray(array[:FEW]) for name, array in inputs.items()}
    try:
        outputs = {name: np.asarray(values) for name, values in call_model(model, some).items()}
    except Exception as failure:
        raise ValueError(misfit(failure, some)) from failure
    return constant_outputs(outputs) if len(next(iter(some.values()))) > 1 else []
