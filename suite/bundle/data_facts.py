"""What a bundle's record says of the data."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from suite.bundle.rows import from_fields
from suite.data.set_aside import SetAside
from suite.data.splits import SPLITS


@dataclasses.dataclass(frozen=True)
class DataFacts:
    """What a run was trained and tested on.

    Attributes:
        source: "embedded", a TFDS set, or a path.
        classes: Their names; empty where there are none.
        train: Number of examples; None where there is no such part, as of `validation` and `test`.
        validation: Number of examples.
        test: Number of examples.
        quarantined: Files that are not used.
        images_per_class: Numbers of photos by class.
        notes: What was assumed, a sentence each.
        unread: Files that nobody read.
        score: From which a detection counts, in (0, 1], chosen on validation; None of other models.
        more: What else the recipe says, by key.
    """

    source: str = ""
    classes: tuple[str, ...] = ()
    train: int | None = None
    validation: int | None = None
    test: int | None = None
    quarantined: tuple[SetAside, ...] = ()
    images_per_class: Mapping[str, int] | None = None
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    score: float | None = None
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers of examples by part, of the parts that there are."""
        sizes = {split: getattr(self, split) for split in SPLITS}
        return {split: size for split, size in sizes.items() if size is not None}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "DataFacts":
        """Reads "data", or what a run gives as `Result.data`."""
        known = {field.name for field in dataclasses.fields(cls)}
        names = ("classes", "notes", "unread")
        return from_fields(
            cls,
            content,
            **{name: tuple(content.get(name) or ()) for name in names},
            quarantined=tuple(map(_set_aside, content.get("quarantined") or ())),
            more={name: value for name, value in content.items() if name not in known},
        )

    def to_json(self) -> dict[str, Any]:
        """Gives "data": of what may be missing, what there is."""
        facts: dict[str, Any] = {"source": self.source, "classes": self.classes, **self.sizes}
        facts["quarantined"] = [entry.to_json() for entry in self.quarantined]
        maybe = {name: getattr(self, name) for name in ("images_per_class", "notes", "unread")}
        maybe["score"] = self.score
        return facts | {name: value for name, value in maybe.items() if value} | dict(self.more)


def _set_aside(entry: SetAside | Mapping[str, str]) -> SetAside:
    return entry if isinstance(entry, SetAside) else SetAside(entry["file"], entry["reason"])
