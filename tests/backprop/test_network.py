import copy

import numpy as np

from suite.backprop.losses import softmax_cross_entropy
from suite.backprop.network import mlp, train, train_step


def examples(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    X = rng.normal(size=(count, 2))
    return X, (X[:, 0] > X[:, 1]).astype(int)


def test_training_takes_steps_in_a_random_order_at_rates_that_fall_to_zero():
    rng = np.random.default_rng(0)
    parts = {"train": examples(10, rng), "validation": examples(5, rng)}
    network = mlp((2, 3, 2), rng, dtype=np.float64)
    other = copy.deepcopy(network)
    curves = train(
        network, parts, np.random.default_rng(1), epochs=2, batch_size=4, learning_rate=0.2, momentum=0.5
    )
    order, (X, labels) = np.random.default_rng(1), parts["train"]
    velocities, losses = [np.zeros_like(array) for array in other.parameters], []
    for rates in ((0.2, 0.15), (0.05, 0.0)):  # half a cosine
        rows = order.permutation(10)
        for rate, batch in zip(rates, (rows[:4], rows[4:8]), strict=True):
            losses.append(train_step(other, velocities, X[batch], labels[batch], rate, 0.5))
    for array, expected in zip(network.parameters, other.parameters, strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-12)
    np.testing.assert_allclose(curves["train_loss"], [np.mean(losses[:2]), np.mean(losses[2:])], rtol=1e-12)
    new_X, new_labels = parts["validation"]
    assert curves["validation_loss"][-1] == softmax_cross_entropy(network.forward(new_X), new_labels)


def test_training_learns():
    rng = np.random.default_rng(0)
    parts = {"train": examples(400, rng), "validation": examples(100, rng)}
    network = mlp((2, 8, 2), rng)
    curves = train(network, parts, rng, epochs=5, batch_size=20, learning_rate=0.1)
    assert curves["validation_loss"][-1] < curves["validation_loss"][0]
    scores = network.forward(parts["validation"][0])
    assert np.mean(scores.argmax(axis=1) == parts["validation"][1]) > 0.95
