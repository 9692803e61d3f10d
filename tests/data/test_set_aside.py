import os

from PIL import Image

from suite import console
from suite.data.folders.labeled import read_folder
from suite.data.set_aside import SetAside, losses
from suite.finetuning.data import describe
from tests.data.noise import noise


def test_nothing_is_said_of_data_that_is_used_as_it_is():
    assert losses({"train": 9, "quarantined": []}) == []


def test_what_is_set_aside_is_counted_with_the_first_of_each_reason():
    data = {
        "train": 60,
        "validation": 5,
        "test": 5,
        "quarantined": [SetAside(f"a.csv:{line}", "no label") for line in range(3, 51)]
        + [SetAside("a.csv:60", "no text"), SetAside("a.csv:61", "3 cells for 2 columns")],
        "notes": ["2 pictures without a label file, taken as background: x.png, y.png"],
        "unread": ["a.md", "b.md", "c.md", "d.md"],
    }
    assert losses(data) == [
        "50 set aside, 70 used; report.html says why",
        "  a.csv:3: no label (and 47 more)",
        "  a.csv:60: no text",
        "  a.csv:61: 3 cells for 2 columns",
        "2 pictures without a label file, taken as background: x.png, y.png",
        "4 files not read: a.md, b.md, c.md and 1 more",
    ]
    data["quarantined"] = [SetAside(f"{i}.png", f"reason {i}") for i in range(9)]
    assert [line for line in losses(data) if line.startswith("  ")] == [
        f"  {i}.png: reason {i}" for i in range(5)
    ]
    assert losses({"quarantined": [SetAside("a", "b")]})[0] == "1 set aside; report.html says why"


def test_names_that_are_no_text_are_said_in_a_line(tmp_path, capsys):
    console.set_quiet(True)
    for name in ("cats", "dogs 猫"):
        (tmp_path / name).mkdir()
        for index in range(5):
            Image.fromarray(noise(len(name) * 10 + index, (16, 16))).save(tmp_path / name / f"{index}.png")
    for name in (b"caf\xe9.jpg", "new\nline 😀.jpg".encode()):
        with open(os.path.join(os.fsencode(tmp_path), b"cats", name), "wb"):
            pass
    sound = os.path.join(os.fsencode(tmp_path), b"cats", b"\xff.png")
    Image.fromarray(noise(7, (16, 16))).save(os.fsdecode(sound))
    folder = read_folder(tmp_path)
    console.set_quiet(False)
    assert sum(map(len, folder.splits.values())) == 11
    lines = losses(describe(folder))
    assert lines == [
        "2 set aside, 11 used; report.html says why",
        r"  cats/caf\udce9.jpg: zero bytes (and 1 more)",
    ]
    for line in (*lines, losses({"quarantined": [SetAside("new\nline 😀.jpg", "x")]})[1]):
        console.warn(line)
    assert capsys.readouterr().err.splitlines()[-1] == r"warning:   new\nline 😀.jpg: x"
