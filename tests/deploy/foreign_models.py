"""Classifiers as other people's tools export them."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from suite.deploy.convert.saved_model import save_saved_model

COLORS = ("red", "green", "blue")
INTEGERS = {"uint8": tf.uint8, "int8": tf.int8}


def colors_in(signed: bool = True):
    """Names the color of a picture, whose values it takes in [-1, 1] (or [0, 1])."""
    image = keras.Input((4, 4, 3), name="image")
    mean = layers.GlobalAveragePooling2D()(image)
    model = keras.Model(image, layers.Dense(3, "softmax", name="probabilities")(mean))
    model.set_weights([(2 if signed else 4) * np.eye(3), np.zeros(3)])
    return model


def values(count=64):
    return (
        np.random.default_rng(0).uniform(-1, 1, (count, 1, 1, 3)).repeat(4, 1).repeat(4, 2).astype("float32")
    )


def write_quantized(folder, integers):
    """A classifier as Teachable Machine exports it, and the Keras model."""
    model = colors_in()
    save_saved_model(model, folder / "one", batch_size=1)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "one"))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    extremes = [np.full((1, 4, 4, 3), each, "float32") for each in (-1, 1)]
    converter.representative_dataset = lambda: ([each] for each in (*values()[:, None], *extremes))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = INTEGERS[integers]
    (folder / "model.tflite").write_bytes(converter.convert())
    (folder / "labels.txt").write_text("0 red\r\n1 green\r\n2 blue\r\n")
    return folder / "model.tflite", model
