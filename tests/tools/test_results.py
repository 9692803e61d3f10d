import math
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from suite.bundle.rows import Latency, MetricValue
from suite.runs.recipe import Claim
from tests.records import artifact, changed, write_record
from tools import results
from tools.published import PUBLISHED, Published


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(results, "TABLE", tmp_path / "RESULTS.md")
    monkeypatch.setattr(results.catalog, "catalog", lambda: ("week1_x/first", "week1_x/second"))
    claims = Claim("test_accuracy", at_least=0.8), Claim("test_r2", at_least=0.4, data="tfds")
    monkeypatch.setattr(results.catalog, "load_recipe", lambda name: SimpleNamespace(CLAIMS=claims))


def write_runs(name: str, values: list[float], *, failed: int | None = None, data="embedded") -> None:
    for seed, value in enumerate(values):
        folder = results.run_folder(name, data, seed)
        folder = results.failed_folder(folder) if seed == failed else folder
        folder.mkdir(parents=True)
        row = artifact(
            bytes=2000, metric=MetricValue("test_accuracy", value or 0.0), latency_ms=Latency(0.5, 1.0)
        )
        metrics = {"test_accuracy": math.nan if value is None else value, "test_r2": 0.5}
        write_record(folder, changed(seed=seed, metrics=metrics, claims=(), artifacts=(row,)))


def test_mean_and_range_over_the_seeds():
    write_runs("first", [0.9, 0.8, 1.0])
    results.write_table([0, 1, 2])
    text = results.TABLE.read_text()
    assert "| `first` | test_accuracy at least 0.8 | 0.9 (0.8 to 1) | kept |\n" in text
    assert "test_r2" not in text  # a claim about other data
    assert "| `first` | model.tflite | 0.002 | 1.0e-06 | test_accuracy 0.9000 | 0.50 | ok |\n" in text


def test_a_failed_seed_shows():
    write_runs("first", [0.9, 0.7, 1.0], failed=1)
    results.write_table([0, 1, 2])
    assert "| 0.8667 (0.7 to 1) | **missed** |" in results.TABLE.read_text()


def test_runs_are_held_to_the_bounds_of_now(monkeypatch):
    write_runs("first", [0.9, None, 1.0], failed=1)
    claims = (Claim("test_accuracy", at_least=0.95), Claim("test_r2", at_most=0.5))
    monkeypatch.setattr(results.catalog, "load_recipe", lambda name: SimpleNamespace(CLAIMS=claims))
    results.write_table([0, 1, 2])
    text = results.TABLE.read_text()
    assert "test_accuracy at least 0.95 | nan (" in text and "**missed** |" in text
    assert "| test_r2 at most 0.5 | 0.5 (0.5 to 0.5) | kept |" in text


def test_a_recipe_without_runs_here_keeps_its_rows_and_a_new_run_replaces_them():
    write_runs("second", [0.9])
    results.write_table([0])
    before = results.TABLE.read_text()
    results.shutil.rmtree(results.RUNS)
    results.write_table([0])
    assert results.TABLE.read_text() == before
    write_runs("first", [1.0])
    results.write_table([0])
    rows = [row for row in results.TABLE.read_text().splitlines() if row.startswith("| `")]
    assert ["`first`" in row for row in rows] == [True, False, True, False]  # claims, then artifacts
    write_runs("second", [0.95])
    results.write_table([0])
    text = results.TABLE.read_text()
    assert "0.95 (seed 0)" in text and "0.9 (seed 0)" not in text


def test_another_tfds_set_gets_its_own_table_with_as_many_seeds_as_there_are(monkeypatch):
    claims = Claim("test_accuracy", at_least=0.8), Claim("test_r2", at_least=0.4, data="tfds:cifar10")
    monkeypatch.setattr(results.catalog, "load_recipe", lambda name: SimpleNamespace(CLAIMS=claims))
    write_runs("first", [0.9, 0.9, 0.9])
    write_runs("first", [0.85], data="tfds:cifar10")
    results.write_table([0, 1, 2])
    results.shutil.rmtree(results.RUNS / "tfds:cifar10")
    results.write_table([0, 1, 2])  # keeps it
    _, table = results.TABLE.read_text().split("## Claims, tfds:cifar10 data\n")
    assert table.splitlines()[3] == "| `first` | test_accuracy at least 0.8 | 0.85 (seed 0) | kept |"


def test_a_recipe_with_fewer_seeds_than_asked_is_left_out(capsys):
    write_runs("first", [0.9, 0.9])
    results.write_table([0, 1, 2])
    assert "`first`" not in results.TABLE.read_text()
    assert "first, embedded: 2 of 3 seeds have a result" in capsys.readouterr().err


