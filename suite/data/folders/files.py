"""What readers of a folder of pictures share: work in threads, and copies, which stay together in a split."""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from suite import console

_AT_A_TIME = 1024


class Digested(Protocol):
    """A picture of which copies can be told."""

    @property
    def digest(self) -> str:
        """The `file_digest` of its file."""


Given = TypeVar("Given")
Answer = TypeVar("Answer")
Copy = TypeVar("Copy", bound=Digested)


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


def file_digest(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal; files with the same one are copies."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            found.update(block)
    return found.hexdigest()


def by_digest(pictures: Iterable[Copy]) -> list[list[Copy]]:
    """Groups copies: pictures with the same digest."""
    groups: dict[str, list[Copy]] = {}
    for picture in pictures:
        groups.setdefault(picture.digest, []).append(picture)
    return list(groups.values())


def split_copies_together(
    pictures: Iterable[Copy], shares: Mapping[str, float], rng: np.random.Generator
) -> dict[str, list[Copy]]:
    """Splits pictures at random; copies of one are in one part.

    Args:
        pictures: Any.
        shares: By part, how much of the different pictures it gets, in [0, 1); at least one, unless 0.
        rng: Of the order.

    Returns:
        Pictures by part; what is left is under "train".
    """
    groups = by_digest(pictures)
    count = len(groups)
    # Shortest first: no evaluation should hang on a picture that occurs many times.
    groups = sorted((groups[i] for i in rng.permutation(count)), key=len)
    chosen = {}
    for part, share in shares.items():
        taken = max(1, round(share * count)) if share else 0
        chosen[part] = list(chain(*groups[:taken]))
        groups = groups[taken:]
    return chosen | {"train": list(chain(*groups))}
