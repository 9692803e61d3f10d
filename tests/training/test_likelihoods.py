"""The losses against scipy's distributions, which share nothing with TensorFlow Probability."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from scipy.special import expit, log_softmax, logsumexp

from suite.training import likelihoods
from suite.training.likelihoods import (
    SMALLEST_SCALE,
    Likelihood,
    VariationalAutoencoder,
    kl_to_standard_normal,
    negative_elbo,
)

RNG = np.random.default_rng(0)


def outputs(size: int) -> np.ndarray:
    return RNG.normal(size=(6, 2, 3, size)).astype(np.float32)


def softplus(x: np.ndarray) -> np.ndarray:
    return SMALLEST_SCALE + np.log1p(np.exp(np.float64(x)))


def check(size: int, name: str, given: np.ndarray, values: np.ndarray, log_prob: np.ndarray) -> None:
    loss = Likelihood(size, getattr(likelihoods, name)).loss(values[..., None], given)
    np.testing.assert_allclose(loss, -log_prob.sum(axis=(1, 2)), rtol=1e-5)


def test_gaussians():
    given, values = outputs(2), RNG.normal(size=(6, 2, 3)).astype(np.float32)
    check(1, "unit_gaussian", given[..., :1], values, stats.norm(given[..., 0], 1).logpdf(values))
    check(2, "gaussian", given, values, stats.norm(given[..., 0], softplus(given[..., 1])).logpdf(values))


def test_bernoulli_takes_shares_too():
    given = outputs(1)
    p = expit(np.float64(given[..., 0]))
    for values in (RNG.integers(2, size=p.shape), RNG.random(p.shape)):
        values = values.astype(np.float32)
        check(1, "bernoulli", given, values, values * np.log(p) + (1 - values) * np.log1p(-p))


def test_categorical():
    given, values = outputs(5), RNG.integers(5, size=(6, 2, 3))
    log_prob = np.take_along_axis(log_softmax(np.float64(given), axis=-1), values[..., None], -1)[..., 0]
    check(5, "categorical", given, values, log_prob)


def test_mixture():
    given, values = outputs(6), RNG.normal(size=(6, 2, 3)).astype(np.float32)
    weights = log_softmax(np.float64(given[..., :2]), axis=-1)
    components = stats.norm(given[..., 2:4], softplus(given[..., 4:])).logpdf(values[..., None])
    check(6, "mixture", given, values, logsumexp(weights + components, axis=-1))


def test_divergence_from_the_prior_is_that_of_many_draws():
    mean, log_variance = np.float32([[0.5, -1.5]]), np.float32([[0.4, -2.0]])
    scale = np.exp(log_variance / 2)
    draws = mean + scale * RNG.normal(size=(400_000, 2))
    estimate = (stats.norm(mean, scale).logpdf(draws) - stats.norm.logpdf(draws)).sum(axis=1)
    divergence = kl_to_standard_normal(tf.constant(mean), tf.constant(log_variance))
    # 400,000 draws: the standard error is 0.003
    np.testing.assert_allclose(divergence, [estimate.mean()], atol=0.012)
    np.testing.assert_allclose(kl_to_standard_normal(tf.zeros((1, 3)), tf.zeros((1, 3))), 0, atol=1e-6)


def test_the_bound_is_below_the_likelihood_and_reaches_it():
    """One code number and one pixel, white with probability expit(code): the integral can be done."""
    grid = np.linspace(-8, 8, 20_001)
    prior, white = stats.norm.pdf(grid), expit(grid)
    exact = -np.log(np.trapezoid(prior * white, grid))
    posterior = prior * white / np.trapezoid(prior * white, grid)
    mean = np.trapezoid(grid * posterior, grid)
    deviation = np.sqrt(np.trapezoid((grid - mean) ** 2 * posterior, grid))
    bounds = []
    for m, s in ((mean, deviation), (0.0, 1.0)):
        codes = (m + s * RNG.normal(size=(200_000, 1))).astype(np.float32)
        given = {
            "logits": tf.constant(codes[:, None, None]),
            "mean": tf.fill(codes.shape, np.float32(m)),
            "log_variance": tf.fill(codes.shape, np.float32(2 * np.log(s))),
        }
        pixels, code = negative_elbo(tf.ones((len(codes), 1, 1, 1)), given)
        assert pixels.shape == code.shape == (len(codes),)
        bounds.append(float(tf.reduce_mean(pixels + code)))
    assert bounds[0] == pytest.approx(exact, abs=0.01)  # the posterior is nearly normal
    assert bounds[1] > exact + 0.05  # the prior is not the posterior


@pytest.mark.parametrize("replicas", [1, 2])
def test_the_replicas_losses_add_up_to_the_mean(replicas, monkeypatch):
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: SimpleNamespace(num_replicas_in_sync=replicas))
    images = tf.constant(RNG.random((6, 2, 2, 1)), tf.float32)
    given = {"logits": 3 * images, "mean": images[:, 0, :, 0], "log_variance": -images[:, 1, :, 0]}
    expected = np.mean(sum(negative_elbo(images, given)))
    # The method needs nothing of the model.
    loss = VariationalAutoencoder.compute_loss(None, images, images, given)
    np.testing.assert_allclose(replicas * loss, expected, rtol=1e-6)
