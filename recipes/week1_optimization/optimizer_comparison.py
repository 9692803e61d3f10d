# %% [markdown]
# # Six ways to step down the same slope
#
# Momentum remembers where it was going, and adaptive rates remember how steep the way of each weight was.
# Each of the lecture's rules is written out, sent to where it should shine, and then to train a network.
#
# *Week 1, "Gradient descent extensions", "Momentum", "Nesterov Momentum", "AdaGrad", "RMSprop", "Adam". Takes
# 35 s on 2 CPU cores, a quarter of it the exports. `suite run optimizer_comparison [--data tfds]`*
#
# ## What is wrong with plain steps
#
# Plain descent has one rate for all weights. In a long valley the steep sides forbid a large one and the flat
# floor needs it, so the walk swings from side to side and hardly gets on. All of this recipe's rules answer
# that, in two ways: *remember the direction*, so that swings cancel, or *give each weight a rate of its own*.
#
# ## The method
#
# Each rule turns a gradient `g` into a direction; the step is `rate * direction`. What it keeps from step to
# step is its memory.
#
#     descent     g
#     momentum    h = 0.9 h + g                               direction h
#     Nesterov    the same, with g taken where h will lead
#     AdaGrad     G = G + g^2                                 direction g / sqrt(G)
#     RMSprop     G = 0.9 G + 0.1 g^2                         direction g / sqrt(G)
#     Adam        m = 0.9 m + 0.1 g, v = 0.999 v + 0.001 g^2  direction m / sqrt(v), both corrected
#
# By hand, momentum in the bowl `w^2 / 2`, whose gradient is w, from w = 1 at rate 0.1: g = 1, h = 1, w = 0.9;
# then g = 0.9, h = 0.9 + 0.9 = 1.8, w = 0.72. Plain descent would be at 0.81.
#
# *Nesterov:* the notes take the gradient at `w - h`, where momentum is about to go. We keep that look-ahead
# point as our w, which is what libraries do; the walk is the same one, seen from half a step ahead.
#
# *AdaGrad:* the notes say that it has a rate "for each example"; it has one for each *weight*. The sum G
# never falls, so its steps shrink for good. RMSprop forgets, with a mean over about ten steps.
#
# *Adam:* m and v start at 0 and would be far too small at first, m by 1 - 0.9 = 0.1 and the root of v by
# 0.03. Dividing by `1 - 0.9^t` and `1 - 0.999^t` makes up for it. The first direction is then just the sign
# of g.

# %%
import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from scipy.special import expit

from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.evaluation.scaling import log_log_slope
from suite.optimizers import AdaGrad, Adam, GradientDescent, Momentum, NesterovMomentum, RMSprop
from suite.runs.recipe import Claim, Context, Result, about, classifier_export
from suite.training.side_by_side import fit_on_batches, networks_side_by_side


def descent(g: np.ndarray, t: int, kept: dict) -> np.ndarray:
    return g


def momentum(g: np.ndarray, t: int, kept: dict) -> np.ndarray:
    kept["h"] = 0.9 * kept.get("h", 0) + g
    return kept["h"]


def nesterov(g: np.ndarray, t: int, kept: dict) -> np.ndarray:
    return 0.9 * momentum(g, t, kept) + g  # from look-ahead point to look-ahead point


def adagrad(g: np.ndarray, t: int, kept: dict) -> np.ndarray:
    kept["G"] = kept.get("G", 0) + g**2
    return g / np.sqrt(kept["G"] + 1e-7)


def rmsprop(g: np.ndarray, t: int, kept: dict) -> np.ndarray:
    kept["G"] = 0.9 * kept.get("G", 0) + 0.1 * g**2
    return g / np.sqrt(kept["G"] + 1e-7)


def adam(g: np.ndarray, t: int, kept: dict, beta_1: float = 0.9) -> np.ndarray:
    kept["m"] = beta_1 * kept.get("m", 0) + (1 - beta_1) * g
    kept["v"] = 0.999 * kept.get("v", 0) + 0.001 * g**2
    return kept["m"] / (1 - beta_1**t) / (np.sqrt(kept["v"] / (1 - 0.999**t)) + 1e-8)


