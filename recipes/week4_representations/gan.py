# %% [markdown]
# # Learn to draw by deceiving a judge
#
# A generator has never seen an image; it learns from a network that tells its images from real ones. We play
# that game where we can count what it forgets, and hold its images beside models whose probabilities one can
# write down.
#
# *Week 4, "Generative models 101", "Generative Adversarial Networks". Takes 50 s on 2 CPU cores.
# `suite run gan [--data tfds | --data tfds:cifar10 | --data photos/]`*
#
# ## Two kinds of generative models
#
# A generative model makes new examples like those it was shown. An *explicit* one is a probability density: a
# formula that says for any image how likely it is. It can be fitted by making the data as likely as possible,
# and one can draw from it. An *implicit* one can only be drawn from: noise goes in, an image comes out. How
# likely a given image is, it cannot say, since many noises may lead there and nobody can list them. So there
# is no likelihood to climb. What else can tell a network that its images are wrong, and in which direction to
# change them?
#
# ## The method
#
# Another network. The *discriminator* D sees real images and those of the *generator* G, and gives the
# probability that one is real: the sigmoid of a logit. It learns as any classifier does, and the gradient of
# what it says, with respect to the pixels, tells G how to look more real. They take turns:
#
#     D descends     -log D(real) - log(1 - D(G(noise)))
#     G descends      log(1 - D(G(noise)))               saturating: the opposite of what D wants
#           or       -log D(G(noise))                    non-saturating
#
# Both losses of G want the same, a D that takes its images for real. By hand, an image that D sees through,
# with a logit of -4, so that D = 0.018. The slopes with respect to the logit are
#
#     saturating      -D       = -0.018              non-saturating      -(1 - D) = -0.982
#
# The first has fallen asleep where there is most to learn: **a generator that is bad gets no gradient from a
# discriminator that is sure.** The second pulls 55 times as hard.
#
# One thing more goes into D's loss: a penalty on the squared gradient of its logit at real examples. Nothing
# else keeps D from becoming a cliff between the real points and the others, with flat land on both sides.

# %%
import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from sklearn.mixture import GaussianMixture

from suite.data.generated import ring
from suite.data.sets import unlabeled_pictures
from suite.evaluation import plots
from suite.evaluation.generation import frechet_distance, mode_coverage, share_of_copies
from suite.models.gan import build_discriminator, build_generator
from suite.runs.recipe import Baseline, Claim, Context, Export, Result, Task, about
from suite.training import adversarial
from suite.training.feature_classifier import train_feature_classifier


def discriminator_loss(D: keras.Model, real: tf.Tensor, fake: tf.Tensor, penalty: float = 0.0) -> tf.Tensor:
    """-log D(real) - log(1 - D(fake)) in nats, and the penalty; softplus(-logit) is -log of the sigmoid."""
    with tf.GradientTape() as tape:
        tape.watch(real)
        real_logits = D(real, training=True)
    nats = tf.reduce_mean(tf.nn.softplus(-real_logits))
    nats += tf.reduce_mean(tf.nn.softplus(D(fake, training=True)))
    if penalty:  # a pass backward, and one through it
        slopes = tf.reshape(tape.gradient(real_logits, real), (tf.shape(real)[0], -1))
        nats += penalty / 2 * tf.reduce_mean(tf.reduce_sum(slopes**2, axis=1))
    return nats


def saturating(fake_logits: tf.Tensor) -> tf.Tensor:
    """log(1 - D(fake)). The example: what a logit of -3 gains on one of -4, by either loss.

    >>> worse, better = tf.constant([-4.0]), tf.constant([-3.0])
    >>> [round(float(loss(worse) - loss(better)), 3) for loss in (saturating, non_saturating)]
    [0.03, 0.97]
    """
    return -tf.reduce_mean(tf.nn.softplus(fake_logits))


def non_saturating(fake_logits: tf.Tensor) -> tf.Tensor:
    """-log D(fake)."""
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))


def play(game: adversarial.Game, batches: tf.data.Dataset, of_D: Callable, of_G: Callable) -> None:
    """A turn of each player for each batch of real examples, down the losses of D and of G."""
    (_, G, G_rule), (_, D, D_rule) = game
    theta, phi = G.trainable_variables, D.trainable_variables
    G_rule.build(theta)
    D_rule.build(phi)

    @tf.function
    def turns() -> None:
        for number, real in batches.enumerate():
            noise, other_noise = adversarial.draw_noises(G, number, tf.shape(real)[0])
            with tf.GradientTape() as tape:
                nats = of_D(D, real, G(noise, training=True))
            D_rule.apply(tape.gradient(nats, phi), phi)
            with tf.GradientTape() as tape:
                nats = of_G(D(G(other_noise, training=True), training=True))
            G_rule.apply(tape.gradient(nats, theta), theta)

    turns()


# %% [markdown]
# ## Does it draw everything?
#
# On eight heaps of points around a ring we can count. A point is good within three deviations of a heap's
# middle; a heap is found if it gets a tenth of its due or more. Nothing in the losses asks for all heaps: a
# generator that draws one of them well deceives D, until D learns to distrust that heap, and then it moves on
# to the next. That is *mode collapse*.


# %%
def ring_networks(noise_dim: int = 16, units: int = 64) -> tuple[keras.Model, ...]:
    """Two hidden layers each: a generator from noise to a point, a discriminator from there to a logit."""
    hidden = functools.partial(keras.layers.Dense, units, "relu", kernel_initializer="he_normal")
    return tuple(
        keras.Sequential([keras.Input((size,)), hidden(), hidden(), keras.layers.Dense(outputs)])
        for size, outputs in ((noise_dim, 2), (2, 1))
    )


def ring_game(steps: int, rate: float, penalty: float, of_G: Callable, seed: int) -> np.ndarray:
    """2,500 points of the generator after a game."""
    keras.utils.set_random_seed(seed)  # games differ in nothing but what is said
    game = adversarial.make_game(ring_networks(), rate, steps)
    play(game, ring.batches(steps, seed), functools.partial(discriminator_loss, penalty=penalty), of_G)
    return game[0].model(adversarial.draw_noises(game[0].model, -1, 2500)[0]).numpy()


# %% [markdown]
# ## When the discriminator is sure
#
# What reaches the generator's weights is longer or shorter by the slopes above. So let D learn alone for a
# while, against a generator that stands still, and look at the gradient that G gets from either loss.


# %%
def gradient_share(steps: int, rate: float, seed: int) -> float:
    """Length of G's gradient by the saturating loss over that by the other, once D has learned alone."""
    keras.utils.set_random_seed(seed)
    game = adversarial.make_game(ring_networks(), rate, steps)
    still = game[0]._replace(optimizer=keras.optimizers.SGD(0.0))
    play((still, game[1]), ring.batches(steps, seed), discriminator_loss, non_saturating)
    G, D, lengths = still.model, game[1].model, []
    for loss in (saturating, non_saturating):
        with tf.GradientTape() as tape:
            nats = loss(D(G(adversarial.draw_noises(G, -1, 1000)[0])))
        lengths.append(tf.linalg.global_norm(tape.gradient(nats, G.trainable_variables)))
    return float(lengths[0] / lengths[1])


# %% [markdown]
# ## A model with a density beside it
#
# A mixture of Gaussians is explicit: its density is a sum, and its fitting (expectation-maximization, here
# scikit-learn's) climbs the likelihood of the data. On the ring we know the true density and can say what a
# mixture lacks, in nats a point. Of the GAN one can only look at the points. Images are points, too, with a
# coordinate a pixel; there, more Gaussians and a least variance have to be chosen, by the likelihood of the
# validation part. An explicit model can do that; a GAN has nothing to choose by.


# %%
def fit_mixture(rows: np.ndarray, validation: np.ndarray, counts: tuple[int, ...]) -> GaussianMixture:
    """Of images as rows of pixels, with one of some counts of Gaussians."""
    kind = "full" if rows.shape[1] <= 256 else "diag"  # a full covariance has pixels squared entries
    tried = [GaussianMixture(k, covariance_type=kind, reg_covar=1e-3, max_iter=30) for k in counts]
    return max((each.fit(rows) for each in tried), key=lambda each: each.score(validation))


# %% [markdown]
# ## How good are images?
#
# The generator for images is a small classifier run backward: noise becomes a small map with many channels,
# and transposed convolutions double its sides twice (`suite.models.gan`). The game is that of `play`, only
# longer, so `suite.training.adversarial` plays it with our losses, on all devices and with checkpoints. Both
# ways have to end with the same weights.
#
# A likelihood is not to be had, so one compares *sets* of images: the Frechet distance between means and
# covariances of their features, those of a classifier of our own that was trained on the labels. Alone such a
# number says nothing. It needs two ends: what **real** images have that nobody was trained on, held against
# other real ones, and what a **trivial** generator gets, which takes each pixel from another training image.
# To be better than noise is no achievement.
#
# A distance may hide two ways to fail: a class that is never drawn, and copies of the training images. As a
# copy counts what is nearer to a training image than 95 in 100 test images are; of real ones, that is 0.05.


