# %% [markdown]
# # Squeeze an image with convolutions, and unfold it again
#
# Strided convolutions make an image smaller and smaller, until a code of a few numbers is left. Transposed
# convolutions make an image of the code again, and how small the code is decides what survives.
#
# *Week 4, "Undercomplete autoencoder", "Convolutional autoencoder". Takes 50 s on one CPU core.
# `suite run convolutional_autoencoder [--data tfds | --data tfds:lfw | --data photos/]`*
#
# ## Why not dense layers?
#
# [pca_versus_autoencoder](pca_versus_autoencoder.md) took an image for a list of pixels. That works for 64 of
# them. A dense layer has a weight from each pixel to each of its units, and has to learn a stroke anew at
# each place where one may be. Convolutions are told what we know of images: neighbors belong together, and
# what is worth seeing in one place is worth seeing in all. The encoder is the beginning of any convolutional
# network. The new question is how to get **back**, from few numbers to many.
#
# ## The method
#
# A convolution of stride 2 lays its kernel on every second pixel: each output is a sum over a patch. Turn
# that around: each input *paints* the kernel, times its value, onto a patch of the output, the next input two
# pixels further on, and where patches overlap, the paint adds up. In one dimension, with the kernel
# (1, 2, 2, 1), the inputs 1 and 3:
#
#     1 paints      1  2  2  1
#     3 paints            3  6  6  3
#     output        1  2  5  7  6  3
#
# Two numbers have become six; without the outermost, four, twice as many. This is the *transposed
# convolution*: written as a matrix (see [convolution](convolution.md)), it is the convolution's matrix,
# transposed. It does not undo a convolution, and the name "deconvolution", which one reads too, says what it
# is not.
#
# Mind the overlap. With a kernel of 3 and a stride of 2, every second pixel is painted twice and those
# between them once, and the image gets a checkerboard. With a kernel of 4, each is painted equally often.

# %%
import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.backprop.convolution import convolution
from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.deploy.exports.autoencoder import decoder_export, encoder_export
from suite.evaluation import plots
from suite.models.autoencoders import Autoencoder, build_dense
from suite.optimizers import Adam
from suite.runs.recipe import Baseline, Claim, Context, Result, about


def transposed(X: np.ndarray, W: np.ndarray, stride: int) -> np.ndarray:
    """Paints W, (kernel height, kernel width, channels of the output, of the input), for each pixel of X.

    >>> row, kernel = np.array([1.0, 3]).reshape(1, 1, 2, 1), np.array([1.0, 2, 2, 1]).reshape(1, 4, 1, 1)
    >>> transposed(row, kernel, stride=2).ravel().tolist()
    [1.0, 2.0, 5.0, 7.0, 6.0, 3.0]
    """
    n, height, width, _ = X.shape
    painted = np.zeros((n, (height - 1) * stride + len(W), (width - 1) * stride + W.shape[1], W.shape[2]))
    for row, column in np.ndindex(height, width):
        top, left = row * stride, column * stride
        patch = painted[:, top : top + len(W), left : left + W.shape[1]]
        patch += np.einsum("nc,hwoc->nhwo", X[:, row, column], W)
    return painted


def convolutional(shape: tuple[int, ...], code_size: int, filters: tuple[int, ...]) -> Autoencoder:
    """Each stage of the encoder halves the sides, each of the decoder doubles them: three models in all."""
    image = keras.Input(shape, name="image", dtype="uint8")
    x, sides = layers.Rescaling(1 / 255)(image), []
    settings = {"strides": 2, "padding": "same", "activation": "relu", "kernel_initializer": "he_normal"}
    for count in filters:
        sides.append(x.shape[1:3])
        x = layers.Conv2D(count, 3, **settings)(x)
    small = x.shape[1:]
    encoder = keras.Model(image, layers.Dense(code_size, name="code")(layers.Flatten()(x)), name="encoder")

    code = keras.Input((code_size,), name="code")
    x = layers.Reshape(small)(layers.Dense(math.prod(small), "relu", kernel_initializer="he_normal")(code))
    for count, (height, width) in zip(reversed(filters), reversed(sides), strict=True):
        x = layers.Conv2DTranspose(count, 4, **settings)(x)
        surplus = (0, x.shape[1] - height), (0, x.shape[2] - width)  # doubling 4 gives 8, where 7 were
        x = layers.Cropping2D(surplus)(x) if np.any(surplus) else x
    decoder = keras.Model(code, layers.Conv2D(shape[2], 3, padding="same", name="image")(x), name="decoder")
    return Autoencoder(encoder, decoder, keras.Model(image, decoder(encoder.output), name="autoencoder"))


