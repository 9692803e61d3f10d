"""Pascal VOC's annotation files: XML with an object a box. No picture is decoded here."""

import math
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from suite.data.folders import companions, layout, paired, part_lists
from suite.data.folders.boxes import Boxes, Listing, clipped
from suite.data.folders.folder_pairs import FolderPair, find_folder_pairs, parts_of
from suite.data.folders.tables import read_text
from suite.data.pictures.images import upright_size
from suite.data.set_aside import SetAside, UnusableError

LAYOUT = "Pascal VOC"
_SAMPLE = 20  # XML files of a folder that are looked into
_SIDES = ("ymin", "xmin", "ymax", "xmax")
_BACKGROUND = "with an annotation file of no object, taken as background"


def find_voc(root: Path) -> list[FolderPair]:
    """The folders of the pictures and of the XML files; none where there are no such files."""
    pairs = find_folder_pairs(root, lambda path: path.suffix.lower() == ".xml")
    return [pair for pair in pairs if _is_of_xml(pair.others)]


def _is_of_xml(folder: Path) -> bool:
    """Whether a folder has annotations in XML, and more of them than text files, which could be of YOLO."""
    files = layout.list_entries(folder, folder)[1]
    suffixes = [path.suffix.lower() for path in files]
    sample = [path for path, suffix in zip(files, suffixes, strict=True) if suffix == ".xml"][:_SAMPLE]
    return len(sample) > 0 and suffixes.count(".xml") > suffixes.count(".txt") and any(map(_is_voc, sample))


def _is_voc(path: Path) -> bool:
    try:
        return "<annotation" in read_text(path, "an XML file")[:1000]
    except ValueError:
        return False


def list_voc(root: Path, pairs: Sequence[FolderPair]) -> Listing:
    """Lists a folder of pictures and XML files; the classes are the names in them, in natural order.

    A folder that is not divided otherwise is so by train.txt, val.txt and test.txt in ImageSets/Main.

    Args:
        root: The folder.
        pairs: As `find_voc` gives them.
    """
    files, aside = [], []
    objects_of: dict[Path, ElementTree.Element] = {}
    read: set[Path] = set()
    for part, image_folder, xml_folder in pairs:
        images, xml_files, others = paired.list_both(
            image_folder, xml_folder, root, lambda path: path.suffix.lower() == ".xml"
        )
        found, alone = companions.match(images, xml_files, root, "annotation file")
        gone = {entry.file for entry in alone}
        lone = [image for image in images if image not in found]
        entries = [SetAside.below(root, image, "no annotation file for it") for image in lone]
        aside += [*others, *alone, *(entry for entry in entries if entry.file not in gone)]
        read |= {*found.values()}
        for image, xml_file in found.items():
            try:
                objects_of[image] = _parse(xml_file)
                files.append((image, part))
            except UnusableError as error:
                aside.append(SetAside.below(root, image, error.reason))
    names = {_name(thing) for tree in objects_of.values() for thing in tree.iter("object")} - {""}
    classes = tuple(sorted(names, key=layout.natural))
    parts = parts_of(pairs)
    if parts == {"train"}:
        files, parts, lists = part_lists.divide(root, files, aside)
        read |= lists
    return Listing(
        files, parts, lambda path: _voc_boxes(path, objects_of[path], classes), classes, aside, read, LAYOUT
    )


def _parse(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(read_text(path, "an XML file").lstrip())
    except ElementTree.ParseError as error:
        raise UnusableError(f"its annotation file {path.name} is no XML ({error})") from error


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
