"""What the pages that the suite writes share: template, style, and numbers as people read them."""

import functools
import math
import re
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from suite.evaluation.table import Table

# Outcomes with their color, from good to bad.
TONES = {
    "ok": "good",
    "kept": "good",
    "beaten": "good",
    "skipped": "fair",
    "unproven": "fair",
    "superseded": "fair",
    "missed": "bad",
    "failed": "bad",
    "not beaten": "bad",
}

_NUMBER = re.compile(r"[-+]?[\d,]*\.?\d+(e[-+]?\d+)?%?|nan|inf")


def render(template: str, **values: Any) -> str:
    """Fills a template of this folder; everything in `values` is escaped."""
    return _environment().get_template(template).render(tones=TONES, is_numeric=_is_numeric, **values)


@functools.cache
def _environment() -> Environment:
    # The suffix .j2 is unknown to Jinja's own choice of what to escape: everything is.
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


def _is_numeric(table: Table, index: int) -> bool:
    """Tells whether a column, other than the first, holds numbers: these are set flush right."""
    cells = [row[index] for row in table.rows if row[index]]
    return index > 0 and all(_NUMBER.fullmatch(cell) for cell in cells) and bool(cells)


def in_order_written(paths: Iterable[Path]) -> list[Path]:
    """Sorts files by the time of their writing."""
    return sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name))


def png_size(content: bytes) -> tuple[int, int]:
    """Reads width and height off the header of a PNG file, in pixels."""
    return struct.unpack(">II", content[16:24])


def heading(name: str) -> str:
    """Gives "Test accuracy" for "test_accuracy"."""
    words = name.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def format_number(value: float | None) -> str:
    """A measured number, for people: "0.9792", "4,694,024", "3.2e-09"; "none" where it is not finite."""
    if value is None or not math.isfinite(value):
        return "none"
    if float(value).is_integer() and 2 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:,.4f}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.3g}"


def format_value(value: Any) -> str:
    """Any value of JSON, for people."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {format_value(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(format_value, value))
    return "none" if value is None else str(value)
