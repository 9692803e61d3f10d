"""Train a tiny network, slowly, with a checkpoint after each step.

Week 1, "Tests".
Claim: none.
Run:   suite run tests/training/slow_recipe.py --checkpoint_seconds 0
"""

import dataclasses
import json
import time

import keras
import numpy as np
import tensorflow as tf

from suite.layers import Dropout
from suite.runs.recipe import Context, Result


@dataclasses.dataclass(frozen=True)
class Config:
    epochs: int = 30


SMOKE = Config()
CLAIMS = ()


def run(config: Config, context: Context) -> Result:
    random = np.random.default_rng(context.seed)
    rows = random.normal(size=(24, 4)).astype("float32"), random.integers(0, 3, 24)
    x = keras.Input((4,))
    hidden = Dropout(0.3)(keras.layers.Dense(6, activation="relu")(x))
    model = keras.Model(x, keras.layers.Dense(3, activation="softmax")(hidden))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    batches = tf.data.Dataset.from_tensor_slices(rows).shuffle(24, seed=1).batch(8)
    curves = context.fit(model, batches, epochs=config.epochs, before_epoch=lambda epoch: time.sleep(0.1))
    weights = [each.tolist() for each in model.get_weights()]
    return Result({"train_loss": curves["train_loss"][-1]}, files={"weights.json": json.dumps(weights)})
