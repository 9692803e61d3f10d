# %% [markdown]
# # Morph one picture into another along a line of codes
#
# Between two pictures there is a straight line of pixels, which is a cross-fade, and a straight line of
# codes. We measure which of the two passes by real pictures, and what the autoencoder has to be like for it.
#
# *Week 4, "Cheap image morphing". Takes 40 s on 2 CPU cores.
# `suite run image_morphing [--first A.jpg --second B.jpg] [--data tfds | --data FOLDER]`*
#
# ## Why cheap?
#
# Morphing as in films takes somebody who marks which point of one face goes to which point of the other. A
# cross-fade takes nobody, and halfway shows both pictures at once. An autoencoder may do better for nothing:
# it knows what pictures of a kind have in common, and all it writes is, more or less, of that kind. So walk
# from one code to the other, and let the decoder draw each point on the way.
#
# ## The method
#
#     z(t) = (1 - t) * encode(a) + t * encode(b)          picture at t:  decode(z(t)),   t from 0 to 1
#
# That is all. By hand, with codes of two numbers: from (0, 2) to (4, 0) the line leads over (1, 1.5), (2, 1)
# and (3, 0.5). The cross-fade is the same line, drawn between the pixels: `encode` and `decode` do nothing.
#
# But nobody has asked the decoder for these points. An autoencoder is trained on codes *of pictures*; what it
# makes of a point between them is its own affair. A *variational* one is trained on codes with noise: its
# encoder gives a mean and a variance, the decoder gets a draw, and a term of the loss (the divergence from a
# normal distribution; [stochastic_autoencoder](stochastic_autoencoder.md) has it in full) keeps the codes of
# all pictures close together. It has been to many of the places between two pictures.

# %%
import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated

import keras
import numpy as np
from keras import layers
from matplotlib.figure import Figure

from suite.data.batches import shuffled
from suite.data.sets import unlabeled_pictures
from suite.deploy.exports.autoencoder import decoder_export, encoder_export
from suite.evaluation import plots
from suite.evaluation.drawing import animation
from suite.evaluation.metrics import accuracy, r2
from suite.evaluation.retrieval import Index
from suite.models.autoencoders import Autoencoder, build_dense, build_variational
from suite.models.blocks import convolution
from suite.optimizers import Adam
from suite.runs.recipe import Baseline, Claim, Context, Result
from suite.training.likelihoods import VariationalAutoencoder


def line(first: np.ndarray, second: np.ndarray, steps: int) -> np.ndarray:
    """Points at equal distances on the straight lines between rows, `(pairs, steps + 1, ...)`.

    >>> line(np.array([[0.0, 2.0]]), np.array([[4.0, 0.0]]), 4)[0].tolist()
    [[0.0, 2.0], [1.0, 1.5], [2.0, 1.0], [3.0, 0.5], [4.0, 0.0]]
    """
    share = np.linspace(0, 1, steps + 1, dtype=first.dtype).reshape(1, -1, *[1] * (first.ndim - 1))
    return (1 - share) * first[:, None] + share * second[:, None]


