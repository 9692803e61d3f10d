# %% [markdown]
# # Give an autoencoder room, and it copies
#
# An autoencoder has to give back what it is shown, and learns something only where that is not easy. Here it
# gets what makes it easy: data without structure to find, layers that know every image by heart, and a code
# with room for all pixels.
#
# *Week 4, "Autoencoders 101", "Undercomplete autoencoder", "Regularized Autoencoders". Takes 40 s on 2 CPU
# cores. `suite run autoencoder_capacity`*
#
# ## Why give back what one has?
#
# Nobody needs a network that answers an image with the same image. What one is after is the *code* in
# between: a few numbers that say what matters, learned without a single label. But the loss does not ask for
# a good code. It asks for the image, and copying is the cheapest answer. So before one trusts a small loss,
# one has to know how it came about.
#
# ## The method
#
# An *encoder* makes a code of an image, a *decoder* an image of the code, and both are trained on the squared
# difference between what goes in and what comes out. Take two pixels, a code of one number, and no
# nonlinearity: the encoder takes the mean of the two, the decoder writes it twice.
#
#     (3, 3) -> 3 -> (3, 3)         (1, 1) -> 1 -> (1, 1)         (3, 1) -> 2 -> (2, 2)
#
# If both pixels are always equal, one number says all. If they have nothing to do with each other, no number
# does. **What can be saved is what inputs have in common**, and a code shorter than the input
# (*undercomplete*) has to find it. With a code of two numbers for two pixels there is nothing to find: pass
# them on.

# %%
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated

import keras
import numpy as np
from keras import layers
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.deploy.exports.autoencoder import decoder_export, encoder_export
from suite.evaluation import plots
from suite.evaluation.representations import explained, few_labels_accuracy
from suite.models.autoencoders import Autoencoder
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result


def through(X: np.ndarray, encoder: np.ndarray, decoder: np.ndarray) -> np.ndarray:
    """What a linear autoencoder gives back: images are rows, `X encoder` is their code.

    >>> mean, twice = np.array([[0.5], [0.5]]), np.array([[1.0, 1.0]])
    >>> through(np.array([[3.0, 3.0], [1.0, 1.0], [3.0, 1.0]]), mean, twice).tolist()
    [[3.0, 3.0], [1.0, 1.0], [2.0, 2.0]]
    """
    return X @ encoder @ decoder


def build(shape: Sequence[int], code_size: int, units: Sequence[int] = ()) -> Autoencoder:
    """Raw pixels in, code, pixels in [0, 1] out; without hidden units both halves are linear."""
    image = keras.Input(shape, dtype="uint8", name="image")
    x = layers.Flatten()(layers.Rescaling(1 / 255)(image))
    for count in units:
        x = layers.Dense(count, "relu", kernel_initializer="he_normal")(x)
    encoder = keras.Model(image, layers.Dense(code_size, name="code")(x), name="encoder")
    code = x = keras.Input((code_size,), name="code")
    for count in reversed(units):
        x = layers.Dense(count, "relu", kernel_initializer="he_normal")(x)
    pixels = layers.Reshape(shape, name="image")(layers.Dense(int(np.prod(shape)))(x))
    decoder = keras.Model(code, pixels, name="decoder")
    return Autoencoder(encoder, decoder, keras.Model(image, decoder(encoder.output), name="autoencoder"))


# %% [markdown]
# ## How well does it give back?
#
# The trivial answer to any image is the mean of all training images. *Explained* is the share of its error
# that an autoencoder takes away: 0 for the mean image, 1 for a perfect copy, negative for worse than the
# mean.


# %%
def train(
    images: np.ndarray, code_size: int, units: Sequence[int], config: "Config", context: Context
) -> Autoencoder:
    """Minimizes the squared error between each image and what comes out for it."""
    made = build(images.shape[1:], code_size, units)
    pairs = images, images.astype(np.float32) / 255
    batches = shuffled(pairs, min(config.batch_size, len(images)), context.seed).repeat().prefetch(2)
    rate = config.learning_rate if units else config.linear_learning_rate
    made.model.compile(Adam(keras.optimizers.schedules.CosineDecay(rate, config.steps)), "mse")
    context.fit(made.model, batches, steps_per_epoch=config.steps)
    return made


def explains(made: Autoencoder, images: np.ndarray, seen: np.ndarray) -> float:
    """The share of `images`, beside the mean of those that were `seen`."""
    answers = made.model.predict(images, batch_size=500, verbose=0)
    return explained(answers, images / 255, seen.mean(axis=0) / 255)


