# %% [markdown]
# # Add what a block computes to what it was given
#
# More layers can make a network worse, on the very images that it learns from. A shortcut around every two
# of them mends that, and takes no weight.
#
# *Week 3, "Residual Connections". Takes 70 s on 2 CPU cores.
# `suite run residual_connections`*
#
# ## Why deeper can be worse
#
# Take a network of 20 layers that works, and put 36 more behind its layers. The new one can do all that the
# old one can: it only has to let the new layers pass on what they get. So its training loss ought to be no
# higher. He et al. (2016) trained such pairs, and it was higher. Not because of overfitting, as it was the
# *training* loss; nor because gradients vanished, as there was batch normalization everywhere. Descent does
# not find the weights that pass things on. They call it *degradation*.
#
# ## The method
#
# If passing on is so hard to learn, let a block do it by itself. Its two convolutions compute f(x), and the
# block gives
#
#     relu(x + f(x))          instead of          relu(f(x))
#
# With all weights of f at zero it passes on x (which came out of a ReLU and is not negative). By hand, with
# x = [1, 2] and f(x) = [0.5, -3]: the residual block gives [1.5, 0], the plain one [0.5, 0].
#
# Backward, a sum hands the derivative on to both of its parts: through f, and past it. However many blocks
# there are, one way leads past all of them.
#
# Where maps become smaller and more, x no longer fits. It then skips every second pixel, and zeros fill the
# new maps: still no weight. So a plain and a residual network have the same weights in the same order, and
# can start at the same numbers.

# %%
import dataclasses
import itertools
from collections.abc import Callable
from typing import Annotated, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from matplotlib.figure import Figure

from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import cross_entropy
from suite.evaluation.table import Table
from suite.models import resnet
from suite.models.blocks import pooled_classifier
from suite.runs.recipe import Claim, Context, Result


def join(x: np.ndarray, fx: np.ndarray, residual: bool) -> np.ndarray:
    """What a block gives for x, where its convolutions compute f(x).

    >>> x, fx = np.array([1.0, 2.0]), np.array([0.5, -3.0])
    >>> join(x, fx, residual=True).numpy().tolist(), join(x, fx, residual=False).numpy().tolist()
    ([1.5, 0.0], [0.5, 0.0])
    """
    return ops.relu(x + fx if residual else fx)


def convolution(x: keras.KerasTensor, filters: int, strides: int = 1) -> keras.KerasTensor:
    settings = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    x = layers.Conv2D(filters, 3, strides, **settings)(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=EPSILON)(x)


def block(x: keras.KerasTensor, filters: int, strides: int, residual: bool) -> keras.KerasTensor:
    fx = convolution(ops.relu(convolution(x, filters, strides)), filters)
    x = ops.pad(x[:, ::strides, ::strides], [[0, 0], [0, 0], [0, 0], [0, filters - x.shape[-1]]])
    return join(x, fx, residual)


def network(shape: tuple[int, ...], classes: int, blocks: int, residual: bool) -> keras.Model:
    """Raw pixels in, probabilities out; three stages of so many blocks, in all 6 * blocks + 2 layers."""
    image = keras.Input(shape, dtype="uint8")
    x = layers.Rescaling(1 / 127.5, -1)(image)
    x = ops.relu(convolution(x, FILTERS[0]))
    for filters, number in itertools.product(FILTERS, range(blocks)):
        smaller = number == 0 and filters != FILTERS[0]
        x = block(x, filters, 2 if smaller else 1, residual)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(classes, "softmax")(x))


FILTERS = 4, 8, 16  # He et al.: 16, 32, 64
EPSILON = 1.001e-5


# %% [markdown]
# ## Could the deeper one do as well?
#
# It could, and one can write its weights down. Give the first layers of each stage what the shallow network
# has learned. All others get a kernel with a one in its middle, map by map, and a normalization that changes
# nothing. Both networks then have to give the same probabilities. What training finds instead is a matter of
# training.


# %%
def stages(model: keras.Model, kind: type[layers.Layer]) -> list[list[layers.Layer]]:
    """Layers of a kind: that before the stages, and those of each stage."""
    first, *rest = (layer for layer in model.layers if isinstance(layer, kind))
    size = len(rest) // 3
    return [[first], *(rest[start : start + size] for start in (0, size, 2 * size))]


