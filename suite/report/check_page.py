"""`check.html`: what is wrong with a folder of photos, with thumbnails, in one file."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from suite.bundle.write import write_text
from suite.data.pictures.images import UndecodableImageError, decode
from suite.data.set_aside import printable
from suite.evaluation.findings import TITLE, Finding, Item
from suite.report.page import render

PAGE = "check.html"
ITEMS = 24  # of a finding
FILES = 6  # of an item
SIDE = 128  # pixels of a thumbnail


class _Thumbnail(NamedTuple):
    file: str
    source: str  # empty where the file is no picture


class _Card(NamedTuple):
    says: str
    thumbnails: list[_Thumbnail]
    more: int  # files that are not shown


def write_check_page(path: Path, root: Path, counted: str, findings: Sequence[Finding]) -> None:
    """Writes the page; folders above it are made.

    Args:
        path: The page.
        root: The folder that the files of the findings are in.
        counted: How much was checked.
        findings: What was found, in the order of the page.
    """
    cards = [[_card(root, item) for item in finding.items[:ITEMS]] for finding in findings]
    html = render(
        "check.html.j2",
        title=TITLE,
        folder=printable(str(root)),
        counted=counted,
        findings=list(zip(findings, cards, strict=True)),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, html)


def _card(root: Path, item: Item) -> _Card:
    shown = [_Thumbnail(printable(file), _thumbnail(root / file)) for file in item.files[:FILES]]
    return _Card(printable(item.says), shown, max(0, len(item.files) - FILES))


def _thumbnail(file: Path) -> str:
    try:
        image = Image.fromarray(decode(file, (SIDE, SIDE)))
    except (UndecodableImageError, OSError):
        return ""
    image.thumbnail((SIDE, SIDE))
    content = io.BytesIO()
    image.save(content, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()
