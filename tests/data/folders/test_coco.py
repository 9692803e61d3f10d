import json

import numpy as np
import pytest

from tests.data.folders.boxes import SIZE, message, of_seed, read, write, write_text
from tests.data.noise import noise, reasons, sizes

pytestmark = pytest.mark.usefixtures("quiet")


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
    np.testing.assert_array_equal(found.images["test"][0], noise(7, SIZE))


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
        rows[2]["bbox"] = [14, 5, -10, 10]
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
        "images/2.png": "its annotation 2 has a box that ends before it begins",
        "images/3.png": "its annotation 3 has a box that reaches out of the image",
        "images/4.png": "its annotation 4 has a bbox that is not four numbers",
        "images/5.png": "40 x 20 pixels upright, but its annotations say 80 x 20",
        "6.png": "its image id 1 is that of several files",
        "7.png": "its image id 1 is that of several files",
        "images/8.png": "zero bytes",
        "annotations/all.json": "annotation 7000 is for the image id 7777, which is not listed",
        "missing.png": "the image file is missing",
        "../../19.png": "the image file is listed twice; the annotations of both entries are taken together",
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
            "received 0 for train, 0 for validation, 0 for test (1 set aside, as 'annotations/all.json': "
            "image number 1 has no id or no file_name); mend those",
        ),
        (
            '{"images": [], "categories": [], '
            '"annotations": [{"id": 1, "image_id": [], "category_id": 2, "bbox": 1}]}',
            "(1 set aside, as 'annotations/all.json': annotation 1 has no image_id); mend those",
        ),
    ],
)
def test_files_that_are_not_coco(coco, text, expected):
    write_text(coco / "annotations" / "all.json", text)
    assert expected in message(coco)


def test_broken_files_are_told_together(coco):
    for name in ("a", "b"):
        write_text(coco / "annotations" / f"{name}.json", '{"images": [')
    said = message(coco)
    for name in "ab":
        assert f"expected a COCO file of valid JSON, received '{name}.json': Expecting" in said


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


def test_ids_are_the_same_as_numbers_and_as_texts(coco):
    """As tables of pandas have them: 1.0, "1"; and categories from 0."""
    expected = read(coco)

    def edit(data):
        for row in data["images"]:
            row["id"], row["height"] = float(row["id"]), str(float(row["height"]))
        for row in data["annotations"]:
            row["category_id"] = {18: "5.0", 3: 0.0}[row["category_id"]]
            row["image_id"], row["iscrowd"] = str(row["image_id"]), [float("nan"), 1.0][row["iscrowd"]]
            row["bbox"] = str(row["bbox"])
            del row["id"]
        data["categories"] = [{"id": "5", "name": "dog"}, {"id": 0, "name": "car"}]

    change(coco, edit)
    found = read(coco)
    assert found.classes == expected.classes and found.quarantined == () and found.files == expected.files
    for seed in range(20):
        for ours, theirs in zip(of_seed(found, seed), of_seed(expected, seed), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_entries_that_cannot_be_used_are_set_aside_one_by_one(coco):
    def edit(data):
        images, rows = data["images"], data["annotations"]
        del rows[0]["bbox"]
        rows[1]["bbox"] = [4, 5, float("nan"), 10]
        del rows[2]["id"], rows[2]["bbox"]
        rows[3]["bbox"] = None
        del rows[4]["category_id"]
        rows[5]["bbox"] = [4, 5, 8, True]
        rows += [{"id": 50, "category_id": 3, "bbox": [0, 0, 1, 1]}, "no row"]
        images += ["no row", {"id": 900, "file_name": 7}, {"id": None, "file_name": "6.png"}]
        data["categories"] += [{"id": 9}, 4]

    change(coco, edit)
    found = read(coco)
    entries = [entry for entry in found.quarantined if entry.file != "annotations/all.json"]
    assert {entry.file: entry.reason for entry in entries} == {
        "images/0.png": "its annotation 0 has no bbox",
        "images/1.png": "its annotation 1 has a bbox that is not four numbers",
        "images/2.png": "its annotation number 3 has no bbox",
        "images/3.png": "its annotation 3 has no bbox",
        "images/4.png": "its annotation 4 has no category_id",
    }
    assert [entry.reason for entry in found.quarantined if entry not in entries] == [
        "category number 3 has no id or no name",
        "category number 4 has no id or no name",
        "image number 21 has no id or no file_name",
        "image number 22 has no id or no file_name",
        "image number 23 has no id or no file_name",
        "annotation 50 has no image_id",
        "annotation number 32 has no image_id",
    ]
    assert sum(sizes(found)) == 15


def test_a_file_of_two_entries_has_the_boxes_of_both(coco):
    def edit(data):
        data["images"] += [{"id": 500, "file_name": r"images\\3.PNG"}, data["images"][5]]
        more = {"image_id": 500, "category_id": 3}
        data["annotations"] += [
            more | {"bbox": [4, 5, 8, 10]},
            more | {"category_id": 18, "bbox": [4, 5, 8, 10]},
        ]

    change(coco, edit)
    found = read(coco)
    assert {entry.file for entry in found.quarantined} == {r"images\\3.PNG", "5.png"}
    assert of_seed(found, 3)[1].tolist() == [1, 0] and len(of_seed(found, 5)[1]) == 1


def test_the_box_around_a_polygon_is_taken_where_there_is_no_bbox(coco):
    def edit(data):
        del data["annotations"][7]["bbox"]
        data["annotations"][7]["segmentation"] = [[4, 5, 12, 5, 12, 10], [6, 7, 6, 15, 8, 9]]

    change(coco, edit)
    found = read(coco)
    np.testing.assert_allclose(of_seed(found, 7)[0], [[0.25, 0.1, 0.75, 0.3]])
    assert found.notes == (
        "1 picture with a polygon and no bbox, of which the box around it is taken: images/7.png",
    )


def test_one_category_has_one_name_in_all_files(tmp_path):
    for part, seeds in (("train", range(6)), ("val", range(6, 8))):
        data = content(seeds)
        data["categories"][0]["name"] = {"train": "dog", "val": "cat"}[part]
        write_coco(tmp_path / "annotations" / f"{part}.json", data, tmp_path / part, seeds)
    assert message(tmp_path) == (
        "expected one name for category 18 in 'ROOT', received 'dog' and 'cat' in 'val.json'; give the "
        "categories of all files the same ids"
    )


def test_files_beside_the_annotations_are_listed_as_not_read(coco):
    write_text(coco / "annotations" / "licenses.json", "{}")
    write(coco / "images" / "unlisted.png", 70)
    (coco / "annotations" / "all.json").rename(coco / "annotations" / "all.JSON")
    found = read(coco)
    assert found.unread == ("annotations/licenses.json", "images/unlisted.png")
    assert found.describe()["unread"] == list(found.unread)


def test_annotations_of_no_picture_are_refused_before_training(coco):
    change(coco, lambda data: data.update(annotations=[]))
    assert message(coco) == (
        "expected boxes in the train pictures of 'ROOT', received none in 14 pictures (20 pictures without "
        "an annotation, taken as background: images/0.png, images/1.png, images/10.png and 17 more); "
        "check that the annotations belong to these pictures, or add annotated ones"
    )
    change(
        coco,
        lambda data: data.update(annotations=[{"image_id": "x", "category_id": 3, "bbox": [0, 0, 1, 1]}]),
    )
    assert "annotations/all.json: annotation number 1 is for the image id x, which is not listed" in message(
        coco
    )
