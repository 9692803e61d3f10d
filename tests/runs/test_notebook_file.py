"""Recipes as notebooks."""

import json

import pytest

import suite
from suite.cli import main
from suite.runs.notebook_file import check, try_out
from suite.runs.recipe import Claim, Result


def sources(path):
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]


def test_a_lesson_runs_where_it_defines_run_and_shows_figures_in_their_places(tmp_path):
    cells = sources(suite.notebook("mlp_from_scratch", out=tmp_path / "a" / "mlp.ipynb"))
    assert cells[0].startswith("# Train a multilayer perceptron")
    ran = cells.index("result = try_out(run, Config())")
    assert "def run(" in cells[ran - 1]
    loss = cells.index('result.figures["loss"]')
    assert ran < loss and cells[loss - 1].endswith("## What was measured")
    assert cells[cells.index("check(result, CLAIMS)") - 1].startswith("CLAIMS = (")
    assert not any("__main__" in cell for cell in cells)
    assert "(mlp_keras.ipynb)" in cells[-1]


def test_other_recipes_are_one_cell(tmp_path):
    mine = tmp_path / "mine.py"
    script = 'if __name__ == "__main__":\n    ...\n'
    mine.write_text(f'"""Mine.\n\nCost:  1 s.\n"""\n\n\ndef run(config, context): ...\n\n\n{script}')
    cells = sources(suite.notebook(str(mine), out=tmp_path / "mine.ipynb"))
    assert len(cells) == 5 and "def run(" in cells[1] and "__main__" not in cells[1]


def test_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main.execute(["notebook", "linear_regression"]) == 0
    assert (tmp_path / "linear_regression.ipynb").is_file()
    assert main.execute(["notebook", "linear_regression", "--out", "x.py"]) == 2
    assert "expected a file that ends in .ipynb, received x.py; rename it" in capsys.readouterr().err
    assert main.execute(["notebook", "week1"]) == 2
    assert "expected the name of one recipe, received 'week1'; see `suite list`" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"expected a recipe, found no file no\.py; check the path"):
        suite.notebook("./no.py")


def test_a_run_in_place(capsys):
    result = try_out(lambda config, context: Result({"m": config + context.seed}), 1, seed=2)
    assert result.metrics == {"m": 3}
    claims = (Claim("m", at_most=3, says="It is small."), Claim("m", at_least=4), Claim("t", data="tfds"))
    check(result, claims)
    assert capsys.readouterr().out == "kept   It is small. (m at most 3): 3\nMISSED m at least 4: 3\n"
