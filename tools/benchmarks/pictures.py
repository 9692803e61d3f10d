"""Reading photos: decode, resize, augment, batch."""

import functools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tools.benchmarks.measuring import Peer, Work, assert_close

SIDE, BATCH_SIZE = 224, 32
HEIGHT, WIDTH = 375, 500  # of the files
EPOCHS = 5
ROUNDING = 2.0  # of 256 levels, on average: libraries sample and round in their own ways


def write_photos(root: Path, count: int) -> Path:
    """Writes JPEG files of about 60 kB, crops from two photos of scikit-learn, into two class folders."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    for label, photo in enumerate(load_sample_images().images):
        (root / f"class_{label}").mkdir(parents=True)
        for number in range(count // 2):
            height = int(rng.integers(250, 400))
            width = height * WIDTH // HEIGHT
            top, left = (int(rng.integers(0, s - c + 1)) for s, c in zip(photo.shape, (height, width)))  # noqa: B905
            crop = Image.fromarray(photo[top : top + height, left : left + width])
            crop.resize((WIDTH, HEIGHT)).save(root / f"class_{label}" / f"{number:04}.jpg", quality=90)
    return root


def pictures(count: int = 256) -> Iterator[Work]:
    """Files on disk, augmented (flip, crop, brightness, contrast): one pass, and a training's five.

    What the peers do in later passes is what their tutorials do: Keras' side caches the decoded pictures in
    memory, torch's decodes them again. Ours keeps them in a file.
    """
    import keras
    import tensorflow as tf
    from keras import layers

    from suite.data.pictures.image_source import ImageSource
    from tools.benchmarks.torch_pictures import torch_pass

    with tempfile.TemporaryDirectory() as work:
        root = write_photos(Path(work) / "photos", count)
        files = sorted(root.glob("*/*"))
        labels = [int(file.parent.name[-1]) for file in files]
        augment = keras.Sequential(
            [
                layers.RandomFlip("horizontal"),
                layers.RandomZoom((-0.23, 0.0)),  # down to a share of 0.6 of the area
                layers.RandomBrightness(0.1),
                layers.RandomContrast(0.2),
            ]
        )

        def ours(augmented: bool = True, passes: int = 1) -> np.ndarray:
            source = ImageSource(files, labels, (SIDE, SIDE))
            seeds = range(passes) if augmented else [None]
            means = [_mean_pixels(source.batches(BATCH_SIZE, augment_seed=seed)) for seed in seeds]
            return means[0]

        def with_keras(augmented: bool = True, passes: int = 1) -> np.ndarray:
            batches = keras.utils.image_dataset_from_directory(
                root, image_size=(SIDE, SIDE), batch_size=BATCH_SIZE, shuffle=False, verbose=False
            )
            if passes > 1:
                batches = batches.cache()
            if augmented:
                batches = batches.map(
                    lambda images, labels: (augment(images, training=True), labels),
                    num_parallel_calls=tf.data.AUTOTUNE,
                )
            batches = batches.prefetch(tf.data.AUTOTUNE)
            means = [_mean_pixels(batches) for _ in range(passes)]
            return means[0]

        def with_torch(augmented: bool = True, passes: int = 1) -> np.ndarray:
            return torch_pass(root, SIDE, BATCH_SIZE, augmented, passes)

        reference = ours(augmented=False)
        for name, way in (("Keras", with_keras), ("torch", with_torch)):
            assert_close(reference, way(augmented=False), f"{name}, not augmented", ROUNDING)
        for passes, rounds in ((1, 7), (EPOCHS, 3)):
            run_ours, run_keras, run_torch = (
                functools.partial(way, passes=passes) for way in (ours, with_keras, with_torch)
            )
            peers = (
                Peer("keras image_dataset_from_directory, augmentation layers", run_keras, 1.5),
                Peer("torch DataLoader, 2 workers, PIL", run_torch, 2),
            )
            name = "the first epoch" if passes == 1 else f"{passes} epochs"
            work = f"decode, resize, augment, {name}, images/s"
            yield Work(work, run_ours, peers, passes * len(files), rounds)


def _mean_pixels(batches: Any) -> np.ndarray:
    """The mean of each picture, in levels, in the order of the files."""
    return np.concatenate([np.mean(images.numpy(), axis=(1, 2, 3)) for images, _ in batches])
