# %% [markdown]
# # Send the error back, and get the slopes of all weights at once
#
# Four equations give the derivative of the cost by every weight and bias of a network, for the price of
# about two forward passes. Each is held against reality by itself, and their result is handed to several
# optimizers.
#
# *Week 2, "Chain rule", "Backpropagation", "The four fundamental equations behind backpropagation". Takes
# 5 s on 2 CPU cores. `suite run backpropagation`*
#
# ## Why backward
#
# A network has thousands of weights or billions, and to learn it needs the slope of the cost by each. One
# can move each weight a little and look, which takes two forward passes a weight. One can follow the chain
# rule from a weight along every path to the output, and there are exponentially many paths. Or one starts
# at the *output*, where all the paths meet, and goes back once. That is backpropagation. It is no way of
# learning: it computes slopes, and what to do with them is the optimizer's business.
#
# Four films by 3Blue1Brown show the same in moving pictures, and the notes recommend them: [what a network
# is](https://www.youtube.com/watch?v=aircAruvnKk), [how it
# learns](https://www.youtube.com/watch?v=IHZwWFHWa-w), [what backpropagation is
# doing](https://www.youtube.com/watch?v=Ilg3gGewQ5U), and [its
# calculus](https://www.youtube.com/watch?v=tIeHLnjs5U8).
#
# ## The method
#
# Each layer computes `z = a W + b` and passes on `sigma(z)`. Call the derivative of the cost by `z` the
# *error* of the layer. Then, in the lecture's numbering:
#
#     BP1   error of the last layer   = dC/da * sigma'(z)
#     BP2   error of a layer          = (error of the next layer, back through its weights) * sigma'(z)
#     BP3   dC/db                     = error
#     BP4   dC/dW                     = input of the weight * error of its neuron
#
# **Notation.** The lecture writes an example as a column and calls the weight from neuron k to neuron j
# `w_jk`: `z = w a + b`, and BP2 reads `w' error`, w transposed. Here an example is a *row* and `W` has the
# shape (inputs, units): `z = a W + b`, and BP2 is `error @ W.T`. Both mean the same sum over the next
# neurons. With a batch, one example below the other, BP3 and BP4 add up over the examples by themselves.
#
# By hand: input `[1, 2]`, two hidden neurons, one output, target 0. With `L = log 3`, whose sigmoid is 3/4,
# every number is a fraction:
#
#     W = [-L  L]   z = [L, -L]   a = [3/4, 1/4]      V = [ 4]   b = -2    z = 0    output 1/2
#         [ L -L]                                         [-4]
#
#     BP1: (1/2 - 0) * 1/4 = 1/8             BP2: 1/8 * [4, -4] * 3/4 * 1/4 = [3/32, -3/32]
#     BP4: [3/4, 1/4]' * 1/8 = [3/32, 1/32]'      [1, 2]' * [3/32, -3/32]

# %%
import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Annotated, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.backprop.activations import sigmoid, sigmoid_derivative
from suite.backprop.gradient_check import numeric_gradient, relative_error
from suite.backprop.losses import quadratic
from suite.backprop.paths import accumulate_backward, sum_over_paths
from suite.evaluation import plots
from suite.evaluation.scaling import log_log_slope
from suite.optimizers import Adam, GradientDescent, Momentum
from suite.runs.recipe import Claim, Context, Result

Layers: TypeAlias = list[tuple[np.ndarray, np.ndarray]]  # W (inputs, units) and b (units,) of each


def forward(x: np.ndarray, layers: Layers, sigma: Callable = sigmoid) -> tuple[list, list]:
    zs, activations = [], [x]
    for W, b in layers:
        zs.append(activations[-1] @ W + b)
        activations.append(sigma(zs[-1]))
    return zs, activations


def backward(slopes: np.ndarray, zs: list, layers: Layers) -> list[np.ndarray]:
    """The errors of all layers, from the derivatives of the cost by the outputs."""
    errors = [slopes * sigmoid_derivative(zs[-1])]  # BP1
    for (W, _), z in zip(layers[:0:-1], zs[-2::-1], strict=True):
        errors.insert(0, errors[0] @ W.T * sigmoid_derivative(z))  # BP2
    return errors


