"""Turn one image into another along a straight line between their codes.

Week 4, "Cheap image morphing".
Claim: between two digits of different classes, the images along a line of codes look like digits, those of a
       cross-fade do not: over the middle of the way, the mean distance to the nearest real image is at most
       0.85 of the cross-fade's; of what it rises above the ends, where blur shows alone, at most 0.9. A
       classifier (test accuracy at least 0.95) is on average surer of its answer by at least 0.04 (mnist:
       neither of these two holds, with three times the steps nor without). The way is smooth: of its 20 steps
       the largest changes the image on average at most 3 times as much as the mean.
Cost:  60 s on 2 CPU cores; mnist 3 min.
Run:   suite run image_morphing [--data tfds]
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.deploy.exports.autoencoder import decoder_export, encoder_export
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.evaluation.retrieval import Index
from suite.models.autoencoders import Autoencoder, build_variational
from suite.models.blocks import convolution
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, about
from suite.training.likelihoods import VariationalAutoencoder


@dataclasses.dataclass(frozen=True)
class Config:
    code_size: int = 8
    units: tuple[int, ...] = (512, 256)
    steps: int = 4000
    batch_size: int = 128
    learning_rate: float = 2e-3  # at first; falls to 0 along a cosine
    classifier_steps: int = 800
    pairs: int = 500  # of test images of different classes


SMOKE = Config(units=(16,), steps=20, classifier_steps=10, pairs=10)
DATA = ("embedded", "tfds")

STEPS = 20  # of a way
MIDDLE = slice(6, 15)  # of its 21 images, where neither end shows through

CLAIMS = (
    *about(("embedded", "tfds"), Claim("distance_to_real_over_crossfade", at_most=0.85)),
    Claim("distance_rise_over_crossfade", at_most=0.9, data="embedded"),
    Claim("confidence_gained_on_crossfade", at_least=0.04, data="embedded"),
    *about(
        ("embedded", "tfds"),
        Claim("largest_step_over_mean", at_most=3),
        Claim("test_accuracy_classifier", at_least=0.95),
    ),
)


def build_classifier(shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Judges the images on the way; takes floats, since a decoder's images are between the levels of gray."""
    image = keras.Input(shape, name="image")
    x = convolution(convolution(image, 32), 64, strides=2)
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(convolution(x, 64)))
    return keras.Model(image, layers.Dense(num_classes, "softmax", name="probabilities")(x))


def train(
    model: keras.Model,
    batches: tf.data.Dataset,
    steps: int,
    learning_rate: float,
    context: Context,
    loss: str | Callable | None = None,
) -> None:
    model.compile(Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps)), loss)
    context.fit(model, batches.repeat(), steps_per_epoch=steps)


def draw_pairs(labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of images of different classes, `(count,)` each."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(len(labels), size=(20 * count, 2))
    first, second = rows[labels[rows[:, 0]] != labels[rows[:, 1]]][:count].T
    return first, second


def along(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Points on the straight lines between rows: `(pairs, STEPS + 1, ...)` from `(pairs, ...)`."""
    share = np.linspace(0, 1, STEPS + 1, dtype=np.float32).reshape(1, -1, *[1] * (first.ndim - 1))
    return (1 - share) * first[:, None] + share * second[:, None]


def morph(autoencoder: Autoencoder, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Decodes the lines between the codes of uint8 images: `(pairs, STEPS + 1, ...)` in [0, 1]."""
    codes = along(
        *(autoencoder.encoder.predict(images, batch_size=500, verbose=0) for images in (first, second))
    )
    images = autoencoder.decoder.predict(codes.reshape(-1, codes.shape[-1]), batch_size=500, verbose=0)
    return images.reshape(*codes.shape[:2], *images.shape[1:])


def run(config: Config, context: Context) -> Result:
    data = image_sets.load(context.source, context.seed)
    images, test = data.images["train"], data.images["test"]
    targets, shape = images.astype(np.float32) / 255, images.shape[1:]
    autoencoder = build_variational(shape, config.code_size, config.units)
    model = VariationalAutoencoder(autoencoder.model.input, autoencoder.model.output)
    batches = shuffled((images, targets), config.batch_size, context.seed)
    train(model, batches, config.steps, config.learning_rate, context)
    classifier = build_classifier(shape, len(data.classes))
    batches = shuffled((targets, data.labels["train"]), config.batch_size, context.seed)
    loss = "sparse_categorical_crossentropy"
    train(classifier, batches, config.classifier_steps, config.learning_rate, context, loss)

    first, second = draw_pairs(data.labels["test"], config.pairs, context.seed)
    ways = {
        "codes": morph(autoencoder, test[first], test[second]),
        "cross-fade": along(test[first].astype(np.float32) / 255, test[second].astype(np.float32) / 255),
    }
    real = Index(targets[:10_000].reshape(len(targets[:10_000]), -1), ())
    distances, confidences = {}, {}
    for name, way in ways.items():
        every = way.reshape(-1, *shape)
        nearest = real.search(every.reshape(len(every), -1), 1)[1]
        distances[name] = nearest.reshape(way.shape[:2]).mean(axis=0)
        surest = classifier.predict(every, batch_size=500, verbose=0).max(axis=1)
        confidences[name] = surest.reshape(way.shape[:2]).mean(axis=0)
    changes = np.linalg.norm(np.diff(ways["codes"].reshape(*ways["codes"].shape[:2], -1), axis=1), axis=2)

    middle = {name: values[MIDDLE].mean() for name, values in distances.items()}
    rise = {name: middle[name] - values[[0, -1]].mean() for name, values in distances.items()}
    surer = {name: values[MIDDLE].mean() for name, values in confidences.items()}
    probabilities = classifier.predict(test.astype(np.float32) / 255, batch_size=500, verbose=0)
    metrics = {
        "distance_to_real_over_crossfade": middle["codes"] / middle["cross-fade"],
        "distance_rise_over_crossfade": rise["codes"] / rise["cross-fade"],
        "confidence_gained_on_crossfade": surer["codes"] - surer["cross-fade"],
        "largest_step_over_mean": np.mean(changes.max(axis=1) / changes.mean(axis=1)),
        "test_accuracy_classifier": accuracy(probabilities, data.labels["test"]),
    }
    metrics |= {f"confidence_{name.replace('-', '')}": value for name, value in surer.items()}
    return Result(
        metrics=metrics,
        figures={"strips": draw_strips(ways), "along_the_way": draw_curves(distances, confidences)},
        exports=[
            encoder_export(autoencoder, test, images[:300]),
            decoder_export(autoencoder, test, images[:300]),
        ],
        data=data.describe(),
    )


def draw_strips(ways: dict) -> Figure:
    rows = {}
    for pair in range(5):
        for name, way in ways.items():
            rows[f"{pair + 1}: {name}"] = way[pair, ::2]
    return plots.image_rows(rows, title="From one test image to another")


def draw_curves(distances: dict, confidences: dict) -> Figure:
    figure, panels = plots.new_figure("Mean over pairs of different classes", 9, 3.6, 1, 2)
    share = np.linspace(0, 1, STEPS + 1)
    for axes, values, title in (
        (panels[0], distances, "distance to the nearest real image"),
        (panels[1], confidences, "probability of the likeliest class"),
    ):
        lines = {name: (share, line) for name, line in values.items()}
        plots.curves(axes, lines, title=title, xlabel="share of the way")
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
