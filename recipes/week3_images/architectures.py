"""Build AlexNet, VGG, Inception and ResNet, and compare small ones on one budget.

Week 3, "Overview of modern CNN architectures": "1x1 Convolutions", "Basic Inception Block", "Residual
Connections".
Claim: AlexNet, VGG-16 and 19, Inception V3, ResNet-18, 34 and 50 have exactly the published numbers of
       parameters (0 off), VGG-19 and the ResNets the multiply-adds of He et al. (at most 0.1 billion off);
       with the same weights, VGG-16 and 19, Inception V3 and ResNet-50 give the logits of Keras Applications
       (1e-4 of the largest); without its 1x1 convolutions, an Inception block has at least 2.2 times the
       multiply-adds and parameters; of two 56-layer networks with the same initial weights and batches, the
       plain one ends at a training loss at least 2 times that of the residual one (cifar10: 1.05 times);
       small variants of the four families, whose numbers of parameters are at most 0.1 of the budget apart,
       are trained alike, and the best on validation has a test accuracy of at least 0.95 on digits, 0.4 on
       cifar10.
Cost:  2 min on 2 CPU cores; cifar10 5 min.
Run:   suite run architectures [--data tfds]
"""

import dataclasses
import functools
import gc
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite import console
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import Metric, accuracy
from suite.evaluation.table import Table
from suite.models import alexnet, inception, resnet, vgg
from suite.models.blocks import dense_classifier, pooled_classifier
from suite.models.layer_summary import multiplications
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Export, Result, Task, about, at_least


class Reference(NamedTuple):
    """A published network: how it is built, and what is known of it."""

    build: Callable[..., keras.Model]
    parameters: int
    keras_build: Callable[..., keras.Model] | None = None
    multiply_adds: float | None = None  # billions an image


REFERENCES = {
    "AlexNet": Reference(alexnet.AlexNet, 60_965_224),
    "VGG16": Reference(vgg.VGG16, 138_357_544, keras.applications.VGG16),
    "VGG19": Reference(vgg.VGG19, 143_667_240, keras.applications.VGG19, 19.6),
    "InceptionV3": Reference(inception.InceptionV3, 23_851_784, keras.applications.InceptionV3),
    "ResNet18": Reference(resnet.ResNet18, 11_689_512, multiply_adds=1.8),
    "ResNet34": Reference(resnet.ResNet34, 21_797_672, multiply_adds=3.6),
    "ResNet50": Reference(
        functools.partial(resnet.ResNet50, use_bias=True), 25_636_712, keras.applications.ResNet50, 3.8
    ),
    "ResNet50_without_biases": Reference(resnet.ResNet50, 25_557_032),
}


@dataclasses.dataclass(frozen=True)
class Config:
    references: tuple[str, ...] = tuple(REFERENCES)  # which are built and checked, at full size
    families: tuple[str, ...] = ("AlexNet", "VGG", "Inception", "ResNet")  # of the small variants
    blocks: int = 9  # of each stage of the deep networks: 6 * 9 + 2 = 56 layers
    deep_steps: int = 150
    parameters: int = 20000  # at most, of the small variants
    steps: int = 300
    learning_rate: float = 3e-3  # at first; falls to 0 along a cosine
    batch_size: int = 64


SMOKE = Config(("ResNet50",), ("AlexNet", "VGG"), blocks=1, deep_steps=10, parameters=3000, steps=10)
DATA = ("embedded", "tfds")

LOOK = 10  # steps whose mean loss is a point of a curve

CLAIMS = (
    Claim("parameters_off", at_most=0),
    Claim("multiply_adds_off", at_most=0.1),
    Claim("keras_gap", at_most=1e-4),
    *at_least(2.2, "multiply_adds_without_1x1", "parameters_without_1x1"),
    Claim("plain_loss_over_residual", at_least=2, data="embedded"),
    Claim("plain_loss_over_residual", at_least=1.05, data="tfds"),
    *about(("embedded", "tfds"), Claim("budget_spread", at_most=0.1)),
    Claim("test_accuracy", at_least=0.95, data="embedded"),
    Claim("test_accuracy", at_least=0.4, data="tfds"),
)


def count(model: keras.Model) -> tuple[int, int, int]:
    """Parameters, those that are trained, and the multiplications with weights for one image."""
    trained = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return model.count_params(), trained, multiplications(model)


