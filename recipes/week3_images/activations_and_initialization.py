# %% [markdown]
# # Keep signals alive through many layers
#
# An activation bends what a neuron says, and its slope decides how much of the blame comes back through it.
# With the first weights it decides whether a deep network can begin to learn at all.
#
# *Week 3, "Activation Functions", "Weights Initialization". Takes 28 s on 2 CPU cores. `suite run
# activations_and_initialization`*
#
# ## Why a product of many factors is dangerous
#
# Multiply twenty numbers near 0.9 and 0.12 is left; near 1.1, and you get 6.7. A signal that goes through
# twenty layers is multiplied twenty times on its way forward, and its blame twenty times on the way back.
# What a layer does to the *size* of what passes through looks harmless, and decides everything.
#
# ## The method
#
# Four activations, each with its slope:
#
#     sigmoid      1 / (1 + e^-z)                        s (1 - s): at most 1/4, at z = 10 only 0.000045
#     tanh         (e^z - e^-z) / (e^z + e^-z)           1 - tanh^2: at most 1
#     ReLU         max(0, z)                             1 where z > 0, else 0
#     leaky ReLU   max(0.1 z, z)                         1 where z > 0, else 0.1
#
# Through twenty layers of sigmoids the blame is multiplied by slopes of at most 1/4: at most 0.25^20, which
# is 0.0000000000009, unless large weights make up for it. And large weights make large z, where slopes are
# smaller still.
#
# **The first weights.** A neuron adds up n products of a weight and an input. If weights have the mean 0 and
# the variance v, the mean square of its sum is n v times that of its inputs. To keep it, v has to be 1 / n.
# On the way back the same holds for the number of outputs m, and Xavier (Glorot) takes the middle, 2 / (n +
# m). ReLU throws the negative half away, and with it half of the mean square: so He takes 2 / n.
#
# By hand: 100 inputs of size 1. Weights of size 1 give sums of size 10, and after two layers of size 100;
# weights of size 0.1 give sums of size 1.

# %%
import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.backprop.layers import Activate
from suite.backprop.losses import softmax_cross_entropy, softmax_cross_entropy_derivative
from suite.backprop.network import Network, mlp
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.evaluation.scaling import time_and_memory
from suite.runs.recipe import Claim, Context, Result


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Between 0 and 1.

    >>> z = np.array([-10.0, 0, 10])
    >>> sigmoid(z).round(4).tolist(), (sigmoid(z) * (1 - sigmoid(z))).round(6).tolist()
    ([0.0, 0.5, 1.0], [4.5e-05, 0.25, 4.5e-05])
    """
    return 1 / (1 + np.exp(-z))


FUNCTIONS: dict[str, tuple[Callable, Callable]] = {  # and their slopes
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z))),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "leaky_relu": (lambda z: np.maximum(0.1 * z, z), lambda z: np.where(z > 0, 1, 0.1)),
}


DEVIATIONS: dict[str, Callable] = {  # of the weights from n inputs to m units
    "he_normal": lambda n, m: np.sqrt(2 / n),
    "glorot_normal": lambda n, m: np.sqrt(2 / (n + m)),
}


# %% [markdown]
# ## The same in Keras' names
#
# `Dense(64, activation="relu", kernel_initializer="he_normal")`: in Keras both are words. Those of
# activations are ours; `he_normal` and `glorot_normal` draw weights of the two deviations above,
# `glorot_uniform` too, from a box instead of a bell; `VarianceScaling(8)` has four times He's variance. **A
# layer without these words has no activation and `glorot_uniform`**, whatever activation you give it. We
# follow a signal and its blame through twenty layers, for pairs of words.


# %%
DEPTH = 20
STACKS = {
    "relu_he": ("relu", "he_normal"),
    "relu_default": ("relu", "glorot_uniform"),
    "relu_large": ("relu", keras.initializers.VarianceScaling(8)),
    "tanh_default": ("tanh", "glorot_uniform"),
    "sigmoid_default": ("sigmoid", "glorot_uniform"),
}


def follow(words: tuple, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Outputs of each layer and the derivatives of a random cost by them: `(depth, 200, width)` each."""
    rng, initializer, outputs = np.random.default_rng(seed), keras.initializers.get(words[1]), []
    x = tf.constant(0.1 * rng.normal(size=(200, width)), "float32")  # small: tanh is straight there
    with tf.GradientTape() as tape:
        tape.watch(x)
        for _ in range(DEPTH):
            x = layers.Dense(width, words[0], kernel_initializer=initializer.clone())(x)
            outputs.append(x)
    blame = tf.constant(rng.normal(size=x.shape), "float32")
    return np.array(outputs), np.array(tape.gradient(x, outputs, output_gradients=blame))


