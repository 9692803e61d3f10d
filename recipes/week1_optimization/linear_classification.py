# %% [markdown]
# # Draw a flat boundary between classes
#
# A linear classifier gives each class a score and takes the largest. Which line comes out depends on the
# loss: we look for one that can be descended along, and that leaves confident right answers alone.
#
# *Week 1, "Linear classification". Takes 20 s on 2 CPU cores, most of it the exports; mnist 2 min. `suite run
# linear_classification [--data tfds | --data wines.csv --target kind]`*
#
# ## Why the loss is the lesson
#
# Every classifier cuts the space of inputs into regions, one for each class. A linear one cuts it with flat
# walls, which leaves little to choose. So all that makes one linear classifier better than another is what we
# ask of it in training, and there the obvious wishes fail: one cannot descend along "be right as often as
# possible", and "come close to 1 or -1" punishes the points about which the model is surest. What the lecture
# ends with, softmax and cross-entropy, ends every classifier of this course, however deep.
#
# ## The method
#
# **Two classes.** Label them 1 and -1, put a 1 in front of each example for the bias, and answer with the
# *sign* of the score `s = x w` (the notes say "sine"; sign is meant). The **margin** `m = y s` is positive
# where the answer is right, and large where the classifier is sure of it. The losses differ in what they make
# of a margin:
#
#     margin m                    -1      0      1      3
#     wrong or not                 1      1      0      0      flat: nothing to descend along
#     squared, (1 - m)^2           4      1      0      4      rises again for the surest right answers
#     its left branch              4      1      0      0
#     hinge, max(1 - m, 0)         2      1      0      0      the support vector machine
#     logistic, log(1 + e^-m)   1.31   0.69   0.31   0.05      logistic regression
#
# With labels of 1 and -1, `(1 - m)^2` is the squared error `(y - s)^2`.
#
# **K classes.** Give each class a column of `W`, and an example K scores `z = x W`. Scores have any sign and
# size. The **softmax** makes probabilities of them in two steps: `e^z` is positive, and dividing by the sum
# makes it add up to 1. The **cross-entropy** is minus the logarithm of the probability of the true class.
# Together they have a derivative that one can remember:
#
#     scores [0, log 3]     powers [1, 3]     probabilities [1/4, 3/4]
#     true class 0:  loss -log(1/4) = 1.39 nats      its derivative by the scores [1/4 - 1, 3/4] = [-3/4, 3/4]
#
# **Probabilities minus the one-hot label.** A step down raises the true score by what its probability lacks
# of 1, and lowers the others by what they have too much.

# %%
import dataclasses
from collections.abc import Callable
from typing import Annotated

import keras
import numpy as np
from matplotlib.figure import Figure
from scipy import spatial, stats
from sklearn.linear_model import LogisticRegression

from suite.data.sets import image_sets, tabular
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.linear.margin_losses import MARGIN_LOSSES
from suite.linear.softmax_regression import fit_softmax_regression
from suite.runs import own_table
from suite.runs.recipe import Claim, Context, Result, about, classifier_export

LOSSES: dict[str, tuple[Callable, Callable]] = {  # of a margin, each with its derivative
    "squared": (lambda m: (1 - m) ** 2, lambda m: -2 * (1 - m)),
    "one-branch squared": (lambda m: np.maximum(1 - m, 0) ** 2, lambda m: -2 * np.maximum(1 - m, 0)),
    "hinge": (lambda m: np.maximum(1 - m, 0), lambda m: np.where(m < 1, -1.0, 0.0)),
    "logistic": (lambda m: np.logaddexp(0, -m), lambda m: -1 / (1 + np.exp(m))),
}


def descend(X: np.ndarray, Y: np.ndarray, loss: str, steps: int) -> np.ndarray:
    """Descent on mean loss(Y * X W); one classifier a column of W, and of Y, which holds 1 and -1."""
    W = np.zeros((X.shape[1], Y.shape[1]), X.dtype)
    rate = 1 / (2 * np.linalg.eigvalsh(X.T @ X / len(X))[-1])  # suits the squared loss, the most curved one
    for _ in range(steps):
        W -= rate * X.T @ (Y * LOSSES[loss][1](Y * (X @ W))) / len(X)
    return W


def softmax(scores: np.ndarray) -> np.ndarray:
    """Scores (n, K) of any sign and size to probabilities.

    >>> softmax(np.log([[1, 3]])).round(2).tolist()
    [[0.25, 0.75]]
    """
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))  # the largest is 1: no overflow
    return powers / powers.sum(axis=1, keepdims=True)


