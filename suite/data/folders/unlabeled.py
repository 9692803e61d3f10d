"""A user's folder of pictures for which no labels are needed; sub-folders are taken as classes."""

import dataclasses
import os
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.folders import layout, scan
from suite.data.folders.labeled import check_picture
from suite.data.folders.paired import check_folder
from suite.data.set_aside import SetAside, printable

LEAST = 20


@dataclasses.dataclass(frozen=True, eq=False)
class PictureFolder:
    """The sound pictures of a folder, in two parts.

    Attributes:
        root: The folder.
        files: By part, "train" and "test", paths relative to `root` with forward slashes.
        labels: By part, `(n,)` int64: the index in `classes` of the folder that a picture lies in.
        classes: Names of the sub-folders; one, ".", where the pictures lie in the folder itself.
        quarantined: Everything that was set aside.
    """

    root: Path
    files: dict[str, tuple[str, ...]]
    labels: dict[str, np.ndarray]
    classes: tuple[str, ...]
    quarantined: tuple[SetAside, ...]

    def describe(self) -> dict[str, Any]:
        """What `Result.data` says of it."""
        return {
            "source": str(self.root),
            "classes": list(self.classes),
            **{part: len(files) for part, files in self.files.items()},
            "quarantined": list(self.quarantined),
            "files": {file: part for part, files in self.files.items() for file in files},
        }


def read_picture_folder(
    directory: str | os.PathLike[str], seed: int, test_share: float = 0.15
) -> PictureFolder:
    """Finds the pictures in a folder and its sub-folders; nothing in it is changed.

    Every file is decoded once. What is not a sound picture of at least 16 x 16 pixels is set aside, and so is
    a copy (the same bytes) of another picture, which would be found as its nearest.

    Args:
        directory: The folder.
        seed: Of the split.
        test_share: Share of the pictures, at random, that become the test part, in (0, 1).

    Returns:
        The pictures.

    Raises:
        ValueError: There is no such folder, or it has fewer than 20 pictures.
    """
    root = Path(os.path.realpath(directory))
    check_folder(root, "a folder of pictures")
    files, unreachable = layout.find_files(root, {"train": [root]})
    pictures, unusable = scan.inspect_files(files, root, check_picture, "Checking pictures")
    aside, different = [*unreachable, *unusable], []
    for original, *copies in scan.by_digest(pictures):
        different.append(original)
        aside += [SetAside(copy.file, f"a copy of {original.file}") for copy in copies]
    if len(different) < LEAST:
        first = "; ".join(printable(f"{entry.file}: {entry.reason}") for entry in aside[:3])
        lost = f" ({len(aside)} set aside, as {first})" if aside else ""
        raise ValueError(
            f"expected at least {LEAST} pictures in {str(directory)!r}, received {len(different)}{lost}; add "
            f"pictures{' or mend those' if aside else ''}"
        )
    different.sort(key=attrgetter("file"))
    parts = scan.divide(different, {"test": test_share}, np.random.default_rng(seed))
    files_of = {part: tuple(picture.file for picture in parts[part]) for part in ("train", "test")}
    classes, labels = np.unique(
        [_folder(file) for files in files_of.values() for file in files], return_inverse=True
    )
    return PictureFolder(
        root=root,
        files=files_of,
        labels=dict(zip(files_of, np.split(labels, [len(files_of["train"])]), strict=True)),
        classes=tuple(classes.tolist()),
        quarantined=tuple(aside),
    )


def _folder(file: str) -> str:
    return Path(file).parent.as_posix()