# %%
def reference_gap(context: Context) -> float:
    """Largest difference of the weights after 20 turns of `play` and of `suite.training.adversarial`."""
    ends, losses = [], (functools.partial(discriminator_loss, penalty=0.1), non_saturating)
    for way in (play, functools.partial(adversarial.play, run=context.training, steps=20)):
        keras.utils.set_random_seed(context.seed)
        game = adversarial.make_game(ring_networks(units=8), 1e-3, 20)
        way(game, ring.batches(20, context.seed), *losses)
        ends.append([w.ravel() for player in game for w in player.model.get_weights()])
    return float(np.abs(np.concatenate(ends[0]) - np.concatenate(ends[1])).max())


# %% The figures
def draw_ring(points: dict[str, np.ndarray], mixture: GaussianMixture) -> Figure:
    figure, panels = plots.new_figure("Eight heaps, 2,500 points each", 12, 3.6, 1, len(points))
    side = np.linspace(-3, 3, 200)
    for axes, (name, drawn) in zip(panels, points.items(), strict=True):
        if name == "mixture":  # the others have no density to show
            density = mixture.score_samples(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2))
            axes.contourf(side, side, density.clip(-12).reshape(200, 200), levels=12, cmap="Greys", alpha=0.6)
        axes.scatter(*ring.MODES.T, s=60, facecolors="none", edgecolors=plots.COLORS[1])
        axes.scatter(*drawn.T, s=2)
        axes.set(title=name, xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
    return figure


# %% [markdown]
# ## Run it
#
# `run` plays on the ring twice, with and without the penalty, fits a mixture to points of the ring, and then
# does the same on images: the game, the mixture, and the trivial generator. With `--data photos/` the images
# are yours, a hundred or more, of one kind. Where sub-folders do not name classes, the features that are
# compared are those of a classifier that learned to tell how a picture was turned.


# %%
@dataclasses.dataclass(frozen=True)
class Config:
    ring_steps: Annotated[int, "turns on the ring"] = 5000
    ring_rate: Annotated[float, "there, of Adam at first; it falls to 0 along a cosine"] = 5e-3
    steps: Annotated[int, "turns on images"] = 1500
    filters: Annotated[int, "of the generator at full size; more at half and a quarter of it"] = 16
    learning_rate: Annotated[float, "on images, of Adam at first; it falls to 0 along a cosine"] = 2e-3
    penalty: Annotated[float, "weight of the discriminator's squared slope, on the ring and on images"] = 0.1
    gaussians: Annotated[tuple[int, ...], "of the mixture of images, to choose from"] = (10, 20)
    classifier_steps: Annotated[int, "of the one whose features are compared"] = 400
    side: Annotated[int, "pixels; larger pictures, and a folder's, are stretched to squares of it"] = 32


SMOKE = Config(ring_steps=20, steps=20, filters=2, gaussians=(2,), classifier_steps=10)
DATA = ("embedded", "tfds", "path")


def on_the_ring(config: Config, seed: int) -> tuple[dict[str, float], Figure]:
    seen, fresh = (ring.draw_points(number, 2500, seed).numpy() for number in (-1, -2))
    mixture = GaussianMixture(ring.HEAPS, covariance_type="spherical", n_init=5, random_state=seed).fit(seen)
    drawn = {"real": fresh, "mixture": mixture.sample(2500)[0]}
    metrics = {"ring_mixture_nats_lost": np.mean(ring.log_density(fresh)) - mixture.score(fresh)}
    for name, penalty in (("GAN", config.penalty), ("GAN without penalty", 0.0)):
        drawn[name] = ring_game(config.ring_steps, config.ring_rate, penalty, non_saturating, seed)
        found, suffix = mode_coverage(drawn[name], ring.MODES, ring.DEVIATION), name[3:].replace(" ", "_")
        metrics |= {f"modes{suffix}": found[0], f"good_points{suffix}": found[1]}
    return metrics, draw_ring(drawn, mixture)


def run(config: Config, context: Context) -> Result:
    seed, rng = context.seed, np.random.default_rng(context.seed)
    data = unlabeled_pictures.load_to_draw(context.source, seed, config.side)
    metrics, ring_figure = on_the_ring(config, seed)
    real, shape = data.images["train"], data.images["train"].shape[1:]
    images = tf.data.Dataset.from_tensor_slices(real).shuffle(len(real), seed).repeat().batch(64, True)
    images = images.map(lambda batch: tf.cast(batch, tf.float32) / 255, tf.data.AUTOTUNE).prefetch(2)
    keras.utils.set_random_seed(seed)
    models = build_generator(shape, 32, config.filters), build_discriminator(shape, config.filters)
    generator, game = models[0], adversarial.make_game(models, config.learning_rate, config.steps)
    nats = functools.partial(discriminator_loss, penalty=config.penalty), non_saturating
    losses, rounds = adversarial.play(game, images, *nats, context.training, steps=config.steps)

    X = {part: each[:10_000].astype(np.float32) / 255 for part, each in data.images.items()}
    n, flat = len(X["validation"]), {part: each.reshape(len(each), -1) for part, each in X.items()}
    noise = rng.normal(size=(max(n, 800), 32)).astype(np.float32)
    mixture = fit_mixture(flat["train"], flat["validation"], config.gaussians)
    pixels = GaussianMixture(1, covariance_type="diag", reg_covar=mixture.reg_covar).fit(flat["train"])
    sets = {
        "other real": X["validation"],
        "GAN": generator.predict(noise, batch_size=500, verbose=0)[:n],
        "mixture": rng.permutation(mixture.sample(n)[0]).clip(0, 1).reshape(-1, *shape).astype(np.float32),
        "pixels of many": rng.permuted(X["train"], axis=0)[:n],
    }
    known = X["train"], data.labels["train"][:10_000]
    critic = train_feature_classifier(*known, context.training, steps=config.classifier_steps, seed=seed)
    seen = {name: critic.predict(each, 500, 0) for name, each in (sets | {"test": X["test"]}).items()}
    frechet = {name: frechet_distance(seen[name][0], seen["test"][0]) for name in sets}
    metrics |= {
        "frechet_over_real": frechet["GAN"] / frechet["other real"],
        "frechet_over_trivial": frechet["GAN"] / frechet["pixels of many"],
        "mixture_frechet_over_real": frechet["mixture"] / frechet["other real"],
        "mixture_nats_gained": mixture.score(flat["test"]) - pixels.score(flat["test"]),
        "share_of_copies": share_of_copies(sets["GAN"].reshape(n, -1), flat["train"], flat["test"]),
        "gradient_share": gradient_share(config.ring_steps // 4, config.ring_rate, seed),
        "reference_gap": reference_gap(context),
    }
    drawn = np.bincount(seen["GAN"][1].argmax(axis=1), minlength=len(data.classes)) / n
    metrics |= {"rarest_class": drawn.min()} if len(data.classes) > 1 else {}  # a folder may have no kinds
    by_round = {f"round {10 - len(rounds) + index + 1}": each for index, each in enumerate(rounds)}
    shown = {f"{name}: {frechet[name]:.2g}": each[:12] for name, each in sets.items()}
    figures = {
        "ring": ring_figure,
        "rounds": plots.image_rows(by_round, title="The same ten noises, round by round"),
        "sets": plots.image_rows(shown, title="Images, and their Frechet distance to test images"),
        "losses": plots.learning_curves(losses, ylabel="loss, nats", title="Both players, by round"),
    }
    export = Export(generator, noise[:500], noise[500:800], task=Task.GENERATOR)
    trivial = Baseline("frechet_over_trivial", 1, "each pixel of another image", higher_is_better=False)
    return Result(metrics, figures, exports=[export], data=data.describe(), baselines=[trivial])


# %% [markdown]
# ## What was measured
#
# ![Points of the ring: real, of the mixture with its density, and of two GANs](figures/ring.png)
#
# The mixture was told that there are eight heaps, and finds them; in gray, the density that it gives each
# place. The GAN was told nothing of the kind. With the penalty it finds them all as well, and leaves some
# points on the way between two, since a continuous function of noise cannot jump. Without the penalty it ends
# on a heap or two, and D chases it from one to the next.
#
# ![Rows of test images and of three generators, with their distances](figures/sets.png)
#
# The trivial generator has the right brightness at every pixel, and no digit. The mixture's digits are
# grainy, since a Gaussian has noise in each direction; the GAN's are sharp, and some are no digits. By the
# distance the two are about as good, on images of 64 pixels: there an explicit model is hard to beat, and it
# gives the likelihood besides. Neither is near the real ones.
#
# ![Images of ten noises, after each of ten rounds](figures/rounds.png)
#
# ![Losses of both players by round](figures/losses.png)
#
# The losses move towards those of a discriminator that says 1/2 to everything, log 2 = 0.69 and 2 log 2 =
# 1.39 nats, and then stand still, while images still change. They tell how the game stands, and not how good
# the images are.

# %%
CLAIMS = (
    *about(
        ("embedded",),
        Claim(
            "gradient_share",
            at_most=0.25,
            says="Once the discriminator has learned alone, the saturating loss leaves the generator less "
            "than a quarter of the other's gradient.",
        ),
        Claim("modes", at_least=8, says="With a penalty on the discriminator's slope a GAN draws all heaps,"),
        Claim("good_points", at_least=0.6, says="most of its points in one of them,"),
        Claim("modes_without_penalty", at_most=4, says="and without it at most half of them."),
        Claim(
            "ring_mixture_nats_lost",
            at_most=0.05,
            says="A mixture of Gaussians gives new points nearly the density that they have.",
        ),
        Claim(
            "mixture_nats_gained",
            at_least=20,
            says="Of images, too, it says how likely they are: far more so than pixel by pixel.",
        ),
        Claim(
            "frechet_over_real",
            at_most=10,
            says="The GAN's images are at most ten times as far from test images as other real ones are,",
        ),
        Claim(
            "frechet_over_trivial",
            at_most=0.5,
            says="and nearer than those of a generator that takes each pixel from another image.",
        ),
        Claim("rarest_class", at_least=0.01, says="It draws digits of every class,"),
        Claim("share_of_copies", at_most=0.2, says="and few that are copies of training images."),
        Claim("reference_gap", at_most=1e-5, says="The bare loop and the suite's end with the same weights."),
    ),
)


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)

# %% [markdown]
# ## Try
#
# **1.** `suite run gan --penalty 0 --steps 1000`: which claims fall, on the ring and on images?
#
# <details><summary>Answer</summary>
#
# `modes`, as both games on the ring are now the same, and all points lie in one heap: `good_points` holds,
# with 1.00. On images `frechet_over_real` is 21 and `frechet_over_trivial` 1.2, farther from test images than
# pixels drawn one by one, and `rarest_class` is 0: classes are lost as heaps are. (Seed 0.)
#
# </details>
#
# **2.** Leave `kernel_initializer` out of `ring_networks`, which makes the first weights smaller, and play
# with `suite run gan --ring_steps 4000 --ring_rate 0.003`. Which claim falls? And what if the games are
# played with `saturating`?
#
# <details><summary>Answer</summary>
#
# `modes_without_penalty`: eight heaps on seed 0 and seven on seed 1. A GAN *can* collapse, and whether it
# does hangs on rates and first weights; the penalty makes it matter less. The saturating loss draws all eight
# as well, with the penalty and without: Adam divides by the length of the gradient, and takes as long a step
# with a small one. What it cannot mend is a gradient of exactly 0, or one that is lost among rounding.
#
# </details>
#
# **3.** A discriminator that is perfect, D(real) = 1 and D(fake) = 0 everywhere: what does its own loss say,
# and what does the generator learn from it? And one that says 1/2 to everything?
#
# <details><summary>Answer</summary>
#
# Its loss is 0, its logits are far out, and between the two kinds of images it is flat: whichever way the
# generator changes a pixel, the answer stays. With the non-saturating loss the slope by the logit is -1, but
# the logit's slope by the pixels may be 0. That is what the penalty is for. One that says 1/2 has a loss of
# 2 log 2 = 1.386 nats; the generator has won, or the discriminator has learned nothing: the loss does not
# tell which.
#
# </details>
#
# ## To take away
#
# - Explicit models say how likely an image is, and can be chosen by it; implicit ones can only be drawn from.
# - A GAN's loss is another network. Its gradient has to live: take the non-saturating loss, and keep the
#   discriminator from becoming a cliff.
# - Nothing in the game asks for variety. Count the modes, or the classes, and look for copies.
# - A distance between sets of images says something between two ends: real against real, and trivial.
#
# *Before: [word_embeddings](word_embeddings.md). Next: [domain_adaptation](domain_adaptation.md): a
# discriminator that teaches features instead of images.*
