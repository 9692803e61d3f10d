"""Slide a kernel over images: what convolution computes, keeps, costs and sees, each measured.

Week 3, "Motivation for convolutional layers", "Understanding Convolutions".
Claim: our convolution equals TensorFlow's for all strides, paddings and channels, SciPy's correlation, with
       a flipped kernel SciPy's convolution, and a sparse matrix of shared weights (1e-12); that matrix has as
       many distinct values as the kernel weights (1 each) and 55/64 zeros (at least 0.859); an image shifted
       gives its outputs shifted (1e-12), with stride 2 only for even shifts (1 pixel: at least 0.1 of their
       length away); (W - F + 2P)/S + 1 and the parameter counts agree with Keras on 50 random layers, and
       calculated receptive fields with measured ones (0 mismatches); digits shifted by 3 pixels cost a dense
       network at least 0.3 of accuracy, a CNN that pools over all places at most 0.01, and change none of
       its probabilities (1e-5); its test accuracy is at least 0.95.
Cost:  25 s on 2 CPU cores.
Run:   suite run convolution
"""

import collections
import dataclasses
import functools
import itertools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure
from scipy.signal import convolve2d, correlate2d
from scipy.sparse import csr_array

from suite.backprop.convolution import convolution, output_size
from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.models.layer_summary import (
    convolution_parameters,
    dense_parameters,
    describe_layers,
    measure_receptive_field,
)
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, at_most, classifier_export


@dataclasses.dataclass(frozen=True)
class Config:
    random_layers: int = 50  # whose sizes and parameters are compared with Keras
    stacks: int = 5  # of layers, whose receptive fields are measured
    filters: tuple[int, int] = (16, 32)
    hidden_units: int = 64  # of the dense network
    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 5e-3  # at first; falls to 0 along a cosine


SMOKE = Config(random_layers=3, stacks=1, filters=(4, 4), epochs=1)

MARGIN = 3  # black pixels around the digits: how far they can be shifted

CLAIMS = (
    *at_most(
        1e-12, "tensorflow_gap", "scipy_correlation_gap", "flipped_scipy_convolution_gap", "sparse_matrix_gap"
    ),
    Claim("matrix_values_per_weight", at_least=1, at_most=1),
    Claim("matrix_zeros", at_least=0.859),
    *at_most(1e-12, "equivariance_gap", "stride_2_even_shift_gap"),
    Claim("stride_2_odd_shift_gap", at_least=0.1),
    *at_most(0, "arithmetic_mismatches", "receptive_field_mismatches"),
    Claim("dense_accuracy_lost_to_shift", at_least=0.3),
    Claim("cnn_accuracy_lost_to_shift", at_most=0.01),
    Claim("cnn_probability_change", at_most=1e-5),
    Claim("test_accuracy", at_least=0.95),
)


def by_scipy(operation: Callable[..., np.ndarray], X: np.ndarray, W: np.ndarray) -> np.ndarray:
    """A filter has a kernel for each channel, and what they give is summed."""
    channels, filters = map(range, W.shape[2:])
    sums = [[sum(operation(x[..., c], W[..., c, f], "valid") for c in channels) for f in filters] for x in X]
    return np.moveaxis(np.array(sums), 1, 3)  # (n, rows, columns, filters)


def equalities(rng: np.random.Generator) -> dict[str, float]:
    """The largest difference of our convolution to each other way to compute it, in float64."""
    gaps: dict[str, float] = collections.defaultdict(float)
    for stride, padding, channels in itertools.product((1, 2, 3), (0, 1, 2), (1, 2, 3)):
        X, W, b = (rng.normal(size=size) for size in ((2, 9, 11, channels), (3, 4, channels, 5), 5))
        zeros = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
        padded, rows = np.pad(X, zeros), slice(None, None, stride)
        ours = convolution(X, W, b, stride, padding)
        for name, theirs in (
            ("tensorflow_gap", tf.nn.conv2d(X, W, stride, zeros)),
            ("scipy_correlation_gap", by_scipy(correlate2d, padded, W)[:, rows, rows]),
            ("flipped_scipy_convolution_gap", by_scipy(convolve2d, padded, W[::-1, ::-1])[:, rows, rows]),
        ):
            gaps[name] = max(gaps[name], np.abs(ours - (theirs + b)).max())
    return gaps


def as_matrix(W: np.ndarray, size: int) -> np.ndarray:
    """The matrix of a linear map has, as columns, what it makes of the unit vectors: images of one 1."""
    units = np.eye(size * size * W.shape[2]).reshape(-1, size, size, W.shape[2])
    return convolution(units, W, np.zeros(W.shape[3])).reshape(len(units), -1).T


