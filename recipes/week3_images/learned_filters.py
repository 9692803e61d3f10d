# %% [markdown]
# # Look at what the filters of a network have learned
#
# A network is no black box: every map in it is an image, and one can ask each unit which image it likes best.
# From layer to layer the answers have less to do with pixels, and more with classes.
#
# *Week 3, "Understanding Convolutions", "Spatial arrangement". Takes 29 s on one CPU core. `suite run
# learned_filters`*
#
# ## Why look
#
# [cnn_classification](cnn_classification.md) ends with an accuracy. That says how often a network is right,
# and nothing of why: it may go by the digit, or by a smudge in the corner that all sevens of one writer have.
# The notes say that a network understands two things: a hierarchy of filters, and a mapping of combinations
# of them to labels. Both can be tested.
#
# ## The method
#
# Take one map of one layer. There are two ways to ask what it looks for.
#
# * **Which images drive it most?** Sort the training images by its largest answer, and look at the first
#   nine.
# * **Which image would drive it most?** Start with noise and *climb*: differentiate the answer by the pixels,
#   and change them along the slope, within black and white. The weights stay as they are. It is training
#   turned around, and is called **activation maximization**.
#
# By hand, a kernel [-1, 2, -1] on three pixels between -1 and 1: the slope by the pixels is the kernel
# itself, so they climb to [-1, 1, -1], where the answer is 4. No image can do better. Of one layer, then, the
# best image is the sign of the kernel. Of several it is a hill with many tops; the best of three climbs
# counts.
#
# We ask before the ReLU, below which there is no slope to climb.

# %%
import dataclasses
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.explanations import grad_cam, show_heat
from suite.evaluation.metrics import accuracy
from suite.models.blocks import convolution
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result


def strongest(maps: keras.Model, images: tf.Tensor) -> tf.Tensor:
    """The largest answer of each map anywhere in each image, `(images, maps)`."""
    return tf.reduce_max(maps(images), axis=(1, 2))


