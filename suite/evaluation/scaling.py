"""How a cost grows with the size of a problem."""

import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def time_and_memory(
    function: Callable[..., object], *arguments: Any, seconds: float = 0.2
) -> tuple[float, int]:
    """Measures a call of NumPy code.

    Args:
        function: What to call; it does not change its arguments.
        *arguments: What to call it with.
        seconds: The call is repeated for so long, and at least 5 times.

    Returns:
        Seconds of the shortest call, as the others were disturbed, and the peak of the bytes that it
        allocated through Python and NumPy (the work space inside LAPACK, and TensorFlow's tensors, are not
        seen).
    """
    times: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < deadline:
        started = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - started)
    tracemalloc.start()  # slows every allocation: not while the clock runs
    try:
        function(*arguments)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return min(times), peak


def log_log_slope(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> float:
    """Fits a line on logarithmic axes.

    Args:
        x: `(n,)` > 0, at least two different values.
        y: `(n,)` > 0.

    Returns:
        Its slope: k where y grows like x^k.
    """
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def crossover(
    x: Sequence[float] | np.ndarray, one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray
) -> float:
    """Finds where `one`, the cheaper for small x, becomes the dearer.

    Args:
        x: `(n,)` > 0, ascending.
        one: `(n,)` > 0, cost of the first way.
        other: `(n,)` > 0, cost of the second way.

    Returns:
        The x of equal costs, interpolated on logarithmic axes; an end of the range where there is none in it.
    """
    ratio = np.maximum.accumulate(np.log(np.asarray(one) / np.asarray(other)))  # noise makes it fall at times
    return float(np.exp(np.interp(0, ratio, np.log(x))))
