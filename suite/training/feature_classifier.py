"""A small classifier of images whose features other images are compared by."""

import keras
import numpy as np
from keras import layers

from suite.data.batches import shuffled
from suite.optimizers import Adam
from suite.training.loop import fit
from suite.training.training_run import TrainingRun


def turned(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turns square images `(n, side, side, channels)` by 0, 1, 2, 3 quarters in turn; these are the labels.

    Reference:
        Gidaris, Singh, Komodakis (2018), Unsupervised representation learning by predicting image rotations.
    """
    labels = np.arange(len(images)) % 4
    return np.stack([np.rot90(images[row], row % 4) for row in range(len(images))]), labels


def train_feature_classifier(
    images: np.ndarray, labels: np.ndarray, run: TrainingRun, *, steps: int, seed: int
) -> keras.Model:
    """Trains three convolutions, whose mean answers over the image are the features.

    Args:
        images: `(n, height, width, channels)` float32 in [0, 1].
        labels: `(n,)` int, classes from 0. Where there is one class only, the images have to be square, and
            the classifier tells by how many quarters one was turned.
        run: That this training is a part of.
        steps: Of 64 images each.
        seed: Of their order.

    Returns:
        A model from images to `[features (batch, 64), probabilities (batch, classes)]`, float32.
    """
    if not np.any(labels):
        images, labels = turned(images)
    x = image = keras.Input(images.shape[1:], name="image")
    for filters, strides in ((32, 1), (64, 2), (64, 1)):
        x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    features = layers.GlobalAveragePooling2D(name="features")(x)
    probabilities = layers.Dense(int(labels.max()) + 1, "softmax", name="probabilities")(features)
    classifier = keras.Model(image, probabilities)
    classifier.compile(Adam(2e-3), "sparse_categorical_crossentropy")
    fit(classifier, shuffled((images, labels), 64, seed).repeat(), run, steps_per_epoch=steps)
    return keras.Model(image, [features, probabilities])
