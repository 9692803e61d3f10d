"""`mobile/`: how an app uses a model of a bundle, in its real names, shapes and labels.

One description of the exported files feeds the templates in `templates/`: a README, Kotlin, Swift, JavaScript
and Python, and a project for Android Studio. The answers in JavaScript and Python are compared with those of
`suite.predict` by the tests, which also compile the Kotlin against the published API.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from suite.bundle.record import Record
from suite.bundle.rows import ArtifactRow
from suite.bundle.task import Task
from suite.deploy.app.android import android_files
from suite.deploy.app.app_model import AppModel
from suite.deploy.app.reading import app_model
from suite.deploy.compatibility import phone_notes
from suite.deploy.convert.tflite import PERSONAL_LEARNING_RATE
from suite.deploy.recommendation import TARGETS, by_model, recommended
from suite.deploy.task import MIN_SCORE, least_score
from suite.evaluation.drawing import BACKGROUNDS, COLORS
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
# As of November 2026. From litert 2.3 on a GPU's part is in a package of its own.
ANDROID, ANDROID_GPU = "com.google.ai.edge.litert:litert:2.3.0", "com.google.ai.edge.litert:litert-gpu:2.3.0"
IOS, IOS_BRANCH = "https://github.com/google-ai-edge/LiteRT", "release/2.3.0"
POD = "2.17.0"  # TensorFlowLiteSwift: the last stable release of the interpreter
JAVASCRIPT = "2.5.3"  # @litertjs/core
MOST_LABELS = 50  # that the README lists
_ANY_TYPES = ("README.md", "example.py")  # what a model of any dtypes gets
_ARRAYS = {"float32": "Float32Array", "int32": "Int32Array", "uint8": "Uint8Array"}  # of JavaScript


def write_mobile(bundle: str | Path, record: Record) -> None:
    """Writes `mobile/` beside the TFLite files of each model of a bundle, for the file that is recommended.

    Args:
        bundle: Its folder; labels and vocabularies are there already.
        record: Of the run, of whose name the classes in the code get theirs.
    """
    models = by_model([row for row in record.shipped if row.format == "tflite"])
    files = {folder: choice["cpu"].path for folder, here in models.items() if (choice := recommended(here))}
    for folder, file in files.items():
        path, steps = (
            Path(file),
            files.get(Path(folder).with_name(STEP).as_posix()) if folder != "." else None,
        )
        step_file = steps and Path(steps).name
        model = app_model(Path(bundle) / path, "_".join((record.name, *path.parts[:-1])), step_file)
        write_app_code(model, Path(bundle) / path.parent / FOLDER, models[folder], least_score(record))


def write_app_code(
    model: AppModel, folder: str | Path, rows: Sequence[ArtifactRow] = (), least: float = MIN_SCORE
) -> None:
    """Writes the files of `TEMPLATES` for a model, as far as they can be, and a project for Android Studio.

    For the step of a decoder it is the README only; with dtypes that a language lacks, also `example.py`.

    Args:
        model: Its description.
        folder: Made where there is none.
        rows: The TFLite files beside it, for the README.
        least: The score from which a detection counts.
    """
    rows = [dataclasses.replace(row, path=Path(row.path).name) for row in rows]
    context = _context(model, rows) | {"min_score": least}
    folder = Path(folder)
    names = {name: TEMPLATES[name] for name in TEMPLATES if model.is_portable or name in _ANY_TYPES}
    if model.task is Task.DECODER_STEP:
        names = {"README.md": TEMPLATES["README.md"]}
    elif model.is_portable:
        names |= android_files(model)
    for name, template in names.items():
        package = context["package"] if name.startswith("android/") else ""
        text = _environment().get_template(template).render(context | {"package": package})
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _context(model: AppModel, rows: Sequence[ArtifactRow]) -> dict[str, Any]:
    """What the templates know."""
    copies, choices = model.copies, recommended(rows)
    browser = copies[0][0]
    if "browser" in choices and model.step is None:
        browser = choices["browser"].path
    return {
        "model": model,
        "image": model.inputs[0],
        "token": next((x for x in (model.step or model).inputs if x.name == TOKEN), None),
        "usage": _usage(model),
        "copies": copies,
        "assets": [f"`{asset}`" for asset, _ in copies],
        "model_asset": copies[0][0],
        "browser_asset": browser,
        "words_asset": next((asset for asset, _ in copies if asset.endswith(VOCABULARY_FILE)), None),
        "files": [row for row in rows if row.variant != "personal"],
        "choices": [(TARGETS[target], *choice) for target, choice in choices.items()],
        "notes": phone_notes(rows),
        "arrays": _ARRAYS,
        "colors": [f"{red:02X}{green:02X}{blue:02X}" for red, green, blue in COLORS],
        "backgrounds": BACKGROUNDS,
        "step_folder": STEP,
        "encoder_folder": ENCODER,
        "longest": MAX_TOKENS,
        "temperature": TEMPERATURE,
        "learning_rate": PERSONAL_LEARNING_RATE,
        "most_labels": MOST_LABELS,
        "most_pieces": MOST_PIECES,
        "package": f"org.example.{model.name.lower()}",
        **{"icu": patterns("icu"), "ecma": patterns("javascript"), "python": patterns("python")},
        **{"android": ANDROID, "android_gpu": ANDROID_GPU, "has_android": bool(android_files(model))},
        **{"ios": IOS, "ios_branch": IOS_BRANCH, "pod": POD, "javascript": JAVASCRIPT},
    }


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
