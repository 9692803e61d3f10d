"""Pascal VOC's annotation files: XML with an object a box. No picture is decoded here."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from suite.data.folders import layout, part_lists
from suite.data.folders.boxes import Boxes, Listing
from suite.data.folders.folder_pairs import FolderPair, find_folder_pairs, match_pairs, parts_of
from suite.data.folders.tables import read_text
from suite.data.folders.text_files import read_text_of_picture
from suite.data.folders.things import frame_of, number_of
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
        return re.search(r"<annotation[\s>]", read_text(path, "an XML file")[:1000]) is not None
    except ValueError:
        return False


def list_voc(root: Path, pairs: Sequence[FolderPair]) -> Listing:
    """Lists a folder of pictures and XML files; the classes are the names in them, in natural order.

    A folder that is not divided otherwise is so by train.txt, val.txt and test.txt in ImageSets/Main.

    Args:
        root: The folder.
        pairs: As `find_voc` gives them.
    """
    matched = match_pairs(root, pairs, "annotation file", lambda _, path: path.suffix.lower() == ".xml")
    complete, aside = matched.complete(root, "no annotation file for it")
    files = []
    objects_of: dict[Path, ElementTree.Element] = {}
    for image, part in complete:
        try:
            objects_of[image] = _parse(matched.other_of[image])
            files.append((image, part))
        except UnusableError as error:
            aside.append(SetAside.below(root, image, error.reason))
    names = {_name(thing) for tree in objects_of.values() for thing in tree.iter("object")} - {""}
    classes = tuple(sorted(names, key=layout.natural))
    parts = parts_of(pairs)
    lists: set[Path] = set()
    if parts == {"train"}:
        files, parts, lists = part_lists.divide(root, files, aside)
    return Listing(
        files,
        parts,
        lambda path: _voc_boxes(path, objects_of[path], classes),
        classes,
        aside,
        {*matched.other_of.values(), *lists},
        LAYOUT,
    )


def _parse(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(read_text_of_picture(path, "annotation file").lstrip())
    except ElementTree.ParseError as error:
        raise UnusableError(f"its annotation file {path.name} is no XML ({error})") from error


def _name(thing: ElementTree.Element) -> str:
    return (thing.findtext("name") or "").strip()


def _number(element: ElementTree.Element | None, name: str) -> float:
    return number_of(element.findtext(name) if element is not None else None)


def _voc_boxes(path: Path, tree: ElementTree.Element, classes: tuple[str, ...]) -> Boxes:
    size = tree.find("size")
    frame = frame_of(path, _number(size, "height"), _number(size, "width"))
    boxes, labels, are_difficult = [], [], []
    for number, thing in enumerate(tree.iter("object"), 1):
        try:
            if not _name(thing):
                raise UnusableError("has no name")
            top, left, bottom, right = (_number(thing.find("bndbox"), side) for side in _SIDES)
            if any(map(math.isnan, (top, left, bottom, right))):
                raise UnusableError("has no bndbox of four numbers")
            boxes.append(frame.clipped(top, left, bottom, right))
        except UnusableError as error:
            raise UnusableError(f"its object number {number} {error.reason}") from error
        labels.append(classes.index(_name(thing)))
        are_difficult.append(_number(thing, "difficult") == 1)
    return Boxes.of(boxes, labels, are_difficult, tuple(frame.remarks) if boxes else (_BACKGROUND,))
