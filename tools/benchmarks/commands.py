"""What a user waits for before anything has begun, in processes of their own."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.benchmarks.measuring import Limit

ROOT = Path(__file__).resolve().parents[2]


def commands() -> Iterator[Limit]:
    """Whole processes, Python's own start included."""
    for name, arguments, seconds in (
        ("`suite list`, seconds", ("-m", "suite", "list"), 0.5),
        ("`import suite`, seconds", ("-c", "import suite"), 0.2),
    ):

        def run(arguments: tuple[str, ...] = arguments) -> None:
            subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)

        yield Limit(name, run, seconds)
