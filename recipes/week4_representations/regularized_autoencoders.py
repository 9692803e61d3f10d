# %% [markdown]
# # Ask an autoencoder for more than a copy
#
# A code with more numbers than there are pixels can hold a plain copy, unless the loss asks for something
# else. Ask for silent units, for small slopes or for what is under the noise, and the code is worth more than
# pixels.
#
# *Week 4, "Unsupervised learning: what it is and why bother", "Regularized Autoencoders", "Sparse
# autoencoders", "Denoising autoencoders". Takes 60 s on one CPU core. `suite run regularized_autoencoders
# [--data tfds]`*
#
# ## Why bother?
#
# Pictures are cheap, labels are not. Say a thousand digits lie there, and somebody had the time to label
# thirty. What the thousand have in common can be learned without labels, and a classifier that gets *that*
# instead of pixels needs fewer examples. But [autoencoder_capacity](autoencoder_capacity.md) has shown what
# an autoencoder with room learns: nothing. Its loss has to ask for more than the image.
#
# ## The method
#
# One layer of units, more than there are pixels, and a linear decoder. To the squared error one of these is
# added, times a strength (a is the activation of a unit):
#
# * **L1**: the sum of all |a|. An activation that does not pay for itself becomes 0.
# * **KL**: a unit shall be active in a share rho of the examples, on the mean. For its mean activation p it
#   pays `rho log(rho / p) + (1 - rho) log((1 - rho) / (1 - p))`, nothing if p is rho. The notes call both
#   averages rho; one is what is measured, the other what is wanted.
# * **Contraction**: the squares of all derivatives of the code by the pixels. For a sigmoid unit the
#   derivative by pixel i is `a (1 - a) w_i`.
#
# **The KL is one for each unit**, and that matters. Let rho be 1/2, and two units give (0.9, 0.1) for one
# image:
#
#     the same for the next image:     means 0.9 and 0.1     each is off, and pays
#     (0.1, 0.9) for the next image:   means 0.5 and 0.5     nobody pays: each is active for *some* images
#
# The mean over all activations is 1/2 in both cases.
#
# Or leave the loss as it is and spoil the input: add noise, or lose pixels, and ask for the clean image. A
# copy of what came in is then a wrong answer. (The notes compare the original with its corrupted version; it
# is compared with what is *made* of that.)

# %%
import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.deploy.exports.autoencoder import encoder_export
from suite.evaluation import plots
from suite.evaluation import representations as measure
from suite.evaluation.table import Table
from suite.layers import PenalizedDense
from suite.layers.penalized_dense import jacobian_penalty, kl_penalty
from suite.models.autoencoders import Autoencoder
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, about


def kl(code: np.ndarray, rho: float) -> float:
    """Sum over units; the mean is over examples.

    >>> bool(kl(np.array([[0.9, 0.1], [0.1, 0.9]]), 0.5) < 1e-9)
    True
    >>> round(float(kl(np.array([[0.9, 0.1], [0.9, 0.1]]), 0.5)), 2)
    1.02
    """
    p = code.mean(axis=0)
    return np.sum(rho * np.log(rho / p) + (1 - rho) * np.log((1 - rho) / (1 - p)))


def contraction(code: np.ndarray, kernel: np.ndarray) -> float:
    """Mean over examples of the squared derivatives of all sigmoid units by all inputs."""
    return np.einsum("nu,iu->n", (code * (1 - code)) ** 2, kernel**2).mean()


def add_noise(images: tf.Tensor, deviation: float) -> tf.Tensor:
    """Gaussian noise on pixels in [0, 255], where 1 would be white."""
    noisy = tf.cast(images, tf.float32) + tf.random.normal(tf.shape(images), stddev=255 * deviation)
    return tf.cast(tf.round(tf.clip_by_value(noisy, 0, 255)), tf.uint8)


def lose_pixels(images: tf.Tensor, share: float) -> tf.Tensor:
    return tf.where(tf.random.uniform(tf.shape(images)) < share, tf.zeros_like(images), images)


