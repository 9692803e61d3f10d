# %% [markdown]
# # Go back through time, and watch the past fade
#
# A recurrent network is a deep one with a layer for each step, all with the same weights, and is trained like
# one. What the last step can tell the first passes through all between, and little or far too much of it
# arrives.
#
# *Week 5, "Backpropagation for RNNs", "Dealing with vanishing and exploding gradients". Takes 45 s on 2 CPU
# cores. `suite run backpropagation_through_time`*
#
# ## Why look at the gradient?
#
# A network that reads a hundred words and answers wrong has a hundred occasions to be blamed. Training finds
# them by going back, and each step on the way multiplies the blame by something. A factor of 0.8 leaves a
# five-billionth after a hundred steps, a factor of 1.25 makes five billion of 1. Neither announces itself:
# with the first the network learns what is near and never what is far, while its loss falls as it should.
# This lesson goes back by hand, looks at what is left on the way, and tries what helps.
#
# ## The method
#
# The state after a step is made of the input and the state before:
#
#     h(t) = f(x(t) W + h(t-1) U + b)                    the same W, U and b at every step
#
# Unrolled over time, that is a feed-forward network, so its derivative is that of
# [backpropagation](backpropagation.md), from the last step to the first. Two things are new. A weight is used
# at every step, so its derivative is the *sum* of what each step would have alone. And a state is blamed from
# two sides: for the output it gave, and, through U, for the state it led to.
#
# By hand: one unit, f(z) = max(0, z), W = 1, U = 0.5, b = 0 and the inputs 1, 0, 0. The states are 1, 0.5,
# 0.25. Take the last state as the cost. Going back, the derivative by the states is 1, then 0.5, then 0.25:
# it halves at each step, as U does. And that by U is `1 * 0.5` from the last step plus `0.5 * 1` from the one
# before, together 1; indeed the last state is U^2, and its derivative 2 U.
#
# **Truncated.** A sequence of a million steps does not fit into memory. So one cuts it into pieces: the state
# passes from piece to piece, the derivative does not. By hand with pieces of one step: the derivative by U is
# 0.5, what the last step alone says.

# %%
import dataclasses
from typing import Annotated, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite import console
from suite.backprop.gradient_check import relative_error
from suite.backprop.recurrent import recurrent, recurrent_backward
from suite.backprop.sequence_regression import answers, cost_and_gradients, initial_weights
from suite.data.generated.sequences import ADDING_BASELINE, Sequences, adding_problem
from suite.evaluation import plots
from suite.runs.recipe import Claim, Context, Result

SLOPES = {  # of each activation, from its value
    "sigmoid": lambda h: h * (1 - h),
    "tanh": lambda h: 1 - h * h,
    "relu": lambda h: np.heaviside(h, 0),
}


def back_through_time(
    X: np.ndarray, H: np.ndarray, dH: np.ndarray, U: np.ndarray, f: str, piece: int | None = None
) -> tuple[np.ndarray, ...]:
    """By W, U, b and each state, from states H `(n, T, units)` and what each is blamed for itself, dH.

    >>> X, H, dH = (np.reshape(each, (1, 3, 1)) for each in ([1, 0, 0], [1, 0.5, 0.25], [0, 0, 1.0]))
    >>> _, dU, _, by_state = back_through_time(X, H, dH, np.array([[0.5]]), "relu")
    >>> by_state.ravel().tolist(), dU.item()
    ([0.25, 0.5, 1.0], 1.0)
    >>> back_through_time(X, H, dH, np.array([[0.5]]), "relu", piece=1)[1].item()
    0.5
    """
    before = np.concatenate([np.zeros_like(H[:, :1]), H[:, :-1]], axis=1)
    dW, dU, db, by_state = np.zeros((X.shape[2], len(U))), np.zeros_like(U), np.zeros(len(U)), dH.copy()
    through = np.zeros_like(H[:, 0])  # from the step after
    for t in reversed(range(H.shape[1])):
        by_state[:, t] += through
        by_sum = by_state[:, t] * SLOPES[f](H[:, t])
        dW, dU, db = dW + X[:, t].T @ by_sum, dU + before[:, t].T @ by_sum, db + by_sum.sum(axis=0)
        through = by_sum @ U.T * (piece is None or t % piece > 0)  # truncated: nothing from piece to piece
    return dW, dU, db, by_state


