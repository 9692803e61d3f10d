"""Does training use the GPU, and what does it pay to switch on? One table, measured here and now.

    python tools/gpu_check.py [--batch_size 64] [--seconds 5]

A convolutional network is trained on random images: step by step in Python, in a `tf.function`, compiled by
XLA, and with mixed precision. It works without a GPU too, and says so.
"""

import time
from collections.abc import Callable
from typing import TypeAlias

import click
import keras
import numpy as np
import tensorflow as tf

from suite import console

Step: TypeAlias = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # of images and labels
SHAPE, CLASSES = (64, 64, 3), 10


def build_model(policy: str) -> keras.Model:
    """A network like those of the recipes, in "float32", or "mixed_float16" for a GPU's matrix units."""
    policy = keras.dtype_policies.DTypePolicy(policy)
    x = images = keras.Input(SHAPE)
    for filters in (32, 64, 128):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False, dtype=policy)(x)
        x = keras.layers.ReLU(dtype=policy)(keras.layers.BatchNormalization(dtype=policy)(x))
    x = keras.layers.GlobalAveragePooling2D(dtype=policy)(x)
    return keras.Model(images, keras.layers.Dense(CLASSES, dtype="float32")(x))


def training_step(model: keras.Model, wrap: Callable[[Step], Step]) -> Step:
    """A function that takes a step of Adam on random images and gives the loss.

    Args:
        model: Float32 or mixed precision, whose loss is scaled.
        wrap: What the step is passed through, such as `tf.function`.
    """
    optimizer = keras.optimizers.Adam()
    if any(layer.compute_dtype == "float16" for layer in model.layers):
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
            scaled = optimizer.scale_loss(value)
        optimizer.apply(tape.gradient(scaled, model.trainable_variables), model.trainable_variables)
        return value

    return wrap(step)


def steps_per_second(step: Step, batch: tuple[tf.Tensor, tf.Tensor], seconds: float) -> float:
    """Measures for about that long, after a warm-up; each measurement ends with the loss on the host."""
    for _ in range(3):
        float(step(*batch))
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for _ in range(5):
            value = step(*batch)
        float(value)
        count += 5
    return count / (time.perf_counter() - started)


def measure(batch_size: int, seconds: float) -> list[tuple[str, float]]:
    """Steps a second by way to train."""
    rng = np.random.default_rng(0)
    batch = (
        tf.constant(rng.random((batch_size, *SHAPE), np.float32)),
        tf.constant(rng.integers(CLASSES, size=batch_size)),
    )
    ways = (
        ("step by step", "float32", lambda step: step),
        ("tf.function", "float32", tf.function),
        ("tf.function, XLA", "float32", lambda step: tf.function(step, jit_compile=True)),
        ("tf.function, mixed precision", "mixed_float16", tf.function),
        ("tf.function, XLA, mixed precision", "mixed_float16", lambda s: tf.function(s, jit_compile=True)),
    )
    found = []
    for name, policy, wrap in console.track(ways, "measuring"):
        step = training_step(build_model(policy), wrap)
        found.append((name, steps_per_second(step, batch, seconds)))
    return found


@click.command()
@click.option("--batch_size", default=64, show_default=True)
@click.option("--seconds", default=5.0, show_default=True, help="For each way.")
def main(batch_size: int, seconds: float) -> None:
    """Measure steps a second with and without tf.function, XLA and mixed precision."""
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
        console.say(f"GPU: {tf.config.experimental.get_device_details(gpu).get('device_name', gpu.name)}")
    if not gpus:
        console.warn('no GPU found, measuring the CPU; pip install -e ".[gpu]" and a driver make it one')
    found = measure(batch_size, seconds)
    plain = found[0][1]
    rows = [
        (name, f"{speed:.1f}", f"{speed * batch_size:.0f}", f"{speed / plain:.2f}x") for name, speed in found
    ]
    console.table(
        f"Training, batch {batch_size} of {SHAPE[0]} x {SHAPE[1]} pixels",
        ("way", "steps/s", "images/s", "over step by step"), rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