# %% [markdown]
# ## Training, many times
#
# What follows trains networks of [mlp_from_scratch](mlp_from_scratch.md) on digits, by plain gradient
# descent, as the notes speak of. A comparison of activations at *one* learning rate would be unfair, as each
# has another best one. So each trains at every rate of a list, and the rate counts at which its last losses
# are least.
#
# * **Depth:** ten hidden layers, of sigmoids and of ReLUs.
# * **Speed:** two hidden layers: how many steps until the loss is 0.2?
# * **Not centered:** a sigmoid gives numbers around 1/2, never negative ones. Then all weights of a neuron in
#   the next layer get gradients of one sign from an example: they go up together or down together, and the
#   way to "one up, one down" is a zigzag. What does that cost? The same sigmoid minus 1/2 differs in nothing
#   else.
# * **First weights:** twenty layers of ReLUs from He's variance, a quarter and four times of it.


# %%
RATES = 0.03, 0.1, 0.3, 1.0, 3.0, 10.0
TINY = 1e-9, 1e-6, 1e-4, 1e-2, 0.03, 0.1  # what explodes needs tiny ones
Training = tuple[int, str, float, tuple[float, ...]]  # hidden layers, activation, variance, rates
TRAININGS: dict[str, Training] = {
    "sigmoid": (2, "sigmoid", 1, RATES),
    "centered sigmoid": (2, "centered sigmoid", 1, RATES),
    "tanh": (2, "tanh", 1, RATES),
    "relu": (2, "relu", 1, RATES),
    "10 of sigmoid": (10, "sigmoid", 1, RATES),
    "10 of relu": (10, "relu", 1, RATES),
    "20 of relu": (20, "relu", 1, TINY),
    "20, a quarter": (20, "relu", 0.25, TINY),
    "20, four times": (20, "relu", 4, TINY),
}


class Centered(Activate):
    """An activation minus its value at 0."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return super().forward(x) - self._activation.function(x.dtype.type(0))


def build(depth: int, activation: str, variance: float, units: int, seed: int) -> Network:
    """With `depth` hidden layers; from so many times He's (ReLU) or 1 / n of variance."""
    rng, name = np.random.default_rng(seed), activation.removeprefix("centered ")
    network = mlp((64, *[units] * depth, 10), rng, activation=name)
    for W in network.parameters[::2]:
        W *= variance**0.5
    if name != activation:
        network.layers = [Centered(name) if isinstance(each, Activate) else each for each in network.layers]
    return network


def train(network: Network, examples: tuple, rate: float, steps: int) -> np.ndarray:
    """Gradient descent on batches of 64; gives the loss before each step, as a mean over 20 of them."""
    (X, labels), losses, rng = examples, [], np.random.default_rng(steps)
    for _ in range(steps):
        rows = rng.integers(len(X), size=64)
        scores = network.forward(X[rows])
        losses.append(softmax_cross_entropy(scores, labels[rows]))
        network.backward(softmax_cross_entropy_derivative(scores, labels[rows]))
        for parameter, gradient in zip(network.parameters, network.gradients, strict=True):
            parameter -= rate * gradient
    return np.convolve(np.nan_to_num(losses, nan=np.inf), np.ones(20) / 20, "valid")


def best(name: str, examples: tuple, config: "Config", seed: int) -> np.ndarray:
    """Losses at the rate after which the last is least, from the same weights and batches at each."""
    kind = TRAININGS[name]
    with np.errstate(all="ignore"):  # what explodes overflows, and is not the best
        tries = [train(build(*kind[:3], config.units, seed), examples, r, config.steps) for r in kind[3]]
    return min(tries, key=lambda losses: losses[-1])


# %% [markdown]
# ## Units that are born dead, and units that are born alike
#
# A ReLU whose sum is negative *for every example* has a slope of 0 for every example. Nothing ever moves its
# weights: it is dead. We give all units of a network a bias of -3, and see who comes back. And we start a
# network with zeros: its 16 units get the same gradient at each step, so they stay one unit, sixteen times.


