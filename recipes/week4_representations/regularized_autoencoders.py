"""Give an autoencoder more code than pixels, and something else to do than copying.

Week 4, "Regularized Autoencoders", "Sparse autoencoders", "Denoising autoencoders".
Claim: with twice as many codes as pixels and no regularization the network learns the identity: of images
       whose pixels were shuffled, of which it has seen none, it copies at least 0.99 of the variance (mnist:
       0.7, after as many steps for 12 times the pixels). On the same budget: of five regularized ones none
       copies more than 0.9. L1 brings the mean activation to at most 0.2 of the plain one's; the divergence
       holds the mean at rho (off by at most 0.2 of it). A denoising one has at most 0.5 of the plain one's
       error on noisy images, one trained on images with missing pixels at most 0.4 of it on such (mnist:
       0.5); a contractive one has at most 0.02 of the plain one's norm of the Jacobian, whose closed form is
       the tape's (relative gap at most 0.00001).
Cost:  100 s on 2 CPU cores; mnist 10 min, beside other work.
Run:   suite run regularized_autoencoders [--data tfds]
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression

from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.deploy.exports.autoencoder import encoder_export
from suite.evaluation import plots
from suite.evaluation.metrics import r2
from suite.evaluation.table import Table
from suite.layers.penalized_dense import jacobian_penalty
from suite.models.autoencoders import Autoencoder, build_overcomplete
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, about


@dataclasses.dataclass(frozen=True)
class Config:
    codes_per_pixel: float = 2.0
    l1_strength: float = 1e-3
    kl_strength: float = 1e-2
    rho: float = 0.05  # wanted mean activation
    jacobian_strength: float = 3e-2
    noise: float = 0.25  # standard deviation, where white is 1
    missing: float = 0.5  # share of the pixels
    steps: int = 3000
    batch_size: int = 128
    learning_rate: float = 0.64  # over the number of pixels, at first; falls to 0 along a cosine


SMOKE = Config(steps=15, codes_per_pixel=1.1)
DATA = ("embedded", "tfds")

CLAIMS = (
    Claim("copied_plain", at_least=0.99, data="embedded"),
    Claim("copied_plain", at_least=0.7, data="tfds"),
    *about(
        ("embedded", "tfds"),
        Claim("copied_regularized", at_most=0.9),
        Claim("activation_l1_over_plain", at_most=0.2),
        Claim("activation_kl_off_rho", at_most=0.2),
        Claim("noisy_error_denoising_over_plain", at_most=0.5),
    ),
    Claim("missing_error_masked_over_plain", at_most=0.4, data="embedded"),
    Claim("missing_error_masked_over_plain", at_most=0.5, data="tfds"),
    *about(("embedded", "tfds"), Claim("jacobian_contractive_over_plain", at_most=0.02)),
    Claim("jacobian_gap_to_tape", at_most=1e-5),
)


def add_noise(images: tf.Tensor, deviation: float) -> tf.Tensor:
    """Adds Gaussian noise to pixels, `(batch, height, width, channels)` uint8, within [0, 255]."""
    noisy = tf.cast(images, tf.float32) + tf.random.normal(tf.shape(images), stddev=255 * deviation)
    return tf.cast(tf.round(tf.clip_by_value(noisy, 0, 255)), tf.uint8)


def lose_pixels(images: tf.Tensor, share: float) -> tf.Tensor:
    """Makes a share of the pixels black, `(batch, height, width, channels)` uint8."""
    return tf.where(tf.random.uniform(tf.shape(images)) < share, tf.zeros_like(images), images)


def shuffle_pixels(images: np.ndarray, seed: int) -> np.ndarray:
    """Mixes each pixel over the images: its values stay the same, what pixels have in common is lost."""
    rng = np.random.default_rng(seed)
    return rng.permuted(images.reshape(len(images), -1), axis=0).reshape(images.shape)


def train(
    model: keras.Model,
    images: np.ndarray,
    corrupt: Callable[[tf.Tensor], tf.Tensor] | None,
    config: Config,
    context: Context,
) -> None:
    """Minimizes the squared error between each image and what comes out for it, or for a corrupted copy."""
    batches = shuffled((images, images.astype(np.float32) / 255), config.batch_size, context.seed).repeat()
    if corrupt is not None:
        batches = batches.map(lambda pixels, targets: (corrupt(pixels), targets))
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate / images[0].size, config.steps)
    model.compile(Adam(schedule), "mse")
    context.fit(model, batches.prefetch(2), steps_per_epoch=config.steps)


def run(config: Config, context: Context) -> Result:
    data = image_sets.load(context.source, context.seed)
    images, test, shape = data.images["train"], data.images["test"], data.images["train"].shape[1:]
    code_size = round(config.codes_per_pixel * np.prod(shape))
    kinds = {
        "plain": ({}, None),
        "l1": ({"penalty": "l1", "strength": config.l1_strength}, None),
        "kl": ({"penalty": "kl", "strength": config.kl_strength, "rho": config.rho}, None),
        "denoising": ({}, lambda pixels: add_noise(pixels, config.noise)),
        "masked": ({}, lambda pixels: lose_pixels(pixels, config.missing)),
        "contractive": ({"penalty": "jacobian", "strength": config.jacobian_strength}, None),
    }
    inputs = {
        "test": test,
        "shuffled": shuffle_pixels(test, context.seed),
        "noisy": add_noise(test, config.noise).numpy(),
        "missing": lose_pixels(test, config.missing).numpy(),
    }
    models, measured, pictures = {}, {}, {"image": test[:10], "noisy": inputs["noisy"][:10]}
    for kind, (penalty, corrupt) in kinds.items():
        models[kind] = build_overcomplete(shape, code_size, **penalty)
        train(models[kind].model, images, corrupt, config, context)
        measured[kind] = measure(models[kind], inputs, data)
        pictures[kind] = models[kind].model.predict(inputs["noisy"][:10], verbose=0)

    def ratio(name: str, kind: str) -> float:
        return measured[kind][name] / measured["plain"][name]

    metrics = {
        "copied_plain": measured["plain"]["copied"],
        "copied_regularized": max(measured[kind]["copied"] for kind in list(kinds)[1:]),
        "activation_l1_over_plain": ratio("activation", "l1"),
        "activation_kl_off_rho": abs(measured["kl"]["activation"] / config.rho - 1),
        "noisy_error_denoising_over_plain": ratio("noisy error", "denoising"),
        "missing_error_masked_over_plain": ratio("missing error", "masked"),
        "jacobian_contractive_over_plain": ratio("jacobian", "contractive"),
        "jacobian_gap_to_tape": jacobian_gap(models["contractive"].encoder, test[:20]),
    }
    metrics |= {f"test_accuracy_{kind}": values["accuracy"] for kind, values in measured.items()}
    return Result(
        metrics=metrics,
        figures={
            "noisy_images": plots.image_rows(pictures, title="What each makes of noisy test images"),
            "activations": draw_activations(models, test),
        },
        exports=[encoder_export(model, test, images[:300], kind) for kind, model in models.items()],
        data=data.describe(),
        tables=[table(measured)],
    )


def measure(autoencoder: Autoencoder, inputs: dict, data: image_sets.ImageSet) -> dict[str, float]:
    """Numbers on test; the accuracy is that of a linear classifier of the codes, from 100 labeled images."""
    clean = inputs["test"].astype(np.float32) / 255
    answers = {name: autoencoder.model.predict(x, batch_size=500, verbose=0) for name, x in inputs.items()}
    code = autoencoder.encoder.predict(inputs["test"], batch_size=500, verbose=0)
    codes = autoencoder.encoder.predict(data.images["train"][:100], verbose=0)
    classifier = LogisticRegression(C=10, max_iter=500).fit(codes, data.labels["train"][:100])
    return {
        "error": np.mean((answers["test"] - clean) ** 2),
        "copied": r2(answers["shuffled"], inputs["shuffled"] / 255),
        "noisy error": np.mean((answers["noisy"] - clean) ** 2),
        "missing error": np.mean((answers["missing"] - clean) ** 2),
        "activation": code.mean(),
        "active": np.mean(code > 0.1),
        "jacobian": float(jacobian_penalty(code, autoencoder.encoder.layers[-1].kernel)),
        "accuracy": classifier.score(code, data.labels["test"]),
    }


def jacobian_gap(encoder: keras.Model, images: np.ndarray) -> float:
    """Relative gap between the closed form of the Jacobian's squared norm and the tape's."""
    flat, code_of = tf.constant(images.reshape(len(images), -1) / np.float32(255)), encoder.layers[-1]
    with tf.GradientTape() as tape:
        tape.watch(flat)
        code = code_of(flat)
    exact = tf.reduce_sum(tape.batch_jacobian(code, flat) ** 2) / len(images)
    return float(abs(jacobian_penalty(code, code_of.kernel) / exact - 1))


def table(measured: dict) -> Table:
    columns = next(iter(measured.values()))
    note = (
        "Error: mean squared. Copied: share of the variance of images with shuffled pixels. Active: share of "
        "activations above 0.1. Jacobian: squared Frobenius norm of the encoder's. Accuracy: of a linear "
        "classifier of the codes from 100 labels."
    )
    rows = [(kind, *(f"{value:.4f}" for value in values.values())) for kind, values in measured.items()]
    return Table("One budget, six autoencoders", ("", *columns), rows, note)


def draw_activations(models: dict, images: np.ndarray) -> Figure:
    figure, axes = plots.new_figure("Activations of the code on test images", width=8)
    for kind, autoencoder in models.items():
        code = np.sort(autoencoder.encoder.predict(images, batch_size=500, verbose=0), axis=1)[:, ::-1]
        axes.plot(np.arange(1, code.shape[1] + 1), code.mean(axis=0), label=kind)
    axes.set(xlabel="unit, the most active of each image first", ylabel="mean activation", xscale="log")
    axes.legend(frameon=False)
    return figure


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
