"""Output distributions: what a network gives are parameters, and the loss is minus the log-likelihood.

The distributions are TensorFlow Probability's; each function says how raw outputs become its parameters.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

SMALLEST_SCALE = 0.01  # keeps a density finite where a value is always the same


def unit_gaussian(outputs: tf.Tensor) -> tfd.Distribution:
    """Normal distribution of variance 1: its mean is the output, so the loss is half the squared error."""
    return tfd.Normal(outputs[..., 0], 1.0)


def gaussian(outputs: tf.Tensor) -> tfd.Distribution:
    """Normal distribution of mean `outputs[..., 0]` and standard deviation softplus(outputs[..., 1])."""
    return tfd.Normal(outputs[..., 0], SMALLEST_SCALE + tf.math.softplus(outputs[..., 1]))


def bernoulli(outputs: tf.Tensor) -> tfd.Distribution:
    """Distribution of 0 and 1 with the output as log-odds: the loss is the binary cross-entropy."""
    return tfd.Bernoulli(logits=outputs[..., 0], dtype=tf.float32)


def categorical(outputs: tf.Tensor) -> tfd.Distribution:
    """Distribution of an integer in [0, K) with the K outputs as logits."""
    return tfd.Categorical(logits=outputs)


def mixture(outputs: tf.Tensor) -> tfd.Distribution:
    """Mixture density: a third of the outputs are logits, a third means, a third before softplus deviations.

    Reference:
        Bishop (1994), Mixture density networks.
    """
    logits, means, scales = tf.split(outputs, 3, axis=-1)
    components = tfd.Normal(means, SMALLEST_SCALE + tf.math.softplus(scales))
    return tfd.MixtureSameFamily(tfd.Categorical(logits=logits), components)


class Likelihood(NamedTuple):
    """An output distribution.

    Attributes:
        size: Outputs a value.
        distribution: Maps outputs `(..., size)` float32 to a distribution over values `(...)`.
    """

    size: int
    distribution: Callable[[tf.Tensor], tfd.Distribution]

    def loss(self, values: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Negative log-likelihood, summed over the values of an example: `(batch,)` in nats.

        Args:
            values: `(batch, ..., 1)`; as many axes as the outputs have, as Keras wants of a loss.
            outputs: `(batch, ..., size)` float32.
        """
        log_prob = self.distribution(outputs).log_prob(values[..., 0])
        return -tf.reduce_sum(tf.reshape(log_prob, (tf.shape(log_prob)[0], -1)), axis=1)


def kl_to_standard_normal(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """Kullback-Leibler divergence of an independent normal distribution from the standard one.

    Args:
        mean: `(batch, code_size)` float32.
        log_variance: `(batch, code_size)` float32.

    Returns:
        `(batch,)` in nats.
    """
    posterior = tfd.MultivariateNormalDiag(mean, tf.exp(log_variance / 2))
    return posterior.kl_divergence(tfd.MultivariateNormalDiag(tf.zeros_like(mean)))


def negative_elbo(images: tf.Tensor, outputs: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """The two parts of the negative evidence lower bound of a variational autoencoder, in nats an image.

    Args:
        images: `(batch, height, width, channels)` in [0, 1]; shares of white count as probabilities.
        outputs: "logits", as the images, and "mean" and "log_variance" `(batch, code_size)`, as
            `build_variational` gives them.

    Returns:
        `(batch,)` each: -log p(image | code), and the divergence of q(code | image) from p(code).

    Reference:
        Kingma, Welling (2014), Auto-encoding variational Bayes, equation 10.
    """
    pixels = Likelihood(1, bernoulli).loss(images[..., None], outputs["logits"][..., None])
    return pixels, kl_to_standard_normal(outputs["mean"], outputs["log_variance"])


class VariationalAutoencoder(keras.Model):
    """A functional model, `build_variational(...).model`, that `fit` trains on the negative ELBO.

    Its targets are the images in [0, 1], `(batch, height, width, channels)` float32.
    """

    def compute_loss(
        self,
        x: Any = None,  # noqa: ARG002  Keras' signature
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,  # noqa: ARG002  Keras' signature
        training: bool = True,  # noqa: ARG002  Keras' signature
    ) -> tf.Tensor:
        mean = tf.reduce_mean(sum(negative_elbo(y, y_pred)))
        return mean / tf.distribute.get_strategy().num_replicas_in_sync  # as Keras does with its own losses
