"""An exported model on the user's images, texts or words, whatever its format."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from suite import console
from suite.answers.sentences import ENCODER, sentence_writer
from suite.answers.texts import are_probabilities, best_classes, text_reader
from suite.bundle.names import RESULT_FILE, SPLIT_FILE
from suite.bundle.record import read_result
from suite.data.folders.labeled import read_labeled
from suite.data.splits import SPLITS
from suite.deploy.image_input import ImageInput, image_input
from suite.deploy.labels import class_labels
from suite.deploy.ranges import ValueRange, parse_scale
from suite.deploy.runtime import CPU_COUNT, Artifact, load_artifact
from suite.evaluation.metrics import accuracy, cross_entropy

BATCH = 64  # images in memory at a time
SURE = 0.3  # score from which a detection is put in words
SPLIT_CHOICES = (*SPLITS, "all")


def predict(
    artifact: str | Path, *images: str | Path, top: int = 3, scale: str | tuple[float, float] | None = None
) -> list[dict]:
    """Names what a classifier, localizer, detector or segmenter sees in each image, or finds the like.

    An encoder with a decoder describes images and translates texts. Other texts are classified, or their
    words tagged, with the `vocabulary.txt` beside the artifact. Exported .tflite files carry such texts.

    Args:
        artifact: A .keras, .tflite or .onnx file or a SavedModel folder, with its `labels.txt` beside it; for
            an encoder, the `index.npz` of the images that are searched, or the step of its decoder in the
            folder `decoder_step`; for word embeddings, their words. A bundle stands for its TFLite model.
        *images: Image files of any format that Pillow reads; texts or words, where the artifact takes such.
        top: How many classes or neighbors to give at most, best first; a detector gives all that it finds.
        scale: "LOW..HIGH" or a pair, what the model takes for black and white, where neither its dtype, its
            bundle nor its file says so: "0..1", "-1..1" or "0..255".

    Returns:
        A dict an image: {"file", "classes": [{"class", "probability"}, ...]}, "score" for "probability" where
        the numbers are none (logits, several answers at once); from a localizer also "box", [top, left,
        bottom, right] in [0, 1]; from a detector {"file", "detections": [{"class", "score", "box"}, ...]};
        from a segmenter classes with the "share" of the pixels, largest first; from an encoder {"file",
        "neighbors": [{"name", "distance"}, ...]}; from word embeddings the same with "word", the distance
        being 1 - cosine; from a classifier of texts {"text", "classes"}; from a tagger {"text", "tags":
        [{"word", "tag", "probability"}, ...]}, one a word; from the step of a language model {"text",
        "continuations": [...]}, `top` of them, the same at each call.

    Raises:
        ValueError: The artifact is none of these, its labels or words are missing, an image cannot be read,
            a word is not in the vocabulary, a text has no word, or it is not known which values the model
            takes for black and white.
    """
    said = parse_scale(scale)
    model = load_artifact(_model_of(artifact), threads=1, concurrency=CPU_COUNT)
    if answer := text_reader(model):
        return [answer(str(text), top) for text in images]
    image = image_input(model, said)
    describe = sentence_writer(model)
    read = _read_captions(describe) if describe else _reader(model)
    return [{"file": str(path), **read(image.load([path]), top)} for path in images]


def _model_of(artifact: str | Path) -> Path:
    """The artifact itself; of a bundle, its TFLite model, or that of its encoder."""
    folder = Path(artifact)
    found = [
        folder / name for name in ("model.tflite", f"{ENCODER}/model.tflite") if (folder / name).is_file()
    ]
    return found[0] if found and (folder / RESULT_FILE).is_file() else folder


def in_words(row: dict) -> str:
    """Says what `predict` found in an image; of a detector's boxes those with a score of at least `SURE`."""
    if "continuations" in row:
        return " | ".join(text.replace("\n", " / ") for text in row["continuations"])
    for kind in ("captions", "translations"):
        if kind in row:
            return " | ".join(f"{entry['text']} ({entry['log_probability']:.2f})" for entry in row[kind])
    if "tags" in row:
        return " ".join(f"{entry['word']}/{entry['tag']}" for entry in row["tags"])
    if "neighbors" in row:
        return ", ".join(f"{entry['name']} {entry['distance']:.3f}" for entry in row["neighbors"])
    found = row["classes"] if "classes" in row else [x for x in row["detections"] if x["score"] >= SURE]
    numbers = [entry.get("probability", entry.get("score", entry.get("share"))) for entry in found]
    words = [
        f"{entry['class']} {number:.3f}{_place(entry)}" for entry, number in zip(found, numbers, strict=True)
    ]
    return ", ".join(words) + _place(row) or "nothing"


def _place(entry: dict) -> str:
    sides = zip(("top", "left", "bottom", "right"), entry.get("box", ()), strict=False)
    words = " ".join(f"{name} {side:.2f}" for name, side in sides)
    return f" ({words})" if words else ""


def _read_captions(describe: Callable) -> Callable:
    return lambda inputs, top: {"captions": describe(inputs, top)}


def _reader(model: Artifact) -> Callable:
    """How a model answers an image, by the names and shapes of its outputs: `(inputs, top) -> dict`."""
    read = _output_reader(model)

    def answer(inputs: dict[str, np.ndarray], top: int) -> dict:
        return read({name: values[0] for name, values in model.predict(inputs).items()}, top)

    return answer


