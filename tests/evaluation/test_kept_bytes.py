"""Held against what a network of a few layers needs, counted by hand."""

import keras
import numpy as np
import tensorflow as tf

from suite.evaluation.kept_bytes import kept_bytes
from suite.layers import Recurrent, SimpleRNNCell


def build(recurrent: bool) -> keras.Model:
    words = keras.Input(batch_shape=(2, None), dtype="int32")
    x = keras.layers.Embedding(7, 3)(words)
    x = (
        Recurrent(SimpleRNNCell(4), return_sequences=True)(x)
        if recurrent
        else keras.layers.Dense(4, "tanh")(x)
    )
    return keras.Model(words, keras.layers.Dense(7, "softmax")(x))


def test_each_further_word_keeps_as_much_as_the_layers_hold_of_it():
    """A dense network needs its layers' inputs and outputs, 4 bytes a number."""
    kept = [kept_bytes(build(False), tf.zeros((2, length), tf.int32)) for length in (5, 10, 20)]
    a_word = (kept[1] - kept[0]) / 5
    assert kept[2] - kept[1] == 10 * a_word
    least = 2 * 4 * (3 + 4 + 7)  # a batch of two: vectors, hidden units, probabilities
    assert least <= a_word <= 4 * least  # and some of them in two shapes


def test_a_recurrent_layer_keeps_a_state_for_every_word_and_no_weights():
    lengths = np.array([5, 10, 20, 40])
    kept = [kept_bytes(build(True), tf.zeros((2, length), tf.int32)) for length in lengths]
    slope, constant = np.polyfit(lengths, kept, 1)
    assert slope > 2 * 4 * (3 + 2 * 4 + 7)  # also the sums before tanh
    assert constant < slope  # weights, 3 * 4 + 4 * 4 + ... numbers, would add to the constant
