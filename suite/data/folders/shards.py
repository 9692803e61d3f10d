"""Labeled pictures in TFRecord files, as TensorFlow Datasets and the ImageNet tools write them.

A record is read by its place in its file, so that shards are used like a folder of pictures: in any order,
again and again, from where an interrupted run stopped.
"""

import contextlib
import hashlib
import io
import os
import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import google_crc32c
import numpy as np

from suite import console
from suite.data.folders import class_folders, labeled, layout, scan
from suite.data.folders.labeled import ImageFolder
from suite.data.folders.labeled_split import check_fractions, split_labeled
from suite.data.pictures.images import load_image
from suite.data.set_aside import SetAside, UnusableError

if TYPE_CHECKING:
    import tensorflow as tf

IMAGE, LABEL, TEXT, NAME = "image/encoded", "image/class/label", "image/class/text", "image/filename"
_IMAGES, _LABELS = (IMAGE, "image"), (LABEL, "label")
_NAMES_FILE = "label.labels.txt"
_SHARD = re.compile(r"\.tfrecords?\b|-\d{5,}-of-\d{5,}$")
_HEADER = struct.Struct("<QI")  # length of the data, and its checksum; after the data comes that of the data
_FOOTER = struct.Struct("<I")
_AT = "@"


def find_shards(directory: str | os.PathLike[str]) -> list[Path]:
    """Finds the TFRecord files in a folder, or in train, validation and test folders in it.

    Returns:
        Those named `*.tfrecord*` or `*-00000-of-00016`, sorted.
    """
    root = Path(directory)
    folders_of_parts = [path for path in root.glob("*") if path.name.casefold() in layout.PART_NAMES]
    files = [path for folder in (root, *folders_of_parts) for path in folder.glob("*")]
    return sorted(
        path
        for path in files
        if _SHARD.search(path.name) and not path.name.startswith(".") and path.is_file()
    )


def read_shards(
    directory: str | os.PathLike[str], seed: int = 0, fractions: Sequence[float] = (0.7, 0.15, 0.15)
) -> ImageFolder:
    """Reads TFRecord files of `tf.train.Example` with a picture and its class.

    The picture is under "image/encoded" or "image", as the bytes of a file. Its class is the text under
    "image/class/text" or "label", or the integer under "image/class/label" or "label", which is named by its
    line in the file `label.labels.txt` (TensorFlow Datasets writes one), else by itself. Files whose path
    holds the word train, validation (or val, valid) or test are that part, and all is train where none says
    train; beside a train file, those that say nothing are set aside. Parts that are not given are split off
    train. Records are checked, and set aside, as the files of `read_folder` are.

    Args:
        directory: A folder as for `find_shards`.
        seed: As for `read_folder`.
        fractions: As for `read_folder`.

    Returns:
        An `ImageFolder` whose files are "SHARD@PLACE", the place in bytes.

    Raises:
        ValueError: As `read_folder`, or a folder without such files.
    """
    root = Path(directory)
    check_fractions(fractions)
    shards = find_shards(root)
    if not shards:
        raise ValueError(
            f"expected TFRecord files in {str(root)!r}, received none; see tools/write_shards.py"
        )
    named = {shard.relative_to(root).as_posix(): _part(shard.relative_to(root)) for shard in shards}
    parts = {name: part for name, part in named.items() if part}
    if "train" not in parts.values():
        parts = dict.fromkeys(named, "train")
    strangers = named.keys() - parts.keys()
    aside = [SetAside(name, "not a train, validation or test file") for name in strangers]
    files: list[tuple[str, str]] = []
    for name in console.track(parts, "finding records"):
        places, fault = _places(root / name)
        files += [(f"{name}{_AT}{place}", parts[name]) for place in places]
        if fault:
            aside.append(SetAside(name, fault))
    names = _class_names(root)
    pictures, unusable = scan.inspect(files, lambda file: _check(root, file, names), "Checking pictures")
    aside += unusable
    classes = labeled.classes_of(pictures, aside, f"TFRecord files of {str(root)!r}", "records")
    given = tuple(dict.fromkeys(parts.values()))
    split = split_labeled(root, given, classes, pictures, aside, seed, fractions)
    return ImageFolder(root, classes, split.parts, split.quarantined, split.notes, load_record)


def load_record(file: str, size: tuple[int, int]) -> np.ndarray:
    """Decodes the picture of a record, as `load_image`.

    Args:
        file: "SHARD@PLACE".
        size: `(height, width)` in pixels.

    Returns:
        `(height, width, 3)` uint8.
    """
    return load_image(_picture(file, _features(_read(file))), size)


