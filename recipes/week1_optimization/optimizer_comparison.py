"""Compare the lecture's optimizers: in a long valley, on Rosenbrock's function, and on networks.

Week 1, "Gradient descent extensions".
Claim: at the rate 2/L gradient descent swings across a valley forever, momentum's swing falls to at most 0.05
       of it, and its way along the valley is at least 2 times as long; over the run, Nesterov beats momentum
       by at least 1 decade of the loss, each at its best rate; on Rosenbrock's function momentum ends at at
       most 0.02 of gradient descent's loss; AdaGrad's growing G shrinks its step per gradient (log-log slope
       at most -0.3), RMSprop's is kept (at least -0.1); the rates that suit an MLP (validation accuracy 0.9)
       with the mean and with the sum of a batch's losses span at least 2.3 decades for each adaptive
       optimizer, at most 1.7 for each other (with the mean alone, as wide); test accuracy at least 0.95.
Cost:  30 s on 2 CPU cores, a third of it the exports; mnist 6 min, beside other work.
Run:   suite run optimizer_comparison [--data tfds]
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.evaluation.scaling import log_log_slope
from suite.optimizers import AdaGrad, Adam, GradientDescent, Momentum, NesterovMomentum, RMSprop
from suite.runs.recipe import Claim, Context, Result, about, classifier_export


@dataclasses.dataclass(frozen=True)
class Config:
    plane_steps: int = 300
    steps: int = 0  # of the networks, each on a mini-batch; 0: 1,000 for the embedded digits, else 3,000
    batch_size: int = 32
    units: int = 64  # of the hidden layer


SMOKE = Config(plane_steps=20, steps=20, units=8)
DATA = ("embedded", "tfds")

RULES = (GradientDescent, Momentum, NesterovMomentum, AdaGrad, RMSprop, Adam)
NAMES = ("SGD", "momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam")  # the last three are adaptive
CURVATURES = np.array([1, 100], np.float32)  # along the valley and across it; the larger is L
PLANE_RATES = np.geomspace(1e-4, 1, 41)
RATES, PER_DECADE = np.geomspace(1e-5, 100, 22), 3

CLAIMS = (
    *about(
        ("embedded", "tfds"),
        Claim("momentum_swing_over_sgd", at_most=0.05),
        Claim("momentum_progress_over_sgd", at_least=2),
        Claim("nesterov_gain_decades", at_least=1),
        Claim("rosenbrock_momentum_over_sgd", at_most=0.02),
        Claim("adagrad_step_slope", at_most=-0.3),
        Claim("rmsprop_step_slope", at_least=-0.1),
        Claim("adaptive_decades", at_least=2.3),
        Claim("other_decades", at_most=1.7),
        Claim("test_accuracy", at_least=0.95),
    ),
)


def minimize(
    optimizer: keras.Optimizer, start: list, loss: Callable[..., tf.Tensor], batches: Iterable
) -> Iterator[tuple[list[keras.Variable], np.ndarray]]:
    """Takes a step a batch; gives (variables, losses before it) after each. The first axis is that of the
    runs, one a learning rate; they do not feel each other, as our rules work element by element."""
    variables = [keras.Variable(values, dtype="float32") for values in start]
    optimizer.build(variables)

    @tf.function
    def step(batch: Any) -> tf.Tensor:
        with tf.GradientTape() as tape:
            losses = loss([tf.convert_to_tensor(variable) for variable in variables], batch)
        optimizer.apply(tape.gradient(losses, variables), variables)
        return losses

    for batch in batches:
        yield variables, step(batch).numpy()


def valley(points: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(CURVATURES / 2 * points**2, axis=-1)


def walk(
    rule: Callable[..., keras.Optimizer],
    function: Callable[[tf.Tensor], tf.Tensor],
    starts: np.ndarray,
    steps: int,
    rates: np.ndarray = PLANE_RATES,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Points `(steps + 1, rates, starts, 2)`, log10 of the losses there (mean over the starts), best rate."""
    column = tf.constant(rates[:, None, None], tf.float32)
    start = np.tile(starts, (len(rates), 1, 1)).astype(np.float32)
    run = minimize(rule(lambda: column), [start], lambda points, _: function(points[0]), tf.zeros(steps))
    points = np.array([start, *(variables[0].numpy() for variables, _ in run)])
    losses = np.log10(np.maximum(function(tf.constant(points)), 1e-12)).mean(axis=-1)
    losses = np.where(np.isfinite(losses), losses, np.inf)  # a run that went astray is the worst
    return points, losses, losses.mean(axis=0).argmin()


