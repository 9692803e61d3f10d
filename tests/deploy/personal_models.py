"""A small classifier that goes on learning, as a bundle has it."""

import keras
import numpy as np

from suite.deploy.convert.personal import base_of, save_personal
from suite.deploy.convert.tflite import convert_tflite

CLASSES, SPARE = 3, 2
LABELS = ("red", "green", "blue")


def small_model(seed=3):
    keras.utils.set_random_seed(seed)
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 128, offset=-127 / 128)(image)
    x = keras.layers.Conv2D(12, 3, strides=2, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    bias = keras.initializers.RandomNormal()
    head = keras.layers.Dense(CLASSES, "softmax", bias_initializer=bias, name="predictions")
    return keras.Model(image, head(x))


def small_images(count=10):
    # Bright ones and dark ones: plain noise would give nearly the same features for all.
    generator = np.random.default_rng(4)
    return (generator.integers(0, 256, (count, 8, 8, 3)) * generator.random((count, 1, 1, 3))).astype("uint8")


def write_personal(folder, precision="float32", model=None):
    model = model or small_model()
    save_personal(model, base_of(model, LABELS), folder / "personal", small_images(), SPARE)
    path = folder / "model_personal.tflite"
    path.write_bytes(convert_tflite(folder / "personal", precision))
    return path
