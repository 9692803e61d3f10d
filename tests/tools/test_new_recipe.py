"""A new recipe, in a copy of the project: it runs, fails its own claim, and lacks a row of RESULTS.md."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECK = """
import sys
from suite.lessons.catalog import load_recipe
from suite.cli.main import execute
from tests.recipes import test_catalog as tests
from tests.recipes import test_lessons as lessons

out, name, entry = sys.argv[1:]
print("full", execute(["run", name, "--quiet", f"--out={out}"]))
print("listed", execute(["list"]))
tests.test_the_catalog_and_the_files_agree()
tests.test_docstrings()
module = {entry: load_recipe(name)}
tests.test_modules(module)
tests.test_every_bound_stands_in_the_docstring(module)
for holds in (
    lessons.test_the_parts_of_a_lesson,
    lessons.test_the_method_comes_first,
    lessons.test_claims_are_sentences_and_figures_exist,
    lessons.test_worked_examples_are_right,
):
    holds(entry)
try:
    tests.test_results_have_every_claim(module)
except AssertionError as failure:
    print("complaint", failure)
try:
    lessons.test_nothing_of_the_skeleton_is_left(entry)
except AssertionError as failure:
    print("left", failure)
"""


@pytest.fixture
def copy(tmp_path):
    """The files that a recipe is made of; `suite` is the real one."""
    for folder in ("recipes", "tools", "tests/recipes"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("RESULTS.md", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path)
    (tmp_path / "suite").symlink_to(ROOT / "suite")
    return tmp_path


def run(copy, *arguments):
    environment = os.environ | {"PYTHONPATH": str(copy)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True
    )


def new_recipe(copy, *arguments):
    return run(copy, "tools/new_recipe.py", *arguments)


def test_a_new_recipe_runs_and_its_claim_waits_to_be_filled_in(copy):
    made = new_recipe(copy, "attention_maps", "--week", "5", "--after", "character_generation")
    assert made.returncode == 0, made.stderr
    entry = "week5_sequences/attention_maps"
    assert f"recipes/{entry}.py" in made.stdout and "suite run attention_maps" in made.stdout
    listing = (copy / "recipes/__init__.py").read_text()
    lines = ["week5_sequences/character_generation", entry, "week5_sequences/part_of_speech_tagging"]
    assert "".join(f'    "{line}",\n' for line in lines) in listing

    done = run(copy, "-c", CHECK, str(copy / "out"), "attention_maps", entry)
    assert done.returncode == 0, done.stderr
    assert "full 1\n" in done.stdout
    assert "error: claim missed: what_the_lecture_says at least 1, measured 0; see" in done.stderr
    assert "complaint RESULTS.md has no row of attention_maps: run python tools/results.py" in done.stdout
    assert (
        "left replace what is the skeleton's in week5_sequences/attention_maps.py: ['line 2: " in done.stdout
    )
    lint = [sys.executable, "-m", "ruff", "check", "--config", ROOT / "pyproject.toml", f"recipes/{entry}.py"]
    assert subprocess.run(lint, cwd=copy, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["new", "--week", "7"], "expected a week from 1 to 6, received 7"),
        (
            ["New-one", "--week", "1"],
            "expected a name in lower case such as 'style_transfer', received 'New-one'",
        ),
        (["gan", "--week", "1"], "expected a new name, 'gan' is a recipe; see `suite list`"),
        (
            ["new", "--week", "1", "--after", "gan"],
            "expected a recipe of week 1 to come after, received 'g",
        ),
    ],
)
def test_wrong_arguments_change_nothing(copy, arguments, message):
    before = sorted(copy.rglob("*.py")), (copy / "recipes/__init__.py").read_text()
    made = new_recipe(copy, *arguments)
    assert made.returncode == 2 and message in " ".join(made.stderr.split())
    assert (sorted(copy.rglob("*.py")), (copy / "recipes/__init__.py").read_text()) == before
