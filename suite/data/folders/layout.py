"""How a user's folder is laid out: its parts, its class folders and their files. Nothing is opened here."""

import os
import re
from pathlib import Path

from suite.data.set_aside import SetAside, reason_of

TABLES = (".csv", ".tsv")
PART_NAMES = {"train": "train", "training": "train", "test": "test", "testing": "test"}
PART_NAMES |= dict.fromkeys(("val", "valid", "validation"), "validation")
PARTS = PART_NAMES | dict.fromkeys(("dev", "devel", "development"), "validation")
_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}


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


def deepen(
    root: Path, parts: dict[str, list[Path]], depth: int
) -> tuple[dict[str, list[Path]], list[SetAside]]:
    """Goes down from the class folders of `find_parts` to those of classes that lie deeper.

    Args:
        root: The folder.
        parts: As `find_parts` gives them.
        depth: Folders from the part (the root where there are none) down to a class, >= 1.

    Returns:
        Class folders by part, and an entry for each thing above them.
    """
    aside = []
    for _ in range(depth - 1):
        deeper: dict[str, list[Path]] = {part: [] for part in parts}
        for part, folders in parts.items():
            for folder in folders:
                inner, files, unreadable = list_entries(folder, root)
                deeper[part] += inner
                aside += unreadable
                aside += [
                    SetAside.below(root, file, f"not in a class folder, {depth} deep") for file in files
                ]
        parts = deeper
    return parts, aside


def class_name(folder: Path, depth: int = 1) -> str:
    """Names the class of a folder by its last `depth` folders: "apple", or "fruit/apple"."""
    return "/".join(folder.parts[-depth:])


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
