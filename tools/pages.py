"""Writes the pages of the site, in Markdown: a lesson a recipe, the course, the results, the documents.

python tools/pages.py                          into build/pages; `make site` makes HTML of them
python tools/pages.py --bundles saved_models/results/embedded/seed-0

Figures and numbers of a recipe are those of its bundle, or of RESULTS.md.
"""

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from suite import console
from suite.bundle.names import RESULT_FILE
from suite.lessons import catalog
from suite.lessons.cells import MARKDOWN, About, Cell, is_lesson, read_cells
from suite.runs.notebook_file import FIGURE, notebook, without_script_part
from tools.api_pages import api_pages
from tools.lecture_index import STATEMENTS, anchor_of, measured_claims, read_weeks
from tools.page_ending import code_block, ending, folded

ROOT = Path(__file__).parents[1]
SITE = Path(__file__).parent / "site"
DOCUMENTS = {  # file -> page
    "README.md": "docs/readme.md",
    "RESULTS.md": "docs/results.md",
    "BENCHMARKS.md": "docs/benchmarks.md",
    "CHANGELOG.md": "docs/changelog.md",
    "CONTRIBUTING.md": "docs/contributing.md",
    "docs/adding-a-recipe.md": "docs/adding-a-recipe.md",
    "docs/architecture.md": "docs/architecture.md",
    "docs/export.md": "docs/export.md",
    "docs/fine-tuning.md": "docs/fine-tuning.md",
    "docs/lecture.md": "docs/lecture.md",
    "docs/performance.md": "docs/performance.md",
    "docs/recipes.md": "docs/recipes.md",
    "docs/scaling.md": "docs/scaling.md",
}
PARTS = {  # of the table of contents: what a reader comes for, and the pages
    "Learn": ("course", "docs/lecture", "gallery"),
    "Use": (
        "Use the suite <docs/readme>",
        *("docs/recipes", "docs/fine-tuning", "docs/export", "docs/scaling", "api"),
    ),
    "Measured": ("docs/results", "docs/benchmarks", "docs/performance"),
    "Take part": ("docs/contributing", "docs/adding-a-recipe", "docs/architecture", "docs/changelog"),
}


def read_run(bundle: Path) -> dict[str, Any]:
    """The record of the last run; empty where there is none."""
    path = bundle / RESULT_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def claims_table(name: str, record: dict[str, Any]) -> str:
    """What the last run claimed and measured; without, as with --smoke, those in RESULTS.md."""
    if not record.get("claims"):
        return claims_on_file(name)
    rows = ["| | claim | measured |", "|---|---|---|"]
    for row in record["claims"]:
        bounds = [
            f"{word}\u00a0{row[key]:g}" for key, word in (("at_least", "≥"), ("at_most", "≤")) if key in row
        ]
        mark = "✓" if row["passed"] else "**missed**"
        said = row.get("says") or f"`{row['metric']}`"
        rows.append(f"| {mark} | {said} | {row['value']:.3g} ({', '.join(bounds)}) |")
    return "\n".join(rows)


def claims_on_file(name: str) -> str:
    """The claims of a recipe, with what RESULTS.md has of them on each data set."""
    rows = ["| claim | measured, seeds 0 to 2 |", "|---|---|"]
    for metric, (first, *others) in measured_claims().get(name, {}).items():
        for each in [first, *(other for other in others if other.found != first.found)]:
            data = "" if each.data == "embedded" else f" (`--data {each.data}`)"
            rows.append(f"| {each.says or f'`{metric}`'} | {each.found}, {each.bound}{data} |")
    return "\n".join(rows)


