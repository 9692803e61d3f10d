"""An exported model on the user's images, texts or words, whatever its format."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from suite import console
from suite.data.folder import read_labeled
from suite.data.images import load_image
from suite.evaluation.metrics import accuracy, cross_entropy
from suite.export.bundle import LABELS_FILE, SPLIT_FILE, read_result
from suite.export.runtime import CPU_COUNT, Artifact, load_artifact

BATCH = 64  # images in memory at a time
SURE = 0.3  # score from which a detection is put in words
CONTINUATION = {"character": 120, "word": 30}  # tokens that are added to a text
TEMPERATURE = 0.7  # of these
SPLITS = ("train", "validation", "test", "all")
TEXT_INPUTS = ({"tokens"}, {"words"}, {"words", "characters"})  # of a classifier, and of taggers


def predict(artifact: str | Path, *images: str | Path, top: int = 3) -> list[dict]:
    """Names what a classifier, localizer, detector or segmenter sees in each image, or finds the like.

    Texts are classified, or their words tagged, with the `vocabulary.txt` beside the artifact.

    Args:
        artifact: A .keras, .tflite or .onnx file or a SavedModel folder, with its `labels.txt` beside it; for
            an encoder, the `index.npz` of the images that are searched; for word embeddings, their words.
        *images: Image files of any format that Pillow reads; texts or words, where the artifact takes such.
        top: How many classes or neighbors to give at most, best first; a detector gives all that it finds.

    Returns:
        A dict an image: {"file", "classes": [{"class", "probability"}, ...]}; from a localizer also "box",
        [top, left, bottom, right] in [0, 1]; from a detector {"file", "detections": [{"class", "score",
        "box"}, ...]}; from a segmenter classes with the "share" of the pixels, largest first; from an encoder
        {"file", "neighbors": [{"name", "distance"}, ...]}; from word embeddings the same with "word", the
        distance being 1 - cosine; from a classifier of texts {"text", "classes"}; from a tagger {"text",
        "tags": [{"word", "tag", "probability"}, ...]}, one a word; from the step of a language model {"text",
        "continuations": [...]}, `top` of them, the same at each call.

    Raises:
        ValueError: The artifact is none of these, its labels or words are missing, an image cannot be read,
            a word is not in the vocabulary, or a text has no word.
    """
    model = load_artifact(artifact, threads=1, concurrency=CPU_COUNT)
    if [tensor.name for tensor in model.signature.inputs] == ["word"]:
        return _nearest_words(model, images, top)
    if "token" in [tensor.name for tensor in model.signature.inputs]:
        return [{"text": text, "continuations": _continue(model, text, top)} for text in images]
    if {tensor.name for tensor in model.signature.inputs} in TEXT_INPUTS:
        return [_read_text(model, text, top) for text in images]
    _check_takes_image(model)
    read = _reader(model)
    rows = []
    for path in images:
        answers = model.predict(_load_batch(model, [path]))
        rows.append({"file": str(path), **read({name: values[0] for name, values in answers.items()}, top)})
    return rows


def in_words(row: dict) -> str:
    """Says what `predict` found in an image; of a detector's boxes those with a score of at least `SURE`."""
    if "continuations" in row:
        return " | ".join(text.replace("\n", " / ") for text in row["continuations"])
    if "tags" in row:
        return " ".join(f"{entry['word']}/{entry['tag']}" for entry in row["tags"])
    if "neighbors" in row:
        return ", ".join(f"{entry['name']} {entry['distance']:.3f}" for entry in row["neighbors"])
    found = [entry for entry in row.get("detections", row.get("classes")) if entry.get("score", 1) >= SURE]
    numbers = [entry.get("probability", entry.get("score", entry.get("share"))) for entry in found]
    words = [
        f"{entry['class']} {number:.3f}{_place(entry)}" for entry, number in zip(found, numbers, strict=True)
    ]
    return ", ".join(words) + _place(row) or "nothing"


def _place(entry: dict) -> str:
    sides = zip(("top", "left", "bottom", "right"), entry.get("box", ()), strict=False)
    words = " ".join(f"{name} {side:.2f}" for name, side in sides)
    return f" ({words})" if words else ""


def _reader(model: Artifact):
    """How the outputs of a model are read, by their names and shapes: `(outputs, top) -> dict`."""
    shapes = {tensor.name: len(tensor.shape) for tensor in model.signature.outputs}
    if shapes == {"code": 1}:
        from suite.evaluation.retrieval import INDEX_FILE, Index  # scikit-learn takes its time

        return functools.partial(_read_neighbors, Index.load(_beside(model, INDEX_FILE)))
    if set(shapes) == {"boxes", "scores", "labels"}:
        read = _read_detections
    elif set(shapes) == {"probabilities", "box"}:
        read = _read_box
    elif list(shapes.values()) == [1]:
        read = _read_classes
    elif list(shapes.values()) == [3]:
        read = _read_shares
    else:
        raise ValueError(
            "expected a model that gives class probabilities, a box or boxes, a map of classes, or a code, "
            f"{model.path} gives {_describe(model.signature.outputs)}"
        )
    return functools.partial(read, _labels(model))


