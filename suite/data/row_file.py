"""Arrays on disk, for what may be larger than memory: decoded pictures, features."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike


class RowFile:
    """An array in a `.npy` file, written and read by rows.

    `np.memmap` does the same, but the pages that it has touched count as memory of the process until the
    system wants them back. Here only the rows that are asked for are in memory; the system keeps the file in
    its page cache as far as there is room. Threads may read and write at once.

    Attributes:
        path: The file, or None where it has no name.
        shape, dtype, ndim: As of an array.
    """

    def __init__(self, file: Any, path: Path | None, shape: Sequence[int], dtype: DTypeLike, start: int):
        """Use `create`, `open` or `temporary`."""
        self.path, self.shape, self.dtype = path, tuple(shape), np.dtype(dtype)
        self.ndim = len(self.shape)
        self._file, self._start = file, start
        self._row_bytes = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize

    @classmethod
    def create(cls, path: str | os.PathLike[str], shape: Sequence[int], dtype: DTypeLike) -> "RowFile":
        """Starts a file, in place of one that is there.

        Args:
            path: A `.npy` file.
            shape: `(n, ...)` when it is full.
            dtype: Of its numbers.
        """
        file = open(path, "w+b", buffering=0)  # noqa: SIM115  as long as the array
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": tuple(shape)}
        np.lib.format.write_array_header_1_0(file, header)
        return cls(file, Path(path), shape, dtype, file.tell())

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "RowFile":
        """Opens a `.npy` file for reading and writing; rows at its end may be missing.

        Raises:
            ValueError: It is no such file.
        """
        file = open(path, "r+b", buffering=0)  # noqa: SIM115  as long as the array
        try:
            np.lib.format.read_magic(file)
            shape, is_by_columns, dtype = np.lib.format.read_array_header_1_0(file)
        except ValueError as error:
            raise ValueError(f"expected a .npy file, received {os.fspath(path)!r}: {error}") from error
        if is_by_columns or not shape or dtype.hasobject:
            kind = "columns" if is_by_columns else f"{dtype} {shape}"
            raise ValueError(f"expected numbers row by row, received {os.fspath(path)!r} with {kind}")
        return cls(file, Path(path), shape, dtype, file.tell())

    @classmethod
    def temporary(
        cls, shape: Sequence[int], dtype: DTypeLike, folder: str | os.PathLike[str] | None = None
    ) -> "RowFile":
        """Starts a file without a name, which is gone when the process is.

        Args:
            shape: Of the array.
            dtype: Of the array.
            folder: Where the disk has room; the system's folder for temporary files by default.
        """
        return cls(tempfile.TemporaryFile(dir=folder, buffering=0), None, shape, dtype, 0)

    def __len__(self) -> int:
        return self.shape[0]

    def written(self) -> int:
        """Number of rows that are whole, where they were written one after another."""
        size = os.fstat(self._file.fileno()).st_size - self._start
        return min(len(self), size // max(1, self._row_bytes))

    def write(self, row: int, rows: np.ndarray) -> None:
        """Writes rows `(m, ...)` from number `row` on.

        Raises:
            OSError: The disk is full.
        """
        content = np.ascontiguousarray(rows, self.dtype).data.cast("B")
        place = self._start + row * self._row_bytes
        while content:
            done = os.pwrite(self._file.fileno(), content, place)
            content, place = content[done:], place + done

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Reads a row, a slice of rows without a step, or the rows of an array of indices."""
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(len(self))
            return self._read(start, max(start, stop))
        if np.ndim(rows):
            return np.stack([self._read(row, row + 1)[0] for row in rows])
        if not -len(self) <= rows < len(self):
            raise IndexError(f"expected a row below {len(self)}, received {rows}")
        row = int(rows) % len(self)
        return self._read(row, row + 1)[0]

    def _read(self, start: int, stop: int) -> np.ndarray:
        rows = np.empty((stop - start, *self.shape[1:]), self.dtype)
        content = rows.reshape(-1).data.cast("B")
        place = self._start + start * self._row_bytes
        while content:
            block = os.pread(self._file.fileno(), min(len(content), 2**26), place)
            if not block:
                raise EOFError(f"expected {len(self)} rows, received {self.written()}; the file is cut short")
            content[: len(block)] = block
            content, place = content[len(block) :], place + len(block)
        return rows

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)
