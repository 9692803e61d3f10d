"""The fastest way through a frozen backbone."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from suite.data.row_file import RowFile
from suite.deploy.convert.tflite import convert_for_now
from suite.deploy.runtime import tflite_artifact

BATCH_SIZE = 32


def feature_extractor(backbone: keras.Model) -> Callable[[np.ndarray | RowFile], np.ndarray]:
    """Gives the fastest way through the frozen backbone: LiteRT on a CPU (4x TensorFlow), Keras on a GPU."""
    if tf.config.list_physical_devices("GPU"):
        return lambda images: np.concatenate(
            [
                backbone.predict_on_batch(images[start : start + BATCH_SIZE]).astype(np.float32)
                for start in range(0, len(images), BATCH_SIZE)
            ]
        )
    artifact = tflite_artifact(convert_for_now(backbone))
    output = artifact.signature.outputs[0].name
    return lambda images: artifact.predict(images)[output]
