# %% [markdown]
# # How far a unit sees
#
# Three formulas say what a stack of convolutions does to sizes, how many weights it has, and how much of the
# image one of its outputs depends on. The last one decides what a network can tell at all.
#
# *Week 3, "Receptive Field", "Computing Spatial Size of Output volume", "Calculating the number of
# Parameters". Takes 30 s on 2 CPU cores; mnist 7 min. `suite run receptive_fields [--data tfds]`*
#
# ## Why sums matter
#
# A kernel of 3 x 3 sees nine pixels: enough for an edge, not for a face. What makes a network see more is
# that layers look at layers. How much more is no matter of taste. It can be worked out before anything is
# trained, and a network whose units see too little cannot be saved by training longer.
#
# ## The method
#
# **Sizes.** A kernel of F pixels fits into W pixels, with P zeros added on each side, at
#
#     (W - F + 2 P) / S + 1     places, if it is moved by S pixels at a time
#
# rounded down: 7 pixels and a kernel of 3 give 5 places, with stride 2 three. Zeros keep the size if there
# are (F - 1) / 2 of them on each side and S is 1.
#
# **Weights.** A filter has a kernel of n x m for each of the l maps that come in, and one bias; k filters
# make (n m l + 1) k. A dense layer from n to m numbers has (n + 1) m. The image's size is in the second
# alone. (The notes write k for l on one side of the first formula: their errata say so.)
#
# **What a unit sees.** Follow two numbers through the layers, from the image on: the *field*, how many pixels
# an output depends on, and the *step*, how many pixels of the image two neighbors are apart. Both begin at 1.
# A layer with a kernel of F and a stride of S looks at F neighbors, F - 1 steps from end to end:
#
#     field + (F - 1) * step     step * S
#
#     three layers of 3, stride 1      field 3, 5, 7       step 1, 1, 1
#     three layers of 3, stride 2      field 3, 7, 15      step 2, 4, 8
#
# So layers add, and strides multiply.

# %%
import dataclasses
from collections.abc import Sequence
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.evaluation.table import Table
from suite.models.layer_summary import describe_layers, measure_receptive_field
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, about, classifier_export

Stack = Sequence[tuple[int, int]]  # kernel and stride of each layer


def output_size(W: int, F: int, S: int = 1, P: int = 0) -> int:
    """How often a kernel fits along a side.

    >>> [output_size(7, 3), output_size(7, 3, S=2), output_size(7, 3, P=1)]
    [5, 3, 7]
    """
    return (W - F + 2 * P) // S + 1


def convolution_weights(kernel: int, maps: int, filters: int) -> int:
    """Of a layer with square kernels.

    >>> convolution_weights(3, maps=3, filters=16)
    448
    """
    return (kernel * kernel * maps + 1) * filters


def receptive_field(stack: Stack) -> int:
    """Pixels along a side of the image that one output of the last layer depends on.

    >>> [receptive_field([(3, stride)] * 3) for stride in (1, 2)]
    [7, 15]
    """
    field = step = 1
    for kernel, stride in stack:
        field, step = field + (kernel - 1) * step, step * stride
    return field


# %% [markdown]
# ## Look instead of reckoning
#
# An output depends on a pixel if its derivative by that pixel is not zero. So one backward pass through a
# stack, from the output in the middle, shows the field. Kernels of ones keep terms from canceling out.
#
# The same picture shows how *much* each pixel counts: the derivative adds up every path from the pixel to the
# output, and many more paths lead from the middle of the field than from its border.


