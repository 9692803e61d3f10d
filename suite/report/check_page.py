"""`check.html`: what is wrong with a folder of photos, with thumbnails, in one file."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from suite.bundle.write import write_text
from suite.data.pictures.images import UndecodableImageError, decode
from suite.data.set_aside import printable
from suite.evaluation.findings import TITLE, Finding, Item
from suite.report.page import render

PAGE = "check.html"
ITEMS = 24  # of a finding
FILES = 6  # of an item
SIDE = 128  # pixels of a thumbnail
_OUTLINE = "#ff2d20"  # of a box


class _Thumbnail(NamedTuple):
    file: str
    source: str  # empty where the file is no picture


class _Card(NamedTuple):
    says: str
    thumbnails: list[_Thumbnail]
    more: int  # files that are not shown


def write_check_page(
    path: Path,
    root: Path,
    counted: str,
    findings: Sequence[Finding],
    boxes: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Writes the page; folders above it are made.

    Args:
        path: The page.
        root: The folder that the files of the findings are in.
        counted: How much was checked.
        findings: What was found, in the order of the page.
        boxes: By file, `(m, 4)` of (top, left, bottom, right) in [0, 1], which are drawn.
    """
    cards = [[_card(root, item, boxes or {}) for item in finding.items[:ITEMS]] for finding in findings]
    html = render(
        "check.html.j2",
        title=TITLE,
        folder=printable(str(root)),
        counted=counted,
        findings=list(zip(findings, cards, strict=True)),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, html)


def _card(root: Path, item: Item, boxes: Mapping[str, np.ndarray]) -> _Card:
    files = item.files[:FILES]
    shown = [_Thumbnail(printable(file), _thumbnail(root / file, boxes.get(file, ()))) for file in files]
    return _Card(printable(item.says), shown, max(0, len(item.files) - FILES))


def _thumbnail(file: Path, boxes: Iterable[np.ndarray]) -> str:
    try:
        image = Image.fromarray(decode(file, (SIDE, SIDE)))
    except (UndecodableImageError, OSError):
        return ""
    image.thumbnail((SIDE, SIDE))
    pencil = ImageDraw.Draw(image)
    for top, left, bottom, right in boxes:
        corners = left * image.width, top * image.height, right * image.width, bottom * image.height
        pencil.rectangle(corners, outline=_OUTLINE)
    content = io.BytesIO()
    image.save(content, "JPEG", quality=80, subsampling=0)  # which would smear lines
    return "data:image/jpeg;base64," + base64.b64encode(content.getvalue()).decode()
