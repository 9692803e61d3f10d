"""Our layers against Keras' and against their definition, as functions of the module that holds them."""

import keras
import numpy as np
import tensorflow as tf

TOLERANCE = 1e-5  # measured 1e-6 at most, both in float32


def random(*shape: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng([seed, *shape])
    return (rng.choice([-1, 1], shape) * (0.05 + np.abs(rng.normal(size=shape)))).astype(np.float32)


def close(received, expected) -> None:
    np.testing.assert_allclose(received, expected, rtol=TOLERANCE, atol=TOLERANCE)


def batch_normalization(module):
    for shape, settings in (((6, 3), {}), ((4, 5, 2, 3), {"momentum": 0.75, "epsilon": 0.05})):
        ours, theirs = module.BatchNormalization(**settings), keras.layers.BatchNormalization(**settings)
        for layer in (ours, theirs):
            layer.build(shape)
            layer.set_weights([random(3), random(3, seed=1), random(3, seed=2), np.abs(random(3, seed=3))])
        close(ours(random(*shape)), theirs(random(*shape)))  # inference
        for batch in range(3):
            x, direction = tf.constant(2 * random(*shape, seed=batch) + 1), random(*shape, seed=9)
            outputs, gradients = [], []
            for layer in (ours, theirs):
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    outputs.append(layer(x, training=True))
                variables = [x, *layer.trainable_variables]
                gradients.append(tape.gradient(outputs[-1], variables, output_gradients=direction))
            close(*outputs)
            for mine, other in zip(*gradients, strict=True):
                close(mine, other)
            for mine, other in zip(ours.weights, theirs.weights, strict=True):
                close(mine, other)
        close(ours(random(*shape)[:1]), theirs(random(*shape))[:1])  # of its own example alone
        ours.trainable = theirs.trainable = False
        before = [weight.numpy() for weight in ours.weights]
        close(ours(random(*shape), training=True), theirs(random(*shape), training=True))
        for weight, value in zip(ours.weights, before, strict=True):
            np.testing.assert_array_equal(weight, value)


def dropout(module):
    x = random(200, 500)
    for rate in (0.25, 0.8):
        layer = module.Dropout(rate, seed=1)
        np.testing.assert_array_equal(layer(x), x)
        first, second = (layer(x, training=True).numpy() for _ in range(2))
        for output in (first, second):
            close(output[output != 0], x[output != 0] / (1 - rate))
            # 100,000 draws: the standard deviation of the share is 0.0016 at most
            assert abs(np.mean(output == 0) - rate) < 0.008
            assert abs(np.mean((output == 0).mean(axis=0) - rate)) < 0.008
            assert 0.01 < np.std((output == 0).mean(axis=1)) < 0.05  # not whole rows
        assert np.mean((first == 0) == (second == 0)) < 0.75  # another mask each time
        with tf.GradientTape() as tape:
            inputs = tf.constant(x)
            tape.watch(inputs)
            output = layer(inputs, training=True)
        expected = np.where(output == 0, 0, 1 / (1 - rate))
        close(tape.gradient(output, inputs), expected)
    np.testing.assert_array_equal(module.Dropout(0.0)(x, training=True), x)
