"""Tables in Markdown files, where rows stay until their owner is measured again."""

import re
from collections.abc import Iterable
from pathlib import Path


def rows_by_name(path: Path, heading: str) -> dict[str, list[str]]:
    """Reads the rows that a file has under a heading.

    Args:
        path: A Markdown file; there may be none.
        heading: Text of the "## " line.

    Returns:
        Rows as they are in the file, by the name in backquotes that their first cell has, or that of a row
        before them.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    name = ""
    found: dict[str, list[str]] = {}
    for line in text.partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines():
        first = re.match(r"\| `(\w+)` \|", line)
        name = first.group(1) if first else name
        if name and line.startswith("|"):
            found.setdefault(name, []).append(line)
    return found


def table(heading: str, head: list[str], rows: dict[str, list[str]], names: Iterable[str]) -> list[str]:
    """The lines of a section: the rows by name, in the order of the names; none where there are no rows."""
    body = [row for name in names for row in rows.get(name, ())]
    return [f"## {heading}", "", *head, *body, ""] if body else []
