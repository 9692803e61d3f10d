# %% [markdown]
# # Give the perceptron a slope, so that it can learn
#
# Change one weight of a network of perceptrons a little, and its output either stays or flips. With a smooth
# step in place of the hard one it moves a little, in proportion, and with that one can learn.
#
# *Week 2, "Sigmoid neurons". Takes 15 s on 2 CPU cores. `suite run sigmoid_neurons`*
#
# ## Why smooth
#
# Learning by small steps needs an answer to one question: if I turn this weight up a little, does the output
# get better or worse? [perceptron_circuits](perceptron_circuits.md) has shown what perceptrons can compute,
# but to that question they answer "no change" nearly everywhere, and at some places "everything changes". A
# *sigmoid neuron* is a perceptron that answers. All that is learned in the rest of the course is learned
# through such answers.
#
# ## The method
#
# A neuron weighs its inputs, adds a bias, `z = w x + b`, and passes the sum through an *activation
# function*:
#
#     perceptron        1 if z > 0 else 0
#     sigmoid neuron    1 / (1 + exp(-z))          between 0 and 1: the same step, seen from near
#
# Its slope is `a (1 - a)`, with `a` the neuron's output. It is largest in the middle, 1/4 at z = 0, and
# almost 0 far out, where the neuron is *saturated*: there it is as deaf as a perceptron.
#
# By hand: `sigmoid(0) = 1/2` and `sigmoid(log 3) = 1 / (1 + 1/3) = 3/4`, where the slope is `3/4 * 1/4`.
#
# **A change of one weight** runs through the network like this. In its own layer `z` changes by the input
# times the change. The neuron passes that on, multiplied by its slope. In the next layer it is multiplied by
# a weight, and so on, up to the output. `slope` below is these two lines for every layer. (The recipe after
# this one runs the same way backward, and gets the slopes of *all* weights at once.)
#
# **Why not leave the bend out,** and have the smoothest neuron of all, `a = z`? Then two layers are
# `(x W + b) V + c = x (W V) + (b V + c)`: one layer with other numbers. However deep, such a network is a
# straight line.

# %%
import dataclasses
import itertools
from collections.abc import Callable
from typing import Annotated, NamedTuple, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.backprop.activations import ACTIVATIONS
from suite.backprop.gradient_check import relative_error
from suite.evaluation import plots
from suite.evaluation.scaling import log_log_slope
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result

Layers: TypeAlias = list[tuple[np.ndarray, np.ndarray]]  # W (..., inputs, units) and b (..., 1, units)
Activation: TypeAlias = Callable[[np.ndarray], np.ndarray]


def step(z: np.ndarray) -> np.ndarray:
    return (z > 0).astype(float)


def sigmoid(z: np.ndarray) -> np.ndarray:
    """A step with a slope.

    >>> sigmoid(np.array([-np.inf, 0, np.log(3)])).tolist()
    [0.0, 0.5, 0.75]
    """
    return 1 / (1 + np.exp(-z))


def output(x: np.ndarray, layers: Layers, activation: Activation) -> np.ndarray:
    for W, b in layers:
        x = activation(x @ W + b)
    return x[..., 0, 0]


def slope(x: np.ndarray, layers: Layers, which: list[np.ndarray]) -> np.ndarray:
    """How fast the output of sigmoid neurons moves while the weights marked by a 1 in `which` grow."""
    dx = np.zeros_like(x)
    for (W, b), dW in zip(layers, which, strict=True):
        dz = dx @ W + x @ dW
        x = sigmoid(x @ W + b)
        dx = x * (1 - x) * dz
    return dx[..., 0, 0]


# %% [markdown]
# ## Two thousand networks, and one weight in each
#
# Every network has four inputs of 0 or 1, two layers of six neurons, and one output; weights and biases are
# random. NumPy multiplies stacks of matrices as it does single ones, so all networks are computed side by
# side. In each, one weight is chosen, and changed by a `delta` of its own.


# %%
class Networks(NamedTuple):
    x: np.ndarray  # (n, 1, 4)
    layers: Layers  # W (n, inputs, units) and b (n, 1, units) of each
    which: list[np.ndarray]  # of the shapes of the W: 1 at the chosen weight

    def output(self, delta: np.ndarray, activation: Activation) -> np.ndarray:
        """When the chosen weight of each has grown by its `delta` (n,)."""
        pairs = zip(self.layers, self.which, strict=True)
        return output(self.x, [(W + delta[:, None, None] * d, b) for (W, b), d in pairs], activation)

    def move(self, before: np.ndarray, after: np.ndarray, activation: Activation) -> np.ndarray:
        return np.abs(self.output(after, activation) - self.output(before, activation))

    def rows(self, index: np.ndarray) -> "Networks":
        return Networks(
            self.x[index], [(W[index], b[index]) for W, b in self.layers], [d[index] for d in self.which]
        )


