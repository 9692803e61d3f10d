"""What says the class of each picture of a user's folder: its class folder, a table, or its own name."""

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from suite.data.folders import class_folders, layout
from suite.data.folders.label_table import LabelTable, PictureIndex, agrees, find_table
from suite.data.folders.tables import part_named
from suite.data.pictures.file_kinds import is_picture
from suite.data.set_aside import SetAside, first_names
from suite.data.splits import SPLITS

PREFIX = "prefix"
_BEFORE_NUMBER = re.compile(r"(.*?[^\W\d_])[\W_]*\d")


@dataclasses.dataclass(frozen=True)
class Labeling:
    """How a user says that the pictures of a folder are labeled.

    Attributes:
        label_column: Column of the labels in the table beside the pictures; "": found where there is one.
        depth: Folders from the part (the root where there are none) down to a class.
        class_from_name: "prefix", what is before the number in a file's name, or a regular expression with
            one group; "": names say nothing.
    """

    label_column: str = ""
    depth: int = 1
    class_from_name: str = ""

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ValueError(f"expected depth of at least 1, received {self.depth}")
        given = [name for name, value in dataclasses.asdict(self).items() if value and value != 1]
        if len(given) > 1:
            raise ValueError(
                f"expected one of label_column, depth and class_from_name, received {' and '.join(given)}"
            )
        if self.class_from_name not in ("", PREFIX):
            try:
                groups = re.compile(self.class_from_name).groups
            except re.error as error:
                raise ValueError(
                    f"expected class_from_name {PREFIX!r} or a regular expression, received "
                    f"{self.class_from_name!r}: {error}"
                ) from error
            if groups != 1:
                raise ValueError(
                    f"expected class_from_name {PREFIX!r} or a regular expression with one group, received "
                    f"{self.class_from_name!r} with {groups}"
                )


UNSAID = Labeling()


class LabeledFiles(NamedTuple):
    """The files of a folder with their classes; none is opened yet.

    Attributes:
        parts: Those that it is divided into.
        files: Pairs of a path and its part.
        class_of: The class by path.
        classes: Names of the class folders, empty ones included; None where other things say the class.
        depth: Folders from the root to the one that names the class, that included; 0 where none does.
        aside: What is in no class.
        notes: What was assumed, a sentence each.
    """

    parts: tuple[str, ...]
    files: list[tuple[Path, str]]
    class_of: Mapping[Path, str]
    classes: tuple[str, ...] | None
    depth: int
    aside: list[SetAside]
    notes: tuple[str, ...] = ()


def find_labels(root: Path, labeling: Labeling, to_train: bool = True) -> LabeledFiles:
    """Finds the pictures of a folder and their classes.

    Class folders are taken where there are two or more. A table lying beside the pictures is taken where
    there are not, or where its labels have a usual name and contradict the folders.

    Args:
        root: The folder.
        labeling: What the user says of it.
        to_train: Whether at least two class folders are needed.

    Raises:
        ValueError: It is no folder, has no classes, or not what `labeling` says.
    """
    class_folders.check_directory(root)
    if labeling.class_from_name:
        return _by_names(root, labeling.class_from_name)
    if labeling.label_column:
        return _by_tables(root, _tables(root, labeling.label_column))
    parts, aside = layout.find_parts(root)
    parts, above = layout.deepen(root, parts, labeling.depth)
    tables = _tables(root) if labeling.depth == 1 else {}
    refusal, classes = None, tuple(layout.class_name(each, labeling.depth) for each in parts["train"])
    try:
        classes = class_folders.check_classes(root, parts, labeling.depth)
    except ValueError as error:
        refusal = error
    if refusal and any(isinstance(table, LabelTable) for table in tables.values()):
        return _by_tables(root, tables)
    if refusal and to_train:
        raise ValueError(f"{refusal}{_hint(root, tables)}")
    files, unreachable = layout.find_files(root, parts)
    start = layout.depth(root, parts)
    depth = labeling.depth
    class_of = {
        path: "/".join(path.relative_to(root).parts[start - depth + 1 : start + 1]) for path, _ in files
    }
    found = LabeledFiles(tuple(parts), files, class_of, classes, start + 1, [*aside, *above, *unreachable])
    return _or_by_tables(root, found, tables)


