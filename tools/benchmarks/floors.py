"""The least time that work can take here.

Its FLOPs over the measured rate of matrix products, or its bytes over the measured bandwidth of copies.
"""

import functools
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SIDE = 1536  # of the matrices
COPIED = 2**27  # bytes, far beyond the caches of a core


class Cost(NamedTuple):
    """What one call has to do at least.

    Attributes:
        flops: Additions and multiplications.
        bytes: Read and written.
        dtype: That the FLOPs are done in.
    """

    flops: float = 0
    bytes: float = 0
    dtype: str = "float32"


def _fastest(call: Callable[[], object], times: int = 5) -> float:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


@functools.cache
def matmul_rate(dtype: str) -> float:
    """FLOPs a second of a matrix product on all cores that NumPy's library uses."""
    a, b = np.random.default_rng(0).random((2, SIDE, SIDE)).astype(dtype)
    return 2 * SIDE**3 / _fastest(lambda: a @ b)


@functools.cache
def copy_bandwidth() -> float:
    """Bytes a second, read and written, of a copy on one core."""
    source = np.ones(COPIED, np.uint8)
    target = np.empty_like(source)
    return 2 * COPIED / _fastest(lambda: np.copyto(target, source))


def floor_text(
    cost: Cost | None,
    seconds: float,
    rate: Callable[[str], float] = matmul_rate,
    bandwidth: Callable[[], float] = copy_bandwidth,
) -> str:
    """Says how far work is from its floor.

    Args:
        cost: Of a call; None where it is not known.
        seconds: That a call takes.
        rate: Gives the FLOPs a second for a dtype.
        bandwidth: Gives the bytes a second.
    """
    if cost is None:
        return "no floor is known"
    parts, floors = [], []
    if cost.flops:
        speed = rate(cost.dtype)
        floors.append(cost.flops / speed)
        parts.append(f"{cost.flops / 1e9:.3g} GFLOP at {speed / 1e9:.3g} GFLOP/s")
    if cost.bytes:
        speed = bandwidth()
        floors.append(cost.bytes / speed)
        parts.append(f"{cost.bytes / 1e6:.3g} MB at {speed / 1e9:.3g} GB/s")
    floor = max(floors)
    takes = f"ours takes {seconds * 1000:.3g} ms, {seconds / floor:.1f} times as long"
    return f"floor {floor * 1000:.3g} ms ({'; '.join(parts)}); {takes}"
