# %% [markdown]
# # Keep the largest of four numbers
#
# Pooling says of a small window what was found in it, and forgets where. That makes a network cheap and
# patient with small shifts, and takes from it how things stand to each other.
#
# *Week 3, "Strides", "The Pooling Layer". Takes 55 s on 2 CPU cores. `suite run pooling_and_strides`*
#
# ## Why forget on purpose?
#
# A filter answers at each of thousands of places, and its neighbors answer nearly the same. For "is this a
# 7?" nobody needs to know to the pixel where its corner lies. So from layer to layer one keeps fewer places.
# The question is which: *any* one of four, the largest of four, or their mean? And what does it cost to
# forget?
#
# ## The method
#
# Lay a window on the map, write one number down, go on by the *stride*; here both are 2. There is nothing to
# learn: pooling has no weights.
#
#     1 3 | 0 0                       3 1              1.5  0.25                       1 0
#     0 2 | 0 1      the largest      5 4     the mean 1.25 1.5      a stride alone    5 4
#     ----+----
#     5 0 | 4 0
#     0 0 | 0 2
#
# A stride of 2 without pooling takes the upper left number of each window and never looks at the other three.
# Let the 3 change places with its left neighbor: the maximum does not notice, nor does the mean, and the
# stride, which had a 1, now has a 3. Let it change places with its right neighbor, over the border, and all
# but the stride notice. Pooling tolerates *some* small shifts; it is not blind to them.

# %%
import dataclasses
import itertools
from collections.abc import Callable
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.backprop.pooling import average_pooling, max_pooling
from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.evaluation.table import Table
from suite.models.layer_summary import multiplications
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, classifier_export


def pool(X: np.ndarray, size: int, stride: int, summary: Callable = np.max) -> np.ndarray:
    """One number a window and channel: (n, height, width, channels) -> (n, rows, columns, channels).

    >>> X = np.array([[1, 3, 0, 0], [0, 2, 0, 1], [5, 0, 4, 0], [0, 0, 0, 2]])[None, ..., None]
    >>> [pool(X, 2, 2, summary)[0, ..., 0].tolist() for summary in (np.max, np.mean)]
    [[[3.0, 1.0], [5.0, 4.0]], [[1.5, 0.25], [1.25, 1.5]]]
    >>> X[0, ::2, ::2, 0].tolist()
    [[1, 0], [5, 4]]
    """
    rows, columns = (range(0, side - size + 1, stride) for side in X.shape[1:3])
    Z = np.empty((len(X), len(rows), len(columns), X.shape[3]))
    for (row, top), (column, left) in itertools.product(enumerate(rows), enumerate(columns)):
        Z[:, row, column] = summary(X[:, top : top + size, left : left + size], axis=(1, 2))
    return Z


# %% [markdown]
# ## Four ways to go on
#
# Two convolutions read digits on a black canvas, with as many filters each time. After each of them the map
# is left as it is, or made smaller in one of three ways. At the end there is a weight for each feature *and
# place*. So what makes the maps smaller makes the last layer smaller, too, and every layer between cheaper.


# %%
REDUCTIONS = ("none", "strides", "max pooling", "average pooling")
MARGIN = 4  # black pixels around the digits: how far they can be shifted


def reduced_convolution(x: keras.KerasTensor, filters: int, reduction: str) -> keras.KerasTensor:
    x = layers.Conv2D(filters, 3, 2 if reduction == "strides" else 1, "same", activation="relu")(x)
    pooling = {"max pooling": layers.MaxPooling2D, "average pooling": layers.AveragePooling2D}
    return pooling[reduction](2)(x) if reduction in pooling else x


def build(reduction: str, filters: tuple[int, int], num_classes: int) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input((8 + 2 * MARGIN, 8 + 2 * MARGIN, 1), name="image", dtype="uint8")
    x = layers.Rescaling(1 / 255)(image)
    for count in filters:
        x = reduced_convolution(x, count, reduction)
    x = layers.Flatten(name="features")(x)
    outputs = layers.Dense(num_classes, "softmax", name="probabilities")(x)
    return keras.Model(image, outputs, name=reduction.replace(" ", "_"))


