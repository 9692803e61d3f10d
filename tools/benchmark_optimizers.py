"""One optimizer step of ours against the Keras built-in: `python tools/benchmark_optimizers.py`.

Ours and theirs take turns (A B, B A, ...) on the same gradients, so that both see the same machine; the
ratio is the median of the ratios of neighbors.
"""

import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras
import numpy as np
import tensorflow as tf

from suite import optimizers

PAIRS = {
    "GradientDescent": (optimizers.GradientDescent, lambda: keras.optimizers.SGD(0.01)),
    "Momentum": (optimizers.Momentum, lambda: keras.optimizers.SGD(0.01, momentum=0.9)),
    "NesterovMomentum": (
        optimizers.NesterovMomentum,
        lambda: keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    ),
    "AdaGrad": (optimizers.AdaGrad, keras.optimizers.Adagrad),
    "RMSprop": (optimizers.RMSprop, keras.optimizers.RMSprop),
    "Adam": (optimizers.Adam, keras.optimizers.Adam),
}
VARIABLES = 8
ROUNDS = 40
PARAMETERS_PER_TURN = 20_000_000


def stepper(make, gradients: list[tf.Tensor], jit_compile: bool):
    """A function that takes one step with variables of the shapes of the gradients."""
    variables = [keras.Variable(np.ones(gradient.shape, np.float32)) for gradient in gradients]
    optimizer = make()
    optimizer.build(variables)

    @tf.function(jit_compile=jit_compile)
    def step(gradients):
        optimizer.apply(gradients, variables)
        return tf.reduce_sum(variables[0][:1])  # something to wait for

    return lambda: step(gradients).numpy()


def seconds(step, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - start) / count


def in_turns(first, second, count: int, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds per step of both in each round; who goes first alternates."""
    times = ([], [])
    for turn in range(rounds):
        for index in (turn % 2, 1 - turn % 2):
            times[index].append(seconds((first, second)[index], count))
    return times


def compare(name: str, parameters: int, jit_compile: bool, rounds: int = ROUNDS) -> dict:
    """Milliseconds per step of ours and of Keras' class, and their ratio."""
    random = np.random.default_rng(0)
    shape = (parameters // VARIABLES,)
    gradients = [tf.constant(random.normal(size=shape), tf.float32) for _ in range(VARIABLES)]
    steps = [stepper(make, gradients, jit_compile) for make in PAIRS[name]]
    count = max(1, PARAMETERS_PER_TURN // parameters)
    in_turns(*steps, count=2, rounds=2)
    ours, theirs = in_turns(*steps, count, rounds)
    return {
        "optimizer": name,
        "parameters": parameters,
        "mode": "xla" if jit_compile else "graph",
        "ours_ms": 1e3 * statistics.median(ours),
        "keras_ms": 1e3 * statistics.median(theirs),
        "ratio": statistics.median(a / b for a, b in zip(ours, theirs, strict=True)),
    }


def rows(sizes=(1_000_000, 20_000_000), rounds: int = ROUNDS):
    """Yields one comparison per optimizer, size and mode."""
    for name in PAIRS:
        for parameters in sizes:
            for jit_compile in (False, True):
                yield compare(name, parameters, jit_compile, rounds)


def main() -> int:
    worst = 0.0
    for row in rows():
        worst = max(worst, row["ratio"])
        print(
            f"{row['optimizer']:<17}{row['parameters']:>11,} {row['mode']:<6}"
            f"ours {row['ours_ms']:8.3f} ms  keras {row['keras_ms']:8.3f} ms  ratio {row['ratio']:.3f}",
            flush=True,
        )
    print(f"worst ratio {worst:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
