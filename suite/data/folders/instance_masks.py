"""Masks of things one by one: several files a photo, each black but for one thing."""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from suite.data.folders import companions, layout, paired
from suite.data.folders.folder_pairs import is_named_for_its_role, is_named_for_masks, place_of
from suite.data.folders.mask_files import mask_names
from suite.data.folders.mask_values import MOST_COLORS, RawMask, Value, read_mask
from suite.data.pictures.file_kinds import is_picture
from suite.data.set_aside import SetAside, UnusableError

_WORDS = r"masks?|inst(?:ance)?s?|objs?|objects?|things?|seg(?:ment(?:ation)?)?s?|labels?|gt"
_FOLDER = re.compile(rf"(?:{_WORDS})(?:[\W_]*masks?)?")
_OF_THING = re.compile(rf"(?:_|\W)(?:{_WORDS})(?=[\W_\d]|$)")
_NAME = re.compile(r"[^\W\d_]+(?:[ _-][^\W\d_]+)*")  # of a class, in the name of a file
_SAMPLE = 6  # masks that are looked into


class ThingMask(NamedTuple):
    """The mask of one thing.

    Attributes:
        path: The file.
        label: Of its class.
    """

    path: Path
    label: int


class InstanceMasks(NamedTuple):
    """The photos of a folder with the masks of the things in each.

    Attributes:
        files: Photos that have masks, with their parts.
        masks_of: The masks of each photo.
        classes: Names by label; the background is the first.
        aside: Masks without a photo, and photos without masks.
    """

    files: list[tuple[Path, str]]
    masks_of: dict[Path, tuple[ThingMask, ...]]
    classes: tuple[str, ...]
    aside: list[SetAside]

    @property
    def total(self) -> int:
        """How many masks there are."""
        return sum(map(len, self.masks_of.values()))

    @property
    def folders(self) -> set[Path]:
        """Those of photos and of masks."""
        return {path.parent for path in self.read}

    @property
    def read(self) -> set[Path]:
        """The photos and the masks."""
        return {*self.masks_of, *(mask.path for masks in self.masks_of.values() for mask in masks)}


def find_instance_masks(root: Path) -> InstanceMasks | None:
    """Finds photos of which at least one has several masks: photo_1_mask0.png, or masks/photo_1/0.png.

    The class of a thing is what else is in the name of its mask (photo_1_leaf_0.png), or the folder that the
    mask is in below that of the masks (masks/leaf/photo_1_0.png); things without are of one class.

    Args:
        root: The folder.

    Returns:
        None where masks are not of this kind: most photos have one with their name, or none has several.
    """
    paths = [path for path, _ in layout.find_files(root, {"": [root]})[0] if is_picture(path.suffix)]
    masks = [path for path in paths if _is_mask(path, root)]
    photos = sorted(set(paths) - set(masks), key=lambda path: layout.natural(path.as_posix()))
    named = {name for mask in masks for name in mask_names(mask)}
    if not photos or 2 * sum(not named.isdisjoint(mask_names(photo)) for photo in photos) >= len(photos):
        return None
    of_name: dict[str, list[Path]] = defaultdict(list)
    for photo in photos:
        of_name[companions.alike(photo.stem)].append(photo)
    masks_of: dict[Path, list[tuple[Path, str]]] = defaultdict(list)
    aside = []
    for mask in masks:
        if found := _owner(mask, root, of_name):
            masks_of[found[0]].append((mask, found[1]))
        else:
            aside.append(SetAside.below(root, mask, "no image for it"))
    if 2 * len(masks_of) < len(photos) or not any(some[1:] for some in masks_of.values()):
        return None
    sample = [path for some in masks_of.values() for path, _ in some][:_SAMPLE]
    if 2 * sum(map(_is_of_one_thing, sample)) <= len(sample):
        return None
    aside += [SetAside.below(root, photo, "no mask for it") for photo in photos if photo not in masks_of]
    return _labeled(root, {photo: masks_of[photo] for photo in photos if photo in masks_of}, aside)


def _is_mask(path: Path, root: Path) -> bool:
    folders = path.relative_to(root).parts[:-1]
    in_masks = any(is_named_for_masks(root / name) or _is_of_masks(name) for name in folders)
    return in_masks or _OF_THING.search(companions.alike(path.stem)) is not None


