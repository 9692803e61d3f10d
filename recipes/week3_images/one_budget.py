# %% [markdown]
# # Spend the same work on four designs
#
# Whoever compares two networks of different size compares sizes. Here four families get the same number of
# multiply-adds, and only then may their accuracies be compared.
#
# *Week 3, "Overview of modern CNN architectures", "Modern CNNs". Takes 45 s on 2 CPU cores.
# `suite run one_budget`*
#
# ## Why a budget
#
# "ResNet beats VGG" says little when one of them is ten times as large. A phone does not ask for a family. It
# has so many milliseconds an image, which are, roughly, so many multiply-adds; what to do with them is our
# choice. (Or so many megabytes, which are weights: another budget, and another ranking.)
#
# ## The method
#
# Give a family one knob, its **width** w: all its layers have w times as many filters. A layer of k x k that
# gives maps of h x h then takes
#
#     h h k k (w C) (w F) = w w h h k k C F
#
# multiply-adds: they grow with the square of the width, and some width has just what we can pay. To find it,
# halve an interval: try the middle (of factors: between 1/4 and 4 it is 1), and keep the half with the border
# between what fits and what does not.
# By hand, with 1,000 multiply-adds at width 1 and 4,000 to spend: width 2.
#
# A larger image costs more of the same, at each of its pixels. So the budget is counted per pixel.

# %%
import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite import console
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy, choose
from suite.evaluation.table import Table
from suite.models import alexnet, inception, resnet, vgg
from suite.models.blocks import dense_classifier, pooled_classifier
from suite.models.layer_summary import multiplications
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, classifier_export


def widest(cost: Callable[[float], float], budget: float) -> float:
    """The largest width from 1/4 to 4 whose cost is within the budget, to about two percent.

    >>> widest(lambda width: 1000 * width**2, budget=4000)
    2.0
    """
    low, high = 0.25, 4.0
    for _ in range(7):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if cost(middle) <= budget else (low, middle)
    return low


# %% [markdown]
# ## Four families, small
#
# Each keeps what makes it one. **AlexNet**: a large kernel first, pooling that overlaps, then layers whose
# kernels see half of the maps, and dense layers. **VGG**: 3 x 3 alone, two and a pooling. **Inception**:
# kernels of several sizes side by side, behind 1 x 1. **ResNet**: blocks with shortcuts, and an average in
# the end. Their pieces are those of [architectures](architectures.md).


# %%
def small_alexnet(x: keras.KerasTensor, width: float, num_classes: int) -> keras.KerasTensor:
    filters, number = 2 * round(8 * width), 0
    while x.shape[1] > 3:
        number += 1
        x = alexnet.convolution(x, filters, 5 if number == 1 else 3, name=f"conv{number}")
        x = alexnet.normalize_and_pool(x, str(number))
    for towers in (1, 2, 2):
        number += 1
        x = alexnet.convolution(x, 2 * filters, 3, towers=towers, name=f"conv{number}")
    return dense_classifier(x, round(32 * width), num_classes, None, dropout=0.1)


def small_vgg(x: keras.KerasTensor, width: float, num_classes: int) -> keras.KerasTensor:
    number = 0
    while x.shape[1] > 2:
        number += 1
        x = vgg.vgg_block(x, round(16 * width * min(number, 2)), 2, name=f"block{number}")
    return dense_classifier(x, round(32 * width), num_classes, None, dropout=0.1)


def small_inception(x: keras.KerasTensor, width: float, num_classes: int) -> keras.KerasTensor:
    width /= 10
    x = inception.chain(x, [(192, 3, 1 if x.shape[1] < 16 else 2)], width)
    x = inception.inception_a(x, 32, name="mixed1", width=width)
    x = inception.inception_b(x, name="mixed2", width=width, padding="same")
    x = inception.inception_c(x, 128, name="mixed3", width=width)
    return pooled_classifier(x, num_classes, None)


def small_resnet(x: keras.KerasTensor, width: float, num_classes: int) -> keras.KerasTensor:
    x = resnet.convolution(x, round(4 * width), 3, name="conv1", strides=1 if x.shape[1] < 16 else 2)
    x = resnet.small_image_stages(x, [round(4 * width * factor) for factor in (1, 2, 4)], depth=2)
    return pooled_classifier(x, num_classes, None)


def linear(x: keras.KerasTensor, width: float, num_classes: int) -> keras.KerasTensor:
    """No design at all, to compare with."""
    return layers.Dense(num_classes)(layers.Flatten()(x))


AGES = ("AlexNet", "VGG"), ("Inception", "ResNet")
FAMILIES = {"AlexNet": small_alexnet, "VGG": small_vgg, "Inception": small_inception, "ResNet": small_resnet}