def _or_by_tables(root: Path, found: LabeledFiles, tables: Mapping[Path, LabelTable | str]) -> LabeledFiles:
    """Of class folders and tables of labels that contradict them, the tables where their column is usual."""
    usable = {path: table for path, table in tables.items() if isinstance(table, LabelTable)}
    if len(usable) != 1:
        return found
    other, (table,) = _by_tables(root, tables), usable.values()
    if 2 * len(other.files) <= len(found.files) or agrees(found.class_of, other.class_of):
        return found
    if table.is_usual:
        names = first_names([repr(name) for name in found.classes or ()])
        note = f"the folders {names} are no classes; remove {table.path.name} to have them as such"
        return other._replace(notes=(*other.notes, note))
    column = table.names[table.labels[0]]
    note = f"classes are the folders, not column {column!r} of {table.path.name}: choose by --label_column"
    return found._replace(notes=(*found.notes, note))


def _by_tables(root: Path, tables: Mapping[Path, LabelTable | str]) -> LabeledFiles:
    """Labels by tables of which at least one has some.

    Raises:
        ValueError: Several tables that are not named by parts.
    """
    usable = {path: table for path, table in tables.items() if isinstance(table, LabelTable)}
    part_of_table = _parts_of_tables(root, list(usable))
    everything, aside = _all_files(root)
    paths = [path for path in everything if path not in tables]
    index, part_of = PictureIndex(root, paths), _parts_by_folder(root, paths)
    aside += [SetAside.below(root, path, f"it {why}") for path, why in tables.items() if isinstance(why, str)]
    said: dict[Path, set[tuple[str, str]]] = {}  # labels and parts
    for path, table in usable.items():
        for row in table.rows:
            label, part, reason = table.read(row)
            named = [] if reason else index.find(row.cells[table.file])
            beside = [each for each in named if each.is_relative_to(path.parent)]
            part = part or part_of_table.get(path)
            inside = [each for each in beside or named if part in (None, part_of[each])]
            found = inside or beside or named
            if len(found) != 1:
                reason = reason or _unclear(root, found, row.cells[table.file])
                aside.append(SetAside(f"{path.relative_to(root).as_posix()}:{row.line}", reason))
            else:
                said.setdefault(found[0], set()).add((label, part or part_of[found[0]]))
    class_of, files = {}, []
    names = " or ".join(dict.fromkeys(path.name for path in usable))
    for path in paths:
        pairs = said.get(path, set())
        if len(pairs) == 1:
            ((class_of[path], part),) = pairs
            files.append((path, part))
        else:
            labels = " and ".join(repr(label) for label, _ in sorted(pairs))
            aside.append(SetAside.below(root, path, f"labeled {labels}" if pairs else f"no row in {names}"))
    parts, files = _to_train(files)
    notes = tuple(dict.fromkeys(table.note() for table in usable.values()))
    return LabeledFiles(parts, files, class_of, None, 0, aside, notes)


def _unclear(root: Path, found: Sequence[Path], cell: str) -> str:
    """What is wrong with a row that names no file, or several."""
    if not found:
        return f"no picture {cell!r}"
    first, second = (path.relative_to(root).as_posix() for path in found[:2])
    return f"{cell!r} may be {first!r} or {second!r}; give its path"


def _parts_of_tables(root: Path, paths: Sequence[Path]) -> dict[Path, str]:
    """The part of each of several tables, by its name or folder; none of a single one."""
    if len(paths) == 1:
        return {}
    parts = {path: layout.PARTS.get(path.parent.name.casefold()) or part_named(path.name) for path in paths}
    named = [part for part in parts.values() if part]
    if len(set(named)) < len(paths) or "train" not in named:
        names = first_names([path.relative_to(root).as_posix() for path in paths])
        raise ValueError(
            f"expected one table of labels in {str(root)!r}, or train, validation and test in their names, "
            f"received {names}; keep one"
        )
    return dict(zip(parts, named, strict=True))