# %% [markdown]
# ## What a shift does
#
# All four learn from digits in the middle. Then the test digits move, in four directions, and we look at two
# things: how many are still read, and how far the features go from where they were, as a share of their
# length.


# %%
def by_shift(model: keras.Model, digits: np.ndarray, labels: np.ndarray) -> tuple[list[float], list[float]]:
    """Accuracy, and how far the features move, at 0 to `MARGIN` pixels."""
    both = keras.Model(model.input, [model.get_layer("features").output, model.output])
    unmoved, right, moves = both(image_sets.on_canvas(digits, MARGIN))[0].numpy(), [], []
    for by in range(MARGIN + 1):
        places = ((by, 0), (-by, 0), (0, by), (0, -by))
        images = np.concatenate([image_sets.on_canvas(digits, MARGIN, place) for place in places])
        features, probabilities = (each.numpy() for each in both(images))
        distances = np.linalg.norm(features.reshape(4, *unmoved.shape) - unmoved, axis=2)
        right.append(accuracy(probabilities, np.tile(labels, 4)))
        moves.append(float(np.mean(distances / np.linalg.norm(unmoved, axis=1))))
    return right, moves


# %% [markdown]
# ## What it does against overfitting
#
# Now the digits lie anywhere within two pixels of the middle, each at one place, and there are few of them.
# All networks can learn them by heart. How much worse are they on new digits at new places? The difference of
# the two losses is what we call overfitting.
#
# ## What is lost
#
# A 0 and a 1 stand side by side, each at some height, with black between them: is the 0 at the left? The
# digits of the test are new ones. Two convolutions see patches of 5 pixels; then comes one max pooling. If
# its windows are half the image, each digit has a window of its own. If it is all of the image, the network
# knows which strokes there are, and has to guess at which side.
#
# Is that the pooling's fault, or does a network with so few features at the end know nothing anyway? A last
# one has a maximum over all places, too, but of features that see 29 pixels, both digits.


# %%
WINDOWS = "half the image", "all of it", "all of it,\nwide field"


