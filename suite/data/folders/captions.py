"""A user's folder of pictures with a table of captions, as people keep and publish them."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from suite import console
from suite.data.folders import layout, paired
from suite.data.folders.tables import Row, Table, part_named, read_table, read_text
from suite.data.set_aside import SetAside, UnusableError

EXPECTED = "a folder with pictures and a table of captions, such as captions.csv"
_TABLES = (".csv", ".tsv", ".txt", ".token")
_PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".avif", ".heic"}
_FILE_NAMES = {"file", "image", "filename", "file_name", "image_name", "picture", "photo", "path", "name"}
_CAPTION_NAMES = {"caption", "comment", "text", "sentence", "description", "caption_text"}


class Captions(NamedTuple):
    """What a table says of the pictures of a folder.

    Attributes:
        captions: By path of the picture, at least one.
        parts: The part of each picture; "train" where its owner did not split.
        aside: Bad rows, and pictures without a caption.
    """

    captions: dict[Path, list[str]]
    parts: dict[Path, str]
    aside: list[SetAside]


def find_table(root: Path) -> Path:
    """The table of captions: captions.*, or else the only table whose rows begin with names of pictures.

    It is in the folder, or beside it where the folder has pictures alone.

    Raises:
        ValueError: There is none, or there are several.
    """
    for folder in (root, root.parent):
        files = [path for path in layout.list_entries(folder, folder)[1] if path.suffix.lower() in _TABLES]
        named = [path for path in files if re.match("captions?$", path.stem.lower())]
        found = named or [path for path in files if _names_pictures_first(path)]
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise ValueError(f"expected one table of captions in {str(folder)!r}, received {names}; keep one")
        if found:
            if folder != root:
                console.say(f"captions from {console.shown(found[0])}, beside the pictures")
            return found[0]
        if any(path.is_dir() for path in root.iterdir()):
            break  # not a folder of pictures alone
    raise ValueError(
        f"expected captions.csv in {str(root)!r}, received {paired.contents(root)}; write one with "
        "columns file and caption, a row for each caption"
    )


def _names_pictures_first(path: Path) -> bool:
    """Whether the second line begins with the name of a picture, and goes on."""
    try:
        lines = read_text(path, "text").split("\n")[1:2]
    except ValueError:
        return False
    return bool(lines) and bool(
        re.match(r"[^\t,;|]+\.(jpe?g|png)(#\d+)?\s*[\t,;|]\s*\S", lines[0], re.IGNORECASE)
    )


def read_captions(table_path: Path, root: Path) -> Captions:
    """Reads a table of captions, and finds its pictures in a folder.

    Columns have usual names ("image,caption"; "image_name| comment_number| comment"), or none: then the
    first cell is the picture, which may have "#0" and so on behind it, and the rest the caption. A caption
    may have the character in it that parts the columns. A picture is named by its path in the folder, or by
    its name alone where that is unique, as in a folder images beside the table.

    The owner's split are folders train, validation and test, or text files with such a word in their names
    that list pictures, a line each; pictures that these do not name are set aside.

    Args:
        table_path: The table.
        root: Folder of the pictures.

    Raises:
        ValueError: It is no table.
    """  # noqa: DOC501  UnusableError is caught
    table = read_table(table_path, EXPECTED)
    rows, columns = _columns(table)
    pictures = _Pictures(root)
    captions: dict[Path, list[str]] = {}
    aside = []
    for row in rows:
        try:
            name, caption = _pair(row, columns, table)
            path = pictures.find(name)
            if caption in captions.get(path, ()):
                raise UnusableError(f"{name} has the same caption before")
            captions.setdefault(path, []).append(caption)
        except UnusableError as error:
            aside.append(SetAside(f"{table_path.name}:{row.line}", error.reason))
    lists = _owners_lists(table_path, pictures)
    parts, left_out = _parts(captions, root, lists)
    captions = {path: captions[path] for path in parts}
    strangers = sorted(set(pictures.every) - set(captions) - {table_path, *lists} - set(left_out))
    aside += [SetAside.below(root, path, "no caption") for path in strangers]
    aside += [SetAside.below(root, path, "in none of the lists of the split") for path in left_out]
    return Captions(captions, parts, aside)


class _Columns(NamedTuple):
    """Numbers of the columns, and how many there are."""

    file: int
    caption: int
    width: int


def _columns(table: Table) -> tuple[Sequence[Row], _Columns]:
    """The rows without the names of the columns, and where pictures and captions stand."""
    names = [name.casefold().strip("\ufeff") for name in table.rows[0].cells] if table.rows else []
    file = [place for place, name in enumerate(names) if name in _FILE_NAMES]
    caption = [place for place, name in enumerate(names) if name in _CAPTION_NAMES]
    if len(file) == 1 and len(caption) == 1:
        return table.rows[1:], _Columns(file[0], caption[0], len(names))
    if names and _is_picture(names[0]):
        console.warn(
            f"{table.path.name}: the first line is data, not names of columns; its first column is taken for "
            "the pictures, the rest for captions"
        )
        return table.rows, _Columns(0, 1, 2)
    received = ", ".join(names) or "nothing"
    raise ValueError(
        f"expected columns file and caption in the first line of {table.path}, received {received}; name them"
    )


def _is_picture(name: str) -> bool:
    return Path(re.sub(r"#\d+$", "", name)).suffix.lower() in _PICTURES


def _pair(row: Row, columns: _Columns, table: Table) -> tuple[str, str]:
    cells, (file, caption, width) = row.cells, columns
    more = len(cells) - width
    if more > 0 and caption == width - 1 > file:  # the caption has the delimiter in it
        gap = f"{table.delimiter} " if table.delimiter != "\t" else " "
        cells = [*cells[:caption], gap.join(cells[caption:])]
    elif more:
        raise UnusableError(f"{len(cells)} cells for {width} columns")
    for what, cell in (("file", cells[file]), ("caption", cells[caption])):
        if not cell:
            raise UnusableError(f"no {what}")
    return cells[file], cells[caption]


class _Pictures:
    """The files of a folder by path and by name."""

    def __init__(self, root: Path):
        self.root, self.every = root, _files(root)
        self._by_name: dict[str, list[Path]] = {}
        for path in self.every:
            self._by_name.setdefault(path.name, []).append(path)

    def find(self, name: str) -> Path:
        """Raises `UnusableError` where there is none, or several."""
        for each in (name, re.sub(r"#\d+$", "", name)):
            path = Path(os.path.normpath(self.root / each.replace("\\", "/")))
            if path.is_relative_to(self.root) and path.is_file():
                return path
            found = self._by_name.get(path.name, []) if "/" not in each.replace("\\", "/") else []
            if len(found) == 1:
                return found[0]
            if found:
                raise UnusableError(f"{each} is in {len(found)} folders")
        if not path.is_relative_to(self.root):
            raise UnusableError(f"{name} is not in the folder")
        raise UnusableError(f"{name} is missing")


def _files(root: Path) -> list[Path]:
    folders, files, _ = layout.list_entries(root, root)
    return [*files, *(file for folder in folders for file in _files(folder))]


def _owners_lists(table: Path, pictures: _Pictures) -> dict[Path, list[Path]]:
    """Text files that list pictures of a part; what else a file has in it makes it none."""
    lists = {}
    for path in pictures.every:
        if path.suffix.lower() == ".txt" and path != table and part_named(path.name):
            names = read_text(path, "a list of pictures").split()
            if names and all(map(_is_picture, names)):
                lists[path] = [found for name in names if (found := _or_none(pictures, name))]
    return lists


def _or_none(pictures: _Pictures, name: str) -> Path | None:
    try:
        return pictures.find(name)
    except UnusableError:
        return None


def _parts(
    captions: Mapping[Path, list[str]], root: Path, lists: Mapping[Path, list[Path]]
) -> tuple[dict[Path, str], list[Path]]:
    """The part of each picture, and the pictures that the owner's lists leave out."""
    listed = {path: str(part_named(name.name)) for name, paths in lists.items() for path in paths}
    if "train" in listed.values():
        names = ", ".join(sorted(path.name for path in lists))
        console.say(f"split as in {names}")
        return {path: listed[path] for path in captions if path in listed}, [
            path for path in captions if path not in listed
        ]
    parts = {path: _part(path, root) for path in captions}
    if "train" not in parts.values():
        parts = dict.fromkeys(captions, "train")
    return {path: part or "train" for path, part in parts.items()}, []


def _part(path: Path, root: Path) -> str | None:
    folders = path.relative_to(root).parts[:-1]
    return next((part for folder in folders if (part := paired.part_named(folder))), "train")
