"""The table of fine-tuning: what stands in it, and that the other tool leaves it where it is."""

import json

import pytest
from click.testing import CliRunner

from tools import finetuning_table as tool
from tools import markdown_tables


def run_file(folder, name, seed, **shares):
    ways = {way: {"accuracy": share, "seconds": 10.0 + seed} for way, share in shares.items()}
    content = {"name": name, "seed": seed, "train": 80, "validation": 20, "test": 50, **ways}
    (folder / f"{name}-{seed}.json").write_text(json.dumps(content))


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tool.RUNS.mkdir(parents=True)
    return tmp_path / tool.RUNS


def test_seeds_are_averaged_and_their_answers_counted_together(runs):
    run_file(runs, "leaves", 0, head=0.8, suite=0.9, keras=0.7)
    run_file(runs, "leaves", 1, head=0.6, suite=1.0)
    assert CliRunner().invoke(tool.main, []).exit_code == 0
    (line,) = [line for line in tool.TABLE.read_text().splitlines() if line.startswith("| leaves")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == [
        "leaves, 2 seeds", "80 / 50", "0.700 (0.60 to 0.78), 10 s", "0.950 (0.89 to 0.98), 10 s",
        "0.700 (0.56 to 0.81), 10 s", "",
    ]  # fmt: skip


def test_the_table_is_replaced_and_what_is_around_it_stays(runs):
    tool.TABLE.write_text("# Results\n\nbefore\n")
    run_file(runs, "leaves", 0, head=0.8, suite=0.9)
    for _ in range(2):
        tool.write_table()
    tool.TABLE.write_text(tool.TABLE.read_text() + "after\n")
    run_file(runs, "tiles", 0, head=0.8, suite=0.9)
    tool.write_table()
    text = tool.TABLE.read_text()
    assert text.startswith("# Results\n\nbefore\n") and text.endswith("after\n")
    assert text.count("## Fine-tuning") == text.count("| leaves") == text.count("| tiles") == 1
    assert markdown_tables.between(tool.TABLE, markdown_tables.FINE_TUNING) in text


def test_without_runs_or_folders_there_is_nothing_to_write(runs):
    result = CliRunner().invoke(tool.main, [])
    assert result.exit_code == 2 and "expected folders of photos" in result.output
    assert not tool.TABLE.exists()
