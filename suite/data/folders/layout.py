"""How a user's folder is laid out: its parts, its class folders and their files. Nothing is opened here."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from suite.data.pictures.file_kinds import is_picture
from suite.data.set_aside import SetAside, reason_of
from suite.data.splits import SPLITS

MINIMUM_PER_CLASS = 5
PART_NAMES = {"train": "train", "training": "train", "test": "test", "testing": "test"}
PART_NAMES |= dict.fromkeys(("val", "valid", "validation"), "validation")
_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}


def check_directory(root: Path) -> None:
    """Refuses what is not a folder with something in it.

    Raises:
        ValueError: It does not exist, is a file, cannot be listed, or is empty.
    """
    expected = f"expected a folder with a folder of pictures per class, received {str(root)!r}"
    if not root.exists():
        raise ValueError(f"{expected}, which does not exist; check the path")
    if not root.is_dir():
        raise ValueError(f"{expected}, which is a file; give the folder that holds the class folders")
    try:
        is_empty = not os.listdir(root)
    except OSError as error:
        raise ValueError(f"{expected}: {reason_of(error)}; change its permissions") from error
    if is_empty:
        raise ValueError(f"{expected}, which is empty; put at least 2 class folders in it")


def find_parts(root: Path) -> tuple[dict[str, list[Path]], list[SetAside]]:
    """Finds the class folders of each part.

    Args:
        root: A folder of class folders, or of train, validation and test folders that hold class folders.

    Returns:
        Class folders in natural order by part, all under "train" where there is no division, and an entry for
        each thing that is in no class folder. A validation or test folder without class folders is no part.

    Raises:
        ValueError: Two folders for one part.
    """
    folders, loose, aside = list_entries(root, root)
    named: dict[str, list[Path]] = {}
    for folder in folders:
        named.setdefault(PART_NAMES.get(folder.name.casefold(), ""), []).append(folder)
    strangers = named.pop("", [])
    if "train" not in named or len(named) == 1:
        return {"train": folders}, aside + [
            SetAside.below(root, file, "not in a class folder") for file in loose
        ]
    parts = {}
    for part, (folder, *others) in named.items():
        if others:
            names = f"{folder.name!r} and {others[0].name!r}"
            raise ValueError(f"expected one {part} folder in {str(root)!r}, received {names}; keep one")
        class_folders, files, unreadable = list_entries(folder, root)
        aside += unreadable
        if class_folders or part == "train":
            parts[part] = class_folders
            loose += files
        else:
            aside.append(SetAside.below(root, folder, "no class folders in it, so no labels"))
    aside += [SetAside.below(root, folder, "not a train, validation or test folder") for folder in strangers]
    return parts, aside + [SetAside.below(root, file, "not in a class folder") for file in loose]


def check_classes(root: Path, parts: dict[str, list[Path]]) -> tuple[str, ...]:
    """Names the classes.

    Args:
        root: The folder.
        parts: As `find_parts` gives them.

    Raises:
        ValueError: Fewer than two, or validation or test have one that train lacks.
    """
    classes = tuple(folder.name for folder in parts["train"])
    if len(classes) < 2:
        received = f"1 ({classes[0]!r})" if classes else "none, only loose files"
        raise ValueError(
            f"expected at least 2 class folders to train on in {str(root)!r}, received {received}; "
            f"{advice(root)}"
        )
    for part in SPLITS:
        strange = _strangers(parts, part)
        if strange:
            raise ValueError(
                f"expected every class of {str(root)!r} in its train folder, received {strange[0]!r} only in "
                f"{part}; add pictures of it to train or remove it from {part}"
            )
    return classes


def _strangers(parts: dict[str, list[Path]], part: str) -> list[str]:
    """Classes of a part that train lacks."""
    classes = {folder.name for folder in parts["train"]}
    return [folder.name for folder in parts.get(part, ()) if folder.name not in classes]


def find_files(root: Path, parts: dict[str, list[Path]]) -> tuple[list[tuple[Path, str]], list[SetAside]]:
    """Finds all files in the class folders and their sub-folders, links included.

    Args:
        root: The folder.
        parts: As `find_parts` gives them.

    Returns:
        Pairs of a path and its part, and an entry for each thing that cannot be reached.
    """
    found, aside = [], []
    for part, class_folders in parts.items():
        for class_folder in class_folders:
            seen, stack = set(), [class_folder]
            while stack:
                directory = stack.pop()
                real_path = os.path.realpath(directory)
                if real_path in seen:
                    aside.append(SetAside.below(root, directory, "a link to a folder that is read already"))
                    continue
                seen.add(real_path)
                folders, files, unreadable = list_entries(directory, root)
                stack += folders
                aside += unreadable
                found += [(file, part) for file in files]
    return found, aside


def depth(root: Path, parts: dict[str, list[Path]]) -> int:
    """How many folders lie between the root and the class folders.

    Args:
        root: The folder.
        parts: As `find_parts` gives them.
    """
    folders = [folder for class_folders in parts.values() for folder in class_folders]
    return len(folders[0].relative_to(root).parts) - 1 if folders else 0


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
    if len(parts["train"]) < 2 or any(_strangers(parts, part) for part in SPLITS):
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
        of_train.count(folder.name) >= MINIMUM_PER_CLASS for folder in parts["train"]
    )


def list_entries(directory: Path, root: Path) -> tuple[list[Path], list[Path], list[SetAside]]:
    """Sub-folders and files in natural order, without hidden ones, and entries for what is neither."""
    folders, files, aside = [], [], []
    try:
        names = sorted(os.listdir(directory), key=natural)
    except OSError as error:
        return [], [], [SetAside.below(root, directory, reason_of(error))]
    real_directory = Path(os.path.realpath(directory))
    for name in names:
        path = directory / name
        if name.startswith(".") or name.casefold() in _LITTER:
            continue
        if os.path.isfile(path):
            files.append(path)
        elif not os.path.isdir(path):
            aside.append(SetAside.below(root, path, "a broken link or not a regular file"))
        elif real_directory.is_relative_to(os.path.realpath(path)):
            aside.append(SetAside.below(root, path, "a link back to a folder above"))
        else:
            folders.append(path)
    return folders, files, aside


def natural(name: str) -> tuple[list[str | int], str]:
    """Sort key by which "room 2" comes before "room 10"."""
    pieces = re.split(r"(\d+)", name)
    return [int(piece) if i % 2 else piece.casefold() for i, piece in enumerate(pieces)], name
