import numpy as np
import pytest

from tests.data.folders.boxes import message, of_seed, read, write, write_text
from tests.data.folders.test_voc import thing, xml
from tests.data.noise import reasons, sizes

pytestmark = pytest.mark.usefixtures("quiet")
LINE = "0 0.5 0.25 0.25 0.5\n"


@pytest.mark.parametrize(
    ("images", "others"),
    [
        ("photos", "annotations"),
        ("", ""),
        ("", "Annotations"),
        ("dataset/JPEGImages", "dataset/Annotations"),
        ("camera 1/images", "camera 1/xml"),
        ("img", "labels"),
    ],
)
def test_voc_wherever_it_lies(tmp_path, images, others):
    for i in range(8):
        write(tmp_path / images / f"{i}.png", i)
        write_text(tmp_path / others / f"{i}.xml", xml(thing()))
    found = read(tmp_path)
    assert sizes(found) == [6, 1, 1] and not found.quarantined and not found.unread
    np.testing.assert_allclose(of_seed(found, 3)[0], [[0.25, 0.1, 0.75, 0.3]])


@pytest.mark.parametrize(
    ("images", "others"),
    [
        ("images/{}", "labels/{}"),
        ("{}/images", "{}/labels"),
        ("{}", "{}"),
        ("{}_images", "{}_labels"),
        ("images_{}", "labels"),
        ("data/images/{}", "data/labels/{}"),
    ],
)
def test_yolo_wherever_it_lies(tmp_path, images, others):
    for part, seeds in (("train", range(6)), ("valid", range(6, 8)), ("test", range(8, 9))):
        for i in seeds:
            write(tmp_path / images.format(part) / f"{i}.png", i)
            write_text(tmp_path / others.format(part) / f"{i}.txt", LINE)
    write_text(tmp_path / "data.yaml", "train: ../nowhere/train\nnames: [dog]")
    found = read(tmp_path)
    assert sizes(found) == [6, 2, 1] and not found.quarantined and not found.unread
    np.testing.assert_allclose(of_seed(found, 6)[0], [[0, 0.375, 0.5, 0.625]])


def test_darknet(tmp_path):
    for i in range(9):
        write(tmp_path / "data" / "obj" / f"{i}.png", i)
        write_text(tmp_path / "data" / "obj" / f"{i}.txt", LINE)
    write_text(tmp_path / "data" / "obj.names", "dog\n")
    write_text(tmp_path / "data" / "obj.data", "classes = 1")
    write_text(tmp_path / "README.txt", "hello")
    lists = {"train": range(5), "valid": range(5, 7), "test": range(7, 9)}
    for name, seeds in lists.items():
        write_text(tmp_path / "data" / f"{name}.txt", "".join(f"data/obj/{seed}.png\n" for seed in seeds))
    found = read(tmp_path)
    assert sizes(found) == [5, 2, 2] and found.classes == ("dog",) and not found.quarantined
    assert found.unread == ("data/obj.data", "README.txt")


def test_darknet_in_parts(tmp_path):
    for part, seeds in (("train", range(6)), ("valid", range(6, 8))):
        for i in seeds:
            write(tmp_path / part / f"{i}.png", i)
            write_text(tmp_path / part / f"{i}.txt", LINE)
        write_text(tmp_path / part / "_darknet.labels", "dog\n")
    found = read(tmp_path)
    assert sizes(found) == [5, 2, 1] and not found.quarantined and not found.unread


def test_labels_that_are_of_no_picture_are_told(tmp_path):
    for i in range(4):
        write(tmp_path / "images" / f"{i}.png", i)
        write_text(tmp_path / "labels" / f"photo {i}.txt", LINE)
    write_text(tmp_path / "classes.txt", "dog")
    said = message(tmp_path)
    assert "'labels/photo 0.txt': no image for it" in said


def test_other_texts_beside_pictures_are_no_labels(tmp_path):
    for i in range(8):
        write(tmp_path / f"{i}.png", i)
        write_text(tmp_path / f"{i}.txt", "a photo of a dog\n")
    assert message(tmp_path).startswith("expected boxes as Pascal VOC, YOLO, LabelMe, ")
    write_text(tmp_path / "0.txt", LINE)
    write_text(tmp_path / "classes.txt", "dog")
    assert "line 1 of its label file has a field that is no number" in message(tmp_path)


def test_masks_are_not_taken_for_the_pictures_of_boxes(tmp_path):
    for i in range(8):
        write(tmp_path / "masks" / f"{i}.png", 50 + i)
        write(tmp_path / "photos" / f"{i}.png", i)
        write_text(tmp_path / "labels" / f"{i}.txt", LINE)
    write_text(tmp_path / "classes.txt", "dog")
    assert set(read(tmp_path).files) == {f"photos/{i}.png" for i in range(8)}


def test_one_folder_of_pictures_has_the_folder_that_shares_more_names(tmp_path):
    for i in range(8):
        write(tmp_path / "images" / f"{i}.png", i)
        write(tmp_path / "small" / f"{i}.png", 50 + i)
        write_text(tmp_path / "labels" / f"{i}.txt", LINE)
    write_text(tmp_path / "old" / "labels" / "3.txt", "wrong")
    write_text(tmp_path / "classes.txt", "dog")
    found = read(tmp_path)
    assert sum(sizes(found)) == 8 and not reasons(found)
    assert found.unread == ("old/labels/3.txt", *(f"small/{i}.png" for i in range(8)))
