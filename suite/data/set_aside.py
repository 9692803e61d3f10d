"""What is said of a user's data: what was set aside and why, what was assumed, which files nobody read."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from suite.data.splits import SPLITS

_SHOWN = 5


@dataclasses.dataclass(frozen=True)
class SetAside:
    """A file of a user's, or a line or record of one, that is not used.

    Attributes:
        file: Its path below the folder that the user gave, with forward slashes; or "NAME:LINE".
        reason: A few words.
    """

    file: str
    reason: str

    @classmethod
    def below(cls, root: Path, path: Path, reason: str) -> "SetAside":
        """Names a file by its path below a folder.

        Args:
            root: The folder that the user gave.
            path: The file, under `root`.
            reason: What is wrong with it.
        """
        return cls(path.relative_to(root).as_posix(), reason)

    def to_json(self) -> dict[str, str]:
        """As result.json and split.json hold it."""
        return dataclasses.asdict(self)


class UnusableError(ValueError):
    """A file, or what it says of another one, has to be set aside.

    Attributes:
        reason: A few words.
    """

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def losses(data: Mapping[str, Any]) -> list[str]:
    """Says what of a user's data is not used, or not as it stands there; for the terminal.

    Args:
        data: `Result.data`: "quarantined", `SetAside` each; "notes" (sentences) and "unread" (files), if
            there are any.

    Returns:
        Lines; none where everything is used as it is.
    """
    lines = _set_aside(data.get("quarantined", ()), sum(data.get(part, 0) for part in SPLITS))
    lines += [printable(note) for note in data.get("notes", ())]
    unread = data.get("unread", ())
    if unread:
        lines.append(f"{len(unread)} file{'s' * (len(unread) > 1)} not read: {first_names(unread)}")
    return lines


def _set_aside(entries: Sequence[SetAside], used: int) -> list[str]:
    if not entries:
        return []
    files_of: dict[str, list[str]] = {}
    for entry in entries:
        files_of.setdefault(entry.reason, []).append(entry.file)
    beside = f", {used} used" if used else ""
    lines = [f"{len(entries)} set aside{beside}; report.html says why"]
    for reason, (first, *others) in list(files_of.items())[:_SHOWN]:
        more = f" (and {len(others)} more)" if others else ""
        lines.append(printable(f"  {first}: {reason}{more}"))
    return lines


def reason_of(error: OSError) -> str:
    """What the system says: "permission denied", "no such file or directory"."""
    return (error.strerror or str(error)).lower()


def with_first(entries: Sequence[SetAside]) -> str:
    """Says in brackets how many files were set aside and why the first of them was; "" where none was."""
    return f" ({len(entries)} set aside, as {entries[0].file!r}: {entries[0].reason})" if entries else ""


def with_reasons(entries: Sequence[SetAside], most: int = 4) -> str:
    """As `with_first`, with an example of each kind of reason.

    Args:
        entries: What was set aside.
        most: How many kinds are told.
    """
    examples: dict[str, SetAside] = {}
    for entry in entries:
        alike = re.sub(r"\d+", "0", entry.reason.replace(f"{Path(entry.file).stem}.", ""))
        examples.setdefault(alike, entry)
    told = [f"{entry.file!r}: {entry.reason}" for entry in examples.values()]
    more = f"; and {len(told) - most} other reasons" if len(told) > most else ""
    return f" ({len(entries)} set aside, as {printable('; '.join(told[:most]))}{more})" if told else ""


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number of things: "1 box", "1,200 boxes".

    Args:
        number: How many there are.
        noun: Of one.
        plural: Of several, where it has not just "s" or "es" more.
    """
    plural = plural or noun + ("es" if noun.endswith(("s", "x")) else "s")
    return f"{number:,} {noun if number == 1 else plural}"


def first_names(names: Sequence[str], most: int = 3) -> str:
    """Lists the first of some names: "a, b, c and 4 more"."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return printable(", ".join(names[:most])) + more


def printable(text: str) -> str:
    """A text in one line that every terminal takes: names of files may hold line ends, or be no text."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )
