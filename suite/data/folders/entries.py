"""Annotation files that name their pictures, as VIA, CVAT, Label Studio and CreateML write them."""

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from suite.data.folders import layout
from suite.data.folders.boxes import Listing
from suite.data.folders.folder_pairs import place_of
from suite.data.folders.named_pictures import NamedPictures
from suite.data.folders.tables import part_named, read_text
from suite.data.folders.things import Annotated, Thing, list_things
from suite.data.set_aside import SetAside, UnusableError


class Entry(NamedTuple):
    """What a file says of a picture.

    Attributes:
        file: Its name or path; anything else where that is missing.
        things: In it; or why they cannot be used.
        height: Of the picture in pixels; NaN where it is not said.
        width: Of the picture.
        part: "train", "validation" or "test"; "" where it is not said.
    """

    file: object
    things: list[Thing] | UnusableError
    height: float = math.nan
    width: float = math.nan
    part: str = ""


def find_texts(root: Path, suffix: str, is_ours: Callable[[str], bool]) -> list[Path]:
    """The files of a suffix in a folder, at any depth, whose text is of a form.

    Args:
        root: The folder.
        suffix: Such as ".json".
        is_ours: Whether a text is.
    """
    found = [path for path, _ in layout.find_files(root, {"": [root]})[0] if path.suffix.lower() == suffix]
    return [path for path in found if is_ours(_text(path))]


def _text(path: Path) -> str:
    try:
        return read_text(path, "a text")
    except ValueError:
        return ""


def list_entries(root: Path, entries_of: Mapping[Path, Iterable[Entry]], name: str) -> Listing:
    """Lists the pictures that files name; the classes are the names of the things, in natural order.

    The part of a picture is that of its entry, or else the one in the name of the file or its folder.

    Args:
        root: The folder, with the pictures anywhere in it.
        entries_of: By file.
        name: What the form is called.
    """  # noqa: DOC501  UnusableError is caught
    pictures = NamedPictures(root)
    found: dict[Path, Annotated] = {}
    aside: list[SetAside] = []
    for path, entries in entries_of.items():
        of_file = part_named(path.stem) or place_of(path.parent, root).part or "train"
        for number, (file, things, height, width, part) in enumerate(entries, 1):
            part = part or of_file
            try:
                if not isinstance(file, str) or not file.strip():
                    raise UnusableError(f"picture number {number} has no filename")
                picture = pictures.find(file, path, part)
                if picture in found:
                    raise UnusableError("the image file is listed twice; its first entry is used")
                found[picture] = Annotated(part, things, height, width)
            except UnusableError as error:
                told = file if isinstance(file, str) and file.strip() else path.relative_to(root).as_posix()
                aside.append(SetAside(told, error.reason))
    if "train" not in {picture.part for picture in found.values()}:
        found = {path: picture._replace(part="train") for path, picture in found.items()}
    return list_things(found, aside, list(entries_of), name)