def clip(gradients: list[np.ndarray], longest: float) -> list[np.ndarray]:
    """All of them shortened together where their common length is above that; the direction stays."""
    length = np.sqrt(sum(np.sum(np.square(each, dtype=np.float64)) for each in gradients))
    return [each * np.float32(min(1.0, longest / length)) for each in gradients]


# %% [markdown]
# ## Is it right?
#
# Against the faster `suite.backprop.recurrent`, whole and in pieces, which the trainings below use; and that
# one, with a linear answer from the last state, against what TensorFlow finds for Keras' `SimpleRNN`.


# %%
def gaps(rng: np.random.Generator) -> tuple[float, float]:
    """Largest relative differences of derivatives, float64: by hand from ours, and ours from TensorFlow's."""
    found: tuple[list[float], list[float]] = ([], [])
    X, targets = (array.astype(np.float64) for array in adding_problem(4, 12, rng))
    for f in SLOPES:
        p = initial_weights(rng.normal(0, 0.4, (5, 5)), 2, 1.0, rng, np.float64)
        p = [each + rng.normal(0, 0.1, each.shape) for each in p]  # no two alike, and no bias of 0
        W, U, b, *_ = p
        H, cache = recurrent(X, W, U, b, np.zeros((4, 5)), f)
        dH = rng.normal(size=H.shape)
        for piece in (None, 5, 1):
            fast = recurrent_backward(dH, cache, piece)
            theirs = fast.kernel, fast.recurrent_kernel, fast.bias, fast.H
            found[0].extend(map(relative_error, back_through_time(X, H, dH, U, f, piece), theirs))
        sequence = keras.Input((None, 2), dtype="float64")
        state = keras.layers.SimpleRNN(5, f, dtype="float64")(sequence)
        model = keras.Model(sequence, keras.layers.Dense(1, dtype="float64")(state))
        model.set_weights(p)
        with tf.GradientTape() as tape:
            cost = tf.reduce_mean((model(X) - targets) ** 2)
        by_tape = [each.numpy() for each in tape.gradient(cost, model.trainable_variables)]
        found[1].extend(map(relative_error, cost_and_gradients(p, X, targets, f)[1], by_tape))
    return max(found[0]), max(found[1])


# %% [markdown]
# ## What is left after a hundred steps
#
# Random sequences of a hundred steps go through an untrained network; we follow the length of the derivative
# by the state, from the last step to the first. A random U is drawn with a deviation of g / sqrt(units):
# without an activation, a vector keeps its length on average at g = 1. We take g = 1/2, 1 and 3, and two
# remedies of the lecture, each alone and both together: U starts at the *identity*, which keeps every vector
# as it is; and the activation is *ReLU*, whose slope is 0 or 1, instead of the sigmoid, whose slope is 1/4 at
# most. Deep feed-forward networks are looked at in the same way, layer by layer.


# %%
def start(name: str, units: int, rng: np.random.Generator) -> np.ndarray:
    """A matrix: the identity, or random with the given share of the deviation that keeps lengths."""
    return (
        np.eye(units) if name == "identity" else rng.normal(0, float(name) / np.sqrt(units), (units, units))
    )


def left_in_time(f: str, name: str, config: "Config", rng: np.random.Generator) -> np.ndarray:
    """Lengths of the derivative by the state, from the last step back, relative to the first of them."""
    p = initial_weights(start(name, config.units, rng), 2, 1.0, rng, np.float64)
    data = adding_problem(config.batch_size, config.distance + 1, rng)
    lengths = np.linalg.norm(cost_and_gradients(p, *data, f)[2], axis=(0, 2))[::-1]
    return lengths / lengths[0]


def left_in_layers(name: str, config: "Config", rng: np.random.Generator) -> np.ndarray:
    """The same through ReLU layers one on the other, each with weights of its own."""
    x, back = rng.normal(size=(2, config.batch_size, config.units))
    layers, lengths = [], []
    for _ in range(config.distance + 1):
        W = start(name, config.units, rng)
        x = np.maximum(x @ W, 0)
        layers.append((W, x > 0))
    for W, passes in reversed(layers):
        lengths.append(np.linalg.norm(back))
        back = (back * passes) @ W.T
    return np.array(lengths) / lengths[0]


