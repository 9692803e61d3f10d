"""Normalize between the layers: batch normalization, what it steadies and the learning rates it allows.

Week 3, "Batch Normalization", "Covariate Shift".
Claim: a network with our layer and one with Keras', from the same weights, agree at every step of a training
       run (1e-5: outputs, and everything the layers learn or average); softmax regression by gradient descent
       on wines takes at least 100 times as many steps on raw measurements as on z-scores, whose second
       moments (the Hessian of least squares) have a condition number at least 1000 times as small; in a
       network of 12 hidden layers the inputs of the activations drift, normalized, at most 0.1 times as far
       as without the layer; at a rate at which the plain network trains (validation accuracy at least 0.9 on
       digits, 0.3 on cifar10) the normalized one does so too, and still at 10 times that rate, where the
       plain one is at chance (at most 0.2); test accuracy at least 0.95 on digits, 0.4 on cifar10; gamma and
       beta are learned: they end at least 0.01 from 1 and 0 (root mean square).
Cost:  30 s on 2 CPU cores; cifar10 75 s.
Run:   suite run batch_normalization [--data tfds]
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from matplotlib.figure import Figure

from suite.backprop.losses import softmax_cross_entropy, softmax_cross_entropy_derivative
from suite.data.batches import shuffled
from suite.data.sets import image_sets, tabular
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.layers import BatchNormalization
from suite.optimizers import GradientDescent
from suite.runs.recipe import Claim, Context, Result, about, at_most, classifier_export
from suite.training.loop import TrainingDivergedError


@dataclasses.dataclass(frozen=True)
class Config:
    depth: int = 12  # hidden layers
    units: int = 128  # in each
    steps: int = 400  # at each learning rate
    batch_size: int = 128
    learning_rate: float = 0.1  # one at which the plain network trains
    same_steps: int = 50  # taken side by side with Keras' layer
    wine_steps: int = 10000  # of gradient descent, at most


SMOKE = Config(depth=2, units=8, steps=20, same_steps=2, wine_steps=200)
DATA = ("embedded", "tfds")

FACTORS = (0.1, 0.3, 1, 3, 10, 30)  # on the learning rate
LOOK = 20  # steps from one look at the units to the next
SHOWN = 2  # units in the figure
WINE_LOSS = 0.1  # nats to reach

CLAIMS = (
    *at_most(1e-5, "keras_output_gap", "keras_state_gap"),
    *about(
        ("embedded", "tfds"),
        Claim("raw_steps_over_z_scored", at_least=100),
        Claim("raw_condition_over_z_scored", at_least=1000),
        Claim("normalized_drift_over_plain", at_most=0.1),
    ),
    Claim("plain_slow_accuracy", at_least=0.9, data="embedded"),
    Claim("plain_slow_accuracy", at_least=0.3, data="tfds"),
    Claim("normalized_slow_accuracy", at_least=0.9, data="embedded"),
    Claim("normalized_slow_accuracy", at_least=0.3, data="tfds"),
    *about(("embedded", "tfds"), Claim("plain_fast_accuracy", at_most=0.2)),
    Claim("normalized_fast_accuracy", at_least=0.9, data="embedded"),
    Claim("normalized_fast_accuracy", at_least=0.3, data="tfds"),
    Claim("test_accuracy", at_least=0.95, data="embedded"),
    Claim("test_accuracy", at_least=0.4, data="tfds"),
    *about(
        ("embedded", "tfds"),
        Claim("gamma_move", at_least=0.01),
        Claim("beta_move", at_least=0.01),
    ),
)


def build_model(
    shape: tuple, num_classes: int, depth: int, units: int, normalization: type[keras.Layer] | None = None
) -> keras.Model:
    """Raw pixels in, probabilities out; `normalization` is the class of the layer before each ReLU."""
    image = keras.Input(shape, name="image", dtype="uint8")
    features = keras.layers.Flatten()(keras.layers.Rescaling(1 / 127.5, -1)(image))
    for _ in range(depth):
        # Whatever a bias adds, the normalization takes out again: beta does its work.
        dense = keras.layers.Dense(units, use_bias=not normalization, kernel_initializer="he_normal")
        features = dense(features)
        if normalization:
            features = normalization(momentum=0.9)(features)
        features = keras.layers.ReLU()(features)
    probabilities = keras.layers.Dense(num_classes, "softmax", name="probabilities")(features)
    return keras.Model(image, probabilities, name="normalized" if normalization else "plain")


def keras_gaps(
    images: np.ndarray, labels: np.ndarray, num_classes: int, config: Config, rng: np.random.Generator
) -> dict[str, float]:
    """Two networks that differ in whose layer they hold, trained on the same batches."""
    kinds = BatchNormalization, keras.layers.BatchNormalization
    # Two layers: rounding errors double from layer to layer and step to step.
    models = [build_model(images.shape[1:], num_classes, 2, config.units, kind) for kind in kinds]
    models[1].set_weights(models[0].get_weights())
    for model in models:
        model.compile(GradientDescent(config.learning_rate), "sparse_categorical_crossentropy")
    output_gaps, state_gaps = [], []
    for _ in range(config.same_steps):
        rows = rng.integers(len(images), size=config.batch_size)
        for model in models:
            model.train_on_batch(images[rows], labels[rows])
        ours, keras_own = (model(images[:500]).numpy() for model in models)  # by the moving averages
        output_gaps.append(np.abs(ours - keras_own).max())
        states = zip(*(model.get_weights() for model in models), strict=True)
        state_gaps += [np.abs(one - other).max() / np.abs(other).max() for one, other in states]
    return {"keras_output_gap": max(output_gaps), "keras_state_gap": max(state_gaps)}


def descend(X: np.ndarray, labels: np.ndarray, steps: int) -> tuple[np.ndarray, float]:
    """Losses of softmax regression on all rows before each step, and the condition number of X'X / n."""
    X = np.insert(X, 0, 1, axis=1)
    curvatures = np.linalg.eigvalsh(X.T @ X / len(X))
    rate = 2 / curvatures[-1]  # 1 / L: the softmax makes of X'X / n half of it at most
    W, losses = np.zeros((X.shape[1], labels.max() + 1)), []
    for _ in range(steps):
        scores = X @ W
        losses.append(softmax_cross_entropy(scores, labels))
        W -= rate * X.T @ softmax_cross_entropy_derivative(scores, labels)
    return np.array(losses), curvatures[-1] / curvatures[0]


