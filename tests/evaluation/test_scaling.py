import time

import numpy as np
import pytest

from suite.evaluation import scaling


def test_slope():
    x = np.array([1.0, 3, 10, 200])
    assert scaling.log_log_slope(x, 5 * x**-1.5) == pytest.approx(-1.5)


def test_crossover():
    x = np.array([1.0, 10, 100, 1000])
    assert scaling.crossover(x, x**2, 50 * x) == pytest.approx(50)
    assert scaling.crossover(x, x, 1e9 * x) == pytest.approx(1000)
    assert scaling.crossover(x, 1e9 * x, x) == pytest.approx(1)


def test_time_and_memory():
    calls = []

    def work(seconds, size):
        calls.append(seconds)
        time.sleep(seconds)
        return np.ones(size)

    seconds, peak = scaling.time_and_memory(work, 0.01, 100_000, seconds=0.01)
    assert len(calls) == 6  # 5 timed, one for the memory
    assert 0.01 <= seconds < 0.1
    assert 800_000 <= peak < 810_000
