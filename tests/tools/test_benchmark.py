import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from suite import console
from tools import benchmark, benchmarks
from tools.benchmarks import floors, table
from tools.benchmarks.floors import Cost
from tools.benchmarks.measuring import Growth, Limit, Lines, Peer, Work, alternate, assert_close, measure


@pytest.fixture(autouse=True)
def quiet():
    console.set_quiet(True)
    yield
    console.set_quiet(False)


class Clock:
    """A clock that only the fake runs move."""

    def __init__(self):
        self.now, self.log = 0.0, []

    def __call__(self) -> float:
        return self.now

    def run(self, name: str, *seconds: float):
        """A run that takes so long, call by call; the first call is the warm-up."""
        durations = itertools.chain(seconds, itertools.repeat(seconds[-1]))

        def run():
            self.log.append(name)
            self.now += next(durations)

        return run


def test_ours_and_the_peers_alternate_after_a_warm_up_that_does_not_count():
    clock = Clock()
    times = alternate([clock.run("a", 100, 1, 2), clock.run("b", 200, 3, 4)], 2, clock)
    assert "".join(clock.log) == "ab" + "ab" + "ab"
    np.testing.assert_array_equal(times, [[1, 3], [2, 4]])


def measured(ours, theirs, goal, **fields) -> Lines:
    clock = Clock()
    peers = (Peer("a peer", clock.run("theirs", 0, *theirs), goal),)
    return measure(Work("work, units/s", clock.run("ours", 0, *ours), peers, 12, 5, **fields), clock)


def test_speeds_are_medians_and_the_ratio_is_that_of_rounds_with_their_quartiles():
    # Ratios by round: 6, 2, 2, 4, 3. That of the median speeds, 6 / 2, is another in general.
    (line,) = measured([1, 2, 4, 2, 3], [6, 4, 8, 8, 9], 2.5).speed
    assert line == ("work, units/s", "a peer", "6", "1.5", "3.00x (2.00 to 4.00)", "2.5x", "kept")


@pytest.mark.parametrize(
    ("goal", "verdict"), [(3, "kept"), (3.5, "within the spread"), (4.5, "**missed**"), (None, "")]
)
def test_the_verdict_says_whether_the_spread_reaches_the_goal(goal, verdict):
    lines = measured([1, 2, 4, 2, 3], [6, 4, 8, 8, 9], goal, cost=Cost(flops=1))
    assert lines.speed[0][-1] == verdict
    assert bool(lines.under) == (verdict == "**missed**")


def test_each_peer_alternates_with_ours_alone():
    clock = Clock()
    peers = (Peer("one", clock.run("b", 2), 1), Peer("other", clock.run("c", 8), 10))
    lines = measure(Work("work", clock.run("a", 1), peers, 1, 3), clock)
    assert "".join(clock.log) == "ab" * 4 + "ac" * 4
    assert [line[4:] for line in lines.speed] == [
        ("2.00x (2.00 to 2.00)", "1x", "kept"),
        ("8.00x (8.00 to 8.00)", "10x", "**missed**"),
    ]
    assert lines.under == [("work", "other", "8.00x of 10x", "no floor is known")]


@pytest.mark.parametrize(("seconds", "verdict"), [(0.4, "kept"), (0.6, "**missed**")])
def test_a_limit_has_no_peer(seconds, verdict):
    clock = Clock()
    (line,) = measure(Limit("start", clock.run("a", seconds), 0.5, 3), clock).speed
    spread = f"{seconds:.2f} s ({seconds:.2f} to {seconds:.2f})"
    assert line == ("start", "", spread, "", "", "< 0.5 s", verdict)


def test_growth_gives_the_exponent():
    clock = Clock()
    runs = {times: clock.run("a", 99, 3.0 * times**1.5) for times in (1, 4, 16)}
    assert measure(Growth("work", runs), clock).growth == [("work", "3", "24", "192", "1.50")]


def test_the_floor_is_what_takes_longer_of_computing_and_moving():
    def text(cost):
        return floors.floor_text(cost, 0.5, rate={"float64": 1e10}.get, bandwidth=lambda: 2e9)

    assert text(Cost(1e9, 4e8, "float64")) == (
        "floor 200 ms (1 GFLOP at 10 GFLOP/s; 400 MB at 2 GB/s); ours takes 500 ms, 2.5 times as long"
    )
    assert text(Cost(flops=2e9, dtype="float64")).startswith("floor 200 ms (2 GFLOP at 10 GFLOP/s); ours")
    assert text(Cost(4e9, 4e8, "float64")).startswith("floor 400 ms")
    assert text(None) == "no floor is known"


def test_the_rates_are_measured(monkeypatch):
    monkeypatch.setattr(floors, "SIDE", 64)
    monkeypatch.setattr(floors, "COPIED", 2**16)
    assert floors.matmul_rate.__wrapped__("float32") > 1e6
    assert floors.copy_bandwidth.__wrapped__() > 1e6


def test_results_that_differ_are_an_error():
    assert_close([1.0, 2.0], np.array([1.0, 2.0005]), "a peer")
    with pytest.raises(ValueError, match=r"^expected the results of a peer, ours differ by 0\.5$"):
        assert_close([1.0, 2.5], [1.0, 2.0], "a peer")
    with pytest.raises(ValueError, match="differ by nan"):
        assert_close([np.nan], [1.0], "a peer")


def line(work: str, peer: str = "a peer") -> tuple[str, ...]:
    return (work, peer, "2", "1", "2.00x (2.00 to 2.00)", "1x", "kept")


