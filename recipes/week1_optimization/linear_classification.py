"""Classify with a hyperplane: which losses can be descended along, and softmax with cross-entropy.

Week 1, "Linear classification".
Claim: accuracy is flat (the same after a step of 1e-6 from at least 0.99 of 1,000 weights) and blind to
       confidence (weights times 0.01 to 100 change it by at most 0); points far on the right side turn the
       boundary by at least 10 degrees under the squared loss, at a cost of at least 0.04 of the accuracy, but
       by at most 3 degrees and 0.005 under its one-branch variants; K classifiers, one against the rest, have
       a test accuracy of at least 0.88 by arg max; softmax regression, by our gradient descent on wine and by
       L-BFGS on images, has scikit-learn's coefficients (1e-3) and accuracy (gap at most 0), at least 0.925
       on test images.
Cost:  15 s on 2 CPU cores, most of it the exports; mnist 6 min.
Run:   suite run linear_classification [--data tfds]
"""

import dataclasses
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression

from suite.data.sets import image_sets, tabular
from suite.data.splits import split_rows
from suite.evaluation import plots
from suite.evaluation.classification import classification_tables
from suite.evaluation.metrics import accuracy
from suite.linear.margin_losses import MARGIN_LOSSES, logistic, one_branch_squared_derivative, zero_one
from suite.linear.softmax_regression import fit_softmax_regression
from suite.optimizers import GradientDescent
from suite.runs.recipe import Claim, Context, Result, about, classifier_export


@dataclasses.dataclass(frozen=True)
class Config:
    rows: int = 300  # of the two-class sample
    outliers: int = 30  # confident and right
    steps: int = 3000  # of gradient descent, each on all rows
    rest_steps: int = 400  # the same on images
    l2_wine: float = 0.02
    l2: float = 3e-5  # of the softmax regression on images


SMOKE = Config(rows=40, outliers=4, steps=50, rest_steps=50, l2=1e-2)
DATA = ("embedded", "tfds")

CLAIMS = (
    *about(("embedded", "tfds"), Claim("accuracy_flat_share", at_least=0.99)),
    Claim("accuracy_change_with_confidence", at_most=0),
    *about(
        ("embedded", "tfds"),
        Claim("squared_turn_degrees", at_least=10),
        Claim("squared_accuracy_loss", at_least=0.04),
        Claim("one_branch_turn_degrees", at_most=3),
        Claim("one_branch_accuracy_loss", at_most=0.005),
        Claim("test_accuracy_one_against_rest", at_least=0.88),
        Claim("wine_coefficients_gap", at_most=1e-3),
        Claim("wine_accuracy_gap", at_most=0),
        Claim("image_coefficients_gap", at_most=1e-3),
        Claim("image_accuracy_gap", at_most=0),
        Claim("test_accuracy", at_least=0.925),
    ),
)