# %% [markdown]
# ## It goes undetected
#
# Now train. In the *adding problem* each step brings a random number and a mark; one mark stands in the first
# half, one in the second, and the answer, after the last step, is the sum of the two marked numbers. Who
# always answers 1, the mean, has an error of 1/6. To see what a falling loss hides, the second mark stands at
# the *last* step at first: that number is learned at once, and who knows it but not the far one has an error
# of 1/12. After training we ask what the answers are made of: a least squares fit on the two marked numbers
# says how much of each arrives, 0 to 1.
#
# Every network learns from new sequences in each batch, by momentum, at each of three rates; the one that is
# best on validation sequences counts.


# %%
class Setting(NamedTuple):
    """How a network starts and is trained."""

    f: str
    start: str
    longest: float = 1.0  # of the gradient; what is longer is clipped
    piece: int | None = None  # steps of truncated backpropagation
    near: bool = False  # whether the second mark stands at the last step


SETTINGS = {
    "vanishing": Setting("tanh", "0.5", near=True),
    "identity": Setting("sigmoid", "identity"),
    "relu": Setting("relu", "1"),
    "both": Setting("relu", "identity"),
    "unclipped": Setting("relu", "identity", np.inf),
    "truncated": Setting("relu", "identity", piece=5),
}


def train(config: "Config", setting: Setting, rate: float, seed: int) -> tuple[list[np.ndarray], list[float]]:
    """The weights at the end, and the loss of each batch; stops where it diverges."""
    rng, losses = np.random.default_rng(seed), []
    p = initial_weights(start(setting.start, config.units, rng), 2, 1.0, rng)
    velocities = [np.zeros_like(each) for each in p]
    for now in rate * (1 + np.cos(np.linspace(0, np.pi, config.steps))) / 2:
        data = adding_problem(config.batch_size, config.length, rng, setting.near)
        loss, gradients, _ = cost_and_gradients(p, *data, setting.f, setting.piece)
        losses.append(loss)
        if not loss < 1e3:
            break
        for each, velocity, gradient in zip(p, velocities, clip(gradients, setting.longest), strict=True):
            velocity *= 0.9
            velocity -= np.float32(now) * gradient
            each += velocity
    return p, losses