def passing_on(weights: list[np.ndarray]) -> list[np.ndarray]:
    """Weights, as those given, of a layer that gives what it gets."""
    if len(weights) == 1:  # a kernel
        kernel = np.zeros_like(weights[0])
        kernel[1, 1] = np.eye(len(kernel[1, 1]))
        return [kernel]
    scale, *_ = weights  # then offset, moving mean, moving variance
    return [np.ones_like(scale), np.zeros_like(scale), np.zeros_like(scale), np.full_like(scale, 1 - EPSILON)]


def extend(shallow: keras.Model, deep: keras.Model) -> None:
    """Gives a deep plain network what a shallow one has learned, and layers that pass on."""
    for kind in (layers.Conv2D, layers.BatchNormalization):
        for learned, given in zip(stages(shallow, kind), stages(deep, kind), strict=True):
            for source, layer in itertools.zip_longest(learned, given):
                layer.set_weights(source.get_weights() if source else passing_on(layer.get_weights()))
    deep.layers[-1].set_weights(shallow.layers[-1].get_weights())


# %% [markdown]
# ## Train them alike
#
# Four networks: 20 and 56 layers, plain and residual. Those of one depth begin at the same weights, all see
# the same batches for the same number of steps of momentum (the paper's optimizer), and each gets the best of
# the same learning rates, by the loss on the validation part. At the first step we look at how long the
# derivative by the first kernel is: if it vanished on its way back, that would explain everything.


# %%
class Trained(NamedTuple):
    model: keras.Model
    losses: np.ndarray  # of each step
    validation_loss: float
    rate: float
    first_gradient: float  # its length at the first step

    @property
    def end(self) -> float:
        return float(self.losses[-30:].mean())


def stepper(model: keras.Model) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """A step of momentum: gives the loss before it, and how long the derivative by the first kernel is."""
    weights = model.trainable_variables
    velocities = [tf.Variable(tf.zeros_like(weight)) for weight in weights]

    @tf.function
    def step(images: tf.Tensor, labels: tf.Tensor, rate: tf.Tensor, start: tf.Tensor) -> tuple:
        with tf.GradientTape() as tape:
            outputs = model(images, training=True)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, outputs))
        gradients = tape.gradient(loss, weights)
        for weight, velocity, gradient in zip(weights, velocities, gradients, strict=True):
            velocity.assign(tf.where(start, 0.0, 0.9 * velocity) + gradient)
            weight.assign_sub(rate * velocity)
        return loss, tf.norm(gradients[0])

    return step


def train(
    model: keras.Model, data: image_sets.ImageSet, rates: tuple[float, ...], rows: np.ndarray
) -> Trained:
    """Trains anew with each rate, which falls to 0 along a cosine, and keeps the best on validation."""
    start, step, found = model.get_weights(), stepper(model), []
    images, labels = (each["train"] for each in (data.images, data.labels))
    for rate in rates:
        model.set_weights(start)
        measured = []
        for number, row in enumerate(rows):
            now = rate * (1 + np.cos(np.pi * number / len(rows))) / 2
            measured.append(
                step(images[row], labels[row], tf.constant(now, tf.float32), tf.constant(number == 0))
            )
        losses, lengths = np.array(measured).T
        loss = cross_entropy(model(data.images["validation"]).numpy(), data.labels["validation"])
        found.append((Trained(model, losses, loss, rate, lengths[0]), model.get_weights()))
    best, weights = min(found, key=lambda each: each[0].validation_loss)
    model.set_weights(weights)
    return best


# %% [markdown]
# ## Is it right?
#
# `suite.models.resnet` has the same stages, with Keras' layer for the sum. With the same random weights both
# have to give the same probabilities, plain and residual.


