# %% [markdown]
# # Slide a kernel over an image
#
# A convolution asks the same question of every small patch of an image. That is why it needs few weights, and
# why its answers move along when the image moves.
#
# *Week 3, "Motivation for convolutional layers", "Understanding Convolutions". Takes 25 s on 2 CPU cores;
# mnist 9 min. `suite run convolution [--data tfds]`*
#
# ## Why not a dense layer?
#
# Show a dense layer a cat in the upper left corner, and it learns weights for the pixels of that corner. Move
# the cat by ten pixels, and other weights are asked, which have never seen one. What we want is a question
# that does not depend on the place: "is there an edge from dark to bright *here*?", asked everywhere.
#
# ## The method
#
# Lay the kernel on a patch, multiply number by number, add up, write the sum down, go one pixel on:
#
#     1 2 0          1 0           1*1 + 2*0 + 0*0 + 1*1 = 2     2*1 + 0*0 + 1*0 + 3*1 = 5
#     0 1 3    *     0 1    ->     0*1 + 1*0 + 1*0 + 0*1 = 0     1*1 + 3*0 + 0*0 + 2*1 = 3
#     1 0 2
#
# A 3 x 3 image and a 2 x 2 kernel leave 2 x 2 places. This is `slide`, and what every library calls
# convolution. Mathematicians mean something else by the word:
#
#     (f * g)(c) = sum over a of f(a) g(c - a)
#
# Read it with two dice. `f(a)` is how probable `a` is on the first, `g(c - a)` that the second gives the rest
# of `c`; the sum runs over all ways to throw `c` together. For images a and c are places, pairs of numbers,
# and for films triples; the formula stays. Because of the minus sign, one of the two runs backward: **a
# convolution slides the flipped kernel.** Without the flip it is called cross-correlation. A network learns
# its kernel, and can as well learn the flipped one, so libraries leave the flip out and keep the name.
#
# **Channels.** A color image has three numbers a pixel. A *filter* has a kernel for each of them, adds up
# what they give, and adds one bias: however many channels come in, a filter gives one map. The layer's output
# has as many channels as it has filters.

# %%
import dataclasses
import functools
import itertools
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure
from scipy import signal

from suite.backprop.convolution import convolution
from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, about, classifier_export