# %% [markdown]
# ## Transposed, and even
#
# Two checks on the operation itself. If A is a matrix, then `(A x) . y = x . (A' y)` for all x and y, and
# only the transposed matrix does that. So: convolve random images and take the products with random maps, or
# paint the maps and take the products with the images. And for the overlap: paint ones with a kernel of
# ones, and count.


# %%
def transpose_gap(rng: np.random.Generator) -> float:
    """How far the two products are apart, as a share of them, for strides of 1 to 3."""
    gaps = []
    for stride in (1, 2, 3):
        X, W = rng.normal(size=(5, 10, 16, 2)), rng.normal(size=(4, 4, 2, 3))
        maps = convolution(X, W, np.zeros(3), stride)
        Y = rng.normal(size=maps.shape)
        products = np.sum(maps * Y), np.sum(X * transposed(Y, W, stride))
        gaps.append(abs(products[0] / products[1] - 1))
    return max(gaps)


def painted_counts(kernel_size: int) -> np.ndarray:
    """How often each pixel is painted at a stride of 2, the border left out."""
    counts = transposed(np.ones((1, 6, 6, 1)), np.ones((kernel_size, kernel_size, 1, 1)), 2)
    return counts[:, kernel_size:-kernel_size, kernel_size:-kernel_size]


# %% [markdown]
# ## A fair opponent
#
# The dense autoencoder gets as many parameters: two hidden layers, the second half as wide, as wide as the
# budget allows. A second one, *wide*, may have more than twice as many. All train for as many steps. With the
# largest code each kind trains at two learning rates, and the better one on validation images is its own.
#
# Is it the neighbors that make the difference? **Shuffle the pixels**, in the same way in every image. For a
# dense layer nothing changes: it has no idea which pixels are neighbors. A convolution now looks at patches
# of pixels that have nothing to do with each other.


# %%
Images = Mapping[str, np.ndarray]
Build = Callable[[int], Autoencoder]


def dense_units(shape: tuple[int, ...], code_size: int, parameters: int) -> tuple[int, int]:
    """Of the encoder's layers, u and u / 2: both halves have about u^2 + u (2 pixels + code) weights."""
    b = 2 * math.prod(shape) + code_size
    u = max(2, round((math.sqrt(b**2 + 4 * parameters) - b) / 2))
    return u, u // 2


