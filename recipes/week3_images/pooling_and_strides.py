"""Pool or stride: what that keeps of small shifts, loses of relations, and lets an output see.

Week 3, "Understanding Convolutions", "The Pooling Layer", "Strides".
Claim: our max and average pooling equal TensorFlow's (1e-12); on digits shifted by a pixel, at about the same
       number of parameters, pooled features move at most 0.8 times as far, relative to their length, as those
       of strides, and at most 0.7 times as far as those that are not reduced, and max pooling is at least
       0.05 more accurate than either; where the label is which of two figures is at the left, the maximum
       over all places of features that see 7x7 pixels leaves the answer the same when the figures are swapped
       (1e-6), right in 0.45 to 0.55 of new images, and features that see 15x15 pixels, or a weight for each
       place, make it right in at least 0.95; receptive fields grow as 2n + 1 without reduction,
       2^(n + 1) - 1 with strides and 3 * 2^n - 2 with pooling, calculated and measured (0 mismatches); test
       accuracy at least 0.95.
Cost:  40 s on 2 CPU cores.
Run:   suite run pooling_and_strides
"""

import dataclasses
import itertools

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure

from suite.backprop.pooling import average_pooling, max_pooling
from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.models.layer_summary import describe_layers, measure_receptive_field
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, at_least, at_most, classifier_export


@dataclasses.dataclass(frozen=True)
class Config:
    filters: tuple[int, int] = (16, 32)
    epochs: int = 20  # on the digits
    pairs: int = 1000  # of images, the two figures swapped, to learn the relation from
    relation_epochs: int = 10
    batch_size: int = 64
    learning_rate: float = 5e-3  # at first; falls to 0 along a cosine
    depth: int = 4  # layers whose receptive fields are measured


SMOKE = Config(filters=(4, 4), epochs=1, pairs=30, relation_epochs=1, depth=1)

MARGIN = 4  # black pixels around the digits: how far they can be shifted
SIDE, BORDER = 28, 7  # of the images with two figures; how far from the border the centers are, in pixels
REDUCTIONS = ("none", "strides", "max pooling", "average pooling")
# Two figures of the same size and the same brightness: a plus and a saltire.
FIGURES = np.array([[[0, 1, 0], [1, 1, 1], [0, 1, 0]], [[1, 0, 1], [0, 1, 0], [1, 0, 1]]]) * np.uint8(255)
RELATION_MODELS = {  # what each tells the relation of two figures from
    "small_field": "sees 7x7 pixels,\nmaximum over all places",
    "large_field": "sees 15x15 pixels,\nmaximum over all places",
    "places_kept": "sees 7x7 pixels,\na weight for each place",
}
# Pixels that an output sees after n convolutions of 3x3, by what follows each of them.
RECEPTIVE_FIELDS = {
    "none": lambda n: 2 * n + 1,
    "strides": lambda n: 2 ** (n + 1) - 1,
    "max pooling": lambda n: 3 * 2**n - 2,
}

CLAIMS = (
    *at_most(1e-12, "max_pooling_gap", "average_pooling_gap"),
    Claim("max_pooling_move_over_strides", at_most=0.8),
    Claim("max_pooling_move_over_none", at_most=0.7),
    Claim("average_pooling_move_over_strides", at_most=0.8),
    Claim("average_pooling_move_over_none", at_most=0.7),
    *at_least(0.05, "max_pooling_gain_over_strides", "max_pooling_gain_over_none"),
    Claim("small_field_change_when_swapped", at_most=1e-6),
    Claim("small_field_relation_accuracy", at_least=0.45, at_most=0.55),
    *at_least(0.95, "large_field_relation_accuracy", "places_kept_relation_accuracy"),
    Claim("receptive_field_mismatches", at_most=0),
    Claim("test_accuracy", at_least=0.95),
)


def equalities(rng: np.random.Generator) -> dict[str, float]:
    """The largest difference of our pooling to TensorFlow's, in float64."""
    gaps = {"max_pooling_gap": 0.0, "average_pooling_gap": 0.0}
    ways = ((max_pooling, tf.nn.max_pool2d), (average_pooling, tf.nn.avg_pool2d))
    for size, stride in itertools.product((1, 2, 3), (1, 2, 3)):
        X = rng.normal(size=(2, 9, 11, 3))
        for name, (ours, theirs) in zip(gaps, ways, strict=True):
            gap = np.abs(ours(X, size, stride) - theirs(X, size, stride, "VALID")).max()
            gaps[name] = max(gaps[name], gap)
    return gaps


def reduced_convolution(features: keras.KerasTensor, filters: int, reduction: str) -> keras.KerasTensor:
    """A convolution of 3x3 pixels and what halves the size after it, or in it."""
    stride = 2 if reduction == "strides" else 1
    features = layers.Conv2D(filters, 3, stride, "same", activation="relu")(features)
    pooling = {"max pooling": layers.MaxPooling2D, "average pooling": layers.AveragePooling2D}
    return pooling[reduction](2)(features) if reduction in pooling else features


