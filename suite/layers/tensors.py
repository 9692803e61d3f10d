"""The types of what layers take and give."""

from typing import TypeAlias

import keras
import tensorflow as tf

Tensor: TypeAlias = keras.KerasTensor | tf.Tensor  # a symbol while a model is built, numbers when it runs
Shape: TypeAlias = tuple[int | None, ...]  # the batch first, None for any size