# %% [markdown]
# ## Data with structure, and without
#
# Digits of 8 x 8 pixels. For a twin without structure we take each pixel by itself and shuffle it over the
# images: every pixel keeps its values, and nothing that pixels have in common is left. How much of each a
# code of k numbers can keep at best, if both halves are linear, is known: the k largest eigenvalues of the
# covariance, as a share of all. And there is a code that needs no training at all: the k pixels that vary
# most.


# %%
def without_structure(images: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        part: rng.permuted(values.reshape(len(values), -1), axis=0).reshape(values.shape)
        for part, values in images.items()
    }


def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1) / 255


def kept_by_linear_code(X: np.ndarray) -> np.ndarray:
    """Share of the variance that the best linear code of 1, 2, ... numbers keeps."""
    eigenvalues = np.linalg.eigvalsh(np.cov(X.T))[::-1]
    return np.cumsum(eigenvalues) / eigenvalues.sum()


def kept_by_pixels(X: np.ndarray, count: int) -> float:
    """The same of a code that is those pixels which vary most."""
    variances = np.sort(X.var(axis=0))
    return float(variances[-count:].sum() / variances.sum())


# %% [markdown]
# ## Too much capacity
#
# A short code does not help where the layers around it can do anything. In the extreme, the encoder numbers
# the training images, the decoder has them stored, and one number is enough for any set. We take few images,
# a code of two numbers, and hidden layers from small to large; and the twin without structure again, of which
# there is nothing to learn but each image by heart.


# %%
SIZES = (16,), (64,)  # hidden units, from small to large; the largest are in Config


def by_capacity(images: Mapping[str, np.ndarray], config: "Config", context: Context) -> np.ndarray:
    """`(2, sizes)`: explained of the few training images, and of test."""
    few, shares = images["train"][: config.few], []
    for units in (*SIZES, config.large_units):
        made = train(few, 2, units, config, context)
        shares.append([explains(made, each, few) for each in (few, images["test"])])
    return np.array(shares).T


# %% [markdown]
# ## As many codes as pixels
#
# Now the layers are as simple as can be, linear, and the code has as many numbers as there are pixels, or
# twice as many. What would show that such a network *copies*? That it gives back what it cannot have learned
# anything about: it is trained on digits, and we show it the twin without structure.
#
# And is its code worth more than pixels? We give linear classifiers a hundred labels, ten times, and see how
# often they are right on the test images: with the pixels, with the copies, and with the short code.
#
# ## Is it right?
#
# `through` with the weights of the linear layers against what Keras gives, and the eigenvalues against
# scikit-learn's PCA.


# %%
def reference_gap(made: Autoencoder, images: np.ndarray) -> float:
    (encoder, shift), (decoder, offset) = made.encoder.get_weights(), made.decoder.get_weights()
    X, answers = flat(images), made.model.predict(images, verbose=0)
    ours = through(X, encoder, decoder) + shift @ decoder + offset
    shares = np.cumsum(PCA().fit(X).explained_variance_ratio_)
    return float(
        max(np.abs(ours - answers.reshape(X.shape)).max(), np.abs(shares - kept_by_linear_code(X)).max())
    )


# %% The figures
def draw_compression(data: Mapping[str, Mapping], kept: Mapping[str, float], code_size: int) -> Figure:
    figure, axes = plots.new_figure("How much of an image fits into a short code", 7.5, 4)
    for color, (name, images) in zip(plots.COLORS, data.items(), strict=False):
        best = kept_by_linear_code(flat(images["train"]))
        axes.plot(range(1, len(best) + 1), best, color=color, label=f"{name}, best linear code")
        axes.plot(code_size, kept[name], "o", color=color, ms=8, label=f"{name}, autoencoder, on test")
    axes.set(xlabel="numbers in the code", ylabel="explained", ylim=(0, 1.03))
    axes.legend(frameon=False, loc="lower right")
    return figure


def draw_capacity(shares: Mapping[str, np.ndarray], capacities: Sequence[tuple[int, ...]]) -> Figure:
    figure, panels = plots.new_figure(
        "A code of 2 numbers, few images, larger and larger layers", 9, 3.6, 1, 2
    )
    names = [" + ".join(map(str, units)) for units in capacities]
    for axes, (name, (few, test)) in zip(panels, shares.items(), strict=True):
        lines = {"training images": (names, few, "o-"), "test": (names, test, "o-")}
        plots.curves(axes, lines, title=name, xlabel="hidden units", ylabel="explained")
        axes.axhline(0, color=plots.MUTED, linewidth=1, linestyle=":")
    return figure


