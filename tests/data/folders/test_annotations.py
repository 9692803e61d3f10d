import json

import numpy as np
import pytest
from PIL import Image

from suite.data.folders.annotations import find_kind
from tests.data.folders.boxes import write, write_text
from tests.data.folders.test_voc import thing, xml
from tests.data.noise import noise

pytestmark = pytest.mark.usefixtures("quiet")


def write_voc(root, images="JPEGImages", xmls="Annotations"):
    for i in range(8):
        write(root / images / f"{i}.png", i)
        write_text(root / xmls / f"{i}.xml", xml(thing(), thing("cat", (4, 5, 4 * (i > 0) + 4, 9))))


def write_masks(root, images="images", masks="masks"):
    for i in range(4):
        write(root / images / f"{i}.png", i)
        (root / masks).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.eye(20, 40, dtype=np.uint8) * 255).save(root / masks / f"{i}.png")


def write_classes(root, *names):
    for name in names:
        for i in range(3):
            write(root / name / f"{i}.png", hash(name) % 1000 + i)


def message(root, task=""):
    with pytest.raises(ValueError, match="^expected ") as raised:
        find_kind(root, task)
    assert "\n" not in str(raised.value)
    return str(raised.value).replace(str(root), "ROOT")


def test_boxes(tmp_path):
    write_voc(tmp_path)
    write_text(tmp_path / "Annotations" / "7.xml", "<annotation>")
    kind = find_kind(tmp_path)
    assert kind.task == "detector" and str(kind) == (
        "Pascal VOC: 7 photos, 13 boxes in 2 classes; 1 box of no area set aside; "
        "1 photo or annotation set aside"
    )


def test_masks(tmp_path):
    write_masks(tmp_path, "image", "label")
    kind = find_kind(tmp_path)
    assert kind.task == "segmenter" and str(kind) == "masks: 4 photos with a mask, of image/ in label/"


def test_class_folders(tmp_path):
    write_classes(tmp_path, "mask", "no mask")  # the same names in both, as of masks
    kind = find_kind(tmp_path)
    assert kind.task == "classifier" and kind.says.startswith("class folders: ")


def test_other_data_are_for_a_classifier(tmp_path):
    write(tmp_path / "0.png", 0)
    write_text(tmp_path / "labels.csv", "file,label\n0.png,dog\n")
    write_text(tmp_path / "about.json", json.dumps({"license": "MIT"}))
    assert find_kind(tmp_path) == ("classifier", "photos with classes")


def test_boxes_and_class_folders_are_refused_until_one_is_said(tmp_path):
    write_voc(tmp_path, "rust", "rust")
    write_classes(tmp_path, "blight")
    assert message(tmp_path) == (
        "expected one kind of annotations in 'ROOT', received boxes (Pascal VOC) and class folders (blight, "
        "rust); say which by --task detector or --task classifier"
    )
    assert find_kind(tmp_path, "detector").says.startswith("Pascal VOC: 8 photos, 15 boxes in 2 classes")
    assert find_kind(tmp_path, "classifier") == ("classifier", "class folders: blight, rust")


def test_boxes_and_masks_are_refused_until_one_is_said(tmp_path):
    write_voc(tmp_path)
    write_masks(tmp_path, "JPEGImages", "SegmentationClass")
    assert message(tmp_path) == (
        "expected one kind of annotations in 'ROOT', received boxes (Pascal VOC) and masks in "
        "SegmentationClass/; say which by --task detector or --task segmenter"
    )
    assert find_kind(tmp_path, "segmenter").task == "segmenter"


def test_a_task_that_the_folder_is_not_for(tmp_path):
    write_classes(tmp_path, "a", "b")
    assert message(tmp_path, "segmenter").startswith(
        "expected photos and their masks in 'ROOT', received a/, b/"
    )
    assert message(tmp_path, "detector").startswith("expected boxes as Pascal VOC, YOLO, LabelMe, ")
    assert message(tmp_path, "tagger") == (
        "expected a task among classifier, detector, segmenter, received 'tagger'"
    )
    assert message(tmp_path / "no").endswith("which does not exist; check the path")


def test_nothing_is_taken_for_a_photo_of_a_mask(tmp_path):
    write_masks(tmp_path)
    for i in range(4):
        Image.fromarray(noise(i, (20, 40))).save(tmp_path / "masks" / f"{i}.png")
    assert find_kind(tmp_path).task == "classifier"
