"""A recipe's file as a lesson, read without importing it: its cells, and what the first of them says."""

import ast
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

MARK = "# %%"  # begins a cell, as editors and jupytext know it
MARKDOWN, CODE = "markdown", "code"


class Cell(NamedTuple):
    """A part of the file.

    Attributes:
        kind: "markdown" or "code".
        text: Prose without its comment signs, or code; without blank lines around.
        title: Of code that is not the lesson, such as "The figures": folded on the page.
    """

    kind: str
    text: str
    title: str = ""


class About(NamedTuple):
    """What a recipe says of itself.

    Attributes:
        title: One line.
        lead: A few plain sentences on one line; empty in a recipe with a docstring.
        topics: The lecture's headings.
        cost: What a run takes: "10 s on 2 CPU cores, most of it the exports".
        claims: Its claims in words, one each; of a recipe with a docstring the one paragraph.
    """

    title: str
    lead: str
    topics: Sequence[str]
    cost: str
    claims: Sequence[str]


def is_lesson(source: str) -> bool:
    """Whether a recipe is written in cells."""
    return source.startswith(MARK)


def read_cells(source: str) -> list[Cell]:
    """Cuts a file into its cells.

    Args:
        source: Text of a recipe in cells.
    """
    cells = []
    for part in re.split(rf"^{MARK}", source, flags=re.M)[1:]:
        head, _, body = part.partition("\n")
        if head.strip() == "[markdown]":
            cells.append(Cell(MARKDOWN, re.sub(r"^# ?", "", body, flags=re.M).strip("\n")))
        else:
            cells.append(Cell(CODE, body.strip("\n"), head.strip()))
    return cells


def code_lines(source: str) -> int:
    """Counts the lines of code, without blank ones and without the claims, which are sentences."""
    code = "\n".join(cell.text for cell in read_cells(source) if cell.kind == CODE)
    code = re.sub(r"^CLAIMS = \(\n.*?^\)", "", code, flags=re.M | re.S)
    return sum(bool(line.strip()) for line in code.split("\n"))


def read_about(path: Path) -> About:
    """Reads what a recipe says of itself, in its first cell or else in its docstring.

    Args:
        path: Its file.

    Raises:
        ValueError: It is in cells, and the first lacks a title, sentences or the lecture's heading.
    """
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    if not is_lesson(source):
        return from_docstring(ast.get_docstring(tree) or "")
    paragraphs = read_cells(source)[0].text.split("\n\n")
    if len(paragraphs) < 3 or not paragraphs[0].startswith("# "):
        raise ValueError(
            f"expected a first cell of a title, two sentences and *Week ...* in {path.name}, received "
            f"{paragraphs[0]!r}; see docs/adding-a-recipe.md"
        )
    title, lead, place = paragraphs[:3]
    cost = re.search(r"Takes (.*?)\.?(?= `suite run|\*$)", _one_line(place))
    return About(
        title=title.removeprefix("# "),
        lead=_one_line(lead),
        topics=re.findall(r'"([^"]+)"', _one_line(place)),
        cost=cost.group(1).rstrip(".") if cost else "",
        claims=_claims_in_words(tree),
    )


def from_docstring(text: str) -> About:
    """Reads what the docstring of a recipe says.

    Args:
        text: Its first line, then "Week 1, " with headings, "Claim:", "Cost:" and "Run:".
    """
    topics = re.search(r"^Week \d, (.*?)^Claim:", text, re.M | re.S)
    claim = _section(text, "Claim")
    return About(
        title=text.split("\n")[0],
        lead="",
        topics=re.findall(r'"([^"]+)"', _one_line(topics.group(1))) if topics else [],
        cost=_section(text, "Cost").rstrip("."),
        claims=[claim[:1].upper() + claim[1:]] if claim else [],
    )


def _section(text: str, name: str) -> str:
    """What stands after "Claim:" or "Cost:"."""
    found = re.search(rf"^{name}:(.*?)(?=^[A-Z]\w*:|\Z)", text, re.M | re.S)
    return _one_line(found.group(1)) if found else ""


def _claims_in_words(tree: ast.Module) -> list[str]:
    """Each `says="..."` in CLAIMS."""
    values = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CLAIMS"
    ]
    return [
        node.value.value
        for value in values
        for node in ast.walk(value)
        if isinstance(node, ast.keyword)
        and node.arg == "says"
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())
