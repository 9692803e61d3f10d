"""Exports one model of each family of keras.applications and compares every format with Keras itself.

python tools/applications.py                  the smallest model of each family
python tools/applications.py VGG16 ResNet50   some

Weights are random, biases and moving statistics included, and pictures as small as the family takes. Each
model has a process of its own, which fails where a format is refused or differs by more than an export may.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from suite import console
from suite.bundle.task import Task
from suite.cli.chatter import silence_libraries

# Name -> smallest side of a picture that it takes.
SMALL = "ConvNeXtTiny DenseNet121 EfficientNetB0 EfficientNetV2B0 MobileNet MobileNetV2 MobileNetV3Small"
SMALL += " NASNetMobile ResNet50 ResNet50V2 VGG16"
SMALLEST = dict.fromkeys(SMALL.split(), 32) | {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}
PICTURES, COMPARED = 16, 2


def build(name: str) -> tuple[Any, ...]:
    """Gives a model with random weights and pictures, to which its answers, ten logits, vary."""
    import keras
    import numpy as np

    side, random = SMALLEST[name], np.random.default_rng(0)
    make = getattr(keras.applications, name)
    model = make(weights=None, classes=10, input_shape=(side, side, 3), classifier_activation=None)
    for weight in model.trainable_weights:
        kind = weight.path.rsplit("/", 1)[-1]
        if kind == "gamma":
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
        elif kind in ("beta", "bias"):
            weight.assign(random.normal(1 if kind == "beta" else 0, 0.1, weight.shape))
        elif kind == "kernel":
            weight.assign(weight * 2**0.5)  # as ReLU halves the variance
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # takes the statistics of the pictures, so that deep answers vary
    # Of many colors: those of mere noise look all the same to a deep model.
    pictures = random.uniform(0, 255, (PICTURES, 1, 1, 3)) * random.uniform(0, 1, (PICTURES, side, side, 3))
    pictures = pictures.astype("float32")
    model(pictures, training=True)
    return model, pictures


def compare(name: str) -> bool:
    """Exports a model; prints how far each format is from Keras, or why; tells whether all are right."""
    from suite.bundle.examples import load_verification
    from suite.bundle.names import VERIFICATION_FILE
    from suite.deploy import pipeline
    from suite.deploy.draws import constant_outputs
    from suite.deploy.export import Export

    began = time.monotonic()
    model, pictures = build(name)
    with tempfile.TemporaryDirectory(prefix="suite-applications-") as folder:
        with mock.patch.object(pipeline, "REDUCED", ()):  # of random weights, those prove nothing
            rows = pipeline.export_model(Export(model, pictures[:COMPARED], task=Task.TENSORS), folder)
        _, answers = load_verification(Path(folder) / VERIFICATION_FILE)
    said = [f"{row.path} {row.reason or format(row.max_abs_difference, '.1e')}" for row in rows[1:]]
    said += ["the answers do not vary"] * bool(constant_outputs(answers))
    console.result(f"{name}: {', '.join(said)} ({time.monotonic() - began:.0f} s)")
    return all(row.is_shipped for row in rows) and not constant_outputs(answers)


@click.command(help=__doc__.split("\n\n")[0])
@click.argument("names", nargs=-1, type=click.Choice(list(SMALLEST)))
def main(names: tuple[str, ...]) -> None:
    if len(names) == 1:
        console.set_quiet(True)
        silence_libraries()
        sys.exit(not compare(*names))
    ended = {name: subprocess.run([sys.executable, __file__, name]).returncode for name in names or SMALLEST}
    failed = [name for name, status in ended.items() if status]
    console.result(f"{len(ended)} families, failed: {', '.join(failed) or 'none'}")
    sys.exit(len(failed) > 0)


if __name__ == "__main__":
    main()
