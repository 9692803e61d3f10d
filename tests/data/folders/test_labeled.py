import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from suite import console
from suite.data.folders.labeled import read_folder, read_labeled


@pytest.fixture(autouse=True)
def quiet():
    console.set_quiet(True)
    yield
    console.set_quiet(False)


def write(path, seed, size=(20, 24), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def write_class(folder, seed, count):
    for i in range(count):
        write(folder / f"{i}.png", seed=1000 * seed + i)


@pytest.fixture
def root(tmp_path):
    """Two classes of 20 and 40 pictures."""
    write_class(tmp_path / "photos" / "cats", 1, 20)
    write_class(tmp_path / "photos" / "dogs", 2, 40)
    return tmp_path / "photos"


def files(folder, part):
    return {file for file, _ in folder.splits[part]}


def reasons(folder):
    return {entry.file: entry.reason for entry in folder.quarantined}


def tree_state(root):
    state = {}
    for directory, _, names in os.walk(root):
        for name in names:
            path = os.path.join(directory, name)
            stat = os.lstat(path)
            content = Path(path).read_bytes() if os.path.isfile(path) else b""
            state[path] = (stat.st_mtime_ns, stat.st_mode, hashlib.sha256(content).hexdigest())
        state[directory] = os.lstat(directory).st_mtime_ns
    return state


def test_own_split_is_stratified_disjoint_and_complete(root):
    folder = read_folder(root)
    assert folder.root == root and folder.classes == ("cats", "dogs") and folder.quarantined == ()
    counts = {part: Counter(label for _, label in folder.splits[part]) for part in folder.splits}
    assert counts == {"train": {0: 14, 1: 28}, "validation": {0: 3, 1: 6}, "test": {0: 3, 1: 6}}
    everything = [file for part in folder.splits.values() for file, _ in part]
    assert sorted(everything) == sorted(path.relative_to(root).as_posix() for path in root.glob("*/*"))
    assert all(
        file.startswith(folder.classes[label]) for part in folder.splits.values() for file, label in part
    )


def test_split_is_a_function_of_the_seed(root):
    assert read_folder(root, seed=3) == read_folder(root, seed=3)
    assert files(read_folder(root, seed=3), "test") != files(read_folder(root, seed=4), "test")


def test_the_smallest_class_is_in_every_part(root):
    write_class(root / "ants", 3, 5)
    for fractions in ((0.7, 0.15, 0.15), (0.9, 0.05, 0.05)):
        folder = read_folder(root, fractions=fractions)
        assert [sum(label == 0 for _, label in folder.splits[part]) for part in folder.splits] == [3, 1, 1]


def test_fractions_are_respected(root):
    folder = read_folder(root, fractions=(0.8, 0.2, 0.0))
    assert [len(folder.splits[part]) for part in ("train", "validation", "test")] == [48, 12, 0]


@pytest.mark.parametrize("fractions", [(0.7, 0.2, 0.2), (0.2, 0.4, 0.4), (1.0, 0.0, 0.0), (0.8, 0.2)])
def test_fractions_that_make_no_sense_are_refused(root, fractions):
    with pytest.raises(ValueError, match=r"^expected fractions .* sum to 1.*, received .*is usual$"):
        read_folder(root, fractions=fractions)


def test_copies_stay_on_one_side_of_an_own_split(root):
    for i in range(12):
        original = (root / "cats" / f"{i}.png").read_bytes()
        (root / "cats" / f"copy of {i}.png").write_bytes(original)
    for seed in range(5):
        folder = read_folder(root, seed=seed)
        assert folder.quarantined == ()
        assert sum(len(part) for part in folder.splits.values()) == 72
        digests = [{(root / f).read_bytes() for f in files(folder, part)} for part in folder.splits]
        assert not (digests[0] & digests[1] or digests[0] & digests[2] or digests[1] & digests[2])
        assert all(any(label == 0 for _, label in part) for part in folder.splits.values())


def test_of_copies_across_given_parts_the_later_one_stays(tmp_path):
    for seed, part in enumerate(("train", "val", "test")):
        write_class(tmp_path / part / "a", 2 * seed, 7)
        write_class(tmp_path / part / "b", 2 * seed + 1, 7)
    picture = (tmp_path / "test/a/0.png").read_bytes()
    (tmp_path / "train/a/twin of test.png").write_bytes(picture)
    (tmp_path / "val/a/twin of test.png").write_bytes(picture)
    (tmp_path / "train/b/twin of val.png").write_bytes((tmp_path / "val/b/0.png").read_bytes())
    (tmp_path / "train/b/twin of train.png").write_bytes((tmp_path / "train/b/0.png").read_bytes())
    folder = read_folder(tmp_path)
    assert reasons(folder) == {
        "train/a/twin of test.png": "the same picture as 'test/a/0.png', which is kept for test",
        "val/a/twin of test.png": "the same picture as 'test/a/0.png', which is kept for test",
        "train/b/twin of val.png": "the same picture as 'val/b/0.png', which is kept for validation",
    }
    assert "test/a/0.png" in files(folder, "test") and "val/b/0.png" in files(folder, "validation")
    assert "train/b/twin of train.png" in files(folder, "train")


def test_a_picture_under_two_classes_is_set_aside_in_both(root):
    (root / "dogs" / "twin.png").write_bytes((root / "cats" / "7.png").read_bytes())
    folder = read_folder(root)
    assert reasons(folder) == {
        "cats/7.png": "the same picture as 'dogs/twin.png', which is in another class",
        "dogs/twin.png": "the same picture as 'cats/7.png', which is in another class",
    }
    assert sum(len(part) for part in folder.splits.values()) == 59


def make_nasty(root):
    """Puts sound pictures that look odd, and files that are none, among the cats; returns both."""
    cats = root / "cats"
    sound = {
        "deep/er/nested.png",
        "with space.png",
        "new\nline.png",
        "кошка 猫.png",
        "no_extension",
        "wide.png",
    }
    for seed, name in enumerate(sorted(sound)):
        write(
            cats / name, seed=500 + seed, size=(16, 20_000) if name == "wide.png" else (20, 24), format="PNG"
        )
    write(cats / "really a png.jpg", seed=600, format="PNG")
    write(cats / "small enough.png", seed=601, size=(16, 16))
    frames = [Image.new("L", (20, 20), level) for level in (0, 99)]
    frames[0].save(cats / "animated.gif", save_all=True, append_images=frames[1:])
    frames[1].save(cats / "animated.webp", save_all=True, append_images=frames[:1])
    sound |= {"really a png.jpg", "small enough.png", "animated.gif", "animated.webp"}

    jpeg = write(cats / "cut.jpg", seed=602).read_bytes()
    (cats / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (cats / "empty.jpg").write_bytes(b"")
    (cats / "garbage.png").write_bytes(b"\x89PNG but not really")
    (cats / "notes.txt").write_text("a note")
    write(cats / "one.png", seed=603, size=(1, 1))
    write(cats / "thin.png", seed=604, size=(300, 15))
    bomb = bytearray(write(cats / "bomb.bmp", seed=605).read_bytes())
    bomb[18:26] = (60_000).to_bytes(4, "little") * 2
    (cats / "bomb.bmp").write_bytes(bomb)
    (cats / "loop").symlink_to(root)
    (cats / "self.png").symlink_to(cats / "self.png")
    (cats / "again").symlink_to(cats / "deep")
    (root / "loop").symlink_to(root.parent)
    os.mkfifo(cats / "pipe.jpg")
    write(root / "loose.png", seed=606)
    for name in (".hidden.png", "Thumbs.db", "desktop.ini", ".DS_Store", "__MACOSX/a.png", ".cache/b.png"):
        write(cats / name, seed=607, format="PNG")
    write(root / "__MACOSX" / "c.png", seed=607)
    aside = {
        "cats/cut.jpg": "truncated",
        "cats/empty.jpg": "zero bytes",
        "cats/garbage.png": "corrupt",
        "cats/notes.txt": "not an image",
        "cats/one.png": "only 1 x 1 pixels, less than 16 on a side",
        "cats/thin.png": "only 15 x 300 pixels, less than 16 on a side",
        "cats/bomb.bmp": "too large to decode (more than 89 million pixels)",
        "cats/loop": "a link back to a folder above",
        "cats/self.png": "a broken link or not a regular file",
        "cats/pipe.jpg": "a broken link or not a regular file",
        "loop": "a link back to a folder above",
        "loose.png": "not in a class folder",
    }
    return {f"cats/{name}" for name in sound}, aside


def test_a_nasty_folder_is_read_and_left_as_it_was(root):
    sound, aside = make_nasty(root)
    before = tree_state(root)
    folder = read_folder(root)
    assert tree_state(root) == before
    found = {file for part in folder.splits for file in files(folder, part)}
    expected = sound | {f"cats/{i}.png" for i in range(20)} | {f"dogs/{i}.png" for i in range(40)}
    set_aside = reasons(folder)
    # Of two ways to one folder either may be taken.
    nested = {"cats/deep/er/nested.png", "cats/again/er/nested.png"}
    assert len(found & nested) == 1 and found - nested == expected - nested
    [second_way] = set_aside.keys() - aside.keys()
    assert second_way in ("cats/deep", "cats/again")
    assert set_aside == aside | {second_way: "a link to a folder that is read already"}
    assert all("\n" not in reason for reason in set_aside.values())


def test_files_without_permission_are_set_aside(root, monkeypatch):
    open_image = Image.open

    def guarded(path, **options):
        if path.name == "3.png":
            raise PermissionError(13, "Permission denied", str(path))
        return open_image(path, **options)

    monkeypatch.setattr(Image, "open", guarded)
    folder = read_folder(root)
    assert reasons(folder) == {"cats/3.png": "permission denied", "dogs/3.png": "permission denied"}


def test_progress_is_shown(root, capsys):
    console.set_quiet(False)
    read_folder(root)
    assert capsys.readouterr().err == "Checking pictures (60)\n"


def test_too_few_usable_pictures_are_counted_without_copies(root):
    write_class(root / "ants", 3, 1)
    (root / "ants" / "copy.png").write_bytes((root / "ants" / "0.png").read_bytes())
    (root / "ants" / "empty.png").write_bytes(b"")
    with pytest.raises(ValueError, match="^expected ") as raised:
        read_folder(root)
    assert str(raised.value) == (
        f"expected at least 2 different usable training pictures per class in {str(root)!r}, "
        "received 1 in 'ants' (1 set aside, as 'ants/empty.png': zero bytes); "
        "add pictures or remove the class"
    )


def test_a_validation_folder_without_usable_pictures_is_an_error(tmp_path):
    for seed, name in enumerate(("a", "b")):
        write_class(tmp_path / "train" / name, seed, 5)
        (tmp_path / "val" / name).mkdir(parents=True)
    with pytest.raises(
        ValueError, match=r"expected usable pictures in the validation folder of .*, received none"
    ):
        read_folder(tmp_path)


def test_reading_a_folder_does_not_import_tensorflow():
    code = "import sys, suite.data.folders.labeled; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_labeled_pictures_for_a_trained_model(tmp_path):
    for name, count in (("cat", 1), ("dog", 2)):
        (tmp_path / name).mkdir()
        for index in range(count):
            Image.new("RGB", (20, 20), (index * 9, len(name), 7)).save(tmp_path / name / f"{index}.png")
    (tmp_path / "dog" / "notes.txt").write_text("hello")
    parts, aside = read_labeled(tmp_path, ["dog", "bird", "cat"])
    assert parts == {"train": [("cat/0.png", 2), ("dog/0.png", 0), ("dog/1.png", 0)]}
    assert [entry.file for entry in aside] == ["dog/notes.txt"]
    with pytest.raises(ValueError, match=r"expected class folders among dog, bird in .*, received 'cat'"):
        read_labeled(tmp_path, ["dog", "bird"])


def test_classes_of_a_held_out_part_that_a_trained_model_lacks_are_set_aside(tmp_path):
    for seed, name in enumerate(("train/cat", "train/dog", "val/dog", "val/bird")):
        write_class(tmp_path / name, seed, 1)
    parts, aside = read_labeled(tmp_path, ["cat", "dog"])
    assert parts == {
        "train": [("train/cat/0.png", 0), ("train/dog/0.png", 1)],
        "validation": [("val/dog/0.png", 1)],
    }
    assert [(entry.file, entry.reason) for entry in aside] == [
        ("val/bird/0.png", "of class 'bird', which train lacks")
    ]
