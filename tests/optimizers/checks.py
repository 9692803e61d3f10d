"""What the optimizer tests share: a stream of gradients, and the path that an optimizer takes through it."""

import keras
import numpy as np
import tensorflow as tf

from suite.optimizers.base import UpdateRule

STEPS = 60
SHAPE = (4, 3)


@keras.saving.register_keras_serializable("suite")
class HeavyBall(UpdateRule):
    """Momentum and a sum of squares: what `UpdateRule` does with state is tested on it."""

    state_names = ("velocity", "squares")

    def __init__(self, learning_rate=0.01, **keras_arguments):
        super().__init__(learning_rate, **keras_arguments)

    def step(self, gradient, variable, learning_rate, velocity, squares):
        velocity = 0.5 * velocity + gradient
        return learning_rate * velocity, velocity, squares + gradient**2


def start(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=SHAPE)


def gradients(seed: int = 1, steps: int = STEPS) -> np.ndarray:
    """Of both signs and of magnitudes 1e-4 to 10: a constant stream would hide the decay rates."""
    random = np.random.default_rng(seed)
    magnitudes = 10 ** random.uniform(-4, 1, size=(steps, *SHAPE))
    return magnitudes * random.choice([-1.0, 1.0], size=magnitudes.shape)


def path(optimizer, initial, stream, *, state=(), t=1, name=None, dtype="float64", jit_compile=False):
    """Applies the stream in one traced function, as steps t, t + 1, ...; returns the variable after each."""
    variable = keras.Variable(initial, dtype=dtype, name=name)
    optimizer.build([variable])
    if t > 1:
        optimizer.iterations.assign(t - 1)
    for state_variable, value in zip(optimizer.variables[2:], state, strict=False):
        state_variable.assign(value)

    @tf.function(jit_compile=jit_compile)
    def apply(gradient):
        optimizer.apply([gradient], [variable])

    values = []
    for gradient in stream:
        apply(tf.constant(gradient, dtype))
        values.append(variable.numpy().copy())
    return np.stack(values)


def regression(seed: int = 0, rows: int = 32) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 4)).astype(np.float32)
    return x, (x @ np.float32([[1], [-2], [0.5], [3]]) + 1).astype(np.float32)


def small_model(seed: int = 3) -> keras.Model:
    first, second = (keras.initializers.GlorotUniform(seed + layer) for layer in range(2))
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(5, "tanh", kernel_initializer=first)(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer=second)(hidden))
