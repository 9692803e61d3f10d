import json

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from suite import console
from suite.data.box_files import parse_names
from suite.data.detection_sets import load, read_detection_folder

SIZE = (20, 40)


@pytest.fixture(autouse=True)
def quiet():
    console.set_quiet(True)
    yield
    console.set_quiet(False)


def pixels(seed, size=SIZE):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def write(path, seed, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(seed)).save(path, **options)


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def read(root, seed=0):
    return read_detection_folder(root, seed, SIZE)


def reasons(found):
    return {entry["file"]: entry["reason"] for entry in found.quarantined}


def sizes(found):
    return [len(found.images[part]) for part in ("train", "validation", "test")]


def of_seed(found, seed):
    """Boxes, labels and crowds of the picture made from a seed."""
    for part, images in found.images.items():
        for index, image in enumerate(images):
            if (image == pixels(seed)).all():
                return found.boxes[part][index], found.labels[part][index], found.is_crowd[part][index]
    raise AssertionError(f"no picture {seed}")


def message(root):
    with pytest.raises(ValueError) as raised:
        load(str(root), 0, SIZE)
    assert "\n" not in str(raised.value)
    return str(raised.value).replace(str(root), "ROOT")


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
    assert found.describe() == {
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
        ("1 0.1 0.1 0.1 0.5 0.5 0.5", "has 7 fields, not the 5 of class cx cy w h"),
        ("cat 0.5 0.5 0.5 0.5", "has a field that is no number, or a class that is no whole number"),
        ("1.5 0.5 0.5 0.5 0.5", "has a field that is no number, or a class that is no whole number"),
        ("1 0.5 x 0.5 0.5", "has a field that is no number, or a class that is no whole number"),
        ("2 0.5 0.5 0.5 0.5", "has class 2, but 2 are named (0 to 1)"),
        ("-1 0.5 0.5 0.5 0.5", "has class -1, but 2 are named (0 to 1)"),
        ("1 0.5 nan 0.5 0.5", "has a box with a side that is no finite number"),
        ("1 0.9 0.5 0.5 0.5", "has a box that reaches out of the image"),
        ("1 120 40 30 20", "has a box that reaches out of the image"),
        ("1 0.5 0.5 0 0.5", "has a box without area"),
        ("1 0.5 0.5 0.5 -0.5", "has a box without area"),
    ],
)
def test_wrong_lines_set_the_picture_aside(yolo, line, reason):
    write_text(yolo / "labels" / "3.txt", f"1 0.5 0.5 0.5 0.5\n{line}\n")
    found = read(yolo)
    assert reasons(found) == {"images/3.png": f"line 2 of its label file {reason}"}
    assert sum(sizes(found)) == 19


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