# %%
def dead_start(activation: str, examples: tuple, units: int, steps: int, seed: int) -> float:
    """The last loss of a network whose hidden units all begin far below zero."""
    network = build(1, activation, 1, units, seed)
    network.parameters[1][:] = -3
    return train(network, examples, 1.0, steps)[-1]


def accuracy_from(variance: float, examples: tuple, steps: int, seed: int) -> float:
    network = build(1, "sigmoid", variance, 16, seed)
    train(network, examples, 1.0, steps)
    return accuracy(network.forward(examples[0]), examples[1])


# %% [markdown]
# ## Is it right?


# %%
def reference_gap() -> float:
    """Largest difference of our functions and slopes to Keras' and its tape's; its leak is a float32."""
    gaps, z = [], tf.constant(np.linspace(-10, 10, 400))  # not 0, where ReLU has no slope
    for name, (function, slope) in FUNCTIONS.items():
        with tf.GradientTape() as tape:
            tape.watch(z)
            theirs = keras.activations.get(name)(z, **({"negative_slope": 0.1} if "leaky" in name else {}))
        gaps += [function(z.numpy()) - theirs, slope(z.numpy()) - tape.gradient(theirs, z)]
    return max(float(np.abs(gap).max()) for gap in gaps)


def initializer_gap(seed: int) -> float:
    """Largest difference of the deviation of 200,000 weights that Keras draws to ours, relative to it."""
    gaps = []
    for name, deviation in DEVIATIONS.items():
        draw = keras.initializers.get({"class_name": name, "config": {"seed": seed}})
        gaps.append(abs(np.std(draw((200, 1000))) / deviation(200, 1000) - 1))
    return float(max(gaps))


# %% The figures
def draw(panels: dict[str, dict[str, tuple]], **settings: Any) -> Figure:
    figure, axes = plots.new_figure(width=7 + 2 * len(panels), height=3.6, columns=len(panels))
    for each, (title, lines) in zip(axes, panels.items(), strict=True):
        plots.curves(each, lines, title=title.replace("_", " "), **settings)
    return figure


def draw_activations() -> Figure:
    z = np.linspace(-5, 5, 501)
    lines = {name: {"function": (z, f(z)), "slope": (z, slope(z))} for name, (f, slope) in FUNCTIONS.items()}
    return draw(lines, xlabel="z", ylim=(-1.2, 2))


# %% [markdown]
# ## Run it


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    width: Annotated[int, "of the layers through which signals are followed"] = 256
    units: Annotated[int, "of each layer that is trained"] = 64
    steps: Annotated[int, "of each training"] = 500


SMOKE = Config(width=16, units=8, steps=20)


def run(config: Config, context: Context) -> Result:
    seed, digits = context.seed, image_sets.load_digits(context.seed)
    metrics, followed = dict[str, float](), {}
    examples = digits.images["train"].reshape(-1, 64) / np.float32(255), digits.labels["train"]
    for name, words in STACKS.items():
        both = follow(words, config.width, seed)
        signal, blame = followed[name] = [np.sqrt(np.mean(each**2, axis=(1, 2))) for each in both]
        metrics |= {f"{name}_signal": signal[-1] / signal[0], f"{name}_blame": blame[0] / blame[-1]}
        metrics[f"{words[0]}_offset"] = abs(both[0][0].mean()) / both[0][0].std()
    losses = {name: best(name, examples, config, seed) for name in TRAININGS}
    steps = {name: np.argmax(np.append(each, 0) < 0.2) for name, each in losses.items()}
    z = np.random.default_rng(seed).normal(size=1_000_000).astype(np.float32)
    seconds = {name: time_and_memory(FUNCTIONS[name][0], z)[0] for name in ("sigmoid", "relu")}
    for name in ("relu", "leaky_relu"):
        metrics[f"{name}_dead_loss"] = dead_start(name, examples, config.units, config.steps, seed)
    metrics |= {
        "deep_sigmoid_loss": losses["10 of sigmoid"][-1],
        "deep_relu_loss": losses["10 of relu"][-1],
        "sigmoid_steps_over_relu": steps["sigmoid"] / steps["relu"],
        "tanh_steps_over_relu": steps["tanh"] / steps["relu"],
        "sigmoid_steps_over_centered": steps["sigmoid"] / steps["centered sigmoid"],
        "sigmoid_time_over_relu": seconds["sigmoid"] / seconds["relu"],
        "quarter_loss_over_right": losses["20, a quarter"][-1] / losses["20 of relu"][-1],
        "fourfold_loss_over_right": losses["20, four times"][-1] / losses["20 of relu"][-1],
        "zero_start_accuracy": accuracy_from(0.0, examples, config.steps, seed),
        "random_start_accuracy": accuracy_from(1.0, examples, config.steps, seed),
        "initializer_gap": initializer_gap(seed),
        "reference_gap": reference_gap(),
    }
    depth = {
        title: {name: (range(1, DEPTH + 1), sizes[way], "o-") for name, sizes in followed.items()}
        for way, title in enumerate(("signals on their way forward", "blame on its way back"))
    }
    curves = [(name, (each,)) for name, each in losses.items()]
    training = {"two hidden layers": dict(curves[:4]), "deep": dict(curves[4:])}
    figures = {
        "activations": draw_activations(),
        "depth": draw(depth, xlabel="layer", ylabel="size", yscale="log", xticks=(1, 5, 10, 15, 20)),
        "training": draw(training, xlabel="step", ylabel="loss (nats)", yscale="log"),
    }
    return Result(metrics, figures=figures, data=digits.describe())