def compare_in_plane(steps: int, rng: np.random.Generator) -> tuple[dict, dict]:
    """The walks of all six in both landscapes, and what they show."""
    starts = rng.uniform(0.5, 1.5, (16, 2)) * rng.choice([-1, 1], (16, 2))
    landscapes = {
        "Valley": (valley, starts),
        "Rosenbrock's function": (
            lambda w: 100 * (w[..., 1] - w[..., 0] ** 2) ** 2 + (1 - w[..., 0]) ** 2,
            [-1.2, 1] + 0.1 * rng.normal(size=(16, 2)),
        ),
    }
    walks = {name: [walk(rule, *place, steps) for rule in RULES] for name, place in landscapes.items()}
    means = [losses.mean(axis=0).min() for _, losses, _ in walks["Valley"]]
    ends = [losses[-1, best] for _, losses, best in walks["Rosenbrock's function"]]
    swings = [walk(rule, valley, starts, 100, 2 / CURVATURES[1:])[0][:, 0, 0] for rule in RULES[:2]]
    left = np.abs([points / points[0] for points in swings])  # (SGD and momentum, steps + 1, 2 coordinates)
    return walks, {
        "momentum_swing_over_sgd": left[1, -10:, 1].max() / left[0, -10:, 1].max(),
        "momentum_progress_over_sgd": (1 - left[1, 10, 0]) / (1 - left[0, 10, 0]),
        "nesterov_gain_decades": means[1] - means[2],
        "rosenbrock_momentum_over_sgd": 10 ** (ends[1] - ends[0]),
    }


def scores(weights: list, X: tf.Tensor) -> tf.Tensor:
    """Scores `(runs, batch, classes)`; the weights are kernels `(runs, inputs, outputs)` and biases."""
    hidden = X @ weights[0] + weights[1]
    return hidden if len(weights) == 2 else scores(weights[2:], tf.nn.relu(hidden))


def cross_entropy(weights: list, X: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """In nats, `(runs,)`: the mean over the batch."""
    outputs = scores(weights, X)
    labels = tf.broadcast_to(labels, outputs.shape[:2])
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs), axis=1)


def train(rule: Callable[..., keras.Optimizer], start: list, batches: list, validation: tuple) -> tuple:
    """Trains a network a rate on the mean of a batch's losses, and one on their sum. Gives the validation
    accuracies `(2, rates)`; at the best rate under the mean, the validation loss, that on 20 batches at a
    time, and the weights; the log-log slope over time of a step per gradient, at the rate 0.001."""
    rates = tf.constant(np.tile(RATES, 2)[:, None, None], tf.float32)
    factors = np.repeat(np.array([1, len(batches[0][1])], np.float32), len(RATES))
    optimizer, curves, sums = rule(lambda: rates), [], []
    start = [np.tile(values, (len(factors), 1, 1)) for values in start]
    run = minimize(optimizer, start, lambda w, batch: factors * cross_entropy(w, *batch), batches)
    for step in run:
        curves.append(step[1])
        if rule in (AdaGrad, RMSprop) and len(curves) % 10 == 0:
            sums.append(np.median(optimizer.variables[-2][6]) + optimizer.epsilon)  # G of the last kernel
    right = np.argmax(scores(step[0], validation[0]), axis=-1) == validation[1]
    losses = cross_entropy(step[0], *validation).numpy()[: len(RATES)]
    best = np.nanargmin(losses)
    curve = np.convolve(np.array(curves)[:, best], np.full(20, 1 / 20), "valid")
    weights = [np.squeeze(variable.numpy()[best]) for variable in step[0]]
    slope = log_log_slope(np.arange(1, len(sums) + 1), np.power(sums, -0.5)) if sums else None
    return right.mean(axis=1).reshape(2, -1), losses[best], curve, weights, slope


