"""Tables in Markdown files, where rows stay until their owner is measured again."""

import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path

ARTIFACTS = "Artifacts, seed 0"  # heading in RESULTS.md
FINE_TUNING = (
    "<!-- fine-tuning: begin -->",
    "<!-- fine-tuning: end -->",
)  # what tools/finetuning_table.py writes


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


def hardware() -> str:
    """Such as "2 CPU cores, x86_64"."""
    return f"{os.cpu_count()} CPU cores, {platform.machine()}"


def between(path: Path, markers: tuple[str, str]) -> str:
    """What a file has between two markers, these included; nothing where it lacks them.

    Args:
        path: A Markdown file; there may be none.
        markers: Lines, each at most once in the file.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    begin, end = markers
    if begin not in text or end not in text:
        return ""
    return f"{begin}{text.partition(begin)[2].partition(end)[0]}{end}\n"


def put_between(path: Path, markers: tuple[str, str], text: str) -> None:
    """Writes text between two markers of a file, at its end where it lacks them.

    Args:
        path: A Markdown file; there may be none.
        markers: As for `between`.
        text: In place of what is there.
    """
    content = path.read_text(encoding="utf-8") if path.exists() else ""
    begin, end = markers
    block = f"{begin}\n{text}\n{end}\n"
    old = between(path, markers)
    path.write_text(content.replace(old, block) if old else f"{content}\n{block}", encoding="utf-8")
