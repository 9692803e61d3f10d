# %% [markdown]
# # Tell a network what you know
#
# A network that is told nothing needs many labels. What one knows about a task can be told in its layers, in
# its examples and in its loss, and each hint is worth labels.
#
# *Week 2, "Philosophy of deep learning", "Deep learning as a language". Takes 55 s on 2 CPU cores.
# `suite run hints [--data tfds]`*
#
# ## What is against deep learning
#
# The notes are frank: there is *no core theory*, one reasons by intuition; it takes *tons of data, or heavy
# wizardry*; it is *heavy to compute*, a challenge on a phone; and it is *overhyped*, people expect wonders.
# The first and the last are judgments on a field. The other two can be measured, and the first of them has an
# answer in the notes as well: "Deep learning is a language in which you can hint your model on what you want
# it to learn."
#
# ## The method
#
# What does one know of digits, before any label? We tell it one hint after the other, each on top of those
# before:
#
#     what one knows                               where it is told        as
#     a stroke looks alike everywhere              in the layers           convolution: weights are shared
#     where it is, to a pixel, does not matter     in the layers           pooling
#     turned or moved a little, a 7 is a 7         in the examples         augmentation
#     so it is without a label                     in the loss             an auxiliary task
#
# The *auxiliary task* needs images without labels, of which there are always more. Let the network guess.
# Where it is sure, take its guess as the label of a strongly distorted copy of the image.
#
# By hand, with two classes and "sure" from 0.95 on. The network gives an image (0.97, 0.03): that is sure,
# and the label is 0. Of the copy it says (0.5, 0.5), which costs `-log 0.5 = 0.693` nats. Another image has
# (0.6, 0.4), which is not sure, and costs nothing, whatever is said of its copy. The mean over the two is
# 0.347.

# %%
import dataclasses
import itertools
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite import console
from suite.data.sets import image_sets
from suite.data.sets.image_sets import random_affine
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.evaluation.table import Table
from suite.models.layer_summary import multiplications
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, about, classifier_export

SURE = 0.95  # probability from which on the network's own guess becomes a label
cross_entropy = keras.losses.sparse_categorical_crossentropy


def agreement(guesses: tf.Tensor, of_copies: tf.Tensor) -> tf.Tensor:
    """Mean cost in nats: a guess that is sure is the label of the image's distorted copy.

    >>> guesses, of_copies = tf.constant([[0.97, 0.03], [0.6, 0.4]]), tf.constant([[0.5, 0.5], [0.1, 0.9]])
    >>> round(float(agreement(guesses, of_copies)), 3)
    0.347
    """
    sure = tf.cast(tf.reduce_max(guesses, axis=1) >= SURE, tf.float32)
    return tf.reduce_mean(sure * cross_entropy(tf.argmax(guesses, axis=1), of_copies))


# %% [markdown]
# (Sohn and others, 2020, call this task FixMatch.)
#
# ## Hints in the layers
#
# Without a hint the network is a dense one, to which pixels are a list in any order. A convolution is told
# that neighbors belong together and that all places are alike; pooling, that places need not be exact.


# %%
# A model is named after the last of its hints; the first has none, each other those of the models before.
MODELS = ("dense", "convolution", "pooling", "augmentation", "auxiliary_task")


def build_model(
    hints: tuple[str, ...], shape: tuple[int, ...], num_classes: int, config: "Config"
) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input(shape, name="image", dtype="uint8")
    features = layers.Rescaling(1 / 255)(image)
    if "convolution" in hints:
        for filters in config.filters:
            convolution = layers.Conv2D(filters, 3, padding="same", kernel_initializer="he_normal")
            features = layers.ReLU()(convolution(features))
    if "pooling" in hints:
        features = layers.MaxPooling2D(3, strides=2, padding="same")(features)
    features = layers.Flatten()(features)
    if "convolution" not in hints:
        for units in config.units:
            features = layers.Dense(units, "relu", kernel_initializer="he_normal")(features)
    features = layers.Dropout(config.dropout)(features)
    probabilities = layers.Dense(num_classes, "softmax", name="probabilities")(features)
    return keras.Model(image, probabilities)


# %% [markdown]
# ## Hints in the training
#
# Each draw shuffles all images but those of the test. The first hundred have labels. Half, or 2,000 if that
# is fewer, are held out to judge by, other ones in each draw, so that no network has to please the same few
# images. What lies between has lost its labels; it and the first hundred are what the auxiliary task sees.


# %%
FAR = {"turn": 0.4, "zoom": 0.15, "shift": 0.15}  # distortions of the auxiliary task


