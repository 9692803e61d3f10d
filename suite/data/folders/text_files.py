"""A user's files of JSON, and texts that belong to a picture: what is wrong with them in a line."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from suite.data.folders.tables import read_text
from suite.data.set_aside import UnusableError

Content = TypeVar("Content")


def read_text_of_picture(path: Path, what: str) -> str:
    """As `read_text`, of a file that belongs to a picture.

    Args:
        path: The file.
        what: Such as "label file".

    Raises:
        UnusableError: It cannot be read.
    """
    try:
        return read_text(path, what)
    except ValueError as error:
        wrong = str(error).rpartition(repr(str(path)))[2].removeprefix(",").strip(" :")
        raise UnusableError(f"its {what} {path.name} cannot be read: {wrong}") from error


def read_json(path: Path, wanted: str) -> Any:
    """A file's JSON.

    Args:
        path: The file.
        wanted: What is expected in it, for the message.

    Raises:
        ValueError: It is no file, or none of JSON.
    """
    try:
        return json.loads(read_text(path, wanted))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"expected {wanted} of valid JSON, received {path.name!r}: {error}; mend it"
        ) from error


def read_each(paths: Iterable[Path], read: Callable[[Path], Content]) -> dict[Path, Content]:
    """Reads files, and tells all that are wrong at once.

    Args:
        paths: The files.
        read: Gives the content of one, or raises ValueError.

    Raises:
        ValueError: Some cannot be read.
    """
    contents, wrong = {}, []
    for path in paths:
        try:
            contents[path] = read(path)
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise ValueError("; ".join(wrong))
    return contents