def _read_neighbors(index, outputs: dict, top: int) -> dict:
    rows, distances = index.search(outputs["code"][None], top)
    found = zip(rows[0], distances[0], strict=True)
    return {"neighbors": [{"name": index.names[row], "distance": float(distance)} for row, distance in found]}


def _read_classes(labels: list[str], outputs: dict, top: int) -> dict:
    (probabilities,) = outputs.values()
    best = np.argsort(-probabilities, kind="stable")[:top]
    return {"classes": [{"class": labels[i], "probability": float(probabilities[i])} for i in best]}


def _read_box(labels: list[str], outputs: dict, top: int) -> dict:
    box = [float(side) for side in outputs["box"]]
    return _read_classes(labels, {"probabilities": outputs["probabilities"]}, top) | {"box": box}


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


def evaluate(artifact: str | Path, directory: str | Path, split: str | None = None) -> dict[str, float]:
    """Measures a classifier on a folder of labeled images.

    Args:
        artifact: As in `predict`.
        directory: One subfolder a class, named as in `labels.txt`; with or without train, validation and test
            folders around them.
        split: "train", "validation", "test" or "all". By default the held-out images, as far as known: the
            test (else validation) split that the bundle made of this very folder, or the folder's own test
            (else validation) part; otherwise all images.

    Returns:
        {"SPLIT_accuracy", "SPLIT_loss"}: share of right answers in [0, 1], and nats per image.

    Raises:
        ValueError: Bad artifact or folder, a class that the model does not know, or an empty split.
    """
    if split not in (None, *SPLITS):
        raise ValueError(f"expected a split among {', '.join(SPLITS)}, received {split!r}")
    model, labels = _load_classifier(artifact)
    root = Path(directory)
    parts, aside = read_labeled(root, labels)
    if aside:
        console.warn(f"{len(aside)} files set aside, first {aside[0]['file']}: {aside[0]['reason']}")
    parts = _as_trained(parts, Path(artifact).resolve().parent, root)
    name = split or next((part for part in ("test", "validation") if parts.get(part)), "all")
    chosen = [pair for part, pairs in parts.items() if name in ("all", part) for pair in pairs]
    if not chosen:
        raise ValueError(f"expected images in the {name} split of {directory}, found none")
    output = model.signature.outputs[0].name
    probabilities = np.concatenate(
        [
            model.predict(_load_batch(model, [root / file for file, _ in chosen[start : start + BATCH]]))[
                output
            ]
            for start in console.track(range(0, len(chosen), BATCH), f"running {model.path.name}")
        ]
    )
    truth = np.array([label for _, label in chosen])
    metrics = {
        f"{name}_accuracy": accuracy(probabilities, truth),
        f"{name}_loss": cross_entropy(probabilities, truth),
    }
    console.result(f"{model.path}: {len(chosen)} images of {directory} ({name})")
    for metric, value in metrics.items():
        console.result(f"{metric} {value:.4f}")
    return metrics


def _continue(model: Artifact, text: str, count: int) -> list[str]:
    """What a language model adds to a text: `count` draws with a fixed seed."""
    from suite.language.decoding import NEW, StepModel, generate
    from suite.language.vocabulary import PADDING, SPECIAL, UNKNOWN, VOCABULARY_FILE, tokenize

    step = StepModel(model)
    outputs = {tensor.name for tensor in model.signature.outputs}
    fixed = [name for name in step.initial_state() if NEW + name not in outputs]
    if fixed:
        raise ValueError(
            f"expected the step of a language model, {model.path} also takes {', '.join(fixed)}, which an "
            "encoder gives"
        )
    known = _vocabulary(model, VOCABULARY_FILE)
    kind = "character" if all(len(word) == 1 for word in known.words[len(SPECIAL) :]) else "word"
    tokens = list(text) if kind == "character" else tokenize(text)
    if not tokens:
        raise ValueError(f"expected a text with at least one {kind}, received {text!r}; give one")
    beginning = ["\n"] if "\n" in known else []  # a text begins after a break
    prompt, rng = known.ids([*beginning, *tokens]), np.random.default_rng(0)
    settings = {"temperature": TEMPERATURE, "forbidden": (PADDING, UNKNOWN)}
    drawn = [
        generate(step, step.initial_state(), prompt, CONTINUATION[kind], rng, **settings)
        for _ in range(count)
    ]
    return [("" if kind == "character" else " ").join(known.decode(ids)) for ids in drawn]


def _read_text(model: Artifact, text: str, top: int) -> dict:
    """Classifies a text, or tags its words."""
    from suite.language.vocabulary import VOCABULARY_FILE, tokenize

    labels, known = _labels(model), _vocabulary(model, VOCABULARY_FILE)
    is_classifier = model.signature.inputs[0].name == "tokens"
    tokens = tokenize(text, lower=is_classifier)
    if not tokens:
        raise ValueError(f"expected a text with at least one word, received {text!r}; give one")
    length = next(t.shape[0] for t in model.signature.inputs if t.name != "characters") or len(tokens)
    if is_classifier:
        (probabilities,) = model.predict({"tokens": known.ids(tokens, length)[None]}).values()
        return {"text": text, **_read_classes(labels, {"probabilities": probabilities[0]}, top)}
    found = np.concatenate(
        [
            _tag(model, known, tokens[start : start + length], length)
            for start in range(0, len(tokens), length)
        ]
    )
    return {
        "text": text,
        "tags": [
            {"word": word, "tag": labels[int(p.argmax())], "probability": float(p.max())}
            for word, p in zip(tokens, found, strict=True)
        ],
    }