def draw_networks(count: int, rng: np.random.Generator) -> Networks:
    layers, sizes = [], (4, 6, 6, 1)
    for inputs, units in itertools.pairwise(sizes):
        W = rng.normal(0, 1 / np.sqrt(inputs), (count, inputs, units))
        layers.append((W, rng.normal(size=(count, 1, units))))
    ends = np.cumsum([W[0].size for W, _ in layers])
    places = np.split(np.eye(ends[-1])[rng.integers(ends[-1], size=count)], ends[:-1], axis=1)
    which = [place.reshape(W.shape) for place, (W, _) in zip(places, layers, strict=True)]
    return Networks(rng.integers(0, 2, (count, 1, 4)).astype(float), layers, which)


# %% [markdown]
# **Where do perceptrons flip?** Where a change by 1 makes a difference, half of it does, either the first
# half or the second; and of that half again one half. After 37 halvings two weights are left that are less
# than 1e-11 apart. What the output does between them, and what that of sigmoid neurons does between the same
# two, is the question of the lecture.
#
# **How far do sigmoid neurons move?** By about `slope * delta`. What is left over should fall with the
# square of delta: a tenth of the change, a hundredth of the error. That is what "small change" and
# "corresponding" mean, and what makes a slope worth knowing.


# %%
def flips(networks: Networks, activation: Activation) -> tuple[np.ndarray, np.ndarray]:
    """Two changes of each weight, less than 1e-11 apart; the output moves between them, if up to 1."""
    before = np.zeros(len(networks.x))
    after = before + 1
    for _ in range(37):
        middle = (before + after) / 2
        is_late = networks.move(before, middle, activation) == 0
        before, after = np.where(is_late, middle, before), np.where(is_late, after, middle)
    return before, after


DELTAS = np.geomspace(1e-4, 0.1, 10)


def left_over(networks: Networks) -> np.ndarray:
    slopes, outputs = (
        slope(*networks),
        [networks.output(d + 0 * networks.x[:, 0, 0], sigmoid) for d in DELTAS],
    )
    moves = np.array(outputs) - output(networks.x, networks.layers, sigmoid)
    return np.abs(moves - np.outer(DELTAS, slopes)).mean(axis=1)


# %% [markdown]
# ## What the bend is for
#
# XOR again: no straight line can be 1 at (0, 1) and (1, 0) and 0 at the other two corners. The best that a
# line can do is to say 1/2 everywhere, with a mean squared error of 1/4. We train the same two layers in
# Keras, with the same steps, once without a bend and once with each of three activation functions.


# %%
XOR_INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR = np.array([[0], [1], [1], [0]], np.float32)


def build_model(activation: str) -> keras.Model:
    inputs = keras.Input((2,), name="bits")
    hidden = keras.layers.Dense(8, activation, name="hidden")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, name="xor")(hidden), name=activation)


def collapse_gap(networks: Networks) -> float:
    W, b = networks.layers[0]
    for V, c in networks.layers[1:]:
        W, b = W @ V, b @ V + c
    return relative_error((networks.x @ W + b)[:, 0, 0], output(networks.x, networks.layers, lambda z: z))


