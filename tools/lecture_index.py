"""Writes docs/lecture.md: where each statement of the lecture's notes is shown, and what was measured of it.

python tools/lecture_index.py            from tools/lecture_statements.txt and RESULTS.md
python tools/lecture_index.py --check    writes nothing; exit status 1 where something is wrong or stale
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from suite import console
from suite.errors import FAILED
from suite.lessons import catalog
from suite.lessons.cells import MARKDOWN, is_lesson, read_cells
from tools import markdown_tables

ROOT = Path(__file__).resolve().parents[1]
STATEMENTS = ROOT / "tools/lecture_statements.txt"
RESULTS = ROOT / "RESULTS.md"
PAGE = ROOT / "docs/lecture.md"
MOST_NOT_YET = 7  # what is still to show; lower it with every one that is
NONE = "-"
IN_WORDS, NOT_YET = "words: ", "not yet: "
VIDEOS = {  # of 3Blue1Brown, which the notes recommend
    "But what is a neural network?": "aircAruvnKk",
    "Gradient descent, how neural networks learn": "IHZwWFHWa-w",
    "What is backpropagation really doing?": "Ilg3gGewQ5U",
    "Backpropagation calculus": "tIeHLnjs5U8",
}


class Statement(NamedTuple):
    """A statement of the notes.

    Attributes:
        number: Such as "1.12", counted by week.
        topic: The notes' heading.
        text: In our words.
        recipe: Where it belongs.
        heading: In a recipe in cells, the heading above what shows it; "-" elsewhere.
        shown_by: Metrics of claims with commas, or "words: why", or "not yet: what is lacking".
        remark: What to know of the number; often empty.
    """

    number: str
    topic: str
    text: str
    recipe: str
    heading: str
    shown_by: str
    remark: str = ""

    @property
    def metrics(self) -> list[str]:
        """The claims that show it."""
        return [] if self.shown_by.startswith((IN_WORDS, NOT_YET)) else self.shown_by.split(", ")


class Slip(NamedTuple):
    """A mistake of the notes: the heading, what they say, what is right, which recipe has it right."""

    topic: str
    said: str
    right: str
    recipe: str


class Week(NamedTuple):
    """A week of the notes."""

    title: str
    statements: list[Statement]
    slips: list[Slip]


class Measured(NamedTuple):
    """A claim's row in RESULTS.md: of which data, in words and as a bound, and what the seeds gave."""

    data: str
    says: str
    bound: str
    found: str


def read_weeks(text: str) -> list[Week]:
    """Reads the statements; the first lines of the file tell its form.

    Raises:
        ValueError: A line has not the parts of a statement or a slip.
    """
    weeks: list[Week] = []
    topic = number = ""
    for line in filter(None, (line.strip() for line in text.split("\n") if not line.startswith("#"))):
        if line.startswith("=="):
            number, _, name = line.removeprefix("== ").partition(" | ")
            weeks.append(Week(f"Week {number}: {name}", [], []))
            continue
        if line.startswith("="):
            topic = line.removeprefix("= ")
            continue
        _, *parts = line.split(" | ")
        if line.startswith("!") and len(parts) == 3:
            weeks[-1].slips.append(Slip(topic, *parts))
        elif not line.startswith("!") and len(parts) in (4, 5):
            count = len(weeks[-1].statements) + 1
            weeks[-1].statements.append(Statement(f"{number}.{count}", topic, *parts))
        else:
            raise ValueError(f"expected the parts of a statement in {STATEMENTS.name}, received {line!r}")
    return weeks


