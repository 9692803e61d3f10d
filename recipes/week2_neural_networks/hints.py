"""Hint to a network, in the language of deep learning, how to learn digits from 100 labels.

Week 2, "Philosophy of deep learning", "Deep learning as a language".
Claim: with 100 labeled images, hint upon hint raises the mean validation accuracy: pooling on top of shared
       weights by at least 0.01, augmentation by at least 0.01 more, an auxiliary task on unlabeled images and
       dropout together by at least 0.005 more, all hints by at least 0.05; so told, 100 labels are worth more
       than 200 without hints (gain at least 0); the network that knows them has at most 0.7 of the bare
       one's parameters, and pays for that with at least 10 times its multiplications.
Cost:  90 s on 2 CPU cores; mnist 9 min, beside other work.
Run:   suite run hints [--data tfds]
"""

import dataclasses
import itertools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite import console
from suite.data.sets import image_sets
from suite.data.sets.image_sets import ImageSet, random_affine
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.evaluation.table import Table
from suite.models.layer_summary import multiplications
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, about, classifier_export


@dataclasses.dataclass(frozen=True)
class Config:
    examples: int = 100  # with labels
    draws: int = 8  # of them
    more_examples: tuple[int, ...] = (20, 50, 200, 500)  # for the first and the last model
    more_draws: int = 3
    steps: int = 400  # of every model, each on a mini-batch
    batch_size: int = 32
    learning_rate: float = 5e-3  # at first; falls to 0 along a cosine
    units: tuple[int, ...] = (128, 64)  # of the dense network
    filters: tuple[int, ...] = (16, 32)
    dropout: float = 0.3


SMOKE = Config(draws=2, more_examples=(20, 200), more_draws=1, steps=5, units=(8,), filters=(2, 4))
DATA = ("embedded", "tfds")

# A model is named after the last of its hints; the first has none, each other those of the models before.
MODELS = ("dense", "convolution", "pooling", "augmentation", "auxiliary_task", "dropout")
# On a phone those of augmentation, the auxiliary task and dropout run like "pooling", with other weights: the
# last stands for the three.
SHIPPED = ("dense", "convolution", "pooling", "dropout")
FAR = {"turn": 0.4, "zoom": 0.15, "shift": 0.15}  # distortions of the auxiliary task
SURE = 0.95  # probability from which on the network's own guess becomes a label
VALIDATION = 2000  # images at most

CLAIMS = (
    *about(
        ("embedded", "tfds"),
        Claim("pooling_gain", at_least=0.01),
        Claim("augmentation_gain", at_least=0.01),
        Claim("auxiliary_task_and_dropout_gain", at_least=0.005),
        Claim("all_hints_gain", at_least=0.05),
        Claim("hinted_over_twice_the_bare_labels", at_least=0),
        Claim("parameters_over_bare", at_most=0.7),
        Claim("multiplications_over_bare", at_least=10),
    ),
)


def build_model(
    hints: tuple[str, ...], shape: tuple[int, ...], num_classes: int, config: Config
) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input(shape, name="image", dtype="uint8")
    features = layers.Rescaling(1 / 255)(image)
    if "convolution" in hints:  # what is worth seeing in one place is worth seeing in all: weights are shared
        for filters in config.filters:
            convolution = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")
            features = layers.ReLU()(convolution(features))
    if "pooling" in hints:  # where it is, to a pixel, does not matter
        features = layers.MaxPooling2D(3, strides=2, padding="same")(features)
    features = layers.Flatten()(features)
    if "convolution" not in hints:
        for units in config.units:
            features = layers.Dense(units, "relu", kernel_initializer="he_normal")(features)
    if "dropout" in hints:  # no feature may be needed alone
        features = layers.Dropout(config.dropout)(features)
    probabilities = layers.Dense(num_classes, "softmax", name="probabilities")(features)
    return keras.Model(image, probabilities)


