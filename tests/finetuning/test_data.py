"""What fine-tuning takes: pictures of phones, and labels that are no class folders."""

from pathlib import Path

import pytest
from PIL import Image

from suite import console
from suite.data.folders.labeling import Labeling
from suite.data.source import EMBEDDED, Source
from suite.finetuning.config import Config
from suite.finetuning.data import describe, open_folder
from suite.runs.recipe import Context
from tests.data.noise import noise


@pytest.fixture(autouse=True)
def quiet():
    console.set_quiet(True)
    yield
    console.set_quiet(False)


def write(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(seed, (32, 32))).save(path)


def context(root, tmp_path):
    return Context(0, Source.parse(root), tmp_path)


def test_pictures_of_phones_are_taken_and_videos_told(tmp_path):
    root = tmp_path / "photos"
    for index in range(12):
        write(root / ("cats", "dogs")[index % 2] / f"{index}{('.heic', '.avif')[index // 2 % 2]}", index)
    (root / "cats" / "film.mov").write_bytes(b"\0\0\0\x14ftypqt  ")
    folder = open_folder(context(root, tmp_path))
    assert [len(part) for part in folder.splits.values()] == [8, 2, 2]
    assert {Path(file).suffix for pairs in folder.splits.values() for file, _ in pairs} == {".heic", ".avif"}
    assert [folder.load(str(root / file), (8, 8)).shape for file, _ in folder.splits["test"]] == [
        (8, 8, 3)
    ] * 2
    ((file, reason),) = ((entry.file, entry.reason) for entry in folder.quarantined)
    assert (file, reason) == ("cats/film.mov", "a video; save frames of it as JPEG or PNG")


def test_seventeen_photos_of_three_animals_are_enough(tmp_path):
    root = tmp_path / "photos"
    for index in range(17):
        write(root / ("cat", "dog", "hen")[index // 7] / f"{index}.png", index)
    data = describe(open_folder(context(root, tmp_path)))
    assert data["images_per_class"] == {"cat": 7, "dog": 7, "hen": 3}
    assert [data[part] for part in ("train", "validation", "test")] == [12, 3, 2]
    assert data["notes"] == [
        "1 class has fewer than 5 different training pictures, so one of each is held out, for validation: "
        "'hen'"
    ]


def test_the_flags_say_where_the_classes_are(tmp_path):
    root = tmp_path / "photos"
    names = [f"{shelf}/{kind}_{i}.png" for shelf in "ab" for kind in ("pear", "plum") for i in range(2)]
    for index, name in enumerate(names):
        write(root / name, index)
    for index, name in enumerate(("c/pear/1.png", "c/plum/1.png")):
        write(tmp_path / "deep" / name, index)
        write(tmp_path / "deep" / name.replace("1", "2"), 10 + index)
    (root / "table.csv").write_text("".join(f"{name},{index % 2}\n" for index, name in enumerate(names)))
    for where, config, expected in (
        (root, Config(), ("a", "b")),
        (root, Config(class_from_name="prefix"), ("pear", "plum")),
        (root, Config(label_column="2"), ("0", "1")),
        (tmp_path / "deep", Config(depth=2), ("c/pear", "c/plum")),
    ):
        assert open_folder(context(where, tmp_path), config.labeling).classes == expected
    with pytest.raises(ValueError, match="^expected depth of at least 1, received 0$"):
        Config(depth=0)


def test_the_flags_are_about_a_folder_of_pictures(tmp_path):
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "a.tfrecord").write_bytes(b"")
    for source, received in (
        (EMBEDDED, "--data embedded"),
        (Source.parse(tmp_path / "shards"), "TFRecord files"),
    ):
        with pytest.raises(ValueError, match="^expected ") as raised:
            open_folder(Context(0, source, tmp_path), Labeling(depth=2))
        assert str(raised.value) == (
            "expected label_column, depth and class_from_name with a folder of pictures, received "
            f"{received}; leave them out"
        )