def two_classes(rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two long clouds beside x1 + x2 = 0, with a column of ones; labels of 1 and -1."""
    y = np.repeat([1, -1], rows // 2)
    across, along = [[0.5], [1.6]] * rng.normal(size=(2, len(y)))
    return np.column_stack([y + across + along, y + across - along, np.ones(len(y))]), y


def flatness(X: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """What accuracy and the logistic loss notice of a tiny step, and of more or less confidence."""
    W, directions = rng.normal(size=(2, X.shape[1], 1000))
    margins, stepped = (y[:, None] * (X @ weights) for weights in (W, W + 1e-6 * directions))
    scaled = [scale * y * (X @ W[:, 0]) for scale in (0.01, 1, 100)]
    metrics = {}
    for name, loss in {"accuracy": zero_one, "logistic": logistic}.items():
        metrics[f"{name}_flat_share"] = np.mean(loss(margins).mean(axis=0) == loss(stepped).mean(axis=0))
        metrics[f"{name}_change_with_confidence"] = np.ptp([loss(margins).mean() for margins in scaled])
    return metrics


def descend(
    X: np.ndarray, Y: np.ndarray, derivative: Callable[[np.ndarray], np.ndarray], steps: int
) -> np.ndarray:
    """Gradient descent on mean loss(Y * X W), one classifier a column of W and of Y, which holds 1 and -1."""
    W = np.zeros((X.shape[1], Y.shape[1]), X.dtype)
    curvature = 2 * np.linalg.eigvalsh(X.T @ X / len(X))[-1]  # of the squared loss, the steepest to curve
    for _ in range(steps):
        W -= X.T @ (Y * derivative(Y * (X @ W))) / (curvature * len(X))
    return W


def turn(name: str, far: np.ndarray, sample: tuple, fresh: tuple, steps: int) -> tuple:
    """The boundary `(3,)` that a loss leads to without and with the far points of class 1, the angle between
    the two in degrees, and the accuracy on fresh points that this costs."""
    more = np.concatenate([sample[0], far]), np.append(sample[1], np.ones(len(far)))
    fits = [descend(X, y[:, None], MARGIN_LOSSES[name][1], steps)[:, 0] for X, y in (sample, more)]
    angles = [np.degrees(np.arctan2(w2, w1)) for w1, w2, _ in fits]
    right = [np.mean(np.sign(fresh[0] @ weights) == fresh[1]) for weights in fits]
    return *fits, abs(angles[1] - angles[0]), right[0] - right[1]


def softmax(scores: tf.Tensor) -> tf.Tensor:
    """Scores of any size and sign -> probabilities `(batch, K)`."""
    exponentials = ops.exp(scores - ops.max(scores, axis=-1, keepdims=True))  # the shift cancels out
    return exponentials / ops.sum(exponentials, axis=-1, keepdims=True)


def score_loss(targets: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """Cross-entropy `(batch,)` of one-hot targets: minus the log-probability of the true class."""
    return -ops.sum(targets * ops.log(softmax(scores)), axis=-1)


def descend_softmax(
    X: np.ndarray, labels: np.ndarray, l2: float, steps: int, context: Context
) -> list[np.ndarray]:
    """Softmax regression the lecture's way: scores, softmax, cross-entropy, gradient descent on all rows."""
    targets = np.eye(labels.max() + 1)[labels]
    penalty = keras.regularizers.L2(l2 / 2)
    scores = keras.layers.Dense(targets.shape[1], kernel_initializer="zeros", kernel_regularizer=penalty)
    model = keras.Sequential([keras.Input(X.shape[1:]), scores])
    curvature = np.linalg.eigvalsh(X.T @ X / len(X))[-1] / 2 + l2  # at most: p (1 - p) summed over classes
    model.compile(GradientDescent(1 / curvature), score_loss)
    context.fit(model, tf.data.Dataset.from_tensors((X, targets)).repeat(), steps_per_epoch=steps)
    return model.get_weights()


def compare(
    name: str, kernel: np.ndarray, bias: np.ndarray, train: tuple, test: tuple, l2: float
) -> dict[str, float]:
    """Ours against scikit-learn's multinomial logistic regression of the same penalty."""
    theirs = LogisticRegression(C=1 / (l2 * len(train[0])), tol=1e-9, max_iter=10_000).fit(*train)
    accuracies = accuracy(test[0] @ kernel + bias, test[1]), theirs.score(*test)
    gaps = np.concatenate([kernel - theirs.coef_.T, [bias - theirs.intercept_]])
    return {
        f"{name}_coefficients_gap": np.abs(gaps).max() / np.abs(theirs.coef_).max(),
        f"{name}_accuracy_gap": abs(accuracies[0] - accuracies[1]),
    }


def wine_metrics(config: Config, context: Context) -> dict[str, float]:
    wine = tabular.load_wine()
    rows, _, others = split_rows(len(wine.targets), context.seed)
    X = (wine.features - wine.features[rows].mean(axis=0)) / wine.features[rows].std(axis=0)
    train, test = ((X[part], wine.targets[part]) for part in (rows, others))
    kernel, bias = descend_softmax(*train, l2=config.l2_wine, steps=config.steps, context=context)
    return compare("wine", kernel, bias, train, test, config.l2_wine)


def one_against_rest(pixels: Mapping, labels: Mapping, steps: int) -> float:
    """Test accuracy of K classifiers of 1 and -1, by arg max of their scores."""
    ones = {part: np.insert(X.astype(np.float32), 0, 1, axis=1) for part, X in pixels.items()}
    Y = 2 * np.eye(labels["train"].max() + 1, dtype=np.float32)[labels["train"]] - 1
    scores = ones["test"] @ descend(ones["train"], Y, one_branch_squared_derivative, steps)
    return accuracy(scores, labels["test"])


def build_model(shape: tuple[int, ...], num_classes: int) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input(shape, name="image", dtype="uint8")
    pixels = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    probabilities = keras.layers.Dense(num_classes, activation="softmax", name="probabilities")(pixels)
    return keras.Model(image, probabilities, name="softmax_regression")


def run(config: Config, context: Context) -> Result:
    rng = np.random.default_rng(context.seed)
    sample, fresh = two_classes(config.rows, rng), two_classes(10_000, rng)
    far = rng.normal(size=(config.outliers, 3)) * [0.5, 0.5, 0] + [12, 0, 1]  # on the right side
    turns = {name: turn(name, far, sample, fresh, config.steps) for name in MARGIN_LOSSES}
    metrics = {**flatness(*sample, rng), **wine_metrics(config, context)}
    for index, name in enumerate(("turn_degrees", "accuracy_loss"), start=2):
        metrics[f"squared_{name}"], *others = (row[index] for row in turns.values())
        metrics[f"one_branch_{name}"] = max(others)

    images = image_sets.load(context.source, context.seed)
    raw, labels, num_classes = images.images, images.labels, len(images.classes)
    pixels = {part: raw[part].reshape(len(raw[part]), -1) / 255 for part in raw}
    metrics["test_accuracy_one_against_rest"] = one_against_rest(pixels, labels, config.rest_steps)
    train, test = ((pixels[part], labels[part]) for part in ("train", "test"))
    kernel, bias = fit_softmax_regression(*train, num_classes, l2=config.l2)
    metrics.update(compare("image", kernel, bias, train, test, config.l2))

    model = build_model(raw["train"].shape[1:], num_classes)
    model.set_weights([kernel, bias])
    probabilities = model.predict(raw["test"], verbose=0)
    metrics["test_accuracy"] = accuracy(probabilities, labels["test"])

    return Result(
        metrics=metrics,
        figures={
            "losses": draw_losses(sample, far, turns),
            "weights": draw_weights(kernel.T.reshape(-1, *raw["train"].shape[1:]), images.classes),
        },
        exports=[classifier_export(model, images)],
        data=images.describe(),
        tables=classification_tables(probabilities, labels["test"], images.classes),
    )


def draw_losses(sample: tuple, far: np.ndarray, turns: dict) -> Figure:
    figure, (left, right) = plots.new_figure(width=11, columns=2)
    margins, ends = np.linspace(-2, 3, 251), np.array([-5, 15])
    left.plot(margins, zero_one(margins), color=plots.MUTED, label="wrong or not (1 - accuracy)")
    for (name, (loss, _)), style in zip(MARGIN_LOSSES.items(), ("-", "--", "-", "-"), strict=True):
        left.plot(margins, loss(margins), style, label=name)
    left.set(title="Loss of one point", xlabel="margin: label * score", ylabel="loss", ylim=(-0.1, 4.5))
    for points, marker in ((sample[0][sample[1] > 0], "+"), (sample[0][sample[1] < 0], "_"), (far, "+")):
        right.scatter(*points[:, :2].T, s=26, marker=marker, color=plots.MUTED, linewidths=1)
    for (name, (*fits, _, _)), color in zip(turns.items(), plots.COLORS, strict=False):
        for (w1, w2, bias), style, label in zip(fits, (":", "-"), (None, name), strict=True):
            right.plot(ends, -(w1 * ends + bias) / w2, style, color=color, label=label)
    right.set(title="Boundary without (dotted) and with far points", xlabel="x1", ylabel="x2", ylim=(-7, 7))
    left.legend(loc="upper center", frameon=False)
    right.legend(loc="upper right", frameon=False)
    return figure


def draw_weights(templates: np.ndarray, classes: tuple[str, ...]) -> Figure:
    pictures = np.clip(127.5 + 127.5 * templates / np.abs(templates).max(), 0, 255).astype(np.uint8)
    return plots.image_grid(pictures[..., 0], classes, columns=5, title="Ink on bright speaks for the class")


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