def judge(p: list[np.ndarray], data: Sequences, f: str) -> tuple[float, float, float]:
    """The error, at most 1; how much of the far and of the near marked number is in the answers."""
    found = np.clip(np.nan_to_num(answers(p, data.inputs, f)), -1e3, 1e3).astype(float)
    halves = np.split(data.inputs.prod(axis=2), [data.inputs.shape[1] // 2], axis=1)
    numbers = np.stack([*(half.sum(axis=1) for half in halves), np.ones(len(found))], axis=1)
    far, near, _ = np.linalg.lstsq(numbers, found[:, 0])[0]
    return min(1.0, np.mean((found - data.targets) ** 2)), far, near


# %% The figures
def draw_left(in_time: dict[str, np.ndarray], in_layers: dict[str, np.ndarray]) -> Figure:
    figure, panels = plots.new_figure("Length of the derivative, where it begins 1", 11, 4, columns=2)
    kinds = (("Recurrent", "steps", in_time), ("Feed-forward: ReLU", "layers", in_layers))
    for axes, (title, unit, lengths) in zip(panels, kinds, strict=True):
        lines = {name.replace("_", ", "): (range(len(each)), each) for name, each in lengths.items()}
        plots.curves(axes, lines, title=title, xlabel=f"{unit} back", yscale="log")
    return figure


def draw_training(losses: dict[str, list[float]]) -> Figure:
    figure, axes = plots.new_figure("Training, each at its best rate", width=8)
    lines = {}
    for name, each in losses.items():
        pieces = np.array_split(np.minimum(each, 1), max(1, len(each) // 25))
        lines[name] = (
            np.cumsum([*map(len, pieces)]),
            [*map(np.mean, pieces)],
            ":" if SETTINGS[name].near else "-",
        )
    plots.curves(axes, lines, xlabel="step", ylabel="mean squared error", yscale="log")
    axes.axhline(ADDING_BASELINE, color=plots.MUTED, linestyle="--", linewidth=1)
    return figure


# %% [markdown]
# ## Run it
#
# Beside the network that shows what goes undetected, five learn the adding problem: with each remedy
# alone and with both, all with their gradients clipped; with both and not clipped; and with both, clipped,
# and truncated to pieces of five steps, a third of the way to the nearest place where the first mark can be.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    units: Annotated[int, "of the recurrent layer"] = 50
    distance: Annotated[int, "steps, or layers, over which derivatives are followed"] = 100
    length: Annotated[int, "of the sequences that are trained on"] = 30
    steps: Annotated[int, "of a training"] = 1500
    batch_size: Annotated[int, "sequences a step"] = 32
    rates: Annotated[tuple[float, ...], "tried; each falls to 0 along a cosine"] = (1e-3, 1e-2, 3e-2)


SMOKE = Config(units=6, distance=5, length=6, steps=20, rates=(1e-3,))
FOLLOWED = ("tanh_0.5", "tanh_3", "tanh_identity", "sigmoid_1", "sigmoid_identity", "relu_1", "relu_identity")


def run(config: Config, context: Context) -> Result:
    rng, losses = np.random.default_rng(context.seed), {}
    pairs = [name.split("_") for name in FOLLOWED]
    in_time = {f"{f}_{name}": left_in_time(f, name, config, rng) for f, name in pairs}
    in_layers = {name: left_in_layers(name, config, rng) for name in ("0.5", "3", "identity")}
    metrics = dict(zip(("reference_gap", "tape_gap"), gaps(rng), strict=True))
    metrics |= {f"left_{name.replace('.', '')}": each[-1] for name, each in in_time.items()}
    metrics |= {f"left_deep_{name.replace('.', '')}": each[-1] for name, each in in_layers.items()}
    with np.errstate(over="ignore", invalid="ignore"):  # where a training diverges
        for name, setting in SETTINGS.items():
            validation, test = (adding_problem(2000, config.length, rng, setting.near) for _ in range(2))
            tried = [train(config, setting, rate, context.seed) for rate in console.track(config.rates, name)]
            best = int(np.argmin([judge(p, validation, setting.f)[0] for p, _ in tried]))
            p, losses[name] = tried[best]
            metrics[f"test_mean_squared_error_{name}"], far, near = judge(p, test, setting.f)
            metrics |= {f"far_{name}": far, f"near_{name}": near} if setting.near else {}
    return Result(
        metrics=metrics,
        figures={"left": draw_left(in_time, in_layers), "training": draw_training(losses)},
        data={"source": "adding problem", "train": config.steps * config.batch_size, "test": 2000},
    )


# %% [markdown]
# ## What was measured
#
# ![Lengths of the derivative over a hundred steps and layers](figures/left.png)
#
# With small weights the derivative is gone after a few dozen steps; with large ones it explodes, tanh or not.
# The **sigmoid**, whose slope is 1/4 at most, loses about three quarters at every step, from the identity as
# from a random matrix of g = 1. So the notes' "start off from an identity" is no remedy by itself. With
# **tanh**, whose slope at 0 is 1, it is one: a part arrives, from less than a thousandth to a fifth, as the
# seed has it. **ReLU** alone, at g = 1, shuts half of its units at a step; that leaves tens of powers of ten
# more than the sigmoid does, and still next to nothing. Both together keep more than half of what they got.
# The same holds layer by layer in a deep network without any time.
#
# ![Training losses of the six networks](figures/training.png)
#
# The dotted curve is what goes *undetected*. It falls: it halves the error of guessing and stays there, as
# many a training does in the end, and nothing in it says that one of two numbers was never learned. Only the
# question what the answers are made of shows it: of the far number next to nothing arrives. So ask it of a
# model of your own: change an input that is far away, and see whether the answer cares. (A gradient that
# arrives is no guarantee either: what is easy is learned first, and may hide the rest.)
#
# On the adding problem (solid) ReLU from a *random* matrix of g = 1 learns even better than from the
# identity: over thirty steps enough arrives to start with, and training does the rest. From the identity
# with a sigmoid nothing is learned at all. Without **clipping** no rate is right: the small one crawls, the
# large ones diverge at the first steep place. And cut into pieces of five steps, the network *still* learns
# marks that stand thirty steps back, though no derivative ever gets there. How? What has to be learned,
# "add what is marked", is the same at every step, near or far, and the identity carries what was added.
# Where something must be kept that only the far past needs, truncation does not see it.

# %%
CLAIMS = (
    Claim(
        "reference_gap",
        at_most=1e-9,
        says="Going back by hand, whole or in pieces, gives the derivatives of our fast version,",
    ),
    Claim("tape_gap", at_most=1e-6, says="and that one those of TensorFlow, in float64."),
    Claim(
        "left_tanh_05",
        at_most=1e-10,
        says="Over 100 steps with small weights the gradient vanishes,",
        lecture="gradient signal from faraway is lost",
    ),
    Claim("left_tanh_3", at_least=1e3, says="with large ones it explodes,", lecture="Exploding gradient"),
    Claim("left_relu_identity", at_least=0.3, at_most=2, says="and from the identity, with ReLU, it stays."),
    Claim(
        "left_sigmoid_identity",
        at_most=1e-40,
        says="The identity alone, with the sigmoid, leaves nothing;",
        lecture="start off from an identity matrix initialization",
    ),
    Claim("left_tanh_identity", at_least=1e-4, says="with tanh, a part stays."),
    Claim(
        "left_relu_1",
        at_least=1e-30,
        at_most=1e-5,
        says="ReLU alone leaves more than the sigmoid by many powers of ten, and still next to nothing.",
        lecture="use the Rectified Linear Units (ReLU) instead of the sigmoid function",
    ),
    Claim(
        "left_deep_05",
        at_most=1e-10,
        says="Through 100 layers of a feed-forward network it is the same: small,",
    ),
    Claim("left_deep_3", at_least=1e3, says="large,"),
    Claim("left_deep_identity", at_least=0.5, at_most=2, says="and identity."),
    Claim(
        "test_mean_squared_error_vanishing",
        at_most=0.11,
        says="It goes undetected: a tanh network's error falls from 0.167 by a third and more,",
        lecture="it can go undetected",
    ),
    Claim("near_vanishing", at_least=0.8, says="as it learns the number that is near,"),
    Claim(
        "far_vanishing", at_least=-0.05, at_most=0.05, says="while of the far one next to nothing arrives."
    ),
    Claim(
        "test_mean_squared_error_identity",
        at_least=0.15,
        says="On the adding problem the identity alone, with the sigmoid, is no better than guessing,",
    ),
    Claim("test_mean_squared_error_relu", at_most=0.05, says="ReLU alone learns it,"),
    Claim("test_mean_squared_error_both", at_most=0.05, says="and so do both,"),
    Claim(
        "test_mean_squared_error_unclipped",
        at_least=0.08,
        says="but without clipping not at any of three rates,",
        lecture="gradient clipping",
    ),
    Claim(
        "test_mean_squared_error_truncated",
        at_most=0.05,
        says="and with clipping even where no derivative passes more than five steps.",
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run backpropagation_through_time --distance 20`: which claims fall, without a change to any
# weight?
#
# <details><summary>Answer</summary>
#
# `left_tanh_05` (a millionth is left), `left_relu_1` (a hundredth) and `left_deep_05`: vanishing needs
# distance. Twenty steps explode by some thousand already, and through the sigmoid they leave 1e-13, so
# `left_sigmoid_identity` falls as well.
#
# </details>
#
# **2.** On paper: one unit with U = 1 and tanh, its state near 0.5. What is left of a derivative after a
# hundred steps?
#
# <details><summary>Answer</summary>
#
# The slope of tanh is one minus its square, 0.75 at that state, and 0.75^100 is 3e-13. At a state near 0.1
# the slope is 0.99, and more than a third is left. So a tanh network that starts at the identity remembers as
# long as it has little to remember.
#
# </details>
#
# ## To take away
#
# - Unrolled, a recurrent network is a deep one with shared weights: their derivative is a sum over steps.
# - A product of a hundred factors vanishes or explodes. Clip what explodes.
# - What vanishes does not show in the loss: ask what far inputs do to the answer.
# - The sigmoid is the first thing to replace; the identity helps where the slope is near 1.
#
# *Before: [rnn_language_model](rnn_language_model.md). Next: [lstm_and_gru](lstm_and_gru.md), whose gate can
# keep the factor at 1.*
