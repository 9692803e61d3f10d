"""Each update rule against its transcription, as a function of the module that holds it.

The tests run them on the module itself, the mutation checks (tools/mutants.py) on wrong variants of it.
"""

import numpy as np

from tests.optimizers import checks
from tests.references import optimizers as reference

RATE = 0.0625  # exact in float32, in which Keras keeps it


def some_state(seed: int, *, positive: bool = False) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=checks.SHAPE)
    return np.abs(values) + 0.1 if positive else values


def equal(received, expected):
    np.testing.assert_allclose(received, expected, rtol=1e-9, atol=1e-12)  # measured 5e-13 at most


def gradient_descent(module):
    start, stream = checks.start(), checks.gradients()
    for rate in (RATE, 0.5):
        equal(
            checks.path(module.GradientDescent(rate), start, stream),
            reference.gradient_descent(start, stream, rate),
        )


def momentum(module):
    start, stream, h = checks.start(), checks.gradients(), some_state(7)
    equal(
        checks.path(module.Momentum(RATE, 0.75), start, stream[:3], state=[h], t=10),
        reference.momentum(start, stream[:3], RATE, 0.75, h=h),
    )
    for alpha in (0.9, 0.5, 0.0):
        equal(
            checks.path(module.Momentum(RATE, alpha), start, stream),
            reference.momentum(start, stream, RATE, alpha),
        )


def nesterov_momentum(module):
    start, stream, h = checks.start(), checks.gradients(), some_state(7)

    def gradient_at(point, step):
        return stream[step]

    _, look_ahead = reference.nesterov_momentum(start, gradient_at, 3, RATE, 0.75, h=h)
    received = checks.path(module.NesterovMomentum(RATE, 0.75), start - 0.75 * h, stream[:3], state=[h], t=10)
    equal(received, look_ahead)
    for alpha in (0.9, 0.5, 0.0):
        optimizer = module.NesterovMomentum(RATE, alpha)
        received = checks.path(optimizer, start, stream)
        w, look_ahead = reference.nesterov_momentum(start, gradient_at, len(stream), RATE, alpha)
        equal(received, look_ahead)
        (variable,) = optimizer._trainable_variables
        equal(optimizer.behind(variable), w[-1])


def adagrad(module):
    start, stream, squares = checks.start(), checks.gradients(), some_state(7, positive=True)
    equal(
        checks.path(module.AdaGrad(RATE, 1e-2), start, stream[:3], state=[squares], t=10),
        reference.adagrad(start, stream[:3], RATE, 1e-2, initial=squares),
    )
    for rate, epsilon in ((RATE, 1e-2), (0.5, 1e-7)):
        equal(
            checks.path(module.AdaGrad(rate, epsilon), start, stream),
            reference.adagrad(start, stream, rate, epsilon),
        )


def rmsprop(module):
    start, stream, mean = checks.start(), checks.gradients(), some_state(7, positive=True)
    equal(
        checks.path(module.RMSprop(RATE, 0.75, 1e-2), start, stream[:3], state=[mean], t=10),
        reference.rmsprop(start, stream[:3], RATE, 0.75, 1e-2, initial=mean),
    )
    for rho, epsilon in ((0.9, 1e-2), (0.5, 1e-7), (0.0, 1e-7)):
        equal(
            checks.path(module.RMSprop(RATE, rho, epsilon), start, stream),
            reference.rmsprop(start, stream, RATE, rho, epsilon),
        )


def adam(module):
    start, stream, m, v = checks.start(), checks.gradients(), some_state(7), some_state(8, positive=True)
    equal(
        checks.path(module.Adam(RATE, 0.75, 0.9, 1e-2), start, stream[:3], state=[m, v], t=10),
        reference.adam(start, stream[:3], RATE, 0.75, 0.9, 1e-2, m=m, v=v, t=9),
    )
    for betas_and_epsilon in ((0.9, 0.99, 1e-2), (0.5, 0.999, 1e-8), (0.0, 0.9, 1e-8), (0.9, 0.0, 1e-2)):
        equal(
            checks.path(module.Adam(RATE, *betas_and_epsilon), start, stream),
            reference.adam(start, stream, RATE, *betas_and_epsilon),
        )


def proximal_gradient(module):
    start, stream = checks.start(), checks.gradients()
    for rate, l1, name in ((RATE, 2.0, "kernel"), (0.25, 0.5, "kernel"), (RATE, 0.0, "kernel")):
        received = checks.path(module.ProximalGradient(rate, l1), start, stream, name=name)
        expected = reference.proximal_gradient(start, stream, rate, l1)
        equal(received, expected)
        np.testing.assert_array_equal(received == 0, expected == 0)
    equal(
        checks.path(module.ProximalGradient(RATE, 2.0), start, stream, name="bias"),
        reference.gradient_descent(start, stream, RATE),
    )
    equal(
        checks.path(module.ProximalGradient(RATE, 2.0, ["gamma"]), start, stream[:9], name="bias"),
        reference.proximal_gradient(start, stream[:9], RATE, 2.0),
    )