# %% [markdown]
# ## Eight autoencoders
#
# Five have a layer of sigmoids, as the KL needs activations between 0 and 1: a **plain** one, one with a
# penalty on its **weights**, as networks usually have, and the three penalties on activations. Three have a
# layer of rectified units: a plain one again, and those for **noise** and **gaps**. All learn from the same
# images for the same number of steps.


# %%
def spoilers(config: "Config") -> dict[str, Callable[[tf.Tensor], tf.Tensor]]:
    return {
        "noisy": functools.partial(add_noise, deviation=config.noise),
        "missing": functools.partial(lose_pixels, share=config.missing),
    }


def kinds_of(config: "Config", units: int) -> dict[str, tuple[keras.layers.Layer, Callable]]:
    """By name the layer of the code, and how images are spoiled."""
    sigmoids = functools.partial(PenalizedDense, units, name="code")
    rectified = functools.partial(layers.Dense, 2 * units, "relu", name="code")
    return {
        "plain": (sigmoids(), tf.identity),
        "weights": (sigmoids(kernel_regularizer=keras.regularizers.L2(config.weights_strength)), tf.identity),
        "l1": (sigmoids("l1", config.l1_strength), tf.identity),
        "kl": (sigmoids("kl", config.kl_strength, config.rho), tf.identity),
        "contractive": (sigmoids("jacobian", config.jacobian_strength), tf.identity),
        "rectified": (rectified(), tf.identity),
        "denoising": (rectified(), spoilers(config)["noisy"]),
        "masked": (rectified(), spoilers(config)["missing"]),
    }


def build(shape: tuple[int, ...], code_of: keras.layers.Layer) -> Autoencoder:
    """Raw pixels in, code, pixels in [0, 1] out."""
    image = keras.Input(shape, dtype="uint8", name="image")
    encoder = keras.Model(image, code_of(layers.Flatten()(layers.Rescaling(1 / 255)(image))), name="encoder")
    code = keras.Input(encoder.output.shape[1:], name="code")
    pixels = layers.Reshape(shape, name="image")(layers.Dense(int(np.prod(shape)))(code))
    decoder = keras.Model(code, pixels, name="decoder")
    return Autoencoder(encoder, decoder, keras.Model(image, decoder(encoder.output), name="autoencoder"))


def train(made: Autoencoder, images: np.ndarray, spoil: Callable, config: "Config", context: Context) -> None:
    """Minimizes the squared error, and what the code layer adds to it."""
    batches = shuffled((images, images.astype(np.float32) / 255), config.batch_size, context.seed).repeat()
    batches = batches.map(lambda pixels, targets: (spoil(pixels), targets))
    rate = config.learning_rate * 64 / images[0].size  # smaller for more pixels
    made.model.compile(Adam(keras.optimizers.schedules.CosineDecay(rate, config.steps)), "mse")
    context.fit(made.model, batches.prefetch(2), steps_per_epoch=config.steps)


# %% [markdown]
# ## What we look at
#
# * **explained**: the share of the mean image's error that is gone: of clean images, of noisy ones and of
#   ones with gaps (against the clean image each time), and of **copies**, images whose pixels were shuffled,
#   one by one, over the images: only a copier can give these back.
# * **active**: the share of activations above 0.1. **overlap**: of two images, the activation they share,
#   over all that either has (for each unit the smaller over the larger); 1 if the same units answer to
#   everything.
# * **along / across**: how far the code moves if the image moves towards its nearest neighbor, over how far
#   it moves for a step of the same length in a random direction.
# * **accuracy**: of linear classifiers that are given the code and few labels.


# %%
def of_images(made: Autoencoder, given: np.ndarray, wanted: np.ndarray) -> float:
    return measure.explained(made.model.predict(given, batch_size=500, verbose=0), wanted / 255)


def reference_gap(code_of: PenalizedDense, images: np.ndarray, rho: float) -> float:
    """Of the KL and the contraction, relative, to those that were trained with, and to TensorFlow's tape."""
    x = tf.constant(images.reshape(len(images), -1) / np.float32(255))
    with tf.GradientTape() as tape:
        tape.watch(x)
        code = code_of(x)
    slopes = tf.reduce_sum(tape.batch_jacobian(code, x) ** 2) / len(images)
    a, kernel = (each.numpy().astype(np.float64) for each in (code, code_of.kernel))
    theirs = kl_penalty(code, rho), slopes, jacobian_penalty(code, code_of.kernel)
    return float(np.abs(np.array([kl(a, rho), *[contraction(a, kernel)] * 2]) / np.array(theirs) - 1).max())


