# %% [markdown]
# # Go backward through a convolution by hand
#
# A shared kernel is blamed for what it did at every place, and the blame is added up. Pooling hands the blame
# on, to the pixel that won or to all alike.
#
# *Week 3, "Backpropagation for CNN". Takes 15 s on 2 CPU cores. `suite run cnn_backpropagation`*
#
# ## Why do by hand what a tape can do?
#
# `tf.GradientTape` gives every derivative of this lesson. But whoever writes a new layer, or reads why a
# transposed convolution enlarges images, or wonders why a network with a bug in its gradient still learned,
# needs to have followed the blame once. It is the backpropagation of week 2; new are two things: weights that
# are used at many places, and layers that have no weights at all.
#
# ## The method
#
# From the layer above comes `dZ`: how the cost changes with each output (the notes call it ∂h). Three
# questions:
#
# * **By the kernel?** Pretend first that each place had a kernel of its own. That kernel met one patch, so
#   its gradient is the patch, times `dZ` at this place. But they are all the same kernel, so: *the sum*.
# * **By the bias?** It was added at every place: the sum of `dZ`.
# * **By the image?** A pixel spoke to every place whose patch it lies in, through another weight each time:
#   lay `dZ` times the kernel on each patch, and add up. This is the `dZ` of the layer before.
#
# By hand, on the image of [convolution](convolution.md), with a cost that looks at two outputs only:
#
#     X = 1 2 0      W = 1 0     dZ = 1 0      dW = 1 * 1 2  + 2 * 1 3  =  3 8      dX = 1 0 0
#         0 1 3          0 1          0 2               0 1        0 2     0 5           0 3 0
#         1 0 2                                                                          0 0 2
#
# The 3 in the middle of `dX` is 1 + 2: that pixel was in both patches.
#
# **Pooling** has no weights, only the third question. The maximum of a window depends on one pixel, the
# *winner*: it gets everything. The mean depends on all N x N alike: each gets 1 / (N x N).

# %%
import dataclasses
from collections.abc import Callable, Iterator
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.backprop.convolution import convolution, convolution_input_gradient
from suite.backprop.gradient_check import numeric_gradients, relative_error
from suite.backprop.layers import Activate, Convolution, Dense, Flatten, Layer, Pooling
from suite.backprop.losses import softmax_cross_entropy_derivative
from suite.backprop.network import Network, train
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.runs.recipe import Claim, Context, Result


def patches(dZ: np.ndarray, kernel: tuple[int, int], stride: int) -> Iterator[tuple]:
    """Each place of the output, and the part of all images that it looked at."""
    for i, j in np.ndindex(dZ.shape[1:3]):
        top, left = stride * i, stride * j
        yield (slice(None), i, j), (slice(None), slice(top, top + kernel[0]), slice(left, left + kernel[1]))


def unshared(dZ: np.ndarray, X: np.ndarray, W: np.ndarray, stride: int = 1) -> np.ndarray:
    """The gradient of a kernel of its own at each place, `(places, *W.shape)`; the shared one gets their sum.

    >>> X, dZ = np.array([[1, 2, 0], [0, 1, 3], [1, 0, 2]]), np.array([[1, 0], [0, 2]])
    >>> each = unshared(dZ[None, ..., None], X[None, ..., None], np.empty((2, 2, 1, 1)))
    >>> each.sum(axis=0)[..., 0, 0].tolist()
    [[3, 8], [0, 5]]
    """
    seen = patches(dZ, W.shape[:2], stride)
    return np.array([np.einsum("nhwc,nf->hwcf", X[patch], dZ[place]) for place, patch in seen])


def input_gradient(dZ: np.ndarray, X: np.ndarray, W: np.ndarray, stride: int = 1) -> np.ndarray:
    """A pixel adds up what its places have.

    >>> dZ, W = np.array([[1.0, 0], [0, 2]])[None, ..., None], np.eye(2)[..., None, None]
    >>> input_gradient(dZ, np.zeros((1, 3, 3, 1)), W)[0, ..., 0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 2.0]]
    """
    dX = np.zeros(X.shape)
    for place, patch in patches(dZ, W.shape[:2], stride):
        dX[patch] += np.einsum("hwcf,nf->nhwc", W, dZ[place])
    return dX


