"""Writes the skeleton of a recipe, which runs at once, and adds it to the catalog in lecture order.

python tools/new_recipe.py attention_maps --week 5 --after sequence_to_sequence
"""

import keyword
import re
from pathlib import Path
from string import Template

import click

from suite import console
from suite.lessons import catalog

ROOT = Path(__file__).parents[1]
SKELETON = Path(__file__).with_name("recipe_skeleton.txt")
NEXT = """
recipes/{entry}.py is a recipe that runs; its last claim fails until you fill it in.

    suite run {name} --smoke                  a tiny run, seconds
    suite run {name}                          claim missed: {claim}
    1. Write the first cell: the title, two sentences, the heading of the lecture; then the method.
    2. Measure what the lecture says, in run(); name it and bound it in CLAIMS. Keep what is the lecture in
       the recipe, and put what others could use into suite/, with a test against an independent reference.
    3. Point a statement of the notes at it in tools/lecture_statements.txt.
    4. ruff format recipes
    5. python tools/results.py {name}         three seeds, minutes; writes its rows into RESULTS.md
    6. python tools/topics.py                 its row in docs/recipes.md
    7. python tools/lecture_index.py          its statements in docs/lecture.md
    8. make check                             names whatever is missing

docs/adding-a-recipe.md says more."""
CLAIM = "what_the_lecture_says"


def add_recipe(name: str, week: int, after: str | None = None) -> Path:
    """Writes the file of a recipe and its line in `recipes/__init__.py`.

    Args:
        name: What `suite run` will call it, in lower case with underscores.
        week: Week of the lecture.
        after: Name of the recipe before it; the last of the week by default.

    Returns:
        The file.

    Raises:
        ValueError: The name is taken or no name, or there is no such week or recipe in it.
    """
    entries = catalog.catalog()
    mine = [entry for entry in entries if entry.startswith(f"week{week}_")]
    names = [entry.split("/")[1] for entry in entries]
    if not mine:
        raise ValueError(f"expected a week from 1 to {entries[-1][4]}, received {week}")
    if not re.fullmatch(r"(?!all$|week\d)[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise ValueError(f"expected a name in lower case such as 'style_transfer', received {name!r}")
    if name in names:
        raise ValueError(f"expected a new name, {name!r} is a recipe; see `suite list`")
    here = [entry for entry in mine if after in (None, entry.split("/")[1])]
    if not here:
        raise ValueError(f"expected a recipe of week {week} to come after, received {after!r}")
    entry = f"{mine[0].split('/')[0]}/{name}"
    path = ROOT / "recipes" / f"{entry}.py"
    if path.exists():
        raise ValueError(
            f"expected no file at {path.relative_to(ROOT)}; add it to recipes/__init__.py by hand"
        )
    listing = ROOT / "recipes/__init__.py"
    line = f'    "{here[-1]}",\n'
    text = listing.read_text(encoding="utf-8").replace(line, f'{line}    "{entry}",\n')
    path.write_text(
        Template(SKELETON.read_text(encoding="utf-8")).substitute(name=name, week=week, claim=CLAIM)
    )
    listing.write_text(text, encoding="utf-8")
    return path


@click.command()
@click.argument("name")
@click.option("--week", type=int, required=True, help="Week of the lecture, 1 to 6.")
@click.option("--after", default=None, help="The recipe before it [default: the last of the week].")
def main(name: str, week: int, after: str | None) -> None:
    """Write the skeleton of the recipe NAME."""
    try:
        path = add_recipe(name, week, after)
    except ValueError as failure:
        raise click.UsageError(str(failure)) from failure
    console.result(NEXT.format(name=name, entry=f"{path.parent.name}/{name}", claim=f"{CLAIM} at least 1"))


if __name__ == "__main__":
    main()