def _output_reader(model: Artifact) -> Callable:
    shapes = {tensor.name: len(tensor.shape) for tensor in model.signature.outputs}
    if shapes == {"code": 1}:
        from suite.evaluation.retrieval import INDEX_FILE, Index  # scikit-learn takes its time

        return functools.partial(_read_neighbors, Index.load(model.path.resolve().parent / INDEX_FILE))
    if set(shapes) == {"boxes", "scores", "labels"}:
        read = _read_detections
    elif set(shapes) == {"probabilities", "box"}:
        read = _read_box
    elif list(shapes.values()) == [1]:
        read = best_classes
    elif list(shapes.values()) == [3]:
        read = _read_shares
    else:
        raise ValueError(
            "expected a model that gives class probabilities, a box or boxes, a map of classes, or a code, "
            f"{model.path} gives {', '.join(map(str, model.signature.outputs))}"
        )
    return functools.partial(read, class_labels(model))


def _read_neighbors(index: Any, outputs: dict, top: int) -> dict:
    rows, distances = index.search(outputs["code"][None], top)
    found = zip(rows[0], distances[0], strict=True)
    return {"neighbors": [{"name": index.names[row], "distance": float(distance)} for row, distance in found]}


def _read_box(labels: list[str], outputs: dict, top: int) -> dict:
    box = [float(side) for side in outputs["box"]]
    return best_classes(labels, {"probabilities": outputs["probabilities"]}, top) | {"box": box}


def _read_detections(labels: list[str], outputs: dict, top: int) -> dict:
    found = zip(outputs["labels"], outputs["scores"], outputs["boxes"], strict=True)
    return {
        "detections": [
            {"class": labels[int(label)], "score": float(score), "box": [float(side) for side in box]}
            for label, score, box in found
            if score > 0
        ]
    }


def _read_shares(labels: list[str], outputs: dict, top: int) -> dict:
    (probabilities,) = outputs.values()
    shares = np.bincount(probabilities.argmax(axis=-1).ravel(), minlength=len(labels))
    shares = shares / shares.sum()
    best = [index for index in np.argsort(-shares, kind="stable")[:top] if shares[index]]
    return {"classes": [{"class": labels[index], "share": float(shares[index])} for index in best]}


def evaluate(
    artifact: str | Path,
    directory: str | Path,
    split: str | None = None,
    scale: str | tuple[float, float] | None = None,
) -> dict[str, float]:
    """Measures a classifier on a folder of labeled images.

    Args:
        artifact: As in `predict`.
        directory: One subfolder a class, named as in `labels.txt`; with or without train, validation and test
            folders around them.
        split: "train", "validation", "test" or "all". By default the held-out images, as far as known: the
            test (else validation) split that the bundle made of this very folder, or the folder's own test
            (else validation) part; otherwise all images.
        scale: As in `predict`.

    Returns:
        {"SPLIT_accuracy", "SPLIT_loss"}: share of right answers in [0, 1], and nats per image; no loss where
        the model's numbers are no probabilities.

    Raises:
        ValueError: Bad artifact or folder, a class that the model does not know, an empty split, or a model
            of which it is not known which values it takes for black and white.
    """
    if split not in (None, *SPLIT_CHOICES):
        raise ValueError(f"expected a split among {', '.join(SPLIT_CHOICES)}, received {split!r}")
    said = parse_scale(scale)
    artifact = _model_of(artifact)
    model, labels, image = _load_classifier(artifact, said)
    root = Path(directory)
    parts, aside = read_labeled(root, labels)
    if aside:
        console.warn(f"{len(aside)} files set aside, first {aside[0].file}: {aside[0].reason}")
    parts = _as_trained(parts, artifact.resolve().parent, root)
    name = split or next((part for part in ("test", "validation") if parts.get(part)), "all")
    chosen = [pair for part, pairs in parts.items() if name in ("all", part) for pair in pairs]
    if not chosen:
        raise ValueError(f"expected images in the {name} split of {directory}, found none")
    output = model.signature.outputs[0].name
    probabilities = np.concatenate(
        [
            model.predict(image.load([root / file for file, _ in chosen[start : start + BATCH]]))[output]
            for start in console.track(range(0, len(chosen), BATCH), f"running {model.path.name}")
        ]
    )
    truth = np.array([label for _, label in chosen])
    metrics = {f"{name}_accuracy": accuracy(probabilities, truth)}
    if all(map(are_probabilities, probabilities)):
        metrics[f"{name}_loss"] = cross_entropy(probabilities, truth)
    else:
        console.warn(f"no loss: what {model.path} gives are no probabilities, which are in [0, 1], sum 1")
    console.result(f"{model.path}: {len(chosen)} images of {directory} ({name})")
    for metric, value in metrics.items():
        console.result(f"{metric} {value:.4f}")
    return metrics


def _load_classifier(path: Path, scale: ValueRange | None) -> tuple[Artifact, list[str], ImageInput]:
    model = load_artifact(path, threads=1, concurrency=CPU_COUNT)
    image = image_input(model, scale)
    outputs = model.signature.outputs
    if len(outputs) != 1 or len(outputs[0].shape) != 1:
        given = ", ".join(map(str, outputs))
        raise ValueError(f"expected a classifier, which gives one vector, {path} gives {given}")
    return model, class_labels(model), image


def _as_trained(parts: dict[str, list], bundle: Path, root: Path) -> dict[str, list]:
    """Divides the images as the bundle's own run did, if that was on this folder."""
    try:
        trained_on = read_result(bundle).data.source
        split = json.loads((bundle / SPLIT_FILE).read_text(encoding="utf-8"))["files"]
    except (ValueError, OSError, KeyError):
        return parts
    if trained_on != str(root.resolve()):
        return parts
    divided: dict[str, list] = {}
    for file, label in [pair for pairs in parts.values() for pair in pairs]:
        divided.setdefault(split.get(file, "new"), []).append((file, label))
    return divided