def pooling_gradient(dZ: np.ndarray, X: np.ndarray, size: int, stride: int, kind: str) -> np.ndarray:
    """By the input of a "max" or "average" pooling."""
    dX = np.zeros(X.shape)
    for (_, i, j), patch in patches(dZ, (size, size), stride):
        for n, c in np.ndindex(len(X), X.shape[3]):
            window, into = X[patch][n, ..., c], dX[patch][n, ..., c]  # views: what is added stays
            if kind == "max":
                into[np.unravel_index(window.argmax(), window.shape)] += dZ[n, i, j, c]
            else:
                into += dZ[n, i, j, c] / size**2
    return dX


# %% [markdown]
# ## Backward is a convolution again
#
# Look at `input_gradient` from the pixel's side. The place one to the *left* reached it through the kernel's
# *right* column, the place above through the lower row: the kernel is asked backward. So `dX` is `dZ` in a
# wide border of zeros, with the **flipped** kernel sliding over it. The forward pass leaves the flip out; the
# backward pass has it. How far off is it if one forgets?


# %%
def as_full_convolution(dZ: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Of stride 1: every overlap of the kernel with `dZ` counts."""
    border = [(0, 0), *((side - 1, side - 1) for side in W.shape[:2]), (0, 0)]
    return convolution(np.pad(dZ, border), W.transpose(0, 1, 3, 2), np.zeros(W.shape[2]))


def flip_gaps(rng: np.random.Generator) -> tuple[float, float]:
    """Distance from `input_gradient`, relative to its largest entry: kernel flipped, and as it is."""
    X, W, dZ = (rng.normal(size=shape) for shape in ((2, 8, 7, 3), (3, 2, 3, 4), (2, 6, 6, 4)))
    full = as_full_convolution(dZ, W[::-1, ::-1]), as_full_convolution(dZ, W)
    return relative_error(full[0], input_gradient(dZ, X, W)), relative_error(
        full[1], input_gradient(dZ, X, W)
    )


# %% [markdown]
# ## Is it right?
#
# Two judges who know nothing of our formulas: *central differences*, which move each number up and down a
# little and look at the cost, and TensorFlow's tape. The fast functions of `suite.backprop`, which train the
# network below, have to agree, too: with a stride, several channels, windows that overlap.


# %%
def compare(
    layer: Layer, peer: Callable, ours: Callable, X: np.ndarray, rng: np.random.Generator
) -> list[list[float]]:
    """By X and each parameter: how far our derivative is from the measured, the tape's, the layer's."""
    arrays, dZ = [X, *layer.parameters], rng.normal(size=layer.forward(X).shape)
    layer.backward(dZ)
    fast = [layer.input_gradient(dZ), *layer.gradients]
    measured = numeric_gradients(lambda: np.sum(dZ * layer.forward(X)), arrays)
    tensors = [tf.constant(each) for each in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        output = peer(*tensors)
    taped = tape.gradient(output, tensors, output_gradients=dZ)
    rows = zip(ours(dZ, *arrays), measured, taped, fast, strict=True)
    return [[relative_error(each, judge) for judge in judges] for each, *judges in rows]


def check_all(rng: np.random.Generator, N: int = 3, S: int = 2) -> list[list[float]]:
    X, rows = rng.normal(size=(2, 8, 9, 3)), []
    for kind, peer in (("max", tf.nn.max_pool2d), ("average", tf.nn.avg_pool2d)):
        rows += compare(
            Pooling(kind, N, S),
            lambda X, peer=peer: peer(X, N, S, "VALID"),
            lambda dZ, X, kind=kind: [pooling_gradient(dZ, X, N, S, kind)],
            X,
            rng,
        )
    return rows + compare(
        Convolution(3, 4, N, rng, stride=S, dtype=np.float64),
        lambda X, W, b: tf.nn.conv2d(X, W, S, "VALID") + b,
        lambda dZ, X, W, b: [input_gradient(dZ, X, W, S), unshared(dZ, X, W, S).sum(0), dZ.sum((0, 1, 2))],
        X,
        rng,
    )


# %% [markdown]
# ## A network, and its twin in Keras
#
# Two convolutions, a max pooling, an average pooling: the layers of `suite.backprop` call fast forms of the
# functions above. Keras builds the same, with the same weights. For a batch of digits, do all six arrays of
# weights get the same gradients?


# %%
def build(filters: tuple[int, int], rng: np.random.Generator, second: type = Convolution) -> Network:
    """8x8 images, by max pooling to 4x4 and by average pooling to 2x2."""
    return Network([
        Convolution(1, filters[0], 3, rng, padding=1), Activate("relu"), Pooling("max", 2),
        second(*filters, 3, rng, padding=1), Activate("relu"), Pooling("average", 2),
        Flatten(), Dense(2 * 2 * filters[1], 10, rng, gain=1),
    ])  # fmt: skip


def build_in_keras(filters: tuple[int, int], weights: list[np.ndarray]) -> keras.Model:
    x = image = keras.Input((8, 8, 1))
    for count, reduce in zip(filters, (layers.MaxPooling2D(2), layers.AveragePooling2D(2)), strict=True):
        x = reduce(layers.Conv2D(count, 3, padding="same", activation="relu")(x))
    model = keras.Model(image, layers.Dense(10)(layers.Flatten()(x)))
    model.set_weights(weights)
    return model


def network_gap(filters: tuple[int, int], examples: tuple, seed: int) -> float:
    """Largest difference of the gradients of all weights, relative to the largest of each array; float32."""
    (X, labels), network = (each[:64] for each in examples), build(filters, np.random.default_rng(seed))
    network.backward(softmax_cross_entropy_derivative(network.forward(X), labels))
    model = build_in_keras(filters, network.parameters)
    with tf.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, model(X))
    pairs = zip(network.gradients, tape.gradient(loss, model.trainable_variables), strict=True)
    return max(relative_error(ours, theirs) for ours, theirs in pairs)


# %% [markdown]
# ## A network with a bug
#
# Does it take judges? One could as well train and see whether it learns. So we train a second network that
# forgets the flip: what its second convolution tells the first is wrong, at every step. Watch its loss.


# %%
class Unflipped(Convolution):
    """Wrong on purpose."""

    def input_gradient(self, d_output: np.ndarray) -> np.ndarray:
        wrong = self.parameters[0][::-1, ::-1]
        return convolution_input_gradient(d_output, self._x, wrong, *self._geometry)


# %% The figures
def derivatives(network: Network, image: np.ndarray, label: np.ndarray) -> list[np.ndarray]:
    """Of the loss by what each layer is given: where it is strongest, of all maps one."""
    by = [softmax_cross_entropy_derivative(network.forward(image), label)]
    for layer in reversed(network.layers):
        by.append(layer.input_gradient(by[-1]))
    return [each[0, ..., np.abs(each).sum(axis=(0, 1, 2)).argmax()] for each in by[:1:-1]]


def draw_maps(title: str, maps: dict[str, np.ndarray]) -> Figure:
    figure, panels = plots.new_figure(title, 2.8 * len(maps), 3.3, columns=len(maps))
    for axes, (name, values) in zip(panels, maps.items(), strict=True):
        limit = np.nanmax(np.abs(values))
        axes.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit)
        axes.set(title=name, xticks=(), yticks=())
        axes.grid(False)
    return figure


# %% [markdown]
# ## Run it


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    filters: Annotated[tuple[int, int], "kernels of the two convolutions"] = (16, 32)
    epochs: Annotated[int, "of each network"] = 20
    batch_size: Annotated[int, "digits a step"] = 32
    learning_rate: Annotated[float, "at first; it falls to 0 along a cosine"] = 0.05


SMOKE = Config(filters=(2, 3), epochs=1)


def run(config: Config, context: Context) -> Result:
    rng, digits = np.random.default_rng(context.seed), image_sets.load_digits(context.seed)
    images = {part: (raw / 255).astype(np.float32) for part, raw in digits.images.items()}
    labels, (flipped, as_is), gaps = digits.labels, flip_gaps(rng), check_all(rng)
    parts, networks, curves = {part: (images[part], labels[part]) for part in ("train", "validation")}, {}, {}
    settings = {name: getattr(config, name) for name in ("epochs", "batch_size", "learning_rate")}
    for name, second in (("right", Convolution), ("flip forgotten", Unflipped)):
        order = np.random.default_rng(context.seed)  # the same weights and batches for both
        networks[name] = build(config.filters, order, second)
        history = train(networks[name], parts, order, **settings)
        curves[name] = history["validation_loss"]
    right, wrong = (accuracy(each.forward(images["test"]), labels["test"]) for each in networks.values())
    by = derivatives(build(config.filters, rng), images["test"][:1], labels["test"][:1])
    names = {5: "average pooling", 3: "convolution 2", 2: "max pooling", 0: "the network"}
    maps = {"the digit": images["test"][0, ..., 0]} | {
        f"into {name}": by[layer] for layer, name in names.items()
    }
    return Result(
        metrics={
            "numeric_gap": max(measured for measured, *_ in gaps),
            "flipped_gap": flipped,
            "unflipped_gap": as_is,
            "network_gap": network_gap(config.filters, parts["train"], context.seed),
            "test_accuracy": right,
            "unflipped_test_accuracy": wrong,
            "reference_gap": max(max(each) for _, *each in gaps),
        },
        figures={
            "routes": draw_maps("Derivative of the loss by what goes ...", maps),
            "loss": plots.learning_curves(curves, ylabel="nats, on validation", title="It learns with a bug"),
        },
        data=digits.describe(),
    )


# %% [markdown]
# ## What was measured
#
# ![A digit and four maps, which become finer toward the image](figures/routes.png)
#
# The way back before training, from left to right. The average pooling gets 2 x 2 numbers and spreads each
# over a block, all four pixels alike. The max pooling turns 4 x 4 numbers into 8 x 8, three of four zero: it
# is winners that get something. Then the kernels of the first convolution mix it all.
#
# ![The loss on validation of two networks, both of which fall](figures/loss.png)
#
# The network with the bug learns. Its last layers have right gradients, and they make do with whatever the
# first convolution, pushed around at random, gives them. Only the judges see that something is wrong.

# %%
CLAIMS = (
    Claim(
        "numeric_gap",
        at_most=1e-7,
        says="The gradient of a kernel, summed over its places, is what measuring it gives; so are those by "
        "the image, and those through pooling.",
        lecture="Gradients are first calculated as if the kernel weights were not shared",
    ),
    Claim(
        "flipped_gap",
        at_most=1e-12,
        says="The derivative by the image is a full convolution with the flipped kernel;",
        lecture="𝜕x (or 𝜕h for previous layer) would be the input for the backward pass",
    ),
    Claim("unflipped_gap", at_least=0.1, says="without the flip it is not."),
    Claim(
        "network_gap",
        at_most=1e-4,
        says="All weights of a network get the gradients that Keras gives its twin.",
        lecture="It is important to understand that 𝜕x (or 𝜕h for previous layer)",
    ),
    Claim("test_accuracy", at_least=0.96, says="It reads digits;"),
    Claim(
        "unflipped_test_accuracy",
        at_least=0.9,
        says="so does one whose backward pass forgets the flip: learning is no proof of a gradient.",
    ),
    Claim(
        "reference_gap",
        at_most=1e-12,
        says="Our loops, TensorFlow's tape and suite.backprop give the same derivatives.",
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** The notes say that average pooling multiplies the error by "1/N×N". Read it from left to right, as
# (1/N) x N: let `pooling_gradient` add `dZ[n, i, j, c]` undivided. Which claims fall?
#
# <details><summary>Answer</summary>
#
# `numeric_gap` and `reference_gap`: 8 instead of 0, as every pixel gets nine times its share. What is meant
# is 1 / (N x N).
#
# </details>
#
# **2.** `suite run cnn_backpropagation --epochs 1`: which claims fall? Would any of them have found the bug?
#
# <details><summary>Answer</summary>
#
# The two of accuracy, of the right network and of the wrong one alike: after one pass both are far from done.
# None of them has found the bug. What is measured of a gradient needs no training: the other claims stand.
#
# </details>
#
# **3.** Two pixels of a window are equal, and both the largest. Who wins? Does it matter on digits?
#
# <details><summary>Answer</summary>
#
# The first, row by row; TensorFlow does the same. Any choice is a fair one: at a tie the maximum has a kink,
# and no derivative. Where a digit is black, many windows are zero altogether; but there the ReLU before the
# pooling is at zero, too, and stops whatever comes.
#
# </details>
#
# ## To take away
#
# * A shared weight gets the sum of what its places would get alone.
# * Forward without the flip, backward with it; a stride becomes zeros in between.
# * Max pooling routes, average pooling spreads, and neither creates nor loses any of it.
# * A network that learns proves nothing about its gradients. Measure them.
#
# *Before: [receptive_fields](receptive_fields.md), [pooling_and_strides](pooling_and_strides.md). Next:
# [activations_and_initialization](activations_and_initialization.md), what else stops a gradient.*