def measured_claims(results: Path = RESULTS) -> dict[str, dict[str, list[Measured]]]:
    """The claims in RESULTS.md, by recipe and metric."""
    found: dict[str, dict[str, list[Measured]]] = {}
    for data in re.findall(r"^## Claims, (\S+) data$", results.read_text(encoding="utf-8"), re.M):
        for recipe, rows in markdown_tables.rows_by_name(results, f"Claims, {data} data").items():
            for row in rows:
                _, _, claim, value, *_ = (cell.strip() for cell in row.split("|"))
                if match := re.fullmatch(r"(?:(.*) \()?(\w+) (at (?:least|most) [^)]*)\)?", claim):
                    says, metric, bound = match.groups(default="")
                    by_metric = found.setdefault(recipe, {})
                    by_metric.setdefault(metric, []).append(Measured(data, says, bound, value))
    return found


def headings(recipe: str) -> list[str]:
    """The headings of a recipe in cells; none of others."""
    source = catalog.recipe_file(entry_of(recipe)).read_text(encoding="utf-8")
    if not is_lesson(source):
        return []
    prose = "\n".join(cell.text for cell in read_cells(source) if cell.kind == MARKDOWN)
    return re.findall(r"^##+ (.*)", prose, re.M)


def entry_of(recipe: str) -> str:
    return next(entry for entry in catalog.catalog() if entry.endswith(f"/{recipe}"))


def faults(weeks: list[Week], claims: dict[str, dict[str, list[Measured]]]) -> Iterator[str]:
    """What is wrong with the statements, a line each."""
    names = [entry.split("/")[1] for entry in catalog.catalog()]
    statements = [each for week in weeks for each in week.statements]
    for each in statements:
        if each.recipe not in names:
            yield f"{each.number}: expected a recipe, received {each.recipe!r}"
            continue
        there = headings(each.recipe)
        if each.heading not in (there or [NONE]) and not (
            each.heading == NONE and each.shown_by.startswith(NOT_YET)
        ):
            yield f"{each.number}: {each.recipe} has no heading {each.heading!r}; it has {there or NONE}"
        source = catalog.recipe_file(entry_of(each.recipe)).read_text(encoding="utf-8")
        claimed = source.partition("\nCLAIMS")[2].partition("\n)")[0]
        for metric in each.metrics:
            if metric not in claims.get(each.recipe, {}) and f'"{metric}"' not in claimed:
                yield f"{each.number}: {each.recipe} has no claim {metric!r}"
    for name in sorted({*names} - {each.recipe for each in statements}):
        yield (
            f"expected a statement that leads to {name}, received none; add one under its heading in "
            f"tools/{STATEMENTS.name}, or point one that is there at {name}"
        )
    for slip in (slip for week in weeks for slip in week.slips):
        if slip.recipe not in (*names, NONE):
            yield f"slip in {slip.topic!r}: expected a recipe, received {slip.recipe!r}"
    left = sum(each.shown_by.startswith(NOT_YET) for each in statements)
    if left > MOST_NOT_YET:
        yield f"{left} statements are not shown yet, {MOST_NOT_YET} were: show one, or tell why in words"


def link(recipe: str, heading: str = NONE) -> str:
    """Points at a recipe, or at a heading of it, which the site knows by the anchor."""
    file = f"../recipes/{entry_of(recipe)}.py"
    if heading == NONE:
        return f"[`{recipe}`]({file})"
    return f"[`{recipe}`]({file}), [{heading}]({file}#{anchor_of(heading)})"