# %% The figures
def draw_activations(codes: dict[str, np.ndarray], rho: float) -> Figure:
    figure, (left, right) = plots.new_figure("Activations on test images", 10, 3.6, 1, 2)
    shown = {name: codes[name] for name in ("plain", "weights", "l1", "kl")}
    lines = {name: (np.sort(code, axis=1)[:, ::-1].mean(axis=0),) for name, code in shown.items()}
    plots.curves(left, lines, xlabel="unit, the most active of each image first", ylabel="activation")
    lines = {name: (np.sort(code.mean(axis=0))[::-1],) for name, code in shown.items()}
    plots.curves(right, lines, xlabel="unit, the most active on the mean first", ylabel="mean over images")
    right.axhline(rho, color=plots.MUTED, linewidth=1, linestyle=":")
    return figure


def draw_mended(models: dict[str, Autoencoder], images: np.ndarray, spoiled: dict[str, np.ndarray]) -> Figure:
    rows = {"image": images[:10]}
    for name, others in (("noisy", ("rectified", "denoising")), ("missing", ("rectified", "masked"))):
        rows[name] = spoiled[name][:10]
        for other in others:
            rows[f"{other}, of {name}"] = models[other].model.predict(rows[name], verbose=0)
    return plots.image_rows(rows, title="What is made of spoiled test images", side=0.8)


# %% [markdown]
# ## Run it
#
# The strength of the penalty on weights is such that it costs no less of the image than the L1 does: a weaker
# one would prove nothing. The trivial way to mend an image is the best linear map from spoiled images to
# clean ones.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    codes_per_pixel: Annotated[float, "sigmoid units; of rectified ones there are twice as many"] = 2.0
    weights_strength: Annotated[float, "of the penalty on the weights' squares"] = 4e-4
    l1_strength: Annotated[float, "of the L1 penalty on activations"] = 1e-3
    kl_strength: Annotated[float, "of the KL"] = 2e-2
    rho: Annotated[float, "mean activation that the KL wants of each unit"] = 0.05
    jacobian_strength: Annotated[float, "of the contraction"] = 1e-2
    noise: Annotated[float, "its standard deviation, where white is 1"] = 0.4
    missing: Annotated[float, "share of lost pixels"] = 0.5
    labels: Annotated[int, "of a linear classifier of the codes"] = 30
    draws: Annotated[int, "of those labels, with a classifier each"] = 10
    steps: Annotated[int, "of each training"] = 1500
    batch_size: Annotated[int, "images a step"] = 128
    learning_rate: Annotated[float, "of Adam at first, for 64 pixels; it falls to 0"] = 5e-3


SMOKE = Config(codes_per_pixel=0.2, draws=1, steps=3)
DATA = ("embedded", "tfds")


