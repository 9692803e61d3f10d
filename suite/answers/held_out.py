"""Which of a folder's photos a model is measured on: held-out ones, as far as it is known which those are."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from suite.bundle.names import SPLIT_FILE
from suite.bundle.record import read_result
from suite.data.folders.labeling import UNSAID, Labeling


class Chosen(NamedTuple):
    """Photos to measure on.

    Attributes:
        name: "train", "validation", "test" or "all".
        files: Their paths below the folder.
        training: Those of training that are not among them.
    """

    name: str
    files: list[str]
    training: list[str]


def choose(part_of: Mapping[str, str], split: str | None, bundle: Path, root: Path) -> Chosen:
    """Chooses a part of a folder's photos, which is divided as the bundle's own run did, if that was on it.

    Args:
        part_of: The part of each photo, by its path below the folder.
        split: The part, or "all"; None: test, else validation, else all.
        bundle: Folder of the model.
        root: The folder of the photos.

    Raises:
        ValueError: The part has none.
    """
    part_of = _as_trained(part_of, bundle, root)
    parts = set(part_of.values())
    name = split or next((part for part in ("test", "validation") if part in parts), "all")
    files = [file for file, part in part_of.items() if name in ("all", part)]
    if not files:
        raise ValueError(f"expected images in the {name} split of {root}, found none")
    training = [file for file, part in part_of.items() if part == "train"]
    return Chosen(name, files, training if name not in ("all", "train") else [])


def labeling_of(bundle: Path, root: Path) -> Labeling:
    """What the bundle's own run was told of the images, if that was on this folder."""
    try:
        record = read_result(bundle)
    except (ValueError, OSError):
        return UNSAID
    if record.data.source != str(root.resolve()):
        return UNSAID
    names = [field.name for field in dataclasses.fields(Labeling)]
    return Labeling(**{name: record.config[name] for name in names if name in record.config})


def _as_trained(part_of: Mapping[str, str], bundle: Path, root: Path) -> Mapping[str, str]:
    try:
        trained_on = read_result(bundle).data.source
        split = json.loads((bundle / SPLIT_FILE).read_text(encoding="utf-8"))["files"]
    except (ValueError, OSError, KeyError):
        return part_of
    if trained_on != str(root.resolve()):
        return part_of
    return {file: split.get(file, "new") for file in part_of}
