"""Runs recipes over seeds and writes RESULTS.md from their result.json files.

python tools/results.py                      every recipe, seeds 0-2
python tools/results.py gan --data tfds      one recipe on its TFDS set
python tools/results.py --table-only         the table from the runs that are there
"""

import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import click

from suite import catalogue, console
from suite.cli import silence_libraries

if __name__ == "__main__":
    silence_libraries()  # before TensorFlow is imported

from suite.recipe import Claim

RUNS = Path("saved_models/results")
TABLE = Path("RESULTS.md")
HEADER = """# Results

Written by `make results` from the result.json files of the runs; each bound is checked by the run itself.
Mean and range over seeds {seeds}.
"""


def run_folder(name: str, data: str, seed: int) -> Path:
    return RUNS / f"{name}-{data}" / f"seed-{seed}"


def run_all(names: list[str], data: str, seeds: list[int]) -> None:
    """Runs each recipe with each seed; one that fails keeps its numbers in a folder ending in .failed."""
    for name in names:
        for seed in seeds:
            console.say(f"{name}, {data}, seed {seed}")
            out = run_folder(name, data, seed)
            for earlier in (out, _failed(out)):  # an old pass must not hide a new failure
                shutil.rmtree(earlier, ignore_errors=True)
            command = [sys.executable, "-m", "suite", "run", name, "--quiet"]
            flags = [f"--data={data}", f"--seed={seed}", f"--out={out}"]
            subprocess.run([*command, *flags], stdout=subprocess.DEVNULL)


def read_runs(name: str, data: str, seeds: list[int]) -> list[dict]:
    found = []
    for seed in seeds:
        passed = run_folder(name, data, seed)
        for folder in (passed, _failed(passed)):
            if (folder / "result.json").is_file():
                found.append(json.loads((folder / "result.json").read_text(encoding="utf-8")))
    if found and len(found) < len(seeds):
        console.warn(
            f"{name}, {data}: {len(found)} of {len(seeds)} seeds have a result; left out of the table"
        )
        return []
    return found


def _failed(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.failed")


def claim_rows(name: str, runs: list[dict]) -> list[str]:
    rows = []
    seconds = statistics.mean(run["wall_seconds"] for run in runs)
    for index, claim in enumerate(runs[0]["claims"]):
        values = [run["claims"][index]["value"] for run in runs]
        passed = all(run["claims"][index]["passed"] for run in runs)
        bounds = Claim(claim["metric"], claim.get("at_least"), claim.get("at_most"))
        measured = f"{statistics.mean(values):.4g} ({min(values):.4g} to {max(values):.4g})"
        recipe = f"`{name}` | {seconds:.0f}" if index == 0 else " | "
        rows.append(f"| {recipe} | {bounds} | {measured} | {'kept' if passed else '**missed**'} |")
    return rows


def artifact_rows(name: str, run: dict) -> list[str]:
    rows = []
    for row in run["artifacts"]:
        if row["status"] == "skipped":
            rows.append(f"| `{name}` | {row['path']} | | | | | {row['reason']} |")
            continue
        rows.append(
            f"| `{name}` | {row['path']} | {row['bytes'] / 1e6:.3f} | {row['max_abs_difference']:.1e} "
            f"| {row['metric']['name']} {row['metric']['value']:.4f} | {row['latency_ms']['p50']:.2f} "
            f"| {row['status']} |"
        )
    return rows


def write_table(seeds: list[int]) -> None:
    names = [entry.split("/")[1] for entry in catalogue.catalogue()]
    lines = [HEADER.format(seeds=", ".join(map(str, seeds)))]
    for data in ("embedded", "tfds"):
        runs = {name: read_runs(name, data, seeds) for name in names}
        rows = [row for name in names if runs[name] for row in claim_rows(name, runs[name])]
        if rows:
            lines += [f"## Claims, {data} data", "", "| recipe | seconds | claim | measured | |"]
            lines += ["|---|---|---|---|---|", *rows, ""]
        if data == "embedded":
            first = {name: found[0] for name, found in runs.items() if found}
    lines += ["## Artifacts, seed 0", "", "| recipe | artifact | MB | max difference | metric | p50 ms | |"]
    lines += ["|---|---|---|---|---|---|---|"]
    lines += [row for name, run in first.items() for row in artifact_rows(name, run)]
    devices = sorted({run["device"] for run in first.values()})
    lines += ["", f"Hardware: {'; '.join(devices)}. Times and latencies are of that machine, on one run.", ""]
    TABLE.write_text("\n".join(lines), encoding="utf-8")
    console.result(f"{TABLE} written")


@click.command()
@click.argument("names", nargs=-1)
@click.option("--data", default="embedded", show_default=True)
@click.option("--seeds", default="0,1,2", show_default=True)
@click.option("--table-only", is_flag=True)
def main(names, data, seeds, table_only):
    """Run recipes (all by default) over seeds and write RESULTS.md."""
    numbers = [int(seed) for seed in seeds.split(",")]
    if not table_only:
        chosen = [entry.split("/")[1] for name in names or ("all",) for entry in catalogue.select(name)]
        run_all(chosen, data, numbers)
    write_table(numbers)


if __name__ == "__main__":
    main()
