"""What the page of a model is made of: its own files, the runtime that it loads, and the model's."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from suite.browser.litert import PAGE, litert_folder
from suite.bundle.names import LABELS_FILE, RESULT_FILE
from suite.bundle.record import Record, is_from_elsewhere, read_result
from suite.bundle.rows import OK, ArtifactRow
from suite.bundle.task import Task
from suite.bundle.write import json_text
from suite.deploy.image_input import image_input
from suite.deploy.labels import class_labels
from suite.deploy.ranges import ValueRange, describe_inputs, is_picture
from suite.deploy.recommendation import by_model, recommended
from suite.deploy.runtime import load_artifact
from suite.deploy.task import NEEDS, least_score, task_of
from suite.deploy.tflite_runtime import TfliteModel
from suite.language.decoding import CONTINUATION
from suite.language.encoder_decoder import MAX_TOKENS
from suite.language.tagging import CHARACTERS_FILE
from suite.language.vocabulary import VOCABULARY_FILE

PERSONAL = "personal"  # the variant that can be trained in the page
PERSONAL_SIGNATURES = {"infer", "train", "weights", "restore"}
# Whose address begins so, comes from there; everything else is the page's own.
BUNDLE, LITERT = "/bundle/", "/litert/"
ABOUT = "/about.json"  # what the page is told: the task of each file, and settings that it shares with us
MANIFEST = "/manifest.webmanifest"  # what a phone is told that puts the page among its apps
TEXTS = (LABELS_FILE, VOCABULARY_FILE, CHARACTERS_FILE)  # that the page reads beside a model
SETTINGS = {"max_tokens": MAX_TOKENS, "continuation": CONTINUATION}
RUNS = ("float32", "int32", "uint8")  # dtypes of tensors that go in and out of a model in a browser
THEME = "#0a5fbf"


@dataclasses.dataclass(frozen=True)
class Site:
    """What answers each address of a page.

    Attributes:
        record: What was run, or what stands for it of a file from elsewhere.
        about: What the page is told; "tasks" has each .tflite file that it offers.
        folders: Folders by the beginning of the addresses of their files.
        contents: What has no file, by address; it goes first.
    """

    record: Record
    about: Mapping[str, Any]
    folders: Mapping[str, Path]
    contents: Mapping[str, bytes]

    def source(self, address: str) -> Path | bytes | None:
        """The file or the content of an address; None of one that is not the page's."""
        if address in self.contents:
            return self.contents[address]
        prefix = next((each for each in self.folders if address.startswith(each)), None)
        if prefix is None:
            return None
        name = address[len(prefix) :] or ("index.html" if prefix == "/" else "")
        if any(part.startswith(".") for part in name.split("/")) or "\\" in name or "\0" in name:
            return None
        path = (self.folders[prefix] / name.lstrip("/")).resolve()  # links may point outside
        return path if path.is_relative_to(self.folders[prefix]) and path.is_file() else None


def site_of(source: str | Path, scale: ValueRange | None = None) -> Site:
    """Checks a bundle, or a .tflite file from anywhere, and gives the page of it.

    Args:
        source: Folder of a finished run; or a .tflite file, with its `labels.txt` beside it.
        scale: What such a file takes for black and white, where it does not say it.

    Raises:
        ValueError: The folder is no bundle, has no .tflite files, or they are damaged or do not fit the
            labels; a file has numbers that browsers do not take, or its black and white are not known; the
            runtime cannot be had.
    """
    path = Path(source)
    if is_from_elsewhere(path):
        return _file_site(path, scale)
    tasks = check_bundle(path)
    return _site(read_result(path), {"tasks": tasks}, {BUNDLE: path.resolve()}, {})


def _site(
    record: Record, about: Mapping[str, Any], folders: Mapping[str, Path], contents: Mapping[str, bytes]
) -> Site:
    offered = [row for row in record.artifacts if row.path in about["tasks"]]
    choices = [recommended(rows) for rows in by_model(offered).values()]
    opened = [choice["browser"].path for choice in choices if choice]
    told = {**about, **SETTINGS, "min_score": least_score(record), "recommended": opened}
    written = {ABOUT: json_text(told).encode(), MANIFEST: _manifest(record.name)}
    pages = {LITERT: litert_folder().resolve(), "/": PAGE.resolve()}
    return Site(record, told, {**folders, **pages}, {**written, **contents})


