"""Drop units at random in training: what it does to expectations, to overfitting and to inference.

Week 3, "Dropout".
Claim: over 4,000 masks the mean of each output of our layer is its input (its squared deviation, in squares
       of the standard error that theory gives, is 0.75 to 1.25 on average), and without the scaling the
       scores of a dense layer after it are off by the factor 1 - rate (to 0.01); the gradient passes through
       the same mask (1e-6); in inference two calls are at most 0 apart and the graph has at most 0 random
       operations, where the one of training has at least 2; networks trained on 100 digits, a tenth of them
       mislabeled, have with dropout at most 0.95 of the gap between validation and training loss that they
       have without, and of the validation loss; dropping 0.9 of the units is too much: at least 1.2 times
       the validation loss without; test accuracy after training on all digits at least 0.95.
Cost:  25 s on 2 CPU cores.
Run:   suite run dropout
"""

import dataclasses
import functools

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.layers import Dropout
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, at_most, classifier_export
from suite.training.side_by_side import fit_side_by_side, networks_side_by_side


@dataclasses.dataclass(frozen=True)
class Config:
    rate: float = 0.5
    masks: int = 4000  # of the layer alone
    draws: int = 10  # of a small set of digits
    examples: int = 100  # in each
    mislabeled: float = 0.1  # share of them
    hidden_units: int = 128  # in each of two layers
    steps: int = 400  # on a small set, each on all of it
    exported_steps: int = 1500  # on all training digits, in batches


SMOKE = Config(masks=100, draws=2, examples=30, hidden_units=8, steps=20, exported_steps=20)

RATES = (0.0, 0.25, 0.5, 0.75, 0.9)

CLAIMS = (
    Claim("standardized_square_deviation", at_least=0.75, at_most=1.25),
    Claim("unscaled_factor_error", at_most=0.01),
    Claim("gradient_gap", at_most=1e-6),
    *at_most(0, "inference_gap", "random_operations_in_inference"),
    Claim("random_operations_in_training", at_least=2),
    *at_most(0.95, "dropout_gap_over_plain", "dropout_loss_over_plain"),
    Claim("too_much_dropout_loss_over_plain", at_least=1.2),
    Claim("test_accuracy", at_least=0.95),
)


def expectations(config: Config, rng: np.random.Generator) -> tuple[dict[str, float], dict]:
    """Means of 1,000 outputs over many masks, with the scaling by 1 / (1 - rate) and without."""
    values = rng.uniform(1, 2, 1000).astype(np.float32)
    inputs = tf.tile(values[None], [config.masks, 1])
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = Dropout(config.rate)(inputs, training=True)
    gradient, scaled = tape.gradient(outputs, inputs).numpy(), outputs.numpy()
    kept = scaled != 0
    # One output is x / (1 - rate) with probability 1 - rate, else 0: its variance is x^2 rate / (1 - rate).
    standard_error = values * np.sqrt(config.rate / (1 - config.rate) / config.masks)
    deviations = (scaled.mean(axis=0, dtype=np.float64) - values) / standard_error
    weights = rng.uniform(0, 1, (1000, 10))
    factors = np.mean(kept * values @ weights, axis=0) / (values @ weights)
    metrics = {
        "standardized_square_deviation": np.mean(deviations**2),
        "unscaled_factor_error": np.abs(factors - (1 - config.rate)).max(),
        "gradient_gap": np.abs(gradient - scaled / values).max(),
    }
    counts = np.arange(1, config.masks + 1)
    running = {"scaled": scaled, "not scaled": kept * values}
    errors = {
        name: np.sqrt(np.mean((np.cumsum(each, axis=0) / counts[:, None] / values - 1) ** 2, axis=1))
        for name, each in running.items()
    }
    return metrics, errors


def random_operations(model: keras.Model, training: bool) -> int:
    """Counts them in the graph of a call, and in the functions that it calls."""
    call = tf.function(functools.partial(model, training=training))
    graph = call.get_concrete_function(tf.TensorSpec([1, *model.input.shape[1:]], tf.uint8)).graph
    graph = graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return sum("RandomUniform" in node.op for node in nodes)


