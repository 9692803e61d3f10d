"""Exports random models and counts which are right, refused in a line, or wrong.

python tools/soak.py                      200 models of seed 0, by two processes
python tools/soak.py --count 40 --seed 7  fewer, others
python tools/soak.py --only 17            one of them anew, with its kinds

Each model is saved, exported by what `suite export` runs, and compared in every runtime with the Keras model
itself. What ends a process, by itself or by taking too long, is a wrong one, and the next process goes on.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from suite import console

RIGHT, REFUSED, WRONG = VERDICTS = ("right", "refused", "WRONG")
TIMEOUT = 300  # seconds of one model
MODELS_A_PROCESS = 40  # TensorFlow's memory grows
PROGRAM = (sys.executable, str(Path(__file__).resolve()), "--worker")


class Outcome(NamedTuple):
    """The verdict on a model.

    Attributes:
        number: Which one.
        verdict: One of `VERDICTS`.
        reason: One line.
        kinds: What it consists of; nothing where its process ended.
        seconds: That it took.
    """

    number: int
    verdict: str
    reason: str
    kinds: tuple[str, ...]
    seconds: float


class _Worker:
    """A process that judges one model after the other."""

    def __init__(self, seed: int, program: Sequence[str]):
        self.seed, self.number, self.began, self.judged = seed, -1, 0.0, 0
        self.complaints = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115  as long as it
        self.process = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            text=True,
            start_new_session=True,  # with the measuring processes that it starts
        )

    def give(self, number: int) -> None:
        self.number, self.began = number, time.monotonic()
        print(json.dumps([self.seed, number]), file=self.process.stdin, flush=True)

    def outcome(self, line: str) -> Outcome:
        seconds = time.monotonic() - self.began
        self.judged += 1
        if line:
            verdict, reason, kinds = json.loads(line)
            return Outcome(self.number, verdict, reason, tuple(kinds), seconds)
        status = self.process.wait()
        self.complaints.seek(0)
        last = (self.complaints.read().strip().splitlines() or ["no message"])[-1]
        how = signal.Signals(-status).name if status < 0 else f"status {status}: {last[:200]}"
        return Outcome(self.number, WRONG, f"its process was ended by {how}", (), seconds)

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def soak(
    seed: int, indices: Sequence[int], processes: int = 2, program: Sequence[str] = PROGRAM
) -> Iterator[Outcome]:
    """Judges models in processes of their own.

    Args:
        seed: Of all models.
        indices: Which ones.
        processes: How many at a time.
        program: What such a process runs: it answers lines as `_work` does.

    Yields:
        An outcome each, as they come.
    """
    waiting = list(indices)[::-1]
    busy: list[_Worker] = []
    try:
        for _ in range(min(processes, len(waiting))):
            busy.append(_Worker(seed, program))
            busy[-1].give(waiting.pop())
        while busy:
            worker, line = _next_answer(busy)
            outcome = worker.outcome(line)
            yield outcome
            if not line or worker.judged >= MODELS_A_PROCESS or not waiting:
                busy.remove(worker)
                worker.end()
                if waiting:
                    busy.append(_Worker(seed, program))
                    busy[-1].give(waiting.pop())
            else:
                worker.give(waiting.pop())
    finally:
        for worker in busy:
            worker.end()


def _next_answer(busy: Sequence[_Worker]) -> tuple[_Worker, str]:
    """The first worker that answers, with its line; an empty one of a worker that has ended."""
    with selectors.DefaultSelector() as selector:
        for worker in busy:
            selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]
        while True:
            for key, _ in selector.select(timeout=1):
                return key.data, key.data.process.stdout.readline()
            for worker in busy:
                if time.monotonic() - worker.began > TIMEOUT:
                    worker.process.kill()


def _work() -> None:
    """Answers each line "[seed, index]" with one of [verdict, reason, kinds], until the input ends."""
    from suite.cli.main import silence_libraries

    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(2, sys.stdout.fileno())  # what the export prints is no answer
    silence_libraries()
    from tools.soak_judge import judge

    for line in sys.stdin:
        seed, index = json.loads(line)
        with tempfile.TemporaryDirectory(prefix="suite-soak-") as work:
            verdict = judge(seed, index, Path(work))
        print(json.dumps(verdict), file=answers, flush=True)


def show(outcomes: Sequence[Outcome], seed: int) -> None:
    """Prints verdicts by kind, the refusals by what they say, and how to make each wrong one anew."""
    counts: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        for kind in {part for each in outcome.kinds for part in (each.split(":")[0], each)}:
            counts.setdefault(kind, Counter())[outcome.verdict] += 1
    rows = [[kind, *(found[verdict] for verdict in VERDICTS)] for kind, found in sorted(counts.items())]
    console.table("Verdicts by kind", ("kind", *VERDICTS), rows)
    refusals = sorted((each for each in outcomes if each.verdict == REFUSED), key=lambda each: each.reason)
    console.table("Refused", ("model", "why"), [(each.number, each.reason) for each in refusals])
    wrong = sorted(each for each in outcomes if each.verdict == WRONG)
    command = f"python tools/soak.py --seed {seed} --only"
    console.table("Wrong", ("anew", "what"), [(f"{command} {each.number}", each.reason) for each in wrong])
    totals = Counter(each.verdict for each in outcomes)
    console.result(", ".join(f"{totals[verdict]} {verdict}" for verdict in VERDICTS))


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the models.")
@click.option("--count", type=click.IntRange(min=1), default=200, show_default=True, help="Number of models.")
@click.option("--start", type=click.IntRange(min=0), default=0, show_default=True, help="The first one.")
@click.option("--only", type=int, multiple=True, help="One model; may be given more than once.")
@click.option("--processes", type=click.IntRange(min=1), default=2, show_default=True, help="At a time.")
@click.option("--save", type=click.Path(path_type=Path), default=None, help="A JSON file for the outcomes.")
@click.option("--worker", is_flag=True, hidden=True)
def main(
    seed: int, count: int, start: int, only: tuple[int, ...], processes: int, save: Path | None, worker: bool
) -> None:
    if worker:
        _work()
        return
    began = time.monotonic()
    indices = only or range(start, start + count)
    outcomes = []
    for outcome in soak(seed, indices, processes):
        outcomes.append(outcome)
        if outcome.verdict == WRONG or only:
            kinds = ", ".join(outcome.kinds)
            console.say(f"{outcome.number} {outcome.verdict}: {outcome.reason} ({kinds})")
        if save:
            save.write_text(json.dumps(outcomes))
    show(outcomes, seed)
    console.say(f"{len(outcomes)} models in {console.duration(time.monotonic() - began)}")
    sys.exit(1 if any(each.verdict == WRONG for each in outcomes) else 0)


if __name__ == "__main__":
    main()