def _tag(model: Artifact, known, words: list[str], length: int) -> np.ndarray:
    """Probabilities `(words, tags)`; the words are as many as the model takes, or fewer."""
    from suite.language.tagging import CHARACTERS_FILE, TaggerVocabulary

    letters = {tensor.name: tensor.shape for tensor in model.signature.inputs}.get("characters", (0, 0))[1]
    characters = _vocabulary(model, CHARACTERS_FILE, "characters") if letters else known
    inputs = TaggerVocabulary(known, characters).encode([words], length, letters)
    (found,) = model.predict({tensor.name: inputs[tensor.name] for tensor in model.signature.inputs}).values()
    return found[0, : len(words)]


def _vocabulary(model: Artifact, name: str, what: str = "words"):
    from suite.language.vocabulary import Vocabulary

    path = _beside(model, name)
    if not path.is_file():
        raise ValueError(f"expected the {what} in {path}, found no such file; put it there")
    return Vocabulary.from_text(path.read_text(encoding="utf-8"))


def _nearest_words(model: Artifact, words: Sequence[str], top: int) -> list[dict]:
    from suite.evaluation.embeddings import WordVectors
    from suite.language.vocabulary import SPECIAL, VOCABULARY_FILE  # scikit-learn takes its time

    known = _vocabulary(model, VOCABULARY_FILE)
    (vectors,) = model.predict({"word": np.arange(len(known), dtype=np.int32)}).values()
    every = WordVectors(known.words[len(SPECIAL) :], vectors[len(SPECIAL) :])
    return [
        {
            "word": word,
            "neighbors": [
                {"name": near, "distance": 1 - cosine} for near, cosine in every.nearest(word.lower(), top)
            ],
        }
        for word in words
    ]


def _load_image_model(path: str | Path) -> Artifact:
    model = load_artifact(path, threads=1, concurrency=CPU_COUNT)
    _check_takes_image(model)
    return model


def _check_takes_image(model: Artifact) -> None:
    image = model.signature.inputs[0]
    is_image = len(image.shape) == 3 and image.shape[2] in (1, 3) and None not in image.shape[:2]
    if len(model.signature.inputs) != 1 or not is_image:
        raise ValueError(
            f"expected a model that takes one RGB or gray image, {model.path} takes "
            f"{_describe(model.signature.inputs)}"
        )


def _labels(model: Artifact) -> list[str]:
    path = _beside(model, LABELS_FILE)
    if not path.is_file():
        raise ValueError(f"expected the class names in {path}, found no such file; put it there")
    labels = path.read_text(encoding="utf-8").split("\n")[:-1]
    outputs = model.signature.outputs
    counts = [tensor.shape[-1] for tensor in outputs if tensor.name == "probabilities" or len(outputs) == 1]
    if counts and counts[0] not in (None, len(labels)):
        raise ValueError(f"expected {counts[0]} class names in {path}, found {len(labels)}")
    return labels


def _beside(model: Artifact, name: str) -> Path:
    return Path(model.path).resolve().parent / name


def _load_classifier(path: str | Path) -> tuple[Artifact, list[str]]:
    model = _load_image_model(path)
    outputs = model.signature.outputs
    if len(outputs) != 1 or len(outputs[0].shape) != 1:
        raise ValueError(f"expected a classifier, which gives one vector, {path} gives {_describe(outputs)}")
    return model, _labels(model)


def _load_batch(model: Artifact, paths: Sequence[str | Path]) -> np.ndarray:
    """Images `(n, height, width, 3 or 1)`, of the dtype and in the colors that a model takes."""
    image = model.signature.inputs[0]
    pixels = np.stack([load_image(path, image.shape[:2]) for path in paths])
    if image.shape[2] == 1:
        pixels = np.stack([Image.fromarray(each).convert("L") for each in pixels])[..., None]
    return pixels.astype(image.dtype)


def _describe(tensors) -> str:
    return ", ".join(f"{tensor.name} {tensor.dtype} {tensor.shape}" for tensor in tensors)


def _as_trained(parts: dict[str, list], bundle: Path, root: Path) -> dict[str, list]:
    """Divides the images as the bundle's own run did, if that was on this folder."""
    try:
        trained_on = read_result(bundle)["data"]["source"]
        split = json.loads((bundle / SPLIT_FILE).read_text(encoding="utf-8"))["files"]
    except (ValueError, OSError, KeyError):
        return parts
    if trained_on != str(root.resolve()):
        return parts
    divided: dict[str, list] = {}
    for file, label in [pair for pairs in parts.values() for pair in pairs]:
        divided.setdefault(split.get(file, "new"), []).append((file, label))
    return divided
