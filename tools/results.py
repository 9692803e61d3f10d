"""Runs recipes over seeds and writes RESULTS.md from their result.json files.

python tools/results.py                      every recipe, seeds 0-2, one seed after the other
python tools/results.py --resume             goes on where the same command was interrupted
python tools/results.py gan --data tfds      one recipe on its TFDS set (or on another: tfds:NAME)
python tools/results.py --table-only         the table from the runs that are there

A recipe without runs on this machine keeps the rows that the file has. TFDS sets, which take longer, may be
run with fewer seeds; their row says so where it was one.
"""

import re
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from suite import console
from suite.cli.main import silence_libraries
from suite.errors import FAILED, INTERRUPTED, PASSED
from suite.lessons import catalog

if __name__ == "__main__":
    silence_libraries()  # before TensorFlow is imported

from suite.bundle.names import RESULT_FILE
from suite.bundle.partial import failed_folder
from suite.bundle.record import Record, read_result
from suite.bundle.rows import SKIPPED, SUPERSEDED
from suite.data.source import Source
from suite.errors import GateError
from suite.runs.recipe import claims_on
from suite.runs.several import run_several
from tools import markdown_tables
from tools.published import PUBLISHED

RUNS = Path("saved_models/results")
TABLE = Path("RESULTS.md")
HEADER = """# Results

Written by `make results` from the result.json files of the runs. Each run checks its claims itself; here all
runs are held to the bounds that the recipes have now.
Mean and range over seeds 0, 1 and 2; of a single run, its seed.
"""


def run_folder(name: str, data: str, seed: int) -> Path:
    return RUNS / data / f"seed-{seed}" / name


def results_of(name: str, data: str, seed: int) -> list[Path]:
    """The result.json of a run, which a run that failed keeps in a folder ending in .failed."""
    passed = run_folder(name, data, seed)
    files = [folder / RESULT_FILE for folder in (passed, failed_folder(passed))]
    return [file for file in files if file.is_file()]


def run_all(chosen: Sequence[str], data: str, seeds: list[int], resume: bool) -> bool:
    """Runs each recipe with each seed; one that fails does not stop the rest.

    Args:
        chosen: Recipes, weeks or "all".
        data: As of `suite.runs.job.run`.
        seeds: Seeds of everything random.
        resume: Whether to keep the runs that are there; they are removed first otherwise.

    Returns:
        Whether all runs passed, with those that are kept.
    """
    names = {entry: entry.split("/")[1] for name in chosen for entry in catalog.select(name)}
    for seed in () if resume else seeds:
        for name in names.values():  # all at once: an old run must not stand for a new one
            for file in results_of(name, data, seed):
                shutil.rmtree(file.parent)
    for seed in seeds:
        console.say(f"{data} data, seed {seed}")
        waiting = [entry for entry, name in names.items() if not results_of(name, data, seed)]
        out = run_folder("", data, seed)
        try:
            run_several(" ".join(chosen), waiting, out=out, data=data, seed=seed)
        except GateError as failure:
            console.error(f"seed {seed}: {failure}")
    return all(
        (run_folder(name, data, seed) / RESULT_FILE).is_file() for name in names.values() for seed in seeds
    )


def read_runs(name: str, data: str, seeds: list[int]) -> list[Record]:
    files = [file for seed in seeds for file in results_of(name, data, seed)]
    found = [read_result(file.parent) for file in files]
    if data == "embedded" and found and len(found) < len(seeds):
        console.warn(
            f"{name}, {data}: {len(found)} of {len(seeds)} seeds have a result; left out of the table"
        )
        return []
    return found


def claim_rows(name: str, data: str, runs: list[Record]) -> list[str]:
    """What the runs measured, against the bounds that the recipe has now."""
    rows = []
    claims = claims_on(catalog.load_recipe(name).CLAIMS, Source.parse(data))
    for index, claim in enumerate(claims):
        values = [run.metrics[claim.metric] for run in runs]
        passed = all(claim.holds(run.metrics) for run in runs)
        seeds = f"seed {runs[0].seed}" if len(runs) == 1 else f"{min(values):.4g} to {max(values):.4g}"
        found = f"{statistics.mean(values):.4g} ({seeds})"
        recipe = f"`{name}`" if index == 0 else ""
        rows.append(f"| {recipe} | {claim.text} | {found} | {'kept' if passed else '**missed**'} |")
    return rows


def artifact_rows(name: str, run: Record) -> list[str]:
    rows = []
    for row in run.artifacts:
        if row.status in (SKIPPED, SUPERSEDED):
            rows.append(f"| `{name}` | {row.path} | | | | | {row.reason} |")
            continue
        rows.append(
            f"| `{name}` | {row.path} | {(row.bytes or 0) / 1e6:.3f} | {row.max_abs_difference:.1e} "
            f"| {row.metric.name} {row.metric.value:.4f} | {row.latency_ms.p50:.2f} | {row.status} |"
        )
    return rows


