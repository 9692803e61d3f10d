"""What was found wrong with a folder of labeled photos: types, and how people read them."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from suite.data.pictures.facts import PictureFacts
from suite.data.set_aside import first_names, printable
from suite.evaluation.table import Table

TITLE = "What is wrong with the photos"
_LINES = 5  # items that the terminal shows
_COLUMNS = ("what", "for example", "why it matters", "what to do")


@dataclasses.dataclass(frozen=True)
class Photo:
    """A sound photo of a class folder.

    Attributes:
        file: Its path below the folder, with forward slashes.
        label: Index of its class.
        part: "train", "validation" or "test".
        facts: What was measured.
    """

    file: str
    label: int
    part: str
    facts: PictureFacts


class BoxedPhoto(NamedTuple):
    """A photo with its boxes.

    Attributes:
        file: Its path below the folder.
        part: "train", "validation" or "test".
        boxes: `(m, 4)` of (top, left, bottom, right) in [0, 1].
        labels: `(m,)` integers.
        without_area: How many boxes of no area were left out.
    """

    file: str
    part: str
    boxes: np.ndarray
    labels: np.ndarray
    without_area: int


class MaskedPhoto(NamedTuple):
    """A photo with its mask.

    Attributes:
        file: Its path below the folder.
        part: "train", "validation" or "test".
        mask: `(height, width)` integers, 255 for pixels of no class; at the size of a model's input.
    """

    file: str
    part: str
    mask: np.ndarray


@dataclasses.dataclass(frozen=True)
class Item:
    """A photo, some that belong together, or a class.

    Attributes:
        says: A few words.
        files: Of the photos, some of them where it is about a class.
    """

    says: str
    files: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As `suite check --json` prints it."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        return printable(f"{first_names(self.files)}: {self.says}" if self.files else self.says)


@dataclasses.dataclass(frozen=True)
class Finding:
    """One kind of fault.

    Attributes:
        kind: "mislabeled", ...
        what: A sentence.
        why: Why it matters.
        advice: What to do.
        items: Where, the worst first.
    """

    kind: str
    what: str
    why: str
    advice: str
    items: tuple[Item, ...]

    def to_json(self) -> dict[str, Any]:
        """As `suite check --json` prints it, with all items."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        lines = [self.what, *(f"  {item}" for item in self.items[:_LINES])]
        if len(self.items) > _LINES:
            lines.append(f"  and {len(self.items) - _LINES} more")
        return "\n".join([*lines, f"  why: {self.why}", f"  do:  {self.advice}"])


def findings_table(findings: Sequence[Finding]) -> Table:
    """The findings as a table of a report."""
    rows = [(each.what, "; ".join(map(str, each.items[:3])), each.why, each.advice) for each in findings]
    return Table(TITLE, _COLUMNS, rows or [("Nothing found.", "", "", "")])
