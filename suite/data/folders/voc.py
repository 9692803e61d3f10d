"""Pascal VOC's annotation files: XML with an object a box. No picture is decoded here."""

import math
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from suite.data.folders import companions, layout, paired
from suite.data.folders.boxes import Boxes, Listing, clipped
from suite.data.folders.tables import read_text
from suite.data.pictures.images import upright_size
from suite.data.set_aside import SetAside, UnusableError
from suite.data.splits import SPLITS

_FOLDERS = (("JPEGImages", "Annotations"), ("images", "annotations"), ("images", "labels"))
_SIDES = ("ymin", "xmin", "ymax", "xmax")
_BACKGROUND = "with an annotation file of no object, taken as background"


def find_voc(root: Path) -> dict[str, tuple[Path, Path]]:
    """The folders of the pictures and of the XML files by part; empty where there are none."""
    below = [(paired.part_named(path.name), path) for path in sorted(root.iterdir()) if path.is_dir()]
    beside = {part: (path, path) for part, path in below if part}
    for pairs in (*(paired.find_pairs(root, *names) for names in _FOLDERS), beside):
        pairs = {part: pair for part, pair in pairs.items() if _is_of_xml(pair[1])}
        if "train" in pairs:
            return pairs
    return {}


def _is_of_xml(folder: Path) -> bool:
    """Whether a folder has more XML files than text files, which could be of YOLO."""
    suffixes = [path.suffix.lower() for path in layout.list_entries(folder, folder)[1]]
    return suffixes.count(".xml") > suffixes.count(".txt")


def list_voc(root: Path, pairs: Mapping[str, tuple[Path, Path]]) -> Listing:
    """Lists a folder of pictures and XML files; the classes are the names in them, in natural order.

    A folder that is not divided otherwise is so by train.txt, val.txt and test.txt in ImageSets/Main.

    Args:
        root: The folder.
        pairs: As `find_voc` gives them.
    """
    files, aside = [], []
    objects_of: dict[Path, ElementTree.Element] = {}
    read: set[Path] = set()
    for part, (image_folder, xml_folder) in pairs.items():
        images, others = paired.list_files(image_folder, root)
        beside, more = (images, []) if xml_folder == image_folder else paired.list_files(xml_folder, root)
        xml_files = [path for path in beside if path.suffix.lower() == ".xml"]
        images = [image for image in images if image not in xml_files]
        found, alone = companions.match(images, xml_files, root, "annotation file")
        gone = {entry.file for entry in alone}
        lone = [image for image in images if image not in found]
        entries = [SetAside.below(root, image, "no annotation file for it") for image in lone]
        aside += [*others, *more, *alone, *(entry for entry in entries if entry.file not in gone)]
        read |= {*found.values()}
        for image, xml_file in found.items():
            try:
                objects_of[image] = _parse(xml_file)
                files.append((image, part))
            except UnusableError as error:
                aside.append(SetAside.below(root, image, error.reason))
    names = {_name(thing) for tree in objects_of.values() for thing in tree.iter("object")} - {""}
    classes = tuple(sorted(names, key=layout.natural))
    if set(pairs) == {"train"}:
        files, lists = _divided(root, files, aside)
        read |= lists
    parts = {part for _, part in files} or {"train"}
    return Listing(
        files, parts, lambda path: _voc_boxes(path, objects_of[path], classes), classes, aside, read
    )


def _parse(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(read_text(path, "an XML file").lstrip())
    except ElementTree.ParseError as error:
        raise UnusableError(f"its annotation file {path.name} is no XML ({error})") from error


def _divided(
    root: Path, files: list[tuple[Path, str]], aside: list[SetAside]
) -> tuple[list[tuple[Path, str]], set[Path]]:
    """The pictures with the parts that ImageSets/Main gives them, if it gives two; and the files of it."""
    folder = companions.child(companions.child(root, "ImageSets"), "Main")
    lists = {
        part: companions.child(folder, name)
        for part, name in zip(SPLITS, ("train.txt", "val.txt", "test.txt"), strict=True)
    }
    lists = {part: path for part, path in lists.items() if path.is_file()}
    if "train" not in lists or len(lists) == 1:
        return files, set()
    part_of: dict[str, str] = {}
    for part, path in lists.items():
        part_of |= {line.split()[0]: part for line in paired.read_names(path)}
    divided = [(path, part_of[path.stem]) for path, _ in files if path.stem in part_of]
    aside += [
        SetAside.below(root, path, "in no list of ImageSets/Main")
        for path, _ in files
        if path.stem not in part_of
    ]
    return divided, set(lists.values())


def _name(thing: ElementTree.Element) -> str:
    return (thing.findtext("name") or "").strip()


def _number(element: ElementTree.Element | None, name: str) -> float:
    """A number in an element, with a point or a comma; NaN if it is none."""
    text = element.findtext(name) if element is not None else None
    try:
        return float((text or "nan").strip().replace(",", "."))
    except ValueError:
        return math.nan


def _voc_boxes(path: Path, tree: ElementTree.Element, classes: tuple[str, ...]) -> Boxes:
    height, width = upright_size(path)
    stated = [_number(tree.find("size"), name) for name in ("height", "width")]
    if all(size > 0 for size in stated) and stated != [height, width]:  # 0 or nothing: it was not known
        raise UnusableError(
            f"{width} x {height} pixels upright, but its annotations say {stated[1]:g} x {stated[0]:g}"
        )
    boxes, labels, are_difficult = [], [], []
    for number, thing in enumerate(tree.iter("object"), 1):
        try:
            if not _name(thing):
                raise UnusableError("has no name")
            top, left, bottom, right = (_number(thing.find("bndbox"), side) for side in _SIDES)
            if any(map(math.isnan, (top, left, bottom, right))):
                raise UnusableError("has no bndbox of four numbers")
            boxes.append(clipped(top / height, left / width, bottom / height, right / width))
        except UnusableError as error:
            raise UnusableError(f"its object number {number} {error.reason}") from error
        labels.append(classes.index(_name(thing)))
        are_difficult.append(_number(thing, "difficult") == 1)
    return Boxes.of(boxes, labels, are_difficult, () if boxes else (_BACKGROUND,))
