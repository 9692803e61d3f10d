# %% [markdown]
# # Drop units at random while training
#
# In every step another half of the units is switched off, so none can rely on a few others being there.
# After the training all of them answer, and nothing is random any more.
#
# *Week 3, "Dropout". Takes 25 s on 2 CPU cores. `suite run dropout`*
#
# ## Why break what one trains
#
# A network with more weights than examples can learn every example by heart: one unit notes what is odd about
# the first, another corrects it for the second. The training loss falls to nothing, and a new image meets a
# pile of corrections that were never meant for it. Asking several networks and taking the mean of their
# answers helps against that, because each has other oddities; but it costs several trainings, and on a
# phone several networks. Dropout gets some of it from one.
#
# ## The method
#
# In training, each output of a layer is kept with probability `1 - rate` and otherwise set to 0. What is
# kept is divided by `1 - rate`:
#
#     x             1.0   2.0   3.0   4.0
#     kept            1     0     0     1        drawn anew in every step, for every example
#     x kept / 0.5  2.0   0.0   0.0   8.0        at a rate of 0.5
#
# Why divide? The next layer adds up its inputs. With half of them gone the sum would be half as large in
# training as afterwards, when nothing is dropped. Divided, each output is *on average* what it was:
# `(1 - rate) * x / (1 - rate) + rate * 0 = x`. (The paper does it the other way around and multiplies the
# weights by `1 - rate` after the training. A phone has then nothing to do in either case.)
#
# Backward, the derivative takes the way that the numbers took: through what was kept, times the same factor,
# and through what was dropped not at all.

# %%
import dataclasses
import functools
import itertools
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.layers import Dropout
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, classifier_export
from suite.training.side_by_side import fit_side_by_side, networks_side_by_side


def drop(x: np.ndarray, kept: np.ndarray, rate: float) -> np.ndarray:
    """What goes on in training; afterwards x itself does. The derivative by x is `drop(dZ, kept, rate)`.

    >>> drop(np.array([1.0, 2, 3, 4]), kept=np.array([1, 0, 0, 1]), rate=0.5).tolist()
    [2.0, 0.0, 0.0, 8.0]
    """
    return x * kept / (1 - rate)


def draw_kept(shape: tuple[int, ...], rate: float, rng: np.random.Generator) -> np.ndarray:
    return rng.random(shape) >= rate


def softmax(scores: np.ndarray) -> np.ndarray:
    exponents = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponents / exponents.sum(axis=-1, keepdims=True)


# %% [markdown]
# ## On average nothing changes
#
# Draw thousands of masks for the same numbers and follow the mean: it should come as close to the input as
# the mean of so many coin flips comes to a half, no closer and no farther. One output is `x / (1 - rate)` or
# 0, its variance is `x^2 rate / (1 - rate)`, and so the standard error of a mean of n is known. We measure
# squared deviations in squares of it: 1 on average, if the layer is right. And we add the outputs up as a
# dense layer does, *without* the division: they are too small by the factor `1 - rate`.