def _by_names(root: Path, pattern: str) -> LabeledFiles:
    """Labels by the names of the files.

    Raises:
        ValueError: No name has a class.
    """
    everything, aside = _all_files(root)
    class_of = {path: name for path in everything if (name := name_class(path, pattern))}
    if not class_of:
        there = f"only others, as {everything[0].name!r}" if everything else "no files"
        raise ValueError(
            f"expected files with a class in their names by class_from_name {pattern!r} in {str(root)!r}, "
            f"received {there}"
        )
    aside += [
        SetAside.below(root, path, "no class in its name") for path in everything if path not in class_of
    ]
    part_of = _parts_by_folder(root, everything)
    parts, files = _to_train([(path, part_of[path]) for path in class_of])
    return LabeledFiles(parts, files, class_of, None, 0, aside)


def name_class(path: Path, pattern: str) -> str:
    """The class in the name of a file, as `Labeling.class_from_name` has it; "" where there is none."""
    found = _BEFORE_NUMBER.match(path.stem) if pattern == PREFIX else re.search(pattern, path.name)
    return ((found and found[1]) or "").strip()


def _all_files(root: Path) -> tuple[list[Path], list[SetAside]]:
    found, aside = layout.find_files(root, {"": [root]})
    return sorted(path for path, _ in found), aside


def _parts_by_folder(root: Path, paths: Sequence[Path]) -> dict[Path, str]:
    """The part of each file by the folders that it is in; "train" where they name none."""
    return {
        path: next(
            (
                layout.PART_NAMES[name.casefold()]
                for name in path.relative_to(root).parts[:-1]
                if name.casefold() in layout.PART_NAMES
            ),
            "train",
        )
        for path in paths
    }


def _to_train(files: Sequence[tuple[Path, str]]) -> tuple[tuple[str, ...], list[tuple[Path, str]]]:
    """Parts, and files with theirs; all are for training where none is."""
    given = {part for _, part in files}
    if "train" not in given:
        return ("train",), [(path, "train") for path, _ in files]
    return tuple(part for part in SPLITS if part in given), list(files)


def _hint(root: Path, tables: Mapping[Path, LabelTable | str]) -> str:
    """What else may be wrong with a folder without class folders: its table, or classes in names of files."""
    said = "".join(f" ({path.name} {why})" for path, why in tables.items() if isinstance(why, str))
    paths = [path for path in _all_files(root)[0] if is_picture(path.suffix)]
    counts = Counter(name for path in paths if (name := name_class(path, PREFIX)))
    some = [name for name, count in counts.items() if count > 1]
    if len(some) < 2 or 2 * sum(counts[name] for name in some) <= len(paths):
        return said
    return f"{said}; or --class_from_name {PREFIX} for the classes {first_names(sorted(some))}"


def _tables(root: Path, label_column: str = "") -> dict[Path, LabelTable | str]:
    """Reads the tables in a folder, or else in the folders of its parts; says why one has no labels.

    Raises:
        ValueError: A column is given, and no table has it.
    """
    folders, files, _ = layout.list_entries(root, root)
    paths = [path for path in files if path.suffix.lower() in layout.TABLES]
    if not paths:
        inner = [folder for folder in folders if folder.name.casefold() in layout.PART_NAMES]
        below = [path for folder in inner for path in layout.list_entries(folder, root)[1]]
        paths = [path for path in below if path.suffix.lower() in layout.TABLES]
    if not paths and not label_column:
        return {}
    index = PictureIndex(root, [path for path in _all_files(root)[0] if path not in paths])
    tables = {path: find_table(path, index, label_column) for path in paths}
    if label_column and not any(isinstance(table, LabelTable) for table in tables.values()):
        received = ", ".join(f"{path.name}, which {why}" for path, why in tables.items()) or "no table"
        raise ValueError(
            f"expected a table (CSV or TSV) with {label_column!r} beside the pictures in {str(root)!r}, "
            f"received {received}"
        )
    return tables
