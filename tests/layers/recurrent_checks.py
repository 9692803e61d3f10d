"""Our recurrent layer and cells against Keras', as functions of the module that holds them."""

import itertools

import keras
import numpy as np
import tensorflow as tf

from suite import layers
from tests.layers.checks import MASK, close, random


def recurrent(module):
    _equals_keras(module.Recurrent, layers)
    x, spoiled = random(4, 6, 3), np.where(MASK[..., None], random(4, 6, 3), np.nan).astype(np.float32)
    for cell in (layers.SimpleRNNCell, layers.LSTMCell, layers.GRUCell):
        for backwards, training in itertools.product((False, True), (False, True)):
            layer = module.Recurrent(cell(5), return_sequences=True, go_backwards=backwards)
            results = []
            for inputs in (tf.constant(x), tf.constant(spoiled)):
                with tf.GradientTape() as tape:
                    tape.watch(inputs)
                    output = layer(inputs, mask=tf.constant(MASK), training=training)
                variables = [inputs, *(weight.value for weight in layer.trainable_variables)]
                direction = random(*output.shape, seed=8)
                results.append([output, *tape.gradient(output, variables, output_gradients=direction)])
            for clean, of_spoiled in zip(*results, strict=True):
                np.testing.assert_array_equal(clean, of_spoiled)


def recurrent_cells(module):
    _equals_keras(layers.Recurrent, module, ways=(False,))  # the other one is the layer's
    fresh = module.LSTMCell(2)
    fresh.build((None, 3))
    np.testing.assert_array_equal(fresh.bias, [0, 0, 1, 1, 0, 0, 0, 0])


def _equals_keras(recurrent, cells, ways=(False, True)):
    """Keras' own layers with the same weights: outputs, states and every gradient, all weights different."""
    pairs = (
        (cells.SimpleRNNCell, keras.layers.SimpleRNN, {}, (0,)),
        (cells.LSTMCell, keras.layers.LSTM, {}, (0, 1, 3, 2)),  # our order of the columns
        (cells.GRUCell, keras.layers.GRU, {"reset_after": False}, (0, 1, 2)),
    )
    x, options = tf.constant(random(4, 6, 3)), ((None, False), (MASK, False), (MASK, True))
    for cell, keras_layer, settings, order in pairs:
        for backwards, (mask, zero), training in itertools.product(ways, options, (False, True)):
            shared = {"zero_output_for_mask": zero} | {
                "return_sequences": True,
                "return_state": True,
                "go_backwards": backwards,
            }
            ours = recurrent(cell(5), **shared)
            theirs = keras_layer(5, **shared, **settings)
            for layer in (ours, theirs):
                layer.build(x.shape)
            weights = [random(*weight.shape, seed=7) for weight in ours.weights]
            ours.set_weights(weights)
            theirs.set_weights([_columns(weight, order) for weight in weights])
            for mine, other in zip(weights, theirs.get_weights(), strict=True):
                np.testing.assert_array_equal(ours.cell.in_keras_order(mine), other)
            results = []
            for layer in (ours, theirs):
                initial = [tf.constant(random(4, 5, seed=seed)) for seed in range(ours.cell.states)]
                inputs = [x, *initial]
                with tf.GradientTape() as tape:
                    tape.watch(inputs)
                    outputs = layer(x, initial_state=initial, mask=mask, training=training)
                directions = [random(*output.shape, seed=8) for output in outputs]
                variables = [*inputs, *(weight.value for weight in layer.trainable_variables)]
                results.append((outputs, tape.gradient(outputs, variables, output_gradients=directions)))
            for mine, other in zip(results[0][0], results[1][0], strict=True):
                close(mine, other)
            (_, mine), (_, others) = results
            for index, (my_gradient, other) in enumerate(zip(mine, others, strict=True)):
                is_weight = index > len(mine) - 4
                close(_columns(my_gradient.numpy(), order) if is_weight else my_gradient, other)
            outputs, *states = ours(x, initial_state=initial, mask=mask)
            stepped, step_states = ours.cell(x[:, -1 if backwards else 0], initial)
            if mask is None:
                close(stepped, outputs[:, 0])
            assert len(step_states) == len(states)
            ours.return_sequences = False
            last, *last_states = ours(x, initial_state=initial, mask=mask, training=training)
            close(last, outputs[:, -1])
            for state, expected in zip(last_states, states, strict=True):
                close(state, expected)


def _columns(weight: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    parts = np.split(weight, len(order), axis=-1)
    return np.concatenate([parts[index] for index in order], axis=-1)
