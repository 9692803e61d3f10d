"""Which pictures of a folder are masks of others, by the names of folders and files."""

import re
from collections.abc import Sequence
from pathlib import Path

from suite.data.folders import companions
from suite.data.folders.folder_pairs import FolderPair, find_folder_pairs, is_named_for_masks, match_pairs
from suite.data.folders.mask_values import MOST_COLORS, read_mask
from suite.data.pictures.file_kinds import is_picture
from suite.data.set_aside import SetAside, UnusableError

_WORDS = (
    r"masks?|labels?|label_?ids|label_?train_?ids|manual\d*|l|gts?|gtfine|seg(?:mentation)?s?|annotations?|annot|"
    r"ground_?truths?|gt_?image|matte|1stho|1st_?manual"
)
_OF_PICTURES = r"training|train|test|val|images?|imgs?|rgb|sat|leftimg8bit|photo"
_GAP = r"(?:_|[^\w)\]}])+"  # a bracket that closes belongs to the name: "leaf (1)_mask"
_ENDING = re.compile(rf"(?:{_GAP}(?:{_WORDS}|{_OF_PICTURES}))+$")
_BEGINNING = re.compile(rf"^(?:{_WORDS}|{_OF_PICTURES})[\W_]+(?=.)")
_OF_MASK = re.compile(rf"{_GAP}(?:{_WORDS})$|^(?:masks?|labels?|gt)[\W_]+")
_SAMPLE, _FOLDERS = 6, 3  # masks of a folder that are looked into, and folders


def find_masks(root: Path) -> list[FolderPair]:
    """The folders of the pictures and of the masks; none where names do not say that there are masks."""

    def is_mask(path: Path) -> bool:
        folders = (root / name for name in path.relative_to(root).parent.parts)
        return is_picture(path.suffix) and (is_named_as_mask(path) or any(map(is_named_for_masks, folders)))

    return find_folder_pairs(root, is_mask, mask_names)


def is_named_as_mask(path: Path) -> bool:
    """Whether the name of a file ends or begins with a word such as mask or label."""
    return _OF_MASK.search(companions.alike(path.stem)) is not None


def mask_names(path: Path) -> tuple[str, ...]:
    """The names under which a picture and a mask belong together, the nearest first.

    The last one is without words for what a file is: "21" of 21_training.tif and of 21_manual1.gif.
    """
    stem = companions.alike(path.stem)
    bare = _BEGINNING.sub("", _ENDING.sub("", stem)) or stem
    return stem, companions.alike(path.name), bare


def match_masks(
    root: Path, pairs: Sequence[FolderPair]
) -> tuple[list[tuple[Path, str]], dict[Path, Path], list[SetAside]]:
    """Pictures with their part, the mask of each, and entries for what stands alone.

    Args:
        root: The folder.
        pairs: As `find_masks` gives them.
    """
    matched = match_pairs(
        root,
        pairs,
        "mask",
        lambda pair, path: (
            is_picture(path.suffix) and (pair.pictures != pair.others or is_named_as_mask(path))
        ),
        mask_names,
    )
    files, aside = matched.complete(root, "no mask {}.png for it")
    return files, matched.other_of, aside


def look_like_masks(pairs: Sequence[FolderPair], mask_of: dict[Path, Path]) -> bool:
    """Whether some of the masks have few colors, as no photo has."""
    of_folder = [[mask for image, mask in mask_of.items() if image.parent == pair.pictures] for pair in pairs]
    masks = [mask for some in of_folder[:_FOLDERS] for mask in some[:_SAMPLE]]
    return 2 * sum(map(_looks_like_mask, masks)) > len(masks)


def _looks_like_mask(path: Path) -> bool:
    try:
        return len(read_mask(path).values) <= MOST_COLORS
    except UnusableError:
        return False