def rebuild(autoencoder: Autoencoder, images: np.ndarray) -> np.ndarray:
    """A few hundred at a time."""
    return np.concatenate(
        [autoencoder.model(some) for some in np.array_split(images, len(images) // 500 + 1)]
    )


def error(autoencoder: Autoencoder, images: np.ndarray) -> float:
    return float(np.mean((rebuild(autoencoder, images) - images / np.float32(255)) ** 2))


def train(
    autoencoder: Autoencoder, rate: float, images: Images, config: "Config", context: Context
) -> Autoencoder:
    schedule = keras.optimizers.schedules.CosineDecay(rate, config.steps)
    autoencoder.model.compile(Adam(schedule), "mse")
    pairs = images["train"], images["train"].astype(np.float32) / 255  # the input and the target
    batches = shuffled(pairs, config.batch_size, context.seed).repeat()
    context.fit(autoencoder.model, batches, steps_per_epoch=config.steps)
    return autoencoder


def by_size(
    build: Build, images: Images, config: "Config", context: Context
) -> tuple[list[Autoencoder], float]:
    """One trained for each size of the code, and the rate that was best for the largest."""
    *smaller, largest = config.code_sizes
    tried = {rate: train(build(largest), rate, images, config, context) for rate in config.learning_rates}
    rate = min(tried, key=lambda rate: error(tried[rate], images["validation"]))
    return [*(train(build(size), rate, images, config, context) for size in smaller), tried[rate]], rate


def shuffle_pixels(images: Images, rng: np.random.Generator) -> Images:
    height, width = images["train"].shape[1:3]
    places = rng.permutation(height * width)
    return {
        part: each.reshape(len(each), -1, each.shape[3])[:, places].reshape(each.shape)
        for part, each in images.items()
    }


# %% [markdown]
# ## Is it right?
#
# `transposed` against TensorFlow, for several strides.


# %%
def reference_gap(rng: np.random.Generator) -> float:
    gaps = []
    for stride in (1, 2, 3):
        X, W = rng.normal(size=(2, 4, 5, 3)), rng.normal(size=(4, 4, 2, 3))
        ours = transposed(X, W, stride)
        theirs = tf.nn.conv2d_transpose(X, W, ours.shape, stride, "VALID").numpy()
        gaps.append(np.abs(ours - theirs).max())
    return float(max(gaps))


# %% The figures
def draw_errors(sizes: tuple[int, ...], errors: dict[str, np.ndarray]) -> Figure:
    figure, axes = plots.new_figure("Error on test images by the size of the code", width=7)
    lines = {name: (sizes, values, "o-") for name, values in errors.items()}
    settings = {"xscale": "log", "yscale": "log", "xticks": sizes, "xticklabels": sizes}
    plots.curves(axes, lines, xlabel="numbers in the code", ylabel="mean squared error", **settings)
    return figure


def draw_counts() -> Figure:
    rows = {f"kernel of {size}": painted_counts(size)[:, :5, :5] / 5 for size in (3, 4)}
    return plots.image_rows(rows, title="How often a pixel is painted", side=2.2)


# %% [markdown]
# ## Run it
#
# Digits, or your own pictures: `--data photos/` takes a folder, stretches each to a square, and needs no
# labels. Codes of three sizes.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    code_sizes: Annotated[tuple[int, ...], "numbers in a code, rising"] = (4, 12, 32)
    filters: Annotated[tuple[int, ...], "of the encoder's stages, each of which halves the sides"] = (16, 32)
    wide_units: Annotated[tuple[int, ...], "of the wide dense encoder"] = (256, 128)
    steps: Annotated[int, "of each training"] = 700
    batch_size: Annotated[int, "images a step"] = 64
    learning_rates: Annotated[tuple[float, ...], "to choose from; each falls to 0 along a cosine"] = (
        2e-3,
        6e-3,
    )
    side: Annotated[int, "pixels; larger pictures, and a folder's, are stretched to squares of it"] = 32


SMOKE = Config(code_sizes=(2, 4), filters=(4,), wide_units=(16,), steps=3, learning_rates=(4e-3,), side=16)
DATA = ("embedded", "tfds", "path")


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    data = image_sets.load(context.source, context.seed, labeled=False, largest=config.side)
    images, test, shape = data.images, data.images["test"], data.images["train"].shape[1:]
    convolutions = functools.partial(convolutional, shape, filters=config.filters)

    def dense(size: int) -> Autoencoder:
        return build_dense(shape, size, dense_units(shape, size, convolutions(size).model.count_params()))

    ours, rate = by_size(convolutions, images, config, context)
    theirs, dense_rate = by_size(dense, images, config, context)
    best, size, permuted = ours[-1], config.code_sizes[-1], shuffle_pixels(images, rng)
    wide = train(build_dense(shape, size, config.wide_units), dense_rate, images, config, context)
    lost = train(convolutions(size), rate, permuted, config, context)
    kinds = {"convolutional": ours, "dense": theirs}
    errors = {kind: np.array([error(each, test) for each in models]) for kind, models in kinds.items()}
    rows = {"image": test[:10]} | {
        f"{kind}, {size}": rebuild(each, test[:10])
        for kind, models in kinds.items()
        for size, each in zip(config.code_sizes, models, strict=True)
    }
    convolutional_errors, dense_errors = errors.values()
    metrics = {
        "transpose_gap": transpose_gap(rng),
        "painted_most_over_least_3": painted_counts(3).max() / painted_counts(3).min(),
        "painted_most_over_least_4": painted_counts(4).max() / painted_counts(4).min(),
        "largest_error_over_size_before": np.max(convolutional_errors[1:] / convolutional_errors[:-1]),
        "last_error_over_dense": convolutional_errors[-1] / dense_errors[-1],
        "last_error_over_wide": convolutional_errors[-1] / error(wide, test),
        "wide_parameters_over_ours": wide.model.count_params() / best.model.count_params(),
        "shuffled_error_over_plain": error(lost, permuted["test"]) / convolutional_errors[-1],
        "reference_gap": reference_gap(rng),
        "test_mean_squared_error": convolutional_errors[-1],
        "test_mean_squared_error_dense": dense_errors[-1],
    }
    mean_error = np.mean((test - images["train"].mean(axis=0)) ** 2) / 255**2
    return Result(
        metrics=metrics,
        baselines=[Baseline("test_mean_squared_error", mean_error, "the mean image", higher_is_better=False)],
        figures={
            "counts": draw_counts(),
            "error": draw_errors(config.code_sizes, errors),
            "images": plots.image_rows(rows, title="Test images, and what codes leave of them"),
        },
        exports=[export(best, test, images["train"][:300]) for export in (encoder_export, decoder_export)],
        data=data.describe(),
    )


# %% [markdown]
# ## What was measured
#
# ![Two squares: of a checkerboard, and of one color](figures/counts.png)
#
# How often the pixels are painted by a kernel of 3 and by one of 4, at a stride of 2. A network with the
# first has to learn the checkerboard away; with the second there is none.
#
# ![Error of two autoencoders by the size of the code](figures/error.png)
#
# Both errors fall with every number more. Nothing else holds the network back: it has no penalty, and learns
# what the code has room for. The convolutions get more into the same numbers than dense layers with as
# many parameters, and than those with far more.
#
# ![Ten digits, and what codes of three sizes leave of them](figures/images.png)
#
# With four numbers the digits are blurred, and some become another one. With the largest code one has to look
# twice.
#
# Why? The nearest explanation would be that pixels have neighbors. It is the one of the notes on
# convolutions, and with **8 pixels a side it does not hold**: with all pixels shuffled, the convolutional
# autoencoder is about as good as before. The kernels of the second layer see nearly the whole image, so there
# is hardly a place to be a neighbor in. What it has beside the dense one is many more units for its weights,
# since each is used at many places. A result that is right does not prove the reason one had for it. (With
# more pixels a side there is more to shuffle: `--data tfds` measures it on MNIST.)

# %%
CLAIMS = (
    Claim(
        "transpose_gap",
        at_most=1e-12,
        says="A transposed convolution multiplies by the convolution's matrix, transposed.",
    ),
    Claim(
        "painted_most_over_least_3",
        at_least=4,
        says="A kernel of 3 at a stride of 2 paints some pixels four times as often as others,",
    ),
    Claim("painted_most_over_least_4", at_most=1, says="one of 4 all of them equally often."),
    *about(
        ("embedded",),
        Claim(
            "largest_error_over_size_before",
            at_most=0.7,
            says="With every larger code the error on new images falls by three tenths or more.",
            lecture="imposes a bottleneck which forces a compressed knowledge representation",
        ),
        Claim(
            "last_error_over_dense",
            at_most=0.85,
            says="With the largest code, convolutions leave less error than dense layers with as many "
            "parameters,",
        ),
        Claim("last_error_over_wide", at_most=1, says="and no more than dense layers with far more of them."),
        Claim(
            "shuffled_error_over_plain",
            at_most=1.5,
            says="On images of 8 pixels a side that is not owed to neighbors: shuffled pixels cost little.",
        ),
    ),
    Claim("reference_gap", at_most=1e-12, says="Our loops give what TensorFlow gives."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run convolutional_autoencoder --code_sizes 4,12,64`: a code of as many numbers as pixels.
# Which claim falls, or nearly, and has it learned to copy?
#
# <details><summary>Answer</summary>
#
# None falls (seed 0): the error halves once more and better, and stays less than dense layers leave. It has
# not learned to copy: new images come back with an error of 0.0062, a twelfth of the mean image's, and a copy
# would have none. Weights that copy exist, but they are hard to find through maps that become smaller, with
# kernels that are the same at every place. The bottleneck of an autoencoder is not its code alone.
#
# </details>
#
# **2.** On paper: a convolution of 3 by 3, stride 2, from 28 by 28 pixels to 14 by 14, one channel each. How
# many rows and columns has its matrix, and which of the two does a transposed convolution give?
#
# <details><summary>Answer</summary>
#
# 196 rows, one an output, and 784 columns, one a pixel. Transposed it has 784 rows: the transposed
# convolution takes 196 numbers and gives 784. There are nine different numbers in either.
#
# </details>
#
# ## To take away
#
# - The encoder is a convolutional network; the decoder is one with its convolutions transposed.
# - Choose a kernel that the stride divides, or images get a checkerboard.
# - With as many weights, convolutions keep more of an image in a code. Test the reason before you believe it.
#
# *Before: [pca_versus_autoencoder](pca_versus_autoencoder.md). Next:
# [autoencoder_capacity](autoencoder_capacity.md), what becomes of a code that has room for everything.*