def side_by_side(
    digits: np.ndarray, labels: np.ndarray, config: "Config", rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Images of a 0 and a 1, `(pairs, 24 + gap, 24 + gap, 1)`, and whether the 0 is at the left."""
    side, far = 16 + config.gap, 8 + config.gap
    images, left = np.zeros((config.pairs, side, side, 1), np.uint8), rng.integers(2, size=config.pairs)
    for image, zero_left, tops in zip(images, left, rng.integers(0, far + 1, (len(left), 2)), strict=True):
        for name, column, top in zip((0, 1), (0, far) if zero_left else (far, 0), tops, strict=True):
            image[top : top + 8, column : column + 8] = rng.choice(digits[labels == name])
    return np.pad(images, [(0, 0), (4, 4), (4, 4), (0, 0)]), left  # no patch sees a digit and the border


def build_comparer(window: str, config: "Config") -> keras.Model:
    side = 24 + config.gap
    x = image = keras.Input((side, side, 1), dtype="uint8")
    kernels = 3 * [(5, 2)] if "wide" in window else 2 * [(3, 1)]  # with strides: 5, 13, 29 pixels
    x = layers.Rescaling(1 / 255)(x)
    for filters, (kernel, stride) in zip((*config.filters, config.filters[1]), kernels, strict=False):
        x = layers.Conv2D(filters, kernel, stride, "same", activation="relu")(x)
    x = layers.MaxPooling2D((side, side // 2) if window == WINDOWS[0] else x.shape[1:3])(x)
    return keras.Model(image, layers.Dense(2, "softmax")(layers.Flatten()(x)))


# %% [markdown]
# ## Is it right?


# %%
def reference_gap(rng: np.random.Generator) -> float:
    """Largest difference of `pool` to TensorFlow's and to the fast ones of `suite.backprop`, in float64."""
    gaps = []
    for size, stride in itertools.product((1, 2, 3), (1, 2, 3)):
        X = rng.normal(size=(2, 9, 11, 3))
        largest, mean = pool(X, size, stride), pool(X, size, stride, np.mean)
        gaps += [largest - tf.nn.max_pool2d(X, size, stride, "VALID"), largest - max_pooling(X, size, stride)]
        gaps += [mean - tf.nn.avg_pool2d(X, size, stride, "VALID"), mean - average_pooling(X, size, stride)]
    return max(float(np.abs(gap).max()) for gap in gaps)


# %% The figures
def draw_shifts(shifted: dict[str, tuple[list[float], list[float]]]) -> Figure:
    figure, panels = plots.new_figure("Trained on centered digits", 9.6, 3.8, columns=2)
    labels = "test accuracy", "moved features, share of length"
    for axes, values, ylabel in zip(panels, zip(*shifted.values(), strict=True), labels, strict=True):
        lines = {name: (range(len(each)), each, "o-") for name, each in zip(shifted, values, strict=True)}
        plots.curves(axes, lines, xlabel="shift of the test digits in pixels", ylabel=ylabel)
        axes.set(ylim=(0, None), xticks=range(MARGIN + 1))
    return figure


def draw_relation(images: np.ndarray, labels: np.ndarray, accuracies: dict[str, float]) -> Figure:
    figure, panels = plots.new_figure("Is the 0 at the left?", 11, 3.2, columns=3)
    for axes, answer in zip(panels, (1, 0), strict=False):
        axes.imshow(images[np.argmax(labels == answer), ..., 0], cmap="gray")
        axes.set(title=("no", "yes")[answer], xticks=(), yticks=())
        axes.grid(False)
    bars = panels[2].bar(list(accuracies), list(accuracies.values()), color=plots.COLORS[0])
    panels[2].bar_label(bars, fmt="%.2f")
    panels[2].axhline(0.5, color=plots.MUTED, linestyle="--")
    panels[2].set(ylim=(0, 1.1), xlabel="the window of the pooling", ylabel="test accuracy")
    return figure


# %% [markdown]
# ## Run it
#
# All networks are trained by Adam, at a rate that falls to 0 along a cosine. Of 0.002 and 0.005 the latter
# had the lower loss on validation for those with, without pooling and with strides alike.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    filters: Annotated[tuple[int, int], "kernels of the two layers"] = (12, 24)
    epochs: Annotated[int, "on all digits, in the middle"] = 20
    few: Annotated[int, "digits anywhere, to overfit on"] = 200
    few_epochs: Annotated[int, "on those"] = 50
    pairs: Annotated[int, "images of two digits"] = 1000
    pair_epochs: Annotated[int, "on those"] = 8
    gap: Annotated[int, "black pixels between them, an even number"] = 8
    batch_size: Annotated[int, "images a step"] = 64
    learning_rate: Annotated[float, "of Adam at first"] = 5e-3


SMOKE = Config(filters=(2, 2), epochs=1, few=64, few_epochs=1, pairs=64, pair_epochs=1)


def run(config: Config, context: Context) -> Result:
    rng, data = np.random.default_rng(context.seed), image_sets.load_digits(context.seed)
    labels = data.labels

    def train(model: keras.Model, examples: tuple, epochs: int) -> keras.Model:
        batches = shuffled(examples, config.batch_size, context.seed)
        schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, epochs * len(batches))
        model.compile(Adam(schedule), "sparse_categorical_crossentropy")
        context.fit(model, batches, epochs=epochs)
        return model

    centered = {part: image_sets.on_canvas(digits, MARGIN) for part, digits in data.images.items()}
    anywhere = {
        part: np.stack([np.roll(image, rng.integers(-2, 3, 2), (0, 1)) for image in images])
        for part, images in centered.items()
    }
    few = anywhere["train"][: config.few], labels["train"][: config.few]
    shifted, gaps, models, rows = {}, {}, {}, []
    for name in REDUCTIONS:
        models[name], other = (build(name, config.filters, len(data.classes)) for _ in range(2))
        train(models[name], (centered["train"], labels["train"]), config.epochs)
        shifted[name] = by_shift(models[name], data.images["test"], labels["test"])
        train(other, few, config.few_epochs)
        parts = few, (anywhere["validation"], labels["validation"])
        losses = [other.evaluate(*part, 1000, verbose=0) for part in parts]
        gaps[name] = losses[1] - losses[0]
        counts = f"{other.count_params():,}", f"{multiplications(other):,}"
        rows.append((name, *counts, *(f"{value:.3f}" for value in (*losses, shifted[name][0][0]))))

    pairs, asked = (side_by_side(data.images[part], labels[part], config, rng) for part in ("train", "test"))
    relation = {}
    for window in WINDOWS:
        comparer = train(build_comparer(window, config), pairs, config.pair_epochs)
        relation[window] = accuracy(comparer(asked[0]).numpy(), asked[1])

    pooled = models["max pooling"]
    metrics = {
        "weights_over_pooled": models["none"].count_params() / pooled.count_params(),
        "multiplications_over_pooled": multiplications(models["none"]) / multiplications(pooled),
        "multiplications_over_strided": multiplications(pooled) / multiplications(models["strides"]),
        "max_pooling_gap_over_none": gaps["max pooling"] / gaps["none"],
        "max_pooling_gap_over_strides": gaps["max pooling"] / gaps["strides"],
        "relation_accuracy": relation[WINDOWS[0]],
        "relation_lost": relation[WINDOWS[0]] - relation[WINDOWS[1]],
        "wide_field_gain": relation[WINDOWS[2]] - relation[WINDOWS[1]],
        "test_accuracy": shifted["max pooling"][0][0],
        "reference_gap": reference_gap(rng),
    }
    for other in ("none", "strides"):
        metrics[f"gain_over_{other}"] = shifted["max pooling"][0][1] - shifted[other][0][1]
        for kind in ("max", "average"):
            moves = shifted[f"{kind} pooling"][1][1], shifted[other][1][1]
            metrics[f"{kind}_pooling_move_over_{other}"] = moves[0] / moves[1]
    header = ("after each layer", "weights", "multiplications", "loss on few", "on new", "test accuracy")
    return Result(
        metrics=metrics,
        figures={"shift": draw_shifts(shifted), "relation": draw_relation(*asked, relation)},
        exports=[classifier_export(pooled, dataclasses.replace(data, images=centered))],
        data=data.describe(),
        tables=[Table("Four ways to go on", header, rows)],
    )


