"""`suite run week1`: recipes one after the other, whatever becomes of each."""

import os
import re
import signal
import sys
import threading
import time

import pytest

from suite import console
from suite.bundle.rows import ClaimRow
from suite.cli import main
from suite.lessons.catalog import about, catalog, seconds, select
from suite.runs import several
from tests.records import changed, write_record

WEEK = [entry.split("/")[1] for entry in select("week1")]


def write_bundle(folder, claims=(True, True)):
    folder.mkdir(parents=True, exist_ok=True)
    rows = tuple(ClaimRow("x", 1.0, passed, at_least=0) for passed in claims)
    write_record(folder, changed(claims=rows))  # of three artifacts one is skipped


class Recipes:
    """Stands for the processes of the recipes: each ends as told, 0 where nothing was."""

    def __init__(self, endings):
        self.endings, self.commands = endings, []

    def __call__(self, command):
        self.commands.append(command)
        name = command[command.index("run") + 1]
        out = several.Path(next(flag for flag in command if flag.startswith("--out=")).removeprefix("--out="))
        ending = self.endings.get(name, 0)
        if ending == main.INTERRUPTED:
            raise KeyboardInterrupt
        if ending == 0:
            write_bundle(out)
        elif ending == 1:
            write_bundle(out.with_name(f"{name}.failed"), claims=(True, False))
        error = "error: claim missed: x at least 0" if ending == 1 else ""
        return ending, error


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the week with the given endings: exit status, rows by recipe, commands, what was printed."""

    def start(endings, *flags):
        recipes = Recipes(endings)
        monkeypatch.setattr(several, "_run_process", recipes)
        status = main.execute(["run", "week1", f"--out={tmp_path}", *flags])
        printed = capsys.readouterr()
        cells = [[cell.strip() for cell in row.split("\u2502")[1:-1]] for row in printed.out.splitlines()]
        table = {row[0]: row[1:] for row in cells if row}
        return status, table, recipes.commands, printed

    yield start
    console.set_quiet(False)


def test_all_are_run_and_the_table_tells_how(run):
    status, table, commands, printed = run({}, "--smoke", "--seed=3")
    assert status == main.PASSED
    assert list(table) == WEEK and all(row[0] == "ok" for row in table.values())
    assert table[WEEK[0]][2:] == ["2 of 2", "2 ok, 1 skipped"] and table[WEEK[0]][1].isdigit()
    for command in commands:
        assert {"--quiet", "--smoke", "--seed=3", "--data=embedded"} < set(command)
        assert "--resume" not in command
    assert f"[1/{len(WEEK)}] {WEEK[0]}\n" in printed.out
    assert re.search(rf"\[2/{len(WEEK)}\] {WEEK[1]} \(0 s, about 0 s left\)\n", printed.out)


def test_one_that_fails_does_not_stop_the_rest(run):
    status, table, commands, printed = run({WEEK[0]: 1, WEEK[1]: -11, WEEK[2]: 2})
    assert status == main.FAILED and len(commands) == len(WEEK)
    assert table[WEEK[0]][0] == "failed" and table[WEEK[0]][2] == "1 of 2"
    assert [table[name][0] for name in WEEK[1:4]] == ["ended with status -11", "bad input", "ok"]
    assert f"error: {WEEK[0]}: claim missed: x at least 0\n" in printed.err
    failed = f"error: 3 of {len(WEEK)} recipes failed: {', '.join(WEEK[:3])}"
    assert failed in printed.err.replace("\n", " ")


def test_a_crash_does_not_show_the_numbers_of_an_earlier_run(run, tmp_path):
    write_bundle(tmp_path / WEEK[0])
    write_bundle(tmp_path / f"{WEEK[0]}.failed")
    _, table, _, _ = run({WEEK[0]: -9})
    assert table[WEEK[0]][2:] == ["", ""] and table[WEEK[1]][2] == "2 of 2"


def test_an_interrupt_stops_all_and_shows_what_was_done(run):
    status, table, commands, printed = run({WEEK[2]: main.INTERRUPTED})
    assert status == main.INTERRUPTED
    assert list(table) == WEEK[:2] and len(commands) == 3
    assert "error: interrupted; the same command with --resume goes on" in printed.err


def test_resuming_begins_with_the_recipe_that_was_interrupted(run, tmp_path):
    (tmp_path / f".{WEEK[4]}.partial").mkdir()  # of an older run
    run({WEEK[2]: main.INTERRUPTED})
    status, table, commands, _ = run({WEEK[3]: main.INTERRUPTED}, "--resume")
    assert status == main.INTERRUPTED and list(table) == WEEK[2:3]
    assert ["--resume" in command for command in commands] == [True, False]
    status, table, _, _ = run({}, "--resume")
    assert status == main.PASSED and list(table) == WEEK[3:]
    assert list(run({}, "--resume")[1]) == WEEK  # nothing is interrupted any more


def test_many_names_are_no_file_name(tmp_path, monkeypatch):
    entries = catalog()
    names = [entry.split("/")[1] for entry in entries]
    monkeypatch.setattr(several, "_run_process", Recipes({names[1]: main.INTERRUPTED}))
    with pytest.raises(KeyboardInterrupt):
        several.run_several(" ".join(names), entries, out=tmp_path)
    monkeypatch.setattr(several, "_run_process", Recipes({}))
    done = several.run_several(" ".join(names), entries, out=tmp_path, resume=True)
    assert [row.name for row in done] == names[1:]


def test_an_older_run_is_not_resumed_for_one_that_was_interrupted_at_once(run):
    run({WEEK[2]: main.INTERRUPTED})
    run({WEEK[0]: main.INTERRUPTED})
    assert list(run({}, "--resume")[1]) == WEEK


def test_smoke_runs_lie_beside_what_was_trained(tmp_path, monkeypatch):
    recipes = Recipes({})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(several, "_run_process", recipes)
    assert main.execute(["run", "week1", "--smoke", "--quiet"]) == main.PASSED
    console.set_quiet(False)
    assert [path.name for path in tmp_path.glob("saved_models/*")] == ["smoke"]
    assert {path.name for path in tmp_path.glob("saved_models/smoke/*")} == set(WEEK)


def test_resuming_with_other_flags_is_refused(run):
    run({WEEK[2]: main.INTERRUPTED})
    status, _, commands, printed = run({}, "--resume", "--seed=1")
    assert status == main.BAD_INPUT and not commands
    assert "expected the flags of the interrupted run, --data=embedded --seed=0" in printed.err


CHILD = """
import pathlib, sys, time
pathlib.Path(sys.argv[1], "began").touch()
try:
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)  # as long as a checkpoint may take
    pathlib.Path(sys.argv[1], "checkpoint").touch()
    sys.exit(130)
