"""What sets of pictures with boxes, masks or captions have in common."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from suite.data.folders.scan import Picture
from suite.data.set_aside import SetAside
from suite.data.splits import SPLITS


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class PictureSet:
    """Pictures, split.

    Attributes:
        images: Per part of "train", "validation", "test": `(n, height, width, 3)` uint8 in [0, 255].
        source: Name of the set, or path of the folder.
        classes: Class names by label, where there are classes.
        quarantined: Everything that was set aside.
        files: The part of each file of a folder.
        notes: What was assumed, a sentence each.
        unread: Files of a folder that nobody read.
    """

    images: Mapping[str, np.ndarray]
    source: str
    classes: tuple[str, ...] = ()
    quarantined: tuple[SetAside, ...] = ()
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """What `Result.data` says of it."""
        sizes = {part: len(self.images[part]) for part in SPLITS}
        about = {"source": self.source, "classes": list(self.classes), **sizes}
        more = {"files": dict(self.files), "notes": list(self.notes), "unread": list(self.unread)}
        return about | {
            "quarantined": list(self.quarantined),
            **{key: value for key, value in more.items() if value},
        }


def stack(arrays: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """`(n, *shape)` uint8 of n arrays, n = 0 included."""
    return np.stack(arrays) if len(arrays) else np.zeros((0, *shape), np.uint8)


def parts_of_files(parts: Mapping[str, Sequence[Picture[Any]]]) -> dict[str, str]:
    """The part of each file, of pictures by part."""
    return {picture.file: part for part in SPLITS for picture in parts[part]}
