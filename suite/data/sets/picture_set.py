"""What sets of pictures with boxes, masks or captions have in common."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike

from suite.data.folders.scan import Picture
from suite.data.row_file import RowFile
from suite.data.set_aside import SetAside
from suite.data.splits import SPLITS


class Rows:
    """Some rows of a file of arrays in an order of their own, indexed and cut as an array is.

    Attributes:
        shape, dtype, ndim: As of an array.
    """

    def __init__(self, file: RowFile, rows: np.ndarray):
        """Takes `n` rows.

        Args:
            file: `(m, ...)`.
            rows: `(n,)` integers in [0, m).
        """
        self.shape, self.dtype, self.ndim = (len(rows), *file.shape[1:]), file.dtype, file.ndim
        self._file, self._rows = file, np.asarray(rows, np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Reads a row, a slice, or the rows of an array of indices."""
        chosen = self._rows[rows]
        return self._file[chosen] if np.size(chosen) else np.zeros((0, *self.shape[1:]), self.dtype)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)


class Store:
    """Arrays of one shape, written by threads: in memory, or in a file without a name in a folder."""

    def __init__(self, count: int, shape: tuple[int, ...], folder: Path | None, dtype: DTypeLike = np.uint8):
        """Makes room.

        Args:
            count: How many there may be.
            shape: Of each.
            folder: Where the file is; None: in memory.
            dtype: Of their numbers.
        """
        self._all = RowFile.temporary((count, *shape), dtype, folder) if folder else None
        self._arrays = np.zeros((0 if folder else count, *shape), dtype)

    def write(self, row: int, pixels: np.ndarray) -> None:
        """Keeps an array as number `row`."""
        if self._all is None:
            self._arrays[row] = pixels
        else:
            self._all.write(row, pixels[None])

    def __getitem__(self, row: int) -> np.ndarray:
        return self._arrays[row] if self._all is None else self._all[row]

    def take(self, rows: Sequence[int]) -> np.ndarray:
        """Some of the arrays: `(n, *shape)`; `Rows`, which index alike, where a file has them."""
        chosen = np.array(rows, np.int64)
        return self._arrays[chosen] if self._all is None else cast("np.ndarray", Rows(self._all, chosen))


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class PictureSet:
    """Pictures, split.

    Attributes:
        images: Per part of "train", "validation", "test": `(n, height, width, 3)` uint8 in [0, 255]; of a
            folder that was read with `work`, `Rows`.
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