def build_model(data: image_sets.ImageSet, family: Callable, width: float = 1.0) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input(data.images["train"].shape[1:], name="image", dtype="uint8")
    logits = family(layers.Rescaling(1 / 127.5, -1)(image), width, len(data.classes))
    return keras.Model(image, layers.Softmax(name="probabilities")(logits), name=family.__name__)


def work(data: image_sets.ImageSet, family: Callable, width: float) -> int:
    return multiplications(build_model(data, family, width))


# %% [markdown]
# ## Train them alike
#
# The same batches, as many steps, a rate that falls along half a cosine, and for each family the better of
# the same rates, by validation accuracy. A family that likes another rate than the rest would else look worse
# than it is; we write down by how much.


# %%
class Trained(NamedTuple):
    model: keras.Model
    losses: np.ndarray  # of each step
    accuracies: list[float]  # on the validation part, with each rate


def part_accuracy(model: keras.Model, data: image_sets.ImageSet, part: str) -> float:
    return accuracy(model.predict(data.images[part], batch_size=500, verbose=0), data.labels[part])


def train(
    model: keras.Model, data: image_sets.ImageSet, rates: tuple[float, ...], rows: np.ndarray
) -> Trained:
    images, labels, weights = data.images["train"], data.labels["train"], model.trainable_variables
    optimizer = Adam(rates[0])
    optimizer.build(weights)

    @tf.function
    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            outputs = model(images, training=True)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, outputs))
        optimizer.apply(tape.gradient(loss, weights))
        return loss

    start, fresh, found = model.get_weights(), [each.numpy() for each in optimizer.variables], []
    for rate in rates:
        model.set_weights(start)
        for variable, value in zip(optimizer.variables, fresh, strict=True):
            variable.assign(value)
        losses = []
        for number, row in enumerate(rows):
            optimizer.learning_rate = rate * (1 + np.cos(np.pi * number / len(rows))) / 2
            losses.append(step(images[row], labels[row]))
        found.append((part_accuracy(model, data, "validation"), losses, model.get_weights()))
    _, losses, best = max(found, key=lambda each: each[0])
    model.set_weights(best)
    return Trained(model, np.array(losses), [each[0] for each in found])


# %% The figures
def draw(trained: dict[str, Trained]) -> Figure:
    figure, (left, right) = plots.new_figure(width=11, height=3.8, columns=2)
    for name, each in trained.items():
        smooth = np.convolve(each.losses, np.full(10, 0.1), "valid")  # means of ten steps
        left.plot(np.arange(len(smooth)) + 10, smooth, label=name)
        place = each.model.count_params(), max(each.accuracies)
        right.plot(*place, "o", markersize=8)
        right.annotate(name, place, (0, 8), textcoords="offset points", ha="center")
    left.set(xlabel="step", ylabel="training loss (nats)", ylim=(0, None))
    left.legend(frameon=False)
    right.set(xlabel="weights", ylabel="validation accuracy", xscale="log")
    right.margins(0.15)
    return figure


def table(trained: dict[str, Trained], rates: tuple[float, ...]) -> Table:
    columns, rows = ("design", "multiply-adds", "weights", *(f"accuracy at {rate:g}" for rate in rates)), []
    for name, each in trained.items():
        counts = multiplications(each.model), each.model.count_params()
        shares = (f"{share:.4f}" for share in each.accuracies)
        rows.append((name, *(f"{count:,}" for count in counts), *shares))
    return Table("One budget of multiply-adds and steps; accuracy on the validation part", columns, rows)


# %% [markdown]
# ## Run it
#
# Beside the four, a linear classifier of the pixels is trained in the same way. It takes next to none of the
# budget; what a design has more than it is what the work bought, and not every design has more. The family
# that is best on the validation part is exported; it and the linear one alone are measured on the test part.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    families: Annotated[tuple[str, ...], "which spend the budget"] = tuple(FAMILIES)
    budget: Annotated[int, "multiply-adds for each pixel of an image, at most"] = 2000
    steps: Annotated[int, "of each training, on 64 images each"] = 150
    rates: Annotated[tuple[float, ...], "of Adam at first, of which each design gets the best"] = (0.01, 0.03)


SMOKE = Config(families=("VGG",), budget=1500, steps=10, rates=(0.01,))