# %%
def expectations(
    rate: float, masks: int, rng: np.random.Generator
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Of 1,000 numbers; and how far their means are from them after 1, 2, ... masks, divided and not."""
    x = rng.uniform(1, 2, 1000)
    kept = draw_kept((masks, 1000), rate, rng)
    outputs, weights = drop(x, kept, rate), rng.uniform(0, 1, (1000, 10))
    standard_error = x * np.sqrt(rate / (1 - rate) / masks)
    factors = (kept * x @ weights).mean(axis=0) / (x @ weights)
    counts = np.arange(1, masks + 1)[:, None]
    errors = {
        name: np.sqrt(np.mean((np.cumsum(each, axis=0) / counts / x - 1) ** 2, axis=1))
        for name, each in {"divided": outputs, "not divided": kept * x}.items()
    }
    return {
        "standardized_square_deviation": float(np.mean(((outputs.mean(axis=0) - x) / standard_error) ** 2)),
        "undivided_factor": float(factors.mean()),
    }, errors


# %% [markdown]
# ## A crowd in one network
#
# Ten inputs can be dropped in 2^10 ways: that is a crowd of 1,024 networks that share their weights. For a
# single layer with a softmax one can ask them all. Their answers are multiplied (the geometric mean, made to
# sum to 1), and out comes *exactly* what the one network says from which nothing is dropped. With the plain
# average of their probabilities, or with layers in between, it is an approximation. How good?


# %%
def crowd_gaps(rng: np.random.Generator) -> tuple[float, float]:
    """The largest distance of one network's probabilities from a crowd's geometric mean, and its average."""
    x, W = rng.normal(size=10), rng.normal(size=(10, 5))
    masks = np.array(list(itertools.product((0, 1), repeat=len(x))))
    answers = softmax(drop(x, masks, 0.5) @ W)
    geometric = softmax(np.log(answers).mean(axis=0))
    alone = softmax(x @ W)
    return np.abs(alone - geometric).max(), np.abs(alone - answers.mean(axis=0)).max()


# %% [markdown]
# ## Data: few, and some of them wrong
#
# A hundred digits to learn from, and one in ten has a wrong label: a network that learns everything by heart
# learns those, too. We draw such a set ten times, train a network on each at five rates, for the same number
# of steps, and compare the validation loss with the training loss, nothing dropped any more.
#
# Is that fair? The network without dropout is trained longer than is good for it. So both also get the
# older remedy, *early stopping*: held-out digits are looked at every ten steps, and each network goes back to
# its best moment.


# %%
RATES = (0.0, 0.25, 0.5, 0.75, 0.9)

Losses = dict[str, np.ndarray]  # by part: of each draw, in nats


def train_small(digits: image_sets.ImageSet, config: "Config", rate: float, seed: int, stop: bool) -> Losses:
    """Networks side by side, one a draw."""
    sizes = {"train": config.examples, "held_out": config.examples}
    sets = image_sets.draw_samples(digits, sizes, draws=config.draws, seed=seed, mislabeled=config.mislabeled)
    networks = networks_side_by_side(
        config.draws, sets["train"][0].shape[2], config.hidden_units, len(digits.classes),
        hidden_layers=2, make_dropout=functools.partial(Dropout, rate),
    )  # fmt: skip
    cross_entropy = functools.partial(keras.losses.sparse_categorical_crossentropy, from_logits=True)
    held_out = sets["held_out"] if stop else None
    fit_side_by_side(networks, Adam(3e-3), sets["train"], held_out, steps=config.steps, loss=cross_entropy)
    return {
        part: np.mean(cross_entropy(labels, networks(pixels)), axis=1)
        for part, (pixels, labels) in sets.items()
        if part != "held_out"
    }


# %% [markdown]
# ## The network to ship
#
# In Keras, dropout is a layer: `Dropout(rate)` behind each hidden one. It knows whether it is called in
# training. What is exported has no random operation in it.


# %%
def build_model(shape: tuple[int, ...], hidden_units: int, num_classes: int, rate: float) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input(shape, name="image", dtype="uint8")
    features = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    for _ in range(2):
        dense = keras.layers.Dense(hidden_units, "relu", kernel_initializer="he_normal")
        features = Dropout(rate)(dense(features))
    probabilities = keras.layers.Dense(num_classes, "softmax", name="probabilities")(features)
    return keras.Model(image, probabilities, name="dropout")


# %% [markdown]
# ## Is it right?
#
# `suite.layers.Dropout` draws its own mask, which its output shows: where that is 0. With this mask, our
# `drop` has to give the same outputs and, for random derivatives coming from above, the same derivatives;
# and in inference the layer has to leave its input alone.


# %%
def reference_gap(rate: float, rng: np.random.Generator) -> float:
    layer, (x, dZ) = Dropout(rate), rng.uniform(1, 2, (2, 200, 30)).astype(np.float32)
    inputs = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
    kept = outputs.numpy() != 0
    gaps = [
        outputs.numpy() - drop(x, kept, rate),
        tape.gradient(outputs, inputs, dZ).numpy() - drop(dZ, kept, rate),
        layer(inputs, training=False).numpy() - x,
        [abs(kept.mean() - (1 - rate)) > 0.05],  # of 6,000: eight standard errors
    ]
    return max(float(np.abs(gap).max()) for gap in gaps)


# %% The figures
def draw_expectations(errors: dict[str, np.ndarray], rate: float) -> Figure:
    figure, axes = plots.new_figure("The mean over the masks finds the input", width=7, height=3.6)
    counts = np.arange(1, len(errors["divided"]) + 1)
    lines: dict[str, tuple] = {name: (counts, each) for name, each in errors.items()}
    lines["theory"] = counts, np.sqrt(rate / (1 - rate) / counts), ":"
    plots.curves(axes, lines, xlabel="masks", xscale="log", yscale="log")
    axes.set_ylabel("relative distance")
    return figure


def draw_rates(losses: dict[float, Losses], examples: int) -> Figure:
    figure, axes = plots.new_figure(f"Networks that learned {examples} digits", width=7, height=3.6)
    lines = {
        part: (RATES, [losses[rate][part].mean() for rate in RATES], "o-") for part in ("train", "validation")
    }
    plots.curves(axes, lines, xlabel="rate", ylabel="loss (nats)", ylim=(0, None))
    return figure


# %% [markdown]
# ## Run it


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    rate: Annotated[float, "share of the units that is dropped, of the networks that are compared"] = 0.5
    masks: Annotated[int, "drawn for the same numbers"] = 2000
    draws: Annotated[int, "of a small set of digits"] = 10
    examples: Annotated[int, "in each, and as many to stop early on"] = 100
    mislabeled: Annotated[float, "share of them with a wrong label"] = 0.1
    hidden_units: Annotated[int, "in each of two layers"] = 64
    steps: Annotated[int, "on a small set, each on all of it"] = 200
    epochs: Annotated[int, "of the exported network, on all training digits"] = 30


SMOKE = Config(masks=100, draws=2, examples=30, hidden_units=8, steps=10, epochs=1)


def run(config: Config, context: Context) -> Result:
    digits = image_sets.load_digits(context.seed)
    images, labels = digits.images, digits.labels
    rng = np.random.default_rng(context.seed)
    metrics, errors = expectations(config.rate, config.masks, rng)
    metrics["geometric_mean_gap"], metrics["average_gap"] = crowd_gaps(rng)

    train = functools.partial(train_small, digits, config, seed=context.seed)
    losses = {rate: train(rate, stop=False) for rate in sorted({*RATES, config.rate})}
    stopped = {rate: train(rate, stop=True)["validation"].mean() for rate in (0.0, config.rate)}
    gaps = {rate: parts["validation"] - parts["train"] for rate, parts in losses.items()}
    plain, dropped, too_much = (losses[rate]["validation"].mean() for rate in (0.0, config.rate, RATES[-1]))
    metrics |= {
        "dropout_gap_over_plain": gaps[config.rate].mean() / gaps[0.0].mean(),
        "dropout_loss_over_plain": dropped / plain,
        "dropout_loss_over_stopped": dropped / stopped[0.0],
        "both_loss_over_stopped": stopped[config.rate] / stopped[0.0],
        "too_much_dropout_loss_over_plain": too_much / plain,
        "reference_gap": reference_gap(config.rate, rng),
    }

    model = build_model(images["train"].shape[1:], config.hidden_units, len(digits.classes), config.rate)
    model.compile(Adam(3e-3), "sparse_categorical_crossentropy")
    batches = shuffled((images["train"], labels["train"]), 64, context.seed)
    context.fit(model, batches, epochs=config.epochs)
    for part in ("validation", "test"):
        probabilities = model.predict(images[part], batch_size=500, verbose=0)
        metrics[f"{part}_accuracy"] = accuracy(probabilities, labels[part])
    return Result(
        metrics=metrics,
        figures={
            "expectation": draw_expectations(errors, config.rate),
            "rates": draw_rates(losses, config.examples),
            "gap": plots.draws(
                {f"rate {rate:g}": each for rate, each in gaps.items()},
                xlabel="nats",
                title="Overfitting: validation loss - training loss, a point a draw",
            ),
        },
        exports=[classifier_export(model, digits)],
        data=digits.describe(),
    )


# %% [markdown]
# ## What was measured
#
# ![Distance of the mean from the input, over the number of masks](figures/expectation.png)
#
# Divided, the mean comes as close to the input as theory says, and closer with every mask. Not divided, it
# settles at another number, and no amount of masks helps.
#
# ![Training and validation loss by rate](figures/rates.png)
#
# Without dropout the training loss is next to nothing and the validation loss high: everything is learned by
# heart, the wrong labels, too. More dropout, less of that. At 0.9 hardly anything is learned at all in these
# steps; on the left of the figure the networks know too much, on its right too little.
#
# ![Validation loss less training loss, of each draw, by rate](figures/gap.png)
#
# Each point is a network. What a draw is like (which digits, which of them mislabeled) matters as well.
#
# And the two remedies together? On average over the draws, networks that have both end a little below those
# that were stopped alone, but not on every seed, so that is no claim. Who stops early has most of what
# dropout gives here.

# %%
CLAIMS = (
    Claim(
        "standardized_square_deviation",
        at_least=0.75,
        at_most=1.25,
        says="Over many masks the mean of an output is its input, as close as chance allows, and no closer.",
    ),
    Claim(
        "undivided_factor",
        at_least=0.48,
        at_most=0.52,
        says="Without the division the next layer's sums are half as large in training as afterwards.",
    ),
    Claim(
        "geometric_mean_gap",
        at_most=1e-12,
        says="One layer, nothing dropped, says what the geometric mean of its 1,024 thinned networks says;",
    ),
    Claim("average_gap", at_least=0.02, says="of their plain average it is an approximation."),
    Claim(
        "dropout_gap_over_plain",
        at_most=0.75,
        says="Trained on few digits with wrong labels among them, networks with dropout overfit less: "
        "validation loss less training loss,",
        lecture="dropout",
    ),
    Claim(
        "dropout_loss_over_plain",
        at_most=0.85,
        says="and they have the lower validation loss after the same number of steps,",
    ),
    Claim(
        "dropout_loss_over_stopped", at_most=1.0, says="no higher, either, than early stopping alone gives."
    ),
    Claim("too_much_dropout_loss_over_plain", at_least=1.2, says="Nine units in ten are too many to drop."),
    Claim(
        "test_accuracy", at_least=0.95, says="Trained on all digits, a network with dropout reads new ones."
    ),
    Claim(
        "reference_gap",
        at_most=1e-5,
        says="suite.layers.Dropout drops, scales and differentiates as our line does, in training alone.",
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** Take the wrong labels away: `suite run dropout --mislabeled 0`. Which claims fall?
#
# <details><summary>Answer</summary>
#
# `dropout_gap_over_plain` and `dropout_loss_over_plain` (0.88 and 0.91, seed 0): still less than without, but
# by a tenth only. What was learned by heart did most harm where it was wrong.
#
# </details>
#
# **2.** Forget the division in `drop`. Which claims notice?
#
# <details><summary>Answer</summary>
#
# `standardized_square_deviation` (500 instead of 1, at 2,000 masks), `geometric_mean_gap` and
# `reference_gap`. Those about training do not, because they use the layer of `suite`. That one broken in the
# same way, the training loss would not show it: only the validation loss asks the network without dropout.
#
# </details>
#
# **3.** On paper: at a rate of 0.2, what can become of an input of 5, how often, and with which mean and
# variance?
#
# <details><summary>Answer</summary>
#
# 5 / 0.8 = 6.25 in four of five cases, else 0. The mean is 0.8 * 6.25 = 5. The variance is
# 5^2 * 0.2 / 0.8 = 6.25, a deviation of half the input. That noise is what keeps units from relying on one
# another, and why a network with dropout takes more steps.
#
# </details>
#
# ## To take away
#
# - Drop at random in training, divide by what is kept, do nothing afterwards.
# - It helps where a network can learn its examples by heart; where it cannot, it takes from the little there
#   is.
# - Early stopping is the other cheap remedy. Together they gave little more here.
# - With too much of it nothing is learned in time. The rate is a number to choose on validation data.
#
# *Before: [covariate_shift](covariate_shift.md). Next: [architectures](architectures.md), what the
# networks cost that made these tricks famous.*
