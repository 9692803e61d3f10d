# %% [markdown]
# # Train a multilayer perceptron with nothing but matrix products
#
# A network of dense layers is a few matrix products with a bend after each, and its gradient is the same
# products, walked backwards. Thirty lines of NumPy learn to read digits.
#
# *Week 2, "Multilayer perceptron (MLP)", "Efficient MLP implementation". Takes 2 s on 2 CPU cores; mnist 80
# s. `suite run mlp_from_scratch [--data tfds]`*
#
# ## Why write it by hand
#
# `model.fit` hides three things: what a layer has to remember from the forward pass, what it hands back in
# the backward pass, and why a graphics card is so much faster than a loop. All three fit on a page. Once you
# have written them, every other layer of this course (convolution, recurrence, attention) is the same story
# with another product.
#
# ## The method
#
# **Notation.** The lecture has one example as a column `a` and the weight from neuron k to neuron j as
# `w_jk`, so that a layer is `z = w a + b`. Libraries put one example in a *row* and turn the matrix:
# `Z = A W + b`, with `W` of shape (inputs, units). Then a whole batch is one product, its examples one below
# the other. Our `W` is the lecture's `w`, transposed; where the lecture's BP2 has `w'`, we have `W'` on
# the other side.
#
# **Forward:** `Z = A W + b`, then `A = max(Z, 0)`; after the last layer comes the softmax, which turns scores
# into probabilities.
#
# **Backward:** let `dZ` be the derivative of the cost by `Z`. Each number of `Z` is a sum of products, so
#
#     dW = A' dZ               a weight is blamed for its input times the error of its unit
#     db = sum of the rows     a bias is a weight whose input is 1
#     dA = dZ W'               an input is blamed through every weight that used it
#     dZ = dA where Z > 0      what ReLU cut off has no influence
#
# and at the end, softmax and cross-entropy together leave `dZ = (probabilities - one-hot labels) / n`.
#
# By hand, for one example `[1, 2]` with label 0, two hidden units, and the identity as second layer:
#
#     Z = [1, 2] [1 -1]  = [1, 1]     scores [1, 1]     probabilities [1/2, 1/2]     dZ = [-1/2, 1/2]
#                [0  1]
#     dW of layer 2 = [1, 1]' [-1/2, 1/2]      dW of layer 1 = [1, 2]' [-1/2, 1/2]

# %%
import dataclasses
import itertools
import time
from collections.abc import Mapping
from typing import Annotated, TypeAlias

import numpy as np

from suite.backprop.gradient_check import numeric_gradient, relative_error
from suite.backprop.losses import softmax_cross_entropy, softmax_cross_entropy_derivative
from suite.backprop.network import Network, mlp
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.classification import classification_tables, confusion
from suite.evaluation.confusion_matrix import confusion_matrix
from suite.evaluation.metrics import accuracy
from suite.evaluation.scaling import time_and_memory
from suite.runs.recipe import Claim, Context, Result, about

Layers: TypeAlias = list[tuple[np.ndarray, np.ndarray]]  # W (inputs, units) and b (units,) of each


def forward(X: np.ndarray, layers: Layers) -> list[np.ndarray]:
    """What goes into each layer, and at the end the scores."""
    A = [X]
    for W, b in layers[:-1]:
        A.append(np.maximum(A[-1] @ W + b, 0))
    W, b = layers[-1]
    return [*A, A[-1] @ W + b]


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))  # the largest is 1: no overflow
    return powers / powers.sum(axis=1, keepdims=True)


def backward(A: list[np.ndarray], layers: Layers, labels: np.ndarray) -> Layers:
    """The derivatives of the mean cross-entropy by each W and b.

    >>> layers = [(np.array([[1., -1], [0, 1]]), np.zeros(2)), (np.eye(2), np.zeros(2))]
    >>> gradients = backward(forward(np.array([[1., 2]]), layers), layers, np.array([0]))
    >>> [dW.tolist() for dW, db in gradients]
    [[[-0.5, 0.5], [-1.0, 1.0]], [[-0.5, 0.5], [-0.5, 0.5]]]
    """
    dZ = softmax(A[-1])
    dZ[np.arange(len(labels)), labels] -= 1
    dZ /= len(labels)
    gradients = []
    for (W, _), inputs in zip(reversed(layers), reversed(A[:-1]), strict=True):
        gradients.append((inputs.T @ dZ, dZ.sum(axis=0)))
        dZ = (dZ @ W.T) * (inputs > 0)  # the inputs are what ReLU let through
    return gradients[::-1]


