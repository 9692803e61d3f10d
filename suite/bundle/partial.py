"""A bundle in the making: it appears whole or not at all."""

import fcntl
import os
import shutil
from pathlib import Path

from suite.bundle.names import RESULT_FILE

FAILED_SUFFIX = ".failed"
SETTINGS_FILE = "settings.json"  # of the run, in its `work` folder


class PartialBundle:
    """A bundle in the making, beside its final place: `.NAME.partial/` until `finish` renames it.

    A run that is killed leaves only the partial folder, which the next run reuses (`resume`) or throws away.
    One that is refused before there is anything to go on with leaves nothing.
    """

    def __init__(self, out: str | Path, resume: bool = False):
        """Takes the partial folder for this process.

        Args:
            out: Final folder of the bundle; missing, or an earlier bundle.
            resume: Whether to keep the `work` folder of an interrupted run.

        Raises:
            ValueError: `out`, or the folder for a failed run beside it, holds something that is not a bundle;
                or another run is writing there.
        """
        self.out = Path(os.path.abspath(out))
        self.folder = partial_folder(self.out)
        for final in (self.out, failed_folder(self.out)):
            if final.exists() and not (final / RESULT_FILE).is_file() and _is_occupied(final):
                raise ValueError(
                    f"expected a new folder or an earlier bundle, {final} holds other files; choose another "
                    "folder"
                )
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self._lock: int | None = self._take_lock()
        for final in (self.out, failed_folder(self.out)):
            _recover(final)
        if self.folder.exists() and not resume:
            shutil.rmtree(self.folder)
        self.work.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():  # files of the interrupted export, all of which are made anew
            if path != self.work:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    @property
    def work(self) -> Path:
        """Where a run keeps what it needs to resume: checkpoints and the like, not in the finished bundle."""
        return self.folder / "work"

    def finish(self, failed: bool = False) -> Path:
        """Moves the bundle to its final name in place of an earlier one.

        Args:
            failed: Whether that is `out` + ".failed".

        Returns:
            The final folder.
        """
        final = failed_folder(self.out) if failed else self.out
        shutil.rmtree(self.work, ignore_errors=True)
        _sync(self.folder)
        try:
            if final.exists():
                final.rename(_old(final))
            self.folder.rename(final)
        finally:
            _recover(final)
        self.release()
        return final

    def __enter__(self) -> "PartialBundle":
        return self

    def __exit__(self, kind: type[BaseException] | None, *failure: object) -> None:
        if kind is not None and issubclass(kind, ValueError) and not self._has_work():
            shutil.rmtree(self.folder, ignore_errors=True)
        self.release()

    def _has_work(self) -> bool:
        return any(path.is_file() and path.name != SETTINGS_FILE for path in self.work.rglob("*"))

    def release(self) -> None:
        """Lets other runs write here again; the partial folder stays for `resume`."""
        if self._lock is not None:
            self._lock_path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def _take_lock(self) -> int:
        self._lock_path = self.out.with_name(f".{self.out.name}.lock")
        lock = os.open(self._lock_path, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system frees it when the process dies
            # Between the two calls a run that ended may have removed the file, and another one made its own.
            if not os.path.samestat(os.fstat(lock), os.stat(self._lock_path)):
                raise FileNotFoundError
        except OSError:
            os.close(lock)
            raise ValueError(
                f"expected no other run on {self.out}, one is writing there; wait for it"
            ) from None
        return lock


def partial_folder(out: Path) -> Path:
    """Where the bundle `out` is while it is made, and stays if that is interrupted."""
    return out.with_name(f".{out.name}.partial")


def failed_folder(out: Path) -> Path:
    """Where the bundle `out` is put when a claim or an export of it failed."""
    return out.with_name(out.name + FAILED_SUFFIX)


def _old(final: Path) -> Path:
    """Where an earlier bundle is between the two renames that replace it."""
    return final.with_name(f".{final.name}.old")


def _recover(final: Path) -> None:
    """Ends a replacement: the earlier bundle goes, or comes back where that was interrupted."""
    if _old(final).exists():
        if final.exists():
            shutil.rmtree(_old(final))
        else:
            _old(final).rename(final)


def _is_occupied(path: Path) -> bool:
    return not path.is_dir() or any(path.iterdir())


def _sync(folder: Path) -> None:
    """Puts every file on disk, so that a power cut after the rename cannot leave empty ones."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
