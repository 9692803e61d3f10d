"""Keeps stderr for our own messages, without losing what a native library says before it crashes."""

import atexit
import collections
import io
import logging
import os
import re
import signal
import sys
import warnings

LAST_LINES = 20  # of the libraries' chatter that a crash shows
_ENDED_WELL = b"\0ended\0"
_REMARK = re.compile(
    rb"[IW]\d{4} |WARNING: All log messages before"
)  # of TensorFlow, that say nothing of a crash


def silence_libraries() -> None:
    """Leaves `sys.stderr` to us; what libraries write to file descriptor 2 shows only if the process crashes.

    No setting keeps TensorFlow from writing to that descriptor when it is imported. It becomes a pipe to a
    forked process, which waits for its end: where the interpreter exits, that process ends in silence; where
    a library aborts, runs into a segmentation fault or is killed, it prints the last lines.
    """
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    if os.fork() == 0:
        _show_after_a_crash(reading, writing)
    os.close(reading)
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    os.dup2(writing, 2)
    os.close(writing)
    atexit.register(os.write, 2, _ENDED_WELL)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names need not be UTF-8


def _show_after_a_crash(reading: int, writing: int) -> None:
    """The forked process: reads until the pipe has no writer, then prints its last lines and ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it has to outlive the process that it waits for
    for descriptor in (0, 1, writing):
        os.close(descriptor)
    last: collections.deque[bytes] = collections.deque(maxlen=LAST_LINES)
    with os.fdopen(reading, "rb") as lines:
        last.extend(line for line in lines if not _REMARK.match(line))
    if last and not any(_ENDED_WELL in line for line in last):
        os.write(2, b"".join(last))
    os._exit(0)