# %% [markdown]
# The backward pass needs the inputs of every layer: that is why training takes more memory than answering,
# and why it grows with the batch.
#
# ## Is the gradient right?
#
# A gradient foretells how the cost changes when the weights move a little. So move each weight a little, to
# both sides, and look. This costs two forward passes a weight, and is what everyone should do once after
# writing a backward pass; backpropagation gives all of them for the price of about two forward passes.
#
# The biases are random here. Were they zero, as at the start of training, an example that no unit of a layer
# lets through would put the next layer exactly on ReLU's bend, where there is no derivative to agree on.


# %%
def gradient_error(rng: np.random.Generator) -> float:
    """Against central differences, for a small network in float64."""
    layers = [(W, rng.normal(size=b.shape)) for W, b in start((5, 4, 3, 3), rng, np.float64)]
    X, labels = rng.normal(size=(6, 5)), rng.integers(3, size=6)
    found = backward(forward(X, layers), layers, labels)

    def cost() -> float:
        return softmax_cross_entropy(forward(X, layers)[-1], labels)

    pairs = [pair for layer, d in zip(layers, found, strict=True) for pair in zip(layer, d, strict=True)]
    return max(relative_error(numeric_gradient(cost, array), d) for array, d in pairs)


def library_gap(rng: np.random.Generator, X: np.ndarray, labels: np.ndarray) -> float:
    """Against the layers of `suite.backprop`, which later recipes use, at the size of the real network."""
    network: Network = mlp((X.shape[1], 30, 20, 10), rng, dtype=np.float64)
    weights = network.parameters
    layers = list(zip(weights[::2], weights[1::2], strict=True))
    network.backward(softmax_cross_entropy_derivative(network.forward(X), labels))
    ours = [d for layer in backward(forward(X, layers), layers, labels) for d in layer]
    return max(relative_error(one, other) for one, other in zip(ours, network.gradients, strict=True))


# %% [markdown]
# ## Why matrices
#
# The same sums can be written with one loop over the examples, one over the units and one over the inputs.
# The numbers are equal. The time is not: a matrix product does many multiplications at once and reads each
# number from memory once, while a Python loop does one and looks up everything anew.


# %%
def by_loops(X: np.ndarray, W: np.ndarray, b: np.ndarray, dZ: np.ndarray) -> tuple[np.ndarray, ...]:
    """Z, dX, dW and db of a dense layer, each number by itself."""
    Z, dX, dW, db = np.zeros(dZ.shape), np.zeros(X.shape), np.zeros(W.shape), np.zeros(b.shape)
    for n in range(len(X)):
        for unit in range(len(b)):
            Z[n, unit] = b[unit]
            db[unit] += dZ[n, unit]
            for i in range(len(W)):
                Z[n, unit] += X[n, i] * W[i, unit]
                dX[n, i] += dZ[n, unit] * W[i, unit]
                dW[i, unit] += X[n, i] * dZ[n, unit]
    return Z, dX, dW, db


def by_matrices(X: np.ndarray, W: np.ndarray, b: np.ndarray, dZ: np.ndarray) -> tuple[np.ndarray, ...]:
    return X @ W + b, dZ @ W.T, X.T @ dZ, dZ.sum(axis=0)


def loops_against_matrices(inputs: int, units: int, rng: np.random.Generator) -> dict[str, float]:
    """Both passes of one layer for 8 examples."""
    arrays = [rng.normal(size=shape) for shape in ((8, inputs), (inputs, units), (units,), (8, units))]
    started = time.perf_counter()
    slow = by_loops(*arrays)
    seconds = time.perf_counter() - started
    pairs = zip(slow, by_matrices(*arrays), strict=True)
    return {
        "loops_gap": max(relative_error(one, other) for one, other in pairs),
        "loops_seconds_over_matrices": seconds / time_and_memory(by_matrices, *arrays)[0],
    }


# %% [markdown]
# ## Training
#
# Weights start at random, small enough that signals neither grow nor fade: with ReLU a variance of `2 /
# inputs` does that. Then shuffle, take a few dozen examples, go forward, backward, and one step down; again
# until all have been seen, and again for thirty epochs. The step has *momentum* (the last steps go on, a
# little less each time) and shrinks along a cosine to nothing: large steps find the valley, small ones its
# floor.