def input_statistics(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of the inputs of the activations, `(2, layers, units)`, as in training."""
    inputs = [layer.input for layer in model.layers if isinstance(layer, keras.layers.ReLU)]
    probe = keras.Model(model.input, inputs)
    # Stateless: normalizes by this batch, yet leaves the moving averages alone.
    values, _ = probe.stateless_call(
        probe.trainable_variables, probe.non_trainable_variables, images, training=True
    )
    values = np.stack(keras.tree.flatten(values))
    return np.stack([values.mean(axis=1), values.std(axis=1)])


def drift(start: np.ndarray, now: np.ndarray) -> float:
    """Distance of each unit's inputs from those at the start, in standard deviations there, root mean square.

    Between normal distributions it is the Wasserstein distance: (m - m0)^2 + (s - s0)^2, and the root of it.
    """
    return np.sqrt(np.mean(np.sum((now - start) ** 2, axis=0) / start[1] ** 2))


class Trainer:
    """One network, trained from the same start at one learning rate after the other."""

    def __init__(self, model: keras.Model, data: image_sets.ImageSet, config: Config, context: Context):
        self.model, self.data, self.config, self.context = model, data, config, context
        self.start, self.statistics = model.get_weights(), self.look_at_inputs()
        model.compile(GradientDescent(1.0), "sparse_categorical_crossentropy")

    def restart(self) -> None:
        self.model.set_weights(self.start)

    def train(self, learning_rate: float, measure: Callable | None = None) -> dict[str, list[float]]:
        """Takes the steps of the Config, from where the network is; gives what is measured on the way."""
        examples = self.data.images["train"], self.data.labels["train"]
        batches = shuffled(examples, self.config.batch_size, self.context.seed).repeat()
        self.model.optimizer.learning_rate = learning_rate
        epochs = self.config.steps // LOOK
        try:
            fit = self.context.fit
            return fit(self.model, batches, epochs=epochs, steps_per_epoch=LOOK, measure=measure)
        except TrainingDivergedError:  # at too high a rate; its accuracy will be that of chance
            return {}

    def look_at_inputs(self) -> np.ndarray:
        return input_statistics(self.model, self.data.images["train"][:500])

    def look(self) -> dict[str, float]:
        """The drift of all units, mean and deviation of some of the last hidden layer."""
        now = self.look_at_inputs()
        shown = zip(("mean", "deviation"), now[:, -1, :SHOWN], strict=True)
        units = {f"{name}_{unit}": value for name, row in shown for unit, value in enumerate(row)}
        return {"drift": drift(self.statistics, now), **units}

    def accuracy(self, part: str) -> float:
        probabilities = self.model.predict(self.data.images[part], batch_size=1000, verbose=0)
        return accuracy(probabilities, self.data.labels[part])


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    data = image_sets.load(context.source, context.seed, name="cifar10")
    images, labels, num_classes = data.images, data.labels, len(data.classes)
    metrics = keras_gaps(images["train"], labels["train"], num_classes, config, rng)

    wine = tabular.load_wine()
    z_scores = (wine.features - wine.features.mean(axis=0)) / wine.features.std(axis=0)
    wines = {
        "raw": descend(wine.features, wine.targets, config.wine_steps),
        "z-scores": descend(z_scores, wine.targets, config.wine_steps),
    }
    steps = [max(int(np.sum(losses > WINE_LOSS)), 1) for losses, _ in wines.values()]
    metrics["raw_steps_over_z_scored"] = steps[0] / steps[1]  # a lower bound where the raw ones never arrive
    metrics["raw_condition_over_z_scored"] = wines["raw"][1] / wines["z-scores"][1]

    accuracies: dict[str, dict[float, float]] = {}
    looks = {}
    for normalization in (None, BatchNormalization):
        shape = images["train"].shape[1:]
        model = build_model(shape, num_classes, config.depth, config.units, normalization)
        name, trainer = model.name, Trainer(model, data, config, context)
        accuracies[name] = {}
        for factor in FACTORS:
            trainer.restart()
            curves = trainer.train(factor * config.learning_rate, trainer.look if factor == 1 else None)
            accuracies[name][factor] = trainer.accuracy("validation")
            if factor == 1:
                looks[name] = curves
        metrics[f"{name}_slow_accuracy"] = accuracies[name][1]
        metrics[f"{name}_fast_accuracy"] = accuracies[name][10]
    drifts = {name: float(np.mean(curves["drift"])) for name, curves in looks.items()}
    metrics["normalized_drift_over_plain"] = drifts["normalized"] / drifts["plain"]

    trainer.restart()
    for factor in (10, 1):  # as usual, more slowly towards the end
        trainer.train(factor * config.learning_rate)
    layers = [layer for layer in model.layers if isinstance(layer, BatchNormalization)]
    for name, start in (("gamma", 1), ("beta", 0)):
        moves = np.array([getattr(layer, name) - start for layer in layers])
        metrics[f"{name}_move"] = np.sqrt(np.mean(moves**2))
    for part in ("validation", "test"):
        metrics[f"{part}_accuracy"] = trainer.accuracy(part)

    return Result(
        metrics=metrics,
        figures={
            "speed": draw_speed(wines, accuracies, config.learning_rate),
            "covariate_shift": draw_shift(looks),
        },
        exports=[classifier_export(model, data)],
        data=data.describe(),
    )


def draw_speed(wines: dict, accuracies: dict, learning_rate: float) -> Figure:
    figure, (left, right) = plots.new_figure(width=9.6, columns=2)
    lines = {
        f"{name}, condition number {condition:.0e}": (np.arange(1, len(losses) + 1), losses)
        for name, (losses, condition) in wines.items()
    }
    plots.curves(left, lines, title="Inputs: wines", xlabel="step", ylabel="loss (nats)", xscale="log")
    left.axhline(WINE_LOSS, color=plots.MUTED, linewidth=1, linestyle=":")
    left.set(yscale="log")
    rates = np.multiply(FACTORS, learning_rate)
    by_rate = {name: (rates, list(values.values()), "o-") for name, values in accuracies.items()}
    plots.curves(right, by_rate, title="Hidden layers: which rates train", xscale="log", ylim=(0, 1.02))
    right.set(xlabel="learning rate", ylabel="validation accuracy")
    return figure


def draw_shift(looks: dict) -> Figure:
    figure, panels = plots.new_figure(width=14, columns=3)
    steps = LOOK * np.arange(1, 1 + len(looks["plain"]["drift"]))
    for axes, (name, curves) in zip(panels, looks.items(), strict=False):
        for unit in range(SHOWN):
            mean, deviation = (np.array(curves[f"{kind}_{unit}"]) for kind in ("mean", "deviation"))
            (line,) = axes.plot(steps, mean)
            axes.fill_between(steps, mean - deviation, mean + deviation, color=line.get_color(), alpha=0.15)
        axes.set(title=f"{name}: {SHOWN} units of the last hidden layer", xlabel="step")
    panels[1].sharey(panels[0])
    panels[0].set_ylabel("input of the activation, mean and deviation")
    lines = {name: (steps, curves["drift"]) for name, curves in looks.items()}
    plots.curves(panels[2], lines, title="All units: distance from the start", xlabel="step", ylim=(0, None))
    panels[2].set_ylabel("standard deviations at the start")
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
