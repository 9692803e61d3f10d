"""`mobile/`: how an app uses a model of a bundle, in its real names, shapes and labels.

One description of the exported files feeds the templates in `templates/`: a README, Kotlin, Swift, JavaScript
and Python. The answers of the last two are compared with those of `suite.predict` by the tests.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from suite.bundle.rows import ArtifactRow
from suite.bundle.task import Task
from suite.deploy.app.app_model import AppModel
from suite.deploy.app.reading import app_model
from suite.deploy.compatibility import phone_notes
from suite.deploy.convert.tflite import FILES, PERSONAL_LEARNING_RATE
from suite.deploy.task import MIN_SCORE
from suite.language.decoding import TEMPERATURE, TOKEN
from suite.language.encoder_decoder import ENCODER, MAX_TOKENS, STEP
from suite.language.tokens import MOST_PIECES, patterns
from suite.language.vocabulary import VOCABULARY_FILE

FOLDER = "mobile"
TEMPLATES = {
    "README.md": "README.md.j2",
    "Model.kt": "kotlin.j2",
    "Model.swift": "swift.j2",
    "model.js": "javascript.j2",
    "example.py": "example.py.j2",
}
ANDROID = "com.google.ai.edge.litert:litert:1.4.2"  # from 1.4 on for devices with memory pages of 16 KB
IOS = "2.17.0"  # TensorFlowLiteSwift: the last stable release
JAVASCRIPT = "2.5.3"  # @litertjs/core
MOST_LABELS = 50  # that the README lists
_ARRAYS = {"float32": "Float32Array", "int32": "Int32Array", "uint8": "Uint8Array"}  # of JavaScript


def write_mobile(bundle: str | Path, rows: Sequence[ArtifactRow], name: str) -> None:
    """Writes `mobile/` beside every `model.tflite` of a bundle.

    Args:
        bundle: Its folder; labels and vocabularies are there already.
        rows: Its artifacts.
        name: Name of the run, of which the classes in the code get theirs.
    """
    shipped = [row for row in rows if row.format == "tflite" and row.is_shipped]
    for row in shipped:
        path = Path(row.path)
        if path.name == FILES["float32"]:
            here = [other for other in shipped if Path(other.path).parent == path.parent]
            model = app_model(Path(bundle) / path, "_".join((name, *path.parts[:-1])))
            write_app_code(model, Path(bundle) / path.parent / FOLDER, here)


def write_app_code(model: AppModel, folder: str | Path, rows: Sequence[ArtifactRow] = ()) -> None:
    """Writes the files of `TEMPLATES` for a model, as far as they can be.

    For the step of a decoder it is the README only; with dtypes that a language lacks, also `example.py`.

    Args:
        model: Its description.
        folder: Made where there is none.
        rows: The TFLite files beside it, for the README.
    """
    copies = model.copies
    rows = [dataclasses.replace(row, path=Path(row.path).name) for row in rows]
    context = {
        "model": model,
        "image": model.inputs[0],
        "token": next((x for x in (model.step or model).inputs if x.name == TOKEN), None),
        "usage": _usage(model),
        "copies": copies,
        "assets": [f"`{asset}`" for asset, _ in copies],
        "model_asset": copies[0][0],
        "words_asset": next((asset for asset, _ in copies if asset.endswith(VOCABULARY_FILE)), None),
        "files": [row for row in rows if row.variant != "personal"],
        "notes": phone_notes(rows),
        "arrays": _ARRAYS,
        "step_folder": STEP,
        "encoder_folder": ENCODER,
        "longest": MAX_TOKENS,
        "temperature": TEMPERATURE,
        "min_score": MIN_SCORE,
        "learning_rate": PERSONAL_LEARNING_RATE,
        "most_labels": MOST_LABELS,
        "most_pieces": MOST_PIECES,
        **{"icu": patterns("icu"), "ecma": patterns("javascript"), "python": patterns("python")},
        **{"android": ANDROID, "ios": IOS, "javascript": JAVASCRIPT},
    }
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    names = list(TEMPLATES) if model.is_portable else ["README.md", "example.py"]
    for name in names[:1] if model.task is Task.DECODER_STEP else names:
        text = _environment().get_template(TEMPLATES[name]).render(context)
        (folder / name).write_text(text, encoding="utf-8")


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters["count"] = lambda tensor: math.prod(tensor.shape)
    environment.filters["bytes"] = lambda tensor: math.prod(tensor.shape) * np.dtype(tensor.dtype).itemsize
    return environment


def _usage(model: AppModel) -> str:
    if model.picture:
        return "photo.jpg"
    return "'a text'" if model.takes_text else f"'{{\"{model.inputs[0].name}\": ...}}'"
