"""Many small networks in one model, to train the same network on many samples at the price of one."""

import keras
import numpy as np
import tensorflow as tf


def networks_side_by_side(count: int, features: int, hidden_units: int) -> keras.Model:
    """Builds networks with one hidden layer of ReLU units and one output that share no weight.

    The gradient of the sum of their losses is, for each of them, that of its own loss.

    Args:
        count: Number of networks.
        features: Inputs of each.
        hidden_units: Units of each.

    Returns:
        A model from `(count, n, features)` to `(count, n, 1)` float32; He's initial weights before the units,
        standard deviation 1 / sqrt(hidden_units) after.
    """
    x = keras.Input(batch_shape=(count, None, features))
    value = x
    for equation, units, variance in (
        ("dni,dih->dnh", hidden_units, 2 / features),
        ("dnh,dho->dno", 1, 1 / hidden_units),
    ):
        value = keras.layers.EinsumDense(
            equation,
            (None, units),
            activation="relu" if value is x else None,
            bias_axes="d" + equation[-1],
            kernel_initializer=keras.initializers.RandomNormal(stddev=variance**0.5),
        )(value)
    return keras.Model(x, value, name="networks")


def fit_side_by_side(networks: keras.Model, optimizer, train, held_out, *, steps: int) -> np.ndarray:
    """Trains on all rows at a time, and sets each network to where its error on the held-out rows was least.

    Args:
        networks: From `networks_side_by_side`.
        optimizer: Of Keras' kind, not built; its rule works element by element.
        train: `(count, n, features)` and `(count, n)` float32.
        held_out: The same for the early stopping.
        steps: Number of steps, a multiple of 10; every tenth is looked at.

    Returns:
        Mean squared error on the held-out rows, `(count, steps / 10)`.

    Raises:
        ValueError: steps is no positive multiple of 10.
    """
    if steps < 10 or steps % 10:
        raise ValueError(f"expected steps as a positive multiple of 10, received {steps}")
    weights = networks.trainable_variables
    optimizer.build(weights)

    def errors(inputs, targets):
        return tf.reduce_mean((networks(inputs)[..., 0] - targets) ** 2, axis=1)

    @tf.function
    def ten_steps():
        for _ in tf.range(10):
            with tf.GradientTape() as tape:
                losses = errors(*train)
            optimizer.apply(tape.gradient(losses, weights))  # that of their sum
        return errors(*held_out)

    history, best = [], [weight.numpy() for weight in weights]
    for _ in range(steps // 10):
        history.append(ten_steps().numpy())
        improved = history[-1] <= np.min(history, axis=0)
        for kept, weight in zip(best, weights, strict=True):
            kept[improved] = weight.numpy()[improved]
    networks.set_weights(best)
    return np.stack(history, axis=1)
