from pathlib import Path

import numpy as np
import pytest

from suite.data.folders.yolo import parse_names
from suite.data.sets.detection_sets import read_detection_folder
from tests.data.folders.boxes import SIZE, message, of_seed, read, write, write_text
from tests.data.noise import noise, reasons, sizes

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def yolo(tmp_path):
    root = tmp_path / "yolo"
    for i in range(20):
        write(root / "images" / f"{i}.png", i)
        write_text(root / "labels" / f"{i}.txt", f"{i % 2} 0.5 0.25 0.25 {0.01 + i / 100}\n")
    write_text(root / "classes.txt", "cat\ndog\n")
    return root


def test_yolo(yolo):
    write_text(yolo / "labels" / "3.txt", "1 0.5 0.25 0.25 0.5\n\n0 0.125 0.5 0.25 1.0 \n")
    found = read(yolo)
    assert sizes(found) == [14, 3, 3] and found.classes == ("cat", "dog") and not found.quarantined
    boxes, labels, is_crowd = of_seed(found, 3)
    np.testing.assert_array_equal(boxes, [[0, 0.375, 0.5, 0.625], [0, 0, 1, 0.25]])
    assert boxes.dtype == np.float32 and labels.dtype == np.int64 and is_crowd.dtype == bool
    assert labels.tolist() == [1, 0] and not is_crowd.any()
    for seed in (0, 7, 19):
        np.testing.assert_allclose(np.diff(of_seed(found, seed)[0][0][[0, 2]]), 0.01 + seed / 100, atol=1e-6)
    described = found.describe()
    for file, part in described.pop("files").items():
        assert (noise(int(Path(file).stem), SIZE) == found.images[part]).all(axis=(1, 2, 3)).any()
    assert described == {
        "source": str(yolo),
        "classes": ["cat", "dog"],
        "train": 14,
        "validation": 3,
        "test": 3,
        "quarantined": [],
    }
    np.testing.assert_array_equal(found.images["test"], read(yolo).images["test"])
    assert (found.images["test"] != read(yolo, 1).images["test"]).any()


def test_yolo_pictures_without_a_label_file_are_background(yolo):
    write(yolo / "images" / "empty.png", 50)
    write(yolo / "images" / "none.png", 51)
    write_text(yolo / "labels" / "empty.txt", "\n")
    found = read(yolo)
    assert sum(sizes(found)) == 22
    for seed in (50, 51):
        boxes, labels, is_crowd = of_seed(found, seed)
        assert boxes.shape == (0, 4) and labels.shape == is_crowd.shape == (0,)


def test_small_overshoots_are_clipped(yolo):
    write_text(yolo / "labels" / "3.txt", "1 0.5 0.5 1.015 1.0\n")
    np.testing.assert_array_equal(of_seed(read(yolo), 3)[0], [[0, 0, 1, 1]])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1 0.5 0.5 0.5", "has 4 fields, not the 5 of class cx cy w h"),
        ("1 0.1 0.1 0.1 0.5 0.5 0.5 0.5", "has 8 fields, not the 5 of class cx cy w h"),
        ("1 0.1 0.1 0.9 0.1 0.5 1.5", "has a box that reaches out of the image"),
        ("nan 0.5 0.5 0.5 0.5", "has a field that is no number, or a class that is no whole number"),
        ("cat 0.5 0.5 0.5 0.5", "has a field that is no number, or a class that is no whole number"),
        ("1.5 0.5 0.5 0.5 0.5", "has a field that is no number, or a class that is no whole number"),
        ("1 0.5 x 0.5 0.5", "has a field that is no number, or a class that is no whole number"),
        ("2 0.5 0.5 0.5 0.5", "has class 2, but 2 are named (0 to 1)"),
        ("-1 0.5 0.5 0.5 0.5", "has class -1, but 2 are named (0 to 1)"),
        ("1 0.5 nan 0.5 0.5", "has a box with a side that is no finite number"),
        ("1 0.9 0.5 0.5 0.5", "has a box that reaches out of the image"),
        ("1 120 40 30 20", "has a box that reaches out of the image"),
        ("1 0.5 0.5 0.5 -0.5", "has a box that ends before it begins"),
    ],
)
def test_wrong_lines_set_the_picture_aside(yolo, line, reason):
    write_text(yolo / "labels" / "3.txt", f"1 0.5 0.5 0.5 0.5\n{line}\n")
    found = read(yolo)
    assert reasons(found) == {"images/3.png": f"line 2 of its label file {reason}"}
    assert sum(sizes(found)) == 19