def reference_gap(networks: Networks) -> float:
    delta = tf.zeros(len(networks.x), tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(delta)
        theirs = networks.output(delta, keras.activations.sigmoid)
    ours = output(networks.x, networks.layers, sigmoid)
    return max(relative_error(ours, theirs), relative_error(slope(*networks), tape.gradient(theirs, delta)))


# %% The figures
def draw_changes(networks: Networks, changes: tuple, errors: np.ndarray) -> Figure:
    figure, ((first, second), (third, last)) = plots.new_figure(width=10, height=7, rows=2, columns=2)
    slopes, line = slope(*networks), np.linspace(-6, 6, 1201)
    steepest = np.abs(slopes).argmax()
    one = networks.rows(np.full(len(line), steepest))
    named = {
        "perceptrons": (line, one.output(line, step)),
        "sigmoid neurons": (line, one.output(line, sigmoid)),
        "slope * delta": (line, one.output(0 * line, sigmoid) + slopes[steepest] * line, ":"),
    }
    plots.curves(first, named, title="One network", xlabel="delta", ylabel="output", ylim=(-0.3, 1.3))
    for axes, moves, name in ((second, changes[1], "Perceptrons"), (third, changes[2], "Sigmoid neurons")):
        axes.loglog(changes[0], np.maximum(moves, 2e-17), "o", alpha=0.2)
        axes.set(title=f"{name}, many networks", xlabel="delta", ylabel="move", ylim=(1e-17, 10))
    parabola = errors[0] * (DELTAS / DELTAS[0]) ** 2
    plots.curves(
        last,
        {"measured": (DELTAS, errors, "o"), "like delta^2": (DELTAS, parabola, ":")},
        **{"title": "Sigmoid neurons: move - slope * delta", "xscale": "log", "yscale": "log"},
    )
    return figure


def draw_activations() -> Figure:
    figure, panels = plots.new_figure(width=10, height=3.4, columns=3)
    z = np.linspace(-6, 6, 601)
    for axes, name in zip(panels, ("sigmoid", "tanh", "relu"), strict=True):
        function, derivative = ACTIVATIONS[name]
        plots.curves(axes, {name: (z, function(z)), "slope": (z, derivative(z))}, xlabel="z", title=name)
    return figure


def draw_xor(models: dict[str, keras.Model], curves: dict[str, list[float]]) -> Figure:
    figure, panels = plots.new_figure(width=10, height=3.4, columns=3)
    plane = np.stack(np.meshgrid(*[np.linspace(-0.5, 1.5, 101)] * 2), axis=-1).reshape(-1, 2)
    for axes, name in zip(panels, ("linear", "sigmoid"), strict=False):
        outputs = models[name](plane).numpy().reshape(101, 101)
        axes.imshow(outputs, cmap="RdBu", vmin=-0.5, vmax=1.5, origin="lower", extent=(-0.5, 1.5) * 2)
        axes.scatter(*XOR_INPUTS.T, c=XOR, cmap="Greys", vmin=-0.2, edgecolors=plots.INK, s=80)
        axes.set(title=name, xlabel="a", ylabel="b", xticks=(0, 1), yticks=(0, 1))
    lines = {name: (np.arange(1, 1 + len(line)) * 100, line) for name, line in curves.items()}
    plots.curves(
        panels[2], lines, title="Learning XOR", xlabel="step", ylabel="mean squared error", yscale="log"
    )
    return figure


# %% [markdown]
# ## Run it


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    networks: Annotated[int, "random ones, in each of which one weight changes"] = 2000
    hundreds: Annotated[int, "of steps of each training on XOR"] = 15


SMOKE = Config(networks=200, hundreds=1)


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    networks = draw_networks(config.networks, rng)
    before, after = flips(networks, step)
    zero, deltas = 0 * before, 10 ** rng.uniform(-11, 0, config.networks)
    is_flipped = networks.move(before, after, step) > 0
    changes = [(deltas, *(networks.move(zero, deltas, activation) for activation in (step, sigmoid)))]
    there, ends = networks.rows(is_flipped), (before[is_flipped], after[is_flipped])
    changes += [(ends[1] - ends[0], *(there.move(*ends, activation) for activation in (step, sigmoid)))]
    width, jumps, moves = np.concatenate(changes, axis=1)
    errors = left_over(networks)

    models, curves = {name: build_model(name) for name in ("linear", "sigmoid")}, {}
    batches = tf.data.Dataset.from_tensors((XOR_INPUTS, XOR)).repeat()
    for name, model in models.items():
        model.compile(Adam(0.03), "mse")
        curves[name] = context.fit(model, batches, epochs=config.hundreds, steps_per_epoch=100)["train_loss"]
    return Result(
        metrics={
            "flipping_share": float(np.mean(is_flipped)),
            "perceptron_jump": jumps.max(where=width < 1e-11, initial=0),
            "sigmoid_move_over_delta": np.max(moves / width),
            "sigmoid_error_slope": log_log_slope(DELTAS, errors),
            "collapse_gap": collapse_gap(networks),
            **{
                f"{name}_error": float(np.mean((model(XOR_INPUTS) - XOR) ** 2))
                for name, model in models.items()
            },
            "reference_gap": reference_gap(networks),
        },
        figures={
            "one_weight": draw_changes(networks, (width, jumps, moves), errors),
            "activations": draw_activations(),
            "xor": draw_xor(models, curves),
        },
        data={"source": "random networks and XOR", "train": len(XOR)},
    )


# %% [markdown]
# ## What was measured
#
# ![Output over the change of a weight; how far the outputs of many networks move](figures/one_weight.png)
#
# Above on the left, one network in which everything depends on one weight. Perceptrons jump; sigmoid
# neurons follow their slope for a while and bend away. Above on the right, perceptrons either do not move
# at all (the points at the lower edge) or jump from 0 to 1, however small the change. Sigmoid neurons move
# by at most a quarter of the change, and what their slope does not foretell falls with the square of it.
#
# ![Sigmoid, tanh and ReLU with their slopes](figures/activations.png)
#
# All three bend, and all three have a region where they are deaf. ReLU's is half of the line, and it has a
# slope of 1 on the other half: why that is the usual choice is a matter of
# [activations_and_initialization](activations_and_initialization.md).
#
# ![XOR as a linear and a sigmoid network see it; the error while they learn](figures/xor.png)
#
# The linear network is gray all over: 1/2. The other one folds the plane.

# %%
CLAIMS = (
    Claim(
        "perceptron_jump",
        at_least=1,
        says="In a network of perceptrons, a change of one weight by less than 1e-11 can flip the output,",
        lecture="can sometimes cause the output of that perceptron to completely flip",
    ),
    Claim(
        "flipping_share",
        at_least=0.01,
        at_most=0.5,
        says="though in most random networks a change by as much as 1 does nothing at all.",
    ),
    Claim(
        "sigmoid_move_over_delta",
        at_most=0.25,
        says="With sigmoid neurons in their place the output moves by at most a quarter of the change,",
        lecture="small changes in their weights and bias cause only a small change in their output",
    ),
    Claim(
        "sigmoid_error_slope",
        at_least=1.9,
        at_most=2.1,
        says="and in proportion to it, but for an error that falls with its square.",
        lecture="this small change in weight causes a small corresponding change in the output",
    ),
    Claim("collapse_gap", at_most=1e-12, says="Layers without a bend are one matrix,"),
    Claim(
        "linear_error",
        at_least=0.2499,
        at_most=0.26,
        says="which on XOR learns to say 1/2, as good as a guess;",
    ),
    Claim(
        "sigmoid_error",
        at_most=0.01,
        says="with sigmoid neurons in between, the same training learns it.",
        lecture="The purpose of activation functions is to introduce non-linearities into the network",
    ),
    Claim("reference_gap", at_most=1e-12, says="Keras and TensorFlow find the same outputs and slopes."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run sigmoid_neurons --networks 20`: which claims fall?
#
# <details><summary>Answer</summary>
#
# `flipping_share` and `perceptron_jump`, on seeds 0 to 2: none of the twenty flips, however its weight
# grows up to 1. About two networks in a hundred do. That is the trouble with perceptrons: for a learner
# that turns one weight a little, nearly all of them answer "no change", and none says which way the flip
# is. The claims about sigmoid neurons stay. Every network answers, and twenty answers are enough.
#
# </details>
#
# **2.** Make the step a hundred times as steep, `1 / (1 + np.exp(-100 * z))`. Which claim falls?
#
# <details><summary>Answer</summary>
#
# Three: `sigmoid_move_over_delta` goes from a quarter to above 100, `sigmoid_error_slope` from 2 to 1, and
# `reference_gap` notices, too. The slope of this neuron is `100 a (1 - a)`, and `slope` lacks the 100, so
# that what it foretells is wrong in proportion to delta. XOR is learned as before, since Keras has a
# sigmoid of its own. Steeper and steeper, the neuron becomes a perceptron, and small steps lose their
# meaning.
#
# </details>
#
# **3.** Why is the largest move a quarter of the change, and not more, however many layers there are?
#
# <details><summary>Answer</summary>
#
# A weight of the last layer moves `z` by at most the change (its input is at most 1), and the last neuron
# has a slope of at most 1/4. A weight further in has to pass a slope *and* a weight in each layer more,
# and with weights of about 0.4 and slopes of at most 1/4 each layer takes away nine tenths. That is why
# deep networks of sigmoid neurons learn slowly: the same products come back in
# [activations_and_initialization](activations_and_initialization.md).
#
# </details>
#
# ## To take away
#
# - Learning by small steps needs outputs that answer small changes with small changes: a slope.
# - Sigmoid: `1 / (1 + exp(-z))`, with slope `a (1 - a)`; saturated, it is as deaf as a perceptron.
# - Without a bend between them, layers are one layer.
#
# *Before: [perceptron_circuits](perceptron_circuits.md). Next: [backpropagation](backpropagation.md), the
# slopes of all weights at once.*