def morph(autoencoder: Autoencoder, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Decodes the lines between the codes of uint8 images: `(pairs, STEPS + 1, ...)` in [0, 1]."""
    ends = [autoencoder.encoder.predict(images, batch_size=500, verbose=0) for images in (first, second)]
    codes = line(ends[0], ends[1], STEPS)
    images = autoencoder.decoder.predict(codes.reshape(-1, codes.shape[-1]), batch_size=500, verbose=0)
    return np.clip(images, 0, 1).reshape(*codes.shape[:2], *images.shape[1:])


STEPS = 20  # of a way
MIDDLE = slice(6, 15)  # of its 21 images, where neither end shows through

# %% [markdown]
# ## Two autoencoders
#
# Dense layers, a code of 8 numbers, the same layers, steps and rate for both. The plain one has the squared
# error to lower; the variational one the likelihood of the pixels, and the divergence.


# %%
def train(
    model: keras.Model, arrays: tuple, steps: int, config: "Config", context: Context, loss: str | None = None
) -> None:
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    model.compile(Adam(schedule), loss)
    context.fit(model, shuffled(arrays, 128, context.seed).repeat(), steps_per_epoch=steps)


def train_both(images: np.ndarray, config: "Config", context: Context) -> dict[str, Autoencoder]:
    plain = build_dense(images.shape[1:], config.code_size, config.units)
    variational = build_variational(images.shape[1:], config.code_size, config.units)
    arrays = images, images.astype(np.float32) / 255
    train(plain.model, arrays, config.steps, config, context, "mse")
    model = VariationalAutoencoder(variational.model.input, variational.model.output)
    train(model, arrays, config.steps, config, context)
    return {"plain codes": plain, "variational codes": variational}


# %% [markdown]
# ## Two judges, and a fair rival
#
# Does a picture on the way look real? Two judges who have not seen the autoencoders:
#
# * **The nearest real picture**: the distance of pixels from a picture on the way to the nearest one of the
#   training part.
# * **A classifier**, trained on the same real pictures: how sure it is of its answer, whatever that is.
#
# The first has a weakness. A *blurred* picture is near to many others, and a decoder blurs. So there is a
# second cross-fade: of what the variational autoencoder makes of the two ends. It is as blurred as its codes'
# way, and if the way is nearer to real pictures than that, then not because of the blur.


# %%
def flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


def build_classifier(shape: tuple[int, ...], num_classes: int) -> keras.Model:
    """Takes floats, since a decoder's images are between the levels of gray."""
    image = keras.Input(shape, name="image")
    x = convolution(convolution(image, 32), 64, strides=2)
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(convolution(x, 64)))
    return keras.Model(image, layers.Dense(num_classes, "softmax", name="probabilities")(x))


