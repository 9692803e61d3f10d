"""Steps of optimizers and passes through layers."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tools.benchmarks.floors import Cost
from tools.benchmarks.measuring import Peer, Work, assert_close


def optimizer_steps(sizes: Sequence[int] = (1_000_000, 20_000_000), rounds: int = 41) -> Iterator[Work]:
    """One step of each of our optimizers, as a graph and compiled by XLA; torch has no graph."""
    import tensorflow as tf
    import torch
    from keras.optimizers import SGD, Adagrad, Adam, RMSprop

    from suite import optimizers

    # Ours, Keras', torch's, and how many arrays of the size of the weights a step reads and writes at least.
    rivals = (
        (optimizers.GradientDescent(), SGD(), lambda w: torch.optim.SGD(w, 0.01), 3),
        (optimizers.Momentum(), SGD(momentum=0.9), lambda w: torch.optim.SGD(w, 0.01, momentum=0.9), 5),
        (
            optimizers.NesterovMomentum(),
            SGD(momentum=0.9, nesterov=True),
            lambda w: torch.optim.SGD(w, 0.01, momentum=0.9, nesterov=True),
            5,
        ),
        (
            optimizers.AdaGrad(),
            Adagrad(0.01, initial_accumulator_value=0.0),
            lambda w: torch.optim.Adagrad(w, 0.01),
            5,
        ),
        (optimizers.RMSprop(), RMSprop(), lambda w: torch.optim.RMSprop(w, 0.001, alpha=0.9), 5),
        (optimizers.Adam(), Adam(), lambda w: torch.optim.Adam(w, 0.001), 7),
    )
    for parameters, jit_compile, (*pair, torch_optimizer, arrays) in itertools.product(
        sizes, (False, True), rivals
    ):
        shape = (parameters // 8,)
        gradients = [tf.random.uniform(shape, 0.1, 1, seed=seed) for seed in range(8)]
        count = max(1, 20_000_000 // parameters)
        ours, theirs = (
            stepper(type(optimizer).from_config(optimizer.get_config()), gradients, count, jit_compile)
            for optimizer in pair
        )
        name = type(pair[0]).__name__
        with_torch = torch_stepper(torch_optimizer, [gradient.numpy() for gradient in gradients], count)
        reference = ours()
        assert_close(reference, theirs(), f"Keras after {count} steps of {name}")
        assert_close(reference, with_torch(), f"torch after {count} steps of {name}")
        yield Work(
            f"{name} step, {parameters // 10**6} M, {'XLA' if jit_compile else 'graph'}, steps/s",
            ours,
            (
                Peer(f"Keras {type(pair[1]).__name__}", theirs, 1),
                Peer(f"torch.optim.{type(torch_optimizer([torch.zeros(1)])).__name__}", with_torch, 1),
            ),
            count,
            rounds,
            Cost(bytes=4.0 * arrays * parameters * count),
        )


def torch_stepper(
    make_optimizer: Callable[[list[Any]], Any], gradients: list[np.ndarray], count: int
) -> Callable[[], np.ndarray]:
    """`stepper` of torch."""
    import torch

    weights = [torch.ones(gradient.shape, requires_grad=True) for gradient in gradients]
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = torch.from_numpy(gradient.copy())
    optimizer = make_optimizer(weights)

    def steps() -> np.ndarray:
        for _ in range(count):
            optimizer.step()
        return weights[0][:1000].detach().numpy().copy()

    return steps


def stepper(
    optimizer: Any, gradients: Sequence[Any], count: int, jit_compile: bool
) -> Callable[[], np.ndarray]:
    """A function that takes `count` steps with variables like the gradients; returns some weights."""
    import keras
    import tensorflow as tf

    variables = [keras.Variable(tf.ones_like(gradient)) for gradient in gradients]
    optimizer.build(variables)
    step = tf.function(lambda: optimizer.apply(gradients, variables), jit_compile=jit_compile)

    def steps() -> np.ndarray:
        for _ in range(count):
            step()
        return variables[0][:1000].numpy()

    return steps


def layer_steps(
    shapes: Sequence[tuple[int, ...]] = ((64, 28, 28, 32), (128, 512)), steps: int = 20
) -> Iterator[Work]:
    """A pass forward and backward through one of our layers, as a graph."""
    import keras

    from suite import layers

    pairs = (
        (layers.BatchNormalization, keras.layers.BatchNormalization, ()),
        (layers.Dropout, keras.layers.Dropout, (0.3,)),
    )
    for (ours, theirs, arguments), shape in itertools.product(pairs, shapes):
        ours_pass, their_pass = (layer_pass(kind(*arguments), shape, steps) for kind in (ours, theirs))
        if ours is layers.BatchNormalization:
            assert_close(ours_pass(), their_pass(), "Keras")
        work = f"{ours.__name__} on {' x '.join(map(str, shape))}, passes/s"
        peer = Peer(f"Keras {theirs.__name__}", their_pass, 1)
        yield Work(work, ours_pass, (peer,), steps, 21)


def layer_pass(layer: Any, shape: tuple[int, ...], steps: int) -> Callable[[], np.ndarray]:
    """A function that goes through the layer in training and back, `steps` times; returns derivatives."""
    import tensorflow as tf

    x, direction = map(tf.constant, np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32))
    layer.build(shape)

    @tf.function
    def one_pass() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, training=True) * direction)
        return tape.gradient(loss, [x, *layer.trainable_variables])

    def passes() -> np.ndarray:
        for _ in range(steps):
            gradients = one_pass()
        return gradients[0][:2].numpy()

    return passes
