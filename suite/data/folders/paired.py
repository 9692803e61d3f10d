"""What sets of pictures with masks, boxes or captions share: finding files, parts, counts."""

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from suite.data.folders import layout, scan
from suite.data.folders.scan import Content, Picture, separate_copies
from suite.data.folders.tables import read_text
from suite.data.pictures.file_kinds import is_picture
from suite.data.set_aside import SetAside, first_names, printable, with_reasons
from suite.data.splits import SPLITS

LEAST = {"train": 5, "validation": 1, "test": 1}

_SHARES = {"validation": 0.15, "test": 0.15}


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


def list_files(folder: Path, root: Path) -> tuple[list[Path], list[SetAside]]:
    """Files of a folder in natural order, and everything in it that is none."""
    folders, files, aside = layout.list_entries(folder, root)
    aside += [SetAside.below(root, path, "a folder, where a file is expected") for path in folders]
    return files, aside


def list_both(
    pictures: Path, others: Path, root: Path, is_other: Callable[[Path], bool]
) -> tuple[list[Path], list[Path], list[SetAside]]:
    """Files of a folder of pictures, and those of the folder of what belongs to them.

    Args:
        pictures: The former: all files in it; where it is the latter, too, those that are named as pictures.
        others: The latter.
        root: The folder that entries are relative to.
        is_other: Whether a file is one of what belongs to pictures.

    Returns:
        Pictures, others, and what is neither; a folder in one of them that has others in it is not told.
    """
    images, aside = list_files(pictures, root)
    if pictures == others:
        found = [path for path in images if is_other(path)]
        return [path for path in images if is_picture(path.suffix) and not is_other(path)], found, []
    if others.is_relative_to(pictures):
        aside = []
    beside, more = list_files(others, root)
    aside += [entry for entry in more if entry not in aside]
    return images, [path for path in beside if is_other(path)], aside


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


def divide(
    pictures: Sequence[Picture[Content]],
    given: Collection[str],
    root: Path,
    seed: int,
    aside: Sequence[SetAside],
) -> tuple[dict[str, list[Picture[Content]]], list[SetAside]]:
    """Gives every picture its part; parts that are not given are split off train, 15 % each.

    Copies (the same bytes) stay together. Of copies in several given parts those in the last part are kept.

    Args:
        pictures: What is usable.
        given: The parts that the folder has.
        root: For the message.
        seed: Of the split.
        aside: What was set aside before.

    Returns:
        Pictures by part, sorted by their names; and all that is set aside, copies included.

    Raises:
        ValueError: Fewer than 5 pictures for train, or 1 for validation or test.
    """
    pictures, copies = separate_copies(pictures)
    shares = {part: share for part, share in _SHARES.items() if part not in given}
    parts = scan.divide(pictures, shares, np.random.default_rng(seed))
    _check_counts(root, parts, [*aside, *copies])
    return {part: sorted(parts[part], key=attrgetter("file")) for part in SPLITS}, [*aside, *copies]


def _check_counts(root: Path, parts: Mapping[str, Sequence[Picture[Any]]], aside: Sequence[SetAside]) -> None:
    if all(len(parts[part]) >= least for part, least in LEAST.items()):
        return
    needed = ", ".join(f"{least} for {part}" for part, least in LEAST.items())
    received = ", ".join(f"{len(parts[part])} for {part}" for part in SPLITS)
    raise ValueError(
        f"expected at least {needed} usable pictures in {str(root)!r}, received {received}"
        f"{with_reasons(aside)}; {'mend those or add others' if aside else 'add pictures'}"
    )


def stretch(pixels: np.ndarray, size: tuple[int, int], is_mask: bool = False) -> np.ndarray:
    """Stretches uint8 pixels to `(height, width)`: bilinear as `load_image`, or the nearest for a mask.

    Args:
        pixels: `(height, width, channels)`, or `(height, width)` of a mask.
        size: The new `(height, width)`.
        is_mask: Whether pixels are classes, which have nothing between them.
    """
    resampling = Image.Resampling.NEAREST if is_mask else Image.Resampling.BILINEAR
    return np.array(Image.fromarray(pixels).resize(size[::-1], resampling))