def draw_pairs(labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of images of different classes, where there are several, `(count,)` each."""
    rows = np.random.default_rng(seed).integers(len(labels), size=(50 * count, 2))
    differ = labels[rows[:, 0]] != labels[rows[:, 1]]
    return tuple((rows[differ] if differ.any() else rows)[:count].T)


def all_ways(
    autoencoders: dict[str, Autoencoder], first: np.ndarray, second: np.ndarray
) -> dict[str, np.ndarray]:
    """By name, `(pairs, STEPS + 1, height, width, channels)` in [0, 1]."""
    ways = {"cross-fade": line(first / np.float32(255), second / np.float32(255), STEPS)}
    ways |= {name: morph(autoencoder, first, second) for name, autoencoder in autoencoders.items()}
    ends = ways["variational codes"]
    return ways | {"blurred cross-fade": line(ends[:, 0], ends[:, -1], STEPS)}


def along(judge: Callable[[np.ndarray], np.ndarray], ways: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a judge says at each point of the way, `(STEPS + 1,)`, the mean over the pairs."""
    return {
        name: judge(way.reshape(-1, *way.shape[2:])).reshape(way.shape[:2]).mean(axis=0)
        for name, way in ways.items()
    }


# %% [markdown]
# ## Your own two pictures
#
# `--first A.jpg --second B.jpg` morphs two pictures of yours and writes `morph.gif`. The autoencoder has to
# know their kind. Without `--data` that is digits: write two on paper, and photograph each alone. With
# `--data FOLDER` it is whatever the folder is full of, faces or leaves, hundreds that lie alike in the
# picture. There is no classifier then, and no claim.


# %%
def own_pair(config: "Config", images: np.ndarray) -> list[np.ndarray]:
    """The user's two pictures in the way of the set's, `(1, height, width, channels)` uint8; none without."""
    given = [path for path in (config.first, config.second) if path]
    if len(given) == 1:
        raise ValueError(f"expected --first and --second, received one of them, {given[0]!r}; name both")
    return [unlabeled_pictures.read_like(path, images)[None] for path in given]


def compare(metrics: dict[str, float]) -> dict[str, float]:
    """The way of variational codes against the others: ratios of distances, differences of confidence."""
    others = ("crossfade", "blurred_crossfade", "plain_codes")
    compared = {
        f"distance_over_{way}": metrics["distance_variational_codes"] / metrics[f"distance_{way}"]
        for way in others
    }
    if "confidence_crossfade" in metrics:
        gained = {
            way: metrics["confidence_variational_codes"] - metrics[f"confidence_{way}"] for way in others
        }
        compared |= {f"confidence_gained_on_{way}": value for way, value in gained.items()}
    return compared


# %% The figures
def draw_strips(ways: dict[str, np.ndarray], pairs: int) -> Figure:
    rows = {f"{pair + 1}: {name}": way[pair, ::2] for pair in range(pairs) for name, way in ways.items()}
    return plots.image_rows(rows, title="From one picture to another", side=0.8)


def draw_judged(judged: dict[str, dict[str, np.ndarray]]) -> Figure:
    figure, panels = plots.new_figure("Mean over pairs", 5 * len(judged), 3.6, 1, len(judged))
    for axes, (title, lines) in zip(np.ravel(panels), judged.items(), strict=True):
        shown = {name: (np.linspace(0, 1, STEPS + 1), line) for name, line in lines.items()}
        plots.curves(axes, shown, title=title, xlabel="share of the way")
    return figure


# %% [markdown]
# ## Run it
#
# 500 pairs of test images of different classes. What counts is the middle of the way, from 0.3 to 0.7, where
# neither end shows through.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    first: Annotated[str, "A picture of yours to begin with"] = ""
    second: Annotated[str, "A picture of yours to end with"] = ""
    code_size: Annotated[int, "numbers in a code"] = 8
    units: Annotated[tuple[int, ...], "of the encoders' hidden layers; the decoders' in reverse"] = (256, 128)
    steps: Annotated[int, "of each autoencoder"] = 2000
    classifier_steps: Annotated[int, "of the judge"] = 500
    learning_rate: Annotated[float, "of Adam at first; it falls to 0 along a cosine"] = 2e-3
    pairs: Annotated[int, "of test images"] = 500
    side: Annotated[int, "pixels, of pictures of a folder"] = 32


SMOKE = Config(units=(16,), steps=20, classifier_steps=10, pairs=10, side=16)
DATA = ("embedded", "tfds", "path")
NEAREST, SUREST = "distance to the nearest real picture", "probability of the likeliest class"


def run(config: Config, context: Context) -> Result:
    pictures = unlabeled_pictures.load(context.source, context.seed, config.side)
    (images, test), labels = pictures.images.values(), pictures.labels
    own, targets = own_pair(config, images), images.astype(np.float32) / 255
    autoencoders = train_both(images, config, context)
    rows = draw_pairs(labels["test"], config.pairs, context.seed)
    ways, real = all_ways(autoencoders, *(test[each] for each in rows)), Index(flat(targets), ())
    judged = {NEAREST: along(lambda some: real.search(flat(some), 1)[1], ways)}
    metrics = {}
    if not pictures.files:
        classifier = build_classifier(images.shape[1:], len(pictures.described["classes"]))
        loss = "sparse_categorical_crossentropy"
        train(classifier, (targets, labels["train"]), config.classifier_steps, config, context, loss)
        predict = functools.partial(classifier.predict, batch_size=500, verbose=0)
        judged[SUREST] = along(lambda some: predict(some).max(axis=1), ways)
        metrics["test_accuracy_classifier"] = accuracy(predict(test / np.float32(255)), labels["test"])
    for title, name in ((NEAREST, "distance"), (SUREST, "confidence")):
        metrics |= {
            f"{name}_{way.replace(' ', '_').replace('-', '')}": line[MIDDLE].mean()
            for way, line in judged.get(title, {}).items()
        }
    metrics |= compare(metrics)
    codes = ways["variational codes"]
    changes = np.linalg.norm(np.diff(codes.reshape(*codes.shape[:2], -1), axis=1), axis=2)
    metrics["largest_step_over_mean"] = np.mean(changes.max(axis=1) / changes.mean(axis=1))
    metrics["test_r2_of_the_ends"] = r2(codes[:, 0], test[rows[0]] / np.float32(255))
    figures = {"strips": draw_strips(ways, 3), "along_the_way": draw_judged(judged)}
    files = {}
    if own:
        figures["yours"] = draw_strips(all_ways(autoencoders, *own), 1)
        files["morph.gif"] = animation(morph(autoencoders["variational codes"], *own)[0])
    best = autoencoders["variational codes"]
    return Result(
        metrics=metrics,
        figures=figures,
        exports=[encoder_export(best, test, images[:300]), decoder_export(best, test, images[:300])],
        data=pictures.described,
        baselines=[Baseline("test_r2_of_the_ends", 0.0, "the mean picture")],
        files=files,
    )


# %% [markdown]
# ## What was measured
#
# ![Three pairs of digits, each with four ways from one to the other](figures/strips.png)
#
# The cross-fade shows both digits at once, and so does the blurred one. On the way of the variational codes a
# stroke bends, opens or closes, and at each point there is one digit, or something that could be one.
#
# ![What both judges say along the way](figures/along_the_way.png)
#
# *Left*: at both ends what is decoded is nearer to real pictures than the pictures themselves: blur is near
# to everything. Away from the ends every way leads off, the cross-fades farthest, variational codes least:
# less than a cross-fade that starts as near as they do, and less than the plain codes. *Right*: on every way
# the classifier is less sure, for somewhere one digit must become another. It stays surest on the way of the
# variational codes. The plain ones are hardly better than a blurred cross-fade: it takes the noise in
# training to make the places between the codes worth a visit.

# %%
CLAIMS = (
    Claim(
        "distance_over_crossfade",
        at_most=0.9,
        data="embedded",
        says="Halfway, pictures on a line of variational codes are nearer to real ones than a cross-fade,",
        lecture="Cheap image morphing",
    ),
    Claim(
        "distance_over_blurred_crossfade",
        at_most=0.95,
        data="embedded",
        says="nearer than a cross-fade that is as blurred as they are,",
    ),
    Claim(
        "distance_over_plain_codes",
        at_most=0.97,
        data="embedded",
        says="and nearer than those on a line of codes that had no noise in training.",
    ),
    Claim(
        "confidence_gained_on_crossfade",
        at_least=0.03,
        data="embedded",
        says="A classifier is surer of what they show than of the cross-fade,",
    ),
    Claim(
        "confidence_gained_on_blurred_crossfade",
        at_least=0.015,
        data="embedded",
        says="than of the blurred one,",
    ),
    Claim(
        "confidence_gained_on_plain_codes",
        at_least=0.015,
        data="embedded",
        says="and than of what the plain codes make.",
    ),
    Claim(
        "test_accuracy_classifier",
        at_least=0.95,
        data="embedded",
        says="The classifier knows real digits.",
    ),
    Claim(
        "largest_step_over_mean",
        at_most=3,
        data="embedded",
        says="The way has no leap: its largest step is at most three times the mean one.",
    ),
    Claim(
        "test_r2_of_the_ends",
        at_least=0.7,
        data="embedded",
        says="It begins near the picture that it should begin with; the mean picture would have 0.",
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run image_morphing --steps 100`: a twentieth of the training. Which claims fall?
#
# <details><summary>Answer</summary>
#
# All about distances, `test_r2_of_the_ends`, and `confidence_gained_on_blurred_crossfade`. But look at the
# confidence: 0.998 on the way of the variational codes, far surer than ever (seed 0). All that the decoder
# makes are blots, and of a blot the classifier, which has never seen one, is sure. Confidence alone says
# nothing about what is no digit; that is why there are two judges.
#
# </details>
#
# **2.** On paper: the codes of two pictures are (3, 1) and (-1, 5). What is halfway, and what at a quarter of
# the way? Which point lies as far beyond the second as the first lies before it?
#
# <details><summary>Answer</summary>
#
# (1, 3) and (2, 2). At t = 2 it is (-5, 9). Nothing stops one from walking on, and it exaggerates what tells
# the second picture from the first, until it leaves all codes that the decoder has seen.
#
# </details>
#
# ## To take away
#
# * A line between codes, decoded: no marks, no pairs, no labels.
# * It works as far as the decoder knows the places between the codes, which is what noise in training is for.
# * Blur is near to everything. Where a measure likes it, give the rival as much of it.
#
# *Before: [image_retrieval](image_retrieval.md). Next: [text_primer](text_primer.md), numbers of words.*
