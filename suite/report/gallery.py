"""`saved_models/index.html`: the gallery, a card for every run and for every recipe that waits for one."""

import os
import struct
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from suite import console
from suite.bundle.names import RESULT_FILE
from suite.bundle.partial import FAILED_SUFFIX
from suite.bundle.record import read_result
from suite.bundle.rows import ArtifactRow
from suite.bundle.write import write_text
from suite.deploy.app.mobile import FOLDER as MOBILE
from suite.evaluation.table import Table
from suite.lessons import catalog
from suite.report.page import format_number, heading, in_order_written, png_size, render
from suite.report.run_page import claims_table, headlines, outcomes

FOLDER = "saved_models"
SMOKE_FOLDER = f"{FOLDER}/smoke"  # a quick check must not replace what was trained
PAGE = "index.html"
OWN_MODELS = "Your models"


class _Figure(NamedTuple):
    """The first figure of a run; its path relative to the page."""

    path: str
    caption: str
    width: int
    height: int


class _File(NamedTuple):
    """An artifact, ready for people to read; no `path` where it was not shipped."""

    name: str
    path: str
    megabytes: str
    metric: str
    latency: str
    status: str
    reason: str


class _Run(NamedTuple):
    """What the card of a finished run shows; paths are relative to the page."""

    title: str
    folder: str
    created: str
    seconds: str
    figure: _Figure | None
    outcomes: list[tuple[str, str, str]]
    numbers: list[tuple[str, str]]
    claims: Table
    files: list[_File]
    metric: str
    links: list[tuple[str, str]]


class _Card(NamedTuple):
    """A recipe, a run of it, or a model of the user's.

    Attributes:
        name: Name of the recipe, or of the bundle's folder.
        title: One line.
        claim: What the recipe claims; empty where there is none.
        cost: What a run costs.
        source: Path of the recipe's file below the folder that holds the bundles' folder.
        source_link: The same relative to the page; empty where it is not there.
        run: The run; None where there is none yet.
        fault: Why the run cannot be shown.
    """

    name: str
    title: str
    claim: str = ""
    cost: str = ""
    source: str = ""
    source_link: str = ""
    run: _Run | None = None
    fault: str = ""


def update_gallery(bundle: Path) -> None:
    """Writes the gallery anew after a run, if the bundle lies in a folder of the name `saved_models`.

    Any other folder is the user's: there a file of the name `index.html` may be something else.
    """
    folder = Path(bundle).parent
    if folder.name != FOLDER:
        return
    try:
        console.say(f"all runs: {console.shown(write_gallery(folder))}")
    except (OSError, SyntaxError) as failure:  # the run itself is done; a recipe may be half edited
        console.warn(f"the gallery could not be written: {failure}")


def write_gallery(folder: str | Path) -> Path:
    """Writes the page of all bundles in a folder, from their result.json files.

    Args:
        folder: Holds the bundles. One that is damaged gets a card that says so.

    Returns:
        Path of the page. It links to the bundles by relative paths and needs nothing else.
    """
    folder = Path(folder)
    entries = {entry.split("/")[1]: entry for entry in catalog.catalog()}
    runs = {path: _recipe_of(path) for path in _in_force(_bundles(folder))}
    sections = {OWN_MODELS: [_own_card(path) for path, name in runs.items() if name not in entries]}
    for name, entry in entries.items():
        recipe = _recipe_card(entry, folder)
        cards = [_with_run(recipe, path) for path, its in runs.items() if its == name] or [recipe]
        week = heading(entry.split("/")[0].replace("week", "week ").replace("_", ": ", 1))
        sections[week] = sections.get(week, []) + cards
    html = render("gallery.html.j2", sections={title: cards for title, cards in sections.items() if cards})
    write_text(folder / PAGE, html)
    return folder / PAGE


def _bundles(folder: Path) -> list[Path]:
    """Finished runs, by name; folders that begin with a dot are in the making."""
    found = [path.parent for path in folder.glob(f"*/{RESULT_FILE}")]
    return sorted(path for path in found if not path.name.startswith("."))