def test_ten_broken_files(yolo):
    broken = {
        b"\x1f\x8b\x08": "its label file NAME cannot be read: which is compressed (gzip); unpack it",
        b"PAR1": "its label file NAME cannot be read: which is a Parquet file; write it as CSV, as by "
        "pandas.read_parquet(...).to_csv(...)",
        b"1 0.5 \0": "its label file NAME cannot be read: with a zero byte (the first is number 7), so it is "
        "no text; save it in UTF-8",
        b"1 0.5 0.5 0.5 0.5 1 1 1": "line 1 of its label file has 8 fields, not the 5 of class cx cy w h",
        b"1": "line 1 of its label file has 1 fields, not the 5 of class cx cy w h",
        b"cat 0.5 0.5 0.5 0.5": "line 1 of its label file has a field that is no number, or a class that is "
        "no whole number",
        b"9 0.5 0.5 0.5 0.5": "line 1 of its label file has class 9, but 2 are named (0 to 1)",
        b"1 5 5 50 50": "line 1 of its label file has a box that reaches out of the image",
        b"1 0.5 0.5 inf 0.5": "line 1 of its label file has a box with a side that is no finite number",
        b"1 0.5 0.5 -1 0.5": "line 1 of its label file has a box that ends before it begins",
    }
    for number, content in enumerate(broken):
        (yolo / "labels" / f"{number}.txt").write_bytes(content)
    found = read(yolo)
    assert reasons(found) == {
        f"images/{number}.png": reason.replace("NAME", f"{number}.txt")
        for number, reason in enumerate(broken.values())
    }
    assert sum(sizes(found)) == 20 - len(broken) and not found.unread


def test_all_problems_are_told_at_once(yolo):
    (yolo / "classes.txt").unlink()
    write_text(yolo / "labels" / "alone.txt", "1 0.5 0.5 0.5 0.5")
    for number in range(3):
        write_text(yolo / "labels" / f"{number}.txt", "1 0.5")
    assert message(yolo) == (
        "expected the names of the classes in classes.txt or data.yaml in 'ROOT', received none; write "
        "classes.txt with one name a line, the first for class 0 (4 set aside, as 'labels/alone.txt': no "
        "image for it; 'images/0.png': line 1 of its label file has 2 fields, not the 5 of class cx cy w h)"
    )


def test_files_that_are_set_aside(yolo):
    write_text(yolo / "labels" / "alone.txt", "1 0.5 0.5 0.5 0.5\n")
    write_text(yolo / "labels" / "classes.txt", "ignored\n")
    write_text(yolo / "images" / "notes.txt", "x")
    (yolo / "images" / "folder").mkdir()
    assert reasons(read(yolo)) == {
        "labels/alone.txt": "no image for it",
        "images/notes.txt": "not an image",
        "images/folder": "a folder, where a file is expected",
    }


@pytest.mark.parametrize("layout", ["{part}/{kind}", "{kind}/{part}"])
def test_yolo_with_given_parts(tmp_path, layout):
    def file(part, kind, name):
        return tmp_path / layout.format(part=part, kind=kind) / name

    for tens, (part, count) in enumerate((("train", 5), ("valid", 2), ("test", 1))):
        for i in range(count):
            write(file(part, "images", f"{i}.png"), 10 * tens + i)
            write_text(file(part, "labels", f"{i}.txt"), "0 0.5 0.5 0.5 0.5")
    write_text(tmp_path / "data.yaml", "train: x\nnames:\n  0: one thing  # so far\nnc: 1\n")
    found = read(tmp_path)
    assert sizes(found) == [5, 2, 1] and found.classes == ("one thing",)


@pytest.mark.parametrize(
    "text",
    [
        "names: ['a b', \"c#d\", e]",
        "nc: 3\nnames: [a b,  # first\n  'c#d', e]\nother: [x]",
        "names:\n- a b\n- 'c#d'  # second\n- e\ntrain: x",
        "path: .\nnames:\n  - a b\n  - c#d\n\n  - e\n",
        "names:\n  1: c#d\n  0: 'a b'\n  2: e\nroboflow:\n  0: z",
        "names: {0: a b, 1: 'c#d', 2: e}\n",
        "names: [\n  a b,\n  c#d,\n  e,\n]\nnc: 3",
    ],
)
def test_names_in_yaml(text):
    assert parse_names(text) == ("a b", "c#d", "e")