def _is_of_masks(name: str) -> bool:
    return _FOLDER.fullmatch(name.casefold()) is not None


def _owner(mask: Path, root: Path, of_name: dict[str, list[Path]]) -> tuple[Path, str] | None:
    """The photo of a mask by the beginning of its name, else by its folder; and the class that is said."""
    stem = companions.alike(mask.stem)
    ends = [gap.start() for gap in re.finditer(r"[\W_]", stem)]
    known = next((stem[:end] for end in reversed(ends) if stem[:end] in of_name), "")
    folders = mask.relative_to(root).parts[:-1]
    holder = next((name for name in reversed(folders) if companions.alike(name) in of_name), "")
    if not known and not holder:
        return None
    photos = of_name[known or companions.alike(holder)]
    shared = [len(set(mask.parents) & set(photo.parents)) for photo in photos]
    said = _class_in(mask.stem[len(known) :]) or _class_of_folder(folders, holder)
    return photos[int(np.argmax(shared))], said


def _class_in(rest: str) -> str:
    """What is left of a name without words such as mask, and without numbers around it."""
    bare = _OF_THING.sub("", f"_{rest}")
    found = re.fullmatch(rf"[\W\d_]*({_NAME.pattern})[\W\d_]*", bare)
    return found[1] if found else ""


def _class_of_folder(folders: Sequence[str], holder: str) -> str:
    """The folder nearest to a mask that is below one for masks, and neither a photo's nor one for a role."""
    first = next((place for place, name in enumerate(folders) if _is_of_masks(name)), len(folders))
    below = [
        name for name in folders[first + 1 :] if name != holder and not is_named_for_its_role(Path(name))
    ]
    return below[-1] if below else ""


def _is_of_one_thing(path: Path) -> bool:
    try:
        return len(_things(read_mask(path))) <= 1
    except UnusableError:
        return False


def _things(mask: RawMask) -> list[int]:
    return [number for number, value in mask.values.items() if value.rgb]


def _labeled(
    root: Path, masks_of: dict[Path, list[tuple[Path, str]]], aside: list[SetAside]
) -> InstanceMasks:
    names = {name for some in masks_of.values() for _, name in some}
    said = names - {"", "background"} if len(names) <= MOST_COLORS else set()  # else they are names of things
    listed = paired.read_names(companions.child(root, "classes.txt"))
    other = listed[-1] if len(listed) in (1, 2) else "foreground"  # of what no name says
    classes = ("background", *sorted(said, key=layout.natural))
    classes = (*classes, other) if "" in names or not said else classes
    places = {photo: place_of(photo.parent, root).part for photo in masks_of}
    has_train = any(part in ("", "train") for part in places.values())
    labels = {name: label for label, name in enumerate(classes)}
    return InstanceMasks(
        [(photo, (part if has_train else "") or "train") for photo, part in places.items()],
        {
            photo: tuple(ThingMask(path, labels.get(name, len(classes) - 1)) for path, name in some)
            for photo, some in masks_of.items()
        },
        classes,
        aside,
    )


def read_things(masks: Collection[ThingMask]) -> RawMask:
    """Paints the things of a photo as their classes, the later over the earlier.

    Args:
        masks: Of one photo.

    Raises:
        UnusableError: A mask cannot be decoded, is of several things, or of another size than the others.
    """
    painted: np.ndarray | None = None
    for path, label in masks:
        mask = read_mask(path)
        things = _things(mask)
        if len(things) > 1:
            raise UnusableError(
                f"its mask {path.name!r} has {len(mask.values)} values, where that of one thing has two; "
                "give each thing its file, or the photo one mask with its name"
            )
        painted = np.zeros(mask.numbers.shape, np.int32) if painted is None else painted
        if painted.shape != mask.numbers.shape:
            raise UnusableError(f"its mask {path.name!r} has another size than the others")
        painted[np.isin(mask.numbers, things)] = label
    assert painted is not None
    return RawMask(painted, {n: Value(n, n * 0x010101, True) for n in map(int, np.unique(painted))})
