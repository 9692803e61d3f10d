"""Writes the table of topics and recipes into docs/recipes.md, from what the recipes say of themselves.

python tools/topics.py
"""

import re
from pathlib import Path

from suite import console
from suite.lessons import catalog

PAGE = Path(__file__).parents[1] / "docs/recipes.md"
HEAD = ["| week | topics of the lecture | recipe |", "|---|---|---|"]
BEGIN, END = "<!-- written by tools/topics.py -->", "<!-- end -->"


def topics_table() -> list[str]:
    """Gives the rows, in lecture order."""
    rows, before = [], ""
    for entry in catalog.catalog():
        week, name = entry.split("/")
        number = week[4] if week != before else ""
        topics = ", ".join(catalog.about(entry).topics)
        rows.append(f"| {number} | {topics} | [`{name}`](../recipes/{entry}.py) |")
        before = week
    return [*HEAD, *rows]


def with_topics(text: str) -> str:
    """Puts the table between its marks in the text of the page."""
    table = "\n".join([BEGIN, "", *topics_table(), "", END])
    return re.sub(f"{BEGIN}.*{END}", lambda _: table, text, flags=re.S)


if __name__ == "__main__":
    PAGE.write_text(with_topics(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    console.result(f"{PAGE.name} written")