def walk(rule: Callable, w: np.ndarray, gradient: Callable, rate: Any, steps: int) -> np.ndarray:
    """Where it was before each step and after the last; the gradient is a function of w and the step.

    >>> walk(momentum, np.array([1.0]), lambda w, t: w, 0.1, steps=2)[:, 0].round(2).tolist()
    [1.0, 0.9, 0.72]
    """
    path, kept = [w], dict[str, np.ndarray]()
    for t in range(1, steps + 1):
        path.append(path[-1] - rate * rule(gradient(path[-1], t), t, kept))
    return np.array(path)


RULES = {each.__name__: each for each in (descent, momentum, nesterov, adagrad, rmsprop, adam)}

# %% [markdown]
# ## A long valley
#
# The valley is a hundred times as steep across as along. Each rule gets the best of the same rates, and we
# count steps until a millionth of the loss is left, for good. Then one look into momentum's memory, along the
# valley and across it, in its first thirty steps: h adds up gradients, and we divide it by what the *sizes*
# of these gradients add up to. Where they all have one sign, that is 1; where signs alternate, they cancel.


# %%
CURVATURES, PLANE_RATES = np.array([1.0, 100.0]), np.geomspace(1e-5, 1, 51)[:, None]


def in_valley(rule: Callable, start: np.ndarray) -> tuple[int, np.ndarray]:
    paths = walk(rule, start + 0 * PLANE_RATES, lambda w, t: CURVATURES * w, PLANE_RATES, 1000)
    loss = np.nan_to_num(np.sum(CURVATURES * paths**2, axis=2), nan=np.inf)
    steps = len(loss) - np.argmax(loss[::-1] > 1e-6 * loss[0], axis=0)  # after the last that is above
    return int(steps.min()), paths[:, steps.argmin()]


def kept_of_gradients(path: np.ndarray) -> np.ndarray:
    gradients, ages = CURVATURES * path[:30], np.arange(30)[:, None] - np.arange(30)
    weights = np.where(ages >= 0, 0.9 ** np.abs(ages), 0)
    return np.mean(np.abs(weights @ gradients) / (weights @ np.abs(gradients)), axis=0)


# %% [markdown]
# ## Rare words
#
# A spam filter has a weight for each word, and most words are rare. At one rate for all, the weight of a rare
# word has hardly moved when those of the common ones have arrived. AdaGrad divides by what *this* weight has
# seen, so rare words take longer steps.
#
# We train logistic regression on two hundred words, the k-th in one of 2 k messages, ten messages a step,
# each message once. Beside AdaGrad stands its copy with *one* G for all weights, which shrinks its steps in
# the same way: all that differs is the rate of each weight. Every rule gets the best of the same rates,
# judged on other messages; what counts is the loss on a third lot, above that of the true weights. As a
# control, the same with words that are all equally frequent.
#
# Ten messages make a noisy gradient, so this is also where Adam's m, the mean of the last gradients, should
# show what it is worth: we compare Adam with Adam at `beta_1 = 0`, which has none. How much smoother its
# steps are we see on a gradient of 1 with three times as much noise on it.


# %%
WORD_RATES = np.geomspace(1e-2, 30, 12)[:, None]


def one_rate_for_all(g: np.ndarray, t: int, kept: dict) -> np.ndarray:
    kept["G"] = kept.get("G", 0) + np.mean(g**2, axis=-1, keepdims=True)
    return g / np.sqrt(kept["G"] + 1e-7)


