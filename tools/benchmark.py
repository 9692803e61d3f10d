"""Side by side with what people would use instead: ratios from one run, never absolute claims.

    python tools/benchmark.py                 every row whose peers are installed (extra `bench`)
    python tools/benchmark.py features        one; the other rows of BENCHMARKS.md stay
    python tools/benchmark.py --quick         a round of each, to see that it runs; nothing is written

Each name runs in a process of its own, so that none inherits another's threads and caches, and writes its
rows to BENCHMARKS.md as soon as it has them.
"""

import subprocess
import sys
import time
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from suite import console
from suite.cli.main import silence_libraries
from tools import benchmarks
from tools.benchmarks import table
from tools.benchmarks.measuring import MISSED, measure


def run_one(name: str, quick: bool) -> None:
    """Measures the rows of a name; prints and writes them."""
    try:
        found = [measure(row._replace(rounds=1) if quick else row) for row in benchmarks.ROWS[name]()]
    except ImportError as missing:
        console.warn(f"{name}: {missing.name} is not installed; pip install -e '.[bench]'")
        return
    if quick:
        return
    table.write(name, found, benchmarks.ROWS)
    columns = ("work", "peer", "ours", "peer's", "ratio", "goal", "")
    lines = [line for each in found for line in each.speed]
    if lines:
        console.table(name, columns, lines)
    missed = sum(line[-1] == MISSED for line in lines)
    console.result(f"{table.FILE}: {len(lines)} rows of {name}, {missed} under their goal")


def run_each(names: tuple[str, ...], *flags: str) -> int:
    """Measures each name in a new process; gives how many failed."""
    start, failed = time.perf_counter(), 0
    for number, name in enumerate(names, 1):
        minutes = (time.perf_counter() - start) / 60
        console.say(f"[{number}/{len(names)}] {name}, after {minutes:.1f} minutes")
        failed += subprocess.run([sys.executable, __file__, name, *flags]).returncode != 0
    console.result(f"{len(names)} rows in {(time.perf_counter() - start) / 60:.1f} minutes, {failed} failed")
    return failed


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(benchmarks.ROWS)))
@click.option("--quick", is_flag=True, help="One round of each row, to see that it runs; nothing is written.")
def main(names: tuple[str, ...], quick: bool) -> None:
    """Measure the named rows, or all of them, and write BENCHMARKS.md."""
    if len(names) == 1:
        silence_libraries()
        run_one(names[0], quick)
    else:
        sys.exit(run_each(names or tuple(benchmarks.ROWS), *["--quick"] * quick) > 0)


if __name__ == "__main__":
    main()
