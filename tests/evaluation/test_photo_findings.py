"""A folder of made-up photos without faults, and with one of each kind."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from suite.data.pictures.facts import read_facts
from suite.data.set_aside import SetAside
from suite.evaluation.findings import Photo, findings_table
from suite.evaluation.photo_findings import FEW, find_faults
from tests.made_up_photos import CLEARLY_CAT, SIDE, TINTS, cloud, save, write_folder

CLASSES = ("cat", "dog")


@pytest.fixture
def root(tmp_path):
    return write_folder(tmp_path / "photos")


def photos_of(root, part="train"):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return [
        Photo(path.relative_to(root).as_posix(), CLASSES.index(path.parent.name), part, read_facts(path))
        for path in files
    ]


def kinds(findings):
    return [finding.kind for finding in findings]


def the_finding(root, kind):
    (finding,) = find_faults(photos_of(root), CLASSES)
    assert finding.kind == kind
    assert str(finding).startswith(finding.what) and finding.advice in str(finding)
    return finding


def files_of(finding):
    return [file for item in finding.items for file in item.files]


def test_nothing_is_found_where_nothing_is_wrong(root):
    assert find_faults(photos_of(root), CLASSES) == []
    assert findings_table([]).rows == [("Nothing found.", "", "", "")]


def test_a_copy_in_another_part_and_in_another_class(root):
    train = photos_of(root)
    other = root.parent / "test"
    Image.open(root / "cat" / "3.jpg").resize((70, 70)).save(_made(other / "cat") / "new.jpg", quality=50)
    (finding,) = find_faults([*train, *photos_of(other, "test")], CLASSES)
    assert finding.kind == "copies in several parts" and files_of(finding) == ["cat/3.jpg", "cat/new.jpg"]
    Image.open(root / "cat" / "4.jpg").resize((200, 200)).save(root / "dog" / "again.jpg", quality=40)
    Image.open(root / "dog" / "5.jpg").save(root / "dog" / "5 (1).jpg", quality=30)
    found = find_faults([*photos_of(root), *photos_of(other, "test")], CLASSES)
    assert kinds(found) == ["copies in several classes", "copies in several parts", "copies"]
    assert files_of(found[0]) == ["cat/4.jpg", "dog/again.jpg"]
    assert sorted(files_of(found[2])) == ["dog/5 (1).jpg", "dog/5.jpg"]


def _made(folder):
    folder.mkdir(parents=True)
    return folder


def test_a_class_with_a_format_of_its_own(tmp_path):
    write_folder(tmp_path, classes=("cat",), suffix="png")
    for index in range(20):
        save(tmp_path / "dog" / f"{index}.jpg", cloud(100 + index, TINTS[1]))
    finding = the_finding(tmp_path, "given away")
    assert finding.what == "1 class told without looking at what is in the photo"
    (item,) = finding.items
    assert item.says == (
        "'cat' is told by its file format alone (100%, guessing gets 50%): 20 of 20 are PNG, "
        "20 of the 20 others JPEG"
    )


def test_mixed_formats_sizes_and_borders_are_no_fault(tmp_path):
    random = np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        for index in range(20):
            size = (96, 96) if random.random() < 0.5 else (80, 160)
            pixels = cloud(100 * label + index, TINTS[label], size)
            if random.random() < 0.3:
                pixels = np.pad(pixels, ((12, 12), (0, 0), (0, 0)))
            save(tmp_path / name / f"{index}.{'png' if random.random() < 0.5 else 'jpg'}", pixels)
    assert find_faults(photos_of(tmp_path), CLASSES) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda pixels: np.pad(pixels, ((8, 8), (0, 0), (0, 0))), {"aspect ratio", "border"}),
        (lambda pixels: np.pad(pixels[12:-12], ((12, 12), (0, 0), (0, 0))), {"border"}),
        (lambda pixels: pixels.repeat(2, 0).repeat(2, 1), {"size"}),
        (lambda pixels: pixels[:, :, :1].repeat(3, 2), {"color"}),
    ],
)
def test_a_class_that_its_files_give_away(root, change, told):
    for path in (root / "cat").iterdir():
        save(path, change(np.asarray(Image.open(path))))
    finding = the_finding(root, "given away")
    assert {item.says.split("by its ")[1].split(" alone")[0] for item in finding.items} == told


def test_blurred_tiny_and_empty_photos(root):
    image = Image.open(root / "cat" / "0.jpg").filter(ImageFilter.GaussianBlur(6))
    image.save(root / "cat" / "0.jpg")
    assert files_of(the_finding(root, "blurred")) == ["cat/0.jpg"]
    save(root / "dog" / "small.jpg", cloud(999, TINTS[1], (30, 40)))
    save(root / "dog" / "wall.jpg", np.full((SIDE, SIDE, 3), 200, np.uint8))
    save(root / "dog" / "other wall.jpg", np.full((SIDE, SIDE, 3), 200, np.uint8))  # no copies of each other
    found = find_faults(photos_of(root), CLASSES)
    assert kinds(found) == ["empty", "tiny", "blurred"]
    assert files_of(found[0]) == ["dog/other wall.jpg", "dog/wall.jpg"]
    assert str(found[1].items[0]) == "dog/small.jpg: 40 x 30 pixels"


def test_too_few_and_set_aside(root):
    for index in range(18):
        (root / "dog" / f"{index}.jpg").unlink()
    aside = [SetAside("cat/notes.txt", "not an image")]
    found = find_faults(photos_of(root), CLASSES, aside=aside)
    assert kinds(found) == ["set aside", "too few"]
    assert str(found[0].items[0]) == "cat/notes.txt: not an image"
    assert [str(item) for item in found[1].items] == ["2 photos of 'dog'"]
    assert found[1].what == f"1 of 2 classes with fewer than {FEW} photos to train on"


def by_center(features, labels, groups):
    """A stand-in for the head: the nearer the center of the others of a class, the more probable."""
    centers = np.stack([features[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
    distances = np.sum((features[:, None] - centers) ** 2, axis=2) / 2000
    return np.exp(-distances) / np.exp(-distances).sum(axis=1, keepdims=True)


def tints_of(root, photos):
    pixels = [np.asarray(Image.open(root / photo.file)).reshape(-1, 3) for photo in photos]
    return np.stack([each.mean(axis=0) for each in pixels]).astype(np.float32)


def test_a_wrong_label_is_found_and_right_ones_are_not(root):
    photos = photos_of(root)
    assert find_faults(photos, CLASSES, features=tints_of(root, photos), predict=by_center) == []
    save(root / "dog" / "cat.jpg", cloud(77, CLEARLY_CAT))
    photos = photos_of(root)
    features = tints_of(root, photos)
    found = find_faults(photos, CLASSES, features=features, predict=by_center)
    assert kinds(found) == ["mislabeled"] and files_of(found[0]) == ["dog/cat.jpg"]
    assert found[0].items[0].says.startswith("in 'dog', looks like 'cat' (")
    features[[photo.file == "dog/cat.jpg" for photo in photos]] = np.nan  # nobody is asked about it
    assert kinds(find_faults(photos, CLASSES, features=features, predict=by_center)) == []


def test_labels_of_small_classes_are_not_judged(root):
    for index in range(4, 20):
        (root / "dog" / f"{index}.jpg").unlink()
    photos = photos_of(root)

    def never(*_):
        raise AssertionError("asked")

    found = find_faults(photos, CLASSES, features=tints_of(root, photos), predict=never)
    assert kinds(found) == ["too few"]


def test_long_lists_are_cut_on_the_terminal_and_whole_in_json(root):
    for index in range(8):
        save(root / "cat" / f"small {index}.jpg", cloud(500 + index, TINTS[0], (30, 30)))
    (tiny,) = [finding for finding in find_faults(photos_of(root), CLASSES) if finding.kind == "tiny"]
    assert "and 3 more" in str(tiny) and len(tiny.to_json()["items"]) == 8
    (row,) = findings_table([tiny]).rows
    assert row[0] == "8 photos less than 64 pixels on a side" and row[1].count(";") == 2
