"""What sets of pictures with masks or boxes share: finding, reading in parallel, copies, parts, counts."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from suite.data.folders import layout
from suite.data.folders.companions import child
from suite.data.folders.files import by_digest, file_digest, in_threads, split_copies_together
from suite.data.folders.tables import read_text
from suite.data.pictures.images import UndecodableImage
from suite.data.set_aside import first_names, printable
from suite.data.splits import SPLITS

LEAST = {"train": 5, "validation": 1, "test": 1}

_SHARES = {"validation": 0.15, "test": 0.15}


class Unusable(Exception):
    """A picture or its annotation has to be set aside.

    Attributes:
        reason: A few words.
    """

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Picture(NamedTuple):
    """A picture that was read: its path relative to the root, its part, and what its reader gave."""

    file: str
    part: str
    digest: str
    content: tuple


def check_folder(root: Path, expected: str) -> None:
    """Refuses a path that is no folder, or an empty one.

    Raises:
        ValueError: It does not exist, is a file, or is empty.
    """
    if not root.is_dir():
        received = "which is a file" if root.exists() else "which does not exist"
        raise ValueError(f"expected {expected}, received {str(root)!r}, {received}; check the path")
    if not any(root.iterdir()):
        raise ValueError(f"expected {expected}, received {str(root)!r}, which is empty; put them in it")


def part_named(name: str) -> str | None:
    """The part that a folder or file name stands for ("val2017": "validation"), or None."""
    return layout.PART_NAMES.get(name.casefold().rstrip("0123456789"))


def find_pairs(root: Path, first: str, second: str) -> dict[str, tuple[Path, Path]]:
    """Finds two folders that belong together, in a root divided into parts or not.

    Args:
        root: Holds images/ and masks/, or train/images/ and train/masks/ and so on, or images/train/ and
            masks/train/ and so on; in upper or lower case.
        first: Name of the folder of pictures, such as "images".
        second: Name of the folder of annotations, such as "masks".

    Returns:
        The two folders by part, all under "train" where there is no division; empty where there is no pair.
    """
    below = [(part_named(path.name), path) for path in sorted(root.iterdir()) if path.is_dir()]
    pairs = {part: (child(path, first), child(path, second)) for part, path in below if part}
    firsts, seconds = child(root, first), child(root, second)
    if not _complete(pairs):
        inner = sorted(firsts.iterdir()) if firsts.is_dir() else []
        named = [(part_named(path.name), path) for path in inner if path.is_dir()]
        pairs = {part: (path, child(seconds, path.name)) for part, path in named if part}
    if not _complete(pairs):
        pairs = {"train": (firsts, seconds)}
    return _complete(pairs)


def _complete(pairs: Mapping[str, tuple[Path, Path]]) -> dict[str, tuple[Path, Path]]:
    complete = {part: pair for part, pair in pairs.items() if all(path.is_dir() for path in pair)}
    return complete if "train" in complete else {}


def list_files(folder: Path, root: Path) -> tuple[list[Path], list[dict[str, str]]]:
    """Files of a folder in natural order, and an entry for everything in it that is none."""
    folders, files, aside = layout.list_entries(folder, root)
    aside += [layout.entry(path, root, "a folder, where a file is expected") for path in folders]
    return files, aside


def remarks(pictures: Sequence[tuple[str, Collection[str]]]) -> tuple[str, ...]:
    """Sums up what was assumed of pictures.

    Args:
        pictures: Pairs of a file and its remarks, such as "without a label file, taken as background".

    Returns:
        Such as "12 pictures without a label file, taken as background: a.jpg, b.jpg, c.jpg and 9 more".
    """
    files_of: dict[str, list[str]] = {}
    for file, said in pictures:
        for remark in said:
            files_of.setdefault(remark, []).append(file)
    return tuple(
        f"{len(files)} picture{'s' * (len(files) > 1)} {remark}: {first_names(files)}"
        for remark, files in files_of.items()
    )


def contents(root: Path) -> str:
    """Names the first things in a folder, for a message."""
    names = sorted(path.name + "/" * path.is_dir() for path in root.iterdir())
    return printable(", ".join(names[:6])) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def read_names(path: Path) -> tuple[str, ...]:
    """Class names, one a line; none where there is no such file."""
    if not path.is_file():
        return ()
    lines = read_text(path, "a file of names").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def read_all(
    files: Sequence[tuple[Path, str]], root: Path, read: Callable[[Path], tuple], label: str
) -> tuple[list[Picture], list[dict[str, str]]]:
    """Reads pictures in a pool of threads.

    Args:
        files: Pairs of a path and a part.
        root: The folder that entries are relative to.
        read: Gives the content of a path, or raises `Unusable`, `UndecodableImage` or OSError.
        label: For the progress bar.

    Returns:
        The pictures in the order of `files`, and an entry for each that could not be read.
    """
    answers = in_threads(lambda pair: _attempt(pair[0], read), files, label)
    pictures, aside = [], []
    for (path, part), (reason, digest, content) in zip(files, answers, strict=True):
        if reason:
            aside.append(layout.entry(path, root, reason))
        else:
            pictures.append(Picture(path.relative_to(root).as_posix(), part, digest, content))
    return pictures, aside


def _attempt(path: Path, read: Callable[[Path], tuple]) -> tuple[str, str, tuple]:
    try:
        content = read(path)
        return "", file_digest(path), content
    except (Unusable, UndecodableImage) as error:
        return error.reason, "", ()
    except OSError as error:
        return layout.fault(error), "", ()


def divide(
    pictures: Sequence[Picture], given: Collection[str], root: Path, seed: int, aside: list[dict[str, str]]
) -> dict[str, list[Picture]]:
    """Gives every picture its part; parts that are not given are split off train, 15 % each.

    Copies (the same bytes) stay together. Of copies in several given parts those in the last part are kept.

    Args:
        pictures: What is usable.
        given: The parts that the folder has.
        root: For the message.
        seed: Of the split.
        aside: What was set aside, for the message; copies are added.

    Returns:
        Pictures by part.

    Raises:
        ValueError: Fewer than 5 pictures for train, or 1 for validation or test.
    """
    pictures = _without_leaks(pictures, aside)
    parts = {part: [picture for picture in pictures if picture.part == part] for part in SPLITS}
    shares = {part: share for part, share in _SHARES.items() if part not in given}
    parts |= split_copies_together(parts["train"], shares, np.random.default_rng(seed))
    _check_counts(root, parts, aside)
    return {part: sorted(chosen, key=lambda picture: picture.file) for part, chosen in parts.items()}


def _without_leaks(pictures: Sequence[Picture], aside: list[dict[str, str]]) -> list[Picture]:
    kept = []
    for copies in by_digest(pictures):
        last = max(copies, key=lambda copy: SPLITS.index(copy.part))
        for copy in copies:
            if copy.part == last.part:
                kept.append(copy)
            else:
                reason = f"the same picture as {last.file!r}, which is kept for {last.part}"
                aside.append({"file": copy.file, "reason": reason})
    return kept


def _check_counts(root: Path, parts: Mapping[str, Sequence[Picture]], aside: Sequence[Mapping]) -> None:
    if all(len(parts[part]) >= least for part, least in LEAST.items()):
        return
    needed = ", ".join(f"{least} for {part}" for part, least in LEAST.items())
    received = ", ".join(f"{len(parts[part])} for {part}" for part in SPLITS)
    lost = f" ({len(aside)} set aside, as {aside[0]['file']!r}: {aside[0]['reason']})" if aside else ""
    raise ValueError(
        f"expected at least {needed} usable pictures in {str(root)!r}, received {received}{lost}; "
        f"{'mend those or add others' if aside else 'add pictures'}"
    )


def stack(arrays: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """`(n, *shape)` uint8 of n arrays, n = 0 included."""
    return np.stack(arrays) if len(arrays) else np.zeros((0, *shape), np.uint8)


def describe(
    source: str,
    classes: Sequence[str],
    images: Mapping,
    quarantined: Sequence[dict],
    files: Mapping[str, str],
    notes: Sequence[str] = (),
    unread: Sequence[str] = (),
) -> dict:
    """What `Result.data` says of a set.

    Args:
        source: Where the set is from.
        classes: Their names.
        images: Images by part.
        quarantined: Entries `{"file", "reason"}`.
        files: The part of each file; none of a set that is not a folder.
        notes: What was assumed, a sentence each.
        unread: Files that nobody read.
    """
    sizes = {part: len(images[part]) for part in SPLITS}
    about = {"source": source, "classes": list(classes), **sizes, "quarantined": list(quarantined)}
    more = {"files": dict(files), "notes": list(notes), "unread": list(unread)}
    return about | {key: value for key, value in more.items() if value}


def parts_of_files(parts: Mapping[str, Sequence[Picture]]) -> dict[str, str]:
    """The part of each file, of what `divide` gave."""
    return {picture.file: part for part in SPLITS for picture in parts[part]}


def stretch(pixels: np.ndarray, size: tuple[int, int], is_mask: bool = False) -> np.ndarray:
    """Stretches uint8 pixels to `(height, width)`: bilinear as `load_image`, or the nearest for a mask.

    Args:
        pixels: `(height, width, channels)`, or `(height, width)` of a mask.
        size: The new `(height, width)`.
        is_mask: Whether pixels are classes, which have nothing between them.
    """
    resampling = Image.Resampling.NEAREST if is_mask else Image.Resampling.BILINEAR
    return np.array(Image.fromarray(pixels).resize(size[::-1], resampling))
