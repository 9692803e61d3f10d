"""What a process does when it is asked to stop, by Ctrl+C or by `kill`."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TypeAlias

Handler: TypeAlias = Callable[[int, FrameType | None], None] | signal.Handlers


@contextlib.contextmanager
def signal_handler(handler: Handler, *numbers: signal.Signals) -> Iterator[None]:
    """Lets a handler take these signals inside; elsewhere than in the main thread, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


@contextlib.contextmanager
def stop_deferred() -> Iterator[Callable[[], bool]]:
    """Lets SIGINT and SIGTERM wait: gives a function that tells whether the process was asked to stop.

    Raises:
        KeyboardInterrupt: At the end, where it was; at once where it is asked twice.
    """
    asked: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        if len(asked) > 1:
            raise KeyboardInterrupt

    with signal_handler(note, signal.SIGINT, signal.SIGTERM):
        yield lambda: bool(asked)
    if asked:  # after the last step
        raise KeyboardInterrupt