def build_model(shape: tuple[int, ...], hidden: tuple[int, ...], num_classes: int) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input(shape, name="image", dtype="uint8")
    features = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    for units in hidden:
        features = keras.layers.Dense(units, "relu")(features)
    probabilities = keras.layers.Dense(num_classes, "softmax", name="probabilities")(features)
    return keras.Model(image, probabilities, name="optimizer_comparison")


def run(config: Config, context: Context) -> Result:
    if not config.steps:
        config = dataclasses.replace(config, steps=1000 if context.source.is_embedded else 3000)
    rng = np.random.default_rng(context.seed)
    walks, metrics = compare_in_plane(config.plane_steps, rng)
    images = image_sets.load(context.source, context.seed)
    raw, labels = images.images, images.labels
    pixels = {part: (raw[part].reshape(len(raw[part]), -1) / 255).astype(np.float32) for part in raw}
    rows = rng.integers(len(labels["train"]), size=(config.steps, config.batch_size))
    batches = [(pixels["train"][row], labels["train"][row]) for row in rows]
    trained = {}
    for name, hidden in {"Softmax regression": (), "MLP": (config.units,)}.items():
        model = build_model(raw["train"].shape[1:], hidden, len(images.classes))
        validation = pixels["validation"], labels["validation"]
        outcomes = [train(rule, model.get_weights(), batches, validation) for rule in RULES]
        trained[name] = tuple(zip(*outcomes, strict=True))
    accuracies, losses, _, weights, slopes = trained["MLP"]
    suits = np.array(accuracies) >= 0.9  # (optimizers, mean or sum, rates)
    for name, rates in {"decades": suits.all(axis=1), "decades_with_mean": suits[:, 0]}.items():
        decades = rates.sum(axis=1) / PER_DECADE
        metrics |= {f"adaptive_{name}": decades[3:].min(), f"other_{name}": decades[:3].max()}
    model.set_weights(weights[np.argmin(losses)])
    for part in ("validation", "test"):
        metrics[f"{part}_accuracy"] = accuracy(model.predict(raw[part], verbose=0), labels[part])
    descents = {place: [10 ** losses[:, best] for _, losses, best in row] for place, row in walks.items()}
    curves = {name: columns[2] for name, columns in trained.items()}
    bands = dict(zip(("MLP, mean loss", "MLP, summed loss"), np.swapaxes(accuracies, 0, 1), strict=True))
    return Result(
        metrics=metrics | {"adagrad_step_slope": slopes[3], "rmsprop_step_slope": slopes[4]},
        figures={
            "paths": draw_paths(walks["Valley"]),
            "descents": draw_all(descents, "step", "loss, at the best rate", yscale="log"),
            "training": draw_all(curves, "step", "loss on batches (nats), at the best rate", yscale="log"),
            "bands": draw_all(bands, "learning rate", "validation accuracy", RATES, xscale="log"),
        },
        exports=[classifier_export(model, images)],
        data=images.describe(),
    )


def draw_paths(walks: list) -> Figure:
    figure, axes = plots.new_figure("Valley, 100 times as curved across", 12, 6, rows=2, columns=3)
    x, y = np.meshgrid(np.linspace(-2, 2, 201), np.linspace(-2, 2, 201))
    for panel, name, (points, _, best) in zip(axes.flat, NAMES, walks, strict=True):
        panel.contour(x, y, (x**2 + 100 * y**2) ** 0.5, levels=12, colors=plots.MUTED, linewidths=0.5)
        panel.plot(*points[:100, best, 0].T, marker="o", markersize=3, linewidth=1)
        panel.set(title=f"{name}, rate {PLANE_RATES[best]:.2g}", xlim=(-2, 2), ylim=(-2, 2))
    return figure


def draw_all(panels: dict, xlabel: str, ylabel: str, x: np.ndarray | None = None, **scales: str) -> Figure:
    figure, axes = plots.new_figure(width=4.4 * len(panels), columns=len(panels))
    for panel, (title, curves) in zip(axes, panels.items(), strict=True):
        for name, curve in zip(NAMES, curves, strict=True):
            panel.plot(np.arange(len(curve)) if x is None else x, curve, label=name)
        panel.set(title=title, xlabel=xlabel, ylabel=ylabel, **scales)
    axes[-1].legend(loc="upper right", frameon=False)
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
