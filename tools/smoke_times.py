"""Prints what the tiny configuration of each recipe takes, beside its budget: every test run pays for it.

python tools/smoke_times.py [NAME...]
"""

import tempfile
from pathlib import Path

import click

import suite
from suite import console
from suite.bundle.record import read_result
from suite.lessons.catalog import catalog

BUDGET = 3.0  # seconds before anything is exported, on a core with nothing else to do


def smoke_row(name: str, folder: Path) -> tuple[str, str, str, str]:
    """Runs a recipe's `SMOKE`.

    Args:
        name: Of the recipe.
        folder: Where its bundle goes.

    Returns:
        Its name, the seconds of its training and of the rest, and "over" where the first are over the budget.
    """
    suite.run(name, out=folder / name, smoke=True)
    record = read_result(folder / name)
    training = record.stage_seconds["training"]
    rest = sum(record.stage_seconds.values()) - training
    return name, f"{training:.1f}", f"{rest:.1f}", "over" if training > BUDGET else ""


@click.command(help=__doc__)
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """Runs all, or those that are named, one after another in this process."""
    console.set_quiet(True)
    with tempfile.TemporaryDirectory() as folder:
        first, *_ = (entry.split("/")[1] for entry in catalog())
        smoke_row(first, Path(folder))  # what TensorFlow does once counts for none of them
        rows = [smoke_row(name, Path(folder)) for name in names or [e.split("/")[1] for e in catalog()]]
    over = sum(bool(row[-1]) for row in rows)
    title = f"seconds of SMOKE: {over} of {len(rows)} over {BUDGET:.0f} s before export"
    console.set_quiet(False)
    console.table(title, ("recipe", "before export", "export and proof", "budget"), rows)


if __name__ == "__main__":
    main()
