"""Small bundles whose answers are known: what `suite preview` shows, without training."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from suite.bundle.record import read_result
from suite.bundle.rows import ArtifactRow, Latency
from suite.deploy.convert.saved_model import save_saved_model
from suite.deploy.convert.tflite import FILES, convert_tflite
from suite.language.vocabulary import END, START, Vocabulary
from suite.linear.untrained import UNTRAINED_BIAS, is_untrained
from tests.records import artifact, changed, write_record

LABELS = ["red", "green", "blue"]
SPARE = 2
LETTERS = ["\n", "a", "b", "c"]


def write_bundle(
    folder: Path, models: dict, files: dict | None = None, variants=("float32",), calibrated_on: int = 100
) -> Path:
    """A bundle of models by subfolder ("" for none), and further files by path."""
    rows = []
    for name, model in models.items():
        home = folder / name
        home.mkdir(parents=True, exist_ok=True)
        save_saved_model(model, folder.parent / "saved" / name, batch_size=1)
        shape = (calibrated_on, *model.inputs[0].shape[1:])
        for variant in variants:
            calibration = {model.inputs[0].name: noise(shape)} if variant == "int8" else None
            content = convert_tflite(folder.parent / "saved" / name, variant, calibration)
            (home / FILES[variant]).write_bytes(content)
            rows.append(row(folder, home / FILES[variant], variant))
    for path, text in (files or {}).items():
        (folder / path).write_text(text, encoding="utf-8")
    write_result(folder, rows)
    return folder


def noise(shape) -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)


def row(folder: Path, path: Path, variant: str) -> ArtifactRow:
    """The row of an artifact that is there; float32, which the page opens first, is the fastest."""
    size, latency = path.stat().st_size, Latency(3.0 if variant == "float32" else 9.0)
    return artifact(path.relative_to(folder).as_posix(), variant=variant, bytes=size, latency_ms=latency)


def rows_of(folder: Path) -> tuple[ArtifactRow, ...]:
    return read_result(folder).artifacts


def write_result(folder: Path, rows: Sequence[ArtifactRow]) -> None:
    about = {"name": folder.name, "kind": "recipe", "claims": (), "metrics": {"test_accuracy": 1.0}}
    write_record(folder, changed(**about, artifacts=tuple(rows)))


def picture_bundle(folder: Path) -> Path:
    """A classifier of colors in float32 and int8, and one that can be taught more of them."""
    keras.utils.set_random_seed(0)
    image = keras.Input((32, 48, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(image)
    x = layers.Conv2D(8, 5, strides=3, activation="relu6")(x)
    probabilities = layers.Dense(3, "softmax", name="probabilities")(layers.Flatten()(x))
    model = keras.Model(image, probabilities)
    write_bundle(
        folder, {"": model}, {"labels.txt": "".join(f"{name}\n" for name in LABELS)}, ("float32", "int8")
    )
    saved, path = folder.parent / "saved" / "personal", folder / "model_personal.tflite"
    module = Personal()
    tf.saved_model.save(module, str(saved), signatures=module.signatures())
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    converter.experimental_enable_resource_variables = True
    path.write_bytes(converter.convert())
    write_result(folder, [*rows_of(folder), row(folder, path, "personal")])
    return folder


class Personal(tf.Module):
    """Softmax regression on the mean color, which knows red, green and blue and has two spare classes."""

    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(np.pad(9 * np.eye(3, dtype=np.float32), ((0, 0), (0, SPARE))))
        self.bias = tf.Variable(np.float32([0, 0, 0] + [UNTRAINED_BIAS] * SPARE))

    def signatures(self) -> dict:
        image = tf.TensorSpec((1, 32, 48, 3), tf.uint8, "image")
        label, rate = tf.TensorSpec((1,), tf.int32, "label"), tf.TensorSpec((), tf.float32, "learning_rate")
        kernel = tf.TensorSpec(self.kernel.shape, tf.float32, "kernel")
        bias = tf.TensorSpec(self.bias.shape, tf.float32, "bias")
        functions = {
            "infer": (self.infer, (image,)),
            "train": (self.train, (image, label, rate)),
            "weights": (self.weights, ()),
            "restore": (self.restore, (kernel, bias)),
        }
        return {
            name: tf.function(function, input_signature=specs).get_concrete_function()
            for name, (function, specs) in functions.items()
        }

    def features(self, image):
        return tf.reduce_mean(tf.cast(image, tf.float32) / 255, axis=(1, 2))

    def infer(self, image):
        return {"probabilities": tf.nn.softmax(self.features(image) @ self.kernel + self.bias)}

    def train(self, image, label, learning_rate):
        features, target = self.features(image), tf.one_hot(label, 3 + SPARE)
        awake = tf.where((target[0] > 0) & is_untrained(self.bias), 0.0, self.bias)
        logits = features @ self.kernel + awake
        error = tf.nn.softmax(logits) - target
        self.kernel.assign_sub(learning_rate * tf.matmul(features, error, transpose_a=True))
        self.bias.assign(awake - learning_rate * error[0])
        return {"loss": -tf.reduce_sum(target * tf.nn.log_softmax(logits))}

    def weights(self):
        return {"kernel": self.kernel.read_value(), "bias": self.bias.read_value()}

    def restore(self, kernel, bias):
        self.kernel.assign(kernel)
        self.bias.assign(bias)
        return {"done": tf.constant(1)}


def text_bundle(folder: Path) -> Path:
    """A classifier of texts, a tagger and a language model, in folders."""
    names = "".join(f"{name}\n" for name in LABELS)
    words = Vocabulary(["don't", "stop", "Stop", ".", "été"]).to_text()
    files = {
        "classifier/labels.txt": names,
        "classifier/vocabulary.txt": words,
        "tagger/labels.txt": names,
        "tagger/vocabulary.txt": words,
        "tagger/characters.txt": Vocabulary([" ", *"dontsSp."]).to_text(),
        "writer/vocabulary.txt": Vocabulary(LETTERS).to_text(),
    }
    models = {"classifier": _text_classifier(), "tagger": _tagger(), "writer": _writer()}
    return write_bundle(folder, models, files)


def _text_classifier() -> keras.Model:
    tokens = keras.Input((6,), dtype="int32", name="tokens")
    table = layers.Embedding(7, 3, embeddings_initializer=keras.initializers.RandomNormal(0, 1, seed=0))
    scores = ops.sum(table(tokens) * ops.reshape(ops.arange(1.0, 7.0), (1, 6, 1)), axis=1)
    return keras.Model(tokens, layers.Softmax(name="probabilities")(scores))


def _tagger() -> keras.Model:
    """Four words at a time, of five characters at most."""
    words = keras.Input((4,), dtype="int32", name="words")
    characters = keras.Input((4, 5), dtype="int32", name="characters")
    table = layers.Embedding(12, 3, embeddings_initializer=keras.initializers.RandomNormal(0, 1, seed=1))
    weights = ops.reshape(ops.arange(1.0, 6.0), (1, 1, 5, 1))
    scores = table(words) + ops.sum(table(characters) * weights, axis=2)
    return keras.Model(
        {"words": words, "characters": characters}, layers.Softmax(name="probabilities")(scores)
    )


def _writer() -> keras.Model:
    """Says after each letter the next one, round and round, and "<unk>" if it may; counts in its state."""
    token = keras.Input((), dtype="int32", name="token")
    count = keras.Input((1,), name="hidden_state_0")
    following = ops.where(token >= 5, 2, token + 1)
    logits = 5 * ops.one_hot(following, 6) + 9 * ops.one_hot(0 * token + 1, 6)
    return keras.Model([token, count], {"logits": logits, "new_hidden_state_0": count + 1})


def pair_bundle(folder: Path, source_shape=(5,)) -> Path:
    """An encoder with a decoder's step: of letters, or of a picture where `source_shape` is that of one."""
    words = Vocabulary([START, END, *"abc"])
    is_picture = len(source_shape) == 3
    name = "image" if is_picture else "source"
    source = keras.Input(source_shape, dtype="uint8" if is_picture else "int32", name=name)
    numbers = ops.cast(ops.reshape(source, (-1, int(np.prod(source_shape)))), "float32")
    code = layers.Dense(8, "tanh", kernel_initializer=keras.initializers.RandomNormal(0, 0.3, seed=0))(
        numbers
    )
    encoder = keras.Model(source, {"code": code, "hidden_state_0": 0.5 * code})
    token, memory = keras.Input((), dtype="int32", name="token"), keras.Input((8,), name="code")
    state = keras.Input((8,), name="hidden_state_0")
    x = layers.Embedding(len(words), 8, embeddings_initializer=keras.initializers.RandomNormal(0, 1, seed=1))(
        token
    )
    new = layers.Dense(8, "tanh", kernel_initializer=keras.initializers.RandomNormal(0, 0.8, seed=2))(
        layers.Concatenate()([x, memory, state])
    )
    logits = layers.Dense(len(words), kernel_initializer=keras.initializers.RandomNormal(0, 2, seed=3))(new)
    step = keras.Model([token, memory, state], {"logits": logits, "new_hidden_state_0": new})
    files = {f"{part}/vocabulary.txt": words.to_text() for part in ("encoder", "decoder_step")}
    return write_bundle(folder, {"encoder": encoder, "decoder_step": step}, files)