# %% [markdown]
# ## What was measured
#
# ![Four activations and their slopes](figures/activations.png)
#
# Look at the slopes. The sigmoid's is a low hill that is flat on both sides; tanh's is four times as high,
# and as flat; ReLU's is 1 as far as one likes, and 0 on the other side.
#
# ![How large signals and blame are, by layer](figures/depth.png)
#
# Read the left panel from left to right, the right one from right to left. With He's weights the curve is
# level. With Keras' default and ReLU half of the mean square is lost in each layer: after twenty, a
# thousandth of the size is left. Four times the variance is a factor of two a layer, and an explosion. The
# sigmoid holds its *signal*, as 1/2 is its middle, but that is a constant, which says nothing; its blame
# falls by more than a factor of four in each layer.
#
# ![The loss of networks by step, each at its best rate](figures/training.png)
#
# On the left networks of two hidden layers. The sigmoid's curve first lies flat, then falls; minus 1/2 the
# same sigmoid is nearly as quick as tanh. The notes say that ReLU converges faster. Than sigmoids it does, by
# far; than tanh it does not here: with two layers, tanh needs about as many steps to a loss of 0.2, and only
# later falls behind.
#
# On the right deep networks. Two lines lie on each other at 2.3 nats, a guess among ten classes: ten layers
# of sigmoids and twenty layers of ReLUs from a quarter of He's variance. What the lower layers should change
# is lost on the way, at any rate. Four times the variance begins with scores in the hundred thousands, and
# rates that do not blow it up are too small to mend it. With ReLUs and He's weights deep networks learn.
#
# **What does an exponent cost?** A sigmoid takes longer than a ReLU on as many numbers. In a network one sees
# little of it: to compute a number, a layer of 256 inputs takes 256 multiplications before it takes one
# exponent.