def _manifest(name: str) -> bytes:
    icons = [
        {"src": f"icon_{side}.png", "sizes": f"{side}x{side}", "type": "image/png"} for side in (192, 512)
    ]
    content = {
        "name": name,
        "short_name": name,
        "start_url": ".",
        "scope": ".",
        "display": "standalone",
        "theme_color": THEME,
        "background_color": "#fbfbfa",
        "icons": [{**icon, "purpose": purpose} for icon in icons for purpose in ("any", "maskable")],
    }
    return json_text(content).encode()


def check_bundle(bundle: str | Path) -> dict[str, Task]:
    """Loads every .tflite file of a bundle and counts its labels.

    Args:
        bundle: Folder of a finished run.

    Returns:
        What each file is for, by its path in the bundle.

    Raises:
        ValueError: It is no bundle, has no .tflite files, or they are damaged or do not fit the labels.
    """
    bundle = Path(bundle)
    shipped = [row for row in read_result(bundle).shipped if row.format == "tflite"]
    if not shipped:
        raise ValueError(
            f"expected a bundle with .tflite files, received {bundle} without; run a recipe that exports one"
        )
    tasks = {}
    for row in shipped:
        path = bundle / row.path
        if row.variant == PERSONAL:
            _check_personal(path)
            tasks[row.path] = Task.CLASSIFIER
            continue
        model = load_artifact(path, threads=1)
        if (path.parent / LABELS_FILE).is_file():
            class_labels(model)
        tasks[row.path] = task_of(model)
    return tasks


def _check_personal(path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    load_artifact(path, threads=1)  # says in one line what is wrong with a damaged file
    found = set(Interpreter(model_path=str(path)).get_signature_list())
    if missing := sorted(PERSONAL_SIGNATURES - found):
        raise ValueError(
            f"expected the signatures infer, train, weights and restore, {path} lacks {', '.join(missing)}; "
            "export it again"
        )


def _file_site(path: Path, scale: ValueRange | None) -> Site:
    """The page of a file that is not in a bundle; of its folder nothing else is served."""
    model = load_artifact(path, threads=1)
    task, content = task_of(model), path.read_bytes()
    quantized = TfliteModel(content, threads=1).quantization
    _check_dtypes(path, {name: dtype for name, (dtype, *_) in quantized.items()}, model.signature)
    ranges = {}
    if len(model.signature.inputs) == 1 and is_picture(model.signature.inputs[0]):
        ranges = {model.signature.inputs[0].name: image_input(model, scale).range}
    shapes = {tensor.name: tensor.shape for tensor in model.signature.inputs}
    name = "model.tflite"  # at an address, whatever it is called here
    row = ArtifactRow(
        name,
        OK,
        format="tflite",
        variant=path.stem,
        bytes=len(content),
        inputs=describe_inputs(model.signature, shapes, ranges),
        task=task,
    )
    texts = {text: (path.parent / text) for text in TEXTS[1:]}
    contents = {text: file.read_bytes() for text, file in texts.items() if file.is_file()}
    if NEEDS[task].labels:
        contents[LABELS_FILE] = "".join(f"{label}\n" for label in class_labels(model)).encode()
    record = Record(name=path.stem, kind="tflite file", artifacts=(row,))
    contents |= {name: content, RESULT_FILE: result_of(record)}
    numbers = {tensor: [scale, zero] for tensor, (_, scale, zero) in quantized.items()}
    about = {"tasks": {name: task}, "quantized": {name: numbers}}
    return _site(record, about, {}, {BUNDLE + each: text for each, text in contents.items()})


def _check_dtypes(path: Path, stored: Mapping[str, str], signature: Any) -> None:
    for tensor in (*signature.inputs, *signature.outputs):
        dtype = stored.get(tensor.name, tensor.dtype)
        if dtype not in RUNS:
            raise ValueError(
                f"expected tensors of {', '.join(RUNS)}, which is what browsers run, {path} has "
                f"{tensor.name!r} of {dtype}; convert it anew with inference_input_type and "
                "inference_output_type tf.uint8"
            )


def result_of(record: Record) -> bytes:
    """What the page reads of a result.json, and nothing else of it: neither paths nor settings of a run.

    Args:
        record: With the files that the page offers.
    """
    shown = {key: value for key, value in record.metrics.items() if key.startswith("test_")}
    rows = [row.to_json() for row in record.artifacts]
    return json_text({"name": record.name, "kind": record.kind, "metrics": shown, "artifacts": rows}).encode()