def run_line(name: str, record: dict[str, Any], about: About) -> str:
    """Where the page stands in the notes, how to get its numbers, and of when they are."""
    week = next(entry for entry in catalog.catalog() if entry.endswith(f"/{name}"))[4]
    told = {
        each.topic for part in read_weeks(STATEMENTS.read_text(encoding="utf-8")) for each in part.statements
    }
    places = ", ".join(
        f"[{topic}](../docs/lecture.md#{anchor_of(topic)})" if topic in told else topic
        for topic in about.topics
    )
    lines = [
        f"Week {week} of the notes: {places}.",
        f"`suite run {name}` ({about.cost}), or as a notebook: [{name}.ipynb](../notebooks/{name}.ipynb). "
        "What to do with it: [use it](#use-it).",
    ]
    if record:
        measured = [
            f"{key.replace('_', ' ')} {value:.4g}"
            for key, value in record["metrics"].items()
            if key.startswith("test_") and isinstance(value, float)
        ][:3]
        lines.append(
            f"Numbers and figures below: seed {record['seed']}, {record['wall_seconds']:.0f} s, "
            f"{record['created'][:10]}{''.join(f', {each}' for each in measured)}. Over three seeds: "
            "[results](../docs/results.md)."
        )
    return "\n".join(f"*{line}*\n" for line in lines)


def place_figures(text: str, name: str, there: set[str]) -> str:
    """Lets the prose point at the figures of the bundle; one that is not there says how to get it."""

    def place(match: re.Match[str]) -> str:
        if match.group(1) not in there:
            return f"*(A figure goes here, `{match.group(1)}`: `suite run {name}` draws it.)*"
        return match.group(0).replace("(figures/", f"(../figures/{name}/")

    return FIGURE.sub(place, text)


def lesson_page(
    name: str, cells: list[Cell], record: dict[str, Any], there: set[str], about: About
) -> list[str]:
    """The parts of a page of a recipe in cells, in the order of the file."""
    title, lead, _, *rest = cells[0].text.split("\n\n")
    parts = [title, lead, run_line(name, record, about), place_figures("\n\n".join(rest), name, there)]
    for cell in cells[1:]:
        if cell.kind == MARKDOWN:
            parts.append(place_figures(cell.text, name, there))
            continue
        code = code_block(without_script_part(cell.text))
        if cell.text.startswith("CLAIMS = "):
            parts += [claims_table(name, record), folded("The claims in the file", code)]
        elif cell.title:
            parts.append(folded(cell.title, code))
        elif without_script_part("\n" + cell.text):
            parts.append(code)
    return parts


def docstring_page(
    name: str, source: str, record: dict[str, Any], there: set[str], about: About
) -> list[str]:
    """The parts of a page of a recipe that is not a lesson yet."""
    pictures = [f"![{figure.replace('_', ' ')}](../figures/{name}/{figure}.png)" for figure in sorted(there)]
    body = source.split('"""', 2)[2] if source.startswith('"""') else source
    code = folded("The recipe", code_block(without_script_part(body)))
    return [
        f"# {about.title.rstrip('.')}",
        run_line(name, record, about),
        *about.claims,
        "## Measured",
        claims_table(name, record),
        *pictures,
        "## The program",
        code,
    ]


def recipe_page(entry: str, bundle: Path, out: Path) -> str:
    """The page of a recipe; its figures are copied beside it."""
    name = entry.split("/")[1]
    source = catalog.recipe_file(entry).read_text(encoding="utf-8")
    record, figures = read_run(bundle), sorted((bundle / "figures").glob("*.png"))
    if figures:
        shutil.copytree(bundle / "figures", out / "figures" / name, dirs_exist_ok=True)
    there = {path.stem for path in figures}
    about = catalog.about(entry)
    if is_lesson(source):
        parts = lesson_page(name, read_cells(source), record, there, about)
    else:
        parts = docstring_page(name, source, record, there, about)
    return "\n\n".join([*parts, *ending(name, source)]) + "\n"