# %%
def reference_gap(rng: np.random.Generator) -> float:
    gaps, images = [], rng.integers(256, size=(8, 8, 8, 1)).astype(np.uint8)
    for residual in (False, True):
        ours = network((8, 8, 1), 10, 1, residual)
        image = keras.Input((8, 8, 1))
        x = resnet.convolution(layers.Rescaling(1 / 127.5, -1)(image), FILTERS[0], 3, name="conv1")
        x = resnet.small_image_stages(x, FILTERS, 1, residual=residual)
        theirs = keras.Model(image, pooled_classifier(x, 10, "softmax"))
        weights = [rng.uniform(0.3, 1, each.shape) - (each.ndim > 1) * 0.65 for each in ours.get_weights()]
        ours.set_weights(weights)
        theirs.set_weights(weights)
        gaps.append(np.abs(ours(images) - theirs(images)).max())
    return float(max(gaps))


# %% The figures
def draw_losses(trained: dict[str, Trained], classes: int) -> Figure:
    figure, panels = plots.new_figure(width=11, height=3.8, columns=2)
    for axes, kind in zip(panels, ("plain", "residual"), strict=True):
        lines = {}
        for each in (trained[f"{kind}_{depth}"] for depth in ("shallow", "deep")):
            losses = np.convolve(each.losses, np.full(10, 0.1), "valid")  # means of ten
            number = 3 * len(stages(each.model, layers.Conv2D)[1]) + 2
            lines[f"{number} layers"] = np.arange(len(losses)), losses
        axes.axhline(np.log(classes), color="gray", linestyle=":")
        plots.curves(axes, lines, title=kind, xlabel="step", ylim=(0, np.log(classes) * 1.15))
    panels[0].set_ylabel("training loss (nats)")
    return figure


def table(trained: dict[str, Trained]) -> Table:
    columns = "network", "weights", "rate", "training loss", "validation loss", "first derivative"
    rows = []
    for name, each in trained.items():
        numbers = each.rate, each.end, each.validation_loss, each.first_gradient
        weights = f"{each.model.count_params():,}"
        rows.append((name.replace("_", ", "), weights, *(f"{number:.3g}" for number in numbers)))
    return Table("Four networks, trained alike", columns, rows)


# %% [markdown]
# ## Run it
#
# The paper trained for 64,000 steps on a GPU, at four times as many maps. Two CPU cores have minutes. So what
# is measured here is who gets how far in a few hundred steps, not where each would end.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    blocks: Annotated[tuple[int, int], "of each stage, of the shallow and the deep networks"] = (3, 9)
    steps: Annotated[int, "of each training, on 64 images each"] = 150
    rates: Annotated[tuple[float, ...], "at first, of which each network gets the best"] = (0.03, 0.1)


SMOKE = Config(blocks=(1, 1), steps=10, rates=(0.1,))


def run(config: Config, context: Context) -> Result:
    data = image_sets.load_digits(context.seed)
    shape, trained = data.images["train"].shape[1:], {}
    rng = np.random.default_rng(context.seed)
    rows = rng.integers(len(data.labels["train"]), size=(config.steps, 64))
    for depth, blocks in zip(("shallow", "deep"), config.blocks, strict=True):
        plain, residual = (network(shape, len(data.classes), blocks, each) for each in (False, True))
        residual.set_weights(plain.get_weights())
        trained[f"plain_{depth}"] = train(plain, data, config.rates, rows)
        trained[f"residual_{depth}"] = train(residual, data, config.rates, rows)
    written = network(shape, len(data.classes), config.blocks[1], residual=False)
    extend(trained["plain_shallow"].model, written)
    images, models = data.images["validation"], (trained["plain_shallow"].model, written)
    ends = {name: each.end for name, each in trained.items()}
    plain, residual = trained["plain_deep"], trained["residual_deep"]
    return Result(
        metrics={
            "plain_deep_over_shallow": ends["plain_deep"] / ends["plain_shallow"],
            "residual_deep_over_shallow": ends["residual_deep"] / ends["residual_shallow"],
            "plain_loss_over_residual": ends["plain_deep"] / ends["residual_deep"],
            "shallow_loss_over_residual": ends["plain_shallow"] / ends["residual_shallow"],
            "more_weights": residual.model.count_params() - plain.model.count_params(),
            "written_gap": float(np.abs(np.subtract(*(model(images) for model in models))).max()),
            "plain_gradient_over_residual": plain.first_gradient / residual.first_gradient,
            "reference_gap": reference_gap(rng),
        }
        | {f"{name}_training_loss": end for name, end in ends.items()},
        figures={"losses": draw_losses(trained, len(data.classes))},
        data=data.describe(),
        tables=[table(trained)],
    )