def check_reference(reference: Reference, rng: np.random.Generator) -> dict[str, float]:
    """Counts of one published network, and its distance from Keras' with the same weights."""
    keras.backend.clear_session()
    gc.collect()  # the network before: half a gigabyte
    model = reference.build(classifier_activation=None)
    total, trained, products = count(model)
    # Keras' counts include the moving averages, the others do not.
    parameters, billions = total if reference.keras_build else trained, products / 1e9
    off = abs(parameters - reference.parameters)
    facts: dict[str, float] = {"parameters": parameters, "multiply_adds": billions, "parameters_off": off}
    if reference.multiply_adds:
        facts["multiply_adds_off"] = abs(billions - reference.multiply_adds)
    if reference.keras_build:
        theirs = reference.keras_build(weights=None, classifier_activation=None)
        for weight in filter(lambda weight: len(weight.shape) == 1, model.weights):
            weight.assign(rng.uniform(0.3, 2, weight.shape))  # 0 and 1 would hide a swap or a wrong epsilon
        theirs.set_weights(model.get_weights())
        images = rng.normal(size=(1, *model.input_shape[1:]))
        logits, expected = (either(images, training=False).numpy() for either in (model, theirs))
        facts["keras_gap"] = np.abs(logits - expected).max() / np.abs(expected).max()
    return facts


def cost_of_block(reduce: bool) -> np.ndarray:
    """Parameters and multiply-adds of Inception V3's first block, with or without its 1x1 convolutions."""
    features = keras.Input((35, 35, 192))
    block = inception.inception_a(features, 32, name="block", reduce=reduce)
    return np.array(count(keras.Model(features, block))[1:])


def small_alexnet(x: keras.KerasTensor, width: float, num_classes: int) -> keras.KerasTensor:
    filters, number = 2 * round(8 * width), 0
    while x.shape[1] > 3:
        number += 1
        x = alexnet.convolution(x, filters, 5 if number == 1 else 3, name=f"conv{number}")
        x = alexnet.normalize_and_pool(x, str(number))
    for towers in (1, 2, 2):
        number += 1
        x = alexnet.convolution(x, 2 * filters, 3, towers=towers, name=f"conv{number}")
    return dense_classifier(x, round(32 * width), num_classes, "softmax", dropout=0.1)


def small_vgg(x: keras.KerasTensor, width: float, num_classes: int) -> keras.KerasTensor:
    number = 0
    while x.shape[1] > 2:
        number += 1
        x = vgg.vgg_block(x, round(16 * width * min(number, 2)), 2, name=f"block{number}")
    return dense_classifier(x, round(32 * width), num_classes, "softmax", dropout=0.1)


def small_inception(x: keras.KerasTensor, width: float, num_classes: int) -> keras.KerasTensor:
    width /= 10
    x = inception.chain(x, [(192, 3, 1 if x.shape[1] < 16 else 2)], width)
    x = inception.inception_a(x, 32, name="mixed1", width=width)
    x = inception.inception_b(x, name="mixed2", width=width, padding="same")
    x = inception.inception_c(x, 128, name="mixed3", width=width)
    return pooled_classifier(x, num_classes, "softmax")


def small_resnet(
    x: keras.KerasTensor, width: float, num_classes: int, blocks: int = 2, residual: bool = True
) -> keras.KerasTensor:
    x = resnet.convolution(x, round(4 * width), 3, name="conv1", strides=1 if x.shape[1] < 16 else 2)
    filters = [round(4 * width * factor) for factor in (1, 2, 4)]
    x = resnet.small_image_stages(x, filters, blocks, residual=residual)  # 6 * blocks + 2 layers in all
    return pooled_classifier(x, num_classes, "softmax")


FAMILIES = {"AlexNet": small_alexnet, "VGG": small_vgg, "Inception": small_inception, "ResNet": small_resnet}


def build_model(data: image_sets.ImageSet, family: Callable, width: float, **settings: Any) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input(data.images["train"].shape[1:], name="image", dtype="uint8")
    probabilities = family(layers.Rescaling(1 / 127.5, -1)(image), width, len(data.classes), **settings)
    return keras.Model(image, probabilities, name=family.__name__)


def widest(data: image_sets.ImageSet, family: Callable, parameters: int) -> keras.Model:
    """The widest variant with at most so many trained parameters."""
    low, high = 0.25, 4.0
    for _ in range(7):
        middle = (low * high) ** 0.5
        fits = count(build_model(data, family, middle))[1] <= parameters
        low, high = (middle, high) if fits else (low, middle)
    return build_model(data, family, low)


