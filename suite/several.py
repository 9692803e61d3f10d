"""`suite run week3`, `suite run all`: many recipes, one after the other."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from suite import catalogue, console
from suite.commands import BAD_INPUT, FAILED, INTERRUPTED, PASSED
from suite.evaluation.report import outcomes
from suite.export.bundle import RESULT_FILE, read_result
from suite.export.gates import GateError
from suite.export.partial_bundle import failed_folder, partial_folder

OUTCOMES = {PASSED: "ok", FAILED: "claim or export failed", BAD_INPUT: "bad input"}
COLUMNS = ("recipe", "outcome", "seconds", "claims kept", "artifacts")


class Outcome(NamedTuple):
    """How the run of a recipe ended; a row of the table at the end.

    Attributes:
        name: The recipe.
        outcome: In words.
        seconds: Of wall time, with the start of the process.
        claims: "12 of 12"; empty where none were checked.
        artifacts: "7 ok, 1 skipped"; empty where there are none.
    """

    name: str
    outcome: str
    seconds: str
    claims: str = ""
    artifacts: str = ""


def run_several(
    title: str,
    entries: Sequence[str],
    out: str | Path,
    *,
    data: str = "embedded",
    seed: int = 0,
    resume: bool = False,
    smoke: bool = False,
) -> list[Outcome]:
    """Runs recipes, each in a process of its own: one that fails, or crashes, does not stop the rest.

    Args:
        title: What was asked for, for the table at the end.
        entries: Catalogue entries.
        out: Folder of the bundles.
        data: As of `suite.job.run`; as are `seed` and `smoke`.
        seed: Seed of everything random.
        resume: Whether to go on with the recipe that was interrupted last; those before it are left out.
        smoke: Whether to run the tiny configurations, as a quick check that all of it works.

    Returns:
        How each ended.

    Raises:
        GateError: Some failed; the message names them.
        KeyboardInterrupt: Ctrl+C stops all; the table then has what was done.
    """
    out = Path(out)
    entries = _from_interrupted(entries, out) if resume else list(entries)
    flags = [f"--data={data}", f"--seed={seed}", "--quiet"]
    flags += [flag for flag, is_set in (("--resume", resume), ("--smoke", smoke)) if is_set]
    names = [entry.split("/")[1] for entry in entries]
    costs = [1.0 if smoke else catalogue.seconds(entry) for entry in entries]
    done: list[Outcome] = []
    try:
        for name in console.track_steps(names, costs):
            done.append(_run_one(name, out / name, flags))
    finally:
        console.table(f"suite run {title}", COLUMNS, done)
    failed = [row.name for row in done if row.outcome != OUTCOMES[PASSED]]
    if failed:
        raise GateError(f"{len(failed)} of {len(names)} recipes failed: {', '.join(failed)}")
    return done


def _from_interrupted(entries: Sequence[str], out: Path) -> list[str]:
    begun = [partial_folder(out / entry.split("/")[1]).is_dir() for entry in entries]
    first = max((index for index, is_begun in enumerate(begun) if is_begun), default=0)
    return list(entries[first:])


def _run_one(name: str, out: Path, flags: Sequence[str]) -> Outcome:
    started, failed = time.monotonic(), failed_folder(out)
    before = {folder: _written(folder) for folder in (out, failed)}
    command = [sys.executable, "-m", "suite", "run", name, f"--out={out}", *flags]
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if ended.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    outcome = OUTCOMES.get(ended.returncode, f"ended with status {ended.returncode}")
    row = Outcome(name, outcome, f"{time.monotonic() - started:.0f}")
    for folder, then in before.items():
        if _written(folder) != then:  # a crash leaves the bundles of an earlier run in their places
            row = _measured(row, folder)
    _report(row, ended.stderr)
    return row


def _written(bundle: Path) -> int:
    result = bundle / RESULT_FILE
    return result.stat().st_mtime_ns if result.is_file() else 0


def _measured(row: Outcome, bundle: Path) -> Outcome:
    record = read_result(bundle)
    claims = record["claims"]
    kept = f"{sum(claim['passed'] for claim in claims)} of {len(claims)}" if claims else ""
    artifacts = {label: text for label, text, _ in outcomes(record)}.get("Artifacts", "")
    return row._replace(claims=kept, artifacts=artifacts.replace("\N{NO-BREAK SPACE}", " "))


def _report(row: Outcome, stderr: str) -> None:
    facts = [f"{row.name}: {row.outcome}", f"{row.seconds} s"]
    facts += [f"claims kept: {row.claims}"] if row.claims else []
    facts += [f"artifacts: {row.artifacts}"] if row.artifacts else []
    console.say(", ".join(facts))
    for line in stderr.splitlines():
        kind, _, text = line.partition(": ")
        if kind == "error":
            console.error(f"{row.name}: {text}")
        else:
            console.warn(f"{row.name}: {text if kind == 'warning' else line}")
