"""`report.html`: all that a run found, in one file that opens anywhere."""

import base64
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from suite.bundle.data_facts import DataFacts
from suite.bundle.record import Record
from suite.bundle.rows import ClaimRow
from suite.bundle.task import Task
from suite.deploy.recommendation import recommended_path
from suite.evaluation.table import Table
from suite.report.page import TONES, format_number, format_value, heading, in_order_written, png_size, render

_HEADLINES = 3  # metrics in the verdict


class _Figure(NamedTuple):
    caption: str
    width: int
    height: int
    source: str


def write_report(folder: Path, record: Record, tables: Sequence[Table]) -> Path:
    """Writes `report.html`: one file with everything in it, for desktops and phones.

    Args:
        folder: The bundle; the PNG files in its `figures/` are embedded in the order they were written in.
        record: Its record.
        tables: What a run shows beyond its record; one with the title "Artifacts" comes first.

    Returns:
        Path of the report.
    """
    folder = Path(folder)
    html = render(
        "report.html.j2",
        title=record.title.strip().rstrip("."),
        created=record.created.replace("T", " ").replace("Z", " UTC"),
        record=record,
        verdict=[*headlines(record), *outcomes(record)],
        baselines=baselines_table(record),
        claims=claims_table(record.claims),
        metrics=[(heading(name), _metric(record, name)) for name in record.metrics],
        figures=[_figure(path) for path in in_order_written((folder / "figures").glob("*.png"))],
        tables=sorted(tables, key=lambda table: table.title != "Artifacts"),
        quarantined=_quarantined(record.data),
        facts=_data_facts(record.data),
        classes=_classes(record.data),
        commands=_commands(record),
        config=[(name, format_value(value)) for name, value in record.config.items()],
        run=_run_facts(record),
    )
    path = folder / "report.html"
    # A file name that is not valid text on its own system cannot be written as UTF-8.
    path.write_text(html, encoding="utf-8", errors="backslashreplace")
    return path


def headlines(record: Record) -> list[tuple[str, str, str]]:
    """(label, value, tone) of the metrics that a reader wants to know first, beside the trivial answer's."""
    trivial = {row.metric: row for row in record.baselines}
    claimed = [row.metric for row in record.claims]
    measured = [name for name in record.metrics if name.startswith("test_")]
    measured += [name for name in record.metrics if name.startswith("validation_")]
    estimated = [name for name in record.metrics if name.startswith("estimated_")]
    names = list(dict.fromkeys([*estimated, *trivial, *claimed, *measured]))[:_HEADLINES]
    rows = []
    for name in names:
        row = trivial.get(name)
        beside = [f"trivial: {format_number(row.value)}"] if row else []
        tone = "bad" if row and not row.beaten else ""
        rows.append((heading(name), _metric(record, name, *beside), tone))
    return rows


def _metric(record: Record, name: str, *beside: str) -> str:
    """A metric as people read it, with its interval where there is one, and what stands beside it."""
    value = record.metrics[name]
    if name in record.intervals:
        return record.intervals[name].beside(value, *beside)
    return f"{format_number(value)}{f' ({beside[0]})' if beside else ''}"


def outcomes(record: Record) -> list[tuple[str, str, str]]:
    """(label, "7 ok, 1 skipped", tone of the worst) of the claims and of the artifacts, if there are any."""
    claims = Counter("kept" if row.passed else "missed" for row in record.claims)
    statuses = Counter(row.status for row in record.artifacts)
    rows = []
    for label, counts in (("Claims", claims), ("Artifacts", statuses)):
        present = [word for word in TONES if counts[word]]
        if present:
            text = ", ".join(f"{counts[word]}\N{NO-BREAK SPACE}{word}" for word in present)
            rows.append((label, text, TONES[present[-1]]))
    return rows