# %%
CLAIMS = (
    Claim(
        "sigmoid_default_blame",
        at_most=1e-8,
        says="Through 20 layers of sigmoids next to nothing of the gradient comes back;",
        lecture="Using the chain rule when we will multiply further gradients by this small number",
    ),
    Claim(
        "deep_sigmoid_loss",
        at_least=2.2,
        says="so ten of them learn nothing at any of six rates (a guess has 2.3 nats),",
        lecture="This is called the problem of vanishing gradients",
    ),
    Claim("deep_relu_loss", at_most=0.2, says="while ten of ReLUs do."),
    Claim(
        "sigmoid_offset",
        at_least=1,
        says="What sigmoids give is off zero by more than its deviation,",
        lecture="one the output of the sigmoid is not zero centered",
    ),
    Claim("tanh_offset", at_most=0.1, says="what tanh gives is not;", lecture="Is zero centered"),
    Claim(
        "relu_offset",
        at_least=0.4,
        says="what ReLUs give is, by about half of it.",
        lecture="one it is not zero centered",
    ),
    Claim(
        "sigmoid_steps_over_centered",
        at_least=1.5,
        says="Sigmoids need more steps than the same sigmoids minus 1/2.",
        lecture="neural networks like when the inputs have zero mean",
    ),
    Claim(
        "sigmoid_time_over_relu",
        at_least=1.5,
        says="A sigmoid takes more time than a ReLU.",
        lecture="the exponent of x is computationally expensive",
    ),
    Claim(
        "sigmoid_steps_over_relu",
        at_least=1.5,
        says="ReLUs need fewer steps than sigmoids.",
        lecture="in practice it provides faster convergence",
    ),
    Claim(
        "relu_he_signal",
        at_least=0.5,
        at_most=2,
        says="He's weights keep the size of signals through 20 ReLU layers,",
    ),
    Claim(
        "relu_he_blame",
        at_least=0.5,
        at_most=2,
        says="and of the blame,",
        lecture="its gradients do not vanish for positive x's",
    ),
    Claim(
        "relu_default_blame",
        at_most=0.01,
        says="which Keras' default weights let vanish,",
        lecture="It's important to constrain the variance of hidden outputs in our network",
    ),
    Claim("relu_large_blame", at_least=100, says="and four times He's variance lets explode."),
    Claim(
        "quarter_loss_over_right",
        at_least=5,
        says="From a quarter of He's variance training gets nowhere as far at the best of its rates,",
        lecture="gradient descent methods slow down drastically, this is called ill-conditioning",
    ),
    Claim("fourfold_loss_over_right", at_least=5, says="nor from four times of it."),
    Claim(
        "relu_dead_loss",
        at_least=2.2,
        says="ReLUs that are below zero on all digits never learn;",
        lecture="zero activation and this neuron will never update",
    ),
    Claim("leaky_relu_dead_loss", at_most=0.3, says="leaky ones do.", lecture="Leaky ReLu Activation"),
    Claim(
        "zero_start_accuracy",
        at_most=0.5,
        says="Started at zero, 16 units stay one, and read less than half of the digits of training,",
        lecture="Fails to break symmetry because neurons in the same layer will learn the same thing",
    ),
    Claim("random_start_accuracy", at_least=0.9, says="from random weights they read nearly all."),
    Claim(
        "initializer_gap",
        at_most=0.02,
        says="he_normal and glorot_normal draw weights of the deviations that the formulas give,",
    ),
    Claim("reference_gap", at_most=1e-7, says="and activations and slopes are Keras'."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run activations_and_initialization --width 16`: which claims fall?
#
# <details><summary>Answer</summary>
#
# `relu_he_signal` on each of seeds 0 to 4, some up, some down (0.13 to 2.6), and `relu_he_blame` on four of
# them. He's variance keeps the mean square on average over draws of the weights. With 16 units each draw is
# off by a good part, and twenty of them multiply; with 256 units they average out (0.78 to 1.2).
#
# </details>
#
# **2.** Let `RATES` be `(1.0,)`, one for all. What becomes of "ReLUs need fewer steps than sigmoids"?
#
# <details><summary>Answer</summary>
#
# It falls (0.7 on seed 0): at this rate the network of ReLUs never gets to 0.2, and that of tanh diverges.
# Sigmoids bear a rate that is ten times as large, as their slopes are at most 1/4. At `(0.1,)` it
# stands, as there it is sigmoids that never get there. Whoever compares at one rate chooses who wins.
#
# </details>
#
# **3.** A neuron gets inputs 0.9 and 0.8 from sigmoids, and its weights should go from (1, 1) to (2, 0). Why
# is that slow, and why not with inputs 0.4 and -0.3?
#
# <details><summary>Answer</summary>
#
# The gradient is the error times the input: (0.9 e, 0.8 e). Whatever the sign of e, both weights go the same
# way. (2, 0) is reached only by many examples whose small differences add up. With 0.4 and -0.3 one step
# moves one up and the other down.
#
# </details>
#
# ## To take away
#
# * Depth multiplies: by slopes, and by the size of weights. What is not near 1 vanishes or explodes.
# * ReLU with He's weights, tanh with Xavier's. In Keras: `activation="relu", kernel_initializer="he_normal"`;
#   the default does not fit ReLU in deep networks.
# * Not centered, dead, all alike: three more ways to learn slowly or not at all.
#
# *Before: [cnn_backpropagation](cnn_backpropagation.md). Next:
# [batch_normalization](batch_normalization.md), which keeps sizes during training, too.*
