"""Where the seconds of a run go."""

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar


class Stopwatch:
    """Adds up the time of stages; one within another does not count for the outer one."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._stages: list[str] = []
        self._began = self._since = time.perf_counter()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts what is done inside for a stage."""
        self._charge()
        self._stages.append(name)
        try:
            yield
        finally:
            self._charge()
            self._stages.pop()

    @property
    def total(self) -> float:
        """Seconds since it was started."""
        return time.perf_counter() - self._began

    def rounded(self) -> dict[str, float]:
        """Seconds by stage, in the order in which they began, to a tenth."""
        return {name: round(seconds, 1) for name, seconds in self._seconds.items()}

    def _charge(self) -> None:
        now = time.perf_counter()
        if self._stages:
            name = self._stages[-1]
            self._seconds[name] = self._seconds.get(name, 0.0) + now - self._since
        self._since = now


_running: ContextVar[Stopwatch | None] = ContextVar("running", default=None)


@contextlib.contextmanager
def running() -> Iterator[Stopwatch]:
    """Starts a stopwatch, to which `stage` adds."""
    watch = Stopwatch()
    before = _running.set(watch)
    try:
        yield watch
    finally:
        _running.reset(before)


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Counts what is done inside for a stage of the run that goes on, if there is one.

    Args:
        name: As people read it: "training".
    """
    watch = _running.get()
    with watch.stage(name) if watch else contextlib.nullcontext():
        yield


def so_far() -> str:
    """Says how long the run that goes on has taken, such as " after 18 s"; nothing where there is none."""
    watch = _running.get()
    return f" after {watch.total:.0f} s" if watch else ""
