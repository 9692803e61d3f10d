"""The scan of a user's pictures: each is checked in a thread, set aside or kept, and copies stay together."""

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from suite import console
from suite.data.digest import file_digest
from suite.data.pictures.images import UndecodableImageError
from suite.data.set_aside import SetAside, UnusableError, reason_of
from suite.data.splits import SPLITS

_AT_A_TIME = 1024

Content = TypeVar("Content")
Given = TypeVar("Given")
Answer = TypeVar("Answer")


@dataclasses.dataclass(frozen=True, slots=True)
class Picture(Generic[Content]):
    """A sound picture.

    Attributes:
        file: Its path relative to the root, with forward slashes, or the place of its record.
        part: "train", "validation" or "test".
        content: What its reader gave: a class name, or pixels and what belongs to them.
        digest: The sha256 of its bytes, in hexadecimal; pictures with the same one are copies.
    """

    file: str
    part: str
    content: Content
    digest: str


def inspect_files(
    files: Sequence[tuple[Path, str]], root: Path, read: Callable[[Path], Content], label: str
) -> tuple[list[Picture[Content]], list[SetAside]]:
    """Reads pictures in a pool of threads.

    Args:
        files: Pairs of a path below the root and a part.
        root: The folder.
        read: Gives the content of a path, or raises `UnusableError`, `UndecodableImageError` or OSError.
        label: For the progress bar.

    Returns:
        The pictures in the order of `files`, and what could not be read.
    """

    def read_and_digest(file: str) -> tuple[Content, str]:
        path = root / file
        return read(path), file_digest(path)

    named = [(path.relative_to(root).as_posix(), part) for path, part in files]
    return inspect(named, read_and_digest, label)


def inspect(
    files: Sequence[tuple[str, str]], read: Callable[[str], tuple[Content, str]], label: str
) -> tuple[list[Picture[Content]], list[SetAside]]:
    """Reads pictures in a pool of threads, wherever they are.

    Args:
        files: Pairs of a name, as in `Picture.file`, and a part.
        read: Gives the content and the digest of a name, or raises `UnusableError`, `UndecodableImageError`
            or OSError.
        label: For the progress bar.

    Returns:
        The pictures in the order of `files`, and what could not be read.
    """

    def attempt(pair: tuple[str, str]) -> Picture[Content] | SetAside:
        file, part = pair
        try:
            return Picture(file, part, *read(file))
        except (UnusableError, UndecodableImageError) as error:
            return SetAside(file, error.reason)
        except OSError as error:
            return SetAside(file, reason_of(error))

    answers = in_threads(attempt, files, label)
    aside = [answer for answer in answers if isinstance(answer, SetAside)]
    return [answer for answer in answers if isinstance(answer, Picture)], aside


def in_threads(function: Callable[[Given], Answer], items: Sequence[Given], label: str) -> list[Answer]:
    """Applies a function to all items in a pool of threads (Pillow releases the interpreter lock).

    Args:
        function: Raises nothing.
        items: What it takes.
        label: For the progress bar.

    Returns:
        The answers in the order of the items.
    """
    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1))
    # Some at a time: the pool makes a promise for each at once, which takes more memory than most answers.
    starts = range(0, len(items), _AT_A_TIME)
    answers = (pool.map(function, items[start : start + _AT_A_TIME]) for start in starts)
    try:
        return list(console.track(chain.from_iterable(answers), label, total=len(items)))
    finally:
        pool.shutdown(cancel_futures=True)  # so that Ctrl-C does not wait for all the others


def by_digest(pictures: Iterable[Picture[Content]]) -> list[list[Picture[Content]]]:
    """Groups copies: pictures with the same digest."""
    groups: dict[str, list[Picture[Content]]] = {}
    for picture in pictures:
        groups.setdefault(picture.digest, []).append(picture)
    return list(groups.values())


def separate_copies(
    pictures: Iterable[Picture[Content]], class_of: Callable[[Picture[Content]], str] = lambda _: ""
) -> tuple[list[Picture[Content]], list[SetAside]]:
    """Leaves no picture in two parts, of which the last one keeps it, or under two classes.

    Args:
        pictures: Any.
        class_of: The class of a picture, where it has one.

    Returns:
        Those that are kept, and the others.
    """
    kept, aside = [], []
    for copies in by_digest(pictures):
        of_class = {class_of(copy): copy.file for copy in copies}
        last = max(copies, key=lambda copy: SPLITS.index(copy.part))
        for copy in copies:
            rival = next((file for name, file in of_class.items() if name != class_of(copy)), None)
            if rival:
                reason = f"the same picture as {rival!r}, which is in another class"
                aside.append(SetAside(copy.file, reason))
            elif copy.part != last.part:
                reason = f"the same picture as {last.file!r}, which is kept for {last.part}"
                aside.append(SetAside(copy.file, reason))
            else:
                kept.append(copy)
    return kept, aside


def divide(
    pictures: Iterable[Picture[Content]], shares: Mapping[str, float], rng: np.random.Generator
) -> dict[str, list[Picture[Content]]]:
    """Splits new parts off the training pictures at random; copies of one are in one part.

    Args:
        pictures: Of all parts; those outside of train stay where they are.
        shares: By new part, how much of the different pictures it gets, in [0, 1); at least one, unless 0.
        rng: Of the order.

    Returns:
        Pictures by part.
    """
    parts: dict[str, list[Picture[Content]]] = {part: [] for part in SPLITS}
    for picture in pictures:
        parts[picture.part].append(picture)
    groups = by_digest(parts["train"])
    count = len(groups)
    # Shortest first: no evaluation should hang on a picture that occurs many times.
    groups = sorted((groups[i] for i in rng.permutation(count)), key=len)
    for part, share in shares.items():
        taken = max(1, round(share * count)) if share else 0
        parts[part] += chain(*groups[:taken])
        groups = groups[taken:]
    return parts | {"train": list(chain(*groups))}
