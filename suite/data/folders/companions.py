"""Files that belong to pictures: found by name, in any case; and the files that belong to nothing."""

import unicodedata
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from suite.data.folders import layout
from suite.data.set_aside import SetAside


def child(folder: Path, name: str) -> Path:
    """What has a name in a folder, in that case or another; else a path of nothing."""
    if (folder / name).exists() or not folder.is_dir():
        return folder / name
    return next((path for path in sorted(folder.iterdir()) if alike(path.name) == alike(name)), folder / name)


def names_of(path: Path) -> tuple[str, str]:
    """The names under which a file belongs to another: its own without its ending, and with it."""
    return alike(path.stem), alike(path.name)


def alike(name: str) -> str:
    """Names that differ in case, or in how an accent is encoded, are the same name on some systems."""
    return unicodedata.normalize("NFC", name).casefold()


def match(
    images: Sequence[Path],
    others: Sequence[Path],
    root: Path,
    kind: str,
    names: Callable[[Path], Sequence[str]] = names_of,
) -> tuple[dict[Path, Path], list[SetAside]]:
    """Finds the label file or mask of each picture: of its name but for the ending, or with one ending more.

    Args:
        images: Pictures of a folder.
        others: Files that may belong to them; of several with one name, the first.
        root: The folder that entries are relative to.
        kind: What the other files are, such as "label file".
        names: The names by which two files belong together, the nearest first.

    Returns:
        The other file by picture, where there is one; and an entry for each of the others without a picture,
        and for each picture whose other file is that of a picture before.
    """
    exact: dict[str, Path] = {}
    by_name: dict[str, Path] = {}
    for other in others:
        exact.setdefault(other.stem, other)
        by_name.setdefault(alike(other.stem), other)
    for other in others:
        by_name.setdefault(names(other)[-1], other)
    found: dict[Path, Path] = {}
    owners: dict[Path, Path] = {}
    aside = []
    for image in images:
        candidates = [exact.get(name) for name in (image.stem, image.name)]
        candidates += [by_name.get(name) for name in names(image)]
        nearest = next(filter(None, candidates), None)
        if nearest in owners:
            aside.append(SetAside.below(root, image, f"its {kind} is that of {owners[nearest].name!r}, too"))
        elif nearest:
            found[image], owners[nearest] = nearest, image
    known = {name for image in images for name in names(image)}
    for other in others:
        if other not in owners:
            is_known = not known.isdisjoint((alike(other.stem), names(other)[-1]))
            reason = f"another {kind} is used" if is_known else "no image for it"
            aside.append(SetAside.below(root, other, reason))
    return found, aside


def unread(root: Path, read: Collection[Path], aside: Sequence[SetAside]) -> tuple[str, ...]:
    """Files in a folder that were neither read nor set aside, relative to it; hidden ones are nobody's.

    Args:
        root: The folder.
        read: What was.
        aside: Entries of what was set aside, of folders, too.
    """
    found, unreachable = layout.find_files(root, {"": [root]})
    names = [path.relative_to(root).as_posix() for path, _ in found if path not in read]
    names += [entry.file for entry in unreachable]
    gone = {entry.file for entry in aside}

    def is_told(name: str) -> bool:
        return not gone.isdisjoint((name, *(folder.as_posix() for folder in Path(name).parents)))

    return tuple(name for name in sorted(names, key=layout.natural) if not is_told(name))