def course_page() -> str:
    """Week by week: what each recipe is about."""
    titles = {week.title[5]: week.title for week in read_weeks(STATEMENTS.read_text(encoding="utf-8"))}
    lines, week = ["# The course\n"], ""
    for entry in catalog.catalog():
        folder, name = entry.split("/")
        if folder != week:
            week = folder
            lines.append(f"\n## {titles[week[4]]}\n")
        about = catalog.about(entry)
        told = about.lead or ", ".join(about.topics)
        lines.append(f"- [**{about.title.rstrip('.')}**](recipes/{name}.md)  \n  {told}")
    return "\n".join(lines) + "\n\n" + contents([f"recipes/{e.split('/')[1]}" for e in catalog.catalog()])


def gallery_page(bundles: Path) -> str:
    """A figure of each recipe that was run."""
    cards = []
    for entry in catalog.catalog():
        name, title = entry.split("/")[1], catalog.about(entry).title.rstrip(".")
        told = FIGURE.findall(catalog.recipe_file(entry).read_text(encoding="utf-8").replace("# ![", "!["))
        there = sorted(path.stem for path in (bundles / name / "figures").glob("*.png"))
        if there:
            figure = next((each for each in told if each in there), there[0])  # the one that is told first
            cards.append(
                f"```{{figure}} figures/{name}/{figure}.png\n:alt: {figure.replace('_', ' ')}\n"
                f":figclass: card\n\n[{title}](recipes/{name}.md)\n```"
            )
    note = f"*Of {len(catalog.catalog())} recipes {len(cards)} were run where this site was made.*"
    return "\n\n".join(["# Gallery", note, *cards]) + "\n"


def contents(pages: Iterable[str], *options: str) -> str:
    """A table of contents, from which Sphinx takes previous and next."""
    return "\n".join(["```{toctree}", ":hidden:", *options, "", *pages, "```", ""])


def with_links(text: str, file: str) -> str:
    """Points the links of a document at pages of the site; of what has no page the words stay."""
    pages = {str((ROOT / name).resolve()): page for name, page in DOCUMENTS.items()}
    pages |= {
        str(catalog.recipe_file(entry).resolve()): f"recipes/{entry.split('/')[1]}.md"
        for entry in catalog.catalog()
    }

    def link(match: re.Match[str]) -> str:
        words, target = match.groups()
        if target.startswith(("http", "#", "mailto")):
            return match.group(0)
        path, _, anchor = target.partition("#")
        page = pages.get(str((ROOT / file).parent.joinpath(path).resolve()))
        return f"[{words}](../{page}{f'#{anchor}' if anchor else ''})" if page else words

    text = re.sub(r"!\[([^\]]*)\]\((?:docs/)?images/", r"![\1](../images/", text)
    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", link, text)


def write_site(out: Path, bundles: Path) -> None:
    """Writes every page, and what Sphinx needs beside them."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(SITE, out, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs/images", out / "images")
    pages = {"course.md": course_page(), "gallery.md": gallery_page(bundles), **api_pages()}
    for entry in catalog.catalog():
        name = entry.split("/")[1]
        pages[f"recipes/{name}.md"] = recipe_page(entry, bundles / name, out)
        notebook(name, out=out / "notebooks" / f"{name}.ipynb")
    for file, page in DOCUMENTS.items():
        pages[page] = with_links((ROOT / file).read_text(encoding="utf-8"), file)
    tree = [contents(parts, f":caption: {name}") for name, parts in PARTS.items()]
    pages["index.md"] = "\n".join([(SITE / "index.md").read_text(encoding="utf-8"), *tree])
    for page, text in pages.items():
        (out / page).parent.mkdir(parents=True, exist_ok=True)
        (out / page).write_text(text, encoding="utf-8")
    console.result(f"{len(pages)} pages in {out}")


@click.command()
@click.option("--out", default="build/pages", show_default=True, help="Folder of the pages.")
@click.option("--bundles", default="saved_models", show_default=True, help="Folder of the recipes' bundles.")
def main(out: str, bundles: str) -> None:
    """Write the pages of the site."""
    write_site(Path(out), Path(bundles))


if __name__ == "__main__":
    main()
