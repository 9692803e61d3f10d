"""Build the same perceptron in Keras, watch it take the same steps, and tune it.

Week 2, "Multilayer perceptron (MLP)".
Claim: from the same weights, on the same batches, the Keras functional model under our Momentum and the
       NumPy network take the same trajectory (1e-10 of the way from the start, float64, after every step);
       tuned, with dropout, augmentation and a falling learning rate, the test accuracy is at least 0.97
       (0.983 on mnist).
Cost:  30 s on 2 CPU cores; mnist 5 min.
Run:   suite run mlp_keras [--data tfds]
"""

import dataclasses
import math

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.backprop.losses import softmax_cross_entropy_derivative
from suite.backprop.network import Network, mlp, momentum_step
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.classification import classification_tables, confusion
from suite.evaluation.confusion_matrix import confusion_matrix
from suite.evaluation.metrics import accuracy
from suite.optimizers import Adam, Momentum
from suite.runs.recipe import Claim, Context, Result, classifier_export


@dataclasses.dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (100, 200)
    same_steps: int = 300  # taken side by side with the NumPy network
    steps: int = 6000  # of the tuned training
    batch_size: int = 128
    learning_rate: float = 2e-3  # at first; falls to 0 along a cosine
    dropout: float = 0.05
    augmentation: float = 0.5  # of turns by 0.25 rad, zooms by 0.1 and shifts by 0.1


SMOKE = Config(hidden=(20, 10), same_steps=5, steps=20)
DATA = ("embedded", "tfds")

RATE = 0.0625  # of the steps taken side by side
ROUNDS = 20  # of the tuned training, each with a look at validation

CLAIMS = (
    Claim("largest_step_gap", at_most=1e-10),
    Claim("test_accuracy", at_least=0.97, data="embedded"),
    Claim("test_accuracy", at_least=0.983, data="tfds"),
)


def build_model(
    shape: tuple[int, ...],
    hidden: tuple[int, ...],
    num_classes: int,
    dropout: float = 0.0,
    dtype: str = "float32",
) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input(shape, name="image", dtype="uint8")
    features = keras.layers.Flatten(dtype=dtype)(keras.ops.cast(image, dtype) / 255)
    for units in hidden:
        features = keras.layers.Dense(units, "relu", kernel_initializer="he_normal", dtype=dtype)(features)
        features = keras.layers.Dropout(dropout, dtype=dtype)(features)
    output = keras.layers.Dense(num_classes, "softmax", name="probabilities", dtype=dtype)
    return keras.Model(image, output(features), name="mlp")


def step_gaps(
    model: keras.Model,
    network: Network,
    images: np.ndarray,
    labels: np.ndarray,
    config: Config,
    rng: np.random.Generator,
) -> np.ndarray:
    """Distance of the two networks after each step, relative to the distance from the start.

    Both begin with the weights of `network` and take steps of momentum, 0.9, at a rate that float32, in which
    Keras keeps it, has exactly.
    """
    start = np.concatenate([parameter.ravel() for parameter in network.parameters])
    velocities = [np.zeros_like(parameter) for parameter in network.parameters]
    model.set_weights(network.parameters)
    model.compile(Momentum(RATE, 0.9), keras.losses.SparseCategoricalCrossentropy(dtype="float64"))
    gaps = []
    for _ in range(config.same_steps):
        batch = rng.integers(len(images), size=32)
        model.train_on_batch(images[batch], labels[batch])

        pixels = images[batch].reshape(32, -1) / 255
        network.backward(softmax_cross_entropy_derivative(network.forward(pixels), labels[batch]))
        momentum_step(network, velocities, RATE)

        weights, ours = (
            np.concatenate([array.ravel() for array in arrays])
            for arrays in (model.get_weights(), network.parameters)
        )
        gaps.append(np.abs(weights - ours).max() / np.abs(ours - start).max())
    return np.array(gaps)


def training_batches(images: np.ndarray, labels: np.ndarray, config: Config, seed: int) -> tf.data.Dataset:
    """Shuffled, augmented batches without end."""

    def augment(batch: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        share = config.augmentation
        turned = image_sets.random_affine(
            tf.cast(batch, tf.float32), turn=0.25 * share, zoom=0.1 * share, shift=0.1 * share
        )
        return tf.cast(tf.round(turned), tf.uint8), labels

    examples = tf.data.Dataset.from_tensor_slices((images, labels))
    shuffled = examples.shuffle(len(labels), seed=seed).repeat()
    return shuffled.batch(config.batch_size, drop_remainder=True).map(augment).prefetch(2)


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    data = image_sets.load(context.source, context.seed)
    images, labels, num_classes = data.images, data.labels, len(data.classes)
    shape = images["train"].shape[1:]
    network = mlp((math.prod(shape), *config.hidden, num_classes), rng, dtype=np.float64)
    same = build_model(shape, config.hidden, num_classes, dtype="float64")
    gaps = step_gaps(same, network, images["train"], labels["train"], config, rng)

    model = build_model(shape, config.hidden, num_classes, config.dropout)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    model.compile(Adam(schedule), "sparse_categorical_crossentropy")
    held_out = tf.data.Dataset.from_tensor_slices((images["validation"], labels["validation"]))
    curves = context.fit(
        model,
        training_batches(images["train"], labels["train"], config, context.seed),
        epochs=ROUNDS,
        steps_per_epoch=config.steps // ROUNDS,
        validation=held_out.batch(1000),
    )
    probabilities = {part: model.predict(images[part], verbose=0) for part in ("validation", "test")}

    return Result(
        metrics={
            "largest_step_gap": gaps.max(),
            **{
                f"{part}_accuracy": accuracy(outputs, labels[part]) for part, outputs in probabilities.items()
            },
        },
        figures={
            "trajectory": draw_gaps(gaps),
            "loss": plots.learning_curves(
                {"with augmentation, train": curves["train_loss"], "validation": curves["validation_loss"]},
                ylabel="loss (nats)",
                title=f"Tuned, {config.steps // ROUNDS} steps an epoch",
            ),
            "confusion": confusion_matrix(
                confusion(probabilities["test"], labels["test"], num_classes), data.classes
            ),
        },
        exports=[classifier_export(model, data)],
        data=data.describe(),
        tables=classification_tables(probabilities["test"], labels["test"], data.classes),
    )


def draw_gaps(gaps: np.ndarray) -> Figure:
    figure, axes = plots.new_figure("Keras against NumPy, from the same weights", width=8, height=3.4)
    lines = {"": (np.arange(1, len(gaps) + 1), gaps)}
    plots.curves(axes, lines, yscale="log", xlabel="step", ylabel="gap / way from the start")
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
