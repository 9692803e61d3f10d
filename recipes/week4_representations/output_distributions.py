# %% [markdown]
# # Answer with a distribution, not with a number
#
# A network that says how probable each answer is can be trained by one loss, minus the logarithm of what it
# gave the right one. Squared error and cross-entropy are two cases of it; two answers at once need a third.
#
# *Week 4, "Stochastic Encoders and Decoders". Takes 45 s on one CPU core. `suite run output_distributions
# [--data tfds]`*
#
# ## Why not one answer?
#
# Ask for the joint angles of an arm whose hand is to be *here*. There are two answers, elbow up and elbow
# down. A network with one answer learns the mean of both, and the hand ends somewhere else. An autoencoder
# has the same trouble with a smudge that may be a 4 or a 9. Its decoder should say: either, and a 9 is more
# likely.
#
# ## The method
#
# The outputs are the parameters of a distribution p(x | h), where h is the code, or whatever the network was
# given. The loss is `-log p(x | h)`, in *nats*: how much the right answer surprised. Everything else is a
# choice of the distribution:
#
# * **real numbers**: a Gaussian. With variance 1 the loss is `(x - mean)^2 / 2 + log(2 pi) / 2`, half the
#   squared error and a constant. The variance can be an output, too.
# * **yes or no**: a Bernoulli, by a sigmoid. **One of several levels**: a categorical one, by a softmax.
# * **several answers**: a *mixture*. Draw a component by its weight, then the answer from its Gaussian; the
#   probability is the sum over components of weight times density.
#
# **Outputs that go together.** Several outputs are mostly taken as independent, given h: their probabilities
# are multiplied, their nats added. Let the answers be (-1, -1) or (1, 1), each half of the time. A mixture
# *for each* number knows -1 and 1, and gives (-1, 1) as often as (1, 1). **One mixture for both** draws one
# component for the whole answer: component A is at (-1, -1), B at (1, 1). That is how a sum of products, each
# of which knows no correlation, has one. It saves `log 2 = 0.69` nats here: the second number is no surprise
# any more.

# %%
import dataclasses
from typing import Annotated, Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from matplotlib.figure import Figure
from tensorflow_probability import distributions as tfd

from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.evaluation import plots
from suite.models.autoencoders import build_stochastic
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, about
from suite.training import likelihoods
from suite.training.likelihoods import Likelihood


def gaussian_nats(x: np.ndarray, mean: np.ndarray, deviation: float | np.ndarray = 1.0) -> np.ndarray:
    """For each example (row), summed over its values as they are independent.

    >>> gaussian_nats(np.array([[1.0, 3.0]]), np.array([[0.0, 1.0]])).round(2).tolist()
    [4.34]
    """
    return np.sum(((x - mean) / deviation) ** 2 / 2 + np.log(deviation) + np.log(2 * np.pi) / 2, axis=-1)


def joint_nats(x: np.ndarray, weights: np.ndarray, means: np.ndarray, deviation: float) -> np.ndarray:
    """Of one mixture for all values of an example; `means` has a row a component.

    >>> halves, corners = np.array([0.5, 0.5]), np.array([[-1.0, -1.0], [1.0, 1.0]])
    >>> joint_nats(np.array([[1.0, 1.0], [-1.0, 1.0]]), halves, corners, 0.2).round(1).tolist()
    [-0.7, 48.6]
    """
    each = np.stack([gaussian_nats(x, mean, deviation) for mean in means], axis=-1)
    return -np.log(np.sum(weights * np.exp(-each), axis=-1))


# %% [markdown]
# ## Two answers
#
# An arm of two parts, each of length 1. From the place of its hand a network shall tell both angles: of the
# shoulder, and how far the elbow is bent. Three networks, with as many hidden units and trained alike, give a
# **Gaussian** for each angle, a **mixture for each** angle, or **one mixture for both**. The last two have as
# many outputs.


# %%
def joint_mixture(outputs: tf.Tensor) -> tfd.Distribution:
    """`(batch, values, 3 K)`: one mixture of K components for all values of an example together."""
    logits, means, scales = tf.split(tf.einsum("bvk->bkv", outputs), 3, axis=1)  # (batch, K, values)
    deviations = likelihoods.SMALLEST_SCALE + tf.math.softplus(scales)
    weights = tfd.Categorical(logits=tf.reduce_sum(logits, axis=2))
    return tfd.MixtureSameFamily(weights, tfd.MultivariateNormalDiag(means, deviations))