def train(
    model: keras.Model, data: image_sets.ImageSet, steps: int, config: Config, context: Context
) -> list[float]:
    """Losses, each the mean of `LOOK` steps; the same seed gives the same batches."""
    rng, size = np.random.default_rng(context.seed), (steps, config.batch_size)
    rows = rng.integers(len(data.labels["train"]), size=size)
    batches = tf.data.Dataset.from_tensor_slices((data.images["train"][rows], data.labels["train"][rows]))
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    model.compile(Adam(schedule), "sparse_categorical_crossentropy")
    return context.fit(model, batches.repeat(), epochs=steps // LOOK, steps_per_epoch=LOOK)["train_loss"]


def part_accuracy(model: keras.Model, data: image_sets.ImageSet, part: str) -> float:
    return accuracy(model.predict(data.images[part], batch_size=500, verbose=0), data.labels[part])


def compare_deep(data: image_sets.ImageSet, config: Config, context: Context) -> dict[str, list[float]]:
    """Training losses of a residual network and the plain one of the same layers, weights and batches."""
    losses, start = {}, None
    for name, residual in (("residual", True), ("plain", False)):
        model = build_model(data, small_resnet, 1.0, blocks=config.blocks, residual=residual)
        start = start or model.get_weights()
        model.set_weights(start)
        losses[name] = train(model, data, config.deep_steps, config, context)
    return losses


def run(config: Config, context: Context) -> Result:
    if not set(config.references) <= set(REFERENCES):
        raise ValueError(f"expected references among {', '.join(REFERENCES)}, received {config.references}")
    rng = np.random.default_rng(context.seed)
    references = console.track(config.references, "published networks")
    facts = {name: check_reference(REFERENCES[name], rng) for name in references}
    worst = "parameters_off", "multiply_adds_off", "keras_gap"  # of no network: NaN, which is in no bound
    metrics = {key: max((row[key] for row in facts.values() if key in row), default=np.nan) for key in worst}
    without = cost_of_block(reduce=False) / cost_of_block(reduce=True)
    metrics["parameters_without_1x1"], metrics["multiply_adds_without_1x1"] = without

    data = image_sets.load(context.source, context.seed, name="cifar10")
    losses = compare_deep(data, config, context)
    ends = {name: float(np.mean(values[-3:])) for name, values in losses.items()}
    metrics |= {f"{name}_training_loss": end for name, end in ends.items()}
    metrics["plain_loss_over_residual"] = ends["plain"] / ends["residual"]

    models, costs, accuracies = {}, {}, {}
    for name in console.track(config.families, "small variants"):
        model = models[name] = widest(data, FAMILIES[name], config.parameters)
        train(model, data, config.steps, config, context)
        costs[name] = count(model)[1:]
        accuracies[name] = part_accuracy(model, data, "validation")
        metrics[f"{name.lower()}_validation_accuracy"] = accuracies[name]
    metrics["budget_spread"] = np.ptp([cost[0] for cost in costs.values()]) / config.parameters
    chosen = max(accuracies, key=lambda name: (accuracies[name], -costs[name][1]))
    metrics["validation_accuracy"] = accuracies[chosen]
    metrics["test_accuracy"] = part_accuracy(models[chosen], data, "test")

    metric = Metric("test_accuracy", lambda outputs, targets: accuracy(outputs["predictions"], targets))
    images, targets, calibration = data.images["test"], data.labels["test"], data.images["train"][:300]
    return Result(
        metrics=metrics,
        figures={"architectures": draw(losses, facts, costs, accuracies)},
        exports=[
            Export(models[chosen], images, calibration, targets, metric, data.classes, task=Task.CLASSIFIER)
        ],
        data=data.describe(),
        tables=[table_of_references(facts), table_of_families(costs, accuracies, chosen)],
    )


def table_of_references(facts: dict[str, dict]) -> Table:
    rows = []
    for name, row in facts.items():
        numbers = f"{row['parameters']:,}", f"{REFERENCES[name].parameters:,}", f"{row['multiply_adds']:.2f}"
        gap = f"{row['keras_gap']:.0e}" if "keras_gap" in row else ""
        rows.append((name.replace("_", " "), *numbers, gap))
    columns = ("network", "parameters", "published", "multiply-adds (billions)", "gap to Keras Applications")
    return Table("Published networks", columns, rows)


def table_of_families(costs: dict, accuracies: dict, chosen: str) -> Table:
    rows = [
        (name, f"{parameters:,}", f"{products:,}", f"{accuracies[name]:.4f}", "chosen" * (name == chosen))
        for name, (parameters, products) in costs.items()
    ]
    columns = ("small variant", "parameters", "multiply-adds", "validation accuracy", "")
    return Table("One budget of parameters and steps", columns, rows)


def draw(losses: dict, facts: dict, costs: dict, accuracies: dict) -> Figure:
    figure, (left, middle, right) = plots.new_figure(width=14, columns=3)
    lines = {name: (LOOK * np.arange(1, len(values) + 1), values) for name, values in losses.items()}
    plots.curves(left, lines, xlabel="step", ylabel="training loss (nats)", ylim=(0, None))
    left.set(title="Deep networks, same initial weights and batches")
    shown = {name: row for name, row in facts.items() if "without" not in name}  # at the same place
    published = {name: (row["multiply_adds"], row["parameters"] / 1e6, "o") for name, row in shown.items()}
    plots.curves(middle, published, xlabel="multiply-adds (billions)", ylabel="parameters (millions)")
    middle.set(title="Published networks", xscale="log", yscale="log")
    small = {name: (costs[name][1] / 1e6, share, "o") for name, share in accuracies.items()}
    plots.curves(right, small, xlabel="multiply-adds (millions)", ylabel="validation accuracy")
    right.set(title="Small variants: as many parameters and steps")
    for point in (*middle.lines, *right.lines):
        point.set_markersize(9)
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
