"""`suite check` of photos with boxes or masks."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

import suite
from suite.cli import main
from suite.errors import BAD_INPUT, PASSED
from tests.made_up_photos import cloud, save

LINE = "0 0.5 0.5 0.5 0.5\n"


def write(root, name, seed, text):
    save(root / "images" / f"{name}.jpg", cloud(seed, (90, 90, 170)))
    (root / "labels").mkdir(exist_ok=True)
    (root / "labels" / f"{name}.txt").write_text(text)


def items(checked):
    return {finding.kind: [(item.says, item.files) for item in finding.items] for finding in checked.findings}


@pytest.fixture
def boxes(tmp_path):
    root = tmp_path / "set"
    for seed in range(24):
        write(root, f"{seed}", seed, LINE + "1 0.2 0.2 0.03 0.03\n" * (seed < 22))
    (root / "classes.txt").write_text("cat\nflea\ncow\ndog\n")
    return root


def test_boxes(boxes, tmp_path):
    write(boxes, "double", 50, "0 0.5 0.5 0.5 0.5\n3 0.5 0.5 0.51 0.5\n")
    write(boxes, "outside", 51, "0 0.9 0.5 0.5 0.5\n")
    write(boxes, "none", 52, "")
    write(boxes, "line", 53, LINE + "0 0.1 0.5 0 0.5\n")
    write(boxes, "wrong", 54, "x\n")
    checked = suite.check(boxes, out=tmp_path / "out")
    assert checked.says.startswith("YOLO: 27 photos, 49 boxes in 3 classes; 1 box of no area set aside; 2 ")
    assert (checked.photos, checked.classes) == (27, ("cat", "flea", "dog"))
    found = items(checked)
    assert found == {
        "boxes outside": [
            ("line 1 of its label file has a box that reaches out of the image", ("images/outside.jpg",))
        ],
        "doubled boxes": [("1 pair of boxes at one place, of 'cat' and 'dog'", ("images/double.jpg",))],
        "too few": [("1 box of 'dog'", ())],
        "imbalance": [("1 box of 'dog'", ())],
        "unused classes": [("'cow'", ())],
        "no area": [("1 box", ("images/line.jpg",))],
        "small things": [
            (
                "'flea': 22 of 22 less than 16 pixels on a side, 0 less than 8",
                ("images/0.jpg", "images/1.jpg", "images/2.jpg"),
            )
        ],
        "empty": [("no box", ("images/none.jpg",))],
        "set aside": [
            ("line 1 of its label file has 1 fields, not the 5 of class cx cy w h", ("images/wrong.jpg",))
        ],
    }


def test_boxes_are_drawn_on_the_page(boxes, tmp_path):
    write(boxes, "double", 50, "0 0.5 0.5 0.5 0.5\n0 0.5 0.5 0.5 0.5\n")
    page = suite.check(boxes, out=tmp_path).page.read_text(encoding="utf-8")
    assert "YOLO: 25 photos" in page
    source = re.findall(r'src="data:image/jpeg;base64,([^"]*)"', page)[0]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(source)))).astype(int)
    height, width, _ = pixels.shape
    is_red = pixels[..., 0] - pixels[..., 1:].max(axis=2) > 60
    assert is_red[height // 4].mean() > 0.3 and not is_red[height // 2, width * 3 // 8 : width * 5 // 8].any()


def test_a_sound_folder_in_the_terminal_and_in_json(boxes, tmp_path, capsys):
    for seed in range(24):
        write(boxes, f"{seed}", seed, LINE)
    (boxes / "classes.txt").write_text("cat\n")
    assert main.execute(["check", str(boxes), "--out", str(tmp_path / "out")]) == PASSED
    lines = capsys.readouterr().out.splitlines()
    assert "YOLO: 24 photos, 24 boxes in 1 class" in lines and "nothing found" in lines
    command = ["check", str(boxes), "--task", "detector", "--json", "--out", str(tmp_path / "out")]
    assert main.execute(command) == PASSED
    assert json.loads(capsys.readouterr().out)["says"] == "YOLO: 24 photos, 24 boxes in 1 class"
    assert main.execute(["check", str(boxes), "--task", "tagger"]) == BAD_INPUT


def test_photos_without_any_box_are_refused(boxes):
    for seed in range(24):
        write(boxes, f"{seed}", seed, "")
    with pytest.raises(ValueError, match=r"^expected boxes in the pictures of .* received none; add some$"):
        suite.check(boxes)


def test_masks(tmp_path):
    root = tmp_path / "set"
    (root / "masks").mkdir(parents=True)
    for seed in range(12):
        photo = cloud(seed)
        save(root / "images" / f"{seed}.jpg", photo)
        mask = np.zeros(photo.shape[:2], np.uint8)
        mask[8:32, 8:32] = seed > 0
        mask[:1, :1] = 2 * (seed == 3)
        Image.fromarray(mask).save(root / "masks" / f"{seed}.png")
    (root / "classes.txt").write_text("ground\ncat\nflea\ncow\n")
    checked = suite.check(root, out=tmp_path / "out")
    assert str(checked).startswith("masks: 12 photos with a mask, of images/ in masks/\n")
    assert (checked.photos, checked.classes) == (12, ("ground", "cat", "flea"))
    found = items(checked)
    assert found["assumed"] == [("1 class without a pixel, left out: 'cow'", ())]
    assert found["empty"] == [("'ground' alone", ("images/0.jpg",))]
    assert [says for says, _ in found["rare pixels"]] == ["'flea': 0.00% of the pixels"] or found[
        "rare pixels"
    ]
    assert found["small things"][0][1] == ("images/3.jpg",)
    assert found["too few"] == [("1 photo of 'flea'", ())]