# %% [markdown]
# ## What was measured
#
# ![Accuracy and moved features over the shift, for four networks](figures/shift.png)
#
# Features behind a pooling go about half as far as those behind a stride, or behind nothing (right). So with
# max pooling more digits are still read after a shift by one pixel. Average pooling moves as little, but has
# learned less in as many steps. By two pixels all do little better than guess: windows of 2 are patient with
# a pixel, and not with two. What is to be found *anywhere* needs larger windows, or training images that are
# shifted.
#
# What do the maps cost? Without a reduction there are many times the weights and the work, and the network
# learns few digits by heart best of all: on them its loss is the lowest, and on new ones the highest. Strides
# are cheaper still than pooling, as they skip places *before* the kernel is asked, where pooling asks
# everywhere and then forgets. What it buys with that work is the left panel, and less overfitting with as few
# weights.
#
# ![Two pairs of digits, and the accuracy over the pooling's window](figures/relation.png)
#
# And this is what it costs: as long as each half has a window of its own, the network tells where the 0 is.
# With one window it does no better than a guess (the dashed line). It is not that it has too few features
# left: with a wider field *before* the pooling it answers again. What must be seen together has to be seen
# before one pools.

# %%
CLAIMS = (
    Claim(
        "weights_over_pooled",
        at_least=5,
        says="Without a reduction the network has more than five times the weights of one with pooling,",
        lecture="to reduce the amount of parameters and computation in the network",
    ),
    Claim("multiplications_over_pooled", at_least=2, says="and takes more than twice the multiplications;"),
    Claim("multiplications_over_strided", at_least=2, says="pooling takes more than twice those of strides."),
    Claim(
        "max_pooling_gap_over_none",
        at_most=0.5,
        says="On few digits it overfits less than half as much as without a reduction.",
        lecture="and hence to also control overfitting",
    ),
    Claim(
        "max_pooling_move_over_strides",
        at_most=0.8,
        says="When a digit moves by a pixel, features behind max pooling go less far than behind strides,",
        lecture="But how do we maintain translational invariance with the stride? We use pooling layers",
    ),
    Claim("max_pooling_move_over_none", at_most=0.7, says="and less far than without a reduction;"),
    Claim(
        "average_pooling_move_over_strides",
        at_most=0.8,
        says="so do those behind average pooling, beside strides",
    ),
    Claim("average_pooling_move_over_none", at_most=0.7, says="and beside no reduction."),
    Claim(
        "gain_over_strides",
        at_least=0.05,
        says="So with max pooling more of the moved digits are read than with strides,",
        lecture="helping the network be more tolerant of small shifts in images",
    ),
    Claim("gain_over_none", at_least=0.05, says="and than without a reduction."),
    Claim(
        "relation_lost",
        at_least=0.3,
        says="With one window over the image a network tells less often where the 0 is than with two,",
        lecture="But this looses relational information on objects",
    ),
    Claim(
        "wide_field_gain", at_least=0.3, says="unless its features see both digits before they are pooled."
    ),
    Claim("test_accuracy", at_least=0.95, says="With max pooling it reads digits in the middle."),
    Claim(
        "reference_gap",
        at_most=1e-12,
        says="Our loop pools as TensorFlow and suite.backprop do.",
        lecture="The pooling kernel does not have any weights associated with it",
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run pooling_and_strides --gap 0`: nothing is between the two digits. Do patches of 5 pixels
# see now what they need?
#
# <details><summary>Answer</summary>
#
# No, and no claim falls: with one window the network is right in 0.50 of the images (seed 0). Digits have
# black columns of their own, and an edge alone does not tell where the rest is.
#
# </details>
#
# **2.** Let `pool` overlap: windows of 3 with a stride of 2 on a map of 9 x 9. How many numbers are left, and
# how many windows does the pixel in row 2, column 2 (from 0) lie in?
#
# <details><summary>Answer</summary>
#
# 4 x 4, as (9 - 3) / 2 + 1 = 4. Row 2 lies in the windows that begin at 0 and at 2, so does column 2: in four
# windows. AlexNet pooled so. If such a pixel wins in all four, it gets the blame of four windows when one
# goes backward, which is the next lesson.
#
# </details>
#
# **3.** In `side_by_side`, leave the border of 4 pixels away (and 8 of `side`), so that digits touch the edge
# of the image. The network with one window is then right in 0.55 of the images on seed 0 and in 0.93 on seed
# 1. Who told it?
#
# <details><summary>Answer</summary>
#
# The padding. Where the image is black the first layer gives its biases; beyond the edge `"same"` puts zeros.
# To the second layer that is a visible line, and a stroke beside the line at the left is another feature than
# one beside the line at the right. Padding tells a network where it is, pooled or not.
#
# </details>
#
# ## To take away
#
# * Pooling has no weights: one number a window, the largest or the mean.
# * It saves weights and work behind it, and tolerates shifts within its windows. A stride saves more, and
#   tolerates less.
# * It forgets where. What has to be compared has to be seen together before.
#
# *Before: [receptive_fields](receptive_fields.md). Next: [cnn_backpropagation](cnn_backpropagation.md), the
# way back through kernels and windows.*
