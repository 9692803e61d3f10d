"""An exported model on the user's images, tables, texts or words, whatever its format."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from suite import console
from suite.answers import (
    annotated,
    boxes,
    classes,
    columns,
    continuations,
    neighbors,
    segments,
    sentences,
    tags,
)
from suite.answers.answer import Answer, Reader
from suite.answers.explaining import Explainer
from suite.answers.held_out import choose, labeling_of
from suite.bundle.names import RESULT_FILE
from suite.bundle.record import read_result
from suite.bundle.task import Task
from suite.data.folders.labeled import read_labeled
from suite.data.splits import SPLITS
from suite.deploy.image_input import ImageInput, image_input
from suite.deploy.labels import class_labels
from suite.deploy.ranges import ValueRange, parse_scale
from suite.deploy.recommendation import recommended_path
from suite.deploy.runtime import CPU_COUNT, Artifact, load_artifact
from suite.deploy.task import task_of
from suite.evaluation.intervals import wilson
from suite.evaluation.metrics import accuracy, cross_entropy

BATCH = 64  # images in memory at a time
SPLIT_CHOICES = (*SPLITS, "all")


def predict(
    artifact: str | Path,
    *inputs: str | Path,
    top: int = 3,
    scale: str | tuple[float, float] | None = None,
    explain: str | Path | None = None,
) -> list[dict[str, Any]]:
    """Names what a classifier, localizer, detector or segmenter sees in each image, or finds the like.

    A model of a table answers each row of CSV files. An encoder with a decoder describes images and
    translates texts. Other texts are classified, or their words tagged, with the `vocabulary.txt` beside the
    artifact. Exported .tflite files carry such texts.

    Args:
        artifact: A .keras, .tflite or .onnx file or a SavedModel folder, with its `labels.txt` beside it; for
            an encoder, the `index.npz` of the images that are searched, or the step of its decoder in the
            folder `decoder_step`; for word embeddings, their words. A bundle stands for its TFLite file
            that is recommended for a phone's CPU.
        *inputs: Image files of any format that Pillow reads; texts or words, where the artifact takes such.
        top: How many classes or neighbors to give at most, best first; a detector gives all that it finds.
        scale: "LOW..HIGH" or a pair, what the model takes for black and white, where neither its dtype, its
            bundle nor its file says so: "0..1", "-1..1" or "0..255".
        explain: A folder, for a classifier of images: gets a PNG a picture that shows which region made it
            say its best class, by Grad-CAM of a .keras file, by occlusion of any other.

    Returns:
        A dict an image: {"file", "classes": [{"class", "probability"}, ...]}, "score" for "probability" where
        the numbers are none (logits, several answers at once); from a localizer also "box", [top, left,
        bottom, right] in [0, 1]; from a detector {"file", "detections": [{"class", "score", "box"}, ...]};
        from a segmenter classes with the "share" of the pixels, largest first; from an encoder {"file",
        "neighbors": [{"name", "distance"}, ...]}; from word embeddings the same with "word", the distance
        being 1 - cosine; from a classifier of texts {"text", "classes"}; from a tagger {"text", "tags":
        [{"word", "tag", "probability"}, ...]}, one a word; from the step of a language model {"text",
        "continuations": [...]}, `top` of them, the same at each call; from a model of a table {"file",
        "rows": [{"row", and "classes" or the number under its name}, ...]}. With `explain` also
        "explanation": {"file", "method"}.

    Raises:
        ValueError: The artifact is none of these, its labels or words are missing, an image cannot be read,
            a word is not in the vocabulary, a text has no word, a table lacks a column, or it is not known
            which values the model takes for black and white.

    Example:
        >>> (row,) = suite.predict("saved_models/photos", "photos/grass/0.png", top=1)
        >>> row["classes"][0]["class"]
        'grass'
    """
    return [row.to_json() for row in ask(artifact, *inputs, top=top, scale=scale, explain=explain)]


@dataclasses.dataclass(frozen=True)
class Row:
    """What was asked, and the answer.

    Attributes:
        task: The model's.
        given: The file, text or word.
        answer: What the model says.
        explanation: The picture of where it saw that, and how it was found, if that was asked for.
    """

    task: Task
    given: str
    answer: Answer
    explanation: tuple[Path, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """The row of `predict`."""
        row = {_READERS[self.task].takes: self.given, **self.answer.to_json()}
        if self.explanation:
            row["explanation"] = {"file": str(self.explanation[0]), "method": self.explanation[1]}
        return row

    def __str__(self) -> str:
        where = f"; where: {self.explanation[0]} ({self.explanation[1]})" if self.explanation else ""
        return f"{self.given}: {self.answer}{where}"


def ask(
    artifact: str | Path,
    *inputs: str | Path,
    top: int = 3,
    scale: str | tuple[float, float] | None = None,
    explain: str | Path | None = None,
) -> list[Row]:
    """`predict`, with the answers as what they are.

    Args:
        artifact: As in `predict`.
        *inputs: As in `predict`.
        top: As in `predict`.
        scale: As in `predict`.
        explain: As in `predict`.

    Raises:
        ValueError: As in `predict`.
    """
    said = parse_scale(scale)
    model = load_artifact(_model_of(artifact), threads=1, concurrency=CPU_COUNT)
    task = task_of(model)
    _check_answers(model, task, said)
    read = _READERS[task].reader(model, said)
    if explain is None:
        return [Row(task, str(given), read(str(given), top)) for given in inputs]
    if task is not Task.CLASSIFIER:
        raise ValueError(
            f"expected a classifier of images to explain, received {model.path} ({task}); leave --explain out"
        )
    explainer, labels = Explainer(model, said, explain), class_labels(model)
    rows = []
    for given in map(str, inputs):
        answer = read(given, top)
        best = labels.index(answer.to_json()["classes"][0]["class"])
        rows.append(Row(task, given, answer, (explainer.explain(given, best), explainer.method)))
    return rows


class _Kind(NamedTuple):
    takes: str  # under which name a row has what was asked
    reader: Callable[[Artifact, ValueRange | None], Reader]


def _classifier(model: Artifact, scale: ValueRange | None) -> Reader:
    return (
        columns.table(model)
        if columns.takes_columns(model.signature)
        else classes.image_classifier(model, scale)
    )


_READERS: Mapping[Task, _Kind] = {
    Task.CLASSIFIER: _Kind("file", _classifier),
    Task.REGRESSOR: _Kind("file", lambda model, _: columns.table(model)),
    Task.LOCALIZER: _Kind("file", boxes.localizer),
    Task.DETECTOR: _Kind("file", boxes.detector),
    Task.SEGMENTER: _Kind("file", segments.segmenter),
    Task.IMAGE_EMBEDDER: _Kind("file", neighbors.image_embedder),
    Task.CAPTIONER: _Kind("file", sentences.captioner),
    Task.TRANSLATOR: _Kind("text", sentences.translator),
    Task.TEXT_CLASSIFIER: _Kind("text", classes.text_classifier),
    Task.TAGGER: _Kind("text", tags.tagger),
    Task.LANGUAGE_MODEL: _Kind("text", continuations.language_model),
    Task.DECODER_STEP: _Kind("text", continuations.language_model),  # which says that it needs an encoder
    Task.WORD_EMBEDDINGS: _Kind("word", neighbors.word_embeddings),
}


def _check_answers(model: Artifact, task: Task, scale: ValueRange | None) -> None:
    """Refuses a model whose answers nothing puts in words."""
    if task in _READERS:
        return
    if task is Task.TENSORS:
        image_input(model, scale)  # says what hinders an image
    given = ", ".join(map(str, model.signature.outputs))
    raise ValueError(
        "expected a model that gives class probabilities, a box or boxes, a map of classes, or a code, "
        f"{model.path} ({task}) gives {given}"
    )


def _model_of(artifact: str | Path) -> Path:
    """The artifact itself; of a bundle, the file that is recommended for a phone."""
    folder = Path(artifact)
    if not (folder / RESULT_FILE).is_file():
        return folder
    path = recommended_path(read_result(folder).artifacts)
    return folder / path if path and (folder / path).is_file() else folder


def evaluate(
    artifact: str | Path,
    directory: str | Path,
    split: str | None = None,
    scale: str | tuple[float, float] | None = None,
) -> dict[str, float]:
    """Measures a classifier, detector or segmenter on a folder of labeled images, and prints the figures.

    Args:
        artifact: As in `predict`.
        directory: One subfolder a class, named as in `labels.txt`; with or without train, validation and test
            folders around them; or photos with a table of their classes; or what the bundle was trained on.
            For a detector or segmenter photos with boxes or masks in any form that `finetune` takes; their
            classes are matched by name.
        split: "train", "validation", "test" or "all". By default the held-out images, as far as known: the
            test (else validation) split that the bundle made of this very folder, or the folder's own test
            (else validation) part; otherwise all images.
        scale: As in `predict`.

    Returns:
        {"SPLIT_accuracy", "SPLIT_loss"}: share of right answers in [0, 1], and nats per image; no loss where
        the model's numbers are no probabilities. Of a detector {"SPLIT_map_50", "SPLIT_map"}, mean average
        precision by the rules of COCO at an IoU of 0.5 and averaged from 0.5 to 0.95; of a segmenter
        {"SPLIT_mean_iou", "SPLIT_boundary_iou"}; all in [0, 1].

    Raises:
        ValueError: Bad artifact or folder, a class that the model does not know, an empty split, or a model
            of which it is not known which values it takes for black and white.

    Example:
        >>> metrics = suite.evaluate("saved_models/photos/model.onnx", "photos/")
        >>> sorted(metrics)
        ['test_accuracy', 'test_loss']
    """
    if split not in (None, *SPLIT_CHOICES):
        raise ValueError(f"expected a split among {', '.join(SPLIT_CHOICES)}, received {split!r}")
    said, root = parse_scale(scale), Path(directory)
    model = load_artifact(_model_of(artifact), threads=1, concurrency=CPU_COUNT)
    if measure := _OF_ANNOTATED.get(task_of(model)):
        return measure(model, root, split, said)
    return _evaluate_classes(model, root, split, said)


_OF_ANNOTATED = {Task.DETECTOR: annotated.evaluate_boxes, Task.SEGMENTER: annotated.evaluate_masks}


def _evaluate_classes(
    model: Artifact, root: Path, split: str | None, scale: ValueRange | None
) -> dict[str, float]:
    """Measures a classifier."""
    labels, image = _classifier_of(model, scale)
    bundle = model.path.resolve().parent
    parts, aside = read_labeled(root, labels, labeling_of(bundle, root))
    if aside:
        console.warn(f"{len(aside)} files set aside, first {aside[0].file}: {aside[0].reason}")
    label_of = dict(pair for pairs in parts.values() for pair in pairs)
    part_of = {file: part for part, pairs in parts.items() for file, _ in pairs}
    name, files, _ = choose(part_of, split, bundle, root)
    output = model.signature.outputs[0].name
    probabilities = np.concatenate(
        [
            model.predict(image.load([root / file for file in files[start : start + BATCH]]))[output]
            for start in console.track(range(0, len(files), BATCH), f"running {model.path.name}")
        ]
    )
    truth = np.array([label_of[file] for file in files])
    metrics = {f"{name}_accuracy": accuracy(probabilities, truth)}
    if all(map(classes.are_probabilities, probabilities)):
        metrics[f"{name}_loss"] = cross_entropy(probabilities, truth)
    else:
        console.warn(f"no loss: what {model.path} gives are no probabilities, which are in [0, 1], sum 1")
    console.result(f"{model.path}: {len(files)} images of {root} ({name})")
    for metric, value in metrics.items():
        is_share = metric.endswith("_accuracy")
        text = wilson(value, len(files), "photos").beside(value) if is_share else f"{value:.4f}"
        console.result(f"{metric} {text}")
    return metrics


def _classifier_of(model: Artifact, scale: ValueRange | None) -> tuple[list[str], ImageInput]:
    image = image_input(model, scale)
    outputs = model.signature.outputs
    if len(outputs) != 1 or len(outputs[0].shape) != 1:
        given = ", ".join(map(str, outputs))
        raise ValueError(
            "expected a classifier, which gives one vector, a detector or a segmenter, "
            f"{model.path} gives {given}"
        )
    return class_labels(model), image