def cross_entropy(labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    return keras.losses.sparse_categorical_crossentropy(labels, probabilities)


def auxiliary_loss(model: keras.Model, images: tf.Tensor) -> tf.Tensor:
    """In nats: a label that the model gives an image itself, where it is sure, holds for a distorted copy.

    Reference:
        Sohn et al. (2020), FixMatch: simplifying semi-supervised learning with consistency and confidence.
    """
    guesses = model(images)
    sure = tf.cast(tf.reduce_max(guesses, axis=1) >= SURE, tf.float32)
    distorted = random_affine(tf.cast(images, tf.float32), **FAR)
    return tf.reduce_mean(sure * cross_entropy(tf.argmax(guesses, axis=1), model(distorted, training=True)))


def make_learner(hints: tuple[str, ...], data: ImageSet, config: Config) -> tuple[keras.Model, Callable]:
    """A model, and a function that trains it from new random weights with the labels of the given rows."""
    images, labels = data.images["train"], data.labels["train"]
    model = build_model(hints, images.shape[1:], len(data.classes), config)
    weights = model.trainable_variables
    optimizer = Adam(keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps))
    optimizer.build(weights)

    def draw(count: tf.Tensor | int) -> tf.Tensor:
        return tf.random.uniform([config.batch_size], maxval=count, dtype=tf.int32)

    @tf.function(reduce_retracing=True)
    def take_steps(rows: tf.Tensor) -> None:
        for _ in tf.range(config.steps):
            labeled = tf.gather(rows, draw(tf.size(rows)))
            batch = tf.cast(tf.gather(images, labeled), tf.float32)
            if "augmentation" in hints:
                batch = random_affine(batch)
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(cross_entropy(tf.gather(labels, labeled), model(batch, training=True)))
                if "auxiliary_task" in hints:  # on any training image: it needs no label
                    loss += auxiliary_loss(model, tf.gather(images, draw(len(images))))
            optimizer.apply(tape.gradient(loss, weights), weights)

    def learn(rows: np.ndarray) -> float:
        model.set_weights(keras.models.clone_model(model).get_weights())
        for variable in optimizer.variables:
            variable.assign(tf.zeros_like(variable))
        take_steps(tf.constant(rows))
        return score(model, data, "validation")

    return model, learn


def score(model: keras.Model, data: ImageSet, part: str) -> float:
    rows = slice(VALIDATION if part == "validation" else None)
    return accuracy(model.predict(data.images[part][rows], 500, verbose=0), data.labels[part][rows])


def run(config: Config, context: Context) -> Result:
    data = image_sets.load(context.source, context.seed)
    labels = data.labels
    rng = np.random.default_rng(context.seed)
    draws = [rng.permutation(len(labels["train"])) for _ in range(config.draws)]
    accuracies, accuracy_by_label_count, costs, exports = {}, {}, {}, []
    for count, name in enumerate(console.track(MODELS, "models")):
        model, learn = make_learner(MODELS[1 : count + 1], data, config)
        if name in (MODELS[0], MODELS[-1]):
            accuracy_by_label_count[name] = {
                size: np.mean([learn(rows[:size]) for rows in draws[: config.more_draws]])
                for size in sorted({*config.more_examples, 2 * config.examples})
            }
        accuracies[name] = np.array([learn(rows[: config.examples]) for rows in draws])
        costs[name] = model.count_params(), multiplications(model)
        if name in SHIPPED:  # as learned from the last draw
            exports.append(classifier_export(model, data, name))
    means = {name: values.mean() for name, values in accuracies.items()}
    for name in accuracy_by_label_count:
        accuracy_by_label_count[name] = dict(
            sorted((accuracy_by_label_count[name] | {config.examples: means[name]}).items())
        )
    bare, hinted = MODELS[0], MODELS[-1]
    rows = [
        (name.replace("_", " "), f"{means[name]:.4f}", *(f"{cost:,}" for cost in costs[name]))
        for name in MODELS
    ]
    columns = ("last hint", "validation accuracy", "parameters", "multiplications")
    return Result(
        metrics={
            **{f"validation_accuracy_{name}": mean for name, mean in means.items()},
            **{f"{name}_gain": means[name] - means[before] for before, name in itertools.pairwise(MODELS)},
            "all_hints_gain": means[hinted] - means[bare],
            "auxiliary_task_and_dropout_gain": means[hinted] - means["augmentation"],
            "hinted_over_twice_the_bare_labels": means[hinted]
            - accuracy_by_label_count[bare][2 * config.examples],
            "parameters_over_bare": costs[hinted][0] / costs[bare][0],
            "multiplications_over_bare": costs[hinted][1] / costs[bare][1],
            "test_accuracy": score(model, data, "test"),
        },
        figures={
            "hints": draw_hints(accuracies),
            "accuracy_by_label_count": draw_label_counts(accuracy_by_label_count),
        },
        exports=exports,
        data=data.describe(),
        tables=[Table("What each model knows and costs", columns, rows)],
    )


def draw_hints(accuracies: dict[str, np.ndarray]) -> Figure:
    named = {f"+ {name.replace('_', ' ')}": values for name, values in accuracies.items()}
    title = "100 labels, one hint more a row, a point a draw"
    figure = plots.draws(
        {"no hint: dense": named.pop("+ dense"), **named}, xlabel="validation accuracy", title=title
    )
    figure.axes[0].set_xlim(min(map(np.min, accuracies.values())) - 0.01, 1)
    return figure


def draw_label_counts(accuracies: dict[str, dict[int, float]]) -> Figure:
    figure, axes = plots.new_figure("How many labels an accuracy takes")
    names = {MODELS[0]: "no hint", MODELS[-1]: "all hints"}
    lines = {names[name]: (list(values), list(values.values()), "o-") for name, values in accuracies.items()}
    counts = list(accuracies[MODELS[0]])
    ticks = {"xticks": counts, "xticklabels": counts}
    plots.curves(axes, lines, xscale="log", xlabel="labeled images", ylabel="validation accuracy", **ticks)
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
