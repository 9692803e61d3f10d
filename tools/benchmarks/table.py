"""BENCHMARKS.md: measured rows take the place of those of the same name, the others stay."""

import importlib.metadata
import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path

from tools import markdown_tables
from tools.benchmarks.measuring import Lines

FILE = Path("BENCHMARKS.md")
INTRODUCTION = """# Benchmarks

Written by `make benchmark`, and by `python tools/benchmark.py NAME` for the rows of a name. Ours and its
peers run alternately in one process, on the same data and threads, after a check that they come to the same
result. Speeds are medians; a ratio is the median of the rounds' ratios, with their quartiles, and above 1
where ours is faster. Within the spread: under the goal, but its upper quartile is not.
"""
HEADS = {
    "Speed": ("work", "peer", "ours", "peer's", "ratio", "goal", ""),
    "Under their goal": ("work", "peer", "ratio", "floor"),
    "How cost grows": ("work", "1x, s", "4x, s", "16x, s", "exponent"),
    "Machines": ("measured on", "with"),
}
NOTES = {
    "Under their goal": "What was tried, and what came of it: [docs/performance.md](docs/performance.md).",
    "How cost grows": "Seconds at 1, 4 and 16 times the data; the exponent k of data^k fitted to them.",
}
PACKAGES = (
    "tensorflow", "keras", "ai-edge-litert", "numpy",
    "torch", "onnxruntime", "scikit-learn", "gensim", "nltk",
)  # fmt: skip


def machine() -> tuple[str, str]:
    """The hardware in a line, and the versions in one."""
    cpu = re.search(r"model name\s*: (.*)", _text(Path("/proc/cpuinfo")))
    named = cpu.group(1) if cpu else platform.processor()
    versions = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"{os.cpu_count()} CPU cores, {platform.machine()}, {named}", ", ".join(versions)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def write(name: str, found: Iterable[Lines], names: Iterable[str], path: Path = FILE) -> None:
    """Puts what was measured into the file.

    Args:
        name: Whose rows these are.
        found: Its lines; rows that the file has of this name, and that are not among them, go.
        names: All names, in the order of the file.
        path: The file; there may be none yet.
    """
    found, names = list(found), list(names)
    lines: dict[str, list[tuple[str, ...]]] = {
        "Speed": [line for each in found for line in each.speed],
        "Under their goal": [line for each in found for line in each.under],
        "How cost grows": [line for each in found for line in each.growth],
        "Machines": [machine()],
    }
    text = [INTRODUCTION]
    for heading, columns in HEADS.items():
        own = [f"| {' | '.join((f'`{name}`', *line))} |" for line in lines[heading]]
        rows = markdown_tables.rows_by_name(path, heading) | {name: own}
        head = [f"| {' | '.join(('row', *columns))} |", "|---" * (len(columns) + 1) + "|"]
        section = markdown_tables.table(heading, head, rows, names)
        if section and heading in NOTES:
            section[1:2] = ["", NOTES[heading], ""]
        text += section
    path.write_text("\n".join(text), encoding="utf-8")
