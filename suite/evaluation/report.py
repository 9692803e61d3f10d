"""`report.html`: all that a run found, in one file that opens anywhere."""

import base64
import math
import re
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_SPLITS = ("train", "validation", "test")
# Outcomes with their color, from good to bad.
_TONES = {"ok": "good", "kept": "good", "skipped": "fair", "missed": "bad", "failed": "bad"}
_NUMBER = re.compile(r"[-+]?[\d,]*\.?\d+(e[-+]?\d+)?%?|nan|inf")
_HEADLINES = 3  # metrics in the verdict


class Table(NamedTuple):
    """A table of the report.

    Attributes:
        title: Heading.
        columns: Column names; cells under "status" are colored by their word.
        rows: Rows of as many cells, ready for people to read.
        note: What a reader has to know, in a sentence or two.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


class _Figure(NamedTuple):
    caption: str
    width: int
    height: int
    source: str


def write_report(folder: Path, record: dict, tables: Sequence[Table]) -> Path:
    """Writes `report.html`: one file with everything in it, for desktops and phones.

    Args:
        folder: The bundle; the PNG files in its `figures/` are embedded in the order they were written in.
        record: Content of `result.json`, with "title".
        tables: What a run shows beyond its record; one with the title "Artifacts" comes first.

    Returns:
        Path of the report.
    """
    folder = Path(folder)
    # The suffix .j2 is unknown to Jinja's own choice of what to escape: everything is.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    html = environment.get_template("report.html.j2").render(
        title=record["title"].strip().rstrip("."),
        created=record["created"].replace("T", " ").replace("Z", " UTC"),
        record=record,
        verdict=_verdict(record),
        claims=_claims(record["claims"]),
        metrics=[(_words(name), _number(value)) for name, value in record["metrics"].items()],
        figures=[_figure(path) for path in _in_order_written((folder / "figures").glob("*.png"))],
        tables=sorted(tables, key=lambda table: table.title != "Artifacts"),
        quarantined=_quarantined(record["data"]),
        facts=_data_facts(record["data"]),
        classes=_classes(record["data"]),
        commands=_commands(record, has_pictures=(folder / "split.json").is_file()),
        config=[(name, _text(value)) for name, value in record["config"].items()],
        run=_run_facts(record),
        tones=_TONES,
        is_numeric=_is_numeric,
    )
    path = folder / "report.html"
    # A file name that is not valid text on its own system cannot be written as UTF-8.
    path.write_text(html, encoding="utf-8", errors="backslashreplace")
    return path


def _verdict(record: dict) -> list[tuple[str, str, str]]:
    """(label, value, tone) of what a reader wants to know first."""
    claimed = [row["metric"] for row in record["claims"]]
    measured = [name for name in record["metrics"] if name.startswith("test_")]
    measured += [name for name in record["metrics"] if name.startswith("validation_")]
    names = list(dict.fromkeys([*claimed, *measured]))[:_HEADLINES]
    verdict = [(_words(name), _number(record["metrics"][name]), "") for name in names]
    outcomes = Counter("kept" if row["passed"] else "missed" for row in record["claims"])
    statuses = Counter(row["status"] for row in record["artifacts"])
    for label, counts in (("Claims", outcomes), ("Artifacts", statuses)):
        present = [word for word in _TONES if counts[word]]
        if present:
            text = ", ".join(f"{counts[word]}\N{NO-BREAK SPACE}{word}" for word in present)
            verdict.append((label, text, _TONES[present[-1]]))
    return verdict


def _claims(rows: Sequence[dict]) -> Table:
    cells = []
    for row in rows:
        bounds = [f"{key.replace('_', ' ')} {row[key]:g}" for key in ("at_least", "at_most") if key in row]
        measured = "none" if row["value"] is None else f"{row['value']:.6g}"
        outcome = "kept" if row["passed"] else "missed"
        cells.append((outcome, _words(row["metric"]), " and ".join(bounds), measured))
    return Table("Claims", ("status", "metric", "claimed", "measured"), cells)


def _quarantined(data: dict) -> Table:
    rows = [(entry["file"], entry["reason"]) for entry in data["quarantined"]]
    reasons = Counter(reason for _, reason in rows).most_common(4)
    note = ", ".join(f"{count} {reason}" for reason, count in reasons if count > 1)
    return Table("Set aside", ("file", "reason"), rows, note)


def _data_facts(data: dict) -> list[tuple[str, str]]:
    shown = {"source", "classes", "quarantined", "images_per_class", *_SPLITS}
    facts = [("Source", data["source"])]
    facts += [(_words(split), f"{data[split]:,}") for split in _SPLITS if split in data]
    facts += [("Classes", f"{len(data['classes']):,}")] if data.get("classes") else []
    facts += [("Set aside", f"{len(data['quarantined']):,}")] if data["quarantined"] else []
    return facts + [(_words(name), _text(value)) for name, value in data.items() if name not in shown]


def _classes(data: dict) -> list[tuple[str, str]]:
    """Class names with their numbers of images, where those are known."""
    counts = data.get("images_per_class", {})
    return [(name, f"{counts[name]:,}" if name in counts else "") for name in data.get("classes", ())]


def _commands(record: dict, has_pictures: bool) -> list[tuple[str, str]]:
    shipped = [row for row in record["artifacts"] if row["status"] == "ok"]
    if not shipped:
        return []
    commands = []
    if has_pictures:
        best = next((row for row in shipped if row["format"] == "tflite"), shipped[0])
        commands = [
            ("Name what is in a photo", f"suite predict BUNDLE/{best['path']} photo.jpg"),
            ("Measure on labeled photos, one folder a class", f"suite evaluate BUNDLE/{best['path']} PHOTOS"),
        ]
    return [
        *commands,
        ("Check every artifact again, each in a fresh process", "suite verify BUNDLE"),
        ("Time every artifact on your machine", "suite benchmark BUNDLE"),
    ]


def _run_facts(record: dict) -> list[tuple[str, str]]:
    facts = {
        "Seed": _text(record["seed"]),
        "Wall time": f"{record['wall_seconds']:,.0f} s",
        "Device": record["device"],
        "Commit": (record["commit"] or "")[:12],
        **record["versions"],
    }
    return [(name, value) for name, value in facts.items() if value]


def _is_numeric(table: Table, index: int) -> bool:
    """Tells whether a column, other than the first, holds numbers: these are set flush right."""
    cells = [row[index] for row in table.rows if row[index]]
    return index > 0 and all(_NUMBER.fullmatch(cell) for cell in cells) and bool(cells)


def _in_order_written(paths) -> list[Path]:
    return sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name))


def _figure(path: Path) -> _Figure:
    content = path.read_bytes()
    width, height = struct.unpack(">II", content[16:24])  # the PNG header
    source = "data:image/png;base64," + base64.b64encode(content).decode()
    return _Figure(_words(path.stem), width, height, source)


def _words(name: str) -> str:
    """Gives "Test accuracy" for "test_accuracy"."""
    words = name.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "none"
    if float(value).is_integer() and 2 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:,.4f}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.3g}"


def _text(value) -> str:
    """Any value of JSON, for people."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return "none" if value is None else str(value)