def excess(rules: tuple, shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Of each rule's loss over that of the true weights, in nats, on messages that chose nothing."""
    truth, X = 2 * rng.normal(size=200), (rng.random((8000, 200)) < shares).astype(float)
    y, found = (rng.random(8000) < expit(X @ truth)).astype(float), []

    def gradient(w: np.ndarray, t: int) -> np.ndarray:
        rows = slice(10 * t - 10, 10 * t)
        return (expit(w @ X[rows].T) - y[rows]) @ X[rows] / 10

    for rule in rules:
        W = np.vstack([walk(rule, np.zeros((12, 200)), gradient, WORD_RATES, 400)[-1], truth])
        losses = np.logaddexp(0, X @ W.T) - y[:, None] * (X @ W.T)
        validation, test = losses[4000:6000].mean(axis=0), losses[6000:].mean(axis=0)
        found.append(test[np.nanargmin(validation[:-1])] - test[-1])
    return np.array(found)


# %% [markdown]
# ## What the rates remember
#
# A thousand random gradients, a hundred weights side by side, and no walk: only the direction that a rule
# makes of each. Do its steps shrink while the gradients do not? And if in the middle all gradients become a
# hundred times smaller, as on a plateau, are its steps soon as long as before?


# %%
def directions(rule: Callable, gradients: np.ndarray) -> np.ndarray:
    kept: dict = {}
    return np.array([rule(g, t, kept) for t, g in enumerate(gradients, start=1)])


# %% [markdown]
# ## Which rate? Networks in Keras
#
# The lecture says that momentum is very sensitive to its rate, and that adaptive methods are less so. We
# train a network of 64 hidden units on digits with each rule at 21 rates from 0.0001 to 10, all of them side
# by side from the same start and on the same batches, and call a rate *suitable* if 9 in 10 validation digits
# are right in the end. And we do it three times: as usual; with pixels from 0 to 16, as they come in the
# file; and with the losses of a batch added up instead of averaged, as one finds in other people's code.
# Somebody who does not want to tune needs a rate that suits all three.
#
# The rules are now those of `suite.optimizers`, which are Keras optimizers and go into `model.compile` like
# any other: the exported model is trained by `fit` with the one whose validation loss was the lowest.


# %%
CLASSES = GradientDescent, Momentum, NesterovMomentum, AdaGrad, RMSprop, Adam
RATES, PER_DECADE, BATCH = np.geomspace(1e-4, 10, 21), 4, 32
CASES = np.repeat(np.array([[1, 16, 1], [1, 1, BATCH]], np.float32), len(RATES), axis=1)
SCALES, FACTORS = CASES[0, :, None, None], CASES[1, :, None]  # of the pixels, of the losses


def losses(labels: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    labels = tf.broadcast_to(labels, tf.shape(scores)[:2])
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, scores)


def train(kind: type, start: list, batches: tf.data.Dataset, X: Any, labels: Any) -> np.ndarray:
    """Validation accuracies, validation losses and training losses, `(3, cases, rates)`."""
    networks = networks_side_by_side(len(SCALES), X["train"].shape[1], 64, start[-1].shape[-1])
    networks.set_weights([np.tile(each, (len(SCALES), 1, 1)) for each in start])
    rates = tf.constant(np.tile(RATES, 3)[:, None, None], tf.float32)
    scaled = batches.map(lambda X, labels: (SCALES * X, labels))
    fit_on_batches(networks, kind(lambda: rates), scaled, lambda *pair: FACTORS * losses(*pair))
    scores = {part: networks(SCALES * X[part][:1000]).numpy() for part in ("validation", "train")}
    right = np.mean(np.argmax(scores["validation"], axis=2) == labels["validation"][:1000], axis=1)
    nats = [np.mean(losses(labels[part][:1000], each), axis=1) for part, each in scores.items()]
    return np.reshape([right, *nats], (3, 3, -1))


def build_model(shape: tuple[int, ...], classes: int) -> keras.Model:
    image = keras.Input(shape, name="image", dtype="uint8")
    hidden = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    hidden = keras.layers.Dense(64, "relu", kernel_initializer="he_normal")(hidden)
    return keras.Model(image, keras.layers.Dense(classes, "softmax", name="probabilities")(hidden))


# %% [markdown]
# ## Is it right?
#
# Each of our rules and its class in `suite.optimizers` get the same fifty random gradients, from tiny to
# large, and have to be at the same place in the end.


# %%
def reference_gap(rng: np.random.Generator) -> float:
    gradients, gaps = rng.normal(size=(50, 20)) * np.geomspace(1e-4, 10, 20), []
    for rule, kind in zip(RULES.values(), CLASSES, strict=True):
        variable, optimizer = keras.Variable(np.zeros(20), dtype="float64"), kind(2**-7)
        for g in gradients:
            optimizer.apply([tf.constant(g)], [variable])
        ours = walk(rule, np.zeros(20), lambda w, t: gradients[t - 1], 2**-7, 50)[-1]
        gaps.append(np.abs(variable.numpy() / ours - 1).max())
    return max(gaps)


# %% The figures
def draw_paths(valley: dict[str, tuple]) -> Figure:
    figure, axes = plots.new_figure("A valley a hundred times as steep across", 12, 6, rows=2, columns=3)
    x, y = np.mgrid[-1.7:1.7:101j, -1.7:1.7:101j]
    for panel, (name, (_, path)) in zip(axes.flat, valley.items(), strict=True):
        panel.contour(x, y, (x**2 + 100 * y**2) ** 0.5, levels=12, colors=plots.MUTED, linewidths=0.5)
        panel.plot(*path[:60].T, marker="o", markersize=3, linewidth=1)
        panel.set(title=f"{name}, best rate", xlim=(-1.7, 1.7), ylim=(-1.7, 1.7))
    return figure


def draw_bands(right: np.ndarray) -> Figure:
    figure, panels = plots.new_figure(width=11, columns=2)
    titles = "Accuracy by rate, as usual", "The worst of the three cases"
    for panel, title, each in zip(panels, titles, (right[:, 0], right.min(axis=1)), strict=True):
        lines = {name: (RATES, line, "o-") for name, line in zip(RULES, each, strict=True)}
        plots.curves(panel, lines, title=title, xlabel="rate", xscale="log", ylabel="validation accuracy")
    return figure


# %% [markdown]
# ## Run it


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    steps: Annotated[int, "of every network, each on a mini-batch"] = 500


SMOKE = Config(steps=5)


DATA = ("embedded", "tfds")


def run(config: Config, context: Context) -> Result:
    rng, digits = np.random.default_rng(context.seed), image_sets.load(context.source, context.seed)
    with np.errstate(all="ignore"):  # the largest rates diverge
        start = rng.uniform(0.5, 1.5, 2) * rng.choice([-1, 1], 2)
        valley = {name: in_valley(rule, start) for name, rule in RULES.items()}
        along, across = kept_of_gradients(valley["momentum"][1])
        rare, no_m = 0.5 / np.arange(1, 201), lambda g, t, kept: adam(g, t, kept, beta_1=0)
        unlike = np.sum([excess((adagrad, one_rate_for_all, adam, no_m), rare, rng) for _ in range(3)], 0)
        alike = np.sum([excess((adagrad, one_rate_for_all), rare.mean(), rng) for _ in range(3)], 0)
    noise, late = rng.normal(size=(1000, 100)), np.arange(101, 1001)
    calm = np.where(np.arange(1000)[:, None] < 500, 1, 0.01) * noise
    pairs = [(directions(rule, noise), directions(rule, calm)) for rule in (adagrad, rmsprop)]
    (adagrad_steps, adagrad_calm), (rmsprop_steps, rmsprop_calm) = np.median(np.abs(pairs), axis=3)
    smooth = [directions(rule, 1 + 3 * noise)[100:].std() for rule in (adam, no_m)]

    labels, shape, classes = digits.labels, digits.images["train"].shape[1:], len(digits.classes)
    flat = {part: (raw.reshape(len(raw), -1) / 255).astype("float32") for part, raw in digits.images.items()}
    initial = networks_side_by_side(1, flat["train"].shape[1], 64, classes).get_weights()
    batches = shuffled((flat["train"], labels["train"]), BATCH, context.seed).repeat()
    given = initial, batches.take(config.steps).cache(), flat, labels
    right, nats, training = np.swapaxes([train(kind, *given) for kind in CLASSES], 0, 1)
    usual, all_three = (np.sum(each >= 0.9, axis=1) / PER_DECADE for each in (right[:, 0], right.min(axis=1)))
    least = np.nanmin(training[:, 0], axis=1)  # as usual

    best, rate = np.unravel_index(np.nanargmin(nats[:, 0]), nats[:, 0].shape)
    model = build_model(shape, classes)
    model.compile(CLASSES[best](float(RATES[rate])), "sparse_categorical_crossentropy")
    images = shuffled((digits.images["train"], labels["train"]), BATCH, context.seed)
    context.fit(model, images.repeat(), steps_per_epoch=config.steps)
    return Result(
        metrics={
            "momentum_steps_over_descent": valley["momentum"][0] / valley["descent"][0],
            "nesterov_steps_over_momentum": valley["nesterov"][0] / valley["momentum"][0],
            "kept_across_over_along": across / along,
            "own_rates_over_one_rare": unlike[0] / unlike[1],
            "own_rates_over_one_even": alike[0] / alike[1],
            "adagrad_step_slope": log_log_slope(late, adagrad_steps[100:]),
            "rmsprop_step_slope": log_log_slope(late, rmsprop_steps[100:]),
            "adagrad_step_after_calm": adagrad_calm[900:].mean() / adagrad_calm[400:500].mean(),
            "rmsprop_step_after_calm": rmsprop_calm[900:].mean() / rmsprop_calm[400:500].mean(),
            "adam_noise_over_without_m": smooth[0] / smooth[1],
            "adam_over_without_m": unlike[2] / unlike[3],
            "adam_first_step": np.abs(adam(np.array([1e-4, 1.0, 100.0]), 1, {}) - 1).max(),
            "nesterov_loss_over_momentum": least[2] / least[1],
            "usual_decades_gained": usual[3:].min() - usual[:3].max(),
            "adaptive_decades": all_three[3:].min(),
            "other_decades": all_three[:3].max(),
            "test_accuracy": accuracy(model.predict(digits.images["test"], verbose=0), labels["test"]),
            "reference_gap": reference_gap(rng),
        },
        figures={"paths": draw_paths(valley), "bands": draw_bands(right)},
        exports=[classifier_export(model, digits)],
        data=digits.describe(),
    )


# %% [markdown]
# ## What was measured
#
# ![Six walks in a long valley, each at its best rate](figures/paths.png)
#
# Descent is stuck with a rate that the steep sides allow. Momentum swings at first, and its swings cancel;
# Nesterov sees the next wall coming and hardly swings at all. AdaGrad and Adam divide by each coordinate's
# own steepness, so for them this valley is round: it lies along the axes. Turned by 45 degrees it would not
# be, and they would lose that advantage. RMSprop makes steps of the same length however small the gradient
# is, so at a large rate it never comes to rest; only a tiny rate lets it, and sixty steps of that lead
# nowhere. Whoever uses it lets the rate fall.
#
# ![Validation accuracy by rate, as usual and in the worst of three cases](figures/bands.png)
#
# As usual, all bands are of much the same width, and the lecture's sentence is hard to see: whoever trains
# one network in one way has to choose a rate for each rule. What differs is *where* the bands go in the other
# two cases. There, gradients are tens of times as large; descent and both momentums then need a rate as much
# smaller, and the one that was best is far outside of their band. AdaGrad, RMSprop and Adam divide by the
# size of the gradients, so a factor drops out, and one rate suits all three. For summed losses that is
# algebra. For larger pixels it is not: a first layer that sees them 16 times larger has other gradients, and
# an output 16 times as large besides.
#
# So the notes promise too much with "we don't have to choose it ourselves": there is a rate to choose in each
# rule, but for these three it depends less on what else one does.

# %%
CLAIMS = (
    *about(
        ("embedded",),
        Claim(
            "momentum_steps_over_descent",
            at_most=0.6,
            says="In a long valley momentum needs about half of the steps of descent, each at its best rate,",
            lecture="it will take many iterations for it to converge to the minimum",
        ),
        Claim(
            "nesterov_steps_over_momentum",
            at_most=0.75,
            says="and Nesterov's look ahead needs fewer still,",
            lecture="this method indeed leads to better convergence than momentum method",
        ),
        Claim(
            "kept_across_over_along",
            at_most=0.4,
            says="because across the valley most of momentum's gradients cancel, and along it none do.",
            lecture="h_t cancels some coordinates that lead to oscillation of gradients",
        ),
        Claim(
            "own_rates_over_one_rare",
            at_most=0.85,
            says="Where words are rare, a rate for each weight leaves less excess loss than one for all,",
            lecture="AdaGrad method chooses learning rate adaptively",
        ),
        Claim(
            "own_rates_over_one_even",
            at_least=0.88,
            says="and where they are equally frequent it hardly matters.",
        ),
        Claim(
            "adagrad_step_slope",
            at_most=-0.45,
            says="On gradients that stay as large, AdaGrad's steps shrink with the root of time,",
            lecture="G accumulates squares of gradient, and at some step it can become too large",
        ),
        Claim(
            "rmsprop_step_slope",
            at_least=-0.05,
            at_most=0.05,
            says="and RMSprop's do not.",
            lecture="This method overcomes the problem of large sums of square gradients",
        ),
        Claim(
            "rmsprop_step_after_calm",
            at_least=0.8,
            says="When gradients become a hundred times smaller, RMSprop's steps are soon as long as before,",
            lecture="our learning rate depends only on last examples",
        ),
        Claim("adagrad_step_after_calm", at_most=0.02, says="and AdaGrad's a hundredth of that."),
        Claim(
            "adam_noise_over_without_m",
            at_most=0.35,
            says="Adam's m takes most of the noise out of its steps,",
            lecture="to smooth our gradients we maintain another auxiliary variable",
        ),
        Claim(
            "adam_over_without_m",
            at_least=0.85,
            at_most=1.15,
            says="which makes little difference to where it ends on these messages, at its best rate;",
        ),
        Claim(
            "adam_first_step",
            at_most=0.001,
            says="its first step, corrected, is as long as the rate, however large the gradient.",
        ),
        Claim(
            "nesterov_loss_over_momentum",
            at_most=1.4,
            says="On a network Nesterov's training loss ends about where momentum's does, or lower.",
        ),
        Claim(
            "usual_decades_gained",
            at_most=0.75,
            says="As usual, adaptive rules suit little wider a band of rates than the others;",
        ),
        Claim(
            "adaptive_decades",
            at_least=1.2,
            says="each of them has more than a decade of rates that suit all three cases,",
            lecture="they're very sensitive to it",
        ),
        Claim("other_decades", at_most=1.2, says="and none of the others has."),
        Claim(
            "test_accuracy", at_least=0.92, says="With the best of the six, Keras' fit trains a classifier."
        ),
    ),
    Claim("reference_gap", at_most=1e-9, says="Our rules are those of suite.optimizers, step by step."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run optimizer_comparison --steps 50`: which claims fall?
#
# <details><summary>Answer</summary>
#
# `adaptive_decades`, and only that one: fifty batches are too few for small rates to get to 9 in 10, so all
# bands are narrow. How sensitive a rule is to its rate also says how patient one was; too large a rate never
# gets there, too small a one only later. At the best rate, fifty batches already suffice for `test_accuracy`.
#
# </details>
#
# **2.** Leave out both corrections of `adam`. How long is its first step, and which claims notice?
#
# <details><summary>Answer</summary>
#
# `(1 - 0.9) / sqrt(1 - 0.999) = 3.16` times the rate: `adam_first_step` notices, and `reference_gap`.
#
# </details>
#
# **3.** In `nesterov`, return `momentum(g, t, kept)`. Which claims fall?
#
# <details><summary>Answer</summary>
#
# `nesterov_steps_over_momentum`, which becomes exactly 1, and `reference_gap`. On the network nothing is
# seen, since it uses the classes of `suite.optimizers`.
#
# </details>
#
# **4.** On paper: all gradients are 1. How far does one step of momentum go in the end, in units of the rate,
# and how far does one of Adam? And if all gradients are 100?
#
# <details><summary>Answer</summary>
#
# Momentum: `1 + 0.9 + 0.81 + ... = 10`, so ten rates, and a thousand where gradients are 100. Adam: m and the
# root of v are both the gradient, so one rate in either case. That is why the best rates of momentum are
# about a tenth of those of descent, and why Adam's say nothing about the size of the gradients.
#
# </details>
#
# ## To take away
#
# - Momentum remembers a direction: what alternates cancels, what persists adds up to ten times the gradient.
# - AdaGrad, RMSprop and Adam give each weight a rate of its own, which helps where weights see very different
#   gradients: rare words, badly scaled inputs.
# - They are not tuned less because they are better, but because a factor on all gradients drops out of them.
# - Adam is RMSprop with momentum and a corrected start. Start with it, and compare with momentum at a tuned
#   rate when it matters.
#
# *Before: [stochastic_gradient_descent](stochastic_gradient_descent.md). Next:
# [perceptron_circuits](perceptron_circuits.md), what a network of neurons can compute at all.*