def matrix_facts(rng: np.random.Generator) -> dict[str, float]:
    X, W = rng.normal(size=(4, 8, 8, 3)), rng.normal(size=(3, 3, 3, 2))
    matrix = as_matrix(W, 8)
    products = csr_array(matrix) @ X.reshape(len(X), -1).T
    ours = convolution(X, W, np.zeros(2)).reshape(len(X), -1).T
    return {
        "sparse_matrix_gap": np.abs(products - ours).max(),
        "matrix_values_per_weight": len(np.unique(matrix[matrix != 0])) / W.size,
        "matrix_zeros": np.mean(matrix == 0),  # of 8x8 pixels a channel, an output looks at 3x3
    }


def equivariance(rng: np.random.Generator) -> dict[str, float]:
    """Shift, then convolve, against convolve, then shift; what came in over the border is cut off."""
    X, W, b = (rng.normal(size=shape) for shape in ((2, 15, 15, 3), (3, 3, 3, 4), (4,)))

    def gap(stride: int, shift: int, output_shift: int) -> float:
        before = convolution(X, W, b, stride)
        after = convolution(np.roll(X, (shift, shift), axis=(1, 2)), W, b, stride)
        inside = slice(output_shift + 1, None), slice(1, before.shape[1] - output_shift)
        moved, unshifted = (
            values[:, rows, rows] for values, rows in zip((after, before), inside, strict=True)
        )
        return float(np.linalg.norm(moved - unshifted) / np.linalg.norm(unshifted))

    return {
        "equivariance_gap": gap(stride=1, shift=3, output_shift=3),
        "stride_2_even_shift_gap": gap(stride=2, shift=2, output_shift=1),
        # Its outputs would have to move by half a step; no whole one is right.
        "stride_2_odd_shift_gap": min(gap(stride=2, shift=1, output_shift=steps) for steps in (0, 1)),
    }


def arithmetic_mismatches(count: int, rng: np.random.Generator) -> int:
    """Layers of which Keras says another output size or number of parameters than our calculators."""
    mismatches = 0
    for _ in range(count):
        drawn = rng.integers((8, 1, 1, 0, 1, 1, 1), (32, 8, 5, 4, 6, 20, 50)).tolist()
        size, kernel, stride, padding, channels, filters, units = drawn
        conv, dense = layers.Conv2D(filters, kernel, stride), layers.Dense(units)
        features = conv(layers.ZeroPadding2D(padding)(keras.Input((size, size, channels))))
        dense(layers.Flatten()(features))
        side = output_size(size, kernel, stride, padding)
        weights = convolution_parameters((kernel, kernel), channels, filters)
        dense_weights = dense_parameters(side * side * filters, units)
        keras_says = features.shape[1:], conv.count_params(), dense.count_params()
        mismatches += ((side, side, filters), weights, dense_weights) != keras_says
    return mismatches


def receptive_field_mismatches(count: int, seed: int, rng: np.random.Generator) -> int:
    """Random stacks of three layers for which the calculator and the derivative by the image differ."""
    mismatches = 0
    for number in range(count):
        features = image = keras.Input((64, 64, 1))
        for _ in range(3):
            size, stride = rng.integers((2, 1), (5, 3)).tolist()
            layer = rng.choice([functools.partial(layers.Conv2D, 2), layers.MaxPooling2D])
            features = layer(size, stride, str(rng.choice(["valid", "same"])))(features)
        model = keras.Model(image, features, name=f"random_stack_{number + 1}")
        measured = measure_receptive_field(model, model.layers[-1].name, seed=seed)
        mismatches += describe_layers(model)[-1].receptive_field != measured
    return mismatches


def build_model(name: str, shape: tuple[int, ...], hidden: list, num_classes: int) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input(shape, name="image", dtype="uint8")
    features = layers.Rescaling(1 / 255)(image)
    for layer in hidden:
        features = layer(features)
    probabilities = layers.Dense(num_classes, "softmax", name="probabilities")(features)
    return keras.Model(image, probabilities, name=name)


