"""From a TFLite file and the files beside it to the description that the templates take."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from suite.bundle.names import LABELS_FILE
from suite.bundle.task import Task
from suite.deploy.app.app_model import CLASSES, AppModel, DecoderStep, PairEncoder, PictureInput, takes_image
from suite.deploy.convert.tflite import PERSONAL_FILE
from suite.deploy.labels import split_labels
from suite.deploy.ranges import PIXELS
from suite.deploy.signature import Signature, Tensor
from suite.deploy.task import guess_task, settled_task
from suite.deploy.tflite_metadata import read_normalizations, read_task
from suite.language.encoder_decoder import ENCODER, STEP
from suite.language.vocabulary import VOCABULARY_FILE, Vocabulary

_PICTURES = {Task.CLASSIFIER, Task.LOCALIZER, Task.DETECTOR, Task.SEGMENTER, Task.CAPTIONER}
# Of the other tasks an app gets arrays for arrays.
_WITH_CODE = {*_PICTURES, Task.TRANSLATOR, *CLASSES}


def app_model(path: str | Path, name: str, step_file: str | None = None) -> AppModel:
    """Describes a TFLite file with what lies beside it.

    Args:
        path: A TFLite file of a bundle.
        name: Any text; of its words the name of the class is made.
        step_file: Of an encoder: the file of its decoder's step, where it has another name.
    """
    path = Path(path)
    folder, signatures = path.parent, _signatures(path)
    key = "serving_default" if "serving_default" in signatures else next(iter(signatures))
    inputs, outputs = signatures[key]
    words, labels, picture = _vocabulary(folder), _labels(folder), _picture(path, inputs)
    step, personal = _step(path, step_file or path.name, name), folder / PERSONAL_FILE
    task = read_task(path.read_bytes()) or guess_task(_one_example(inputs, outputs), step is not None)
    task = settled_task(task, labels, [VOCABULARY_FILE] if words else [])
    is_pair = task in (Task.CAPTIONER, Task.TRANSLATOR)
    lacks_something = (task in _PICTURES and picture is None) or (is_pair and step is None)
    if task not in _WITH_CODE or lacks_something:
        task = Task.TENSORS
    facts: dict[str, Any] = {
        "task": task,
        "name": _class_name(name),
        "inputs": inputs,
        "outputs": outputs,
        "file": path.name,
        "signature": key,
        "labels": labels,
        "words": words,
        "personal": _signatures(personal) if personal.is_file() and picture else {},
        "picture": picture,
    }
    if step is not None and task in (Task.CAPTIONER, Task.TRANSLATOR):
        return PairEncoder(**facts, decoder=step)
    return CLASSES.get(task, AppModel)(**facts)


def _class_name(text: str) -> str:
    words = re.findall("[A-Za-z0-9]+", text)
    return "".join(map(str.capitalize, words)).lstrip("0123456789") or "Model"


def _step(path: Path, file: str, name: str) -> DecoderStep | None:
    """The step of the decoder beside an encoder."""
    step = path.parent.with_name(STEP) / file
    if path.parent.name != ENCODER or not step.is_file() or _vocabulary(step.parent) is None:
        return None
    described = app_model(step, f"{name} step")
    return described if isinstance(described, DecoderStep) else None


def _picture(path: Path, inputs: tuple[Tensor, ...]) -> PictureInput | None:
    """The only input, if it is a picture, by its dtype or the file's metadata."""
    if not takes_image(inputs) or inputs[0].dtype not in ("uint8", "float32"):
        return None
    said = PIXELS if inputs[0].dtype == "uint8" else next(iter(read_normalizations(path.read_bytes())), None)
    return None if said is None else PictureInput(said)


def _one_example(inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Signature:
    """The signature without the batch."""
    sides = (tuple(each._replace(shape=each.shape[1:]) for each in side) for side in (inputs, outputs))
    return Signature(*sides)


def _signatures(path: Path) -> Mapping[str, tuple[tuple[Tensor, ...], tuple[Tensor, ...]]]:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # Nothing is run: kernels need not be prepared.
    interpreter = Interpreter(
        str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )

    def tensors(details: Mapping[str, Any]) -> tuple[Tensor, ...]:
        return tuple(
            Tensor(name, np.dtype(detail["dtype"]).name, tuple(map(int, detail["shape"])))
            for name, detail in details.items()
        )

    runners = {key: interpreter.get_signature_runner(key) for key in interpreter.get_signature_list()}
    return {
        key: (tensors(runner.get_input_details()), tensors(runner.get_output_details()))
        for key, runner in runners.items()
    }


def _labels(folder: Path) -> tuple[str, ...]:
    path = folder / LABELS_FILE
    return tuple(split_labels(path.read_text(encoding="utf-8"))) if path.is_file() else ()


def _vocabulary(folder: Path) -> Vocabulary | None:
    path = folder / VOCABULARY_FILE
    if not path.is_file():
        return None
    try:
        return Vocabulary.from_text(path.read_text(encoding="utf-8"))
    except ValueError:
        return None  # another file of that name