def content(seeds, folder=""):
    """COCO content; every picture has a box of category 18, and those of even seeds a crowd of 3."""
    height, width = SIZE
    images = [
        {"id": 100 + seed, "file_name": f"{folder}{seed}.png", "height": height, "width": width}
        for seed in seeds
    ]
    annotations = [
        {"id": seed, "image_id": 100 + seed, "category_id": 18, "bbox": [4, 5, 8, 10], "iscrowd": 0}
        for seed in seeds
    ]
    annotations += [
        {"id": 1000 + seed, "image_id": 100 + seed, "category_id": 3, "bbox": [0, 0, 40, 5], "iscrowd": 1}
        for seed in seeds
        if seed % 2 == 0
    ]
    categories = [{"id": 18, "name": "dog"}, {"id": 3, "name": "car"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_coco(path, data, folder, seeds):
    write_text(path, json.dumps(data))
    for seed in seeds:
        write(folder / f"{seed}.png", seed)


@pytest.fixture
def coco(tmp_path):
    root = tmp_path / "coco"
    write_coco(root / "annotations" / "all.json", content(range(20)), root / "images", range(20))
    return root


def change(root, edit):
    path = root / "annotations" / "all.json"
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


def test_coco(coco):
    found = read(coco)
    assert sizes(found) == [14, 3, 3] and found.classes == ("car", "dog") and not found.quarantined
    boxes, labels, is_crowd = of_seed(found, 4)
    np.testing.assert_allclose(boxes, [[0.25, 0.1, 0.75, 0.3], [0, 0, 0.25, 1]])
    assert labels.tolist() == [1, 0] and is_crowd.tolist() == [False, True]
    assert len(of_seed(found, 5)[0]) == 1


def test_coco_as_it_is_published(tmp_path):
    for part, seeds in (("train2017", range(6)), ("val2017", range(6, 8))):
        file = tmp_path / "annotations" / f"instances_{part}.json"
        write_coco(file, content(seeds), tmp_path / part, seeds)
        write_text(tmp_path / "annotations" / f"captions_{part}.json", "{}")
    assert sizes(read(tmp_path)) == [5, 2, 1]


def test_coco_as_it_is_exported_with_the_files_beside(tmp_path):
    for part, seeds in (("train", range(5)), ("valid", range(5, 7)), ("test", range(7, 8))):
        for seed in seeds:
            write(tmp_path / part / f"{seed - seeds[0]}.png", seed)  # the same names in every part
        data = content(seeds)
        for index, image in enumerate(data["images"]):
            image["file_name"] = f"{index}.png"
        write_text(tmp_path / part / "_annotations.coco.json", json.dumps(data))
    found = read(tmp_path)
    assert sizes(found) == [5, 2, 1]
    np.testing.assert_array_equal(found.images["test"][0], pixels(7))


def test_pictures_without_annotations_are_background(coco):
    change(coco, lambda data: data.update(annotations=data["annotations"][1:]))
    assert of_seed(read(coco), 1)[0].shape == (1, 4)
    change(
        coco, lambda data: data.update(annotations=[a for a in data["annotations"] if a["image_id"] != 107])
    )
    assert of_seed(read(coco), 7)[0].shape == (0, 4)


def test_what_is_set_aside_of_coco(coco):
    def edit(data):
        images, rows = data["images"], data["annotations"]
        rows[0]["category_id"] = 99
        rows[1]["bbox"] = [4, 5, 8]
        rows[2]["bbox"] = [4, 5, 0, 10]
        rows[3]["bbox"] = [30, 5, 15, 10]
        rows[4]["bbox"] = ["a", 1, 2, 3]
        images[5]["width"] = 80
        images[6]["id"] = images[7]["id"] = 1
        rows.append({"id": 7000, "image_id": 7777, "category_id": 3, "bbox": [0, 0, 1, 1]})
        data["annotations"] = [row for row in rows if row["image_id"] not in (106, 107)]
        images.append({"id": 500, "file_name": "missing.png"})
        images.append({"id": 501, "file_name": "../../19.png"})
        images.append({"id": 502, "file_name": "twice.png"})

    change(coco, edit)
    (coco / "images" / "8.png").write_bytes(b"")
    write(coco / "a" / "twice.png", 60)
    write(coco / "b" / "twice.png", 61)
    found = read(coco)
    assert reasons(found) == {
        "images/0.png": "its annotation 0 has category 99, which is not listed",
        "images/1.png": "its annotation 1 has a bbox that is not four numbers",
        "images/2.png": "its annotation 2 has a box without area",
        "images/3.png": "its annotation 3 has a box that reaches out of the image",
        "images/4.png": "its annotation 4 has a bbox that is not four numbers",
        "images/5.png": "40 x 20 pixels upright, but its annotations say 80 x 20",
        "6.png": "its image id 1 occurs 2 times",
        "7.png": "its image id 1 occurs 2 times",
        "images/8.png": "zero bytes",
        "annotations/all.json": "annotation 7000 is for the image id 7777, which is not listed",
        "missing.png": "the image file is missing",
        "../../19.png": "the image file is listed twice",
        "twice.png": "2 image files have this name",
    }
    assert sum(sizes(found)) == 11


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "expected a COCO file of valid JSON, received 'all.json': Expecting property name"),
        (
            "[1]",
            "categories, received 'all.json' with list; move it away if it is another file",
        ),
        ('{"info": 1, "images": []}', "received 'all.json' with info, images; move it away"),
        (
            '{"images": [{"id": 1}], "annotations": [], "categories": []}',
            "expected file_name, id in every entry of images in 'all.json', received {'id': 1}; export",
        ),
        (
            '{"images": [], "categories": [], '
            '"annotations": [{"id": 1, "image_id": [], "category_id": 2, "bbox": 1}]}',
            "expected bbox, category_id, id, image_id in every entry of annotations in 'all.json', received",
        ),
    ],
)
def test_files_that_are_not_coco(coco, text, expected):
    write_text(coco / "annotations" / "all.json", text)
    assert expected in message(coco)


def test_coco_files_for_no_part_or_for_one_part_twice(coco):
    write_text(coco / "annotations" / "more.json", json.dumps(content(range(2))))
    assert message(coco) == (
        "expected one COCO file for train in 'ROOT', received 'more.json' as another; move it away"
    )
    (coco / "annotations" / "more.json").unlink()
    (coco / "annotations" / "all.json").rename(coco / "annotations" / "instances_val.json")
    assert message(coco) == (
        "expected a COCO file for train in 'ROOT', received instances_val.json; name one instances_train.json"
    )


def test_folders_that_are_none(tmp_path):
    expected = (
        "expected a folder with images and COCO annotations, or with images/ and labels/, received 'ROOT'"
    )
    assert message(tmp_path / "no") == f"{expected}, which does not exist; check the path"
    (tmp_path / "other" / "images").mkdir(parents=True)
    assert message(tmp_path / "other") == (
        "expected images/ and labels/, or annotations/*.json, in 'ROOT', received images/; put the pictures "
        "in images/ and a YOLO label file for each in labels/, or a COCO file in annotations/"
    )


def test_too_few_are_an_error(tmp_path):
    write_coco(tmp_path / "a.json", content(range(5)), tmp_path / "images", range(4))
    assert message(tmp_path) == (
        "expected at least 5 for train, 1 for validation, 1 for test usable pictures in 'ROOT', received 2 "
        "for train, 1 for validation, 1 for test (1 set aside, as '4.png': the image file is missing); mend "
        "those or add others"
    )


def test_voc():
    def as_dataset(self, *args, **kwargs):
        import tensorflow as tf

        objects = {
            "bbox": np.float32([[0, 0.1, 0.5, 1]] * 2),
            "label": [3, 19],
            "is_difficult": [False, True],
        }
        one = {"image": np.zeros((9, 7, 3), np.uint8), "objects": objects}
        return tf.data.Dataset.from_tensors(one).repeat(6).apply(tf.data.experimental.assert_cardinality(6))

    with tfds.testing.mock_data(num_examples=6, as_dataset_fn=as_dataset):
        found = load("tfds", 0, SIZE)
    assert sizes(found) == [6, 6, 6] and found.source == "voc/2007"
    assert len(found.classes) == 20 and found.classes[19] == "tvmonitor"
    np.testing.assert_array_equal(found.boxes["test"][0], np.float32([[0, 0.1, 0.5, 1]] * 2))
    assert found.labels["test"][0].tolist() == [3, 19]
    assert found.is_crowd["validation"][0].tolist() == [False, True]
    assert found.images["train"].shape == (6, *SIZE, 3)