def make_learner(hints: tuple[str, ...], images: np.ndarray, labels: np.ndarray, config: "Config") -> tuple:
    """A model, and a function that trains it from new random weights and gives its accuracy."""
    model = build_model(hints, images.shape[1:], int(labels.max()) + 1, config)
    weights = model.trainable_variables
    optimizer = Adam(keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps))
    optimizer.build(weights)

    def draw(rows: tf.Tensor) -> tf.Tensor:
        return tf.gather(rows, tf.random.uniform([config.batch_size], maxval=tf.size(rows), dtype=tf.int32))

    @tf.function(reduce_retracing=True)
    def take_steps(labeled: tf.Tensor, known: tf.Tensor) -> None:
        for _ in tf.range(config.steps):
            rows = draw(labeled)
            batch, others = (tf.cast(tf.gather(images, each), tf.float32) for each in (rows, draw(known)))
            if "augmentation" in hints:
                batch = random_affine(batch)
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(cross_entropy(tf.gather(labels, rows), model(batch, training=True)))
                if "auxiliary_task" in hints:
                    loss += agreement(model(others), model(random_affine(others, **FAR), training=True))
            optimizer.apply(tape.gradient(loss, weights), weights)

    def learn(order: np.ndarray, examples: int) -> float:
        held_out = min(2000, len(order) // 2)
        model.set_weights(keras.models.clone_model(model).get_weights())
        for variable in optimizer.variables:
            variable.assign(tf.zeros_like(variable))
        take_steps(tf.constant(order[:examples]), tf.constant(order[:-held_out]))
        return score(model, images[order[-held_out:]], labels[order[-held_out:]])

    return model, learn


def score(model: keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    return accuracy(model.predict(images, 500, verbose=0), labels)


# %% The figures
def draw_hints(accuracies: dict[str, np.ndarray]) -> Figure:
    names = ("no hint", "+ shared weights", "+ pooling", "+ augmentation", "+ auxiliary task")
    named = dict(zip(names, accuracies.values(), strict=True))
    figure = plots.draws(named, xlabel="accuracy", title="One hint more a row, a point a draw")
    figure.axes[0].set_xlim(min(map(np.min, accuracies.values())) - 0.01, 1)
    return figure


def draw_label_counts(by_count: dict[str, dict[int, float]]) -> Figure:
    figure, axes = plots.new_figure("How many labels an accuracy takes")
    names = {MODELS[0]: "no hint", MODELS[-1]: "all hints"}
    lines = {names[key]: (list(by_count[key]), list(by_count[key].values()), "o-") for key in names}
    ticks = {name: list(by_count[MODELS[0]]) for name in ("xticks", "xticklabels")}
    plots.curves(axes, lines, xscale="log", xlabel="labeled images", ylabel="accuracy", **ticks)
    return figure


# %% [markdown]
# ## Run it
#
# Five networks, each learning from the same draws of a hundred labels. The first and the last of them learn
# from more labels and from fewer, too.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    examples: Annotated[int, "images with labels"] = 100
    draws: Annotated[int, "of them"] = 6
    more_examples: Annotated[tuple[int, ...], "the same, for the first and the last model"] = (20, 500)
    more_draws: Annotated[int, "of these"] = 2
    steps: Annotated[int, "of every model, each on a mini-batch"] = 400
    batch_size: Annotated[int, "of a mini-batch"] = 32
    learning_rate: Annotated[float, "at first; falls to 0 along a cosine"] = 5e-3
    units: Annotated[tuple[int, ...], "of the dense network's layers"] = (128, 64)
    filters: Annotated[tuple[int, ...], "of the convolutions"] = (16, 32)
    dropout: Annotated[float, "share of the features that are dropped while a model trains"] = 0.0


SMOKE = Config(draws=1, more_examples=(20,), more_draws=1, steps=3, units=(8,), filters=(2, 4))
DATA = ("embedded", "tfds")


def run(config: Config, context: Context) -> Result:
    data = image_sets.load(context.source, context.seed)
    images, labels = (np.concatenate([x["train"], x["validation"]]) for x in (data.images, data.labels))
    rng, (bare, *_, hinted) = np.random.default_rng(context.seed), MODELS
    draws = [rng.permutation(len(labels)) for _ in range(config.draws)]
    accuracies, by_count, costs, exports, some = {}, {}, {}, [], draws[: config.more_draws]
    for count, name in enumerate(console.track(MODELS, "models")):
        model, learn = make_learner(MODELS[1 : count + 1], images, labels, config)
        sizes = config.more_examples if name in (bare, hinted) else ()
        found = {size: np.mean([learn(order, size) for order in some]) for size in sizes}
        if name == bare:
            with_twice = np.mean([learn(order, 2 * config.examples) for order in draws])
        accuracies[name] = np.array([learn(order, config.examples) for order in draws])
        by_count[name] = dict(sorted((found | {config.examples: accuracies[name].mean()}).items()))
        costs[name] = model.count_params(), multiplications(model)
        if name in (bare, hinted):  # as learned from the last draw
            exports.append(classifier_export(model, data, name))
    means = {name: values.mean() for name, values in accuracies.items()}
    rows = [(name, f"{means[name]:.4f}", *map("{:,}".format, costs[name])) for name in MODELS]
    return Result(
        metrics={
            **{f"accuracy_{name}": mean for name, mean in means.items()},
            **{f"{name}_gain": means[name] - means[before] for before, name in itertools.pairwise(MODELS)},
            "all_hints_gain": means[hinted] - means[bare],
            "hinted_over_twice_the_bare_labels": means[hinted] - with_twice,
            "parameters_over_bare": costs[hinted][0] / costs[bare][0],
            "multiplications_over_bare": costs[hinted][1] / costs[bare][1],
            "test_accuracy": score(model, data.images["test"], data.labels["test"]),
        },
        figures={"hints": draw_hints(accuracies), "labels": draw_label_counts(by_count)},
        exports=exports,
        data=data.describe(),
        tables=[Table("Hints", ("last hint", "accuracy", "parameters", "multiplications"), rows)],
    )


# %% [markdown]
# ## What was measured
#
# ![Accuracy of five networks, one hint more a row, a point a draw](figures/hints.png)
#
# A point is a draw, and the points of one row lie as far apart as the rows: **luck with a hundred labels is
# as large as a hint.** All networks see the same draws, so it is the means that one compares. Sharing weights
# without pooling gains a point or less, too little to be sure of with so few draws, and is not claimed. Nor
# is the auxiliary task on top of augmentation: it gains on average, but with six draws it may be next to
# nothing. A fifth hint, that no single feature should be needed (`--dropout 0.3`, on top of the others),
# gained nothing over sixteen draws that could be told from luck.
#
# ![Accuracy by the number of labels, without hints and with all](figures/labels.png)
#
# Read it from left to right: how many more labels does the network without hints need for what the other one
# has at a hundred? The fewer labels, the more a hint is worth. With five hundred most of what it says is in
# the labels, too.
#
# The bill is paid in arithmetic. The network that knows it all has *fewer* weights than the bare one, since a
# shared weight is stored once, and many times its multiplications, since it is used at every place. Weights
# decide how large a file is, multiplications how warm a phone gets.

# %%
CLAIMS = (
    *about(
        ("embedded", "tfds"),
        Claim(
            "pooling_gain",
            at_least=0.003,
            says="Told that places need not be exact, a network reads more digits,",
        ),
        Claim(
            "augmentation_gain",
            at_least=0.005,
            says="told in examples that a moved digit is a digit, more again.",
            lecture="A way of producing hints is by the way you train the model",
        ),
        Claim(
            "all_hints_gain",
            at_least=0.035,
            says="All hints together are worth several points,",
            lecture="a language in which you can hint your model on what you want it to learn",
        ),
        Claim(
            "hinted_over_twice_the_bare_labels",
            at_least=0.005,
            says="and more than as many labels again.",
            lecture="You need either large dataset or heavy wizardy",
        ),
        Claim("parameters_over_bare", at_most=0.7, says="The network that was told all has fewer weights,"),
        Claim(
            "multiplications_over_bare",
            at_least=10,
            says="and more than ten times the multiplications.",
            lecture="Running on mobiles/embedded is a challenge",
        ),
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run hints --steps 200 --draws 12`: which hint is worth far less now, and why that one?
#
# <details><summary>Answer</summary>
#
# Augmentation is worth 0.009 instead of 0.04 (seed 0): images that are always other ones take more steps to
# learn, and there are few. Pooling gains as much as before, 0.03. Weights that are shared gain hardly
# anything by themselves, with few steps or many.
#
# </details>
#
# **2.** On paper: images of 8 by 8 pixels, 16 maps of the same size. How many weights has a dense layer
# between them, how many a convolution of 3 by 3, and how many multiplications has each?
#
# <details><summary>Answer</summary>
#
# Dense: `64 * 16 * 64 = 65,536` weights, and one multiplication for each. Convolution: `9 * 16 = 144`
# weights, each used at 64 places (fewer at the border): 9,216. It needs fewer of both. The bare network is
# cheaper only because it is narrow: 128 and 64 units, where the maps hold 1,024 and 2,048 numbers. The second
# convolution, from 16 to 32 maps, alone takes 294,912; the bare network takes 17,024 in all.
#
# </details>
#
# ## To take away
#
# - Ask what you know about the task before you ask for labels, and where it can be told: layers, examples,
#   loss.
# - Measure hints one by one, over several draws: with a hundred labels, luck with the draw is as large as a
#   hint.
# - Images without labels may be worth something: a network is its own teacher where it is sure.
#
# *Before: [matrix_derivatives](matrix_derivatives.md). Next: [convolution](convolution.md), where the first
# of these hints comes from.*
