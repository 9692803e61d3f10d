"""Pictures that annotation files name by paths of other machines: found by their names."""

from collections import defaultdict
from pathlib import Path, PurePosixPath

from suite.data.folders import layout, paired
from suite.data.folders.folder_pairs import place_of
from suite.data.pictures.file_kinds import is_picture
from suite.data.set_aside import UnusableError


class NamedPictures:
    """All files in a folder by name, without regard to case, pictures without their endings, too."""

    def __init__(self, root: Path):
        """Lists the files; nothing is opened."""
        self._root = root
        self._paths: dict[str, list[Path]] = defaultdict(list)
        for path, _ in sorted(layout.find_files(root, {"": [root]})[0]):
            for name in {path.name, path.name.casefold()}:
                self._paths[name].append(path)
            if is_picture(path.suffix):
                self._paths[f"{path.stem.casefold()}."].append(path)

    def find(self, name: str, beside: Path, part: str) -> Path:
        """The picture of that name; of several, one beside the annotations or in a folder of the part.

        Args:
            name: Its path on some machine, its name, or its name without the ending.
            beside: The annotation file.
            part: The part that this is for.

        Raises:
            UnusableError: There is none, or several.
        """
        wanted = PurePosixPath(name.replace("\\", "/"))
        found = self._paths.get(wanted.name) or self._paths.get(wanted.name.casefold(), [])
        found = found or self._paths.get(f"{wanted.name.casefold()}.", [])
        if not found:
            raise UnusableError("the image file is missing")

        def fits(path: Path) -> tuple[bool, bool, bool]:
            relative = path.relative_to(self._root)
            in_part = any(paired.part_named(folder) == part for folder in relative.parts[:-1])
            in_part = in_part or place_of(path.parent, self._root).part == part
            is_beside = beside.parent in path.parents and beside.parent != self._root
            return relative.as_posix().endswith(wanted.as_posix()), is_beside, in_part

        best = max(map(fits, found))
        chosen = [path for path in found if fits(path) == best]
        if len(chosen) > 1:
            raise UnusableError(f"{len(chosen)} image files have this name")
        return chosen[0]
