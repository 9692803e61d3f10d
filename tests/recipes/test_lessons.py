"""Recipes in cells: what each has, in which order, and that their worked examples are right."""

import doctest
import re
import shlex
from pathlib import Path

import click
import pytest

from suite.cli.main import cli
from suite.lessons.catalog import catalog, load_recipe, recipe_file
from suite.lessons.cells import CODE, MARKDOWN, is_lesson, read_about, read_cells
from suite.runs.notebook_file import FIGURE

LESSONS = [entry for entry in catalog() if is_lesson(recipe_file(entry).read_text(encoding="utf-8"))]
SHOWN = 60  # lines of code within which the method stands
SKELETON = Path(__file__).parents[2] / "tools/recipe_skeleton.txt"


@pytest.fixture(params=LESSONS, ids=lambda entry: entry.split("/")[1])
def entry(request):
    return request.param


def test_the_parts_of_a_lesson(entry):
    source = recipe_file(entry).read_text(encoding="utf-8")
    about, name = read_about(recipe_file(entry)), entry.split("/")[1]
    assert re.fullmatch(r"[A-Z].{15,80}[^.]", about.title), about.title
    assert len(re.findall(r"\.(?: |$)", about.lead)) == 2, "two plain sentences"
    assert about.topics and about.cost and f"suite run {name}" in source
    prose = "\n".join(cell.text for cell in read_cells(source) if cell.kind == MARKDOWN)
    headings = re.findall(r"^## (.*)", prose, re.M)
    assert "The method" in headings[:3], "the method comes after why it matters"
    assert [each for each in headings if each in ("Run it", "What was measured", "Try", "To take away")] == [
        "Run it",
        "What was measured",
        "Try",
        "To take away",
    ]
    exercises = re.findall(r"^\*\*\d\.\*\* ", prose, re.M)
    assert 2 <= len(exercises) <= 4 and len(exercises) == prose.count("<summary>Answer</summary>")
    assert f"suite run {name} --" in prose.split("## Try")[1], "an exercise sets a flag"
    for neighbor in re.findall(r"\]\((\w+)\.md\)", prose):
        assert any(each.endswith(f"/{neighbor}") for each in catalog()), neighbor


def test_it_leads_to_the_lessons_before_and_after(entry):
    names = [each.split("/")[1] for each in catalog()]
    place = names.index(entry.split("/")[1])
    end = recipe_file(entry).read_text(encoding="utf-8").split("# ## To take away")[1]
    before, _, after = " ".join(end.split("\n# ")).rpartition("Next: ")
    assert place == 0 or f"[{names[place - 1]}]({names[place - 1]}.md)" in before.partition("Before: ")[2]
    assert place + 1 == len(names) or after.startswith(f"[{names[place + 1]}]({names[place + 1]}.md)")


def test_nothing_of_the_skeleton_is_left(entry):
    """Its title, its sentences about what to write, and the claim that waits to be filled in."""
    skeleton = SKELETON.read_text(encoding="utf-8")
    to_fill_in = re.findall(r"^(?:# (?:# )?(?=[A-Z])| +(?=says=|lecture=))(?:(?!\$).){20,}$", skeleton, re.M)
    assert len(to_fill_in) == 9
    lines = recipe_file(entry).read_text(encoding="utf-8").split("\n")
    left = [f"line {lines.index(line) + 1}: {line.strip(' #')}" for line in to_fill_in if line in lines]
    assert not left, f"replace what is the skeleton's in {entry}.py: {left}"


def test_the_method_comes_first(entry):
    code = [cell for cell in read_cells(recipe_file(entry).read_text()) if cell.kind == CODE]
    lines = [line for line in code[0].text.split("\n") if line.strip()]
    assert any(line.startswith("def ") for line in lines[:SHOWN]), "no method in the first cell of code"


def test_no_line_of_prose_begins_a_list_within_code(entry):
    """Markdown would end a formula there that an editor has wrapped at its plus."""
    for cell in read_cells(recipe_file(entry).read_text(encoding="utf-8")):
        if cell.kind == MARKDOWN:
            for paragraph in re.sub("```.*?```", "", cell.text, flags=re.S).split("\n\n"):
                for start in re.finditer(r"\n(?:[+*-]|\d+[.)]|#+|>) ", paragraph):
                    assert paragraph[: start.start()].count("`") % 2 == 0, paragraph


def test_claims_are_sentences_and_figures_exist(entry):
    recipe, source = load_recipe(entry.split("/")[1]), recipe_file(entry).read_text()
    assert all(claim.says for claim in recipe.CLAIMS)
    cells = read_cells(source)
    ran = next(index for index, cell in enumerate(cells) if re.search(r"^def run\(", cell.text, re.M))
    named = [name for cell in cells[ran:] for name in FIGURE.findall(cell.text)]
    assert named and all(f'"{name}":' in cells[ran].text for name in named)
    assert not any(FIGURE.search(cell.text) for cell in cells[:ran]), (
        "a notebook has no figures before it ran"
    )


def test_the_commands_of_its_prose_are_taken(entry):
    """Parses each with its flags, and runs nothing; what a first cell has in brackets is left out."""
    cells = read_cells(recipe_file(entry).read_text(encoding="utf-8"))
    prose = " ".join(" ".join(cell.text for cell in cells if cell.kind == MARKDOWN).split())
    lines = re.findall(r"`suite run ([^`]+)`", re.sub(r" \[--.*?\]", "", prose))
    assert any("--" in line for line in lines)
    run = cli.get_command(click.Context(cli), "run")
    context = click.Context(run, info_name="run", **run.context_settings)
    for name, *flags in map(shlex.split, lines):
        run.get_command(context, name).make_context(name, flags, parent=context)


def test_worked_examples_are_right(entry):
    found = doctest.testmod(load_recipe(entry.split("/")[1]))
    assert found.attempted and not found.failed