def drawing_bundle(folder: Path) -> Path:
    """A detector and a localizer of one thing in the left half, a segmenter of left and right, a painter."""
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    none = 0 * ops.mean(layers.Rescaling(1.0)(image), axis=(1, 2))  # (1, 3)
    box = [0.0, 0.0, 1.0, 0.5]
    boxes = ops.reshape(none[:, :1], (1, 1, 1)) + np.float32([[box, box]])
    scores = none[:, :2] + np.float32([[0.75, 0.1]])
    labels = ops.cast(none[:, :2] + np.float32([[2, 1]]), "int32")
    left = np.zeros((1, 4, 4, 3), np.float32)
    left[:, :, :1, 0], left[:, :, 1:, 1] = 1, 1
    localized = {
        "probabilities": none + np.float32([[0.2, 0.7, 0.1]]),
        "box": none[:, :1] + np.float32([box]),
    }
    models = {
        "detector": keras.Model(image, {"boxes": boxes, "scores": scores, "labels": labels}),
        "localizer": keras.Model(image, localized),
        "segmenter": keras.Model(image, {"probabilities": ops.reshape(none, (1, 1, 1, 3)) + left}),
        "painter": keras.Model(image, {"stylized": 200 - layers.Rescaling(0.5)(image)}),
    }
    return write_bundle(folder, models, {f"{name}/labels.txt": "red\ngreen\nblue\n" for name in models})