def draw_images(data: Mapping[str, Mapping], made: Mapping[str, Autoencoder]) -> Figure:
    rows = {"shown": np.concatenate([images["test"][:5] for images in data.values()])}
    rows |= {name: each.model.predict(rows["shown"], verbose=0) for name, each in made.items()}
    return plots.image_rows(rows, title="Digits, and images without structure, given back")


# %% [markdown]
# ## Run it
#
# All trainings take the same number of steps. The learning rate, larger for linear layers, falls to 0 along a
# cosine.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    code_size: Annotated[int, "numbers in the short code"] = 10
    units: Annotated[tuple[int, ...], "hidden units around the short code"] = (128, 64)
    large_units: Annotated[tuple[int, ...], "hidden units of the largest around a code of two"] = (256, 128)
    few: Annotated[int, "training images for the layers of growing size"] = 30
    steps: Annotated[int, "of each training"] = 1500
    draws: Annotated[int, "of a hundred labels, with a classifier each"] = 10
    batch_size: Annotated[int, "images a step, at most"] = 128
    learning_rate: Annotated[float, "of Adam at first; it falls to 0"] = 3e-3
    linear_learning_rate: Annotated[float, "of the linear ones"] = 1e-2


SMOKE = Config(units=(4,), large_units=(8,), steps=3, draws=1)


def run(config: Config, context: Context) -> Result:
    loaded = image_sets.load(context.source, context.seed)
    digits, labels, pixels = loaded.images, loaded.labels, loaded.images["train"][0].size
    data = {"digits": digits, "independent": without_structure(digits, context.seed)}
    short = {
        name: train(each["train"], config.code_size, config.units, config, context)
        for name, each in data.items()
    }
    kept = {name: explains(short[name], each["test"], each["train"]) for name, each in data.items()}
    shares = {name: by_capacity(each, config, context) for name, each in data.items()}
    linear = {
        f"linear, {times} a pixel": train(digits["train"], times * pixels, (), config, context)
        for times in (1, 2)
    }
    shown, twins = {"short code": short["digits"]} | linear, data["independent"]
    codes = {"pixels": {part: flat(images) for part, images in digits.items()}}
    for name, made in shown.items():
        codes[name] = {part: made.encoder.predict(images, verbose=0) for part, images in digits.items()}
    accuracy = {
        name: few_labels_accuracy(each, labels, context.seed, 100, config.draws)
        for name, each in codes.items()
    }
    (small, *_, large), (*_, by_heart) = shares["digits"].T, shares["independent"].T
    metrics = {
        "explained_digits": kept["digits"],
        "explained_independent": kept["independent"],
        "gained_on_ten_pixels": kept["independent"] - kept_by_pixels(flat(twins["train"]), config.code_size),
        "small_over_large_test": small[1] - large[1],
        "large_explained_training": large[0],
        "large_explained_test": large[1],
        "by_heart_training": by_heart[0],
        "by_heart_test": by_heart[1],
        "linear_copied": min(explains(made, twins["test"], twins["train"]) for made in linear.values()),
        "copies_accuracy_gained": max(accuracy[name] for name in linear) - accuracy["pixels"],
        "short_accuracy_gained": accuracy["short code"] - accuracy["pixels"],
        "accuracy_of_pixels": accuracy["pixels"],
        "reference_gap": reference_gap(linear["linear, 1 a pixel"], digits["test"]),
    }
    some = digits["test"], digits["train"][:300]
    return Result(
        metrics=metrics,
        figures={
            "compression": draw_compression(data, kept, config.code_size),
            "capacity": draw_capacity(shares, (*SIZES, config.large_units)),
            "images": draw_images(data, shown),
        },
        exports=[half(short["digits"], *some) for half in (encoder_export, decoder_export)],
        data=loaded.describe(),
    )


# %% [markdown]
# ## What was measured
#
# ![Explained over the size of the code, for digits and for images without structure](figures/compression.png)
#
# Ten numbers hold most of a digit, and the curved surface that the layers learn beats the best flat one. Of
# the twin without structure ten numbers hold what ten pixels do, no matter how they were found: there is
# nothing to find. (On test it is even less, as layers that look for structure find some by accident in the
# training images.)
#
# ![Explained over the hidden units, for training images and for test](figures/capacity.png)
#
# The larger the layers, the better they know their few training images, and the worse the others. At the end
# new digits come back *worse than the mean image*. The right half tells why. These images have nothing in
# common, and the large layers give them back nearly as well: what they learned is the list. So the size of
# the code alone says little about what had to be learned, and a small training loss says nothing.
#
# ![Five digits and five images without structure, with what comes out for each](figures/images.png)
#
# The short code makes digits, even of what is none. The linear layers give back anything: they have learned
# no digit, but to pass numbers on. A classifier with few labels gets nothing out of such a code that it would
# not get out of the pixels.