def build_classifier(reduction: str, filters: tuple[int, int], num_classes: int) -> keras.Model:
    """Two convolutions, each followed by a halving of the size, and a weight for each feature and place.

    Without reduction there are 16 times as many places, so the last convolution gets fewer filters: about as
    many parameters.
    """
    if reduction == "none":
        filters = (filters[0], max(1, filters[1] // 8))
    image = keras.Input((8 + 2 * MARGIN, 8 + 2 * MARGIN, 1), name="image", dtype="uint8")
    features = layers.Rescaling(1 / 255)(image)
    for count in filters:
        features = reduced_convolution(features, count, reduction)
    vector = layers.Flatten(name="features")(features)
    probabilities = layers.Dense(num_classes, "softmax", name="probabilities")(vector)
    return keras.Model(image, probabilities, name=reduction.replace(" ", "_"))


def train(model: keras.Model, examples: tuple, epochs: int, config: Config, context: Context) -> None:
    batches = shuffled(examples, config.batch_size, context.seed)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, epochs * len(batches))
    model.compile(Adam(schedule), "sparse_categorical_crossentropy")
    context.fit(model, batches, epochs=epochs)


def by_shift(model: keras.Model, digits: np.ndarray, labels: np.ndarray) -> tuple[list, list]:
    """Accuracy, and how far the features move relative to their length, at 0 to `MARGIN` pixels."""
    both = keras.Model(model.input, [model.get_layer("features").output, model.output])
    unshifted = both.predict(image_sets.on_canvas(digits, MARGIN), 1000, verbose=0)[0]
    accuracies, displacements = [], []
    for shift in range(MARGIN + 1):
        offsets = ((shift, 0), (-shift, 0), (0, shift), (0, -shift))
        images = np.concatenate([image_sets.on_canvas(digits, MARGIN, offset) for offset in offsets])
        features, probabilities = both.predict(images, 1000, verbose=0)
        distances = np.linalg.norm(features.reshape(4, *unshifted.shape) - unshifted, axis=2)
        accuracies.append(accuracy(probabilities, np.tile(labels, 4)))
        displacements.append(np.mean(distances / np.linalg.norm(unshifted, axis=1)))
    return accuracies, displacements


def relation_pairs(rng: np.random.Generator) -> np.ndarray:
    """All images with the plus at the left of the saltire, `[:, 0]`, and with the two swapped, `[:, 1]`.

    They are so far apart that no 7x7 pixels have some of both, and so far from the border that each is seen
    by as many places of a network without padding.
    """
    spans = np.ndindex(SIDE, SIDE, 7, 5)
    places = np.array([(y, x, y + down - 3, x + right + 9) for y, x, down, right in spans])
    inside = np.all((places >= BORDER) & (places < SIDE - BORDER), axis=1)
    places = rng.permutation(places[inside])
    images = np.zeros((len(places), 2, SIDE, SIDE, 1), np.uint8)
    for pair, (y, x, other_y, other_x) in zip(images, places, strict=True):
        for image, figures in zip(pair, (FIGURES, FIGURES[::-1]), strict=True):
            image[y - 1 : y + 2, x - 1 : x + 2, 0] = figures[0]
            image[other_y - 1 : other_y + 2, other_x - 1 : other_x + 2, 0] = figures[1]
    return images


def build_relation_model(strides: tuple[int, ...], last: layers.Layer, name: str) -> keras.Model:
    """Three convolutions: of stride 1 they see 7x7 pixels, of strides 2, 2, 1 with the same weights 15x15."""
    image = keras.Input((SIDE, SIDE, 1), dtype="uint8")
    features = layers.Rescaling(1 / 255)(image)
    for stride in strides:
        features = layers.Conv2D(8, 3, stride, activation="relu")(features)
    return keras.Model(image, layers.Dense(2, "softmax")(last(features)), name=name)


def learn_relation(
    config: Config, context: Context, rng: np.random.Generator
) -> tuple[dict[str, float], np.ndarray]:
    """Trains three networks to tell which figure is at the left; gives the metrics and an example pair."""
    pairs = relation_pairs(rng)
    images, test = (part.reshape(-1, SIDE, SIDE, 1) for part in np.split(pairs, [config.pairs]))
    labels, test_labels = (np.arange(len(each)) % 2 for each in (images, test))
    metrics = {}
    strides = (1, 1, 1), (2, 2, 1), (1, 1, 1)
    last = layers.GlobalMaxPooling2D(), layers.GlobalMaxPooling2D(), layers.Flatten()
    for model in map(build_relation_model, strides, last, RELATION_MODELS):
        train(model, (images, labels), config.relation_epochs, config, context)
        probabilities = model.predict(test, 1000, verbose=0)
        metrics[f"{model.name}_relation_accuracy"] = accuracy(probabilities, test_labels)
        change = np.abs(probabilities[::2] - probabilities[1::2]).max()
        metrics[f"{model.name}_change_when_swapped"] = change
    return metrics, pairs[0]


def receptive_fields(depth: int, seed: int) -> tuple[dict[str, list[int]], int]:
    """Measured receptive fields by depth, and how many the calculator or the formula has otherwise."""
    measured, mismatches = {}, 0
    for reduction, formula in RECEPTIVE_FIELDS.items():
        features = image = keras.Input((96, 96, 1))
        for _ in range(depth):
            features = reduced_convolution(features, 1, reduction)
        model = keras.Model(image, features, name=reduction.replace(" ", "_"))
        calculated = {
            row.name: row.receptive_field[0] for row in describe_layers(model) if row.receptive_field
        }
        layers_each = (len(model.layers) - 1) // depth  # but for the input
        ends = [layer.name for layer in model.layers[layers_each::layers_each]]
        measured[reduction] = [measure_receptive_field(model, layer, seed=seed)[0] for layer in ends]
        for n, layer in enumerate(ends, 1):
            mismatches += not measured[reduction][n - 1] == calculated[layer] == formula(n)
    return measured, mismatches


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    fields, mismatches = receptive_fields(config.depth, context.seed)
    relation, example = learn_relation(config, context, rng)
    metrics = {**equalities(rng), **relation, "receptive_field_mismatches": mismatches}

    data = image_sets.load_digits(context.seed)
    images, labels = data.images, data.labels
    centered = {part: image_sets.on_canvas(digits, MARGIN) for part, digits in images.items()}
    models, accuracies, displacements, validation = {}, {}, {}, {}
    for reduction in REDUCTIONS:
        model = build_classifier(reduction, config.filters, len(data.classes))
        train(model, (centered["train"], labels["train"]), config.epochs, config, context)
        models[reduction] = model
        validation[reduction] = by_shift(model, images["validation"], labels["validation"])[0]
        accuracies[reduction], displacements[reduction] = by_shift(model, images["test"], labels["test"])
        metrics[f"{model.name}_parameters"] = model.count_params()
        metrics[f"{model.name}_accuracy_at_1_pixel"] = accuracies[reduction][1]
    for other in ("strides", "none"):
        metrics[f"max_pooling_gain_over_{other}"] = accuracies["max pooling"][1] - accuracies[other][1]
        for kind in ("max", "average"):
            metrics[f"{kind}_pooling_move_over_{other}"] = (
                displacements[f"{kind} pooling"][1] / displacements[other][1]
            )
    best = max(REDUCTIONS, key=lambda reduction: np.mean(validation[reduction][:2]))
    model = models[best]
    metrics |= {"validation_accuracy": validation[best][0], "test_accuracy": accuracies[best][0]}

    return Result(
        metrics=metrics,
        figures={
            "shift": draw_shifts(accuracies, displacements),
            "relation": draw_relation(example, relation),
            "receptive_field": draw_fields(fields),
        },
        exports=[classifier_export(model, dataclasses.replace(data, images=centered))],
        data=data.describe(),
    )


def draw_shifts(accuracies: dict[str, list[float]], displacements: dict[str, list[float]]) -> Figure:
    figure, panels = plots.new_figure("Trained on centered digits", 9.6, 3.8, columns=2)
    labels = ("test accuracy", "features move, relative to their length")
    for axes, values, ylabel in zip(panels, (accuracies, displacements), labels, strict=True):
        lines = {name: (range(len(numbers)), numbers, "o-") for name, numbers in values.items()}
        plots.curves(axes, lines, xlabel="shift of the test digits in pixels", ylabel=ylabel)
        axes.set(ylim=(0, None), xticks=range(MARGIN + 1))
    return figure


def draw_relation(example: np.ndarray, relation: dict[str, float]) -> Figure:
    figure, (left, middle, right) = plots.new_figure("Which figure is at the left?", 10.5, 3.2, columns=3)
    for axes, image, title in zip((left, middle), example, ("plus", "saltire"), strict=True):
        axes.imshow(image[..., 0], cmap="gray")
        axes.set_axis_off()
        axes.set_title(title)
    values = [relation[f"{name}_relation_accuracy"] for name in RELATION_MODELS]
    bars = right.barh(list(RELATION_MODELS.values()), values, color=plots.COLORS[:3], height=0.6)
    right.bar_label(bars, fmt="%.2f", label_type="center", color="white")
    right.set(xlim=(0, 1), xlabel="accuracy on new places")
    right.invert_yaxis()
    return figure


def draw_fields(fields: dict[str, list[int]]) -> Figure:
    title = "Halving the size after each convolution widens what the next one sees"
    figure, axes = plots.new_figure(title, width=8, height=3.8)
    lines = {name: (range(1, len(sizes) + 1), sizes, "o-") for name, sizes in fields.items()}
    plots.curves(axes, lines, xlabel="convolutions of 3x3", ylabel="side of the receptive field, pixels")
    axes.set_xticks(range(1, max(map(len, fields.values())) + 1))
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