"""


def test_a_recipe_is_asked_to_stop_once_and_waited_for(tmp_path, heeds_ctrl_c):
    def interrupt():
        while not (tmp_path / "began").exists():
            time.sleep(0.05)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        several._run_process([sys.executable, "-c", CHILD, str(tmp_path)])
    assert (tmp_path / "checkpoint").exists() and signal.getsignal(signal.SIGINT) is before


def test_a_process_gives_its_status_and_its_errors():
    code = "import sys; print('out'); sys.exit('error: no such file')"
    assert several._run_process([sys.executable, "-c", code]) == (1, "error: no such file\n")


def test_quiet_leaves_the_table(run):
    _, table, _, printed = run({}, "--quiet")
    assert list(table) == WEEK and "[1/" not in printed.out and ": ok" not in printed.out


def test_what_is_left_is_estimated_from_the_costs(monkeypatch, capsys):
    clock = iter([100.0, 100.0, 130.0, 160.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    console.set_quiet(False)
    assert list(console.track_steps(["a", "b", "c"], [10, 20, 60])) == ["a", "b", "c"]
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "[1/3] a",
        "[2/3] b (30 s, about 4 min 0 s left)",
        "[3/3] c (1 min 0 s, about 2 min 0 s left)",
    ]


def test_durations():
    shown = [console.duration(value) for value in (0.4, 59.6, 61, 3599, 3600, 5000)]
    assert shown == ["0 s", "1 min 0 s", "1 min 1 s", "59 min 59 s", "1 h 0 min", "1 h 23 min"]


def test_every_recipe_says_what_it_costs():
    costs = {entry: about(entry).cost for entry in catalog()}
    assert all(seconds(entry) > 0 for entry in catalog())
    assert all(seconds(entry) >= 60 for entry, cost in costs.items() if re.match(r"\d+ min", cost))
    in_seconds = {entry: cost.split()[0] for entry, cost in costs.items() if re.match(r"\d+ s", cost)}
    assert in_seconds and all(seconds(entry) == float(said) for entry, said in in_seconds.items())
