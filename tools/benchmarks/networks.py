"""Training steps of networks: from scratch, recurrent, adversarial."""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tools.benchmarks.floors import Cost
from tools.benchmarks.measuring import Peer, Work, assert_close


def from_scratch(batch_size: int = 32, batches: int = 200) -> Iterator[Work]:
    """A pass over MNIST-sized data: our NumPy network against scikit-learn's, both in float32."""
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    from suite.backprop.network import mlp, train_step

    rng = np.random.default_rng(0)
    X = rng.random((batches * batch_size, 784), np.float32)
    labels = rng.integers(10, size=len(X))
    peer = MLPClassifier(
        (100, 200), solver="sgd", nesterovs_momentum=False, alpha=0, shuffle=False, batch_size=batch_size,
        learning_rate_init=0.01,
    )  # fmt: skip
    peer.partial_fit(X[:batch_size], labels[:batch_size], classes=np.arange(10))
    network = mlp((784, 100, 200, 10), rng)
    for ours, theirs in zip(
        network.parameters, itertools.chain(*zip(peer.coefs_, peer.intercepts_, strict=True)), strict=True
    ):
        ours[:] = theirs
    velocities = [np.zeros_like(parameter) for parameter in network.parameters]
    for velocity in peer._optimizer.velocities:
        velocity[:] = 0

    def train() -> np.ndarray:
        for X_batch, label_batch in zip(np.split(X, batches), np.split(labels, batches), strict=True):
            train_step(network, velocities, X_batch, label_batch, 0.01, 0.9)
        return network.parameters[2]

    def train_peer() -> np.ndarray:
        return peer.partial_fit(X, labels).coefs_[1]

    with threadpool_limits(1, user_api="blas"):  # both: matrices this small have no use for a second thread
        assert_close(train(), train_peer(), "scikit-learn after one pass")
        weights = 784 * 100 + 100 * 200 + 200 * 10
        yield Work(
            f"MLP from scratch, batch {batch_size}, examples/s",
            train,
            (Peer("scikit-learn MLPClassifier", train_peer, 1.5),),
            len(X),
            21,
            Cost(flops=2.0 * len(X) * (3 * weights - 784 * 100)),
        )


def lstm(batch_size: int = 32, length: int = 35, units: int = 256, steps: int = 10) -> Iterator[Work]:
    """Training steps of two LSTM layers, as in a language model: forward, backward, gradient descent."""
    import keras
    import tensorflow as tf

    from suite.layers import LSTMCell, Recurrent

    values = np.random.default_rng(0).normal(size=(batch_size, length, units)).astype(np.float32)
    x, rate = tf.constant(values), 1e-3
    ours = [Recurrent(LSTMCell(units), return_sequences=True) for _ in range(2)]
    theirs = [keras.layers.LSTM(units, return_sequences=True) for _ in range(2)]
    for layer in (*ours, *theirs):
        layer.build(x.shape)
    start = [layer.get_weights() for layer in ours]
    for layer, weights in zip(theirs, start, strict=True):
        layer.set_weights([ours[0].cell.in_keras_order(weight) for weight in weights])

    def trainer(stack: Sequence[keras.layers.Layer]) -> Callable[[], np.ndarray]:
        variables = [weight.value for layer in stack for weight in layer.trainable_variables]

        @tf.function(jit_compile=True)
        def step() -> tf.Tensor:
            with tf.GradientTape() as tape:
                outputs = x
                for layer in stack:
                    outputs = layer(outputs, training=True)
                loss = tf.reduce_sum(outputs**2) / batch_size
            for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
                variable.assign_sub(rate * gradient)
            return outputs

        return lambda: [step() for _ in range(steps)][-1].numpy()

    train, train_keras, tokens = trainer(ours), trainer(theirs), steps * batch_size * length
    train_torch = torch_lstm(
        values, [[ours[0].cell.in_keras_order(w) for w in each] for each in start], steps
    )
    reference = train()
    assert_close(reference, train_keras(), f"Keras after {steps} steps")
    assert_close(reference, train_torch(), f"torch after {steps} steps")
    yield Work(
        f"LSTM 2 x {units} in XLA, training, tokens/s",
        train,
        (Peer("Keras LSTM, XLA", train_keras, 1.3), Peer("torch nn.LSTM", train_torch, 1)),
        tokens,
        15,
        # Two kernels of (units, 4 * units) a layer; forward, and backward to the inputs and to the kernels.
        Cost(flops=2.0 * tokens * 2 * 2 * 4 * units**2 * 3),
    )


def torch_lstm(
    values: np.ndarray, start: Sequence[Sequence[np.ndarray]], steps: int, rate: float = 1e-3
) -> Callable[[], np.ndarray]:
    """The steps of `lstm` in torch, from the same weights: kernel, recurrent kernel and bias by layer."""
    import torch

    units = values.shape[-1]
    network = torch.nn.LSTM(units, units, 2, batch_first=True)
    with torch.no_grad():
        for index, weights in enumerate(start):
            kernel, recurrent_kernel, bias = (torch.from_numpy(np.array(w).T.copy()) for w in weights)
            getattr(network, f"weight_ih_l{index}").copy_(kernel)
            getattr(network, f"weight_hh_l{index}").copy_(recurrent_kernel)
            getattr(network, f"bias_ih_l{index}").copy_(bias)
            getattr(network, f"bias_hh_l{index}").zero_().requires_grad_(False)  # a second one: theirs alone
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer, batch = torch.optim.SGD(trained, rate), torch.from_numpy(values)

    def train_torch() -> np.ndarray:
        for _ in range(steps):
            optimizer.zero_grad()
            outputs, _ = network(batch)
            (outputs.square().sum() / len(batch)).backward()
            optimizer.step()
        return outputs.detach().numpy()

    return train_torch