def run(config: Config, context: Context) -> Result:
    if not set(config.families) <= set(FAMILIES):
        raise ValueError(f"expected families among {', '.join(FAMILIES)}, received {config.families}")
    data = image_sets.load_digits(context.seed)
    budget = config.budget * int(np.prod(data.images["train"].shape[1:3]))
    rows = np.random.default_rng(context.seed).integers(len(data.labels["train"]), size=(config.steps, 64))
    trained = {}
    for name in console.track(config.families, "designs"):
        family = FAMILIES[name]
        width = widest(functools.partial(work, data, family), budget)
        trained[name] = train(build_model(data, family, width), data, config.rates, rows)
    baseline = train(build_model(data, linear), data, config.rates, rows)

    shares = {name: max(each.accuracies) for name, each in trained.items()}
    products = [multiplications(each.model) for each in trained.values()]
    weights = [each.model.count_params() for each in trained.values()]
    chosen = trained[choose(shares, "accuracy")].model
    test_accuracy = part_accuracy(chosen, data, "test")
    ends = {name: float(each.losses[-10:].mean()) for name, each in trained.items()}
    older, modern = ([ends[name] for name in ages if name in ends] for ages in AGES)
    return Result(
        metrics={
            "budget_spread": np.ptp(products) / budget,
            "most_over_fewest_weights": max(weights) / min(weights),
            "older_loss_over_modern": min(older or modern) / max(modern or older),
            "lost_to_one_rate": max(float(np.ptp(each.accuracies)) for each in trained.values()),
            "validation_accuracy": max(shares.values()),
            "test_accuracy": test_accuracy,
            "test_accuracy_over_linear": test_accuracy - part_accuracy(baseline.model, data, "test"),
        }
        | {f"{name.lower()}_validation_accuracy": share for name, share in shares.items()}
        | {f"{name.lower()}_training_loss": end for name, end in ends.items()},
        figures={"designs": draw(trained | {"linear": baseline})},
        exports=[classifier_export(chosen, data)],
        data=data.describe(),
        tables=[table(trained | {"linear": baseline}, config.rates)],
    )


# %% [markdown]
# ## What was measured
#
# ![Training loss by step, and validation accuracy over weights, of five networks](figures/designs.png)
#
# On the left, Inception and ResNet learn from the first step on; AlexNet and VGG lose a third of the training
# before they begin. On the right, the same work in weights: AlexNet has more than three times as many as
# Inception, as its dense layers have many and use each once.
#
# What follows from this, and what does not? For so much work and so few steps, the two later designs are the
# better buy. Which of their parts earns that is not shown: both have batch normalization after every layer of
# kernels *and* average their maps, and the other two have neither. By accuracy the order between neighbors
# changes with the seed: an image more or less is 0.4 points here.

# %%
CLAIMS = (
    Claim(
        "budget_spread",
        at_most=0.1,
        says="The four designs take the same number of multiply-adds, to a tenth of the budget;",
        lecture="Overview of modern CNN architectures",
    ),
    Claim("most_over_fewest_weights", at_least=2, says="but one has more than twice the weights of another."),
    Claim(
        "older_loss_over_modern",
        at_least=1.5,
        says="For the same work and steps both Inception and ResNet come to a lower training loss than both "
        "AlexNet and VGG.",
    ),
    Claim(
        "lost_to_one_rate",
        at_least=0.03,
        says="The wrong one of two rates costs one of them points of accuracy, so each gets its better one.",
    ),
    Claim(
        "test_accuracy_over_linear",
        at_least=0.003,
        says="The best of them reads more digits than a linear classifier.",
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** Half the budget: `suite run one_budget --budget 1000`. Which claims fall, and which designs pay most?
#
# <details><summary>Answer</summary>
#
# `budget_spread`: AlexNet's layers are in two halves, so its filters come in pairs, and the widest that fits
# leaves a quarter of so small a budget unspent. AlexNet falls from 0.970 to 0.903 of the validation digits
# and VGG from 0.933 to 0.863 (seed 0); Inception, with 3,202 weights, stays at 0.985.
#
# </details>
#
# **2.** The table has the accuracy at each rate. Had you trained all of them at 0.03 alone, what would you
# have concluded about AlexNet? And at 0.01?
#
# <details><summary>Answer</summary>
#
# At 0.03 AlexNet reads 0.952 of the validation digits (seed 0), fewer than the linear classifier with 0.963.
# At 0.01 it reads 0.970 and the linear one 0.933. One rate for all decides the comparison, whichever one
# takes.
#
# </details>
#
# **3.** A layer of 3 x 3 from 16 to 16 maps at 8 x 8 pixels, and a dense layer of as many multiply-adds: how
# many weights has each?
#
# <details><summary>Answer</summary>
#
# The kernels have 9 * 16 * 16 = 2,304 weights, each used at 64 places: 147,456 multiply-adds. The dense layer
# uses each weight once, so it has 147,456 of them. A budget of work leaves most weights to layers that use
# each seldom; a budget of weights leaves most work to those that use each often.
#
# </details>
#
# ## To take away
#
# - Fix what is scarce, spend all of it on each design, and tune each alike. Then compare.
# - The width is the knob: multiply-adds grow with its square.
# - Choose on validation data, measure the chosen one on test data. And look at the spread between seeds
#   before believing an order.
#
# *Before: [residual_connections](residual_connections.md). Next: [cnn_classification](cnn_classification.md),
# a whole training.*