def test_names_that_cannot_be_had():
    assert parse_names("train: x") == parse_names("names:\n  1: a") == parse_names("names:") == ()
    assert parse_names("names: ['it''s']") == ("it's",)


def test_yolo_without_names(yolo):
    (yolo / "classes.txt").unlink()
    assert message(yolo) == (
        "expected the names of the classes in classes.txt or data.yaml in 'ROOT', received none; write "
        "classes.txt with one name a line, the first for class 0"
    )
    write_text(yolo / "labels" / "classes.txt", "a\nb")
    assert read(yolo).classes == ("a", "b")


def test_label_files_are_found_in_any_case_and_with_one_ending_more(tmp_path):
    for i, (image, label) in enumerate(
        [("0.JPG", "0.TXT"), ("1.png", "1.png.txt"), ("IMG_2.png", "img_2.Txt"), ("ü.png", "u\u0308.txt")]
        + [(f"{i}.png", f"{i}.txt") for i in range(4, 10)]
    ):
        write(tmp_path / "Images" / image, i, format="PNG")
        write_text(tmp_path / "LABELS" / label, "0 0.5 0.5 0.5 0.5")
    write_text(tmp_path / "Classes.TXT", "cat")
    found = read(tmp_path)
    assert sizes(found) == [6, 2, 2] and found.notes == found.unread == () and not found.quarantined
    assert all(len(of_seed(found, seed)[0]) == 1 for seed in range(10))


def test_the_nearest_name_wins_and_no_label_file_counts_twice(yolo):
    write(yolo / "images" / "3.JPG", 60, format="PNG")
    write(yolo / "images" / "4.jpg", 61, format="PNG")
    write_text(yolo / "labels" / "3.png.txt", "0 0.5 0.5 1 1")
    write_text(yolo / "labels" / "5.TXT", "0 0.5 0.5 1 1")
    write_text(yolo / "labels" / "7.xml", "<annotation/>")
    found = read(yolo)
    assert reasons(found) == {
        "images/3.png": "its label file is that of '3.JPG', too",
        "images/4.png": "its label file is that of '4.jpg', too",
        "labels/3.png.txt": "another label file is used",
        "labels/5.txt": "another label file is used",
    }
    assert found.unread == ("labels/7.xml",)


def test_pictures_taken_as_background_are_counted(yolo):
    for name in ("x", "y"):
        write(yolo / "images" / f"{name}.png", ord(name))
    write_text(yolo / "labels" / "3.txt", "\r\n")
    assert read(yolo).notes == (
        "1 picture with an empty label file, taken as background: images/3.png",
        "2 pictures without a label file, taken as background: images/x.png, images/y.png",
    )
    assert read(yolo).describe()["notes"] == list(read(yolo).notes)


@pytest.mark.parametrize(
    "line", ["0 0.5 0.5 0 0.5", "0 0.5 0.5 0.5 0", "0 1.005 0.5 0 0.5", "0 0.1 0.1 0.1 0.5 0.1 0.9"]
)
def test_a_box_of_no_area_is_left_out_alone(yolo, line):
    write_text(yolo / "labels" / "3.txt", f"1 0.5 0.5 0.5 0.5\n{line}\n")
    found = read(yolo)
    assert of_seed(found, 3)[1].tolist() == [1] and not found.quarantined
    assert "1 picture with a box of no area, which is left out: images/3.png" in found.notes


def test_classes_without_a_box_are_told_and_are_none_of_the_model(yolo):
    write_text(yolo / "classes.txt", "cat\ndog\ncow\n")
    for i in range(0, 20, 2):
        write_text(yolo / "labels" / f"{i}.txt", "2 0.5 0.5 0.5 0.5")
    found = read(yolo)
    assert found.classes == ("dog", "cow") and found.notes == ("1 class without a box, left out: 'cat'",)
    assert of_seed(found, 3)[1].tolist() == [0] and of_seed(found, 4)[1].tolist() == [1]