def published_rows(claims: dict[str, dict[str, list[str]]]) -> dict[str, list[str]]:
    """What comparable projects state, by recipe, beside what ours measured.

    Args:
        claims: Rows of the tables of claims, by `--data` and recipe.
    """
    rows: dict[str, list[str]] = {}
    for other in PUBLISHED:
        for row in claims.get(other.data, {}).get(other.recipe, ()):
            _, _, claim, measured, *_ = (cell.strip() for cell in row.split("|"))
            if re.search(rf"(?:^|\(){other.metric} at ", claim):
                project = f"[{other.project}]({other.address})"
                rows.setdefault(other.recipe, []).append(
                    f"| `{other.recipe}` | {other.data} | {other.metric} | {measured} | {other.figure} "
                    f"| {project} | {other.differs} |"
                )
                break
    return rows


CLAIMS_HEAD = ["| recipe | claim | measured | |", "|---|---|---|---|"]
ARTIFACTS_HEAD = [
    "| recipe | artifact | MB | max difference | metric | p50 ms | |",
    "|---|---|---|---|---|---|---|",
]
PUBLISHED_HEADING = "Beside comparable projects"
PUBLISHED_HEAD = [
    "| recipe | data | metric | ours | theirs | project | what differs |",
    "|---|---|---|---|---|---|---|",
]


def with_those_on_file(heading: str, rows: dict[str, list[str]]) -> dict[str, list[str]]:
    """New rows by recipe, and those under the heading now of the recipes that were not run here."""
    return markdown_tables.rows_by_name(TABLE, heading) | rows


def data_kinds() -> list[str]:
    """What `--data` was in the runs that are here or in the table."""
    text = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
    named = re.findall(r"^## Claims, (\S+) data$", text, re.M)
    named += [folder.name for folder in RUNS.glob("tfds*")]
    return ["embedded", *sorted({*named} - {"embedded"})]


def write_table(seeds: list[int], data: str | None = None, chosen: Sequence[str] = ("all",)) -> None:
    """Writes the table anew from the runs that are here; what is not asked for keeps its rows.

    Args:
        seeds: Of the runs.
        data: As of `run_all`; None: all that there are.
        chosen: Recipes, weeks or "all".
    """
    asked = {entry.split("/")[1] for name in chosen for entry in catalog.select(name)}
    kinds = data_kinds() if data is None else [data]
    names = [entry.split("/")[1] for entry in catalog.catalog()]
    lines, claims, first = [HEADER], {}, dict[str, Record]()
    for kind in data_kinds():
        measured = asked if kind in kinds else ()
        runs = {name: found for name in measured if (found := read_runs(name, kind, seeds))}
        heading = f"Claims, {kind} data"
        rows = {name: claim_rows(name, kind, found) for name, found in runs.items()}
        claims[kind] = with_those_on_file(heading, rows)
        lines += markdown_tables.table(heading, CLAIMS_HEAD, claims[kind], names)
        if kind == "embedded":
            first = {name: found[0] for name, found in runs.items() if found[0].seed == 0}
    lines += markdown_tables.table(PUBLISHED_HEADING, PUBLISHED_HEAD, published_rows(claims), names)
    rows = {name: artifact_rows(name, run) for name, run in first.items()}
    rows = with_those_on_file(markdown_tables.ARTIFACTS, rows)
    lines += markdown_tables.table(markdown_tables.ARTIFACTS, ARTIFACTS_HEAD, rows, names)
    hardware = markdown_tables.hardware()
    lines.append(f"Hardware: {hardware}, shared with other work. Times and latencies are of one run.\n")
    lines.append(markdown_tables.between(TABLE, markdown_tables.FINE_TUNING))
    TABLE.write_text("\n".join(lines), encoding="utf-8")
    console.result(f"{TABLE} written")


@click.command()
@click.argument("names", nargs=-1)
@click.option("--data", default="embedded", show_default=True)
@click.option("--seeds", default="0,1,2", show_default=True)
@click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
@click.option("--table-only", is_flag=True)
def main(names: tuple[str, ...], data: str, seeds: str, resume: bool, table_only: bool) -> None:
    """Run recipes (all by default) over seeds and write RESULTS.md; exit status 1 if some failed."""
    if not re.fullmatch(r"\d+(,\d+)*", seeds):
        raise click.UsageError(f"expected seeds such as 0,1,2, received {seeds!r}")
    if not re.fullmatch(r"embedded|tfds(:\w+)?", data):  # it is the name of a folder of runs, too
        raise click.UsageError(f"expected data among embedded, tfds, tfds:NAME, received {data!r}")
    numbers = [int(seed) for seed in seeds.split(",")]
    passed = True
    if not table_only:
        try:
            passed = run_all(names or ("all",), data, numbers, resume)
        except ValueError as failure:
            raise click.UsageError(str(failure)) from failure
        except KeyboardInterrupt:
            console.error("interrupted; the same command with --resume goes on")
            sys.exit(INTERRUPTED)
    write_table(numbers, None if table_only else data, names or ("all",))
    sys.exit(PASSED if passed else FAILED)


if __name__ == "__main__":
    main()
