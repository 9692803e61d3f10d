# %% [markdown]
# # Normalize between the layers
#
# Batch normalization holds each unit's mean and spread over the batch where the network wants them. It lets
# deep networks bear large learning rates, and that, not the smoother ride as such, is what makes them fast.
#
# *Week 3, "Batch Normalization", "Covariate Shift". Takes 40 s on 2 CPU cores. `suite run
# batch_normalization`*
#
# ## Why the scale of a number matters
#
# Gradient descent has one learning rate for all weights. A weight behind an input of 1,000 turns the output a
# thousand times as far as one behind an input of 1, so the rate that suits the first does nothing for the
# second. For the inputs of a network the remedy is old: subtract the mean of the data, divide by their
# standard deviation, column by column. But a unit in the middle has inputs, too: the outputs of the layer
# before. Their scale is whatever that layer makes of it, and changes with every step that it learns.
#
# ## The method
#
# Do the same there, and do it anew for each batch. For one unit, with the values x of the examples:
#
#     mean, variance     of this batch
#     x_hat = (x - mean) / sqrt(variance + 0.001)
#     z = gamma * x_hat + beta
#
# Two examples with the values 1 and 3 have the mean 2 and the variance 1, and become -1 and 1. In a
# convolution a unit is a map, and its values are those at all places of all examples. `gamma` and `beta` are
# learned, so a network that wants another scale can have it.
#
# **Backward**, x moves z on three ways: directly, through the mean, and through the variance. If all examples
# move up together, nothing changes; if all move apart, nothing changes either. So what arrives is the
# derivative with its mean taken out, and its part along x_hat:
#
#     dx = (d - mean(d) - x_hat * mean(d * x_hat)) / sqrt(variance + 0.001)        d = gamma * dz
#
# **Afterwards**, an answer must not depend on who else is in the batch. So the layer keeps moving averages of
# mean and variance in training, and uses these.

# %%
import copy
import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.backprop.layers import Activate, BatchNormalization, Convolution, Dense, Flatten, Layer
from suite.backprop.losses import softmax_cross_entropy
from suite.backprop.network import Network, train_step
from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, classifier_export


def moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each unit: over the examples, and in maps over the places, too."""
    axes = tuple(range(x.ndim - 1))
    return x.mean(axes), x.var(axes)


def normalize(x: np.ndarray, gamma: np.ndarray | float, beta: np.ndarray | float) -> np.ndarray:
    """In training.

    >>> normalize(np.array([[1.0], [3.0]]), gamma=1, beta=0).round(2).ravel().tolist()
    [-1.0, 1.0]
    """
    mean, variance = moments(x)
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta


def normalize_backward(dz: np.ndarray, x: np.ndarray, gamma: np.ndarray) -> tuple[np.ndarray, ...]:
    """Derivatives by x, gamma and beta."""
    x_hat, d, (_, variance), count = normalize(x, 1, 0), gamma * dz, moments(x), x[..., 0].size
    dx = (d - moments(d)[0] - x_hat * moments(d * x_hat)[0]) / np.sqrt(variance + 1e-3)
    return dx, count * moments(dz * x_hat)[0], count * moments(dz)[0]


# %% [markdown]
# ## A race
#
# Three networks, each with normalization before the activations and without: one hidden layer, twelve, and
# six convolutions. Both sides get the same grid of learning rates, and the fewest steps to the same accuracy
# on validation count, whichever rate it was that took them. (One rate for both would decide the race.)
#
# When a network arrives we look how far its layers' outputs have drifted since the start: *in front* of the
# normalization, where nothing holds them. Behind it they are held by construction, and a small number there
# would say nothing.


# %%
Part = tuple[np.ndarray, np.ndarray]  # images as float32 in [-1, 1], labels
Run = tuple[int, float, float]  # steps to the goal (all, if not reached), drift there, accuracy at the end
RATES = (0.03, 0.1, 0.3, 1.0, 3.0)
DEEP, GOAL, LOOK = "twelve layers", 0.9, 5  # the goal is an accuracy; steps from one look at it to the next
HIDDEN = {"one layer": 1, DEEP: 12, "six convolutions": 6}


def build(kind: str, shape: tuple[int, ...], config: "Config", normalized: bool, seed: int) -> Network:
    rng, maps = np.random.default_rng(seed), kind == "six convolutions"
    layers: list[Layer] = [] if maps else [Flatten()]
    inputs, units = (shape[-1], config.units // 8) if maps else (int(np.prod(shape)), config.units)
    for number in range(HIDDEN[kind]):
        layer: Layer = Dense(inputs, units, rng)
        if maps:  # of which the first halves the sides
            layer = Convolution(inputs, units, 3, rng, stride=1 if number else 2, padding=1)
        layers += [layer, *[BatchNormalization(units)] * normalized, Activate("relu")]
        inputs = units
    if maps:
        layers, inputs = [*layers, Flatten()], units * -(-shape[0] // 2) * -(-shape[1] // 2)
    return Network([*layers, Dense(inputs, 10, rng, gain=1.0)])


def train(network: Network, part: Part, rate: float, config: "Config", look: Callable = int) -> None:
    """The same batches for all; `look` is told the number of each step."""
    rng, (images, labels) = np.random.default_rng(0), part
    velocities = [np.zeros_like(parameter) for parameter in network.parameters]
    for step in range(1, config.steps + 1):
        rows = rng.integers(len(labels), size=config.batch_size)
        train_step(network, velocities, images[rows], labels[rows], rate, momentum=0)
        look(step)


def fronts(network: Network, images: np.ndarray) -> list[np.ndarray]:
    """Mean and deviation of what each layer hands to its normalization or activation, `(2, units)` each."""
    found, x = [], images
    for layer in copy.deepcopy(network).layers[:-1]:  # a copy: a look must not move the averages
        x = layer.forward(x)
        if isinstance(layer, Dense | Convolution):
            mean, variance = moments(x)
            found.append(np.stack([mean, np.sqrt(variance)]))
    return found


def race(network: Network, parts: dict[str, Part], rate: float, config: "Config") -> Run:
    (images, labels), some = parts["validation"], parts["train"][0][:300]
    start = fronts(network, some)
    arrivals: list[tuple[int, float]] = []

    def look(step: int) -> None:
        right = accuracy(network.predict(images), labels) if step % LOOK == 0 and not arrivals else 0
        if right >= GOAL or (step == config.steps and not arrivals):
            pairs = zip(start, fronts(network, some), strict=True)  # as bell curves move:
            moved = [np.sum((now - then) ** 2, axis=0) / then[1] ** 2 for then, now in pairs]
            arrivals.append((step, float(np.sqrt(np.mean(moved)))))

    with np.errstate(over="ignore", invalid="ignore"):  # too high a rate ends in infinity
        train(network, parts["train"], rate, config, look)
    return *arrivals[0], accuracy(network.predict(images), labels)


# %% [markdown]
# ## What gamma and beta are for
#
# Behind a hidden layer one hardly misses them: the next weights can scale as well. So we look where nothing
# follows, at the scores before the softmax. Held at a variance of 1 over the batch, ten scores can at best be
# 3 for the true class and -1/3 for the others, whose softmax is 0.76: even a network that is always right
# could not get its loss below `-log 0.76 = 0.28`. `gamma` sets it free.


# %%
def loss_of_unit_scores(parts: dict[str, Part], config: "Config", learned: bool, seed: int) -> float:
    """Training loss at the end, with the scores normalized."""
    network = build("one layer", parts["train"][0].shape[1:], config, False, seed)
    network.layers.append(BatchNormalization(10, learned=learned))
    train(network, parts["train"], 1.0, config)
    return softmax_cross_entropy(network.forward(parts["train"][0]), parts["train"][1])


# %% [markdown]
# ## The network to ship, and is it right?
#
# In Keras the layer stands before each activation. What a convolution's bias would add, the normalization
# takes out again, so there is none: `beta` does its work.
#
# Our two functions against the layer of Keras and TensorFlow's derivatives, in float64; the layer of
# `suite.backprop` that ran the races against both, its moving averages after five batches, too.


# %%
def build_model(shape: tuple[int, ...], num_classes: int, filters: int) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input(shape, name="image", dtype="uint8")
    x = keras.layers.Rescaling(1 / 127.5, -1)(image)
    for strides in (1, 2, 1, 2):
        x = keras.layers.Conv2D(filters, 3, strides, "same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    probabilities = keras.layers.Dense(num_classes, "softmax", name="probabilities")(x)
    return keras.Model(image, probabilities, name="normalized")


def reference_gap(rng: np.random.Generator) -> float:
    gaps = []
    for shape in ((16, 3), (6, 4, 5, 3)):
        ours = BatchNormalization(3, dtype=np.float64)
        theirs = keras.layers.BatchNormalization(dtype="float64")
        theirs.build(shape)
        for _ in range(5):
            (x, dz), weights = rng.normal(2, 3, (2, *shape)), rng.uniform(0.5, 2, (2, 3))
            theirs.set_weights([*weights, *theirs.get_weights()[2:]])
            for array, values in zip(ours.parameters, weights, strict=True):
                array[:] = values
            inputs = tf.constant(x)
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = theirs(inputs, training=True)
            wanted = [outputs, *tape.gradient(outputs, [inputs, *theirs.trainable_variables], dz)]
            again = [ours.forward(x), ours.input_gradient(dz)]
            received = [normalize(x, *weights), *normalize_backward(dz, x, weights[0])]
            gaps += [one - other for one, other in zip(received, wanted, strict=True)]
            gaps += [one - other for one, other in zip(again, wanted, strict=False)]
    return max(float(np.abs(gap).max()) for gap in gaps)


# %% The figures
Races = dict[tuple[str, bool], dict[float, Run]]  # by kind and whether normalized, then by rate


def draw_races(races: Races, steps: int) -> Figure:
    figure, panels = plots.new_figure("Which rates train, and how fast", width=10, height=3.6, columns=3)
    for axes, kind in zip(panels, HIDDEN, strict=True):
        sides = (("plain", races[kind, False], "o-"), ("normalized", races[kind, True], "s--"))
        lines = {name: (RATES, [runs[rate][0] for rate in RATES], style) for name, runs, style in sides}
        plots.curves(axes, lines, title=kind, xlabel="learning rate", xscale="log", ylim=(0, 1.05 * steps))
    panels[0].set_ylabel(f"steps to an accuracy of {GOAL:g}")
    return figure


# %% [markdown]
# ## Run it


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    units: Annotated[int, "of each hidden layer; a convolution has an eighth as many filters"] = 64
    steps: Annotated[int, "of each training in the races"] = 200
    batch_size: Annotated[int, "examples a step"] = 32
    epochs: Annotated[int, "of the network to ship"] = 8


SMOKE = Config(units=8, steps=5, batch_size=8, epochs=1)


def run(config: Config, context: Context) -> Result:
    data = image_sets.load_digits(context.seed)
    parts = {
        part: (images / np.float32(127.5) - 1, data.labels[part]) for part, images in data.images.items()
    }
    metrics = {"reference_gap": reference_gap(np.random.default_rng(context.seed))}
    new = functools.partial(build, shape=parts["train"][0].shape[1:], config=config, seed=context.seed)
    races = {
        (kind, side): {rate: race(new(kind, normalized=side), parts, rate, config) for rate in RATES}
        for kind in HIDDEN
        for side in (False, True)
    }
    best = {key: min(runs, key=lambda rate: runs[rate][0]) for key, runs in races.items()}
    for kind in HIDDEN:
        (steps, drift, _), (fewer, less, _) = (races[kind, side][best[kind, side]] for side in (False, True))
        at_all = [sum(steps for steps, _, _ in races[kind, side].values()) for side in (False, True)]
        ratios = {"steps": steps / fewer, "drift": less / drift, "all_rates": at_all[0] / at_all[1]}
        metrics |= {f"{kind.replace(' ', '_')}_{name}_ratio": ratio for name, ratio in ratios.items()}
    plain, normalized, rate = races[DEEP, False], races[DEEP, True], best[DEEP, False]
    tenfold = RATES[min(RATES.index(rate) + 2, len(RATES) - 1)]
    metrics |= {
        "same_rate_steps_ratio": plain[rate][0] / normalized[rate][0],
        "plain_tenfold_accuracy": plain[tenfold][2],
        "normalized_tenfold_accuracy": normalized[tenfold][2],
        "unit_scores_loss": loss_of_unit_scores(parts, config, False, context.seed),
        "free_scores_loss": loss_of_unit_scores(parts, config, True, context.seed),
    }

    model = build_model(data.images["train"].shape[1:], len(data.classes), filters=16)
    batches = shuffled((data.images["train"], data.labels["train"]), 64, context.seed)
    model.compile(Adam(3e-3), "sparse_categorical_crossentropy")
    context.fit(model, batches, epochs=config.epochs)
    for part in ("validation", "test"):
        probabilities = model.predict(data.images[part], batch_size=500, verbose=0)
        metrics[f"{part}_accuracy"] = accuracy(probabilities, data.labels[part])
    return Result(
        metrics=metrics,
        figures={"races": draw_races(races, config.steps)},
        exports=[classifier_export(model, data)],
        data=data.describe(),
    )


# %% [markdown]
# ## What was measured
#
# ![Steps to the goal by learning rate, three networks, plain and normalized](figures/races.png)
#
# A point at the top has not arrived. Twelve layers without normalization arrive at small rates alone, and
# late; where they have long exploded, the normalized ones are at their best. At the plain network's own best
# rate they are no faster: there it is not the single step that is better, it is that steps may be larger.
#
# **Where it pays less.** The convolutions arrive at more rates with it than without. Each side at its *best*
# rate, the gain is between next to nothing and a factor of two or three, by the seed: who has tuned the rate
# of six layers gets little more for sure. One hidden layer arrives after a few dozen steps in any case, with
# it ten to thirty steps earlier. And a step costs more, in our NumPy two to three times as much: counted in
# seconds the shallow network had better go without.
#
# **Where it does not pay.** With few examples in a batch, mean and variance are guesses (`--batch_size 2`).
# There, and where the examples of a batch belong together (frames of one film, steps of one text), other
# normalizations take its place, which do not look at other examples.
#
# **What it does for drift.** In front of the normalization, too, the outputs of the layers drift less,
# although nothing holds them there, measured when each network arrives at the same accuracy. So far the notes
# are right: normalizing *limits covariate shift*. Whether that is *why* it is fast is another question, which
# they answer with "supposedly"; that it bears larger rates is what we can show.

# %%
CLAIMS = (
    Claim(
        "twelve_layers_steps_ratio",
        at_least=1.3,
        says="Each at its best rate, twelve layers arrive in fewer steps normalized than plain.",
        lecture="would thus accelerate the training of the network",
    ),
    Claim(
        "six_convolutions_all_rates_ratio",
        at_least=1.1,
        says="Six convolutions need fewer steps normalized, over all rates together.",
    ),
    Claim(
        "same_rate_steps_ratio",
        at_most=1.3,
        says="At the plain network's best rate twelve layers are no faster with it:",
    ),
    Claim(
        "plain_tenfold_accuracy",
        at_most=0.6,
        says="what it gives is ten times that rate, at which the plain network falls apart,",
    ),
    Claim("normalized_tenfold_accuracy", at_least=0.9, says="and the normalized one learns."),
    Claim(
        "twelve_layers_drift_ratio",
        at_most=0.3,
        says="On the way to the same accuracy the layers' outputs drift less, in front of the "
        "normalization, in twelve layers",
        lecture="limit covariate shift by normalizing the activations of each layer",
    ),
    Claim("six_convolutions_drift_ratio", at_most=0.3, says="and in six convolutions."),
    Claim(
        "unit_scores_loss",
        at_least=0.3,
        says="Scores held at a variance of 1 keep the training loss high,",
        lecture="can limit the expressive power of the network",
    ),
    Claim(
        "free_scores_loss",
        at_most=0.15,
        says="and gamma and beta set it free.",
        lecture="convert the mean and variance to any value that the network desires",
    ),
    Claim("test_accuracy", at_least=0.97, says="A normalized network of convolutions reads digits."),
    Claim(
        "reference_gap",
        at_most=1e-9,
        says="Our functions, and the layer of suite.backprop that ran the races, give the outputs and the "
        "derivatives of Keras' layer.",
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** Give all of them 60 steps: `suite run batch_normalization --steps 60`. Which claims fall?
#
# <details><summary>Answer</summary>
#
# On seed 0 `twelve_layers_steps_ratio` and `six_convolutions_all_rates_ratio` (1.1 both): who has not arrived
# counts with 60 steps, and so a race that ends early looks like a draw. The normalized twelve layers take 55.
# At ten times the plain rate they are at 0.82 by then, and `free_scores_loss` has not come down yet, either.
#
# </details>
#
# **2.** In `normalize_backward`, take the mean and the variance for constants: `dx = d / sqrt(...)`. Who
# notices?
#
# <details><summary>Answer</summary>
#
# `reference_gap`, which is of the size of the derivatives then. The races do not, as they run the layer of
# `suite.backprop`; its own test does. With constants a step would push all examples of a batch up together,
# and the next forward pass would take that out again: the network would not get anywhere it wants to go.
#
# </details>
#
# **3.** On paper: a unit has the values 1, 1, 1 and 5 in a batch of four. What does it hand on? And if the 5
# were 50?
#
# <details><summary>Answer</summary>
#
# The mean is 2, the variance 3, so (1 - 2) / 1.73 = -0.58 three times and 1.73 once. With 50: mean 13.25,
# variance 450, and again -0.58 and 1.73. Alone against the other three, a value can be as large as it
# likes.
#
# </details>
#
# ## To take away
#
# - Each unit, over the batch: mean 0, variance 1, then what gamma and beta make of it. Afterwards by
#   averages.
# - The derivative goes through mean and variance, too.
# - It pays in deep networks, with larger rates. Raise the rate when you put it in, or you have gained
#   nothing.
# - It needs batches of some size, drawn at random.
#
# *Before: [activations_and_initialization](activations_and_initialization.md). Next:
# [covariate_shift](covariate_shift.md), the same for the inputs, and pictures of another source.*
