"""Fine-tunes a stand-in on generated photos of a few sizes, one after another, and prints the peak of each.

    python tests/peak_memory.py FOLDER EPOCHS 100 2000

The stand-in sees pictures as large as a real backbone does, at hardly any cost, and one penalty is tried.
What is measured is everything but the export: reading the folder, features, head, training, report.
"""

import json
import resource
import sys
import time
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from suite import console
from suite.data.source import Source
from suite.finetuning import head, job
from suite.finetuning.config import Config
from suite.runs.recipe import Context

SIDE, FEATURES, CLASSES = 320, 256, 4  # a picture has 307 kB when decoded


def write_photos(root: Path, count: int) -> Path:
    random = np.random.default_rng(count)
    for label in range(CLASSES):
        (root / f"class {label}").mkdir(parents=True)
    for index in range(count):
        pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        pixels[..., index % 3] //= 1 + index % CLASSES
        Image.fromarray(pixels).save(root / f"class {index % CLASSES}" / f"{index}.png", compress_level=1)
    return root


def build_stand_in(name=None):
    image = keras.Input((SIDE, SIDE, 3), dtype="uint8", name="image")
    x = keras.layers.MaxPooling2D(1, strides=40)(keras.layers.Rescaling(1 / 255)(image))
    return keras.Model(image, keras.layers.Dense(FEATURES, "relu")(keras.layers.Flatten()(x)))


def main(folder: str, epochs: str, *counts: str) -> None:
    job.build_backbone = build_stand_in
    console.set_quiet(True)
    head.L2_CANDIDATES, head.FOLDS = (0.1,), 2
    config = Config(epochs=int(epochs), views=0)
    for count in counts:
        root = write_photos(Path(folder) / count, int(count))
        work = Path(folder) / f"work {count}"
        work.mkdir()
        started = time.perf_counter()
        job.run(config, Context(0, Source.parse(root), work))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        seconds = round(time.perf_counter() - started, 2)
        print(json.dumps({"images": int(count), "peak_bytes": peak, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
