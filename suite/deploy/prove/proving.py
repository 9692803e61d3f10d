"""Proves files of a model while the next ones are written."""

import dataclasses
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from suite import console, stopwatch
from suite.bundle.rows import ArtifactRow
from suite.deploy.convert.files import WRITTEN
from suite.deploy.describe import describe
from suite.deploy.prove.judging import Original
from suite.deploy.prove.measure import Measurement, Measuring


class Proving:
    """The files of one model, each of which runs in another process as soon as it is written."""

    def __init__(self, folder: Path, original: Original, measuring: Measuring):
        """Begins without files.

        Args:
            folder: Where they are.
            original: The Keras model.
            measuring: Runs them on its inputs.
        """
        self._folder, self._original, self._measuring = folder, original, measuring
        self._rows: dict[str, ArtifactRow] = {}
        self._running: dict[str, Future[Measurement]] = {}

    def add(self, row: ArtifactRow) -> None:
        """Has a file run, if it could be written.

        Args:
            row: Its path, format and variant, and whether it was written.
        """
        self._rows[row.path] = row
        if row.status == WRITTEN:
            self._running[row.path] = self._measuring.run(self._folder / row.path)

    def leave(self, row: ArtifactRow, status: str, reason: str) -> None:
        """Leaves a file unproven.

        Args:
            row: Its path, format and variant.
            status: Of its row.
            reason: Why.
        """
        described = describe(row, self._folder / row.path)
        self._rows[row.path] = dataclasses.replace(described, status=status, reason=reason)

    def __contains__(self, path: str) -> bool:
        return path in self._rows

    def tell(self, path: str, wait: bool = False) -> None:
        """Says that a file is proven, if it is known by now and was not said.

        Args:
            path: Of a file that was added.
            wait: Whether to wait until it is known.
        """
        if path in self._running and (wait or self._running[path].done()) and self.judged(path).is_shipped:
            console.say(f"  {path} is proven{stopwatch.so_far()}")

    def judged(self, path: str) -> ArtifactRow:
        """Waits until a file has run; gives its row with what was measured.

        Args:
            path: Of a file that was added.

        Raises:
            OSError: The disk is full.
        """
        if path in self._running:
            measured = self._running.pop(path).result()
            row = self._rows[path]
            self._rows[path] = self._original.judged(row, self._folder / path, measured, row.variant)
        return self._rows[path]

    def rows(self, order: Sequence[str]) -> list[ArtifactRow]:
        """Waits for all files; gives their rows, those that could not be written last.

        Args:
            order: Of the paths.

        Raises:
            OSError: The disk is full.
        """
        rows = [self.judged(path) for path in order if path in self._rows]
        return sorted(rows, key=lambda row: row.bytes is None)