def run(config: Config, context: Context) -> Result:
    data, rng = image_sets.load(context.source, context.seed), np.random.default_rng(context.seed)
    images, test, shape = data.images["train"], data.images["test"], data.images["train"].shape[1:]
    twins = rng.permuted(test.reshape(len(test), -1), axis=0).reshape(test.shape)
    spoiled = {name: spoil(test).numpy() for name, spoil in spoilers(config).items()}
    flat = {part: each.reshape(len(each), -1) / np.float32(255) for part, each in data.images.items()}
    labels, seed = data.labels, context.seed
    models, codes, rows = {}, {}, {}
    for name, (code_of, spoil) in kinds_of(config, round(config.codes_per_pixel * np.prod(shape))).items():
        made = models[name] = build(shape, code_of)
        train(made, images, spoil, config, context)
        encode = functools.partial(made.encoder.predict, batch_size=500, verbose=0)
        parts = {part: encode(each) for part, each in data.images.items()}
        code = codes[name] = parts["test"]
        rows[name] = {
            "explained": of_images(made, test, test),
            "copies": of_images(made, twins, twins),
            **{f"of {kind}": of_images(made, each, test) for kind, each in spoiled.items()},
            "active": np.mean(code > 0.1),
            **dict(zip(("overlap", "of a class"), measure.overlaps(code, labels["test"], seed), strict=True)),
            "units off rho": np.abs(parts["train"].mean(axis=0) / config.rho - 1).max(),
            "along / across": measure.along_over_across(code_of, flat["test"][:1000], seed),
            "accuracy": measure.few_labels_accuracy(parts, labels, seed, config.labels, config.draws),
        }
    pixels = measure.few_labels_accuracy(flat, labels, seed, config.labels, config.draws)
    many, linear = np.concatenate([images[:3000]] * 5), {}  # errors, as shares of the mean image's
    for name, spoil in spoilers(config).items():
        mended = measure.mended_linearly(spoil(many).numpy(), many, spoiled[name])
        linear[name] = 1 - measure.explained(mended, test)
    of = {column: {name: row[column] for name, row in rows.items()} for column in rows["plain"]}
    plain = "plain", "rectified"
    metrics = {
        "copied_plain": min(of["copies"][name] for name in plain),
        "copied_asked": max(value for name, value in of["copies"].items() if name not in plain),
        "active_l1": of["active"]["l1"],
        "active_weights": of["active"]["weights"],
        "weights_explained_over_l1": of["explained"]["weights"] - of["explained"]["l1"],
        "units_off_rho_kl": of["units off rho"]["kl"],
        "overlap_kl_over_plain": of["overlap"]["kl"] / of["overlap"]["plain"],
        "overlap_of_a_class_kl": of["of a class"]["kl"],
        "explained_contractive": of["explained"]["contractive"],
        "along_over_across_gained": of["along / across"]["contractive"] / of["along / across"]["plain"],
        "noisy_error_over_linear": (1 - of["of noisy"]["denoising"]) / linear["noisy"],
        "missing_error_over_linear": (1 - of["of missing"]["masked"]) / linear["missing"],
        "accuracy_gained_on_pixels": of["accuracy"]["denoising"] - pixels,
        "accuracy_gained_on_plain": of["accuracy"]["denoising"] - of["accuracy"]["rectified"],
        "accuracy_of_pixels": pixels,
        "reference_gap": reference_gap(models["kl"].encoder.layers[-1], test[:20], config.rho),
    }
    cells = [(name, *(f"{value:.3f}" for value in row.values())) for name, row in rows.items()]
    return Result(
        metrics=metrics,
        figures={
            "activations": draw_activations(codes, config.rho),
            "mended": draw_mended(models, test, spoiled),
        },
        exports=[encoder_export(models[name], test, images[:300], name) for name in ("kl", "denoising")],
        data=data.describe(),
        tables=[Table("Eight autoencoders", ("", *rows["plain"]), cells)],
    )


# %% [markdown]
# ## What was measured
#
# The table in the report has all eight.
#
# ![Activations of four autoencoders, by unit, of each image and on the mean](figures/activations.png)
#
# With L1 or KL an image has a few active units, with a penalty on the weights all of them: small weights make
# a sigmoid lukewarm, not silent. At the right one sees what the KL asks for. Each of its units has the same
# mean, rho, so none is dead, and none always on. L1 only counts what all of them give together.
#
# ![Test images, spoiled, and what autoencoders make of them](figures/mended.png)
#
# The copier copies the noise, too. The denoiser has to know what digits look like, and it knows more than any
# linear map can: a pixel is to be believed if its neighbors make a stroke of it.
#
# And the price of all that? None of those that were asked for more gives back shuffled pixels as the copiers
# do. They give back digits.
#
# What does it buy? Thirty labels, and the rest of the images without. A linear classifier of the denoiser's
# code is right more often than one of the pixels; one of the *copier's* code is not. Without the noise, the
# same units on the same images have learned nothing that helps.

