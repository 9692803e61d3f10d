# %% [markdown]
# # Step after every example instead of after all of them
#
# A gradient from a few random examples is noisy, and nearly free. For the price of one exact step it takes a
# thousand rough ones, and arrives first.
#
# *Week 1, "Stochastic gradient descent". Takes 30 s on 2 CPU cores, most of it the exports. `suite run
# stochastic_gradient_descent`*
#
# ## Why not look at everything
#
# [gradient_descent](gradient_descent.md) adds up the errors of all examples before it moves. With a million
# examples that is a million errors for one step, and most of them say the same. An opinion poll asks a
# thousand people and not the country; stochastic gradient descent asks *one* example, moves, and asks the
# next. Every network of this course is trained in this way, in batches of a few dozen.
#
# ## The method
#
# The loss is a mean over the examples, so its gradient is the mean of the examples' own gradients. Draw one
# at random and its gradient is right *on average*; draw m, and their mean is right on average with an m-th of
# the variance.
#
#     all examples       w  <-  w - rate * mean of all n gradients          n gradients a step
#     one example        w  <-  w - rate * gradient of a random one         1
#     a mini-batch       w  <-  w - rate * mean of m random ones            m
#
# By hand: one weight, loss `(w - y)^2`, two examples y = 1 and y = 3. At w = 0 their gradients are -2 and -6,
# the mean of all is -4. At rate 1/4, descent on both goes to 1, and then by halves to 2, which is the
# minimum. Descent on one at a time goes to 1/2 or to 3/2, halfway to whichever example was drawn; it soon is
# near 2, and then it *keeps jumping* between what the two examples want.
#
# In practice one does not draw anew for each step, but shuffles the examples and takes them in this order, as
# we do: each is used once in a *pass*.
#
# The model here is softmax regression of digits, whose derivative
# [linear_classification](linear_classification.md) has: probabilities minus one-hot labels.

# %%
import dataclasses
from collections.abc import Iterator
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from scipy.special import softmax

from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.evaluation.metrics import accuracy
from suite.evaluation.scaling import log_log_slope
from suite.optimizers import GradientDescent
from suite.runs.recipe import Claim, Context, Result, classifier_export


def mean_loss(W: np.ndarray, X: np.ndarray, Y: np.ndarray) -> float:
    """Cross-entropy in nats per example, Y being one-hot."""
    return -float(np.mean(np.log(np.maximum(np.sum(Y * softmax(X @ W, axis=1), axis=1), 1e-30))))


