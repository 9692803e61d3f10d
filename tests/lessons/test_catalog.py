"""Recipes by name, and by file."""

import json

import pytest

import suite
from suite.cli import main
from suite.lessons import catalog

RECIPE = '''
"""Count to a number."""

import dataclasses

from suite.runs.recipe import Claim, Result


@dataclasses.dataclass(frozen=True)
class Config:
    last: int = 3


SMOKE = Config(last=1)
CLAIMS = (Claim("count", at_least=3),)


def run(config, context):
    return Result({"count": config.last})
'''


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "counting.py"
    path.write_text(RECIPE.strip() + "\n")
    return path


def test_a_recipe_is_run_by_its_path(file, tmp_path, capsys):
    assert main.execute(["run", str(file), "--last=5", f"--out={tmp_path / 'out'}", "--quiet"]) == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (result["name"], result["metrics"]) == ("counting", {"count": 5})
    assert main.execute(["run", str(file), "--help"]) == 0
    assert "--last" in capsys.readouterr().out


def test_its_bundle_has_its_name(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert suite.run("./counting.py").resolve() == tmp_path / "saved_models" / "counting"


def test_a_file_that_is_no_recipe_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"expected a recipe, found no file .*missing\.py; check the path"):
        catalog.load_recipe(str(tmp_path / "missing.py"))
    (tmp_path / "half.py").write_text("CLAIMS = ()\nSMOKE = 1\n")
    message = r"expected Config, SMOKE, CLAIMS, run in .*half\.py, received no Config, run; see docs/adding"
    with pytest.raises(ValueError, match=message):
        catalog.load_recipe(str(tmp_path / "half.py"))