def baselines_table(record: Record) -> Table:
    """What the models and the trivial answers get."""
    rows = record.baselines
    cells = [
        (
            "beaten" if row.beaten else "not beaten",
            heading(row.metric),
            _metric(record, row.metric),
            row.says,
            format_number(row.value),
        )
        for row in rows
    ]
    close = [heading(row.metric) for row in rows if row.beaten and row.may_be_chance]
    note = f"{', '.join(close)}: may be chance, with so few held-out examples." if close else ""
    columns = ("status", "metric", "model", "trivial answer", "gets")
    return Table("Beside the trivial answer", columns, cells, note)


def claims_table(rows: Sequence[ClaimRow]) -> Table:
    """What was claimed and measured."""
    cells = [
        (
            "kept" if row.passed else "missed",
            heading(row.metric),
            f"{row.says} ({row.bounds})" if row.says else row.bounds,
            f"{row.value:.6g}" if math.isfinite(row.value) else "none",
        )
        for row in rows
    ]
    return Table("Claims", ("status", "metric", "claimed", "measured"), cells)


def _quarantined(data: DataFacts) -> Table:
    rows = [(entry.file, entry.reason) for entry in data.quarantined]
    rows += [(file, "not read") for file in data.unread]
    reasons = Counter(reason for _, reason in rows).most_common(4)
    note = ", ".join(f"{count} {reason}" for reason, count in reasons if count > 1)
    return Table("Set aside", ("file", "reason"), rows, note)


def _data_facts(data: DataFacts) -> list[tuple[str, str]]:
    facts = [("Source", data.source)]
    facts += [(heading(split), f"{size:,}") for split, size in data.sizes.items()]
    counts = {"Classes": data.classes, "Set aside": data.quarantined, "Files not read": data.unread}
    facts += [(name, f"{len(entries):,}") for name, entries in counts.items() if entries]
    facts += [("Note", note) for note in data.notes]
    return facts + [(heading(name), format_value(value)) for name, value in data.more.items()]


def _classes(data: DataFacts) -> list[tuple[str, str]]:
    """Class names with their numbers of images, where those are known."""
    counts = data.images_per_class or {}
    return [(name, f"{counts[name]:,}" if name in counts else "") for name in data.classes]


def _commands(record: Record) -> list[tuple[str, str]]:
    shipped = record.shipped
    if not shipped:
        return []
    commands = []
    some = next((row for row in shipped if row.format == "tflite"), shipped[0])
    best = recommended_path(shipped) or some.path
    predict, evaluate = (
        f"suite predict BUNDLE/{best} photo.jpg",
        f"suite evaluate BUNDLE/{best} PHOTOS",
    )
    if record.task in (Task.DETECTOR, Task.SEGMENTER):
        what = "boxes" if record.task == Task.DETECTOR else "masks"
        commands = [
            ("Draw what is in a photo", f"{predict} --draw found.png"),
            (f"Measure on photos with {what}, in any form that suite finetune takes", evaluate),
        ]
    elif record.data.images_per_class is not None:  # it is about photos
        commands = [
            ("Name what is in a photo", predict),
            ("Measure on labeled photos, one folder a class", evaluate),
        ]
    return [
        *commands,
        ("Check every artifact again, each in a fresh process", "suite verify BUNDLE"),
        ("Time every artifact on your machine", "suite benchmark BUNDLE"),
    ]


def where_it_went(record: Record) -> str:
    """The stages of a run that took a second or more, longest first: "training 12 s, conversion 9 s"."""
    stages = sorted(record.stage_seconds.items(), key=lambda stage: -stage[1])
    return ", ".join(f"{name} {seconds:,.0f} s" for name, seconds in stages if seconds >= 1)


def _run_facts(record: Record) -> list[tuple[str, str]]:
    facts = {
        "Seed": format_value(record.seed),
        "Wall time": f"{record.wall_seconds:,.0f} s",
        "Of which": where_it_went(record),
        "Device": record.device,
        "Commit": (record.commit or "")[:12],
        **record.versions,
    }
    return [(name, value) for name, value in facts.items() if value]


def _figure(path: Path) -> _Figure:
    content = path.read_bytes()
    width, height = png_size(content)
    source = "data:image/png;base64," + base64.b64encode(content).decode()
    return _Figure(heading(path.stem), width, height, source)
