"""Recipes in cells."""

import pytest

from suite.lessons.cells import Cell, code_lines, read_about, read_cells

SOURCE = """\
# %% [markdown]
# # Count to a number
#
# Numbers follow each other. We count
# them.
#
# *Week 1, "Counting", "Numbers". Takes 10 s on 2 CPU cores, most of it waiting. `suite run counting`*
#
# ## Why
#
#     indented

# %%
from suite.runs.recipe import Claim

CLAIMS = (
    Claim("count", at_least=3, says="It comes to three at least."),
    Claim("gap", at_most=0),
)

# %% [markdown]
# Done.
"""


def test_cells():
    prose, code, end = read_cells(SOURCE)
    assert prose.kind == "markdown" and prose.text.startswith("# Count to a number\n\nNumbers follow")
    assert prose.text.endswith("## Why\n\n    indented")
    assert code.kind == "code" and code.text.startswith("from suite") and code.text.endswith(")")
    assert end == Cell("markdown", "Done.")
    assert code_lines(SOURCE) == 1  # a claim is a sentence


def test_cells_are_those_of_jupytext():
    jupytext = pytest.importorskip("jupytext")
    theirs = jupytext.reads(SOURCE, "py:percent").cells
    assert read_cells(SOURCE) == [Cell(cell.cell_type, cell.source) for cell in theirs]


def test_what_it_says_of_itself(tmp_path):
    path = tmp_path / "counting.py"
    path.write_text(SOURCE)
    about = read_about(path)
    assert about.title == "Count to a number"
    assert about.lead == "Numbers follow each other. We count them."
    assert about.topics == ["Counting", "Numbers"]
    assert about.cost == "10 s on 2 CPU cores, most of it waiting"
    assert about.claims == ["It comes to three at least."]


def test_a_first_cell_without_a_title_is_named(tmp_path):
    path = tmp_path / "half.py"
    path.write_text("# %% [markdown]\n# Some prose.\n")
    message = (
        r"expected a first cell of a title, two sentences and \*Week \.\.\.\* in half\.py, received 'Some"
    )
    with pytest.raises(ValueError, match=message):
        read_about(path)
