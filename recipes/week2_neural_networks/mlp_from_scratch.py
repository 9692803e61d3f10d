"""Train a multilayer perceptron with nothing but matrix products.

Week 2, "Multilayer perceptron (MLP)", "Efficient MLP implementation".
Claim: a network of 100 and 200 ReLU units in NumPy, its backward pass in matrix form, has a test accuracy of
       at least 0.97 (0.975 on mnist); written with loops over examples, inputs and units the passes of one
       layer give the same numbers (1e-12) and take at least 100 times as long.
Cost:  5 s on 2 CPU cores; mnist 30 s.
Run:   suite run mlp_from_scratch [--data tfds]
"""

import dataclasses
import time

import numpy as np

from suite.backprop.activations import softmax
from suite.backprop.dense import dense, dense_input_gradient, dense_parameter_gradients
from suite.backprop.gradient_check import relative_error
from suite.backprop.network import mlp, train
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.classification import classification_tables, confusion
from suite.evaluation.confusion_matrix import confusion_matrix
from suite.evaluation.metrics import accuracy
from suite.evaluation.scaling import time_and_memory
from suite.runs.recipe import Claim, Context, Result, about


@dataclasses.dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (100, 200)
    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 0.05  # at first; falls to 0 along a cosine
    momentum: float = 0.9


SMOKE = Config(hidden=(20, 10), epochs=1)
DATA = ("embedded", "tfds")

CLAIMS = (
    Claim("test_accuracy", at_least=0.97, data="embedded"),
    Claim("test_accuracy", at_least=0.975, data="tfds"),
    Claim("loops_gap", at_most=1e-12),
    *about(("embedded", "tfds"), Claim("loops_seconds_over_matrices", at_least=100)),
)


def dense_by_loops(X: np.ndarray, W: np.ndarray, b: np.ndarray, dZ: np.ndarray) -> tuple:
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


def dense_by_matrices(X: np.ndarray, W: np.ndarray, b: np.ndarray, dZ: np.ndarray) -> tuple:
    return dense(X, W, b), dense_input_gradient(dZ, W), *dense_parameter_gradients(dZ, X)


def loops_against_matrices(inputs: int, units: int, rng: np.random.Generator) -> dict[str, float]:
    """Both passes of one layer for 8 examples, in both ways."""
    shapes = (8, inputs), (inputs, units), (units,), (8, units)
    arrays = [rng.normal(size=shape) for shape in shapes]
    started = time.perf_counter()
    by_loops = dense_by_loops(*arrays)
    loop_seconds = time.perf_counter() - started
    pairs = zip(by_loops, dense_by_matrices(*arrays), strict=True)
    return {
        "loops_gap": max(relative_error(one, other) for one, other in pairs),
        "loops_seconds_over_matrices": loop_seconds / time_and_memory(dense_by_matrices, *arrays)[0],
    }


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    data = image_sets.load(context.source, context.seed)
    images = {part: (raw.reshape(len(raw), -1) / 255).astype(np.float32) for part, raw in data.images.items()}
    inputs, num_classes = images["train"].shape[1], len(data.classes)
    metrics = loops_against_matrices(inputs, config.hidden[0], rng)

    network = mlp((inputs, *config.hidden, num_classes), rng)
    started = time.perf_counter()
    curves = train(
        network,
        {part: (images[part], data.labels[part]) for part in ("train", "validation")},
        rng,
        epochs=config.epochs,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        momentum=config.momentum,
    )
    seconds = time.perf_counter() - started
    probabilities = softmax(network.forward(images["test"]))

    weights = network.parameters[0][:, :20].T.reshape(-1, *data.images["train"].shape[1:3])
    pictures = np.clip(127.5 + 127.5 * weights / (3 * weights.std()), 0, 255).astype(np.uint8)
    labels = data.labels["test"]
    return Result(
        metrics={
            **metrics,
            "examples_per_second": config.epochs * len(images["train"]) / seconds,
            "validation_accuracy": accuracy(network.forward(images["validation"]), data.labels["validation"]),
            "test_accuracy": accuracy(probabilities, labels),
        },
        figures={
            "loss": plots.learning_curves(curves, ylabel="cross-entropy (nats)", title="Loss"),
            "weights": plots.image_grid(
                pictures,
                [f"unit {unit}" for unit in range(len(pictures))],
                columns=10,
                title="What the first hidden units look for: ink on bright",
            ),
            "confusion": confusion_matrix(confusion(probabilities, labels, num_classes), data.classes),
        },
        data=data.describe(),
        tables=classification_tables(probabilities, labels, data.classes),
    )


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