def _recipe_of(bundle: Path) -> str:
    """Name of the recipe that a bundle is a run of, as far as can be told; empty for other models."""
    try:
        record = read_result(bundle)
        return record.name if record.kind == "recipe" else ""
    except (ValueError, OSError):
        return bundle.name.removesuffix(FAILED_SUFFIX)


def _in_force(bundles: list[Path]) -> list[Path]:
    """Leaves out failed runs that a later one of the same folder has passed."""
    written = {path.name: (path / RESULT_FILE).stat().st_mtime_ns for path in bundles}
    passed = {path: written.get(path.name.removesuffix(FAILED_SUFFIX), 0) for path in bundles}
    return [path for path in bundles if written[path.name] >= passed[path]]


def _recipe_card(entry: str, folder: Path) -> _Card:
    source = catalog.recipe_file(entry)
    root = folder.resolve().parent
    near = source.resolve().is_relative_to(root)  # else the link would break with the next move
    about = catalog.about(entry)
    return _Card(
        name=entry.split("/")[1],
        title=about.title.rstrip("."),
        claim=" ".join(about.claims),
        cost=about.cost,
        source=f"recipes/{entry}.py",
        source_link=_link("..", source.resolve().relative_to(root)) if near else "",
    )


def _own_card(bundle: Path) -> _Card:
    return _with_run(_Card(bundle.name, heading(bundle.name)), bundle)


def _with_run(card: _Card, bundle: Path) -> _Card:
    try:
        run = _read_run(bundle)
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return card._replace(fault=f"{bundle.name}/{RESULT_FILE} is damaged.")
    return card._replace(run=run, title=run.title)


def _read_run(bundle: Path) -> _Run:
    record = read_result(bundle)
    if not record.title or not record.created:  # a file of that name of something else
        raise ValueError(f"expected a title and a date in the record of {bundle}, received none")
    metrics = {row.metric.name for row in record.artifacts if row.metric.name}
    return _Run(
        title=record.title.strip().rstrip("."),
        folder=bundle.name,
        created=record.created[:10],
        seconds=f"{record.wall_seconds:,.0f} s",
        figure=_first_figure(bundle),
        outcomes=outcomes(record),
        numbers=[(label, value) for label, value, _ in headlines(record)],
        claims=claims_table(record.claims),
        files=[_file(bundle, row) for row in record.artifacts],
        metric=heading(metrics.pop()) if len(metrics) == 1 else "Metric",
        links=_links(bundle),
    )


def _file(bundle: Path, row: ArtifactRow) -> _File:
    value, p50 = row.metric.value, row.latency_ms.p50
    shipped = row.is_shipped and (bundle / row.path).exists()
    return _File(
        name=row.path,
        path=_link(bundle.name, row.path) if shipped else "",
        megabytes=f"{(row.bytes or 0) / 1e6:.2f}" if shipped else "",
        metric="" if value is None else format_number(value),
        latency="" if p50 is None else f"{p50:.2f}",
        status=row.status,
        reason=row.reason or "",
    )


def _first_figure(bundle: Path) -> _Figure | None:
    for path in in_order_written((bundle / "figures").glob("*.png")):
        try:
            width, height = png_size(path.read_bytes())
        except struct.error:
            continue
        return _Figure(_link(bundle.name, "figures", path.name), heading(path.stem), width, height)
    return None


def _links(bundle: Path) -> list[tuple[str, str]]:
    """(label, path) of what else a reader may open."""
    wanted = [("Report", "report.html"), ("Numbers", RESULT_FILE)]
    found = [(label, _link(bundle.name, name)) for label, name in wanted if (bundle / name).is_file()]
    guides = sorted(bundle.glob(f"{MOBILE}/README.md")) + sorted(bundle.glob(f"*/{MOBILE}/README.md"))
    for guide in (path.relative_to(bundle) for path in guides):
        label = ", ".join(("App code", *guide.parts[:-2]))  # with the model's name where there are several
        found.append((label, _link(bundle.name, guide)))
    return found


def _link(*parts: str | Path) -> str:
    """A relative address; file names may hold anything, such as "#" or bytes that are not text."""
    return "/".join(quote(os.fsencode(Path(part).as_posix())) for part in parts)
