"""Whether the class folders of a user's folder can be trained on, and what to do where they cannot."""

import contextlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from suite.data.folders.layout import TABLES, class_name, find_files, find_parts, list_entries, natural
from suite.data.pictures.file_kinds import FIRST_BYTES, describe_kind, is_picture
from suite.data.set_aside import reason_of

FEWEST_IN_THREE = 5  # different pictures of a class; of fewer, none is spared for test


def minimum_per_class(parts: Collection[str]) -> int:
    """How many different training pictures a class needs: one is held out where there is no validation part.

    Args:
        parts: Those that the folder is divided into.
    """
    return 1 if "validation" in parts else 2


def is_few(count: int) -> bool:
    """Whether so few different pictures of a class are divided into train and validation alone."""
    return count < FEWEST_IN_THREE


def check_directory(root: Path) -> None:
    """Refuses what is not a folder with something in it.

    Raises:
        ValueError: It does not exist, is a file, cannot be listed, or is empty.
    """
    expected = f"expected a folder with a folder of pictures per class, received {str(root)!r}"
    if not root.exists():
        raise ValueError(f"{expected}, which does not exist; check the path")
    if not root.is_dir():
        raise ValueError(f"{expected}, which is {_of_file(root)}")
    try:
        is_empty = not os.listdir(root)
    except OSError as error:
        raise ValueError(f"{expected}: {reason_of(error)}; change its permissions") from error
    if is_empty:
        raise ValueError(f"{expected}, which is empty; put at least 2 class folders in it")


def _of_file(path: Path) -> str:
    """What a file is that was given for a folder, and what to give."""
    if path.suffix.lower() in TABLES:
        return "a table; give the folder that holds it and the pictures"
    with contextlib.suppress(OSError), open(path, "rb") as file:
        kind = describe_kind(file.read(FIRST_BYTES), path.suffix)
        if kind:
            return f"{kind}, in a folder per class"
    return "a file; give the folder that holds the class folders"


def check_classes(root: Path, parts: dict[str, list[Path]], depth: int = 1) -> tuple[str, ...]:
    """Names the classes.

    Args:
        root: The folder.
        parts: As `find_parts` or `deepen` gives them.
        depth: As for `deepen`.

    Raises:
        ValueError: Fewer than two, or validation or test have none of them.
    """
    classes = tuple(class_name(folder, depth) for folder in parts["train"])
    if len(classes) < 2:
        received = f"1 ({classes[0]!r})" if classes else "none, only loose files"
        deep, mend = "", advice(root) if depth == 1 else ""
        if depth > 1:
            received, deep = received.removesuffix(", only loose files"), f" {depth} deep"
            there = depths(path.relative_to(root).parent for path in _pictures(root))
            mend = f"there are {' and '.join(there) or 'no pictures'}"
        raise ValueError(
            f"expected at least 2 class folders{deep} to train on in {str(root)!r}, received {received}; "
            f"{mend}"
        )
    for part, folders in parts.items():
        names = [class_name(folder, depth) for folder in folders]
        check_overlap(root, part, names, classes)
    return classes


def check_overlap(root: Path, part: str, names: Collection[str], classes: Collection[str]) -> None:
    """Refuses a part of which train lacks all classes.

    Args:
        root: The folder.
        part: Its name.
        names: Its classes, which may be none.
        classes: Those of train.

    Raises:
        ValueError: No class is in both.
    """
    if names and not set(names) & set(classes):
        raise ValueError(
            f"expected classes of the train part of {str(root)!r} in its {part} part, received only others, "
            f"as {min(names, key=natural)!r}; add pictures of them to train or remove the {part} part"
        )


def advice(root: Path) -> str:
    """What to do about a folder whose class folders are not where they should be.

    Another folder is only proposed if it would be taken and holds all pictures; else it says what lies where.

    Args:
        root: The folder that the user gave.
    """
    pictures = _pictures(root)
    folders = list_entries(root, root)[0]
    below = [*folders, *(inner for folder in folders for inner in list_entries(folder, folder)[0])]
    guess = next((folder for folder in below if _would_be_taken(folder, len(pictures))), None)
    if guess:
        return f"did you mean {str(guess)!r}?"
    mend = "put the pictures of each class in a folder of their own"
    folders_of = [path.relative_to(root).parent for path in pictures]
    if len({len(folder.parts) for folder in folders_of} | {1}) == 1:
        return mend
    return f"{mend}, side by side; there are {' and '.join(depths(folders_of))}"


def depths(folders: Iterable[Path]) -> list[str]:
    """Says how many pictures lie how deep.

    Args:
        folders: Where each picture lies, relative to one folder.

    Returns:
        Such as "15 pictures in 3 folders like 'fruit/apple'" for each depth, from the top.
    """
    at: dict[int, list[Path]] = {}
    for folder in folders:
        at.setdefault(len(folder.parts), []).append(folder)
    said = []
    for depth, places in sorted(at.items()):
        names = sorted({place.as_posix() for place in places}, key=natural)
        where = "no folder" if not depth else repr(names[0])
        where = f"{len(names)} folders like {where}" if len(names) > 1 else where
        said.append(f"{len(places)} picture{'s' * (len(places) > 1)} in {where}")
    return said


def _pictures(root: Path) -> list[Path]:
    """All files below a folder that are pictures by their names."""
    return [path for path, _ in find_files(root, {"": [root]})[0] if is_picture(path.suffix)]


def _would_be_taken(root: Path, count: int) -> bool:
    """Whether a folder has that many pictures, in class folders with enough of them for training in each."""
    try:
        parts, _ = find_parts(root)
    except ValueError:
        return False
    classes = {folder.name for folder in parts["train"]}
    if len(classes) < 2 or any(folder.name not in classes for part in parts.values() for folder in part):
        return False
    found = [
        (part, folder.name, path)
        for part, folders in parts.items()
        for folder in folders
        for path in list_entries(folder, folder)[1]
        if is_picture(path.suffix)
    ]
    of_train = [name for part, name, _ in found if part == "train"]
    return len(found) == count and all(
        of_train.count(folder.name) >= minimum_per_class(parts) for folder in parts["train"]
    )
