"""Text files that list the pictures of each part, as Pascal VOC and Darknet have them."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from suite.data.folders import companions, layout, paired
from suite.data.set_aside import SetAside

_FOLDERS = (("ImageSets", "Main"), ("ImageSets",), (), ("data",))
OF_MASKS = (("ImageSets", "Segmentation"), ("ImageSets",), ())


def divide(
    root: Path,
    files: list[tuple[Path, str]],
    aside: list[SetAside],
    folders: Sequence[Sequence[str]] = _FOLDERS,
) -> tuple[list[tuple[Path, str]], set[str], set[Path]]:
    """Divides pictures as train.txt and val.txt or test.txt do, if there are such lists.

    A line begins with the path of a picture, or with its name, with or without the ending.

    Args:
        root: The folder.
        files: Pairs of a picture and "train".
        aside: Gets an entry for each picture that is in no list.
        folders: Where the lists may be, in the folder or in one above pictures.

    Returns:
        The pictures with their parts, the parts, and the lists; as they were, and none, without lists.
    """
    known = {name: path for path, _ in files for name in companions.names_of(path)}
    above = {folder for path, _ in files for folder in path.parents if folder.is_relative_to(root)}
    bases = sorted({root, *above}, key=lambda folder: len(folder.parts))
    for base, names in itertools.product(bases, folders):
        folder = base
        for name in names:
            folder = companions.child(folder, name)
        lists = _lists(folder)
        part_of = {
            known[name]: part
            for part, path in lists.items()
            for line in paired.read_names(path)
            for name in _names(line)
            if name in known
        }
        if len(set(part_of.values())) < 2 or "train" not in part_of.values():
            continue
        where = "/".join(names) or "train.txt and the others"
        aside += [
            SetAside.below(root, path, f"in no list of {where}") for path, _ in files if path not in part_of
        ]
        divided = [(path, part_of[path]) for path, _ in files if path in part_of]
        return divided, set(part_of.values()), set(lists.values())
    return files, {"train"}, set()


def _lists(folder: Path) -> dict[str, Path]:
    files = layout.list_entries(folder, folder)[1] if folder.is_dir() else []
    texts = [path for path in files if path.suffix.lower() == ".txt"]
    named = {layout.PART_NAMES.get(path.stem.casefold(), ""): path for path in texts}
    return {part: path for part, path in named.items() if part}


def _names(line: str) -> set[str]:
    """The names that a picture may have in a line, such as "data/obj/a b.jpg" or "0001  1"."""
    paths = [Path(text.replace("\\", "/")) for text in (line, line.split()[0])]
    return {companions.alike(path.name) for path in paths}
