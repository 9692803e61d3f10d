"""What a folder of photos is annotated with: classes, boxes or masks. Of pictures, some masks are decoded."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from suite.data.folders import box_files, layout, paired
from suite.data.folders.boxes import Boxes
from suite.data.folders.folder_pairs import is_named_for_its_role
from suite.data.folders.instance_masks import find_instance_masks
from suite.data.folders.mask_files import find_masks, look_like_masks, match_masks
from suite.data.pictures.file_kinds import is_picture
from suite.data.set_aside import counted, first_names, printable

CLASSIFIER, DETECTOR, SEGMENTER = "classifier", "detector", "segmenter"
TASKS = (CLASSIFIER, DETECTOR, SEGMENTER)
_EXPECTED = "a folder of photos in class folders, with boxes or with masks"


class Kind(NamedTuple):
    """What a folder was taken for.

    Attributes:
        task: "classifier", "detector" or "segmenter".
        says: Such as "Pascal VOC: 364 photos, 4,886 boxes in 3 classes; 2 boxes of no area set aside".
    """

    task: str
    says: str

    def __str__(self) -> str:
        return self.says


def find_kind(root: Path, task: str = "") -> Kind:
    """Finds out what a folder is annotated with.

    What has neither boxes nor masks is for a classifier: class folders, a table of labels, TFRecord files.

    Args:
        root: The folder.
        task: One of `TASKS`, which a folder is then read for; "": what it is annotated with.

    Raises:
        ValueError: There is no such folder, it can be read in two ways and no task is said, it cannot be read
            for the task, or its annotation files are broken.
    """
    if task and task not in TASKS:
        raise ValueError(f"expected a task among {', '.join(TASKS)}, received {task!r}")
    paired.check_folder(root, _EXPECTED)
    if task == CLASSIFIER:
        return Kind(CLASSIFIER, _of_classes(_class_folders(root)))
    if task == DETECTOR:
        return Kind(DETECTOR, _of_boxes(root))
    if task == SEGMENTER:
        return Kind(SEGMENTER, _of_masks(root))
    form = box_files.find_form(root)
    claimed = _mask_folders(root)
    folders = [
        folder
        for folder in _class_folders(root)
        if not is_named_for_its_role(folder)
        and not any(other.is_relative_to(folder) for other in claimed if other != root)
    ]
    readings = {DETECTOR: f"boxes ({form})"} if form else {}
    readings |= {SEGMENTER: f"masks in {_folder(root, claimed[0])}"} if claimed else {}
    if readings and len(folders) > 1:
        readings[CLASSIFIER] = f"class folders ({first_names([folder.name for folder in folders])})"
    if len(readings) > 1:
        raise ValueError(
            f"expected one kind of annotations in {str(root)!r}, received {' and '.join(readings.values())}; "
            f"say which by {' or '.join(f'--task {name}' for name in readings)}"
        )
    return find_kind(root, next(iter(readings), CLASSIFIER))


def _class_folders(root: Path) -> list[Path]:
    """The folders with pictures, of the training part if there is one."""
    try:
        folders = layout.find_parts(root)[0].get("train", [])
    except ValueError:  # two folders for one part, which reading them says
        return []
    return [
        folder
        for folder in folders
        if any(is_picture(path.suffix) for path, _ in layout.find_files(root, {"": [folder]})[0])
    ]


def _of_classes(folders: Sequence[Path]) -> str:
    names = first_names([folder.name for folder in folders])
    return f"class folders: {names}" if len(folders) > 1 else "photos with classes"


def _of_boxes(root: Path) -> str:
    listing = box_files.list_boxes(root)
    found = box_files.read_all_boxes(root, listing).values()
    sound = [boxes for boxes in found if isinstance(boxes, Boxes)]
    classes = {int(label) for boxes in sound for label in boxes.labels}
    things = sum(len(boxes.boxes) for boxes in sound)
    without_area = sum(boxes.without_area for boxes in sound)
    aside = len(found) - len(sound) + len(listing.aside)
    says = f"{counted(len(sound), 'photo')}, {counted(things, 'box')} in {counted(len(classes), 'class')}"
    more = [f"{counted(without_area, 'box')} of no area set aside"] if without_area else []
    more += [f"{counted(aside, 'photo or annotation', 'photos or annotations')} set aside"] if aside else []
    return f"{listing.layout}: {'; '.join([says, *more])}"


def _mask_folders(root: Path) -> list[Path]:
    """The folders of masks, and those of their photos; none where pictures do not look like masks."""
    if things := find_instance_masks(root):
        return sorted(
            things.folders, key=lambda folder: any(path.parent == folder for path in things.masks_of)
        )
    pairs = find_masks(root)
    if not pairs or not look_like_masks(pairs, match_masks(root, pairs)[1]):
        return []
    return [pair.others for pair in pairs] + [pair.pictures for pair in pairs]


def _of_masks(root: Path) -> str:
    if things := find_instance_masks(root):
        named = first_names(things.classes[1:])
        more = f"; {counted(len(things.aside), 'file')} set aside" if things.aside else ""
        photos = counted(len(things.files), "photo")
        return f"masks of single things: {photos} with {counted(things.total, 'mask')} of {named}{more}"
    pairs = find_masks(root)
    if not pairs:
        raise ValueError(
            f"expected photos and their masks in {str(root)!r}, received {paired.contents(root)}; put the "
            "photos in images/ and the mask of each, a PNG of the same name, in masks/"
        )
    files, _, aside = match_masks(root, pairs)
    more = f"; {counted(len(aside), 'file')} set aside" if aside else ""
    of = sorted({_folder(root, pair.pictures) for pair in pairs})
    at = sorted({_folder(root, pair.others) for pair in pairs})
    where = f"in {first_names(of)}" if of == at else f"of {first_names(of)} in {first_names(at)}"
    return f"masks: {counted(len(files), 'photo')} with a mask, {where}{more}"


def _folder(root: Path, folder: Path) -> str:
    return printable(f"{folder.relative_to(root).as_posix()}/") if folder != root else "the folder itself"