def test_the_size_follows_the_boxes_and_pictures_lie_in_a_file(yolo, tmp_path):
    seen = []

    def size(photos):
        seen.extend(photo.boxes for photo in photos)
        return SIZE

    write_text(yolo / "labels" / "7.txt", "wrong")
    found, plain = read_detection_folder(yolo, 0, size, work=tmp_path), read(yolo)
    assert len(seen) == 19
    np.testing.assert_allclose(seen[0], [[0.245, 0.375, 0.255, 0.625]], atol=1e-6)
    for part, images in plain.images.items():
        rows = found.images[part]
        assert not isinstance(rows, np.ndarray) and rows.shape == images.shape and len(rows) == len(images)
        np.testing.assert_array_equal(rows, images)
        np.testing.assert_array_equal(rows[1:3], images[1:3])
        np.testing.assert_array_equal(rows[np.array([1, 0])], images[[1, 0]])
        np.testing.assert_array_equal(rows[-1], images[-1])
        assert rows[3:3].shape == (0, *SIZE, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["yolo"]  # the file has no name


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        ("1.0 0,5 0,25 0,25 0,5\r", ""),
        ("1, 0.5, 0.25, 0.25, 0.5", ""),
        ("1,0.5,0.25,0.25,0.5", ""),
        ("1;0,5;0,25;0,25;0,5", ""),
        ("1 0.5 0.25 0.25 0.5 0.93", "with a sixth number in a line, as predictions have, which is left out"),
        ("1 0.375 0.1 0.625 0 0.5 0.5", "with polygons, of which the box around each is taken"),
    ],
)
def test_lines_as_other_programs_write_them(yolo, line, remark):
    (yolo / "labels" / "3.txt").write_bytes(f"{line}\n".encode("utf-16" if "," in line else "utf-8-sig"))
    found = read(yolo)
    boxes, labels, _ = of_seed(found, 3)
    np.testing.assert_allclose(boxes, [[0, 0.375, 0.5, 0.625]], atol=1e-7)
    assert labels.tolist() == [1]
    assert found.notes == ((f"1 picture {remark}: images/3.png",) if remark else ())


def test_keypoints_are_no_polygons(yolo):
    (yolo / "classes.txt").unlink()
    write_text(yolo / "data.yaml", "kpt_shape: [2, 2]\nnames: [cat, dog]")
    write_text(yolo / "labels" / "3.txt", "1 0.5 0.25 0.25 0.5 0.9 0.9 0.1 0.1")
    np.testing.assert_array_equal(of_seed(read(yolo), 3)[0], [[0, 0.375, 0.5, 0.625]])


def test_every_file_is_used_set_aside_or_listed_as_not_read(yolo):
    for name in ("README.md", "extra/a.png", "test/images/b.png", "labels/c.json"):
        write_text(yolo / name, "x")
    for name in (".hidden", "__MACOSX/images/a.png", "images/Thumbs.db"):
        write_text(yolo / name, "x")
    write_text(yolo / "images" / "notes.txt", "x")
    (yolo / "gone.png").symlink_to(yolo / "nowhere")
    found = read(yolo)
    assert set(found.unread) == {"README.md", "extra/a.png", "test/images/b.png", "labels/c.json", "gone.png"}
    assert reasons(found) == {"images/notes.txt": "not an image"}
    everything = {path.relative_to(yolo).as_posix() for path in yolo.rglob("*") if path.is_file()}
    labels = {name for name in everything if name.startswith("labels/") and name.endswith(".txt")}
    hidden = {".hidden", "__MACOSX/images/a.png", "images/Thumbs.db"}
    told = {*found.files, *reasons(found), *found.unread, *labels, "classes.txt"}
    assert everything - hidden == told - {"gone.png"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("7 0.5 0.5 0.5 0.5", "line 1 of its label file has class 7, but 2 are named (0 to 1)"),
        ("cat 0.5 0.5 0.5 0.5", "line 1 of its label file has a field that is no number"),
    ],
)
def test_labels_of_which_none_can_be_used_are_refused_with_the_reason(yolo, text, reason):
    for i in range(20):
        write_text(yolo / "labels" / f"{i}.txt", text)
    assert (
        f"received 0 for train, 0 for validation, 0 for test (20 set aside, as 'images/0.png': {reason}"
        in (message(yolo))
    )


def test_pictures_without_any_box_are_refused(yolo):
    for i in range(20):
        write_text(yolo / "labels" / f"{i}.txt", "")
    assert message(yolo) == (
        "expected boxes in the train pictures of 'ROOT', received none in 14 pictures (20 pictures with an "
        "empty label file, taken as background: images/0.png, images/1.png, images/10.png and 17 more); "
        "check that the annotations belong to these pictures, or add annotated ones"
    )


def test_names_in_the_encoding_of_a_windows_editor(yolo):
    (yolo / "classes.txt").write_bytes("Äpfel\r\nBär\r\n".encode("cp1252"))
    assert read(yolo).classes == ("Äpfel", "Bär")
