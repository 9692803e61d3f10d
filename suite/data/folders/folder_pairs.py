"""Folders of pictures and the folders of what belongs to them, whatever the two are called."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from suite.data.folders import companions, layout, paired
from suite.data.pictures.file_kinds import is_picture
from suite.data.set_aside import SetAside

_PART = r"(train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?)\d*"
_PICTURES = (
    "images?|imgs?|jpegimages|jpe?gs?|pngs?|photos?|pictures?|frames?|inputs?|originals?|data|dataset|obj"
)
_BOXES = "annotations?|annots?|anns?|labels?|lbls?|txts?|xmls?|jsons?|bbox(?:es)?|box(?:es)?|yolo|voc|pascal"
_MASKS = (
    r"masks?(?:[\W_]*(?:machine|human))?|gts?|ground[\W_]*truths?|seg(?:mentation)?s?|segmentation[\W_]*(?:class|masks?|labels?)|manual|"
    r"1st[\W_]*manual|targets?|trimaps?|(?:annotation|label)[\W_]*(?:masks?|images?|png)|outputs?|classes"
)
_ROLE = f"{_PICTURES}|{_BOXES}|{_MASKS}"
_FOLDER = re.compile(rf"(?:{_PART})?[\W_]*(?:{_ROLE})?[\W_]*(?:{_PART})?")
_OF_MASKS = re.compile(rf"(?:{_PART})?[\W_]*(?:{_MASKS}|labels?|lbls?|annot\w*)[\W_]*(?:{_PART})?")


class FolderPair(NamedTuple):
    """A folder of pictures, and the folder of what belongs to them, which may be the same.

    Attributes:
        part: "train", "validation" or "test"; all are "train" where there is no division.
        pictures: The former.
        others: The latter.
    """

    part: str
    pictures: Path
    others: Path


class Place(NamedTuple):
    """Where a folder stands, without the words for what is in it: images/train and train/labels are one."""

    part: str
    rest: tuple[str, ...]


def place_of(folder: Path, root: Path) -> Place:
    """The place of a folder below a root."""
    part, rest = "", []
    for name in folder.relative_to(root).parts:
        found = _FOLDER.fullmatch(name.casefold())
        if found is None:
            rest.append(name.casefold())
        else:
            part = part or layout.PART_NAMES.get(found[1] or found[2] or "", "")
    return Place(part, tuple(rest))


def is_named_for_its_role(folder: Path) -> bool:
    """Whether the name of a folder says what kind of files it has, or of which part, as no class does."""
    return _FOLDER.fullmatch(folder.name.casefold()) is not None


def is_named_for_masks(folder: Path) -> bool:
    """Whether a folder has a name such as masks, label, SegmentationClass or trainannot."""
    return _OF_MASKS.fullmatch(folder.name.casefold()) is not None


def find_folder_pairs(
    root: Path,
    is_other: Callable[[Path], bool],
    names: Callable[[Path], Iterable[str]] = companions.names_of,
) -> list[FolderPair]:
    """Finds the folders of pictures, and for each the folder of the files that have their names.

    Folders in one place, such as images/ and labels/, come before others; a folder that shares more names
    comes before one that shares fewer. Other folders of pictures are left out.

    Args:
        root: Where to look, at any depth.
        is_other: Whether a file is one of what belongs to pictures.
        names: The names by which two files belong together.
    """
    pictures: dict[str, set[Path]] = defaultdict(set)  # folders by a name of a picture in them
    others: list[Path] = []
    count: Counter[Path] = Counter()  # of pictures
    for path, _ in layout.find_files(root, {"": [root]})[0]:
        if is_other(path):
            others.append(path)
        elif is_picture(path.suffix):
            count[path.parent] += 1
            for name in names(path):
                pictures[name].add(path.parent)
    shared = Counter(
        (folder, path.parent)
        for path in others
        for folder in {folder for name in names(path) for folder in pictures.get(name, ())}
    )
    # Folders that are in other places belong together where most names do, not by chance.
    shared = Counter(
        {
            (folder, other): common
            for (folder, other), common in shared.items()
            if 2 * common >= count[folder] or place_of(folder, root).rest == place_of(other, root).rest
        }
    )
    if not shared:  # none has the name of a picture: each of them is told
        folders = {folder for some in pictures.values() for folder in some}
        shared = Counter({(folder, path.parent): 0 for path in others for folder in folders})
        shared = Counter({pair: 0 for pair in shared if place_of(pair[0], root) == place_of(pair[1], root)})
    return _undivided(_best(root, shared))


def _best(root: Path, shared: Counter[tuple[Path, Path]]) -> list[FolderPair]:
    """Of the pairs that agree in their part, the best for each folder, in the order of the pictures'."""
    places = {folder: place_of(folder, root) for pair in shared for folder in pair}

    def merit(pair: tuple[Path, Path]) -> tuple[bool, int, bool, bool, bool]:
        one, other = (places[folder] for folder in pair)
        # Beside manual segmentations, a mask is that of the field of view.
        is_of_view = re.fullmatch("masks?", pair[1].name.casefold()) is not None
        has_photos = not is_named_for_masks(pair[0])
        return one == other, shared[pair], pair[0] == pair[1], has_photos, not is_of_view

    pairs: list[FolderPair] = []
    users: dict[Path, list[Place]] = defaultdict(list)
    for folder, other in sorted(shared, key=merit, reverse=True):
        place = places[folder]
        parts = {place.part, places[other].part} - {""}
        if len(parts) > 1 or any(pair.pictures == folder for pair in pairs):
            continue
        # Several have one folder of annotations where they are parts: images/train, images/val and labels.
        if all(each.part and place.part and each.rest == place.rest for each in users[other]):
            users[other].append(place)
            pairs.append(FolderPair(next(iter(parts), ""), folder, other))
    return sorted(pairs, key=lambda pair: layout.natural(pair.pictures.as_posix()))