def gan(batch_size: int = 64, steps: int = 20) -> Iterator[Work]:
    """Steps of a DCGAN on digits: ours in one graph, keras.io's in fit; without a penalty, as there."""
    import keras
    import tensorflow as tf

    from recipes.week4_representations import gan as recipe
    from suite.data.sets import image_sets
    from suite.data.source import EMBEDDED
    from suite.models.gan import build_discriminator, build_generator
    from suite.training import adversarial
    from suite.training.alternating import compile_steps

    data, noise_dim, filters = image_sets.load(EMBEDDED, 0), 32, 32
    real = data.images["train"].astype(np.float32) / 255
    shape = real.shape[1:]

    def build() -> tuple[keras.Model, keras.Model]:
        return build_generator(shape, noise_dim, filters), build_discriminator(shape, filters)

    game = adversarial.make_game(build(), 1e-3, 10**6)
    generator, discriminator = build()
    rival = keras_gan(generator, discriminator, noise_dim)
    for other, player in zip((rival.generator, rival.discriminator), game, strict=True):
        other.set_weights(player.model.get_weights())
    # As keras.io's: the whole set again and again, in another order each time.
    batches = tf.data.Dataset.from_tensor_slices(real).shuffle(len(real)).repeat()
    batches = batches.batch(batch_size, drop_remainder=True)

    fake, some = game[0].model(tf.ones((batch_size, noise_dim))), tf.constant(real[:batch_size])
    losses = functools.partial(recipe.discriminator_loss, penalty=0.0), recipe.non_saturating
    # Keras' mean is over fake and real together, ours over each.
    assert_close(losses[0](game[1].model, some, fake), 2 * rival.real_and_fake(some, fake), "keras.io")

    step = adversarial.make_step(game, *losses, tf.distribute.get_strategy())
    take, numbered = compile_steps(step, len(game)), iter(batches.enumerate())

    def train() -> np.ndarray:
        return take(numbered, tf.constant(steps)).numpy()

    def train_keras() -> dict[str, list[float]]:
        return rival.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False).history

    work = f"DCGAN step, digits, batch {batch_size}, images/s"
    yield Work(work, train, (Peer("keras.io's train_step, fit", train_keras, 1.2),), batch_size * steps, 11)


def keras_gan(generator: Any, discriminator: Any, noise_dim: int) -> Any:
    """keras.io's GAN on our networks, compiled.

    Reference:
        keras.io/examples/generative/dcgan_overriding_train_step.
    """
    import keras
    import tensorflow as tf

    class GAN(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.generator, self.discriminator = generator, discriminator
            self.d_loss_metric = keras.metrics.Mean(name="d_loss")
            self.g_loss_metric = keras.metrics.Mean(name="g_loss")

        def compile(
            self, d_optimizer: keras.Optimizer, g_optimizer: keras.Optimizer, loss_fn: keras.Loss
        ) -> None:
            super().compile()
            self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

        @property
        def metrics(self) -> list[keras.Metric]:
            return [self.d_loss_metric, self.g_loss_metric]

        def real_and_fake(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
            # In ours, logits above 0 stand for real images; in keras.io's, for fake ones.
            labels = tf.concat([tf.zeros((len(fake), 1)), tf.ones((len(real), 1))], axis=0)
            return self.loss_fn(labels, self.discriminator(tf.concat([fake, real], axis=0)))

        def train_step(self, real_images: tf.Tensor) -> dict[str, tf.Tensor]:
            batch_size = tf.shape(real_images)[0]
            noise = tf.random.normal((batch_size, noise_dim))
            images = tf.concat([self.generator(noise, training=True), real_images], axis=0)
            labels = tf.concat([tf.ones((batch_size, 1)), tf.zeros((batch_size, 1))], axis=0)
            labels += 0.05 * tf.random.uniform(tf.shape(labels))
            with tf.GradientTape() as tape:
                d_loss = self.loss_fn(labels, self.discriminator(images, training=True))
            gradients = tape.gradient(d_loss, self.discriminator.trainable_weights)
            self.d_optimizer.apply(gradients, self.discriminator.trainable_weights)

            noise, misleading = tf.random.normal((batch_size, noise_dim)), tf.zeros((batch_size, 1))
            with tf.GradientTape() as tape:
                images = self.generator(noise, training=True)
                g_loss = self.loss_fn(misleading, self.discriminator(images, training=True))
            gradients = tape.gradient(g_loss, self.generator.trainable_weights)
            self.g_optimizer.apply(gradients, self.generator.trainable_weights)
            self.d_loss_metric.update_state(d_loss)
            self.g_loss_metric.update_state(g_loss)
            return {"d_loss": self.d_loss_metric.result(), "g_loss": self.g_loss_metric.result()}

    found, adam = GAN(), keras.optimizers.Adam
    found.compile(adam(1e-4), adam(1e-4), keras.losses.BinaryCrossentropy(from_logits=True))
    return found