# %%
CLAIMS = (
    Claim(
        "explained_digits",
        at_least=0.75,
        says="A code of ten numbers keeps most of a digit;",
        lecture="if some sort of structure exists in the data, this structure can be learned",
    ),
    Claim(
        "explained_independent", at_most=0.45, says="of pixels that are independent it keeps the lesser part,"
    ),
    Claim(
        "gained_on_ten_pixels",
        at_most=0.02,
        says="and no more than the ten pixels that vary most.",
        lecture="If the input features were independent of one another, this compression and subsequent "
        "reconstruction would be a very difficult task",
    ),
    Claim(
        "large_explained_training",
        at_least=0.8,
        says="Large layers around a code of two numbers give back their few training images,",
    ),
    Claim(
        "large_explained_test",
        at_most=0,
        says="and others no better than the mean image does,",
        lecture="these autoencoders fail to learn anything useful if the encoder and decoder are given too "
        "much capacity",
    ),
    Claim(
        "small_over_large_test",
        at_least=0.1,
        says="and explain less of others than small layers do, by a tenth of the variation and more.",
    ),
    Claim(
        "by_heart_training",
        at_least=0.5,
        says="They give back the greater part of training images that can only be learned by heart.",
    ),
    Claim(
        "linear_copied",
        at_least=0.99,
        says="Linear layers with a code for each pixel, or two, learn from digits to copy what is no digit,",
        lecture="even a linear encoder and a linear decoder can learn to copy the input to the output",
    ),
    Claim(
        "copies_accuracy_gained",
        at_most=0.015,
        says="and classifiers with a hundred labels are no more often right with that code than with pixels.",
        lecture="without learning anything useful about the data distribution",
    ),
    Claim(
        "short_accuracy_gained",
        at_least=-0.05,
        says="The code of ten numbers has, for them, nearly all of what 64 pixels have.",
    ),
    Claim("reference_gap", at_most=1e-4, says="Our formulas give what Keras and scikit-learn give."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run autoencoder_capacity --steps 200`: which claims fall? Is capacity all that makes a network
# learn by heart?
#
# <details><summary>Answer</summary>
#
# Five: the short code explains 0.59 of a digit, the large layers 0.44 of their training images and 0.27 of
# those without structure, and the linear layers do not copy yet, with 0.72 (seed 0). Capacity says what a
# network *can* hold; it takes steps to fill it, and stopping early is a limit like any other. What does not
# come back is `large_explained_test`, at -0.44: even half-way, what is learned by heart serves no others.
#
# </details>
#
# **2.** Shuffle the pixels of all images *in the same way*, as if the camera had its wires mixed up. What
# becomes of `explained_digits`?
#
# <details><summary>Answer</summary>
#
# Nothing: a dense layer knows no neighbors, so it starts with the same weights in another order. What pixels
# have in common is all still there, as are the eigenvalues. (A convolution would be lost.)
# `without_structure` shuffles each pixel by itself, and that takes away what they have in common.
#
# </details>
#
# **3.** On paper: the second of two pixels is always 1 minus the first. Is one number enough for a linear
# autoencoder?
#
# <details><summary>Answer</summary>
#
# Yes, with a bias: the code is the first pixel c, the decoder writes c and 1 - c. The two vary by as much and
# in opposite directions, so the covariance matrix has the eigenvalues 2v and 0, where v is the variance of
# each: one direction holds it all. What counts is that pixels go together, not that they are equal.
#
# </details>
#
# ## To take away
#
# - A small loss of an autoencoder says nothing by itself: ask what made it possible.
# - It can compress only what inputs have in common. Shuffle each of them by itself, and see what is left.
# - A short code is no bottleneck if the layers around it can number the training images: look at held-out
#   images.
# - With room for all pixels even linear layers copy. What helps then is to ask for more than the image.
#
# *Before: [convolutional_autoencoder](convolutional_autoencoder.md). Next:
# [regularized_autoencoders](regularized_autoencoders.md), which have room and are kept from copying.*