def test_a_row_that_is_measured_alone_takes_only_its_own_place(tmp_path, monkeypatch):
    path, names = tmp_path / "BENCHMARKS.md", ["first", "second", "third"]
    monkeypatch.setattr(table, "machine", lambda: ("2 CPU cores", "keras 3"))
    under = ("a", "a peer", "0.50x of 1x", "floor 1 ms")
    growth = ("b", "1", "4", "16", "1.00")
    table.write(
        "second", [Lines([line("b"), line("b", "other")], [], []), Lines([], [], [growth])], names, path
    )
    table.write("first", [Lines([line("a")], [under], [])], names, path)
    text = path.read_text()
    rows = [row for row in text.splitlines() if row.startswith("| `")]
    assert [row.split(" | ")[:2] for row in rows[:3]] == [
        ["| `first`", "a"],
        ["| `second`", "b"],
        ["| `second`", "b"],
    ]
    assert "| `first` | a | a peer | 0.50x of 1x | floor 1 ms |" in text
    assert "| `second` | b | 1 | 4 | 16 | 1.00 |" in text

    monkeypatch.setattr(table, "machine", lambda: ("8 CPU cores", "keras 4"))
    table.write("first", [Lines([line("c")], [], [])], names, path)
    changed = path.read_text()
    assert [row for row in changed.splitlines() if "`second`" in row] == [
        row for row in rows if "`second`" in row
    ]
    assert "| `first` | c |" in changed and "| `first` | a |" not in changed
    assert "Under their goal" not in changed
    assert (
        "| `first` | 8 CPU cores | keras 4 |" in changed and "| `second` | 2 CPU cores | keras 3 |" in changed
    )

    table.write("first", [Lines([line("c")], [], [])], names, path)
    assert path.read_text() == changed


def test_the_machine_is_described():
    hardware, versions = table.machine()
    assert re.match(r"\d+ CPU cores, \w+", hardware)
    assert "tensorflow 2." in versions and "keras 3." in versions


def test_every_work_of_the_issue_has_a_row():
    works = {
        "folder to a head": "finetune",
        "frozen features": "features",
        "full fine-tuning": "fine_tuning_step",
        "inference": "inference",
        "optimizer step": "optimizers",
        "LSTM": "lstm",
        "skip-gram": "word_vectors",
        "n-grams": "ngrams",
        "MLP from scratch": "from_scratch",
        "DCGAN": "gan",
        "decode, resize, augment": "pictures",
        "ridge, lasso, OLS": "linear",
        "suite list, import": "commands",
        "how cost grows": "growth",
    }
    assert set(works.values()) <= set(benchmarks.ROWS)
    source = "".join(path.read_text() for path in Path(benchmarks.__file__).parent.glob("*.py"))
    peers = (
        "Keras transfer-learning guide", "torch transfer-learning tutorial", "Keras predict", "tf.function",
        "ONNX Runtime", "torch eval", "Keras fit", "torch.optim", "Keras LSTM", "torch nn.LSTM", "gensim",
        "nltk.lm", "MLPClassifier", "keras.io's train_step", "image_dataset_from_directory",
        "torch DataLoader", "scikit-learn",
    )  # fmt: skip
    assert [peer for peer in peers if peer not in source] == []


def test_limits_run_whole_processes(monkeypatch):
    started = []
    monkeypatch.setattr(
        benchmarks.commands.subprocess, "run", lambda command, **_: started.append(command[1:])
    )
    limits = list(benchmarks.ROWS["commands"]())
    for limit in limits:
        limit.ours()
    assert [limit.seconds for limit in limits] == [0.5, 0.2]
    assert started == [["-m", "suite", "list"], ["-c", "import suite"]]


def fake_rows(monkeypatch, tmp_path, rows) -> Path:
    monkeypatch.setattr(benchmark, "silence_libraries", lambda: None)
    monkeypatch.setattr(benchmarks, "ROWS", rows)
    monkeypatch.setattr(table, "machine", lambda: ("2 CPU cores", "keras 3"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "BENCHMARKS.md"


def test_the_command_measures_a_name_and_writes_the_file(tmp_path, monkeypatch):
    path = fake_rows(monkeypatch, tmp_path, {"commands": lambda: [Limit("nothing", lambda: None, 9, 2)]})
    result = CliRunner().invoke(benchmark.main, ["commands", "--quick"])
    assert result.exit_code == 0 and not path.exists()
    result = CliRunner().invoke(benchmark.main, ["commands"])
    assert result.exit_code == 0
    assert "| `commands` | nothing |  | 0.00 s (0.00 to 0.00) |  |  | < 9 s | kept |" in path.read_text()
    assert "BENCHMARKS.md: 1 rows of commands, 0 under their goal" in result.output


def test_a_missing_peer_leaves_the_file_as_it_is(tmp_path, monkeypatch):
    def rows():
        raise ImportError("no module", name="gensim")

    path = fake_rows(monkeypatch, tmp_path, {"commands": rows})
    CliRunner().invoke(benchmark.main, ["commands"])
    assert not path.exists()


def test_each_name_runs_in_a_process_of_its_own_and_a_failure_shows(monkeypatch):
    commands = []

    class Done:
        returncode = 1

    monkeypatch.setattr(benchmark.subprocess, "run", lambda command: commands.append(command[1:]) or Done)
    result = CliRunner().invoke(benchmark.main, ["ngrams", "lstm", "--quick"])
    assert [command[1:] for command in commands] == [["ngrams", "--quick"], ["lstm", "--quick"]]
    assert result.exit_code == 1
    assert "2 failed" in result.output