def gradients(activations: list, errors: list) -> list[tuple[np.ndarray, np.ndarray]]:
    """By W, BP4, and by b, BP3.

    >>> L = np.log(3)
    >>> layers = [(np.array([[-L, L], [L, -L]]), np.zeros(2)), (np.array([[4.], [-4]]), np.array([-2.]))]
    >>> zs, activations = forward(np.array([[1., 2]]), layers)
    >>> errors = backward(activations[-1] - 0, zs, layers)
    >>> [(32 * dW).round(9).tolist() for dW, db in gradients(activations, errors)]
    [[[3.0, -3.0], [6.0, -6.0]], [[3.0], [1.0]]]
    """
    return [(a.T @ error, error.sum(axis=0)) for a, error in zip(activations, errors, strict=False)]


# %% [markdown]
# ## Each equation by itself
#
# To check BP2 alone, do not start from the weights: start from the `z` of a layer. Move each of its
# numbers a little to both sides, run only the layers behind it, and see how the cost changes. What comes
# out is the error, by its definition. BP1 is the same at the last layer; for BP3 and BP4 we move biases
# and weights. Then TensorFlow, which goes backward as we do, has to agree to the last digits.


# %%
def check_equations(x: np.ndarray, y: np.ndarray, layers: Layers) -> dict[str, float]:
    zs, activations = forward(x, layers)
    errors = backward((activations[-1] - y) / len(x), zs, layers)
    found, depth = [*errors, *itertools.chain(*gradients(activations, errors))], len(layers)

    def cost_behind(k: int = -1) -> float:
        start = x if k < 0 else sigmoid(zs[k])
        return quadratic(forward(start, layers[k + 1 :])[1][-1], y)

    moved = [numeric_gradient(functools.partial(cost_behind, k), z) for k, z in enumerate(zs)]
    moved += [numeric_gradient(cost_behind, array) for array in itertools.chain(*layers)]
    variables = [(tf.Variable(W), tf.Variable(b)) for W, b in layers]
    with tf.GradientTape() as tape:
        tape_zs, outputs = forward(tf.constant(x), variables, tf.sigmoid)
        value = tf.reduce_sum((outputs[-1] - y) ** 2) / (2 * len(x))
    taped = tape.gradient(value, [*tape_zs, *itertools.chain(*variables)])
    gaps = list(map(relative_error, found, moved))
    return {
        "bp1_gap": gaps[depth - 1],
        "bp2_gap": max(gaps[: depth - 1]),
        "bp3_gap": max(gaps[depth + 1 :: 2]),
        "bp4_gap": max(gaps[depth::2]),
        "reference_gap": max(map(relative_error, found, taped)),
    }


# %% [markdown]
# ## All weights as one vector
#
# From here on `w` is one long vector, cut into layers when it is needed. It may also be a stack of vectors:
# then NumPy runs as many networks side by side, and moving every weight is one call.


# %%
SIZES = (4, 6, 5, 3)


def unpack(w: np.ndarray) -> Layers:
    pairs = list(itertools.pairwise(SIZES))
    parts = np.split(w, np.cumsum([(i + 1) * j for i, j in pairs])[:-1], axis=-1)
    arrays = [part.reshape(*w.shape[:-1], i + 1, j) for part, (i, j) in zip(parts, pairs, strict=True)]
    return [(array[..., :-1, :], array[..., -1:, :]) for array in arrays]  # the last row is the bias


