"""What computations cost, compared within one process."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def processor_seconds(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Takes the time of several computations in turns, so that all meet the same machine.

    Args:
        ways: By name; each is called once before, to be compiled.
        rounds: Calls of each, of which the median counts.

    Returns:
        Seconds of the processor by name, those of all its threads added up.
    """
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.process_time()
            way()
            spent[name].append(time.process_time() - began)
    return {name: float(np.median(each)) for name, each in spent.items()}
