"""Where the data of a run are from."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeVar

Loaded = TypeVar("Loaded")


@dataclasses.dataclass(frozen=True)
class Source:
    """What `--data` names; `str` gives that text back.

    Attributes:
        kind: "embedded", data that need no download; "tfds", a TensorFlow Datasets set; "path", the user's.
        name: Of the TFDS set; "" for the one that a recipe usually takes.
        path: Of the user's file or folder, without links; None of another kind.
    """

    kind: Literal["embedded", "tfds", "path"]
    name: str = ""
    path: Path | None = None

    @classmethod
    def parse(cls, data: str | os.PathLike[str]) -> "Source":
        """Reads the text of `--data`: "embedded", "tfds", "tfds:NAME", or else a path; a `Path` is one."""
        if data == EMBEDDED.kind:
            return EMBEDDED
        if isinstance(data, str) and data.split(":")[0] == "tfds":
            return cls("tfds", data[len("tfds:") :])
        return cls("path", path=Path(os.path.realpath(data)))

    @property
    def is_embedded(self) -> bool:
        """Whether the data need no download."""
        return self.kind == "embedded"

    @property
    def is_tfds(self) -> bool:
        """Whether they are a set of TensorFlow Datasets."""
        return self.kind == "tfds"

    def load(
        self,
        embedded: Callable[[], Loaded],
        tfds: Mapping[str, Callable[[], Loaded]],
        path: Callable[[Path], Loaded],
    ) -> Loaded:
        """Loads data of this kind.

        Args:
            embedded: Gives the data that need no download.
            tfds: By its name, gives the one TFDS set that can be read.
            path: Reads a user's file or folder.

        Raises:
            ValueError: The source names another TFDS set.
        """
        if self.path is not None:
            return path(self.path)
        if self.is_embedded:
            return embedded()
        ((name, load_set),) = tfds.items()
        if self.name not in ("", name):
            raise ValueError(f"expected --data tfds, which is {name}, received '{self}'; it is the only one")
        return load_set()

    def __str__(self) -> str:
        if self.path is not None:
            return str(self.path)
        return f"{self.kind}:{self.name}" if self.name else self.kind


EMBEDDED = Source("embedded")
