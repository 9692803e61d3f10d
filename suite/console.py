"""What the suite prints: lines and tables on stdout, progress bars and warnings on stderr."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
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


def _console(stream) -> Console:
    return Console(file=stream, width=None if stream.isatty() else _PIPE_WIDTH)


def _print(text: str, stream, style: str | None = None) -> None:
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


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints a table; cells are shown with `str`, numbers should come formatted."""
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
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    with progress(label, total) as advance:
        for item in items:
            yield item
            advance(1)


@contextlib.contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Runs a progress bar as `track` does; gives a function that moves it on by a number of items."""
    if _quiet:
        yield lambda count: None
    elif not sys.stderr.isatty():
        _print(label if total is None else f"{label} ({total})", sys.stderr)
        yield lambda count: None
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=_console(sys.stderr), transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda count: bar.advance(task, count)