def cross_entropy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean of minus the logarithm of the true class's probability, in nats."""
    return -float(np.mean(np.log(softmax(scores)[np.arange(len(labels)), labels])))


def softmax_regression(X: np.ndarray, labels: np.ndarray, l2: float, steps: int) -> np.ndarray:
    """Weights (1 + p, K) for X with a column of ones in front; all but the biases are kept small by l2."""
    one_hot = np.eye(labels.max() + 1)[labels]
    W, penalty = np.zeros((X.shape[1], one_hot.shape[1])), l2 * np.arange(X.shape[1]).clip(max=1)[:, None]
    rate = 1 / (np.linalg.eigvalsh(X.T @ X / len(X))[-1] / 2 + l2)  # p (1 - p) summed is at most 1/2
    for _ in range(steps):
        W -= rate * (X.T @ (softmax(X @ W) - one_hot) / len(X) + penalty * W)
    return W


# %% [markdown]
# ## Regions, rough and flat
#
# The sample of the next sections: two long clouds of points beside the line `x1 + x2 = 0`. No classifier is
# better here than that line, since both clouds have the same shape. We set a classifier beside it whose walls
# may have any form: each point of the plane gets the class of the training example nearest to it.


# %%
def two_classes(rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points (rows, 3) with a column of ones in front; labels of 1 and -1."""
    y = np.repeat([1, -1], rows // 2)
    across, along = [[0.5], [1.6]] * rng.normal(size=(2, len(y)))
    return np.column_stack([np.ones(len(y)), y + across + along, y + across - along]), y


def lost_by_nearest(rows: int, rng: np.random.Generator) -> float:
    """Its accuracy on fresh points below that of the flat boundary; mean of twenty samples."""
    lost = []
    for _ in range(20):
        (X, y), (new_X, new_y) = two_classes(rows, rng), two_classes(10_000, rng)
        flat = np.sign(new_X @ descend(X, y[:, None], "logistic", 1000)[:, 0])
        lost.append(np.mean(flat == new_y) - np.mean(y[spatial.KDTree(X).query(new_X)[1]] == new_y))
    return np.mean(lost)


# %% [markdown]
# ## Can one descend along accuracy?
#
# The share of wrong answers changes only when an example crosses the boundary. In between it is constant, so
# its derivative is zero nearly everywhere. To see what that means for training, we do the same to the share
# of wrong answers as to the logistic loss: measure the slope by moving each weight a little to both sides,
# take a step down, a hundred times, from 200 random starts.


# %%
def descend_numerically(X: np.ndarray, y: np.ndarray, loss: Callable, W: np.ndarray) -> np.ndarray:
    """Accuracies (starts,) after the steps; a start is a column of W."""

    def cost(W: np.ndarray) -> np.ndarray:
        return loss(y[:, None] * (X @ W)).mean(axis=0)

    moves = 1e-6 * np.eye(3)[:, :, None]
    for _ in range(100):
        W = W - np.array([cost(W + move) - cost(W - move) for move in moves]) / 2e-6
    return np.mean(y[:, None] * (X @ W) > 0, axis=0)


# %% [markdown]
# ## Points that are too right
#
# Thirty further examples of class 1, far out on the right side, where no line could miss them. They say
# nothing about where the boundary is. For each loss we fit once without and once with them, and measure by
# how much the boundary turns and what that costs on 10,000 fresh points.


# %%
def turn(loss: str, far: np.ndarray, sample: tuple, fresh: tuple, steps: int) -> tuple:
    """The weights (3,) without and with the far points, the angle between them, the accuracy they cost."""
    more = np.concatenate([sample[0], far]), np.append(sample[1], np.ones(len(far)))
    fits = [descend(X, y[:, None], loss, steps)[:, 0] for X, y in (sample, more)]
    angles = [np.degrees(np.arctan2(w2, w1)) for _, w1, w2 in fits]
    right = [np.mean(np.sign(fresh[0] @ weights) == fresh[1]) for weights in fits]
    return *fits, abs(angles[1] - angles[0]), right[0] - right[1]


# %% [markdown]
# ## Ten classes
#
# Images are rows of pixels, and both ways of the lecture take the arg max of ten scores. *One against the
# rest* trains ten separate classifiers of 1 and -1 with the left branch of the squared loss; their scores
# were never compared with each other in training. *Softmax regression* trains the ten together. In Keras it
# is one dense layer, compiled with `"sparse_categorical_crossentropy"` ("sparse": labels are numbers and not
# one-hot rows); [mlp_keras](mlp_keras.md) trains one that way, with layers below it.
#
# The loss is convex: there is one minimum, whoever looks for it. On images a plain descent takes long, so
# here `suite.linear.softmax_regression` solves the same problem to the end by L-BFGS, which learns the
# curvature from the last steps. The next recipe is about descent itself.


# %%
def build_model(shape: tuple[int, ...], num_classes: int) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input(shape, name="image", dtype="uint8")
    pixels = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    dense = keras.layers.Dense(num_classes, "softmax", name="probabilities")
    return keras.Model(image, dense(pixels), name="softmax_regression")


def one_against_rest(train: np.ndarray, labels: np.ndarray, test: np.ndarray, steps: int) -> np.ndarray:
    Y = 2 * np.eye(labels.max() + 1, dtype=train.dtype)[labels] - 1
    ones, test_ones = (np.insert(X, 0, 1, axis=1) for X in (train, test))
    return test_ones @ descend(ones, Y, "one-branch squared", steps)


# %% [markdown]
# ## Is it right?
#
# Two checks in one number. Our softmax regression finds the coefficients that scikit-learn finds for 178
# wines from three cultivars, and the four losses are those of `suite.linear.margin_losses`.


# %%
def reference_gap(l2: float, steps: int) -> float:
    wine = tabular.load_wine()
    X, labels, margins = stats.zscore(wine.features), wine.targets, np.linspace(-5, 5, 101)
    ours = softmax_regression(np.insert(X, 0, 1, axis=1), labels, l2, steps)
    theirs = LogisticRegression(C=1 / (l2 * len(X)), tol=1e-9, max_iter=10_000).fit(X, labels)
    off = ours.T - np.column_stack([theirs.intercept_, theirs.coef_])
    pairs = zip(LOSSES.values(), MARGIN_LOSSES.values(), strict=True)
    gaps = [one(margins) - other(margins) for each in pairs for one, other in zip(*each, strict=True)]
    return max(np.abs(off).max() / np.abs(ours).max(), np.abs(gaps).max())


# %% The figures
def draw_losses(sample: tuple, far: np.ndarray, turns: dict[str, tuple]) -> Figure:
    figure, (left, right) = plots.new_figure(width=11, columns=2)
    margins, ends = np.linspace(-2, 3, 251), np.array([-5, 15])
    left.plot(margins, margins < 0, color=plots.MUTED, label="wrong or not (1 - accuracy)")
    for (name, (loss, _)), style in zip(LOSSES.items(), ("-", "--", "-", "-"), strict=True):
        left.plot(margins, loss(margins), style, label=name)
    left.set(title="Loss of one point", xlabel="margin: label * score", ylabel="loss", ylim=(-0.1, 4.5))
    for points, marker in ((sample[0][sample[1] > 0], "+"), (sample[0][sample[1] < 0], "_"), (far, "+")):
        right.scatter(*points[:, 1:].T, s=26, marker=marker, color=plots.MUTED, linewidths=1)
    for (name, (*fits, _, _)), color in zip(turns.items(), plots.COLORS, strict=False):
        for (bias, w1, w2), style, label in zip(fits, (":", "-"), (None, name), strict=True):
            right.plot(ends, -(w1 * ends + bias) / w2, style, color=color, label=label)
    right.set(title="Boundary without (dotted) and with far points", xlabel="x1", ylabel="x2", ylim=(-7, 7))
    left.legend(loc="upper center", frameon=False)
    right.legend(loc="upper right", frameon=False)
    return figure


def draw_regions(flat: np.ndarray, X: np.ndarray, y: np.ndarray) -> Figure:
    figure, axes = plots.new_figure("Class of the nearest example (shaded), and a flat boundary", height=5)
    grid = np.stack([np.ones((200, 200)), *np.meshgrid(*[np.linspace(-6, 6, 200)] * 2)], axis=2)
    rough = y[spatial.KDTree(X).query(grid)[1]]
    axes.contourf(*grid.T[1:], rough.T, levels=[-2, 0, 2], colors=plots.COLORS, alpha=0.25)
    axes.contour(*grid.T[1:], (grid @ flat).T, levels=[0], colors=plots.INK)
    for label, marker in ((1, "+"), (-1, "_")):
        axes.scatter(*X[y == label, 1:].T, s=26, marker=marker, color=plots.MUTED, linewidths=1)
    axes.set(xlabel="x1", ylabel="x2", xlim=(-6, 6), ylim=(-6, 6), aspect="equal")
    return figure


def draw_weights(templates: np.ndarray, classes: tuple[str, ...]) -> Figure:
    pictures = np.clip(127.5 + 127.5 * templates / np.abs(templates).max(), 0, 255).astype(np.uint8)
    return plots.image_grid(pictures[..., 0], classes, columns=5, title="Ink on bright speaks for the class")


# %% [markdown]
# ## Run it
#
# Digits, or a table of yours: of `--data wines.csv --target kind` the columns of numbers are standardized,
# and a softmax regression gives the class, with the penalty that is best on validation rows.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    rows: Annotated[int, "points of the two classes"] = 300
    far: Annotated[int, "points far out on the right side"] = 30
    steps: Annotated[int, "of gradient descent, each on all rows"] = 3000
    l2: Annotated[float, "strength of the penalty on squared weights, on images"] = 3e-5
    target: Annotated[str | None, "column of your own CSV file: its name, or its number from 1"] = None


SMOKE = Config(rows=40, far=4, steps=50, l2=1e-2)
DATA = ("embedded", "tfds", "path")


def run(config: Config, context: Context) -> Result:
    if config.target or context.source.path:
        return own_table.classification(context, config.target)
    rng = np.random.default_rng(context.seed)
    sample, fresh = two_classes(config.rows, rng), two_classes(10_000, rng)
    far = rng.normal(size=(config.far, 3)) * [0, 0.5, 0.5] + [1, 12, 0]  # on the right side
    turns = {name: turn(name, far, sample, fresh, config.steps) for name in LOSSES}
    squared, *others = turns.values()
    starts = rng.normal(size=(3, 200))
    along = [descend_numerically(*sample, loss, starts) for loss in (LOSSES["logistic"][0], lambda m: m <= 0)]

    data = image_sets.load(context.source, context.seed)
    labels, num_classes = data.labels, len(data.classes)
    pixels = {part: (raw.reshape(len(raw), -1) / 255).astype("float32") for part, raw in data.images.items()}
    kernel, bias = fit_softmax_regression(pixels["train"], labels["train"], num_classes, l2=config.l2)
    model = build_model(data.images["train"].shape[1:], num_classes)
    model.set_weights([kernel, bias])
    probabilities = model.predict(data.images["test"], verbose=0)
    scores = (pixels["test"] @ kernel + bias).astype("float64")
    nats, sure = (cross_entropy(scale * scores, labels["test"]) for scale in (1, 10))
    separate = one_against_rest(pixels["train"], labels["train"], pixels["test"], steps=400)
    return Result(
        metrics={
            "nearest_accuracy_loss": lost_by_nearest(config.rows, rng),
            "gain_over_descending_accuracy": along[0].mean() - along[1].mean(),
            "squared_turn_degrees": squared[2],
            "squared_accuracy_loss": squared[3],
            "one_branch_turn_degrees": max(each[2] for each in others),
            "one_branch_accuracy_loss": max(each[3] for each in others),
            "sure_over_trained_nats": sure / nats,
            "test_accuracy": accuracy(probabilities, labels["test"]),
            "test_accuracy_one_against_rest": accuracy(separate, labels["test"]),
            "reference_gap": reference_gap(0.02, config.steps),
        },
        figures={
            "regions": draw_regions(turns["logistic"][0], *sample),
            "losses": draw_losses(sample, far, turns),
            "weights": draw_weights(kernel.T.reshape(-1, *data.images["train"].shape[1:]), data.classes),
        },
        exports=[classifier_export(model, data)],
        data=data.describe(),
    )


# %% [markdown]
# ## What was measured
#
# ![Two clouds of points; a straight line, and shaded regions with a ragged border](figures/regions.png)
#
# The ragged border is right on every training example, and follows each one that lies on the wrong side by
# chance. More room for the boundary is no gain where the truth is flat:
# [overfitting_and_validation](overfitting_and_validation.md) is about that.
#
# ![Losses over the margin; the boundaries of each loss with and without the far points](figures/losses.png)
#
# On the left, follow the curves to the right of margin 1: the squared loss alone rises. On the right is what
# comes of it: to lower the scores of the far points it turns its boundary toward them, and gives up examples
# that it had right.
#
# ![The ten columns of weights as pictures](figures/weights.png)
#
# A column of `W` is a picture: where ink raises the score, and where it lowers it.
#
# Ten classifiers and one softmax regression are not a contest here. They differ in loss, in penalty and in
# how long they are trained; both are claims of their own.

# %%
CLAIMS = (
    *about(
        ("embedded", "tfds"),
        Claim(
            "nearest_accuracy_loss",
            at_least=0.005,
            says="A rough boundary, drawn around each training example, is right less often on fresh points "
            "than a flat one.",
            lecture="The boundaries of these regions can be rough or smooth",
        ),
        Claim(
            "gain_over_descending_accuracy",
            at_least=0.35,
            says="Descending along the logistic loss leads to a far better accuracy than descending along "
            "the accuracy itself.",
            lecture="It is not differentiable",
        ),
        Claim(
            "sure_over_trained_nats",
            at_least=1.5,
            says="Scores ten times as large have the same accuracy, and a much worse cross-entropy.",
            lecture="Doesn't assess model confidence",
        ),
        Claim(
            "squared_turn_degrees",
            at_least=10,
            says="Thirty points far out on the right side turn the boundary of the squared loss",
            lecture="We penalize it for high confidence, and that's not very good",
        ),
        Claim("squared_accuracy_loss", at_least=0.04, says="at a cost of 4 in 100 answers on fresh points;"),
        Claim(
            "one_branch_turn_degrees",
            at_most=3,
            says="they hardly turn that of its left branch, of the hinge or of the logistic loss,",
            lecture="what if we just take one branch of it",
        ),
        Claim("one_branch_accuracy_loss", at_most=0.005, says="which costs no more than 5 in 1000."),
        Claim(
            "test_accuracy_one_against_rest",
            at_least=0.88,
            says="Ten classifiers trained apart read digits by the largest of their scores,",
            lecture="assign the sample the class which gives the largest score",
        ),
        Claim(
            "test_accuracy",
            at_least=0.925,
            says="and one softmax regression reads them, too.",
            lecture="a minus log of the predicted class probability for the true class",
        ),
        Claim(
            "reference_gap",
            at_most=1e-3,
            says="Our descent finds scikit-learn's coefficients, and our losses are those of suite.linear.",
        ),
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run linear_classification --far 3`: three far points instead of thirty. What is left of the
# harm?
#
# <details><summary>Answer</summary>
#
# The boundary of the squared loss still turns by about five degrees, and the claims about it fall: the cost
# is within 1 in 100 answers. One point in a hundred is enough to move the line, since its pull grows with its
# distance. The other three losses do not notice: three points more, all beyond their margin.
#
# </details>
#
# **2.** `suite run linear_classification --steps 30`: which claim falls first?
#
# <details><summary>Answer</summary>
#
# `reference_gap`, by far: the descent of softmax regression has only begun. `one_branch_turn_degrees` falls,
# too, for the logistic loss alone (on seed 0 `one_branch_accuracy_loss` with it). Its slope is never quite
# zero, so early on, when all scores are small, far points still pull, and most of all by their distance. They
# let go as their margins grow. The two losses that are exactly flat from margin 1 on are rid of them at once.
#
# </details>
#
# **3.** With two classes, what is the softmax?
#
# <details><summary>Answer</summary>
#
# `e^a / (e^a + e^b) = 1 / (1 + e^-(a - b))`: the sigmoid of the difference of the scores. With labels of 1
# and -1 and `s = a - b`, minus its logarithm is `log(1 + e^-m)`, the logistic loss of the table. Only
# differences of scores count, which is also why `softmax` may subtract the largest one.
#
# </details>
#
# ## To take away
#
# - The margin is label times score. A loss of margins has to fall where the answer is wrong, and must not
#   rise again where it is right.
# - Accuracy is for judging, and a loss with a slope is for training. Accuracy does not see confidence,
#   cross-entropy does: scale the scores up, and it finds the wrong answers that are sure of themselves.
# - Softmax with cross-entropy has the derivative *probabilities minus one-hot labels*.
# - The notes have one example as a column, `w' x`; here it is a row, `x W`, and each class a column of `W`.
#
# *Before: [linear_regression](linear_regression.md), the same scores with a number as answer. Next:
# [gradient_descent](gradient_descent.md), how far each step should go.*
