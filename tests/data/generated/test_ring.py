import numpy as np
import pytest
from scipy.stats import multivariate_normal

from suite.data.generated import ring


def test_points_lie_in_all_heaps_evenly():
    points = ring.draw_points(0, 8000, seed=0).numpy()
    distances = np.linalg.norm(points[:, None] - ring.MODES, axis=2)
    assert distances.min(axis=1).max() < 5 * ring.DEVIATION
    np.testing.assert_allclose(np.bincount(distances.argmin(axis=1)), 1000, atol=120)
    offsets = points - ring.MODES[distances.argmin(axis=1)]
    np.testing.assert_allclose(offsets.std(axis=0), ring.DEVIATION, rtol=0.05)


def test_batches_are_functions_of_their_number_and_the_seed():
    first, second = ring.batches(2, seed=3, batch_size=5)
    np.testing.assert_array_equal(second, ring.draw_points(1, 5, seed=3))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, ring.draw_points(0, 5, seed=4))


def test_log_density_is_that_of_the_mixture():
    points = ring.MODES + np.random.default_rng(0).normal(size=(8, 2)) * 0.1
    heaps = [multivariate_normal(mode, ring.DEVIATION**2) for mode in ring.MODES]
    expected = np.log(np.mean([heap.pdf(points) for heap in heaps], axis=0))
    assert ring.log_density(points) == pytest.approx(expected, rel=1e-5)
