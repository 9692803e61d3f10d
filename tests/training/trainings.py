"""A training of a second, for tests of the loop and of resuming."""

import keras
import numpy as np
import tensorflow as tf

from suite.layers import Dropout
from suite.training.loop import fit
from suite.training.training_run import TrainingRun

EPOCHS = 6
X = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 50)


class Killed(BaseException):
    pass


def setting(seed=0, optimizer=None, dropout=0.3):
    keras.utils.set_random_seed(seed)
    x = keras.Input((4,))
    hidden = Dropout(dropout)(keras.layers.Dense(6, activation="tanh")(x))
    hidden = keras.layers.BatchNormalization()(hidden)
    model = keras.Model(x, keras.layers.Dense(3, activation="softmax", kernel_regularizer="l2")(hidden))
    model.compile(optimizer or keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


def of_epoch(epoch):
    order = np.random.default_rng(epoch).permutation(50)
    return tf.data.Dataset.from_tensor_slices((X[order], Y[order])).batch(16)


def shuffled():
    return tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(50, seed=3).batch(16)


SOURCES = {
    "a function of the epoch": lambda: {"batches": of_epoch},
    "a pass an epoch": lambda: {"batches": shuffled()},
    "without end": lambda: {"batches": shuffled().repeat(), "steps_per_epoch": 3},
}


def run(model, folder, source="a function of the epoch", checkpoint_seconds=0.0, **settings):
    keras.utils.set_random_seed(0)  # shuffling depends on it
    training = TrainingRun(folder=folder, checkpoint_seconds=checkpoint_seconds)
    return fit(model, run=training, **({"epochs": EPOCHS} | SOURCES[source]() | settings))


def loss_of(model):
    return {"validation_loss": float(model.evaluate(X, Y, verbose=0))}


def assert_same(model, other):
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
