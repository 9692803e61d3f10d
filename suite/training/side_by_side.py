"""Many small networks in one model, to train the same network on many samples at the price of one."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf


def networks_side_by_side(
    count: int,
    features: int,
    hidden_units: int,
    outputs: int = 1,
    hidden_layers: int = 1,
    make_dropout: Callable[[], keras.layers.Layer] | None = None,
) -> keras.Model:
    """Builds networks with hidden layers of ReLU units and linear outputs that share no weight.

    The gradient of the sum of their losses is, for each of them, that of its own loss.

    Args:
        count: Number of networks.
        features: Inputs of each.
        hidden_units: Units of each of its hidden layers.
        outputs: Outputs of each.
        hidden_layers: Hidden layers of each.
        make_dropout: Gives the layer that drops hidden units in training; None where none are dropped.

    Returns:
        A model from `(count, n, features)` to `(count, n, outputs)` float32; He's initial weights before the
        units, standard deviation 1 / sqrt(hidden_units) after.
    """
    x = keras.Input(batch_shape=(count, None, features))
    hidden = x
    for _ in range(hidden_layers):
        hidden = _dense(hidden_units, (2 / hidden.shape[-1]) ** 0.5, "relu")(hidden)
        if make_dropout:
            hidden = make_dropout()(hidden)
    return keras.Model(x, _dense(outputs, hidden_units**-0.5, None)(hidden), name="networks")


def _dense(units: int, spread: float, activation: str | None) -> keras.layers.Layer:
    """One dense layer a network: (networks, examples, inputs) -> (networks, examples, units)."""
    initializer = keras.initializers.RandomNormal(stddev=spread)
    return keras.layers.EinsumDense(
        "dni,dio->dno", (None, units), activation, bias_axes="do", kernel_initializer=initializer
    )


def fit_side_by_side(
    networks: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    train: tuple[np.ndarray, np.ndarray],
    held_out: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    steps: int,
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = keras.losses.mean_squared_error,
    augment: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> np.ndarray | None:
    """Trains on all rows at a time; with held-out rows, stops each network early.

    Args:
        networks: From `networks_side_by_side`.
        optimizer: Of Keras' kind, not built; its rule works element by element.
        train: Inputs `(count, n, features)` float32 and targets, as the loss takes them.
        held_out: The same for the early stopping: each network goes back to where its loss there was least.
        steps: Number of steps, a multiple of 10; every tenth is looked at.
        loss: Maps (targets, outputs `(count, n, outputs)`) to `(count, n)`.
        augment: Changes the training inputs of a step at random.

    Returns:
        Mean loss on the held-out rows, `(count, steps / 10)`, if there are any.

    Raises:
        ValueError: steps is no positive multiple of 10.
    """
    if steps < 10 or steps % 10:
        raise ValueError(f"expected steps as a positive multiple of 10, received {steps}")
    weights = networks.trainable_variables
    optimizer.build(weights)

    @tf.function
    def ten_steps() -> tf.Tensor | None:
        for _ in tf.range(10):
            inputs = augment(train[0]) if augment else train[0]
            with tf.GradientTape() as tape:
                losses = tf.reduce_mean(loss(train[1], networks(inputs, training=True)), axis=1)
            optimizer.apply(tape.gradient(losses, weights))  # that of their sum
        return tf.reduce_mean(loss(held_out[1], networks(held_out[0])), axis=1) if held_out else None

    history, best = [], [weight.numpy() for weight in weights]
    for _ in range(steps // 10):
        losses = ten_steps()
        if held_out:
            history.append(losses.numpy())
            improved = history[-1] <= np.min(history, axis=0)
            for kept, weight in zip(best, weights, strict=True):
                kept[improved] = weight.numpy()[improved]
    if not held_out:
        return None
    networks.set_weights(best)
    return np.stack(history, axis=1)


def fit_on_batches(
    networks: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    batches: tf.data.Dataset,
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
) -> None:
    """Trains all networks on the same batches, a step a batch.

    Args:
        networks: From `networks_side_by_side`.
        optimizer: Of Keras' kind, not built; its rule works element by element.
        batches: Inputs, `(n, features)` or `(count, n, features)` float32, and targets, as the loss takes
            them.
        loss: Maps (targets, outputs `(count, n, outputs)`) to `(count, n)`.
    """
    weights = networks.trainable_variables
    optimizer.build(weights)

    @tf.function
    def step(inputs: tf.Tensor, targets: tf.Tensor) -> None:
        inputs = tf.broadcast_to(inputs, (networks.input_shape[0], *tf.unstack(tf.shape(inputs)[-2:])))
        with tf.GradientTape() as tape:
            losses = tf.reduce_mean(loss(targets, networks(inputs, training=True)), axis=1)
        optimizer.apply(tape.gradient(losses, weights), weights)  # that of their sum

    for inputs, targets in batches:
        step(inputs, targets)
