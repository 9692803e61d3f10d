import numpy as np
import pytest
from sklearn import metrics

from suite.linear import margin_losses

# Both sides of the kinks at 0 and 1, and far out on either.
MARGINS = np.array([-30.0, -3.7, -1.0, -0.2, 0.3, 0.9, 1.4, 2.0, 5.5, 40.0])
PAIRS = {
    **margin_losses.MARGIN_LOSSES,
    "zero-one": (margin_losses.zero_one, margin_losses.zero_one_derivative),
}


@pytest.mark.parametrize("name", PAIRS)
def test_derivative_against_central_differences(name):
    loss, derivative = PAIRS[name]
    h = 1e-5
    expected = (loss(MARGINS + h) - loss(MARGINS - h)) / (2 * h)
    np.testing.assert_allclose(derivative(MARGINS), expected, rtol=1e-7, atol=1e-9)  # measured 3e-10


def test_values():
    margins = np.array([-1.0, 0.0, 1.0, 3.0])
    np.testing.assert_array_equal(margin_losses.zero_one(margins), [1, 1, 0, 0])
    np.testing.assert_array_equal(margin_losses.squared(margins), [4, 1, 0, 4])
    np.testing.assert_array_equal(margin_losses.one_branch_squared(margins), [4, 1, 0, 0])
    np.testing.assert_array_equal(margin_losses.hinge(margins), [2, 1, 0, 0])
    np.testing.assert_allclose(margin_losses.logistic(margins), np.log(1 + np.exp(-margins)))


def test_against_scikit_learn():
    rng = np.random.default_rng(0)
    scores, y = 3 * rng.normal(size=50), rng.choice([-1, 1], 50)
    probabilities = 1 / (1 + np.exp(-scores))
    np.testing.assert_allclose(margin_losses.hinge(y * scores).mean(), metrics.hinge_loss(y, scores))
    np.testing.assert_allclose(margin_losses.logistic(y * scores).mean(), metrics.log_loss(y, probabilities))
    np.testing.assert_allclose(
        margin_losses.squared(y * scores).mean(), metrics.mean_squared_error(y, scores)
    )
    wrong = 1 - metrics.accuracy_score(y, np.sign(scores))
    np.testing.assert_allclose(margin_losses.zero_one(y * scores).mean(), wrong)


def test_logistic_far_out_neither_overflows_nor_loses_the_tail():
    far = np.array([-1000.0, 1000.0, 700.0])
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(margin_losses.logistic(far), [1000, 0, np.exp(-700)])
        np.testing.assert_allclose(margin_losses.logistic_derivative(far), [-1, 0, -np.exp(-700)])