def hand(angles: np.ndarray) -> np.ndarray:
    """Where the hand is, `(n, 2)`, at angles `(n, 2)` of shoulder and elbow."""
    lower = angles.sum(axis=1)
    return np.stack([np.cos(angles[:, 0]) + np.cos(lower), np.sin(angles[:, 0]) + np.sin(lower)], axis=1)


def arms(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Places of hands, as one would measure them, and one of the two pairs of angles that lead to each."""
    direction, bend = rng.uniform(-1, 1, count), rng.uniform(0.5, 2.5, count) * rng.choice([-1, 1], count)
    angles = np.stack([direction - bend / 2, bend], axis=1).astype(np.float32)
    return hand(angles) + rng.normal(scale=0.05, size=(count, 2)), angles


def train(
    model: keras.Model, batches: tf.data.Dataset, steps: int, rate: float, context: Context, loss: Any = None
) -> None:
    model.compile(Adam(keras.optimizers.schedules.CosineDecay(rate, steps)), loss)
    context.fit(model, batches.repeat().prefetch(2), steps_per_epoch=steps)


def reach(config: "Config", context: Context) -> tuple[dict, dict, np.ndarray]:
    """By decoder its nats on test and pairs of angles drawn for the test places; the places."""
    (places, angles), nats, drawn = arms(4000, np.random.default_rng(context.seed)), {}, {}
    kinds = {
        "gaussian": Likelihood(2, likelihoods.gaussian),
        "mixture each": Likelihood(3 * config.components, likelihoods.mixture),
        "joint mixture": Likelihood(3 * config.components, joint_mixture),
    }
    for name, kind in kinds.items():
        place = x = keras.Input((2,))
        for _ in range(2):
            x = layers.Dense(32, "tanh")(x)
        model = keras.Model(place, layers.Reshape((2, kind.size))(layers.Dense(2 * kind.size)(x)))
        batches = shuffled((places[:3000], angles[:3000, :, None]), 200, context.seed)
        train(model, batches, config.arm_steps, 1e-2, context, kind.loss)
        outputs = model(places[3000:])
        nats[name] = float(tf.reduce_mean(kind.loss(angles[3000:, :, None], outputs)))
        drawn[name] = kind.distribution(outputs).sample(seed=context.seed).numpy()
    return nats, drawn, places[3000:]


# %% [markdown]
# ## Which distribution has a pixel?
#
# Back to autoencoders. The digits have 17 levels of gray. Four decoders, each of an autoencoder with a code
# of ten numbers, say how probable the level of each pixel is: a Gaussian of variance 1, one with a variance
# of its own for each pixel, a mixture for each pixel, and a softmax over the levels.
#
# A density is no probability: it can be above 1, and grows without end where a pixel never changes. So that
# nats can be compared, levels are spread evenly over [0, 1], each by uniform noise over its own width; then
# minus the log of the density, plus the log of the number of levels, is at least minus that of the level's
# probability (Theis, Oord, Bethge, 2016, section 3.1).


# %%
LEVELS = 17  # of gray, those of the digits


def nats_by_distribution(data: image_sets.ImageSet, config: "Config", context: Context) -> dict[str, float]:
    """Nats an image on test, of autoencoders with small layers."""

    def levels(images: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.round(tf.cast(images, tf.float32) * ((LEVELS - 1) / 255)), tf.int32)

    def spread(images: tf.Tensor) -> tf.Tensor:
        return (tf.cast(levels(images), tf.float32) + tf.random.uniform(tf.shape(images))) / LEVELS

    kinds = {
        "unit gaussian": (Likelihood(1, likelihoods.unit_gaussian), spread),
        "gaussian": (Likelihood(2, likelihoods.gaussian), spread),
        "mixture": (Likelihood(3 * config.components, likelihoods.mixture), spread),
        "softmax": (Likelihood(LEVELS, likelihoods.categorical), levels),
    }
    images, test, nats = data.images["train"], data.images["test"], {}
    for name, (kind, values) in kinds.items():
        model = build_stochastic(images.shape[1:], 10, kind.size, config.units).model
        batches = shuffled(images, config.batch_size, context.seed)
        pairs = batches.map(lambda x, values=values: (x, values(x)[..., None]))
        train(model, pairs, config.steps, config.learning_rate, context, kind.loss)
        outputs = model.predict(test, batch_size=500, verbose=0)
        nats[name] = float(tf.reduce_mean(kind.loss(values(test)[..., None], outputs)))
        nats[name] += np.prod(test.shape[1:]) * np.log(LEVELS) if values is spread else 0
    return nats


# %% [markdown]
# ## Is it right?
#
# Our two formulas against TensorFlow Probability, which the trainings use, and the Gaussian of variance 1
# against the squared error.


# %%
def reference_gap(rng: np.random.Generator) -> float:
    x, outputs = rng.normal(size=(50, 2)), rng.normal(size=(50, 2, 9)).astype(np.float32)
    joint, (_, means, _) = joint_mixture(outputs), np.split(outputs, 3, axis=2)
    weights = joint.mixture_distribution.probs_parameter().numpy()
    deviations = joint.components_distribution.stddev().numpy()
    each = gaussian_nats(x[:, None], means.swapaxes(1, 2), deviations)
    ours = -np.log(np.sum(weights * np.exp(-each), axis=1))
    return float(np.abs(ours + joint.log_prob(x.astype(np.float32)).numpy()).max())


def constant_gap(rng: np.random.Generator) -> float:
    """How far the nats at variance 1 are from half the squared error and a constant."""
    x, means = rng.normal(size=(2, 100, 64)).astype(np.float32)
    nats = Likelihood(1, likelihoods.unit_gaussian).loss(x[..., None], means[..., None])
    half = keras.losses.mean_squared_error(x, means) * 64 / 2
    return float(np.abs(nats - half - 32 * np.log(2 * np.pi)).max())


# %% The figures
def draw_arms(drawn: dict[str, np.ndarray], places: np.ndarray, count: int = 12) -> Figure:
    """Draws for the test places nearest to one that two arms reach."""
    figure, panels = plots.new_figure("Where is the elbow? Draws for hands at the cross", 9, 3.4, 1, 3)
    near = np.argsort(np.linalg.norm(places - [1.2, 0.2], axis=1))[:count]
    for axes, (name, angles) in zip(panels, drawn.items(), strict=True):
        elbows = np.stack([np.cos(angles[near, 0]), np.sin(angles[near, 0])], axis=1)
        for elbow, end in zip(elbows, hand(angles[near]), strict=True):
            axes.plot(*np.array([(0, 0), elbow, end]).T, "o-", color=plots.COLORS[0], alpha=0.5)
        axes.plot(*places[near].mean(axis=0), "x", color=plots.COLORS[1], ms=11, mew=3, zorder=3)
        axes.set(title=name, xlim=(-0.5, 2.3), ylim=(-1.4, 1.4), aspect="equal")
    return figure


def draw_nats(nats: dict[str, float]) -> Figure:
    figure, axes = plots.new_figure("What the gray of a test digit costs", 7, 2.6)
    axes.barh(list(nats), list(nats.values()), color=plots.COLORS[0])
    for row, value in enumerate(nats.values()):
        axes.text(value, row, f" {value:.0f}", va="center")
    axes.invert_yaxis()
    axes.set(xlabel="nats an image")
    return figure


# %% [markdown]
# ## Run it
#
# `missed` is how far from its place the hand is when the arm takes angles that were drawn, on the mean over
# the test places.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    components: Annotated[int, "of the mixtures"] = 5
    arm_steps: Annotated[int, "of training, for each decoder of arms"] = 1500
    units: Annotated[tuple[int, ...], "hidden units of the autoencoders"] = (32,)
    steps: Annotated[int, "of training, for each of them"] = 1200
    batch_size: Annotated[int, "images a step"] = 128
    learning_rate: Annotated[float, "of Adam at first; it falls to 0 along a cosine"] = 2e-3


SMOKE = Config(arm_steps=5, units=(8,), steps=5)
DATA = ("embedded", "tfds")


def run(config: Config, context: Context) -> Result:
    data, rng = image_sets.load(context.source, context.seed), np.random.default_rng(context.seed)
    nats = nats_by_distribution(data, config, context)
    arm_nats, drawn, places = reach(config, context)
    missed = {name: np.mean(np.linalg.norm(hand(each) - places, axis=1)) for name, each in drawn.items()}
    metrics = {
        "squared_error_gap": constant_gap(rng),
        "nats_gained_by_variance": nats["unit gaussian"] - nats["gaussian"],
        "nats_gained_by_mixture": nats["gaussian"] - nats["mixture"],
        "nats_gained_by_levels": nats["mixture"] - nats["softmax"],
        "arm_nats_gained_by_mixture": arm_nats["gaussian"] - arm_nats["mixture each"],
        "arm_nats_gained_by_joint": arm_nats["mixture each"] - arm_nats["joint mixture"],
        "missed_each_over_gaussian": missed["mixture each"] / missed["gaussian"],
        "missed_joint_over_each": missed["joint mixture"] / missed["mixture each"],
        "reference_gap": reference_gap(rng),
    } | {f"missed_{name.replace(' ', '_')}": value for name, value in missed.items()}
    return Result(
        metrics=metrics,
        figures={"arms": draw_arms(drawn, places), "pixels": draw_nats(nats)},
        data=data.describe(),
    )


# %% [markdown]
# ## What was measured
#
# ![Arms whose angles were drawn from three decoders, for one place of the hand](figures/arms.png)
#
# The Gaussian is centered between the two answers, at an arm that is stretched, and so wide that it has both:
# its hands are anywhere. The mixtures know both answers for each joint. Where they are drawn apart, half of
# the arms take the shoulder of one answer and the elbow of the other. One mixture for both keeps them
# together.
#
# ![Nats an image of four distributions](figures/pixels.png)
#
# A pixel at the border is always black, one in the middle may be anything; who may not say so, pays for both.
# The mixture is better at a stroke's edge, which is black or white more often than gray. And a softmax, which
# knows nothing of the order of the levels, knows best that there are only seventeen.

# %%
CLAIMS = (
    Claim(
        "squared_error_gap",
        at_most=1e-3,
        says="At variance 1 the nats of a Gaussian are half the squared error and a constant.",
        lecture="the negative log-likelihood yields a mean squared error criterion",
    ),
    *about(
        ("embedded",),
        Claim(
            "arm_nats_gained_by_mixture",
            at_least=0.5,
            says="Where there are two answers, mixtures are less surprised than Gaussians,",
        ),
        Claim(
            "arm_nats_gained_by_joint",
            at_least=0.5,
            says="and one mixture for all outputs, which go together, less than one for each;",
            lecture="mixture density outputs, allow tractable modeling of outputs with correlations",
        ),
        Claim("missed_joint_over_each", at_most=0.5, says="arms that are drawn from it miss by less."),
        Claim(
            "nats_gained_by_variance",
            at_least=50,
            says="Gray levels are better described where the variance is an output, too,",
            lecture="define an output distribution p(y | x) and minimize the negative log-likelihood",
        ),
        Claim("nats_gained_by_mixture", at_least=10, says="better by mixtures,"),
        Claim(
            "nats_gained_by_levels",
            at_least=5,
            says="and best by a softmax over the seventeen levels.",
            lecture="discrete x values correspond to a softmax distribution",
        ),
    ),
    Claim("reference_gap", at_most=1e-3, says="Our sums give what TensorFlow Probability gives."),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run output_distributions --smoke` trains five steps. What does `result.json` say of the four
# differences in nats, and why is one of them there before anything was learned?
#
# <details><summary>Answer</summary>
#
# Those of the arms are next to nothing (0.05 and 0.03 nats): three untrained networks say the same, each in
# its way. But the softmax is 52 nats ahead of the mixtures. It begins with all seventeen levels alike, which
# costs log 17 a pixel, and puts nothing anywhere else; a Gaussian begins wide and spends most of its density
# beyond black and white. What a distribution cannot say need not be learned.
#
# </details>
#
# **2.** On paper: a pixel is white in nine of ten images. What does it cost a Bernoulli on the mean that says
# 0.9, and one that says 0.5? What would 1 cost?
#
# <details><summary>Answer</summary>
#
# `-0.9 log 0.9 - 0.1 log 0.1 = 0.095 + 0.230 = 0.33` nats, and `log 2 = 0.69`. To say 1 costs nothing in nine
# images, and infinitely much in the tenth. Who minimizes nats, says what he knows, no more and no less.
#
# </details>
#
# ## To take away
#
# - Choose the distribution that the answer can have, and minimize minus the log of what it gave the right
#   one.
# - Squared error *is* a choice: a Gaussian, one width for everything, one answer.
# - Several answers need a mixture. Several outputs that go together need one mixture for all of them.
# - Nats of a density and of a probability can be compared only after the levels were spread.
#
# *Before: [regularized_autoencoders](regularized_autoencoders.md). Next:
# [stochastic_autoencoder](stochastic_autoencoder.md), where the code is a distribution, too.*