# %%
def start(sizes: tuple[int, ...], rng: np.random.Generator, dtype: type = np.float32) -> Layers:
    shapes = itertools.pairwise(sizes)
    return [
        (rng.normal(0, np.sqrt(2 / inputs), (inputs, units)).astype(dtype), np.zeros(units, dtype))
        for inputs, units in shapes
    ]


@dataclasses.dataclass(frozen=True)
class Config:
    hidden: Annotated[tuple[int, ...], "units of each hidden layer"] = (
        100,
        200,
    )
    epochs: Annotated[int, "passes over the training images"] = 30
    batch_size: Annotated[int, "images of a step"] = 32
    learning_rate: Annotated[float, "at first; falls to 0 along a cosine"] = 0.05
    momentum: Annotated[float, "share of the last step that goes on"] = 0.9


SMOKE = Config(hidden=(20, 10), epochs=1)
DATA = ("embedded", "tfds")


def train(layers: Layers, X: Mapping, labels: Mapping, config: Config, rng: np.random.Generator) -> dict:
    """Changes the layers in place; gives the curves of the cost, in nats."""
    curves: dict[str, list[float]] = {"train": [], "validation": []}
    velocities = [[np.zeros_like(array) for array in layer] for layer in layers]
    steps = len(X["train"]) // config.batch_size
    rates = config.learning_rate * (1 + np.cos(np.linspace(0, np.pi, config.epochs * steps))) / 2
    for epoch in range(config.epochs):
        order, costs = rng.permutation(len(X["train"])), []
        for step in range(steps):
            batch = order[step * config.batch_size : (step + 1) * config.batch_size]
            A = forward(X["train"][batch], layers)
            costs.append(softmax_cross_entropy(A[-1], labels["train"][batch]))
            gradients = backward(A, layers, labels["train"][batch])
            for layer, velocity, gradient in zip(layers, velocities, gradients, strict=True):
                for array, v, d in zip(layer, velocity, gradient, strict=True):
                    v *= config.momentum
                    v -= np.float32(rates[epoch * steps + step]) * d
                    array += v
        curves["train"].append(float(np.mean(costs)))
        scores = forward(X["validation"], layers)[-1]
        curves["validation"].append(softmax_cross_entropy(scores, labels["validation"]))
    return curves


# %% [markdown]
# ## Run it
#
# Beside the network we train the same code without a hidden layer, a linear classifier, on the same batches
# at the same rate: what the hidden layers are worth is the difference.


# %%
def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    data = image_sets.load(context.source, context.seed)
    X = {part: (raw.reshape(len(raw), -1) / 255).astype(np.float32) for part, raw in data.images.items()}
    ends = X["train"].shape[1], len(data.classes)
    few = X["train"][:50].astype(np.float64), data.labels["train"][:50]

    layers, linear = start((ends[0], *config.hidden, ends[1]), rng), start(ends, rng)
    curves = train(layers, X, data.labels, config, rng)
    train(linear, X, data.labels, config, rng)
    probabilities = softmax(forward(X["test"], layers)[-1])
    test_accuracy = accuracy(probabilities, data.labels["test"])

    kernels = layers[0][0][:, :20].T.reshape(-1, *data.images["train"].shape[1:3])
    return Result(
        metrics={
            "gradient_error": gradient_error(rng),
            "reference_gap": library_gap(rng, *few),
            **loops_against_matrices(ends[0], config.hidden[0], rng),
            "test_accuracy": test_accuracy,
            "test_accuracy_linear": accuracy(forward(X["test"], linear)[-1], data.labels["test"]),
            "validation_accuracy": accuracy(forward(X["validation"], layers)[-1], data.labels["validation"]),
        },
        figures={
            "loss": plots.learning_curves(curves, ylabel="cross-entropy (nats)", title="Loss"),
            "weights": plots.image_grid(
                np.clip(127.5 + 127.5 * kernels / (3 * kernels.std()), 0, 255).astype(np.uint8),
                [f"unit {unit}" for unit in range(len(kernels))],
                columns=10,
                title="What the first hidden units look for: ink on bright",
            ),
            "confusion": confusion_matrix(
                confusion(probabilities, data.labels["test"], ends[1]), data.classes
            ),
        },
        data=data.describe(),
        tables=classification_tables(probabilities, data.labels["test"], data.classes),
    )