def slide(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """One sum a place where the whole kernel fits, in any number of dimensions.

    >>> slide(np.array([[1, 2, 0], [0, 1, 3], [1, 0, 2]]), np.eye(2)).tolist()
    [[2.0, 5.0], [0.0, 3.0]]
    """
    sums = np.empty(np.subtract(image.shape, kernel.shape) + 1)
    for place in np.ndindex(sums.shape):
        patch = image[tuple(slice(at, at + size) for at, size in zip(place, kernel.shape, strict=True))]
        sums[place] = np.sum(patch * kernel)
    return sums


def convolve(f: np.ndarray, g: np.ndarray) -> np.ndarray:
    """The definition: (f * g)(c) is the sum over a of f(a) g(c - a).

    Two dice, and the sums from 2 to 12 that 36 throws give:

    >>> (36 * convolve(np.full(6, 1 / 6), np.full(6, 1 / 6))).round().astype(int).tolist()
    [1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1]
    """
    total = np.zeros(np.add(f.shape, g.shape) - 1)
    for a in np.ndindex(f.shape):  # f(a) speaks to every c = a + b
        total[tuple(slice(at, at + size) for at, size in zip(a, g.shape, strict=True))] += f[a] * g
    return total


def layer(X: np.ndarray, W: np.ndarray, b: np.ndarray, stride: int = 1, padding: int = 0) -> np.ndarray:
    """(n, height, width, channels), (kernel height, width, channels, filters) -> a map for each filter."""
    X = np.pad(X, [(0, 0), (padding, padding), (padding, padding), (0, 0)])
    channels, filters = map(range, W.shape[2:])
    maps = [[sum(slide(x[..., c], W[..., c, f]) for c in channels) + b[f] for f in filters] for x in X]
    return np.moveaxis(np.array(maps), 1, -1)[:, ::stride, ::stride]


# %% [markdown]
# ## The flip, in one, two and three dimensions
#
# Sliding the flipped kernel has to give what the definition gives, wherever the whole kernel fits. How far
# off is sliding it as it is?
#
# And a kernel that is *learned*? A secret kernel has made a map of an image. We look for it by gradient
# descent twice, from the same random start: with the kernel as it is, and flipped before it slides. (The
# derivative of a squared error by the kernel slides, too: the errors, over the image.)


# %%
def flip_gaps(rng: np.random.Generator) -> tuple[float, float]:
    """Distances from the definition, as shares of its length: kernel flipped (at most), as it is (mean)."""
    gaps = []
    for image, kernel in ((rng.normal(size=(9,) * rank), rng.normal(size=(3,) * rank)) for rank in (1, 2, 3)):
        inside = convolve(image, kernel)[(slice(2, -2),) * image.ndim]  # c with every c - a in the kernel
        flipped, as_is = slide(image, np.flip(kernel)), slide(image, kernel)
        gaps.append([np.linalg.norm(each - inside) / np.linalg.norm(inside) for each in (flipped, as_is)])
    return np.max(gaps, axis=0)[0], np.mean(gaps, axis=0)[1]


def learned_gap(rng: np.random.Generator, steps: int = 100) -> float:
    """How far the mirror image of the kernel that flips is from the other one, as a share of its length."""
    image, secret, start = (rng.normal(size=(size, size)) for size in (16, 3, 3))
    kernels = []
    for turned in (np.copy, np.flip):
        kernel = start
        for _ in range(steps):
            errors = slide(image, turned(kernel)) - slide(image, secret)
            kernel = kernel - turned(slide(image, errors)) / errors.size / 2
        kernels.append(turned(kernel))
    return float(np.linalg.norm(kernels[1] - kernels[0]) / np.linalg.norm(secret))


# %% [markdown]
# ## Few weights, shared
#
# A convolution is linear: it could be a dense layer, multiplication by a matrix. What does that matrix look
# like? Its columns are what the layer makes of images that are 0 but for one pixel. From an 8 x 8 image with
# three channels to two maps of 6 x 6 it has 192 * 72 = 13,824 places. We count what stands there.


# %%
def as_matrix(W: np.ndarray, size: int) -> np.ndarray:
    units = np.eye(size * size * W.shape[2]).reshape(-1, size, size, W.shape[2])
    return convolution(units, W, np.zeros(W.shape[3])).reshape(len(units), -1).T


# %% [markdown]
# ## Move the image, and the answers move
#
# Shift, then convolve; or convolve, then shift: it is the same, which is called *equivariance*. With a stride
# of 2 the kernel is laid on every second pixel only. After a move by two pixels it finds the same patches one
# output further on. After a move by one it finds patches that nobody asked before; the answers would have to
# move by half a step, and neither none nor one is right.


# %%
def shift_gap(rng: np.random.Generator, stride: int, shift: int, moved: int) -> float:
    """How far answers to a shifted image are from moved answers, as a share of their length, borders cut."""
    X, W, b = (rng.normal(size=shape) for shape in ((2, 15, 15, 3), (3, 3, 3, 4), (4,)))
    before, after = (convolution(np.roll(X, (by, by), (1, 2)), W, b, stride) for by in (0, shift))
    end = before.shape[1] - moved
    old, new = before[:, 1:end, 1:end], after[:, moved + 1 :, moved + 1 :]
    return float(np.linalg.norm(new - old) / np.linalg.norm(old))


# %% [markdown]
# ## What a network makes of it
#
# Digits on a black canvas, in the middle for training and up to three pixels (of eight) away from it for the
# test. Three networks with about as many weights learn from the same images for the same number of epochs:
#
# * a **dense** one,
# * the same, **shown** other places: each epoch it sees every image at a new place,
# * a **convolutional** one, which sees the middle alone. It asks "is the feature anywhere?": two layers of
#   kernels, then the largest answer of each filter.


# %%
def networks(shape: tuple[int, ...], num_classes: int, filters: tuple[int, int]) -> dict[str, keras.Model]:
    """Raw pixels in, probabilities out; about as many weights each: the dense ones get the units for it."""

    def build(name: str, *hidden: keras.layers.Layer) -> keras.Model:
        image = keras.Input(shape, name="image", dtype="uint8")
        x = functools.reduce(lambda x, each: each(x), (layers.Rescaling(1 / 255), *hidden), image)
        return keras.Model(image, layers.Dense(num_classes, "softmax", name="probabilities")(x), name=name)

    cnn = build(
        "convolutional",
        layers.Conv2D(filters[0], 5, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(filters[1], 5, padding="same", activation="relu"),
        layers.GlobalMaxPooling2D(),
    )
    units = round(cnn.count_params() / (np.prod(shape) + 1 + num_classes))
    dense = {name: build(name, layers.Flatten(), layers.Dense(units, "relu")) for name in ("dense", "shown")}
    return dense | {"convolutional": cnn}


def accuracy_at(by: int, model: keras.Model, digits: np.ndarray, labels: np.ndarray, margin: int) -> float:
    """Mean accuracy at a distance of some pixels from the middle, in four directions."""
    places = (by, 0), (-by, 0), (0, by), (0, -by)
    moved = (image_sets.on_canvas(digits, margin, place) for place in places)
    return float(np.mean([accuracy(model.predict(each, verbose=0), labels) for each in moved]))


# %% [markdown]
# ## Is it right?
#
# `slide` and `convolve` against SciPy, in every number of dimensions; `layer` against TensorFlow and against
# the fast `suite.backprop.convolution` of the next lessons, for strides, paddings and channels.


# %%
def reference_gap(rng: np.random.Generator) -> float:
    gaps = []
    for rank in (1, 2, 3):
        image, kernel = rng.normal(size=(8,) * rank), rng.normal(size=(3,) * rank)
        gaps.append(slide(image, kernel) - signal.correlate(image, kernel, "valid", "direct"))
        gaps.append(convolve(image, kernel) - signal.convolve(image, kernel, "full", "direct"))
    for stride, padding, channels in itertools.product((1, 2, 3), (0, 1, 2), (1, 3)):
        X, W, b = (rng.normal(size=size) for size in ((2, 7, 9, channels), (3, 4, channels, 5), 5))
        ours, zeros = layer(X, W, b, stride, padding), [[0, 0], [padding] * 2, [padding] * 2, [0, 0]]
        gaps += [ours - (tf.nn.conv2d(X, W, stride, zeros) + b), ours - convolution(X, W, b, stride, padding)]
    return max(float(np.abs(gap).max()) for gap in gaps)


# %% The figures
def draw_matrix(size: int) -> Figure:
    figure, axes = plots.new_figure("A convolution as a matrix: nine weights, all shared", 10, 5.6)
    axes.imshow(np.ma.masked_equal(as_matrix(np.arange(1.0, 10).reshape(3, 3, 1, 1), size), 0))
    axes.grid(False)
    axes.set(xlabel=f"pixel of a {size}x{size} image, row by row", ylabel="output, row by row")
    return figure


def draw_features(cnn: keras.Model, digit: np.ndarray, margin: int) -> Figure:
    """A digit at two places with the strongest maps of the first layer, at the same scale."""
    places = [image_sets.on_canvas(digit, margin, (corner, corner)) for corner in (-margin, margin)]
    maps = keras.Model(cnn.input, cnn.layers[2].output).predict(np.concatenate(places), verbose=0)
    strongest = np.argsort(-maps[0].max(axis=(0, 1)))[:4]
    maps = maps[..., strongest] / maps[..., strongest].max(axis=(0, 1, 2))
    rows = {"digit": np.concatenate(places)}
    rows |= {f"filter {number + 1}": maps[..., index] for index, number in enumerate(strongest)}
    return plots.image_rows(rows, title="Equivariance: what filters find moves as the digit does")


def draw_accuracy(by_shift: dict[str, list[float]], side: int) -> Figure:
    figure, axes = plots.new_figure("Where the test digits are", width=7, height=3.6)
    lines = {name: (range(len(values)), values, "o-") for name, values in by_shift.items()}
    plots.curves(axes, lines, xlabel=f"pixels from the middle, of a digit of {side}", ylabel="test accuracy")
    return figure


# %% [markdown]
# ## Run it


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    filters: Annotated[tuple[int, int], "kernels of the two layers"] = (16, 32)
    epochs: Annotated[int, "of each network"] = 20
    images: Annotated[int, "of training, at most"] = 6000
    learning_rate: Annotated[float, "of Adam at first; it falls to 0 along a cosine"] = 5e-3


SMOKE = Config(filters=(2, 2), epochs=1, images=200)
DATA = ("embedded", "tfds")


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    data = image_sets.load(context.source, context.seed)
    digits, labels = data.images["test"], data.labels["test"]
    margin = 3 * digits.shape[1] // 8
    images = {part: image_sets.on_canvas(digits, margin) for part, digits in data.images.items()}
    seen = images["train"][: config.images], data.labels["train"][: config.images]
    models, by_shift = networks(images["train"].shape[1:], len(data.classes), config.filters), {}
    for name, model in models.items():
        batches = shuffled(seen, 64, context.seed)
        schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.epochs * len(batches))
        model.compile(Adam(schedule), "sparse_categorical_crossentropy")
        if name == "shown":
            batches = batches.map(functools.partial(image_sets.moved_at_random, margin=margin))
        context.fit(model, batches, epochs=config.epochs)
        by_shift[name] = [accuracy_at(by, model, digits, labels, margin) for by in range(margin + 1)]
    cnn, right = models["convolutional"], by_shift["convolutional"]
    even, odd = margin // 2 * 2, (margin - 1) // 2 * 2 + 1  # the farthest of each
    (flipped, as_is), W = flip_gaps(rng), rng.normal(size=(3, 3, 3, 2))
    matrix = as_matrix(W, size=8)
    metrics = {
        "flipped_gap": flipped,
        "unflipped_gap": as_is,
        "learned_mirror_gap": learned_gap(rng),
        "matrix_values_per_weight": len(np.unique(matrix[matrix != 0])) / W.size,
        "matrix_zeros": np.mean(matrix == 0),
        "shift_gap": max(shift_gap(rng, 1, 3, 3), shift_gap(rng, 2, 2, 1)),
        "strided_shift_gap": min(shift_gap(rng, 2, 1, moved) for moved in (0, 1)),
        "reference_gap": reference_gap(rng),
        "test_accuracy": right[0],
        "dense_lost_to_shift": by_shift["dense"][0] - by_shift["dense"][-1],
        "convolutional_lost_to_even_shift": right[0] - right[even],
        "odd_over_even_loss": right[even] - right[odd],
        "gain_over_shown": right[-1] - by_shift["shown"][-1],
    }
    return Result(
        metrics=metrics,
        figures={
            "matrix": draw_matrix(size=7),
            "equivariance": draw_features(cnn, digits[:1], margin),
            "shift": draw_accuracy(by_shift, digits.shape[1]),
        },
        exports=[classifier_export(cnn, dataclasses.replace(data, images=images))],
        data=data.describe(),
    )


# %% [markdown]
# ## What was measured
#
# ![A matrix with nine colors in bands, the rest empty](figures/matrix.png)
#
# Each row is one place of the kernel. Its nine numbers stand wherever that place looks, and nothing stands
# elsewhere: *sparse*, and *shared*. A dense layer of this size would have a weight of its own at every place.
#
# ![A digit in two corners, and four maps that move with it](figures/equivariance.png)
#
# The maps are what four learned kernels give for a digit in one corner, and for the same digit in the other.
# They are the same maps, somewhere else.
#
# ![Accuracy of three networks by distance from the middle](figures/shift.png)
#
# The dense network has only ever seen the middle, and away from it guesses. It *can* learn other places, if
# it is shown them, and pays: it needs weights for the same thing at each place, so with as many weights as
# the others it gets nowhere as far as in the middle. The convolutional network was shown nothing. Its curve
# goes up and down: between its two layers of kernels a pooling has a stride of 2, and a digit that moved by
# an odd number of pixels falls in between. (On MNIST, where a pixel is a 28th of the digit, one sees nothing
# of it.)

# %%
CLAIMS = (
    Claim(
        "flipped_gap",
        at_most=1e-12,
        says="Sliding the flipped kernel is the convolution of the definition, in one to three dimensions;",
        lecture="Convolution is the same as cross-correlation with a flipped kernel",
    ),
    Claim(
        "unflipped_gap",
        at_least=0.1,
        says="without the flip it is not.",
        lecture="here we are performing the convolution operation without flipping the filter",
    ),
    Claim(
        "learned_mirror_gap",
        at_most=1e-6,
        says="A kernel that is learned takes no notice: it comes out as the mirror image, and does the same.",
    ),
    Claim(
        "matrix_values_per_weight",
        at_least=1,
        at_most=1,
        says="As a dense layer, a convolution has as many different numbers as its kernels have weights,",
        lecture="the same kernel is used for every output neuron, and that way, we share parameters",
    ),
    Claim(
        "matrix_zeros", at_least=0.859, says="and zeros at 55 of 64 places.", lecture="introduces sparsity"
    ),
    Claim(
        "shift_gap",
        at_most=1e-12,
        says="Shift, then convolve, is convolve, then shift; with a stride of 2 that holds for even shifts,",
        lecture="Another interesting property of convolution is translation equivariance",
    ),
    Claim("strided_shift_gap", at_least=0.1, says="but not for odd ones."),
    *about(
        ("embedded", "tfds"),
        Claim(
            "dense_lost_to_shift",
            at_least=0.5,
            says="A dense network that learned digits in the middle loses its accuracy when they move;",
            lecture="MLP cannot",
        ),
        Claim(
            "convolutional_lost_to_even_shift",
            at_most=0.15,
            says="a convolutional one that learned them there loses little to an even shift.",
        ),
        Claim(
            "gain_over_shown",
            at_least=0.05,
            says="Far from the middle it is right more often than a dense network with as many weights that "
            "was shown every place.",
            lecture="we share parameters of the network and train a better model",
        ),
        Claim("test_accuracy", at_least=0.95, says="It reads digits in the middle."),
    ),
    Claim(
        "odd_over_even_loss",
        at_least=0.03,
        data="embedded",
        says="Of digits of 8 pixels it loses more to an odd shift, as its pooling has a stride of 2.",
    ),
    Claim(
        "reference_gap",
        at_most=1e-12,
        says="Our loops give what SciPy, TensorFlow and suite.backprop give.",
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** Give the network few filters: `suite run convolution --filters 4,4`. Which claims fall, and is it
# the convolution's fault?
#
# <details><summary>Answer</summary>
#
# `dense_lost_to_shift`, of all claims, beside `test_accuracy` (0.75, seed 0). The dense networks get as many
# weights as the convolutional one, and that is now so few that they have no accuracy to lose: a comparison at
# equal size says nothing once the size is too small for either.
#
# </details>
#
# **2.** In `networks`, take the pooling between the layers out. What becomes of `odd_over_even_loss`?
#
# <details><summary>Answer</summary>
#
# From 0.28 to 0.02 (seed 0): without the stride every place is asked, and an odd shift costs no more than an
# even one. What an even shift cost, it never cost because of the stride.
#
# </details>
#
# **3.** How many weights has a layer of 16 filters of 3 x 3 on an image of 3 channels?
#
# <details><summary>Answer</summary>
#
# 16 * (3 * 3 * 3 + 1) = 448: a filter has a kernel for each channel, and one bias. The next lesson does the
# sums of whole networks.
#
# </details>
#
# ## To take away
#
# * A filter is a question asked everywhere: a kernel for each channel, their sums added up, one bias.
# * As a matrix, a convolution is mostly zeros, and the few weights it has are shared.
# * It moves with the image, up to its stride. It does *not* follow what turns or grows: that has to be
#   learned.
#
# *Before: [hints](hints.md). Next: [receptive_fields](receptive_fields.md), how far a unit sees.*