def climb(maps: keras.Model, rng: np.random.Generator, steps: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """For each map an image that drives it much, and how much.

    >>> line = keras.Input((1, 3, 1))
    >>> maps = keras.Model(line, 2 * line[:, :, 1:2] - line[:, :, :1] - line[:, :, 2:])
    >>> image, answer = climb(maps, np.random.default_rng(0))
    >>> image.ravel().tolist(), answer.tolist()
    ([-1.0, 1.0, -1.0], [4.0])
    """

    @tf.function
    def step(images: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(images)
            answers = tf.linalg.trace(strongest(maps, images))  # image i is to please map i
        slope = tf.math.l2_normalize(tape.gradient(answers, images), axis=(1, 2, 3))
        return tf.clip_by_value(images + 0.5 * slope, -1, 1)

    found = []
    for _ in range(3):
        images = tf.constant(rng.normal(0, 0.3, (maps.output.shape[-1], *maps.input.shape[1:])), tf.float32)
        for _ in range(steps):
            images = step(images)
        found.append((images, np.diag(strongest(maps, images))))
    pictures, answers = (np.array(each) for each in zip(*found, strict=True))
    best = answers.argmax(axis=0), np.arange(answers.shape[1])
    return pictures[best], answers[best]


# %% [markdown]
# ## A network to look at
#
# The small network of [cnn_classification](cnn_classification.md), without its dropout, and digits that are
# turned, zoomed and shifted a little. Any size of image goes in: its end is an average over all places.


# %%
def network(shape: tuple[int, ...], classes: int, filters: tuple[int, ...]) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input(shape, dtype="uint8")
    x = convolution(layers.Rescaling(1 / 127.5, -1)(image), filters[0])  # and normalization, ReLU
    for index, width in enumerate(filters):
        x = layers.MaxPooling2D()(convolution(x, width))
        if index:
            x = layers.Add()([x, convolution(convolution(x, width), width)])
    return keras.Model(image, layers.Dense(classes, "softmax")(layers.GlobalAveragePooling2D()(x)))


def train(model: keras.Model, data: image_sets.ImageSet, config: "Config", context: Context) -> None:
    def move(images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        moved = image_sets.random_affine(tf.cast(images, tf.float32), turn=0.15, zoom=0.1, shift=0.1)
        return tf.cast(tf.round(moved), tf.uint8), labels

    images, labels = data.images["train"], data.labels["train"]
    examples = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(labels), seed=context.seed)
    batches = examples.repeat().batch(config.batch_size, drop_remainder=True).map(move).prefetch(2)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    model.compile(Adam(schedule), "sparse_categorical_crossentropy")
    context.fit(model, batches, epochs=10, steps_per_epoch=config.steps // 10)


# %% [markdown]
# ## A hierarchy of filters
#
# Of the nine images that drive a unit most, how many are of one class? A unit that looks for a stroke finds
# it in many digits. One that looks for a digit finds that digit. We take the mean over all units of the first
# layer of kernels, of one in the middle, and of the last; and of the same network before its training, for
# what depth alone makes of the images.


# %%
LAYERS = {"first": 0, "middle": 4, "last": -1}


def maps_of(model: keras.Model, layer: str) -> keras.Model:
    """From pixels in [-1, 1] to the maps that a layer of kernels gives, normalized."""
    normalized = [each for each in model.layers if isinstance(each, layers.BatchNormalization)]
    return keras.Model(model.layers[1].output, normalized[LAYERS[layer]].output)


def of_one_class(answers: np.ndarray, labels: np.ndarray) -> float:
    """The share of the commonest class among the nine images that drive a unit most; the mean over units."""
    best = np.argsort(-answers, axis=0)[:9]
    return float(np.mean([np.bincount(labels[rows]).max() / 9 for rows in best.T]))


def look_inside(
    model: keras.Model, data: image_sets.ImageSet, rng: np.random.Generator
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Of how much one class the images are that drive a unit, by layer; one climbed to, and eight of them."""
    images, labels, metrics, rows = data.images["train"] / np.float32(127.5) - 1, data.labels["train"], {}, {}
    for layer in LAYERS:
        maps = maps_of(model, layer)
        answers = strongest(maps, images).numpy()
        pictures, reached = climb(maps, rng)
        metrics[f"{layer}_one_class"] = of_one_class(answers, labels)
        metrics[f"{layer}_climbed"] = float(np.mean(reached > answers.max(axis=0)))
        for unit in range(3):
            shown = np.concatenate([pictures[[unit]], images[np.argsort(-answers[:, unit])[:8]]])
            rows[f"{layer} layer, map {unit + 1}"] = shown / 2 + 0.5
    return metrics, rows


# %% [markdown]
# ## Combinations of filters
#
# The last layer multiplies the averages of 96 maps by 96 weights a class. If single filters knew the classes,
# one weight would do. So we leave each class its largest weight alone, set the others to 0, and read again.


# %%
def accuracy_with_largest(model: keras.Model, images: np.ndarray, labels: np.ndarray, number: int) -> float:
    """Accuracy where each class keeps so many of its weights, the largest."""
    averages = keras.Model(model.input, model.layers[-2].output).predict(images, batch_size=500, verbose=0)
    weights, bias = model.layers[-1].get_weights()
    kept = np.where(weights >= np.sort(weights, axis=0)[-number], weights, 0)
    return accuracy(averages @ kept + bias, labels)


# %% [markdown]
# ## Edges and spots
#
# Kernels of the first layer are small enough to read. Turn one by 180 degrees. What changes its sign looks
# for an *edge*, light here and dark there. What stays the same looks for a *spot or line*, something unlike
# both of its sides. And if all of its numbers are alike, it only looks how bright it is. Each kernel is a sum
# of these three parts, at right angles to each other, so their squares add up: the largest gives it its name.


# %%
KINDS = "edge", "spot or line", "brightness"


def kinds(kernels: np.ndarray) -> np.ndarray:
    """Which of KINDS each filter is, by the squares of its parts; kernels are `(3, 3, channels, filters)`.

    >>> step, spot = np.outer([1, 1, 1], [-1, 0, 1]), np.outer([-1, 2, -1], [-1, 2, -1])
    >>> kinds(np.stack([step, spot, np.ones((3, 3))], axis=-1)[:, :, None]).tolist()
    [0, 1, 2]
    """
    turned, level = kernels[::-1, ::-1], kernels.mean(axis=(0, 1), keepdims=True)
    parts = (kernels - turned) / 2, (kernels + turned) / 2 - level, level + 0 * kernels
    return np.argmax([np.square(part).sum(axis=(0, 1, 2)) for part in parts], axis=0)


# %% [markdown]
# Which of them a filter becomes: is that found in the images, or was it there at the start? Compare each
# trained kernel with the random numbers that all kernels began with, by the cosine of the angle between them.


# %%
def nearer_to_own_start(start: np.ndarray, kernels: np.ndarray) -> float:
    """A filter's cosine with its own start, less that with the nearest of the other starts; the mean."""
    start, kernels = (each.reshape(-1, each.shape[-1]) for each in (start, kernels))
    cosines = start.T @ kernels / np.outer(np.linalg.norm(start, axis=0), np.linalg.norm(kernels, axis=0))
    others = np.where(np.eye(len(cosines)), -1, cosines).max(axis=0)
    return float(np.mean(np.diag(cosines) - others))


# %% [markdown]
# ## Where did it look?
#
# *Grad-CAM* asks the last maps that still have places, here those before the last pooling: how much would the
# score of a class grow with each map? Weigh the maps by that and add them up; what is hot speaks for the
# class. (`suite predict photo.jpg --explain` lays such a map over any photo.) Whether it tells the truth can
# be tested. An average does not care for the size of an image, so the same weights read two digits *side by
# side*, which they never saw. Asked for the one, the heat has to lie on its side, and asked for the other, on
# the other.


# %%
def point(
    model: keras.Model, data: image_sets.ImageSet, filters: tuple[int, ...]
) -> tuple[float, tuple[np.ndarray, list[str]]]:
    """How often heat lies mostly on the image asked for, of two side by side; six pairs with it, captions."""
    images, right = data.images["test"][:200], data.labels["test"][:200]
    left, pairs = right[::-1], np.concatenate([images[::-1], images], axis=2)
    pairs, left, right = (each[left != right] for each in (pairs, left, right))
    wide = network(pairs.shape[1:], len(data.classes), filters)
    wide.set_weights(model.get_weights())
    heat = [grad_cam(wide, pairs, asked) for asked in (left, right)]
    half = heat[0].shape[2] // 2
    to_the_left = [each[..., :half].sum(axis=(1, 2)) - each[..., half:].sum(axis=(1, 2)) for each in heat]
    pairs = np.broadcast_to(pairs, (*pairs.shape[:3], 3))
    hot = [show_heat(*each) for maps in heat for each in zip(pairs[:6], maps, strict=False)]
    captions = ["two images"] * 6 + ["asked for the left"] * 6 + ["asked for the right"] * 6
    share = (np.mean(to_the_left[0] > 0) + np.mean(to_the_left[1] < 0)) / 2
    return float(share), (np.stack([*pairs[:6], *hot]), captions)


# %% The figures
def draw_filters(kernels: np.ndarray) -> Figure:
    scaled = kernels / np.abs(kernels).max(axis=(0, 1, 2)) * 127 + 128
    pictures = np.rint(np.moveaxis(scaled[:, :, 0], -1, 0))
    captions = [KINDS[kind] for kind in kinds(kernels)]
    return plots.image_grid(
        pictures.astype(np.uint8), captions, columns=8, title="Kernels of the first layer"
    )


def draw_combinations(shares: dict[int, float]) -> Figure:
    figure, axes = plots.new_figure("With only the largest weights of each class", width=6, height=3.4)
    axes.plot([str(number) for number in shares], [*shares.values()], "o-")
    axes.set(xlabel="weights kept a class", ylabel="test accuracy")
    return figure


# %% [markdown]
# ## Run it


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    filters: Annotated[tuple[int, ...], "of the network, before each pooling"] = (24, 48, 96)
    steps: Annotated[int, "of its training, a multiple of 10; 0: it is not trained"] = 500
    batch_size: Annotated[int, "images a step"] = 128
    learning_rate: Annotated[float, "of Adam at first; it falls along a cosine"] = 3e-3


SMOKE = Config(filters=(4, 8, 8), steps=10, batch_size=16)


def run(config: Config, context: Context) -> Result:
    data, rng = image_sets.load_digits(context.seed), np.random.default_rng(context.seed)
    images, labels = data.images["test"], data.labels["test"]
    model = network(images.shape[1:], len(data.classes), config.filters)
    pixels = data.images["train"] / np.float32(127.5) - 1
    untrained = of_one_class(strongest(maps_of(model, "last"), pixels).numpy(), data.labels["train"])
    start = model.layers[2].get_weights()[0]
    if config.steps:
        train(model, data, config, context)
    metrics, driving = look_inside(model, data, rng)
    pointing, heat = point(model, data, config.filters)
    kernels, last = model.layers[2].get_weights()[0], config.filters[-1]
    numbers = [number for number in (1, 2, 3, 5, 10, 20, 40, last) if number <= last]
    shares = {number: accuracy_with_largest(model, images, labels, number) for number in numbers}
    metrics |= {
        "untrained_last_one_class": untrained,
        "nearer_to_own_start": nearer_to_own_start(start, kernels),
        "rarer_kind": np.bincount(kinds(kernels), minlength=3)[:2].min() / kernels.shape[-1],
        "test_accuracy": accuracy(model.predict(images, batch_size=500, verbose=0), labels),
        "one_weight_accuracy": shares[1],
        "pointing": pointing,
    }
    return Result(
        metrics=metrics,
        figures={
            "units": plots.image_rows(driving, title="Climbed to, then images that drive it most", side=0.7),
            "combinations": draw_combinations(shares),
            "filters": draw_filters(kernels),
            "heat": plots.image_grid(*heat, columns=6, title="Where it looked"),
        },
        data=data.describe(),
    )


# %% [markdown]
# ## What was measured
#
# ![In each row an image that was climbed to, and eight digits that drive the same unit](figures/units.png)
#
# On the left of each row stands the image that was climbed to, and beside it the digits that drive the same
# unit most. In the first layer these are of all kinds: what they share is a stroke in one direction,
# somewhere. In the last layer a row is mostly one class. The climbed images of the last layer drive their
# unit more than any of these digits do, and yet nobody would call them digits. That is worth remembering: a
# network is sure of images that mean nothing, as it was never shown any.
#
# ![Test accuracy over the number of weights kept a class](figures/combinations.png)
#
# A handful of filters a class is enough, one is not.
#
# ![Kernels of 3 x 3 pixels with their names](figures/filters.png)
#
# Edges, and spots or lines: both are there. They were at the start, too: nine random numbers are seldom
# alike, so each random kernel is already a little of the one or of the other, and a filter stays near to what
# it was. On digits of 8 x 8 pixels, training picks from what the start has on offer. (Networks that are
# trained on a million photos with kernels of 11 x 11 end with clean edges and colored blobs, which no start
# has.)
#
# ![Pairs of digits, and where the heat lies for each of the two](figures/heat.png)
#
# The network has never seen two digits. Its heat still finds the one that it is asked for. A map of 2 x 4
# numbers is all that there is to draw of so small an image, so the borders are soft.

# %%
CLAIMS = (
    Claim(
        "first_one_class",
        at_most=0.6,
        says="The images that drive a unit of the first layer are of many classes,",
        lecture="a hierarchical-modular network of convolution filters",
    ),
    Claim("last_one_class", at_least=0.8, says="those that drive one of the last layer mostly of one:"),
    Claim("untrained_last_one_class", at_most=0.7, says="the work of training, as before it they are not."),
    Claim(
        "first_climbed",
        at_least=0.85,
        says="Nearly every unit is driven more by an image that one climbs to than by any digit, in the "
        "first layer,",
    ),
    Claim("middle_climbed", at_least=0.85, says="in the middle,"),
    Claim("last_climbed", at_least=0.85, says="and in the last layer."),
    Claim(
        "one_weight_accuracy",
        at_most=0.85,
        says="With one weight a class left, its largest, fewer digits are read:",
        lecture="a probabilistic mapping between certain combinations of these filters and a set of labels",
    ),
    Claim("test_accuracy", at_least=0.97, says="it is combinations of filters that tell the classes."),
    Claim(
        "rarer_kind",
        at_least=0.1,
        says="Some filters of the first layer look for edges, others for spots or lines.",
        lecture="different neurons may activate in presence of various oriented edges, or blobs",
    ),
    Claim(
        "nearer_to_own_start",
        at_least=0.1,
        says="What a filter becomes depends on the numbers that it started with: on average it stays nearer "
        "to them than to the start of any other.",
        lecture="each kernel gets trained slightly differently",
    ),
    Claim(
        "pointing",
        at_least=0.9,
        says="Of two digits side by side, Grad-CAM's heat lies on the one that it is asked for.",
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** Look into a network that was not trained: `suite run learned_filters --steps 0`. Which claims fall,
# and which do not?
#
# <details><summary>Answer</summary>
#
# `last_one_class`, 0.53 instead of 0.93 (seed 0); `test_accuracy`; and `pointing`, which guesses. What stays
# is not learned: one can climb in any network, and random kernels are edges and spots, too.
# `one_weight_accuracy` stays, as who reads nothing reads no more with fewer weights. It says something only
# beside `test_accuracy`.
#
# </details>
#
# **2.** In `climb`, climb once instead of three times. What becomes of the three claims?
#
# <details><summary>Answer</summary>
#
# `first_climbed` falls to 0.79 (seed 0) and is missed; 0.94 in the middle and 0.92 in the last layer just
# hold. Many climbs end on a lower hill, for instance at the border, where part of the kernel lies outside the
# image.
#
# </details>
#
# **3.** A kernel has the rows [0, 1, 0], [1, -4, 1], [0, 1, 0]. Which kind is it, and which image of 3 x 3
# pixels between -1 and 1 drives it most?
#
# <details><summary>Answer</summary>
#
# Turned by 180 degrees it is the same, and its mean is 0: a spot or line. The sign of the kernel drives it
# most: -1 in the middle, 1 above, below and at both sides, for an answer of 8. The corners have weight 0 and
# may be anything.
#
# </details>
#
# ## To take away
#
# - A unit can be asked what it looks for: by the images that drive it, or by climbing in the pixels.
# - From layer to layer units have less to do with strokes, and more with classes; the last layer combines
#   them.
# - A map of heat is a claim about a network. Test it where the answer is known.
#
# *Before: [cnn_classification](cnn_classification.md). Next: [transfer_learning](transfer_learning.md):
# filters that were learned on other images.*