def write_shards(
    directory: str | os.PathLike[str], out: str | os.PathLike[str], shards: int = 16
) -> tuple[int, list[SetAside]]:
    """Writes a folder of pictures as TFRecord files, one picture in memory at a time.

    The files are copied as they are, in turns to the shards of their part: "PART-00000-of-00016.tfrecord".

    Args:
        directory: Laid out as for `read_folder`.
        out: A new folder.
        shards: Files a part.

    Returns:
        Number of pictures written, and what was set aside.

    Raises:
        ValueError: `out` is not empty, or there are no classes.
    """
    import tensorflow as tf

    if shards < 1:
        raise ValueError(f"expected at least 1 shard, received {shards}")
    out = Path(out)
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"expected a new folder for the shards, received {str(out)!r}, which holds files")
    root = Path(directory)
    class_folders.check_directory(root)
    classes = class_folders.check_classes(root, layout.find_parts(root)[0])
    pairs, aside = labeled.read_labeled(root, classes)
    out.mkdir(parents=True, exist_ok=True)
    for part, files in pairs.items():
        with contextlib.ExitStack() as stack:
            paths = [str(out / f"{part}-{shard:05}-of-{shards:05}.tfrecord") for shard in range(shards)]
            writers = [stack.enter_context(tf.io.TFRecordWriter(path)) for path in paths]
            for index, (file, label) in enumerate(console.track(files, f"writing {part}")):
                content = {
                    IMAGE: _bytes((root / file).read_bytes()),
                    LABEL: tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                    TEXT: _bytes(os.fsencode(classes[label])),
                    NAME: _bytes(os.fsencode(file)),
                }
                example = tf.train.Example(features=tf.train.Features(feature=content))
                writers[index % shards].write(example.SerializeToString())
    return sum(map(len, pairs.values())), aside


def _bytes(value: bytes) -> "tf.train.Feature":
    import tensorflow as tf

    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _part(shard: Path) -> str | None:
    """The part that the last telling word of a path names."""
    words = re.split(r"[^a-z]+", shard.as_posix().casefold())
    return next((layout.PART_NAMES[word] for word in reversed(words) if word in layout.PART_NAMES), None)


def _class_names(root: Path) -> list[str]:
    path = root / _NAMES_FILE
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _places(shard: Path) -> tuple[list[int], str]:
    """Where the records of a shard begin, in bytes, and why there are no more ("" at its end)."""
    size, place = shard.stat().st_size, 0
    places: list[int] = []
    with open(shard, "rb") as file:
        while place < size:
            file.seek(place)
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size or not _is_sound(header[:8], *_HEADER.unpack(header)[1:]):
                return places, f"no TFRecord from byte {place} on; it must not be compressed"
            following = place + _HEADER.size + _HEADER.unpack(header)[0] + _FOOTER.size
            if following > size:
                return places, f"truncated: the record at byte {place} is not whole"
            places.append(place)
            place = following
    return places, ""


def _is_sound(content: bytes, checksum: int) -> bool:
    found = google_crc32c.value(content)
    return ((found >> 15 | found << 17) + 0xA282EAD8) & 0xFFFFFFFF == checksum  # masked, as TFRecords have it


def _read(file: str) -> bytes:
    shard, _, place = file.rpartition(_AT)
    with open(shard, "rb") as opened:
        opened.seek(int(place))
        length, _ = _HEADER.unpack(opened.read(_HEADER.size))
        content = opened.read(length)
        if not _is_sound(content, *_FOOTER.unpack(opened.read(_FOOTER.size))):
            raise UnusableError("corrupt: its checksum does not fit")
    return content


def _features(content: bytes) -> Mapping[str, Any]:
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        return tf.train.Example.FromString(content).features.feature
    except DecodeError:
        raise UnusableError("not a tf.train.Example") from None


def _picture(file: str, features: Mapping[str, Any]) -> io.BytesIO:
    for key in _IMAGES:
        if key in features and features[key].bytes_list.value:
            picture = io.BytesIO(features[key].bytes_list.value[0])
            picture.name = file
            return picture
    raise UnusableError(f"no picture under {' or '.join(_IMAGES)}")


def _class_of(features: Mapping[str, Any], names: list[str]) -> str:
    for key in (TEXT, *_LABELS):
        if key in features and features[key].bytes_list.value:
            return os.fsdecode(features[key].bytes_list.value[0])
    for key in _LABELS:
        if key in features and features[key].int64_list.value:
            label = features[key].int64_list.value[0]
            return names[label] if 0 <= label < len(names) else str(label)
    raise UnusableError(f"no class under {', '.join((TEXT, *_LABELS))}")


def _check(root: Path, file: str, names: list[str]) -> tuple[str, str]:
    """The class of a record, and the sha256 of its picture.

    Raises:
        UnusableError: It is no labeled picture.
        UndecodableImageError: Its picture is not sound.
    """
    features = _features(_read(os.path.join(root, file)))
    name = _class_of(features, names)
    picture = _picture(file, features)
    labeled.check_picture(picture)
    return name, hashlib.sha256(picture.getvalue()).hexdigest()