# %%
def derivative_by_image(stack: Stack, size: int = 64) -> np.ndarray:
    """Of the output in the middle: `(size, size)`."""
    x = image = keras.Input((size, size, 1))
    for kernel, stride in stack:
        x = layers.Conv2D(1, kernel, stride, kernel_initializer="ones")(x)
    model, pixels = keras.Model(image, x), tf.zeros((1, size, size, 1))
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        output = model(pixels)[0, x.shape[1] // 2, x.shape[2] // 2, 0]
    return tape.gradient(output, pixels)[0, ..., 0].numpy()


def measured_field(stack: Stack) -> int:
    return int(np.ptp(np.nonzero(derivative_by_image(stack))[0])) + 1


def middle_share(stack: Stack) -> float:
    """The share of the derivative that the middle half of the field's sides has, a quarter of its pixels."""
    weights = derivative_by_image(stack)
    rows, columns = (np.unique(each) for each in np.nonzero(weights))
    quarter = round(len(rows) / 4)
    middle = weights[np.ix_(rows[quarter:-quarter], columns[quarter:-quarter])]
    return float(middle.sum() / weights.sum())


# %% [markdown]
# ## The formulas against Keras
#
# Layers drawn at random, of which Keras says the shape of the output and the number of weights; stacks drawn
# at random, of which the derivative says the field. Then a number that most people guess wrong: how many
# layers of 3 x 3 does it take to see all of an image of 224 pixels?


# %%
def layer_mismatches(count: int, rng: np.random.Generator) -> int:
    mismatches = 0
    for _ in range(count):
        size, kernel, stride, padding, maps, filters = rng.integers(
            (8, 1, 1, 0, 1, 1), (32, 8, 5, 4, 6, 20)
        ).tolist()
        conv = layers.Conv2D(filters, kernel, stride)
        output = conv(layers.ZeroPadding2D(padding)(keras.Input((size, size, maps))))
        side = output_size(size, kernel, stride, padding)
        ours = (side, side, filters), convolution_weights(kernel, maps, filters)
        mismatches += ours != (output.shape[1:], conv.count_params())
    return mismatches


def field_mismatches(count: int, rng: np.random.Generator) -> int:
    stacks = [list(zip(*rng.integers((2, 1), (5, 3), (3, 2)).T.tolist(), strict=True)) for _ in range(count)]
    return sum(receptive_field(stack) != measured_field(stack) for stack in stacks)


def layers_to_see(pixels: int, stack: Stack) -> int:
    """Layers that it takes, the stack repeated as often as needed."""
    count = 1
    while receptive_field([stack[index % len(stack)] for index in range(count)]) < pixels:
        count += 1
    return count


# %% [markdown]
# ## What a field is worth
#
# Four networks of three convolutions read digits. They have as many weights, and differ in what their units
# see: the first looks at patches of 3 x 3 and takes its other kernels 1 x 1, the last has strides. At the end
# each asks "how much of this feature is there?", the mean of each map, so nothing but the field tells it
# where things are.


# %%
NETWORKS: dict[str, Stack] = {
    "field 3": [(3, 1), (1, 1), (1, 1)],
    "field 5": [(3, 1), (3, 1), (1, 1)],
    "field 7": [(3, 1), (3, 1), (3, 1)],
    "field 15": [(3, 2), (3, 2), (3, 2)],
}


def weights_of(stack: Stack, maps: int, filters: int, classes: int) -> int:
    incoming = [maps, *[filters] * (len(stack) - 1)]
    kernels = [
        convolution_weights(kernel, each, filters) for (kernel, _), each in zip(stack, incoming, strict=True)
    ]
    return sum(kernels) + (filters + 1) * classes


def build(name: str, shape: tuple[int, ...], num_classes: int, budget: int) -> keras.Model:
    """Raw pixels in, probabilities out; as many filters as the budget of weights allows."""
    stack = NETWORKS[name]
    affordable = [f for f in range(1, budget) if weights_of(stack, shape[-1], f, num_classes) <= budget]
    image = keras.Input(shape, name="image", dtype="uint8")
    x = layers.Rescaling(1 / 255)(image)
    for kernel, stride in stack:
        x = layers.Conv2D(affordable[-1], kernel, stride, "same", activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(num_classes, "softmax", name="probabilities")(x)
    return keras.Model(image, outputs, name=name.replace(" ", "_"))


# %% [markdown]
# ## Is it right?
#
# The fields of the four stacks, against `suite.models.layer_summary`: its calculator, and its measurement,
# which copes with pooling and branches, too.


# %%
def reference_mismatches(seed: int) -> int:
    mismatches = 0
    for name, stack in NETWORKS.items():
        x = image = keras.Input((64, 64, 1))
        for kernel, stride in stack:
            x = layers.Conv2D(2, kernel, stride)(x)
        model = keras.Model(image, x, name=name.replace(" ", "_"))
        reckoned = describe_layers(model)[-1].receptive_field
        measured = measure_receptive_field(model, model.layers[-1].name, seed=seed)
        mismatches += {reckoned, measured} != {(receptive_field(stack),) * 2}
    return mismatches


# %% The figures
def draw_fields(stacks: dict[str, Stack]) -> Figure:
    """What the middle output depends on, as much as it does."""
    figure, panels = plots.new_figure(width=11, height=3.2, columns=len(stacks))
    for axes, (name, stack) in zip(panels, stacks.items(), strict=True):
        weights = derivative_by_image(stack, size=48)
        axes.imshow(np.where(weights == 0, np.nan, weights / weights.max()), cmap="viridis", vmin=0)
        axes.set(title=f"{name}: {receptive_field(stack)} pixels", xticks=(), yticks=())
        axes.grid(False)
    return figure


def draw_accuracy(accuracies: dict[str, float]) -> Figure:
    figure, axes = plots.new_figure("As many weights, trained alike", width=7, height=3.6)
    fields = [receptive_field(NETWORKS[name]) for name in accuracies]
    lines = {"test": (fields, list(accuracies.values()), "o-")}
    plots.curves(axes, lines, xlabel="pixels that a unit of the last convolution sees", ylabel="accuracy")
    return figure


# %% [markdown]
# ## Run it


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    budget: Annotated[int, "weights of each network, at most"] = 5000
    epochs: Annotated[int, "of each network"] = 25
    images: Annotated[int, "of training, at most"] = 6000
    batch_size: Annotated[int, "images a step"] = 64
    learning_rate: Annotated[float, "of Adam at first; it falls to 0 along a cosine"] = 5e-3
    drawn: Annotated[int, "layers, and stacks of three, that are compared with Keras"] = 50


SMOKE = Config(budget=300, epochs=1, images=200, drawn=3)
DATA = ("embedded", "tfds")


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    plain, strided = ([(3, stride)] * 3 for stride in (1, 2))
    metrics = {
        "layer_mismatches": layer_mismatches(config.drawn, rng),
        "field_mismatches": field_mismatches(config.drawn, rng),
        "strided_over_plain_field": measured_field(strided) / measured_field(plain),
        "middle_share": middle_share([(3, 1)] * 9),
        "reference_mismatches": reference_mismatches(context.seed),
    }
    data = image_sets.load(context.source, context.seed)
    shape, labels, accuracies, rows = data.images["train"].shape[1:], data.labels, {}, []
    for name in NETWORKS:
        keras.utils.set_random_seed(context.seed)
        model = build(name, shape, len(data.classes), config.budget)
        seen = data.images["train"][: config.images], labels["train"][: config.images]
        batches = shuffled(seen, config.batch_size, context.seed)
        schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.epochs * len(batches))
        model.compile(Adam(schedule), "sparse_categorical_crossentropy")
        context.fit(model, batches, epochs=config.epochs)
        accuracies[name] = accuracy(model.predict(data.images["test"], verbose=0), labels["test"])
        rows.append(
            (name, str(model.layers[2].filters), f"{model.count_params():,}", f"{accuracies[name]:.3f}")
        )
    metrics |= {
        "gain_from_3_to_15": accuracies["field 15"] - accuracies["field 3"],
        "gain_by_strides": accuracies["field 15"] - accuracies["field 7"],
        "test_accuracy": accuracies["field 15"],
    }
    return Result(
        metrics=metrics,
        figures={
            "fields": draw_fields({"3 layers": plain, "9 layers": [(3, 1)] * 9, "3 of stride 2": strided}),
            "accuracy": draw_accuracy(accuracies),
        },
        exports=[classifier_export(model, data)],
        data=data.describe(),
        tables=[Table("Networks", ("network", "filters", "weights", "test accuracy"), rows)],
    )


# %% [markdown]
# ## What was measured
#
# ![Three squares, the first two brightest in the middle, the third with a grid](figures/fields.png)
#
# Every pixel of a square counts, but not alike. Nine layers see 19 pixels from end to end, and what lies
# within five of the middle has most of the say: more paths lead there. Nobody built this in. It is why units
# see less than their field says, and why networks are deeper than the sum demands. Strides leave a grid:
# pixels where two patches overlap have more paths than their neighbors.
#
# ![Accuracy over the field](figures/accuracy.png)
#
# With a field of 3 a network knows how much edge of which direction there is, and guesses the digit from
# that. What it lacks is how the edges stand to each other.

# %%
CLAIMS = (
    Claim(
        "layer_mismatches",
        at_most=0,
        says="Keras' layers have the sizes and weights that the formulas say,",
        lecture="(W − F + 2P) / S + 1",
    ),
    Claim(
        "field_mismatches",
        at_most=0,
        says="and outputs depend on as many pixels as the sum over the layers says.",
        lecture="The receptive field determines what area of the original input",
    ),
    Claim(
        "strided_over_plain_field",
        at_least=2,
        says="Three layers of stride 2 see more than twice as far as three of stride 1.",
        lecture="to grow the receptive field faster, we can increase the stride",
    ),
    Claim(
        "middle_share",
        at_least=0.6,
        says="Of what a unit depends on, most comes from the middle of its field, a quarter of its pixels.",
    ),
    *about(
        ("embedded", "tfds"),
        Claim(
            "gain_from_3_to_15",
            at_least=0.08,
            says="With as many weights, units that see 15 pixels tell digits apart that units with 3 do not,",
            lecture="Locality determines what inputs from the previous layer the outputs get to see",
        ),
        Claim("gain_by_strides", at_least=0.02, says="and more than units that see 7."),
    ),
    Claim(
        "reference_mismatches",
        at_most=0,
        says="suite.models.layer_summary says the same of all four stacks, and measures it.",
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run receptive_fields --budget 500`: what becomes of the two gains?
#
# <details><summary>Answer</summary>
#
# No claim falls: the gain by strides grows from 0.07 to 0.23 (seed 0). Fewer weights hurt the narrow fields
# most (0.40, 0.43, 0.51 and 0.74 from field 3 to 15): what they do not see, no weight tells them.
#
# </details>
#
# **2.** How many layers of 3 x 3 with stride 1 does it take until a unit sees all of an image of 224 pixels?
# How many, if every second one has a stride of 2?
#
# <details><summary>Answer</summary>
#
# 112: each adds 2 to a field of 1. With strides 12: `receptive_field([(3, 1), (3, 2)] * 6)` is more than 224.
#
# </details>
#
# **3.** In `derivative_by_image`, let the kernels be random (`kernel_initializer="random_normal"`). Which
# claim falls, and which stands?
#
# <details><summary>Answer</summary>
#
# `middle_share` falls: it may be negative, or 400. Paths through weights of both signs cancel out, and their
# sum says no longer how many there are. The field itself is measured as before: a sum that is exactly 0 by
# chance is rare.
#
# </details>
#
# ## To take away
#
# * (W - F + 2 P) / S + 1 places, (n m l + 1) k weights; a convolution's weights do not depend on the image.
# * Fields add up over layers, and strides multiply what later layers add.
# * A unit sees mostly the middle of its field, and can tell nothing that lies outside.
#
# *Before: [convolution](convolution.md). Next: [pooling_and_strides](pooling_and_strides.md), what to keep.*