def test_what_others_publish_stands_beside_ours_once_it_is_measured(monkeypatch):
    other = Published("first", "tfds", "test_r2", "0.3", "another", "https://example.org", "fewer examples")
    monkeypatch.setattr(results, "PUBLISHED", (other, other._replace(recipe="second")))
    write_runs("first", [0.9], data="tfds")
    results.write_table([0])
    results.shutil.rmtree(results.RUNS)
    results.write_table([0])  # from the rows on file
    (row,) = (row for row in results.TABLE.read_text().splitlines() if "another" in row)
    assert row == (
        "| `first` | tfds | test_r2 | 0.5 (seed 0) | 0.3 | [another](https://example.org) | fewer examples |"
    )


def test_the_file_compares_every_published_figure():
    _, table = (
        (Path(__file__).parents[2] / "RESULTS.md")
        .read_text(encoding="utf-8")
        .split(f"## {results.PUBLISHED_HEADING}\n")
    )
    for other in PUBLISHED:
        assert f"| {other.figure} | [{other.project}]({other.address}) |" in table


@pytest.fixture
def ran(monkeypatch):
    """Stands for the runs of the recipes: "second" fails on seed 1, and Ctrl+C stops it on seed `stop`."""
    calls: list[tuple[int, list[str]]] = []

    def run_several(title, entries, *, out, data, seed):
        names = [entry.split("/")[1] for entry in entries]
        calls.append((seed, names))
        for name in names:
            if seed == ran.stop and name == "second":
                raise KeyboardInterrupt
            folder = out / (f"{name}.failed" if (name, seed) == ("second", 1) else name)
            folder.mkdir(parents=True)
            metrics = {"test_accuracy": 0.9}
            write_record(folder, changed(seed=seed, metrics=metrics, claims=(), artifacts=()))
        if seed == 1 and names:
            raise results.GateError("1 of 2 recipes failed: second")

    ran = SimpleNamespace(calls=calls, stop=None)
    monkeypatch.setattr(results, "run_several", run_several)
    return ran


def run(*flags: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        results.main(flags, standalone_mode=False)
    return stopped.value.code


def test_all_seeds_run_and_one_that_fails_is_the_exit_status(ran, capsys):
    assert run() == 1
    assert ran.calls == [(seed, ["first", "second"]) for seed in range(3)]
    assert "error: seed 1: 1 of 2 recipes failed: second" in capsys.readouterr().err
    assert "| `second` | test_accuracy at least 0.8 | 0.9 (0.9 to 0.9) | kept |" in results.TABLE.read_text()
    assert run("first", "--seeds=0,2") == 0


def test_an_interrupted_run_goes_on_where_it_was(ran, capsys):
    run()
    ran.calls.clear()
    ran.stop = 1
    written = results.TABLE.stat().st_mtime_ns
    assert run() == 130 and results.TABLE.stat().st_mtime_ns == written
    assert "error: interrupted; the same command with --resume goes on" in capsys.readouterr().err
    assert not results.results_of("first", "embedded", 2)  # of the run before
    ran.calls.clear()
    ran.stop = None
    assert run("--resume") == 1
    assert ran.calls == [(0, []), (1, ["second"]), (2, ["first", "second"])]
    ran.calls.clear()
    assert run("--resume") == 1 and not any(names for _, names in ran.calls)  # one that is kept had failed


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["frist"], "^expected a recipe, a week or 'all', received 'frist'; did you mean 'first'[?]$"),
        (["--seeds=0-2"], "^expected seeds such as 0,1,2, received '0-2'$"),
        (["--data=/photos"], "^expected data among embedded, tfds, tfds:NAME, received '/photos'$"),
    ],
)
def test_bad_usage_is_one_line(flags, message, ran):
    with pytest.raises(click.UsageError, match=message):
        results.main(flags, standalone_mode=False)
    assert not ran.calls and not results.TABLE.exists()


def test_one_seed_of_a_set_leaves_the_rows_of_other_data_and_recipes():
    write_runs("first", [0.9, 0.8, 1.0])
    write_runs("second", [0.9, 0.9, 0.9])
    results.write_table([0, 1, 2])
    before = results.TABLE.read_text()
    write_runs("first", [0.7], data="tfds")
    results.write_table([0], "tfds", ["first"])
    after = results.TABLE.read_text()
    assert "| test_r2 at least 0.4 | 0.5 (seed 0) | kept |" in after  # the claim on tfds
    assert all(line in after.splitlines() for line in before.splitlines())
    results.write_table([0], "embedded", ["first"])
    rows = results.TABLE.read_text()
    assert (
        "| 0.9 (seed 0) | kept |" in rows and "| `second` | test_accuracy at least 0.8 | 0.9 (0.9 to" in rows
    )