# %% [markdown]
# ## What was measured
#
# ![Training losses of 20 and 56 layers, plain on the left, residual on the right](figures/losses.png)
#
# The dotted line is the loss of who guesses. Without shortcuts, 20 layers learn, and 56 hardly leave that
# line. With them both learn. That depth costs nothing then is no claim: after so few steps both losses are
# small, but on some seeds that of 56 layers is several times that of 20.
#
# The table has the derivatives by the first kernel. In the deep plain network it is not short but very
# *long*: what normalizes in every layer makes it grow on its way back. A rate that suits the last layers is
# then far too high for the first. Behind shortcuts it stays about as long as in shallow networks.
#
# Two things to know before believing more than this. He et al. trained four hundred times as long, and their
# plain network of 56 layers ended a little above that of 20. In a few hundred steps ours is as good as stuck:
# the direction is the paper's, the size of the distance that of a short training. And in the paper the deeper
# residual network was also the *better* one on new photos. Of that nothing is shown here: for digits of 8 x 8
# pixels 20 layers are plenty.

# %%
CLAIMS = (
    Claim(
        "plain_deep_over_shallow",
        at_least=2,
        says="Of two plain networks, the one of 56 layers ends at a higher training loss than that of 20,",
        lecture="Residual Connections",
    ),
    Claim(
        "written_gap",
        at_most=1e-4,
        says="though weights can be written down with which it gives the same probabilities.",
    ),
    Claim(
        "plain_loss_over_residual",
        at_least=2,
        says="From the same weights and with the same batches, 56 layers with shortcuts end at a lower loss,",
        lecture="Residual Connections",
    ),
    Claim("more_weights", at_most=0, says="without a single weight more."),
    Claim(
        "plain_gradient_over_residual",
        at_least=2,
        says="It is not that gradients vanish: before training, the plain network's derivative by its first "
        "kernel is longer than the residual one's.",
    ),
    Claim("reference_gap", at_most=1e-5, says="suite.models.resnet builds the same two networks."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** Is the deep plain network only slow? Give all of them twice the steps and a third learning rate:
# `suite run residual_connections --steps 300 --rates 0.03,0.1,0.3`. Which claims fall?
#
# <details><summary>Answer</summary>
#
# None. The shallow plain network gets to 0.04 nats, the deep one to 1.78 (seed 0), 42 times as much, and with
# shortcuts both come below 0.006. In these steps at least, waiting does not help it, nor does another rate.
#
# </details>
#
# **2.** A block goes from 4 maps of 8 x 8 to 8 maps of 4 x 4. What does its shortcut hand on, and what would
# a 1 x 1 convolution in its place take?
#
# <details><summary>Answer</summary>
#
# Every second pixel of every second row: 4 maps of 4 x 4, 64 of the 256 numbers, and 4 maps of zeros beside
# them. A 1 x 1 convolution with a stride of 2 has 4 * 8 = 32 weights and takes 16 * 32 = 512 multiply-adds.
# The paper tried that, too ("option B"): a little better, and the plain network would no longer have the same
# weights.
#
# </details>
#
# **3.** Could one write down weights for a residual network that give what a shallower residual one gives?
#
# <details><summary>Answer</summary>
#
# With less effort: zeros suffice. Where the scale and the offset of a block's second normalization are zero,
# f(x) is, and the block gives relu(x) = x, whatever its kernels are. Many trainings start there for that
# reason: every block begins as one that passes on.
#
# </details>
#
# ## To take away
#
# - A deeper network can do what a shallower one can. That does not mean that descent finds it.
# - relu(x + f(x)): a block has to learn what to add, and at f = 0 it passes on.
# - The sum costs no weight and next to no time, and the way back through it is short.
#
# *Before: [architectures](architectures.md). Next: [one_budget](one_budget.md), four designs for the same
# work.*
