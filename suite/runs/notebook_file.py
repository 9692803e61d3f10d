"""A recipe as a notebook, in which "run all" gives the figures of the recipe in their places."""

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from suite import console
from suite.data.source import Source
from suite.lessons import catalog
from suite.lessons.cells import CODE, MARKDOWN, Cell, is_lesson, read_cells
from suite.runs.recipe import Claim, Context, Result, claims_on
from suite.training.reproducibility import set_seed

FIGURE = re.compile(r"^!\[[^\]]*\]\(figures/(\w+)\.png\)$", re.M)  # in prose: a figure of the run, by name
_SET_UP = """\
%env TF_CPP_MIN_LOG_LEVEL=3
%matplotlib inline
from suite.runs.notebook_file import check, try_out"""
_RUN = "result = try_out(run, Config())"


def notebook(name: str, *, out: str | Path | None = None) -> Path:
    """Writes a recipe as a notebook.

    Args:
        name: A recipe's name, as `suite list` prints it, or the file of one.
        out: The file; `NAME.ipynb` by default.

    Returns:
        The file.

    Raises:
        ValueError: There is no recipe of that name, or `out` is no .ipynb.

    Example:
        >>> suite.notebook("linear_regression", out="lesson.ipynb").name
        'lesson.ipynb'
    """
    path = Path(name) if catalog.is_file(name) else catalog.recipe_file(_entry(name))
    if not path.is_file():
        raise ValueError(f"expected a recipe, found no file {path}; check the path")
    out = Path(out or f"{path.stem}.ipynb")
    if out.suffix != ".ipynb":
        raise ValueError(f"expected a file that ends in .ipynb, received {out}; rename it")
    cells = list(_notebook_cells(path.read_text(encoding="utf-8")))
    content = {
        "cells": [_json_cell(index, cell) for index, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    console.result(f"{console.shown(out)} written")
    return out


def _entry(name: str) -> str:
    entries = catalog.select(name)
    if entries[0].split("/")[1] != name:
        raise ValueError(f"expected the name of one recipe, received {name!r}; see `suite list`")
    return entries[0]


def without_script_part(code: str) -> str:
    """Code without what makes a recipe's file a script."""
    return code.split("\nif __name__ ==")[0].strip("\n")


def _notebook_cells(source: str) -> Iterator[Cell]:
    """The recipe's cells, between them those that run it, show its figures and check its claims."""
    if not is_lesson(source):
        yield Cell(CODE, _SET_UP)
        yield Cell(CODE, without_script_part(source))
        yield Cell(CODE, _RUN)
        yield Cell(CODE, "check(result, CLAIMS)")
        yield Cell(CODE, "display(*result.figures.values())")
        return
    first, *others = read_cells(source)
    yield first
    yield Cell(CODE, _SET_UP)
    for cell in others:
        if cell.kind == MARKDOWN:
            yield from _prose(cell.text)
            continue
        yield cell._replace(text=without_script_part(cell.text))
        if re.search(r"^def run\(", cell.text, re.M):
            yield Cell(CODE, _RUN)
        if re.search(r"^CLAIMS = ", cell.text, re.M):
            yield Cell(CODE, "check(result, CLAIMS)")


def _prose(text: str) -> Iterator[Cell]:
    """Prose; a figure in it becomes a cell that shows the figure of this run."""
    for index, part in enumerate(FIGURE.split(text)):
        if index % 2:
            yield Cell(CODE, f'result.figures["{part}"]')
        elif part.strip():
            yield Cell(MARKDOWN, re.sub(r"\((\w+)\.md\)", r"(\1.ipynb)", part.strip("\n")))


def _json_cell(index: int, cell: Cell) -> dict[str, Any]:
    content: dict[str, Any] = {"cell_type": cell.kind, "id": f"cell-{index}", "metadata": {}}
    content["source"] = cell.text.splitlines(keepends=True)
    return content | ({"execution_count": None, "outputs": []} if cell.kind == CODE else {})


def try_out(
    run: Callable[[Any, Context], Result], config: Any, *, seed: int = 0, data: str = "embedded"
) -> Result:
    """Runs a recipe where it stands: nothing is exported, and no bundle is left.

    Args:
        run: The recipe's.
        config: The recipe's settings: `Config(epochs=3)`.
        seed: Seed of everything random.
        data: As of `suite.run`.
    """
    set_seed(seed)
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1, user_api="blas"):
        return run(config, Context(seed, Source.parse(data), Path(folder)))


def check(result: Result, claims: Sequence[Claim], *, data: str = "embedded") -> None:
    """Prints each claim with what was measured, and whether it is kept.

    Args:
        result: Of `try_out`.
        claims: The recipe's.
        data: As of `try_out`; claims about other data are left out.
    """
    for claim in claims_on(claims, Source.parse(data)):
        kept = "kept  " if claim.holds(result.metrics) else "MISSED"
        console.result(f"{kept} {claim.text}: {result.metrics[claim.metric]:.4g}")
