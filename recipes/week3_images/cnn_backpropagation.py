"""Go backward through a convolutional network by hand, and train one that way.

Week 3, "Backpropagation for CNN".
Claim: the gradient of a shared kernel is the sum of those that its places would have unshared (1e-12), and
       the derivative by the image a full convolution with the flipped kernel; max pooling gives each window's
       derivative to its winner, average pooling 1/N^2 to each pixel: both passes agree with TensorFlow
       (1e-12, float64) and with central differences (1e-7), and pooling keeps the sum of what it routes
       (1e-12); a network of two convolutions in NumPy has a test accuracy of at least 0.97.
Cost:  20 s on 2 CPU cores.
Run:   suite run cnn_backpropagation
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from suite.backprop import convolution, pooling
from suite.backprop.activations import softmax
from suite.backprop.gradient_check import numeric_gradient, relative_error
from suite.backprop.layers import Activate, Convolution, Dense, Flatten, Pooling
from suite.backprop.losses import softmax_cross_entropy_derivative
from suite.backprop.network import Network, train
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.classification import classification_tables
from suite.evaluation.metrics import accuracy
from suite.evaluation.table import Table
from suite.runs.recipe import Claim, Context, Result, at_most


@dataclasses.dataclass(frozen=True)
class Config:
    filters: tuple[int, ...] = (32, 64)
    epochs: int = 40
    batch_size: int = 32
    learning_rate: float = 0.05  # at first; falls to 0 along a cosine


SMOKE = Config(filters=(2, 3), epochs=1)

STRIDE, PADDING, SIZE = 2, 1, 3  # of the operations that are checked

CLAIMS = (
    *at_most(1e-12, "unshared_sum_gap", "tape_gap"),
    Claim("numeric_gap", at_most=1e-7),
    Claim("pooling_sum_gap", at_most=1e-12),
    Claim("test_accuracy", at_least=0.97),
)


def unshared_gradients(dZ: np.ndarray, X: np.ndarray, W: np.ndarray) -> np.ndarray:
    """A kernel of its own at every place: the gradient of each is its patch times the derivative there.

    Gives `(rows, columns, *kernel shape)`, summed over the examples.
    """
    padded = np.pad(X, ((0, 0), (PADDING, PADDING), (PADDING, PADDING), (0, 0)))
    gradients = np.zeros((*dZ.shape[1:3], *W.shape))
    for row, column in np.ndindex(dZ.shape[1:3]):
        top, left = STRIDE * row, STRIDE * column
        patch = padded[:, top : top + W.shape[0], left : left + W.shape[1]]
        gradients[row, column] = np.einsum("nhwc,nf->hwcf", patch, dZ[:, row, column])
    return gradients


def tape_gradients(
    function: Callable[..., tf.Tensor], arrays: list[np.ndarray], dZ: np.ndarray
) -> list[np.ndarray]:
    tensors = [tf.constant(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        output = function(*tensors)
    return [gradient.numpy() for gradient in tape.gradient(output, tensors, output_gradients=dZ)]


def check_convolution(rng: np.random.Generator) -> dict[str, list]:
    """Derivatives of a convolution by image, kernel and bias: ours, TensorFlow's, measured."""
    X, W, b = rng.normal(size=(2, 8, 7, 3)), rng.normal(size=(3, 2, 3, 4)), rng.normal(size=4)
    geometry, pads = (STRIDE, PADDING), [[0, 0], [PADDING] * 2, [PADDING] * 2, [0, 0]]
    dZ = rng.normal(size=convolution.convolution(X, W, b, *geometry).shape)
    d_kernel, d_bias = convolution.convolution_parameter_gradients(dZ, X, W, *geometry)
    ours = {
        "convolution, by the image": convolution.convolution_input_gradient(dZ, X, W, *geometry),
        "convolution, by the kernel": d_kernel,
        "convolution, by the bias": d_bias,
        "unshared kernels, summed": unshared_gradients(dZ, X, W).sum(axis=(0, 1)),
    }

    def by_tensorflow(X: tf.Tensor, W: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return tf.nn.conv2d(X, W, STRIDE, pads) + b

    arrays = [X, W, b]
    peers = tape_gradients(by_tensorflow, arrays, dZ)
    measured = [
        numeric_gradient(lambda: np.sum(dZ * convolution.convolution(X, W, b, *geometry)), array)
        for array in arrays
    ]
    order = (0, 1, 2, 1)
    return {name: [ours[name], peers[k], measured[k]] for name, k in zip(ours, order, strict=True)}


def check_pooling(rng: np.random.Generator) -> tuple[dict[str, list], float]:
    """The same for windows that overlap, and how far the sums of what comes in and goes out are apart."""
    X, checks, sums = rng.normal(size=(2, 7, 9, 3)), {}, []
    for kind, peer in (("max", tf.nn.max_pool2d), ("average", tf.nn.avg_pool2d)):
        dZ, *checks[f"{kind} pooling"] = check_kind(kind, peer, X, rng)
        sums.append(abs(checks[f"{kind} pooling"][0].sum() - dZ.sum()) / np.abs(dZ).sum())
    return checks, max(sums)


def check_kind(
    kind: str, peer: Callable[..., tf.Tensor], X: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    pool, backward = (getattr(pooling, f"{kind}_pooling{suffix}") for suffix in ("", "_backward"))
    dZ = rng.normal(size=pool(X, SIZE, STRIDE).shape)
    (by_tape,) = tape_gradients(lambda X: peer(X, SIZE, STRIDE, "VALID"), [X], dZ)
    measured = numeric_gradient(lambda: np.sum(dZ * pool(X, SIZE, STRIDE)), X)
    return dZ, backward(dZ, X, SIZE, STRIDE), by_tape, measured


def build_network(filters: tuple[int, ...], num_classes: int, rng: np.random.Generator) -> Network:
    """8x8 images; a max pooling to 4x4 and an average pooling to 2x2."""
    first, second = filters
    return Network(
        [
            Convolution(1, first, 3, rng, padding=1),
            Activate("relu"),
            Pooling("max", 2),
            Convolution(first, second, 3, rng, padding=1),
            Activate("relu"),
            Pooling("average", 2),
            Flatten(),
            Dense(2 * 2 * second, num_classes, rng, gain=1),
        ]
    )


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    pooled, pooling_sum_gap = check_pooling(rng)
    checks = check_convolution(rng) | pooled
    gaps = {name: [relative_error(ours, peer) for peer in peers] for name, (ours, *peers) in checks.items()}
    rows = [(name, *(f"{value:.1e}" for value in pair)) for name, pair in gaps.items()]

    digits = image_sets.load_digits(context.seed)
    images = {part: (raw / 255).astype(np.float32) for part, raw in digits.images.items()}
    network = build_network(config.filters, len(digits.classes), rng)
    parts = {part: (images[part], digits.labels[part]) for part in ("train", "validation")}
    rate, size = config.learning_rate, config.batch_size
    curves = train(network, parts, rng, epochs=config.epochs, batch_size=size, learning_rate=rate)
    scores = {part: network.forward(images[part]) for part in ("validation", "test")}
    return Result(
        metrics={
            "unshared_sum_gap": relative_error(
                checks["unshared kernels, summed"][0], checks["convolution, by the kernel"][0]
            ),
            "tape_gap": max(by_tape for by_tape, _ in gaps.values()),
            "numeric_gap": max(measured for _, measured in gaps.values()),
            "pooling_sum_gap": pooling_sum_gap,
            "parameters": sum(parameter.size for parameter in network.parameters),
            **{f"{part}_accuracy": accuracy(scores[part], digits.labels[part]) for part in scores},
        },
        figures={
            "routes": draw_routes(network, images["test"][:1], scores["test"][:1], digits.labels["test"][:1]),
            "loss": plots.learning_curves(curves, ylabel="cross-entropy (nats)", title="Loss"),
        },
        data=digits.describe(),
        tables=[
            Table(
                "Derivatives", ("of", "GradientTape", "central differences"), rows, "Relative gaps, float64."
            ),
            *classification_tables(softmax(scores["test"]), digits.labels["test"], digits.classes),
        ],
    )


def draw_routes(network: Network, image: np.ndarray, scores: np.ndarray, label: np.ndarray) -> Figure:
    """The cost's derivative by what lies between the layers, on its way back to the image."""
    network.forward(image)
    derivative, maps = softmax_cross_entropy_derivative(scores, label), []
    for layer in reversed(network.layers):
        derivative = layer.input_gradient(derivative)
        if isinstance(layer, (Pooling, Convolution)):
            maps.append(derivative[0, ..., 0])
    titles = (
        "the image", "into average pooling", "into convolution 2", "into max pooling", "into the network",
    )  # fmt: skip
    figure, panels = plots.new_figure("Derivative of the loss by what goes ...", 14, 3.4, columns=5)
    for axes, title, values in zip(panels, titles, (image[0, ..., 0], *maps), strict=True):
        limit = np.abs(values).max()
        axes.imshow(values, cmap="RdBu", vmin=-limit, vmax=limit)
        axes.set(title=title, xticks=(), yticks=())
        axes.grid(False)
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