def _undivided(pairs: list[FolderPair]) -> list[FolderPair]:
    """The pairs, where no part is named as those of train; and all as those where none is."""
    has_train = any(pair.part in ("", "train") for pair in pairs)
    return [pair._replace(part=(pair.part if has_train else "") or "train") for pair in pairs]


class Matched(NamedTuple):
    """The files of pairs of folders.

    Attributes:
        files: All pictures with their parts, but those whose other file is that of a picture before.
        other_of: What belongs to a picture, where there is something.
        aside: What is in none of the two roles, or alone among the others.
    """

    files: list[tuple[Path, str]]
    other_of: dict[Path, Path]
    aside: list[SetAside]

    def complete(self, root: Path, reason: str) -> tuple[list[tuple[Path, str]], list[SetAside]]:
        """The pictures to which something belongs, and what is set aside, the others with a reason.

        Args:
            root: The folder.
            reason: Why a picture alone is; `{}` is its name without the ending.
        """
        lone = [path for path, _ in self.files if path not in self.other_of]
        entries = [SetAside.below(root, path, reason.format(path.stem)) for path in lone]
        return [pair for pair in self.files if pair[0] in self.other_of], [*self.aside, *entries]


def match_pairs(
    root: Path,
    pairs: Iterable[FolderPair],
    kind: str,
    is_other: Callable[[FolderPair, Path], bool],
    names: Callable[[Path], Sequence[str]] = companions.names_of,
) -> Matched:
    """Finds what belongs to each picture of pairs of folders.

    Args:
        root: The folder.
        pairs: As `find_folder_pairs` gives them.
        kind: What the other files are, such as "label file".
        is_other: Whether a file of a pair is one of them.
        names: As in `find_folder_pairs`, the nearest name first.
    """
    matched = Matched([], {}, [])
    told: dict[SetAside, Path] = {}
    for pair in pairs:
        images, others, neither = paired.list_both(pair.pictures, pair.others, root, partial(is_other, pair))
        others.sort(key=lambda path: path.suffix.lower() != ".png")
        found, alone = companions.match(images, others, root, kind, names)
        matched.other_of.update(found)
        matched.aside.extend(neither)
        told |= {entry: root / entry.file for entry in alone}
        doubles = {entry.file for entry in alone}
        matched.files.extend(
            (image, pair.part) for image in images if image.relative_to(root).as_posix() not in doubles
        )
    used = {*matched.other_of.values()}  # the other files of several parts may be in one folder
    matched.aside.extend(entry for entry, path in told.items() if path not in used)
    return matched


def parts_of(pairs: Iterable[FolderPair]) -> set[str]:
    """The parts that a folder is divided into."""
    return {pair.part for pair in pairs}
