"""`suite check` and the table in the report of fine-tuning, on stand-in features."""

import json
import re

import numpy as np
import pytest

import suite
from suite.cli import main
from suite.data.folders.labeled import read_folder
from suite.data.pictures.images import decode
from suite.errors import BAD_INPUT, PASSED
from suite.finetuning import check as module
from suite.finetuning.head import HEAD_FILE
from tests.made_up_photos import CLEARLY_CAT, TINTS, cloud, save, write_folder


def mean_color(root, photos):
    return np.stack([decode(root / photo.file).mean(axis=(0, 1)) for photo in photos]).astype(np.float32) / 50


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    monkeypatch.setattr(module, "_features", mean_color)


@pytest.fixture
def root(tmp_path):
    """Divided, with a wrong label, a file that is no photo, and a name that is markup."""
    root = tmp_path / "photos"
    write_folder(root / "train")
    write_folder(root / "test", per_class=0)
    for label, name in enumerate(("cat", "dog")):
        for index in range(6):
            save(root / "test" / name / f"{index}.jpg", cloud(1000 + 100 * label + index, TINTS[label]))
    save(root / "train" / "dog" / "<b>cat</b>.jpg", cloud(77, CLEARLY_CAT))
    (root / "train" / "cat" / "notes.txt").write_text("bought at the market")
    return root


def test_a_wrong_label_is_found_by_the_head_and_shown_on_the_page(root, tmp_path):
    checked = suite.check(root, out=tmp_path / "out")
    assert (checked.photos, checked.classes) == (53, ("cat", "dog"))
    assert [finding.kind for finding in checked.findings] == ["mislabeled", "set aside"]
    ((item,), (aside,)) = (finding.items for finding in checked.findings)
    assert item.files == ("train/dog/<b>cat</b>.jpg",) and "looks like 'cat'" in item.says
    assert aside.files == ("train/cat/notes.txt",)
    page = (tmp_path / "out" / "check.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;cat&lt;/b&gt;" in page and "<b>" not in page
    sources = re.findall(r'src="([^"]*)"', page)
    assert len(sources) == 1 and sources[0].startswith("data:image/jpeg;base64,")
    assert "http" not in page.replace("http-equiv", "") and "train/cat/notes.txt" in page


def test_nothing_is_found_and_the_default_place(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "my photos")
    assert main.execute(["check", "my photos"]) == PASSED
    lines = capsys.readouterr().out.splitlines()
    assert "40 photos in 2 classes" in lines and "nothing found" in lines
    assert "open saved_models/check-my_photos/check.html" in lines
    assert "Nothing found." in (tmp_path / "saved_models/check-my_photos/check.html").read_text()


def test_the_command_exits_with_0_and_json_has_it_all(root, tmp_path, capsys):
    assert main.execute(["check", str(root), "--out", str(tmp_path / "out"), "--json"]) == PASSED
    printed = json.loads(capsys.readouterr().out)
    assert printed["photos"] == 53 and printed["page"] == str(tmp_path / "out" / "check.html")
    finding = printed["findings"][0]
    assert set(finding) == {"kind", "what", "why", "advice", "items"}
    assert finding["items"][0]["files"] == ["train/dog/<b>cat</b>.jpg"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: None, "which does not exist"),
        (lambda root: root.mkdir(), "which is empty"),
        (lambda root: write_folder(root, classes=("cat",)), "at least 2 class folders"),
        (lambda root: [(root / name).mkdir(parents=True) for name in "ab"], "expected photos in the class"),
    ],
)
def test_a_folder_that_is_none(tmp_path, capsys, make, message):
    make(tmp_path / "photos")
    assert main.execute(["check", str(tmp_path / "photos"), "--out", str(tmp_path / "out")]) == BAD_INPUT
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert message in line and not (tmp_path / "out").exists()


def test_fine_tuning_asks_about_the_labels_that_it_trains_on(root, tmp_path):
    folder = read_folder(root, 0)
    features = np.stack([decode(root / file).mean(axis=(0, 1)) for file, _ in folder.splits["train"]]) / 50
    np.savez(tmp_path / HEAD_FILE, kernel=0, bias=0, features=features.astype(np.float32))
    found = module.check_training(folder, tmp_path)
    mislabeled = [item.files for each in found if each.kind == "mislabeled" for item in each.items]
    of_train = {file for file, _ in folder.splits["train"]}
    name = "train/dog/<b>cat</b>.jpg"
    assert mislabeled == ([(name,)] if name in of_train else [])
    assert name in of_train or name in dict(folder.splits["validation"])
