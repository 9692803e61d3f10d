"""What the suite prints: lines and tables on stdout, progress bars and warnings on stderr."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from pathlib import Path
from typing import TextIO, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

Item = TypeVar("Item")

_PIPE_WIDTH = 200  # columns where there is no terminal, so that tables and paths are never cut
_quiet = False


def set_quiet(quiet: bool) -> None:
    """Silences `say` and `track` (results and warnings still appear)."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    """Tells whether `say` and `track` are silenced."""
    return _quiet


def _console(stream: TextIO) -> Console:
    return Console(file=stream, width=None if stream.isatty() else _PIPE_WIDTH)


def _print(text: str, stream: TextIO, style: str | None = None) -> None:
    # Paths and class names come from users: square brackets in them are not markup.
    _console(stream).print(text, markup=False, highlight=False, soft_wrap=True, style=style)


def say(text: str) -> None:
    """Prints a line about what is going on, unless silenced."""
    if not _quiet:
        _print(text, sys.stdout)


def result(text: str) -> None:
    """Prints a line that the user asked for, silenced or not."""
    _print(text, sys.stdout)


def warn(text: str) -> None:
    """Prints a warning on stderr, silenced or not."""
    _print(f"warning: {text}", sys.stderr, style="yellow")


def error(text: str) -> None:
    """Prints an error on stderr."""
    _print(f"error: {text}", sys.stderr, style="bold red")


def shown(path: str | Path) -> str:
    """A path as the user would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def first_line(failure: object, longest: int = 200) -> str:
    """What a failure says, in one line: the first one of its text, or else the name of its type."""
    return (str(failure).strip().splitlines() or [type(failure).__name__])[0][:longest]


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints a table; cells are shown with `str`, numbers should come formatted.

    Args:
        title: Stands above it.
        columns: Their headings.
        rows: A cell a column.
    """
    grid = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(_plain(cell) for cell in row))
    _console(sys.stdout).print(grid)


def _plain(cell: object) -> str:
    return str(cell).replace("[", r"\[")


def track(items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """Yields `items` while a progress bar runs on stderr; one plain line where there is no terminal.

    Args:
        items: What to iterate over.
        label: What is being done, as a few words.
        total: Number of items; taken from `len(items)` where it has one.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress(label, total) as advance:
        for item in items:
            yield item
            advance(1)


@contextlib.contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Runs a progress bar as `track` does; gives a function that moves it on by a number of items."""
    if _quiet:
        yield lambda _: None
    elif not sys.stderr.isatty():
        _print(label if total is None else f"{label} ({total})", sys.stderr)
        yield lambda _: None
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=_console(sys.stderr), transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda count: bar.advance(task, count)


def track_steps(names: Sequence[str], costs: Sequence[float]) -> Iterator[str]:
    """Yields names of long steps, and shows which one runs, the time so far and about how much is left.

    Args:
        names: What each step is called.
        costs: How long each takes in proportion to the others, in any unit.
    """
    started, total = time.monotonic(), sum(costs)
    with _steps_bar(len(names)) as show:
        for index, name in enumerate(names):
            done, elapsed = sum(costs[:index]), time.monotonic() - started
            left = f"about {duration(elapsed * (total - done) / done)} left" if done else ""
            show(index, name, elapsed, left)
            yield name


@contextlib.contextmanager
def _steps_bar(total: int) -> Iterator[Callable[[int, str, float, str], None]]:
    """A way to show (steps done, name of the next, seconds so far, what is left) of `track_steps`."""
    if _quiet or not sys.stderr.isatty():

        def line(done: int, name: str, elapsed: float, left: str) -> None:
            times = f" ({duration(elapsed)}, {left})" if left else ""
            say(f"[{done + 1}/{total}] {name}{times}")

        yield line
        return
    names, left = TextColumn("{task.description}"), TextColumn("{task.fields[left]}")
    columns = (names, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), left)
    with Progress(*columns, console=_console(sys.stderr), transient=True) as bar:
        task = bar.add_task("", total=total, left="")
        yield lambda done, name, _elapsed, left: bar.update(task, completed=done, description=name, left=left)


def duration(seconds: float) -> str:
    """Gives "42 s", "3 min 5 s" or "1 h 20 min"."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"