def small_sets(digits: image_sets.ImageSet, config: Config, seed: int) -> dict[float, dict[str, np.ndarray]]:
    """By rate, losses `(draws,)` in nats after training on few digits, nothing dropped any more."""
    sets = image_sets.draw_samples(
        digits, {"train": config.examples}, draws=config.draws, seed=seed, mislabeled=config.mislabeled
    )
    cross_entropy = functools.partial(keras.losses.sparse_categorical_crossentropy, from_logits=True)
    losses = {}
    for rate in dict.fromkeys([*RATES, config.rate]):
        sizes = sets["train"][0].shape[2], config.hidden_units, len(digits.classes)
        networks = networks_side_by_side(
            config.draws, *sizes, hidden_layers=2, make_dropout=functools.partial(Dropout, rate)
        )
        fit_side_by_side(networks, Adam(3e-3), sets["train"], steps=config.steps, loss=cross_entropy)
        losses[rate] = {
            part: np.mean(cross_entropy(labels, networks(pixels)), axis=1)
            for part, (pixels, labels) in sets.items()
        }
    return losses


def build_model(shape: tuple, hidden_units: int, num_classes: int, rate: float) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input(shape, name="image", dtype="uint8")
    features = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    for _ in range(2):
        dense = keras.layers.Dense(hidden_units, "relu", kernel_initializer="he_normal")
        features = Dropout(rate)(dense(features))
    probabilities = keras.layers.Dense(num_classes, "softmax", name="probabilities")(features)
    return keras.Model(image, probabilities, name="dropout")


def run(config: Config, context: Context) -> Result:
    digits = image_sets.load_digits(context.seed)
    images, labels = digits.images, digits.labels
    metrics, errors = expectations(config, np.random.default_rng(context.seed))

    losses = small_sets(digits, config, context.seed)
    gaps = {rate: parts["validation"] - parts["train"] for rate, parts in losses.items()}
    means = {rate: {part: each.mean() for part, each in parts.items()} for rate, parts in losses.items()}
    plain, dropout, too_much = (means[rate] for rate in (0.0, config.rate, RATES[-1]))
    metrics |= {
        "dropout_gap_over_plain": gaps[config.rate].mean() / gaps[0.0].mean(),
        "dropout_loss_over_plain": dropout["validation"] / plain["validation"],
        "too_much_dropout_loss_over_plain": too_much["validation"] / plain["validation"],
    }

    model = build_model(images["train"].shape[1:], config.hidden_units, len(digits.classes), config.rate)
    model.compile(Adam(1e-3), "sparse_categorical_crossentropy")
    batches = shuffled((images["train"], labels["train"]), 64, context.seed).repeat()
    context.fit(model, batches, steps_per_epoch=config.exported_steps)
    once, again = (model(images["validation"]).numpy() for _ in range(2))
    metrics |= {
        "inference_gap": np.abs(once - again).max(),
        "random_operations_in_inference": random_operations(model, training=False),
        "random_operations_in_training": random_operations(model, training=True),
        "validation_accuracy": accuracy(once, labels["validation"]),
        "test_accuracy": accuracy(model(images["test"]).numpy(), labels["test"]),
    }

    return Result(
        metrics=metrics,
        figures={
            "rates": draw(errors, means, config),
            "gap": plots.draws(
                {f"rate {rate:g}": each for rate, each in gaps.items()},
                xlabel="nats",
                title="Overfitting: validation loss - training loss, a point a draw",
            ),
        },
        exports=[classifier_export(model, digits)],
        data=digits.describe(),
    )


def draw(errors: dict, means: dict, config: Config) -> Figure:
    figure, (left, right) = plots.new_figure(width=9.6, columns=2)
    counts = np.arange(1, config.masks + 1)
    theory = np.sqrt(config.rate / (1 - config.rate) / counts)
    lines = {name: (counts, each) for name, each in errors.items()} | {"theory": (counts, theory, ":")}
    plots.curves(left, lines, title="The mean over the masks", xlabel="masks", xscale="log", yscale="log")
    left.set_ylabel("relative distance from the input")
    rates = sorted(means)
    by_rate = {part: (rates, [means[rate][part] for rate in rates], "o-") for part in ("train", "validation")}
    plots.curves(right, by_rate, title=f"Networks trained on {config.examples} digits", xlabel="rate")
    right.set(ylabel="loss (nats)", ylim=(0, None))
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