# %%
CLAIMS = (
    *about(
        ("embedded",),
        Claim(
            "copied_plain",
            at_least=0.85,
            says="With room for all pixels, and no other wish, an autoencoder copies what is no digit;",
            lecture="if the model capacity is great enough to learn a trivial identity function",
        ),
        Claim("copied_asked", at_most=0.7, says="asked for more, none of six does as well."),
        Claim(
            "active_l1",
            at_most=0.3,
            says="With L1 on the activations few units are active for an image,",
            lecture="only relies on activating a small number of neurons",
        ),
        Claim(
            "active_weights",
            at_least=0.9,
            says="with a penalty on the weights nearly all are,",
            lecture="we normally regularize the weights of a network, not the activations",
        ),
        Claim("weights_explained_over_l1", at_most=0, says="though that penalty costs more of the image."),
        Claim(
            "units_off_rho_kl",
            at_most=0.5,
            says="With the KL the mean activation of every single unit is near rho.",
            lecture="we can define a sparsity parameter which denotes the average activation of a neuron",
        ),
        Claim(
            "overlap_kl_over_plain",
            at_most=0.7,
            says="Two images share less of their active units than without it,",
            lecture="selectively activate regions of the network depending on the input data",
        ),
        Claim("overlap_of_a_class_kl", at_least=1.15, says="but two of the same digit more than two others."),
        Claim(
            "explained_contractive",
            at_least=0.8,
            says="The contractive code is sensitive enough to give back the image,",
            lecture="Sensitive to the inputs enough to accurately build a reconstruction",
        ),
        Claim(
            "along_over_across_gained",
            at_least=1.3,
            says="and less so, than the plain one, to changes that do not lead from digit to digit.",
            lecture="Insensitive enough to the inputs that the model doesn't simply memorize",
        ),
        Claim(
            "noisy_error_over_linear",
            at_most=0.95,
            says="A denoising autoencoder takes noise away better than the best linear map,",
            lecture="Denoising autoencoders must therefore undo this corruption",
        ),
        Claim(
            "missing_error_over_linear",
            at_most=0.9,
            says="one that was trained with gaps fills them better.",
            lecture="robustness to noise or to missing inputs",
        ),
        Claim(
            "accuracy_gained_on_pixels",
            at_least=0.02,
            says="From thirty labels, a linear classifier learns more with its code than with pixels,",
            lecture="Unsupervised learning: what it is and why bother",
        ),
        Claim(
            "accuracy_gained_on_plain",
            at_least=0.03,
            says="and more than with the code of the copier.",
            lecture="can be nonlinear and overcomplete but still learn something useful",
        ),
    ),
    Claim("reference_gap", at_most=1e-4, says="Our penalties are those of the layer, and of the tape."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run regularized_autoencoders --rho 0.5`: which claims fall, and what is the KL good for with
# this rho?
#
# <details><summary>Answer</summary>
#
# The two about which units are active: `overlap_kl_over_plain`, with 1.03, and `overlap_of_a_class_kl`, with
# 1.07 (seed 0). Every unit is near its rho, so the penalty does what it is told; but a sigmoid at 1/2 for
# half of the images is what the copier has by itself. Nothing is asked, and so it copies again:
# `copied_asked` falls, with 0.86. It is the small rho that makes units choose.
#
# </details>
#
# **2.** On paper, with rho 0.05: what does a unit pay whose mean activation is 0.5, and what one of 0.001,
# which is all but dead?
#
# <details><summary>Answer</summary>
#
# `0.05 log(0.05 / 0.5) + 0.95 log(0.95 / 0.5) = -0.115 + 0.610 = 0.49` nats, and
# `0.05 log(0.05 / 0.001) + 0.95 log(0.95 / 0.999) = 0.196 - 0.048 = 0.15`. The busy one pays more, but the
# dead one pays, too: the KL wakes it up. L1 would let it sleep.
#
# </details>
#
# ## To take away
#
# - An overcomplete code is no fault. A loss that a copy satisfies is.
# - A penalty on activations makes units silent, one on weights makes them lukewarm. KL speaks to each unit,
#   L1 to all.
# - Spoiling the input needs no new loss, and was the most useful of all here.
# - Judge a code by what it is for: thirty labels tell more than the reconstruction error.
#
# *Before: [autoencoder_capacity](autoencoder_capacity.md). Next:
# [output_distributions](output_distributions.md), what a decoder may say instead of one image.*
