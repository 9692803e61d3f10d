"""Reading photos: decode, resize, augment, batch."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tools.benchmarks.measuring import Peer, Work, assert_close

SIDE, BATCH_SIZE = 224, 32
HEIGHT, WIDTH = 375, 500  # of the files
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
    """One pass over files that are on disk, augmented: flip, crop, brightness, contrast."""
    import keras
    import tensorflow as tf
    from keras import layers

    from suite.data.images import ImageSource
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

        def ours(augmented=True):
            source = ImageSource(files, labels, (SIDE, SIDE))
            return _mean_pixels(source.batches(BATCH_SIZE, augment_seed=1 if augmented else None))

        def with_keras(augmented=True):
            batches = keras.utils.image_dataset_from_directory(
                root, image_size=(SIDE, SIDE), batch_size=BATCH_SIZE, shuffle=False, verbose=False
            )
            if augmented:
                batches = batches.map(
                    lambda images, labels: (augment(images, training=True), labels),
                    num_parallel_calls=tf.data.AUTOTUNE,
                )
            return _mean_pixels(batches.prefetch(tf.data.AUTOTUNE))

        def with_torch(augmented=True):
            return torch_pass(root, SIDE, BATCH_SIZE, augmented)

        reference = ours(augmented=False)
        for name, way in (("Keras", with_keras), ("torch", with_torch)):
            assert_close(reference, way(augmented=False), f"{name}, not augmented", ROUNDING)
        peers = (
            Peer("keras image_dataset_from_directory, augmentation layers", with_keras, 1.5),
            Peer("torch DataLoader, 2 workers, PIL", with_torch, 2),
        )
        yield Work("decode, resize, augment, images/s", ours, peers, len(files), 7)


def _mean_pixels(batches) -> np.ndarray:
    """The mean of each picture, in levels, in the order of the files."""
    return np.concatenate([np.mean(images.numpy(), axis=(1, 2, 3)) for images, _ in batches])
