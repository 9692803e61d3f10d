"""`suite run week3`, `suite run all`: many recipes, one after the other."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from suite import console
from suite.bundle.names import RESULT_FILE
from suite.bundle.partial import failed_folder
from suite.bundle.record import read_result
from suite.bundle.write import write_json
from suite.errors import BAD_INPUT, FAILED, INTERRUPTED, PASSED, GateError
from suite.lessons import catalog
from suite.report.gallery import FOLDER, SMOKE_FOLDER
from suite.report.run_page import outcomes
from suite.training.signals import signal_handler

OUTCOMES = {PASSED: "ok", FAILED: "failed", BAD_INPUT: "bad input"}
LONGEST_NAME = 60  # of what was asked for, as the name of a file
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
    *,
    out: str | Path | None = None,
    data: str = "embedded",
    seed: int = 0,
    resume: bool = False,
    smoke: bool = False,
) -> list[Outcome]:
    """Runs recipes, each in a process of its own: one that fails, or crashes, does not stop the rest.

    Args:
        title: What was asked for, for the table at the end.
        entries: Catalog entries.
        out: Folder of the bundles; `saved_models` by default, `saved_models/smoke` of a smoke run.
        data: As of `suite.runs.job.run`; as are `seed` and `smoke`.
        seed: Seed of everything random.
        resume: Whether to go on with the recipe that was interrupted last; those that ended before it are
            left out.
        smoke: Whether to run the tiny configurations, as a quick check that all of it works.

    Returns:
        How each ended.

    Raises:
        GateError: Some failed; the message names them.
        KeyboardInterrupt: Ctrl+C stops all; the table then has what was done.
    """
    out = Path(out or (SMOKE_FOLDER if smoke else FOLDER))
    out.mkdir(parents=True, exist_ok=True)
    flags = [f"--data={data}", f"--seed={seed}", "--quiet", *(["--smoke"] if smoke else [])]
    key = title if len(title) <= LONGEST_NAME else hashlib.sha256(title.encode()).hexdigest()
    journal = out / f".{key}.done"
    ended = _read_journal(journal, flags) if resume else []
    entries = [entry for entry in entries if entry.split("/")[1] not in ended]
    names = [entry.split("/")[1] for entry in entries]
    costs = [1.0 if smoke else catalog.seconds(entry) for entry in entries]
    done: list[Outcome] = []
    write_json(journal, {"flags": flags, "ended": ended})  # in place of that of an older run
    try:
        for name in console.track_steps(names, costs):
            # Of those after the first, what an older run left is not taken up.
            done.append(_run_one(name, out / name, [*flags, *(["--resume"] if resume and not done else [])]))
            write_json(journal, {"flags": flags, "ended": [*ended, *(row.name for row in done)]})
    finally:
        console.table(f"suite run {title}", COLUMNS, done)
    journal.unlink(missing_ok=True)
    failed = [row.name for row in done if row.outcome != OUTCOMES[PASSED]]
    if failed:
        raise GateError(f"{len(failed)} of {len(names)} recipes failed: {', '.join(failed)}")
    return done


def _read_journal(path: Path, flags: Sequence[str]) -> list[str]:
    """The recipes that ended in the interrupted run; none where nothing was interrupted."""
    if not path.is_file():
        return []
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["flags"] != flags:
        raise ValueError(
            f"expected the flags of the interrupted run, {' '.join(content['flags'])}, received "
            f"{' '.join(flags)}; give the same, or start anew without --resume"
        )
    return content["ended"]


def _run_one(name: str, out: Path, flags: Sequence[str]) -> Outcome:
    started, failed = time.monotonic(), failed_folder(out)
    before = {folder: _written(folder) for folder in (out, failed)}
    status, stderr = _run_process([sys.executable, "-m", "suite", "run", name, f"--out={out}", *flags])
    outcome = OUTCOMES.get(status, f"ended with status {status}")
    row = Outcome(name, outcome, f"{time.monotonic() - started:.0f}")
    for folder, then in before.items():
        if _written(folder) != then:  # a crash leaves the bundles of an earlier run in their places
            row = _measured(row, folder)
    _report(row, stderr)
    return row


def _run_process(command: Sequence[str]) -> tuple[int, str]:
    """Runs a command to its end; gives its exit status and what it wrote to stderr.

    It is asked to stop as this process is, and then waited for: it writes a checkpoint first.

    Raises:
        KeyboardInterrupt: It was asked to stop.
    """
    asked: list[int] = []
    signals = [
        number
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN  # as `nohup` leaves it
    ]
    # In a session of its own, Ctrl+C reaches it once and not twice, which would stop it at once.
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )

    def forward(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        process.send_signal(number)

    with signal_handler(forward, *signals):
        _, stderr = process.communicate()
    if asked or process.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    return process.returncode, stderr


def _written(bundle: Path) -> int:
    result = bundle / RESULT_FILE
    return result.stat().st_mtime_ns if result.is_file() else 0


def _measured(row: Outcome, bundle: Path) -> Outcome:
    record = read_result(bundle)
    claims = record.claims
    kept = f"{sum(claim.passed for claim in claims)} of {len(claims)}" if claims else ""
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