def anchor_of(heading: str) -> str:
    """How a page of the site names the place of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def evidence(each: Statement, claims: dict[str, list[Measured]]) -> Iterator[str]:
    """What shows a statement, a line each."""
    if each.shown_by.startswith(IN_WORDS):
        yield f"In words only: {each.shown_by.removeprefix(IN_WORDS)}."
    if each.shown_by.startswith(NOT_YET):
        yield f"**Not shown yet:** {each.shown_by.removeprefix(NOT_YET)}."
    for metric in each.metrics:
        if metric not in claims:
            yield f"`{metric}` is claimed; RESULTS.md has no numbers of it yet"
            continue
        first, *others = claims[metric]
        told = f"{first.says} " if first.says else ""
        found = [f"**{first.found}**"] + [
            f"with `--data {other.data}` **{other.found}**" for other in others if other.found != first.found
        ]
        yield f"{told}`{metric}` {first.bound}: {'; '.join(found)}"
    if each.remark:
        yield f"*{each.remark}*"


def week_lines(week: Week, claims: dict[str, dict[str, list[Measured]]]) -> Iterator[str]:
    """A week, topic by topic."""
    yield f"\n## {week.title}"
    topic = ""
    for each in week.statements:
        if each.topic != topic:
            topic = each.topic
            yield f"\n### {topic}\n"
        yield f"- **{each.number}** {each.text} ({link(each.recipe, each.heading)})"
        yield from (f"  - {line}" for line in evidence(each, claims.get(each.recipe, {})))


def slip_lines(weeks: list[Week]) -> Iterator[str]:
    """The box of the notes' own slips."""
    yield "\n## Slips of the notes\n"
    yield "> What a reader of the notes should know of them. Behind each, the recipe that does it right."
    for week in weeks:
        for slip in week.slips:
            where = "" if slip.recipe == NONE else f" ({link(slip.recipe)})"
            yield f">\n> - **{week.title[:6]}, {slip.topic}.** {slip.said} *Right is:* {slip.right}{where}"


def left_lines(statements: list[Statement]) -> Iterator[str]:
    """What is not shown yet, by recipe: the work to come."""
    yield "\n## Not shown yet\n"
    by_recipe: dict[str, list[str]] = {}
    for each in statements:
        if each.shown_by.startswith(NOT_YET):
            line = f"  - **{each.number}** {each.text} *Now: {each.shown_by.removeprefix(NOT_YET)}.*"
            by_recipe.setdefault(each.recipe, []).append(line)
    for recipe, lines in by_recipe.items():
        yield from (f"- {link(recipe)}", *lines)


def page_text(weeks: list[Week], claims: dict[str, dict[str, list[Measured]]]) -> str:
    """The whole page."""
    statements = [each for week in weeks for each in week.statements]
    kinds = Counter(
        next((kind for kind in (IN_WORDS, NOT_YET) if each.shown_by.startswith(kind)), "")
        for each in statements
    )
    head = (
        "# The lecture, statement by statement\n\n"
        "What the notes of the lecture say, in other words and in their order; where a recipe shows it; and "
        "what the claims that stand for it measured: the mean over seeds 0 to 2, the range, and the bound at "
        "which the run would fail. Written by `python tools/lecture_index.py` from "
        "`tools/lecture_statements.txt` and RESULTS.md.\n\n"
        f"Of {len(statements)} statements {kinds['']} are measured, {kinds[IN_WORDS]} are told in words "
        f"only, and {kinds[NOT_YET]} are [not shown yet](#not-shown-yet). The notes have "
        f"[{sum(len(week.slips) for week in weeks)} slips](#slips-of-the-notes) of their own."
    )
    lines = [head]
    for week in weeks:
        lines += week_lines(week, claims)
    lines += [*slip_lines(weeks), *left_lines(statements), "\n## Videos that the notes recommend\n"]
    lines += [f"- [{name}](https://www.youtube.com/watch?v={key})" for name, key in VIDEOS.items()]
    return "\n".join(lines) + "\n"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; tell what is wrong or stale.")
def main(check: bool) -> None:
    """Write docs/lecture.md; exit status 1 where a statement has no place."""
    weeks, claims = read_weeks(STATEMENTS.read_text(encoding="utf-8")), measured_claims()
    found = list(faults(weeks, claims))
    if not found:
        text = page_text(weeks, claims)
        if not check:
            PAGE.write_text(text, encoding="utf-8")
            console.result(f"{PAGE.name} written")
        elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
            found = [f"{PAGE.name} is stale: run python tools/lecture_index.py"]
    for fault in found:
        console.error(fault)
    sys.exit(FAILED if found else 0)


if __name__ == "__main__":
    main()
