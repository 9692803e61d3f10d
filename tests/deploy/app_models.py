"""A small model of each kind that an app can use, written as bundles hold them."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from suite.deploy.convert.metadata import add_metadata
from suite.deploy.convert.saved_model import save_saved_model
from suite.deploy.convert.tflite import convert_tflite
from suite.deploy.ranges import SIGNED
from suite.language.vocabulary import END, START, Vocabulary
from suite.models.detector import build_detector

LABELS = ("cat", "big dog", "hen")
PIXELS = np.random.default_rng(0).integers(256, size=(50, 70, 3), dtype=np.uint8)
TEXT = "Don't see the Red star, seé the moon! L'eau नमस्ते กำลัง İstanbul 👍🏽 New  York"
KNOWN_WORDS = (
    "don't", "see", "the", "red", "star", ",", "seé", "moon", "l'", "eau", "नमस्ते", "กำ", "กำลัง", "istanbul",
    "👍🏽",
)  # fmt: skip
WORDS = Vocabulary(KNOWN_WORDS)
KNOWN = Vocabulary([*KNOWN_WORDS, "new york"])  # of a tagger, whose words may have blanks in them


def write_tflite(model, folder, labels=(), **texts):
    folder.mkdir(parents=True, exist_ok=True)
    save_saved_model(model, folder / "one", batch_size=1)
    (folder / "model.tflite").write_bytes(convert_tflite(folder / "one", "float32"))
    if labels:
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
    for name, vocabulary in texts.items():
        (folder / f"{name}.txt").write_text(vocabulary.to_text())


def dense(*arguments, **settings):
    """Its weights are far apart, so that answers are."""
    return layers.Dense(*arguments, kernel_initializer=keras.initializers.RandomNormal(stddev=2), **settings)


def from_picture(shape=(8, 12, 3)):
    image = keras.Input(shape, dtype="uint8", name="image")
    return image, layers.Flatten()(layers.Rescaling(1 / 255, offset=-0.5)(image))


def classifier(folder, shape=(8, 12, 3)):
    image, x = from_picture(shape)
    write_tflite(keras.Model(image, dense(3, "softmax", name="probabilities")(x)), folder, LABELS)
    return "photo.png"


def scaled(folder, shape=(8, 12, 3)):
    """Takes [-1, 1], as the metadata of its file say."""
    image = keras.Input(shape, name="image")
    outputs = dense(3, "softmax", name="probabilities")(layers.Flatten()(image) / 2)
    write_tflite(keras.Model(image, outputs), folder, LABELS)
    add_metadata(folder / "model.tflite", LABELS, ranges={"image": SIGNED})
    return "photo.png"


def scaled_gray(folder):
    return scaled(folder, (9, 7, 1))


def gray(folder):
    return classifier(folder, (9, 7, 1))


def localizer(folder):
    image, x = from_picture()
    outputs = {"probabilities": dense(3, "softmax")(x), "box": layers.Dense(4, "sigmoid")(x)}
    write_tflite(keras.Model(image, outputs), folder, LABELS)
    return "photo.png"


def detector(folder):
    write_tflite(build_detector((16, 24, 3), 3, filters=(4, 4, 4))[1], folder, LABELS)
    return "photo.png"


def segmenter(folder):
    image = keras.Input((8, 12, 3), dtype="uint8", name="image")
    layer = layers.Conv2D(3, 3, padding="same", activation="softmax", name="probabilities")
    write_tflite(keras.Model(image, layer(ops.cast(image, "float32"))), folder, LABELS)
    return "photo.png"


def text_classifier(folder):
    tokens = keras.Input((19,), dtype="int32", name="tokens")
    x = layers.Flatten()(layers.Embedding(len(WORDS), 4, embeddings_initializer="random_normal")(tokens))
    outputs = dense(3, "softmax", name="probabilities")(100 * x)
    write_tflite(keras.Model(tokens, outputs), folder, LABELS, vocabulary=WORDS)
    return TEXT


def tagger(folder):
    words = keras.Input((4,), dtype="int32", name="words")
    characters = keras.Input((4, 5), dtype="int32", name="characters")
    spelled = ops.reshape(ops.cast(characters, "float32"), (-1, 4, 5))
    x = ops.concatenate([layers.Embedding(len(KNOWN), 4)(words), spelled / 8], axis=-1)
    model = keras.Model([words, characters], dense(3, "softmax", name="probabilities")(x))
    letters = Vocabulary(list(" Dontsehrmé'"))
    write_tflite(model, folder, LABELS, vocabulary=KNOWN, characters=letters)
    return TEXT


def language_model(folder, words=("\n", "a", "b", "\\")):
    """Says after each token the next of the vocabulary, round and round, but never "<unk>", the likeliest."""
    token = keras.Input((), dtype="int32", name="token")
    state = keras.Input((2,), name="hidden_state_0")
    following = ops.where(token >= 5, 2, token + 1)
    logits = 50 * ops.one_hot(following, 6) + 100 * ops.one_hot(1 + 0 * token, 6)
    model = keras.Model([token, state], {"logits": logits, "new_hidden_state_0": state + 1})
    write_tflite(model, folder, vocabulary=Vocabulary(words))
    return "a"


def model_of_words(folder):
    """Draws: its next words are all likely, and depend on the state."""
    token = keras.Input((), dtype="int32", name="token")
    state = keras.Input((2,), name="hidden_state_0")
    given = ops.concatenate([ops.one_hot(token, len(WORDS)), state], axis=-1)
    outputs = {
        "probabilities": layers.Dense(len(WORDS), "softmax")(given),
        "new_hidden_state_0": layers.Dense(2, "tanh", kernel_initializer="random_normal")(given),
    }
    write_tflite(keras.Model([token, state], outputs), folder, vocabulary=WORDS)
    return "See the Red star"


def pair(folder, given, x, **texts):
    write_tflite(
        keras.Model(given, {"hidden_state": dense(4, "tanh")(x), "memory": dense(3)(x)}), folder, **texts
    )
    words = Vocabulary([START, END, "a", "red", "star"])
    token, memory = keras.Input((), dtype="int32", name="token"), keras.Input((3,), name="memory")
    state = keras.Input((4,), name="hidden_state")
    seen = ops.concatenate([ops.one_hot(token, len(words)), state, memory], axis=-1)
    new = dense(4, "tanh")(seen)
    outputs = {"logits": dense(len(words))(ops.concatenate([seen, new], axis=-1)), "new_hidden_state": new}
    write_tflite(
        keras.Model([token, state, memory], outputs), folder.with_name("decoder_step"), vocabulary=words
    )


def captioner(folder):
    pair(folder, *from_picture())
    return "photo.png"


def translator(folder):
    source = keras.Input((5,), dtype="int32", name="source")
    x = layers.Flatten()(ops.one_hot(source, 5))
    pair(folder, source, x, vocabulary=Vocabulary(["a", "b", "\n"]))
    return "b\nb"


def repainter(folder):
    image, x = from_picture()
    write_tflite(keras.Model(image, {"painted": layers.Reshape((8, 4, 3))(dense(96)(x))}), folder)
    return "photo.png"


def numbers(folder):
    ages, heights = keras.Input((2,), name="ages"), keras.Input((1,), dtype="int32", name="heights")
    x = ops.concatenate([ages, ops.cast(heights, "float32")], axis=-1)
    write_tflite(keras.Model([ages, heights], {"price": dense(1)(x), "risk": dense(2)(x)}), folder)
    return '{"ages": [1.5, 2], "heights": [3]}'


def write_personal(folder, spare_classes=2):
    """The four signatures of a personal classifier of three classes, on its pixels as features."""
    kernel, bias = tf.Variable(tf.zeros((288, 3 + spare_classes))), tf.Variable(tf.zeros(3 + spare_classes))

    def features(image):
        return tf.reshape(tf.cast(image, tf.float32) / 40 - 3, (1, 288))

    def infer(image):
        return {"probabilities": tf.nn.softmax(features(image) @ kernel + bias)}

    def train(image, label, learning_rate):
        target, inputs = tf.one_hot(label, 3 + spare_classes), features(image)
        chances = tf.nn.softmax(inputs @ kernel + bias)
        error = chances - target
        kernel.assign_sub(learning_rate * tf.matmul(inputs, error, transpose_a=True))
        bias.assign_sub(learning_rate * error[0])
        return {"loss": -tf.math.log(tf.reduce_sum(chances * target))}

    def restore(new_kernel, new_bias):
        kernel.assign(new_kernel)
        bias.assign(new_bias)
        return {"done": tf.constant(1)}

    image, label = tf.TensorSpec((1, 8, 12, 3), tf.uint8, "image"), tf.TensorSpec((1,), tf.int32, "label")
    arrays = [tf.TensorSpec(x.shape, tf.float32, name) for x, name in ((kernel, "kernel"), (bias, "bias"))]
    specs = {
        "infer": (infer, [image]),
        "train": (train, [image, label, tf.TensorSpec((), tf.float32, "learning_rate")]),
        "weights": (lambda: {"kernel": kernel.read_value(), "bias": bias.read_value()}, []),
        "restore": (restore, arrays),
    }
    module = tf.Module()
    module.kept = kernel, bias
    functions = {
        name: tf.function(function, input_signature=given).get_concrete_function()
        for name, (function, given) in specs.items()
    }
    tf.saved_model.save(module, str(folder / "personal"), signatures=functions)
    (folder / "model_personal.tflite").write_bytes(convert_tflite(folder / "personal", "float32"))


KINDS = {
    "classifier": "classifier",
    "gray": "classifier",
    "scaled": "classifier",
    "scaled_gray": "classifier",
    "localizer": "localizer",
    "detector": "detector",
    "segmenter": "segmenter",
    "text_classifier": "text_classifier",
    "tagger": "tagger",
    "language_model": "language_model",
    "model_of_words": "language_model",
    "captioner": "captioner",
    "translator": "translator",
    "repainter": "tensors",
    "numbers": "tensors",
}
