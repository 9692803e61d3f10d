"""Squeeze images through codes of several sizes, with convolutions and with dense layers.

Week 4, "Undercomplete autoencoder", "Convolutional autoencoder".
Claim: the code size decides what is left: from 4 numbers over 8 and 16 to 32 the error on test falls each
       time to at most 0.85 of what it was. Convolutions, which share their weights over the image, leave at
       most 1.1 of the dense network's error at every size and less at 32 (at most 0.95), with at most 0.4 of
       its parameters.
Cost:  70 s on 2 CPU cores.
Run:   suite run convolutional_autoencoder [--data tfds | --data tfds:lfw]
"""

import dataclasses

import keras
import numpy as np

from suite.data.batches import shuffled
from suite.data.sets import image_sets
from suite.deploy.exports.autoencoder import decoder_export, encoder_export
from suite.evaluation import plots
from suite.models.autoencoders import build_convolutional, build_dense
from suite.optimizers import Adam
from suite.runs.recipe import Claim, Context, Result, about


@dataclasses.dataclass(frozen=True)
class Config:
    code_sizes: tuple[int, ...] = (4, 8, 16, 32)
    filters: tuple[int, ...] = (16, 32)  # of the encoder's stages, each of which halves the sides
    units: tuple[int, ...] = (256, 128)  # of the dense encoder
    steps: int = 1500
    batch_size: int = 64
    learning_rate: float = 4e-3  # at first; falls to 0 along a cosine


SMOKE = Config(code_sizes=(2, 4), filters=(4,), units=(16,), steps=20)
DATA = ("embedded", "tfds")

LARGEST = 64  # pixels; larger images are shrunk

CLAIMS = (
    Claim("largest_error_over_size_before", at_most=0.85, data="embedded"),
    Claim("largest_error_over_dense", at_most=1.1, data="embedded"),
    Claim("last_error_over_dense", at_most=0.95, data="embedded"),
    *about(("embedded", "tfds"), Claim("parameters_over_dense", at_most=0.4)),
)


def train(model: keras.Model, images: np.ndarray, config: Config, context: Context) -> None:
    """Minimizes the mean squared error between each image and what comes out for it."""
    batches = shuffled((images, images.astype(np.float32) / 255), config.batch_size, context.seed)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.steps)
    model.compile(Adam(schedule), "mse")
    context.fit(model, batches.repeat(), steps_per_epoch=config.steps)


def run(config: Config, context: Context) -> Result:
    data = image_sets.load(context.source, context.seed, labeled=False, largest=LARGEST)
    images, test = data.images["train"], data.images["test"]
    targets = test.astype(np.float32) / 255
    models, pictures = {}, {"image": test[:10]}
    errors = {kind: np.zeros(len(config.code_sizes)) for kind in ("convolutional", "dense")}
    for index, code_size in enumerate(config.code_sizes):
        models["convolutional"] = build_convolutional(images.shape[1:], code_size, config.filters)
        models["dense"] = build_dense(images.shape[1:], code_size, config.units)
        for kind, autoencoder in models.items():
            train(autoencoder.model, images, config, context)
            answers = autoencoder.model.predict(test, batch_size=500, verbose=0)
            errors[kind][index] = np.mean((answers - targets) ** 2)
            pictures[f"{kind}, {code_size}"] = answers[:10]

    largest, sizes = models["convolutional"], [models[kind].model.count_params() for kind in models]
    metrics = {
        "largest_error_over_size_before": np.max(errors["convolutional"][1:] / errors["convolutional"][:-1]),
        "largest_error_over_dense": np.max(errors["convolutional"] / errors["dense"]),
        "last_error_over_dense": errors["convolutional"][-1] / errors["dense"][-1],
        "parameters_over_dense": sizes[0] / sizes[1],
        "test_mean_squared_error": errors["convolutional"][-1],
        "test_mean_squared_error_dense": errors["dense"][-1],
    }
    figure, axes = plots.new_figure("Error on test against the size of the code")
    plots.curves(
        axes,
        {kind: (config.code_sizes, values, "o-") for kind, values in errors.items()},
        xlabel="numbers in the code", ylabel="mean squared error", xscale="log", yscale="log",
        xticks=config.code_sizes, xticklabels=config.code_sizes,
    )  # fmt: skip
    return Result(
        metrics=metrics,
        figures={"error": figure, "images": plots.image_rows(pictures, title="Test images by code size")},
        exports=[encoder_export(largest, test, images[:300]), decoder_export(largest, test, images[:300])],
        data=data.describe(),
    )


if __name__ == "__main__":
    from suite.cli.main import run_script

    run_script(__file__)
