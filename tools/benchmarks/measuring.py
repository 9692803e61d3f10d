"""What a row of the benchmark is, and how it is measured."""

import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from suite import console
from suite.evaluation.scaling import log_log_slope
from tools.benchmarks.floors import Cost, floor_text

Clock: TypeAlias = Callable[[], float]  # gives seconds
ROUNDS = 5
KEPT, WITHIN_SPREAD, MISSED = "kept", "within the spread", "**missed**"


class Peer(NamedTuple):
    """What ours is compared with.

    Attributes:
        name: Whose work it is.
        run: Does the work once.
        goal: Smallest acceptable ratio of speeds, ours / peer's; None where there is none.
    """

    name: str
    run: Callable[[], object]
    goal: float | None = None


class Work(NamedTuple):
    """Two or more ways to do the same work.

    Attributes:
        name: What is done, with its unit of speed.
        ours: Does the work once.
        peers: The others.
        amount: Units of work in one call.
        rounds: How often each is run; a goal near 1 needs many.
        cost: The least that one call has to compute and to move, where that is known.
    """

    name: str
    ours: Callable[[], object]
    peers: Sequence[Peer]
    amount: float = 1
    rounds: int = ROUNDS
    cost: Cost | None = None


class Limit(NamedTuple):
    """Work without a peer, that must not take longer than `seconds`."""

    name: str
    ours: Callable[[], object]
    seconds: float
    rounds: int = 11


class Growth(NamedTuple):
    """The same work on more and more data.

    Attributes:
        name: What is done.
        runs: By amount of data (1, 4, 16), what does the work once.
        rounds: How often each is run.
    """

    name: str
    runs: dict[int, Callable[[], object]]
    rounds: int = 3


class Lines(NamedTuple):
    """Rows for the tables, by heading; cells are text."""

    speed: list[tuple[str, ...]]
    under: list[tuple[str, ...]]
    growth: list[tuple[str, ...]]


def measure(row: Work | Limit | Growth, clock: Clock = time.perf_counter) -> Lines:
    """Measures a row; says what came out.

    Args:
        row: What to run.
        clock: Gives the time in seconds.

    Returns:
        Its lines for the tables.
    """
    console.say(f"{row.name} ...")
    if isinstance(row, Growth):
        lines = Lines([], [], [_growth(row, clock)])
    elif isinstance(row, Limit):
        lines = Lines([_limit(row, clock)], [], [])
    else:
        lines = _against_peers(row, clock)
    for line in itertools.chain(*lines):
        console.say("  " + " | ".join(line))
    return lines


def alternate(
    runs: Sequence[Callable[[], object]], rounds: int, clock: Clock = time.perf_counter
) -> np.ndarray:
    """Seconds of each call, `(rounds, runs)`: A B A B ..., after one call of each that is not counted.

    The runs of a round stand side by side: what disturbs the machine for longer than one disturbs all.
    """
    times, was_quiet = np.empty((rounds, len(runs))), console.is_quiet()
    console.set_quiet(True)
    try:
        for run in runs:
            run()
        for place in np.ndindex(times.shape):
            start = clock()
            runs[place[1]]()
            times[place] = clock() - start
    finally:
        console.set_quiet(was_quiet)
    return times


def _against_peers(work: Work, clock: Clock) -> Lines:
    lines = Lines([], [], [])
    for peer in work.peers:
        # One peer at a time: of three in turn, one would always come after the busy threads of another.
        times = alternate([work.ours, peer.run], work.rounds, clock)
        ours, theirs = work.amount / np.median(times, axis=0)
        low, ratio, high = np.quantile(times[:, 1] / times[:, 0], [0.25, 0.5, 0.75])
        verdict = _verdict(ratio, high, peer.goal)
        spread = f"{ratio:.2f}x ({low:.2f} to {high:.2f})"
        goal = "" if peer.goal is None else f"{peer.goal:.3g}x"
        measured = (f"{ours:,.4g}", f"{theirs:,.4g}", spread, goal, verdict)
        lines.speed.append((work.name, peer.name, *measured))
        if verdict == MISSED:
            reason = floor_text(work.cost, float(work.amount / ours))
            lines.under.append((work.name, peer.name, f"{ratio:.2f}x of {goal}", reason))
    return lines


def _verdict(ratio: float, upper_quartile: float, goal: float | None) -> str:
    if goal is None:
        return ""
    if ratio >= goal:
        return KEPT
    return WITHIN_SPREAD if upper_quartile >= goal else MISSED


def _limit(limit: Limit, clock: Clock) -> tuple[str, ...]:
    times = alternate([limit.ours], limit.rounds, clock)
    low, seconds, high = np.quantile(times, [0.25, 0.5, 0.75])
    verdict = KEPT if seconds < limit.seconds else MISSED
    ours = f"{seconds:.2f} s ({low:.2f} to {high:.2f})"
    return (limit.name, "", ours, "", "", f"< {limit.seconds:g} s", verdict)


def _growth(growth: Growth, clock: Clock) -> tuple[str, ...]:
    times = alternate(list(growth.runs.values()), growth.rounds, clock)
    seconds = [statistics.median(column) for column in times.T]
    exponent = log_log_slope(list(growth.runs), seconds)
    return (growth.name, *(f"{value:.3g}" for value in seconds), f"{exponent:.2f}")


def assert_close(ours: ArrayLike, theirs: ArrayLike, peer: str, tolerance: float = 1e-3) -> None:
    """Checks that a peer came to the same result.

    Raises:
        ValueError: Some number differs by more than `tolerance`, or is NaN.
    """
    difference = float(np.max(np.abs(np.asarray(ours) - np.asarray(theirs))))
    if not difference <= tolerance:
        raise ValueError(f"expected the results of {peer}, ours differ by {difference}")