def mean_gradient(W: np.ndarray, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Its derivative by W: a mean, so that a few random examples estimate that of all.

    >>> mean_gradient(np.zeros((1, 2)), np.array([[1.0], [3.0]]), np.eye(2)).tolist()
    [[0.5, -0.5]]
    """
    return X.T @ (softmax(X @ W, axis=1) - Y) / len(X)


def descend(X: np.ndarray, Y: np.ndarray, rate: float, batches: np.ndarray) -> Iterator[np.ndarray]:
    """A step a batch, which is a row of indices; gives W after each."""
    W = np.zeros((X.shape[1], Y.shape[1]))
    for batch in batches:
        W = W - rate * mean_gradient(W, X[batch], Y[batch])
        yield W


def shuffle(examples: int, batch_size: int, passes: int, rng: np.random.Generator) -> np.ndarray:
    """Batches `(steps, batch_size)`, every example once a pass but for those that fill no batch."""
    whole = examples // batch_size * batch_size
    return np.reshape([rng.permutation(examples)[:whole] for _ in range(passes)], (-1, batch_size))


# %% [markdown]
# ## How much noise?
#
# We compute the gradient of every single digit, draw m of them again and again, and look how far their mean
# is from the mean of all: squared, and relative to the square of the latter. Twice: at the start, where the
# digits agree most on where to go, and after training, where each wants something else.


# %%
SIZES = 2 ** np.arange(9)


def relative_noise(W: np.ndarray, X: np.ndarray, Y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mean squared distance of a mini-batch's gradient from that of all, over the latter's square."""
    single = (X[:, :, None] * (softmax(X @ W, axis=1) - Y)[:, None, :]).reshape(
        len(X), -1
    )  # a gradient a row
    whole, noise = single.mean(axis=0), []
    for size in SIZES:
        counts = rng.multinomial(size, np.full(len(X), 1 / len(X)), 100)  # how often each example is drawn
        noise.append(np.sum((counts @ single / size - whole) ** 2) / 100)
    return np.array(noise) / np.sum(whole**2)


# %% [markdown]
# ## One, a few, or all: the same number of passes
#
# Each of the three reads the training digits five times, and each gets the best of ten rates, judged by the
# loss on the validation digits at the end; the loss on the test digits is what counts. Guessing has log 10 =
# 2.30 nats.


# %%
RATES = np.geomspace(1e-3, 30, 10)


def compare(data: dict, batch_size: int, passes: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Validation losses by rate, and the test loss at the best one."""
    (X, Y), ends = data["train"], []
    for rate in RATES:
        *_, W = descend(X, Y, rate, shuffle(len(X), batch_size, passes, rng))
        ends.append([mean_loss(W, *data[part]) for part in ("validation", "test")])
    validation, test = np.transpose(ends)
    return validation, test[validation.argmin()]


# %% [markdown]
# ## When the loss has several valleys
#
# A linear model has one valley, and there noise is only a nuisance. So here is a model of a single weight
# that has many: find the frequency w of a tone, `sin(w x)`, from a hundred noisy samples. Near a wrong
# frequency the loss has a *local minimum*, a little below its surroundings and far above the right one. We
# start in the wrong valleys, 50 times, and ask at each rate how many find the frequency.
#
# In a wrong valley the examples contradict each other, so descent on one at a time is thrown about there; in
# the right one they agree, and it comes to rest. Descent on all of them sees their mean, which is zero at the
# bottom of *any* valley.


# %%
TONE, TONE_RATES = 25.0, np.geomspace(0.02, 40, 8)


def found_tone(x: np.ndarray, y: np.ndarray, batch_size: int, rng: np.random.Generator) -> np.ndarray:
    """The share of 50 walks of 1,000 steps that end near the right frequency, by rate."""
    w = np.tile(rng.uniform(6, 20, 50), (len(TONE_RATES), 1))  # a walk a column
    for _ in range(1000):
        rows = rng.random((50, len(x))).argsort(axis=1)[:, :batch_size]
        angle = w[..., None] * x[rows]
        slopes = 2 * (np.sin(angle) - y[rows]) * np.cos(angle) * x[rows]
        w = w - TONE_RATES[:, None] * slopes.mean(axis=-1)
    return np.mean(np.abs(w - TONE) < 0.5, axis=1)


# %% [markdown]
# ## Online: from a stream, each example once
#
# One example is all that a step needs, so nothing has to be stored. A camera sends digits one after the
# other, none of them twice; the model answers, is told the right answer, takes a step, and forgets the digit.
# Each answer is about a digit that it has never seen, so the error on the stream *is* a test error. Halfway
# the camera begins to send negatives. Beside it stands the model that learned no further.
#
# The stream is a `tf.data.Dataset`, and the step a `tf.function`: forward, `GradientTape`, `apply`.
# [mlp_keras](mlp_keras.md) shows what `fit` makes of the same four lines.


# %%
def learn_online(model: keras.Model, images: np.ndarray, labels: np.ndarray, rate: float) -> np.ndarray:
    """1 where the model was wrong about an image, before it learned from it."""
    optimizer, weights = GradientDescent(rate), model.trainable_variables

    @tf.function
    def step(image: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            probabilities = model(image[None])
            loss = keras.losses.sparse_categorical_crossentropy(label[None], probabilities)
        optimizer.apply(tape.gradient(loss, weights), weights)
        return tf.argmax(probabilities[0]) != label

    return np.array([step(*pair) for pair in tf.data.Dataset.from_tensor_slices((images, labels))], float)


def build_model(shape: tuple[int, ...]) -> keras.Model:
    """Raw pixels in, probabilities out."""
    image = keras.Input(shape, name="image", dtype="uint8")
    pixels = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    dense = keras.layers.Dense(10, "softmax", kernel_initializer="zeros", name="probabilities")
    return keras.Model(image, dense(pixels), name="stochastic_gradient_descent")


def errors_on_stream(images: np.ndarray, labels: np.ndarray, rate: float) -> tuple[np.ndarray, float]:
    """Its errors, 1 or 0, on digits and then negatives; the share of these that it had got wrong before."""
    half, model = len(labels) // 2, build_model(images.shape[1:])
    before = learn_online(model, images[:half], labels[:half], rate)
    frozen = 1 - accuracy(model.predict(255 - images[half:], verbose=0), labels[half:])
    return np.append(before, learn_online(model, 255 - images[half:], labels[half:], rate)), frozen


# %% [markdown]
# ## Is it right?
#
# The same batches in the same order, through Keras' own `SGD` and `fit`, must end at the same weights.


# %%
def reference_gap(images: np.ndarray, labels: np.ndarray, X: np.ndarray, Y: np.ndarray, size: int) -> float:
    """Largest difference after one pass in the order of the rows, relative to the largest weight."""
    model = build_model(images.shape[1:])
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    model.fit(
        images[: len(X) // size * size], labels[: len(X) // size * size], size, shuffle=False, verbose=0
    )
    *_, ours = descend(X, Y, 0.5, np.arange(len(X) // size * size).reshape(-1, size))
    return np.abs(np.vstack(model.get_weights()[::-1]) - ours).max() / np.abs(ours).max()


# %% The figures
LOG = {"xscale": "log", "yscale": "log"}


def draw(*panels: tuple[np.ndarray, dict, dict]) -> Figure:
    figure, axes = plots.new_figure(width=5.2 * len(panels) + 1.5 * (len(panels) == 1), columns=len(panels))
    for panel, (x, lines, settings) in zip(np.atleast_1d(axes), panels, strict=True):
        style = "o-" if len(x) < 20 else "-"
        plots.curves(panel, {name: (x, line, style) for name, line in lines.items()}, **settings)
    return figure


def draw_valleys(x: np.ndarray, y: np.ndarray, shares: dict[str, np.ndarray]) -> Figure:
    w = np.linspace(0, 50, 501)
    loss = {"": np.mean((np.sin(w[:, None] * x) - y) ** 2, axis=1)}
    left = w, loss, {"title": "Walks start in the gray part", "xlabel": "frequency w", "ylabel": "loss"}
    right = TONE_RATES, shares, {"title": "Share that finds 25", "xlabel": "rate", "xscale": "log"}
    figure = draw(left, right)
    figure.axes[0].axvspan(6, 20, color=plots.GRID)
    return figure


# %% [markdown]
# ## Run it
#
# Rates are chosen on validation digits, for each batch size alike. The exported model is trained in Keras,
# with mini-batches.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    passes: Annotated[int, "over the training digits, at each batch size and rate"] = 5
    batch_size: Annotated[int, "digits of a mini-batch"] = 32
    stream_rate: Annotated[float, "learning rate on the stream"] = 0.1
    epochs: Annotated[int, "passes of the exported model"] = 30


SMOKE = Config(passes=1, epochs=1)


def run(config: Config, context: Context) -> Result:
    rng, digits = np.random.default_rng(context.seed), image_sets.load_digits(context.seed)
    images, labels = digits.images, digits.labels
    X = {part: np.insert(raw.reshape(len(raw), -1) / 255, 0, 1, axis=1) for part, raw in images.items()}
    data = {part: (X[part], np.eye(10)[labels[part]]) for part in images}
    sizes = 1, config.batch_size, len(labels["train"])
    ends, losses = zip(*(compare(data, size, config.passes, rng) for size in sizes), strict=True)

    model = build_model(images["train"].shape[1:])
    model.compile(GradientDescent(0.5), "sparse_categorical_crossentropy")
    batches = shuffled((images["train"], labels["train"]), config.batch_size, context.seed)
    context.fit(model, batches, epochs=config.epochs)

    places = {"at the start": np.zeros((65, 10)), "after training": np.vstack(model.get_weights()[::-1])}
    noise = {name: relative_noise(W, *data["train"], rng) for name, W in places.items()}
    x = rng.uniform(0, 1, 50)
    y = np.sin(TONE * x) + 0.1 * rng.normal(size=50)
    found = {"one sample": found_tone(x, y, 1, rng), "all samples": found_tone(x, y, 50, rng)}
    wrong, frozen = errors_on_stream(images["train"], labels["train"], config.stream_rate)
    by_rate = dict(zip(("one digit", "mini-batch", "all digits"), ends, strict=True))
    half, recent = len(wrong) // 2, len(wrong) // 10
    error, seen = np.convolve(wrong, np.full(recent, 1 / recent), "valid"), np.arange(recent, len(wrong) + 1)
    stream = {"learns on": error, "stopped at the change": np.where(seen >= half, frozen, np.nan)}
    return Result(
        metrics={
            "noise_slope": log_log_slope(SIZES, noise["at the start"]),
            "noise_at_start": noise["at the start"][0],
            "noise_growth": noise["after training"][0] / noise["at the start"][0],
            "one_test_loss": losses[0],
            "all_loss_over_one": losses[2] / losses[0],
            "all_loss_over_mini_batch": losses[2] / losses[1],
            "largest_rate_loss_over_best": ends[0][-1] / ends[0].min(),
            "smallest_rate_loss_over_best": ends[0][0] / ends[0].min(),
            "mini_batch_rate_over_one": RATES[ends[1].argmin()] / RATES[ends[0].argmin()],
            "found_by_one": found["one sample"].max(),
            "found_at_ends": found["one sample"][[0, -1]].max(),
            "found_by_all": found["all samples"].max(),
            **dict(
                zip(
                    ("stream_error", "changed_error", "end_error"),
                    error[[half - recent, half, -1]],
                    strict=True,
                )
            ),
            "frozen_error": frozen,
            "test_accuracy": accuracy(model.predict(images["test"], verbose=0), labels["test"]),
            "reference_gap": reference_gap(
                images["train"], labels["train"], *data["train"], config.batch_size
            ),
        },
        figures={
            "noise": draw(
                (SIZES, noise, {"title": "Noise over signal", "xlabel": "digits of a batch", **LOG}),
                (RATES, by_rate, {"title": "Validation loss (nats)", "xlabel": "rate", **LOG}),
            ),
            "valleys": draw_valleys(x, y, found),
            "stream": draw((seen, stream, {"title": "Error on the stream", "xlabel": "digits seen"})),
        },
        exports=[classifier_export(model, digits)],
        data=digits.describe(),
    )


# %% [markdown]
# ## What was measured
#
# ![Noise by batch size, at the start and after training; loss by rate](figures/noise.png)
#
# On the left, both lines fall as 1/m. At the start the noise of one digit is many times the square of what it
# is to measure, and so one step may lead anywhere; only many of them lead down. After training the line is
# higher: the gradient of all has nearly gone, and what single digits want has not. That is why a constant
# rate never comes to rest, and why rates are lowered.
#
# On the right, each batch size has its valley of good rates. One digit at a time reaches as low as
# mini-batches do, and needs a smaller rate for it: the noise is part of the step, and a rate multiplies it.
# Descent on all digits had five steps, and the best rate cannot make up for that.
#
# ![The loss over the frequency; the share of walks that find it, by rate](figures/valleys.png)
#
# The lecture warns of both ends, and both are there. Too small a rate stays in the valley where it began; too
# large a one overshoots the right valley whenever it gets there. In between the noise is what helps, and
# descent on all samples, which has none, is no better at any rate.
#
# ![Error on the stream](figures/stream.png)
#
# A model that goes on learning is wrong about nearly all negatives at first, and then less and less. The one
# that stopped has no way back. An error above 0.9 is worse than guessing: ink and paper have changed places.

# %%
CLAIMS = (
    Claim(
        "noise_slope",
        at_least=-1.05,
        at_most=-0.95,
        says="The noise of a mini-batch's gradient falls in proportion to its size.",
        lecture="The updates of mini-batch gradient descent have much less noise",
    ),
    Claim(
        "noise_at_start",
        at_least=30,
        says="At the start the gradient of one digit is off by far more than the gradient of all is long,",
        lecture="noisy updates due to using one example at a time",
    ),
    Claim("noise_growth", at_least=8, says="and after training by more still."),
    Claim(
        "all_loss_over_one",
        at_least=4,
        says="After five passes descent on all digits is far behind descent on one at a time,",
        lecture="we have to sum all the squared errors and this grows huge",
    ),
    Claim(
        "all_loss_over_mini_batch",
        at_least=4,
        says="and behind mini-batches, each at its best rate,",
        lecture="on every iteration we choose m random examples",
    ),
    Claim("one_test_loss", at_most=0.35, says="where guessing would have 2.3 nats."),
    Claim(
        "largest_rate_loss_over_best",
        at_least=5,
        says="One at a time, the largest rate ends far above the best one,",
        lecture="One thing we should be careful about is choosing the learning rate",
    ),
    Claim("smallest_rate_loss_over_best", at_least=3, says="and so does the smallest;"),
    Claim(
        "mini_batch_rate_over_one",
        at_least=2,
        says="mini-batches bear a larger rate.",
        lecture="But the learning rate still should be chosen carefully",
    ),
    Claim(
        "found_by_one",
        at_least=0.35,
        says="Where the loss has many valleys, one sample at a time leaves the wrong ones at a middle rate,",
    ),
    Claim(
        "found_at_ends",
        at_most=0.1,
        says="but not at a small rate, and at a large one it stays in none;",
        lecture="overshooting from global minima or getting stuck on local minima",
    ),
    Claim("found_by_all", at_most=0.1, says="descent on all samples stays where it began, at any rate."),
    Claim(
        "stream_error",
        at_most=0.2,
        says="A model that sees each digit of a stream once soon reads most of them,",
        lecture="it only needs one example on each step and can be used in online settings",
    ),
    Claim("changed_error", at_least=0.8, says="is wrong about nearly all when negatives begin to come,"),
    Claim("end_error", at_most=0.6, says="and has learned these in turn by the end,"),
    Claim("frozen_error", at_least=0.9, says="which one that stopped learning has not."),
    Claim("test_accuracy", at_least=0.93, says="In Keras, mini-batches train a classifier of the digits."),
    Claim("reference_gap", at_most=1e-5, says="Our descent is that of Keras' SGD, step by step."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run stochastic_gradient_descent --batch_size 1258`: mini-batches of all digits. Which claims
# fall?
#
# <details><summary>Answer</summary>
#
# `all_loss_over_mini_batch` is 1, since both sides are the same. `test_accuracy` falls, too: thirty passes
# are now thirty steps, and nine in ten digits is as far as they get. And `noise_growth` falls, because a
# model after thirty steps is still on its way, where the digits agree.
#
# </details>
#
# **2.** `suite run stochastic_gradient_descent --stream_rate 0.02`: which claim falls, and why only that one?
#
# <details><summary>Answer</summary>
#
# `end_error`: at the end, two in three negatives are still taken for something else. A fifth of the rate is
# enough to learn the digits from nothing, if a little later, but negatives have to undo what was learned
# first. Who has to follow a changing world cannot let the rate go to 0.
#
# </details>
#
# **3.** In `mean_gradient`, leave out `/ len(X)`. Which claims notice?
#
# <details><summary>Answer</summary>
#
# `reference_gap`, and `mini_batch_rate_over_one`: 32 gradients added up are 32 times as long, so their best
# rate is that much smaller and no longer above that of one digit. All comparisons of losses are kept, since
# each batch size takes the best rate. A wrong factor hides behind a tuned rate.
#
# </details>
#
# ## To take away
#
# - A gradient of m random examples is right on average, and its noise falls as 1/m while its price grows as
#   m. A few dozen are the usual bargain.
# - Count passes over the data and not steps: many rough steps beat a few exact ones.
# - The rate multiplies the noise. Small batches want small rates, and a training ends best at a falling rate.
# - Noise is not only harm: it leaves valleys where the examples disagree.
# - One example at a time needs no storage and follows a world that changes.
#
# *Before: [regularization](regularization.md). Next: [optimizer_comparison](optimizer_comparison.md), what
# else one can do with a noisy gradient than follow it.*
