"""Two small models that have what recipes export: pixels, tokens, features, several inputs and outputs."""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
from keras import layers

from suite.bundle.task import Task
from suite.deploy.export import Export
from suite.deploy.pipeline import export_model
from suite.evaluation.metrics import Metric, accuracy


class Exported(NamedTuple):
    folder: Path
    item: Export
    rows: dict


def image_model(size=32):
    image = keras.Input((size, size, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(image)
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu6")(x)
    x = layers.BatchNormalization()(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(3, activation="softmax", name="probabilities")(x), name="tiny")


def sequence_model():
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    features = keras.Input((4,), name="features")
    states = layers.LSTM(16, return_sequences=True)(layers.Embedding(50, 8, mask_zero=True)(tokens))
    code = layers.Bidirectional(layers.GRU(7))(states)
    logits = layers.Dense(5)(layers.concatenate([code, features]))
    return keras.Model([tokens, features], {"logits": logits, "states": states}, name="sequences")


def _export(folder, item):
    return Exported(folder, item, {row.path: row for row in export_model(item, folder)})


@pytest.fixture(scope="session")
def exported_images(tmp_path_factory):
    keras.utils.set_random_seed(1)
    model = image_model()
    generator = np.random.default_rng(1)
    # Three colors, so that the classes can be told apart and a wrong preprocessing shows in the metric.
    labels = np.arange(40) % 3
    images = generator.integers(0, 120, (40, 32, 32, 3)).astype("uint8")
    images[np.arange(40), :, :, labels] += 130
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images, labels, epochs=60, verbose=0)
    metric = Metric("test_accuracy", lambda outputs, truth: accuracy(outputs["probabilities"], truth))
    item = Export(
        model,
        images,
        calibration=images,
        targets=labels,
        metric=metric,
        labels=("red", "green", "blue"),
        task=Task.CLASSIFIER,
    )
    return _export(tmp_path_factory.mktemp("images"), item)


@pytest.fixture(scope="session")
def exported_sequences(tmp_path_factory):
    keras.utils.set_random_seed(2)
    generator = np.random.default_rng(2)
    inputs = {
        "tokens": generator.integers(0, 50, (20, 12)).astype("int32"),
        "features": generator.normal(size=(20, 4)).astype("float32"),
    }
    return _export(
        tmp_path_factory.mktemp("sequences"),
        Export(sequence_model(), inputs, calibration=inputs, task=Task.TENSORS),
    )