# %% [markdown]
# ## What was measured
#
# ![Loss of training and validation images over the epochs](figures/loss.png)
#
# The two curves part early: the network is large enough to learn the training images by heart. Validation
# does not rise again, since the falling rate stops the training in time.
#
# ![Weights from the pixels to each of twenty hidden units, as pictures](figures/weights.png)
#
# A hidden unit sees the image through one picture of weights. Few look like strokes, most like noise: nothing
# tells a dense layer that neighboring pixels belong together. Convolution does, in week 3.
#
# ![How often each digit was taken for which](figures/confusion.png)
#
# A word on these digits: 8 x 8 pixels are nearly linearly separable. The linear classifier trained beside is
# right in 96 of 100, the network in 98, and with 270 test images the difference is within chance. On the
# 10,000 of MNIST (`--data tfds`) it is not, and there it is claimed.

# %%
CLAIMS = (
    Claim(
        "gradient_error",
        at_most=1e-7,
        says="Every derivative of the backward pass is what moving that weight a little does to the cost.",
        lecture="keeping track of small perturbations to the weights (and biases)",
    ),
    Claim(
        "loops_gap", at_most=1e-12, says="Written with loops, both passes of a layer give the same numbers,"
    ),
    *about(
        ("embedded", "tfds"),
        Claim(
            "loops_seconds_over_matrices",
            at_least=1000,
            says="and take at least a thousand times as long.",
            lecture="Efficient MLP implementation",
        ),
    ),
    Claim("test_accuracy", at_least=0.95, data="embedded", says="The network reads digits of 8 x 8 pixels."),
    Claim("test_accuracy", at_least=0.975, data="tfds", says="The network reads the digits of MNIST,"),
    Claim(
        "test_accuracy_linear",
        at_most=0.94,
        data="tfds",
        says="which the same training without hidden layers does worse.",
        lecture="introduce non-linearities into the network",
    ),
    Claim("reference_gap", at_most=1e-12, says="The layers of suite.backprop give the same gradients."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run mlp_from_scratch --learning_rate 2`: which claim falls, and which cannot?
#
# <details><summary>Answer</summary>
#
# `test_accuracy` falls to one digit in ten, what guessing gets: the first steps jump so far that the hidden
# units are cut off for every image, and ReLU's derivative there is 0. The linear classifier beside it
# survives, having no units to lose. `gradient_error` cannot fall: the gradient is as right as ever, it only
# holds for *small* moves.
#
# </details>
#
# **2.** `suite run mlp_from_scratch --hidden 3`: two claims fall. Why the one about loops?
#
# <details><summary>Answer</summary>
#
# Three hidden units leave three numbers of each image, too few for ten digits: worse than no hidden layer at
# all. And a product with three columns is so short that calling it takes longer than computing it: loops are
# then only some hundred times slower.
#
# </details>
#
# **3.** Start with all weights at zero. What does the network learn?
#
# <details><summary>Answer</summary>
#
# The biases of the last layer, and nothing else. All hidden outputs are 0, so `dW` of the last layer is 0;
# its weights are 0, so nothing is handed back. (Equal, non-zero weights are no better: all units of a layer
# then stay equal.)
#
# </details>
#
# **4.** Leave out `* (inputs > 0)` in `backward`. Which claim notices first, and does the network still
# learn?
#
# <details><summary>Answer</summary>
#
# `gradient_error` and `reference_gap`, and *only* they: the accuracy hardly changes. A wrong gradient that
# points roughly downhill trains a network that looks fine. That is why gradients are checked and not judged
# by what they train.
#
# </details>
#
# ## To take away
#
# - Forward: `Z = A W + b` and a bend. Backward: `dW = A' dZ`, `dA = dZ W'`, and the bend's derivative.
# - A backward pass costs about two forward passes, whatever the number of weights, and has to keep every
#   layer's input.
# - Check a new gradient against central differences, once, in float64, on a small network.
# - Write sums over examples and units as products of matrices.
#
# *Before: [backpropagation](backpropagation.md), the four equations. Next: [mlp_keras](mlp_keras.md), the
# same network in Keras, step by step equal.*