def example_costs(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sum((forward(x, unpack(w))[1][-1] - y) ** 2, axis=-1) / 2


def backpropagate(w: np.ndarray, x: np.ndarray, y: np.ndarray, hidden: float = 0.0) -> np.ndarray:
    layers = unpack(w)
    zs, activations = forward(x, layers)
    errors = backward((activations[-1] - y) / len(x), zs, layers)
    errors[0] = errors[0] + hidden * activations[1] / len(x) * sigmoid_derivative(zs[0])
    return np.concatenate([np.append(dW, db) for dW, db in gradients(activations, errors)])


def by_moving(cost: Callable, w: np.ndarray) -> np.ndarray:
    moves = 1e-5 * np.eye(len(w))
    return (cost(w + moves) - cost(w - moves)) / 2e-5


def by_sampling(cost: Callable, w: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    directions = rng.normal(size=(40, len(w)))
    return (cost(w + 1e-3 * directions) - cost(w - 1e-3 * directions)) @ directions / (2e-3 * 40)


# %% [markdown]
# ## What it assumes
#
# Two things of the cost: that it is an *average over examples*, and that it is a function of the
# *outputs*. Neither is a law. The cost of the worst example is no average; a penalty on hidden activations
# looks inside. For both, the plain gradient is wrong. Both can be mended by looking at where the cost
# enters: only the worst example gets an error; the hidden layer gets an error of its own, added to the one
# that comes back. Since the mended ones have to be right to seven digits, this also holds the equations.


# %%
def assumptions(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    def worst(w: np.ndarray) -> np.ndarray:
        return example_costs(w, x, y).max(axis=-1)

    def penalized(w: np.ndarray) -> np.ndarray:
        inside = np.sum(forward(x, unpack(w))[1][1] ** 2, axis=-1) / 2
        return np.mean(example_costs(w, x, y) + inside, axis=-1)

    plain, of_worst, of_penalized = backpropagate(w, x, y), by_moving(worst, w), by_moving(penalized, w)
    one = [np.argmax(example_costs(w, x, y))]
    mended = backpropagate(w, x[one], y[one]), backpropagate(w, x, y, hidden=1)
    return {
        "no_average_gap": relative_error(plain, of_worst),
        "hidden_cost_gap": relative_error(plain, of_penalized),
        "mended_gap": max(map(relative_error, mended, (of_worst, of_penalized))),
    }


# %% [markdown]
# ## Which weights learn slowly
#
# BP4 is a product: a weight has a small slope if its input is near 0, *or* if its neuron is saturated,
# since BP1 and BP2 have the factor `sigma'(z)`. (The notes explain the first with the words for the
# second; sigma is flat where `z` is large either way, and that is about the neuron that the weight goes
# to.)


# %%
def slow_weights(rng: np.random.Generator) -> dict[str, float]:
    a, W, y = rng.uniform(size=(1, 100)), rng.normal(size=(100, 40)), np.round(rng.uniform(size=(1, 40)))
    slopes = np.abs(numeric_gradient(lambda: quadratic(sigmoid(a @ W), y), W))
    low, saturated = (a < 0.1)[0], np.abs(sigmoid(a @ W) - 0.5)[0] > 0.45
    return {
        "low_input_slope_over_others": slopes[low].mean() / slopes[~low].mean(),
        "saturated_slope_over_others": slopes[:, saturated].mean() / slopes[:, ~saturated].mean(),
    }


# %% [markdown]
# ## Backpropagation is not the optimizer
#
# **Other gradients.** An optimizer takes a vector, wherever it comes from. Three of them go the same way on
# slopes from moving every weight; and plain descent learns even from *sampled* slopes, forty random
# directions in place of all 83 weights.
#
# **Other optimizers.** Errors of each output by itself, sent back one after the other, give the
# *Jacobian*: the slope of every output on every example by every weight. With it one can solve for the
# step at which the outputs, were they linear in the weights, would be right (Gauss and Newton's method,
# with Levenberg's damping for where they are not). Each method gets the best of five settings.


# %%
def walk(rule: keras.Optimizer, gradient: Callable, w: np.ndarray, steps: int) -> np.ndarray:
    variable, path = keras.Variable(w, dtype="float64"), []
    rule.build([variable])
    for _ in range(steps):
        rule.apply([tf.constant(gradient(variable.numpy()))], [variable])
        path.append(variable.numpy())
    return np.array(path)


def descend(rate: float, gradient: Callable, w: np.ndarray, steps: int) -> np.ndarray:
    path = [w]
    for _ in range(steps):
        path.append(path[-1] - rate * gradient(path[-1]))
    return np.array(path)


def jacobian(w: np.ndarray, x: np.ndarray) -> np.ndarray:
    zs, activations = forward(x, unpack(w))
    errors = backward(np.eye(SIZES[-1])[:, None], zs, unpack(w))
    inputs = [np.insert(a, a.shape[1], 1, axis=1) for a in activations[:-1]]
    blocks = [a[:, :, None] * error[..., None, :] for a, error in zip(inputs, errors, strict=True)]
    return np.hstack([block.reshape(zs[-1].size, -1) for block in blocks])


def gauss_newton(damping: float, x: np.ndarray, y: np.ndarray, w: np.ndarray, steps: int) -> np.ndarray:
    for _ in range(steps):
        J, off = jacobian(w, x), (forward(x, unpack(w))[1][-1] - y).T.ravel()
        w = w - np.linalg.solve(J.T @ J + damping * np.eye(len(w)), J.T @ off)
    return w


# %% [markdown]
# ## Linear against exponential
#
# In a graph of d layers of three neurons, `3 + 9 + ... + 3^d` products lie along the paths from one neuron
# to the outputs. Backward, what is known of the next layer is used again for every path through it: one
# product an edge. We count both, for the same derivative.


# %%
def work(rng: np.random.Generator) -> np.ndarray:
    rows = []
    for depth in range(1, 10):
        slopes = list(rng.normal(size=(depth, 3, 3)))  # weight times sigma' of every edge
        by_paths, path_work = sum_over_paths(slopes, neuron=0)
        derivatives, backward_work = accumulate_backward(slopes)
        rows.append((depth, path_work, backward_work, relative_error(np.array(by_paths), derivatives[0])))
    return np.array(rows)


# %% The figures
def draw(same: np.ndarray, sampled: np.ndarray, counts: np.ndarray) -> Figure:
    figure, (left, right) = plots.new_figure(width=10, columns=2)
    lines = {"backpropagation": (same,), "random directions": (sampled,)}
    plots.curves(left, lines, title="Descent", xlabel="step", ylabel="share of the cost", yscale="log")
    lines = {"along every path": (*counts[:2], "o-"), "backward": (*counts[[0, 2]], "o-")}
    plots.curves(right, lines, title="One derivative", yscale="log", xlabel="layers", ylabel="products")
    return figure


# %% [markdown]
# ## Run it
#
# The task is to imitate a random network: the targets are its outputs, so that a cost of 0 can be reached.
# Costs are given as shares of what the best constant gets, the mean of the targets.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    examples: Annotated[int, "of the task"] = 50
    steps: Annotated[int, "of each optimizer; descent on sampled slopes takes twenty times as many"] = 50


SMOKE = Config(examples=5, steps=5)


def run(config: Config, context: Context) -> Result:
    rng, count = np.random.default_rng(context.seed), sum((i + 1) * j for i, j in itertools.pairwise(SIZES))
    (teacher, w), x = rng.normal(size=(2, count)), rng.normal(size=(config.examples, SIZES[0]))
    y = forward(x, unpack(2 * teacher))[1][-1]
    constant = np.mean(np.sum((y - y.mean(axis=0)) ** 2, axis=1)) / 2

    exact = functools.partial(backpropagate, x=x, y=y)

    def cost(w: np.ndarray) -> np.ndarray:
        return np.mean(example_costs(w, x, y), axis=-1)

    rules, rates = (GradientDescent, Momentum, Adam), (0.3, 1.0, 3.0, 10.0, 30.0)
    sources = exact, functools.partial(by_moving, cost)
    pairs = [[walk(rule(0.1), source, w, config.steps) for source in sources] for rule in rules]
    sampling = functools.partial(by_sampling, cost, rng=rng)
    sampled, same = (descend(3.0, slopes, w, 20 * config.steps) for slopes in (sampling, exact))
    descent = min(cost(descend(rate, exact, w, config.steps)[-1]) for rate in rates)
    newton = min(cost(gauss_newton(rate / 10, x, y, w, config.steps)) for rate in rates)
    return Result(
        metrics={
            **check_equations(x, y, [(W.copy(), b[0].copy()) for W, b in unpack(w)]),
            **assumptions(w, x, y),
            **slow_weights(rng),
            "trajectory_gap": max(relative_error(*pair) for pair in pairs),
            "sampled_share": cost(sampled[-1]) / constant,
            "newton_over_descent": newton / descent,
            "path_work_per_layer": (counts := work(rng))[-1, 1] / counts[-2, 1],
            "backward_work_slope": log_log_slope(counts[:, 0], counts[:, 2]),
            "path_gap": counts[:, 3].max(),
        },
        figures={"work": draw(cost(same) / constant, cost(sampled) / constant, counts.T)},
        data={"source": "simulated", "train": config.examples},
    )


# %% [markdown]
# ## What was measured
#
# ![The cost over the steps of descent with two sources of slopes; products over the layers](figures/work.png)
#
# On the left, descent does not ask where its slopes come from. Random directions give noisy ones, and it
# arrives all the same, some way behind. They cost eighty forward passes a step; for a network of a million
# weights one would need far more of them, and still one backward pass.
#
# On the right, ten thousands of products against some eighty, in nine layers of three neurons.

# %%
CLAIMS = (
    Claim(
        "bp1_gap",
        at_most=1e-7,
        says="BP1: the error of the last layer is what moving its z does to the cost,",
        lecture="An equation for the error in the output layer",
    ),
    Claim(
        "bp2_gap",
        at_most=1e-7,
        says="BP2: so is that of a hidden layer,",
        lecture="An equation for the error in terms of the error in the next layer",
    ),
    Claim(
        "bp3_gap",
        at_most=1e-7,
        says="BP3: the slope by a bias,",
        lecture="An equation for the rate of change of the cost with respect to any bias",
    ),
    Claim(
        "bp4_gap",
        at_most=1e-7,
        says="and BP4: that by a weight, are what moving them does.",
        lecture="An equation for the rate of change of the cost with respect to any weight",
    ),
    Claim(
        "no_average_gap",
        at_least=0.05,
        says="For the cost of the worst example, which is no average, the plain gradient is wrong,",
        lecture="The cost function can be written as an average",
    ),
    Claim(
        "hidden_cost_gap",
        at_least=0.05,
        says="and for one that looks at a hidden layer,",
        lecture="The cost can be written as a function of the outputs from the neural network",
    ),
    Claim("mended_gap", at_most=1e-7, says="until the errors enter where these costs do."),
    Claim(
        "low_input_slope_over_others",
        at_most=0.3,
        says="Weights with an input near 0 have a small part of the slope of the others,",
        lecture="A weight will learn slowly if either the input neuron is low-activation",
    ),
    Claim(
        "saturated_slope_over_others",
        at_most=0.3,
        says="and so have those that go to a saturated neuron.",
        lecture="or if the output neuron has saturated",
    ),
    Claim(
        "trajectory_gap",
        at_most=1e-6,
        says="Three optimizers go the same way on slopes from moving every weight,",
        lecture="apply SGD to gradients obtained in a different way (numerical approximations)",
    ),
    Claim(
        "sampled_share",
        at_most=0.5,
        says="and descent on slopes sampled in random directions more than halves the best constant's cost.",
        lecture="gradients obtained in a different way (from sampling)",
    ),
    Claim(
        "newton_over_descent",
        at_most=0.5,
        says="On the Jacobian, Gauss and Newton's method ends at half of descent's cost or less.",
        lecture="use other optimization techniques with backpropagation as well, everything that can use "
        "gradient/jacobian",
    ),
    Claim(
        "path_work_per_layer",
        at_least=2.9,
        at_most=3.1,
        says="Along all paths, each further layer of three neurons costs three times the work,",
        lecture="naive gradient computations would scale exponentially with depth",
    ),
    Claim(
        "backward_work_slope",
        at_least=0.9,
        at_most=1.1,
        says="backward, all layers cost the same,",
        lecture="compute all required partial derivatives in linear time in terms of the graph size",
    ),
    Claim("path_gap", at_most=1e-12, says="and the derivative is the same."),
    Claim("reference_gap", at_most=1e-12, says="TensorFlow finds the same errors and slopes."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run backpropagation --examples 1`: which claims fall, and why?
#
# <details><summary>Answer</summary>
#
# `no_average_gap` falls to 0: the worst of one example is the average of one example, and the plain
# gradient is right. `sampled_share` falls, too: on one example the best constant is exactly right, and
# nothing can have a smaller cost than 0. The four equations do not mind.
#
# </details>
#
# **2.** Write BP2 as in the notes, `W @ error` with our `W`. What happens, and what if all layers had the
# same size?
#
# <details><summary>Answer</summary>
#
# The shapes do not fit, and NumPy says so: an error of 20 rows times a matrix of 5. With square layers it
# would run, and send errors to the wrong neurons. `bp2_gap` would notice, and with it `bp3_gap`, `bp4_gap`
# and `reference_gap`, which use the errors.
#
# </details>
#
# **3.** Forget `sigmoid_derivative(z)` in BP1, for the last layer alone. The network may well learn; what
# has become of its cost?
#
# <details><summary>Answer</summary>
#
# It is the cross-entropy, `-y log(a) - (1 - y) log(1 - a)`, whose derivative by `a` has a factor `1 / (a
# (1 - a))` that cancels sigma's slope. That is the usual cost for sigmoid outputs, just because a
# saturated neuron that is wrong still learns. For the quadratic cost it is an error, and `bp1_gap` says
# so.
#
# </details>
#
# ## To take away
#
# - The error of a layer is the derivative of the cost by its `z`. Start at the outputs, go back through the
#   weights, multiply by `sigma'`.
# - The slope of a weight is its input times the error of its neuron; that of a bias is the error.
# - Backpropagation gives slopes. Optimizers use them, and would use others.
# - It takes a cost that is an average over examples, of outputs; other costs need their own way in.
#
# *Before: [sigmoid_neurons](sigmoid_neurons.md). Next: [mlp_from_scratch](mlp_from_scratch.md), a network
# that learns to read with nothing but these equations.*
