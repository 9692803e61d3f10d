import numpy as np
import pytest
from scipy.linalg import sqrtm

from suite.evaluation.generation import frechet_distance, mode_coverage, share_of_copies

RNG = np.random.default_rng(0)


def test_frechet_distance_is_that_of_its_formula():
    first = RNG.normal(size=(300, 6)) @ RNG.normal(size=(6, 6)) + 1
    second = RNG.normal(size=(200, 6)) @ RNG.normal(size=(6, 6))
    covariances = np.cov(first.T), np.cov(second.T)
    root = sqrtm(covariances[0] @ covariances[1]).real
    means = first.mean(axis=0) - second.mean(axis=0)
    expected = means @ means + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_by_hand_and_with_features_that_never_change():
    first = np.array([[-1.0, 5], [1, 5]])  # variances 2 and 0
    second = np.array([[0.0, 5], [6, 5]])  # variances 18 and 0, means 3 and 5
    assert frechet_distance(first, second) == pytest.approx(9 + 2 + 18 - 2 * 6)
    assert frechet_distance(RNG.normal(size=(5, 9)), RNG.normal(size=(4, 9))) > 0  # singular covariances


def test_modes():
    modes = np.array([[0.0, 0], [10, 0], [0, 10], [10, 10]])
    points = np.repeat(modes, (50, 40, 9, 1), axis=0)  # 100 points: a mode is due 25, and found with 2.5
    points[:10] += 3.1  # no good
    assert mode_coverage(points, modes, 1.0) == (3, 0.9)
    assert mode_coverage(points, modes, 2.0) == (3, 1.0)
    assert mode_coverage(np.full((20, 2), 5.0), modes, 1.0) == (0, 0.0)


def test_copies():
    train, test = RNG.normal(size=(200, 5)), RNG.normal(size=(400, 5))
    fresh = RNG.normal(size=(400, 5))
    assert share_of_copies(train[:50] + 1e-3, train, test) == 1
    assert share_of_copies(fresh, train, test) == pytest.approx(0.05, abs=0.04)
    assert share_of_copies(test, train, test) == pytest.approx(0.05, abs=0.01)
    half = np.concatenate([train[:200], fresh[:200]])
    assert share_of_copies(half, train, test) == pytest.approx(0.525, abs=0.03)


def test_frechet_distance_of_one_feature_is_that_of_two_normal_distributions():
    first, second = RNG.normal(1, 2, (50, 1)), RNG.normal(-1, 3, (30, 1))
    deviations = first.std(ddof=1), second.std(ddof=1)
    expected = (first.mean() - second.mean()) ** 2 + (deviations[0] - deviations[1]) ** 2
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("shapes", [((1, 3), (9, 3)), ((9, 3), (9, 2)), ((9,), (9,)), ((9, 0), (9, 0))])
def test_sets_without_a_covariance(shapes):
    message = "^expected two sets .n, d. and .m, d. of at least 2 examples with the same features, received "
    with pytest.raises(ValueError, match=message):
        frechet_distance(*(np.zeros(shape) for shape in shapes))


def test_no_points_or_modes():
    for points, modes in ((0, 2), (2, 0)):
        with pytest.raises(ValueError, match=f"^expected points and modes, received {points} and {modes}$"):
            mode_coverage(np.zeros((points, 2)), np.zeros((modes, 2)), 1.0)