def answers_by_shift(model: keras.Model, digits: np.ndarray) -> np.ndarray:
    """Probabilities `(shifts, 4 ways, n, classes)`, shifts from 0 to `MARGIN` pixels."""
    offsets = [[(shift, 0), (-shift, 0), (0, shift), (0, -shift)] for shift in range(MARGIN + 1)]
    images = [[image_sets.on_canvas(digits, MARGIN, offset) for offset in four] for four in offsets]
    return np.array([[model.predict(shifted, verbose=0) for shifted in four] for four in images])


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    metrics = {
        **equalities(rng),
        **matrix_facts(rng),
        **equivariance(rng),
        "arithmetic_mismatches": arithmetic_mismatches(config.random_layers, rng),
        "receptive_field_mismatches": receptive_field_mismatches(config.stacks, context.seed, rng),
    }

    data = image_sets.load_digits(context.seed)
    labels = data.labels
    images = {part: image_sets.on_canvas(digits, MARGIN) for part, digits in data.images.items()}
    shape, num_classes = images["train"].shape[1:], len(data.classes)
    dense_layers = [layers.Flatten(), layers.Dense(config.hidden_units, "relu")]
    cnn_layers = [
        layers.ZeroPadding2D(6),  # then every place counts that sees some of the image: 7x7 pixels see 6 more
        layers.Conv2D(config.filters[0], 5, activation="relu"),
        layers.Conv2D(config.filters[1], 3, activation="relu"),
        layers.GlobalMaxPooling2D(),
    ]
    dense = build_model("dense", shape, dense_layers, num_classes)
    cnn = build_model("cnn", shape, cnn_layers, num_classes)
    by_shift = {}
    for model in (dense, cnn):
        batches = shuffled((images["train"], labels["train"]), config.batch_size, context.seed)
        schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.epochs * len(batches))
        model.compile(Adam(schedule), "sparse_categorical_crossentropy")
        context.fit(model, batches, epochs=config.epochs)
        answers = answers_by_shift(model, data.images["test"])
        accuracies = by_shift[model.name] = [accuracy(answer, labels["test"]) for answer in answers]
        metrics[f"{model.name}_accuracy_lost_to_shift"] = accuracies[0] - accuracies[-1]
        metrics[f"{model.name}_probability_change"] = np.abs(answers - answers[0]).max()
        metrics[f"{model.name}_parameters"] = model.count_params()
    for part in ("validation", "test"):
        metrics[f"{part}_accuracy"] = accuracy(cnn.predict(images[part], verbose=0), labels[part])

    return Result(
        metrics=metrics,
        figures={
            "matrix": draw_matrix(size=7),
            "equivariance": draw_features(cnn, data.images["test"][:1]),
            "shift": draw_accuracy(by_shift),
        },
        exports=[classifier_export(cnn, dataclasses.replace(data, images=images))],
        data=data.describe(),
    )


def draw_matrix(size: int) -> Figure:
    kernel = np.arange(1.0, 10).reshape(3, 3, 1, 1)
    figure, axes = plots.new_figure("A convolution as a matrix: few weights, all shared", 10, 5.6)
    inset = axes.inset_axes((0.03, 0.06, 0.26, 0.36))
    for panel, values in ((axes, as_matrix(kernel, size)), (inset, kernel[..., 0, 0])):
        panel.imshow(np.where(values == 0, np.nan, values), cmap="viridis", vmin=1, vmax=9)
        panel.grid(False)
    inset.set(title="kernel", xticks=(), yticks=())
    axes.set(xlabel=f"pixel of a {size}x{size} image, row by row", ylabel="output, row by row")
    return figure


def draw_features(cnn: keras.Model, digit: np.ndarray) -> Figure:
    """A digit at two places with the strongest features of the first convolution, at the same scale."""
    first = next(layer for layer in cnn.layers if isinstance(layer, layers.Conv2D))
    corners = (-MARGIN, -MARGIN), (MARGIN, MARGIN)
    places = np.concatenate([image_sets.on_canvas(digit, MARGIN, corner) for corner in corners])
    features = keras.Model(cnn.input, first.output).predict(places, verbose=0)
    strongest = np.argsort(-features[0].max(axis=(0, 1)))[:4]
    maps = features[..., strongest] * (255 / features[..., strongest].max(axis=(0, 1, 2)))
    border = (maps.shape[1] - places.shape[1]) // 2
    pictures = np.pad(places, ((0, 0), (border, border), (border, border), (0, 0)))
    rows = np.concatenate([pictures, maps], axis=3).astype(np.uint8).transpose(0, 3, 1, 2)
    captions = ["digit", *(f"feature {number + 1}" for number in strongest)] * 2
    title = "Equivariance: features move as the digit does"
    return plots.image_grid(rows.reshape(-1, *rows.shape[2:]), captions, columns=5, title=title)


def draw_accuracy(by_shift: dict[str, list[float]]) -> Figure:
    figure, axes = plots.new_figure("Trained on centered digits", width=7, height=3.6)
    lines = {name: (range(len(values)), values, "o-") for name, values in by_shift.items()}
    plots.curves(axes, lines, xlabel="shift of the test digits in pixels", ylabel="test accuracy")
    axes.set(ylim=(0, 1.03), xticks=range(MARGIN + 1))
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
