"""Boxes and masks as CVAT, Label Studio, Supervisely, Create ML and others write them; odd layouts."""

import json

import numpy as np
import pytest
from PIL import Image

from suite.data.folders.annotations import find_kind
from suite.data.sets.segmentation_sets import read_segmentation_folder
from tests.data.folders.boxes import SIZE, message, of_seed, read, write, write_text
from tests.data.noise import noise, reasons, sizes

pytestmark = pytest.mark.usefixtures("quiet")

COUNT = 8
BOX = np.float32([5 / 20, 4 / 40, 15 / 20, 12 / 40])  # of a picture of 40 x 20 pixels
POLYGON = [[4, 5], [12, 5], [8, 15]]


def cvat(root, edit=None, count=COUNT):
    text = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
    for i in range(count):
        shapes = '<box label="dog" occluded="0" xtl="4.0" ytl="5.0" xbr="12.0" ybr="15.0" z_order="0"></box>'
        if i == 2:
            points = ";".join(f"{x},{y}" for x, y in POLYGON)
            shapes = f'<polygon label="dog" points="{points}"/>'
            shapes += '<ellipse label="cat" cx="20" cy="10" rx="4" ry="2"/>'
        if i == 3:
            shapes = '<box label="dog" xtl="3" ytl="6" xbr="13" ybr="14" rotation="90"/>'
            shapes += '<points label="dog" points="1,1"/>'
        shapes = edit(i, shapes) if edit else shapes
        text += f'<image id="{i}" name="a b/{i}.png" width="40" height="20">{shapes}</image>\n'
    write_text(root / "annotations.xml", text + "</annotations>")


def label_studio(root):
    tasks = []
    for i in range(COUNT):
        value = {"x": 10, "y": 25, "width": 20, "height": 50, "rotation": 0, "rectanglelabels": ["dog"]}
        if i == 2:
            value = {"points": [[10, 25], [30, 25], [20, 75]], "polygonlabels": ["dog"]}
        size = {"original_width": 40, "original_height": 20}
        result = [{**size, "value": value, "type": "rectanglelabels"}, {"value": {"choices": ["good"]}}]
        image = f"/data/upload/1/0123abcd-{i}.png" if i % 2 else f"/data/local-files/?d=a%20b/{i}.png"
        done = [{"was_cancelled": True, "result": []}, {"result": result}]
        tasks.append({"id": i, "data": {"image": image}, "annotations": done})
    write_text(root / "project.json", json.dumps(tasks))


def label_studio_min(root):
    label = {"x": 10, "y": 25, "width": 20, "height": 50, "rotation": 0, "rectanglelabels": ["dog"]}
    write_text(root / "min.json", json.dumps([{"image": f"{i}.png", "label": [label]} for i in range(COUNT)]))


def supervisely(root):
    for i in range(COUNT):
        kind, points = ("polygon", POLYGON) if i == 2 else ("rectangle", [[4, 5], [12, 15]])
        thing = {"classTitle": "dog", "geometryType": kind, "points": {"exterior": points, "interior": []}}
        content = {"size": {"height": 20, "width": 40}, "objects": [thing], "tags": []}
        write_text(root / "ann" / f"{i}.png.json", json.dumps(content))
    write_text(root / "meta.json", json.dumps({"classes": [{"title": "dog", "shape": "any"}], "tags": []}))


def createml(root):
    box = {"label": "dog", "coordinates": {"x": 8, "y": 10, "width": 8, "height": 10}}
    rows = [{"image": f"{i}.png", "annotations": [box]} for i in range(COUNT)]
    write_text(root / "_annotations.createml.json", json.dumps(rows))


def via_table(root):
    lines = [
        "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    ]
    shape = json.dumps({"name": "rect", "x": 4, "y": 5, "width": 8, "height": 10}).replace('"', '""')
    label = json.dumps({"type": "dog"}).replace('"', '""')
    lines += [f'{i}.png,99,"{{}}",1,0,"{shape}","{label}"' for i in range(COUNT)]
    write_text(root / "via_export_csv.csv", "\n".join(lines))


def bbox_table(root):
    rows = [f'{i},40,20,"[4.0, 5.0, 8.0, 10.0]",farm' for i in range(COUNT)]
    write_text(root / "train.csv", "\n".join(["image_id,width,height,bbox,source", *rows]))


def side_table(root):
    rows = [f"{i}.png,dog,4,5,8,10" for i in range(COUNT)]
    write_text(root / "boxes.csv", "\n".join(["filename,label,x,y,width,height", *rows]))


def nested_coco(root):
    images = [{"id": i, "file_name": f"{i}.png", "height": 20, "width": 40} for i in range(COUNT)]
    things = [{"id": i, "image_id": i, "category_id": 7, "bbox": [4, 5, 8, 10]} for i in range(COUNT)]
    content = {"images": images, "annotations": things, "categories": [{"id": 7, "name": "dog"}]}
    write_text(root / "export" / "labels" / "all.json", json.dumps(content))


@pytest.mark.parametrize(
    ("form", "name", "label"),
    [
        (cvat, "CVAT", "dog"),
        (label_studio, "Label Studio", "dog"),
        (label_studio_min, "Label Studio", "dog"),
        (supervisely, "Supervisely", "dog"),
        (createml, "Create ML", "dog"),
        (via_table, "VIA", "dog"),
        (bbox_table, "CSV", "object"),
        (side_table, "CSV", "dog"),
        (nested_coco, "COCO", "dog"),
    ],
)
def test_every_form_says_the_same_boxes(tmp_path, form, name, label):
    root = tmp_path / "set"
    for i in range(COUNT):
        write(root / ("img" if form is supervisely else "a b") / f"{i}.png", i)
    form(root)
    assert find_kind(root).says.startswith(f"{name}: 8 photos, ")
    found = read(root)
    assert sizes(found) == [6, 1, 1] and not found.quarantined
    for i in range(COUNT):
        boxes, labels, _ = of_seed(found, i)
        np.testing.assert_allclose(boxes[0], BOX, atol=1e-6)
        assert found.classes[labels[0]] == label


def test_more_shapes_of_cvat(tmp_path):
    for i in range(COUNT):
        write(tmp_path / f"{i}.png", i)
    cvat(tmp_path)
    found = read(tmp_path)
    assert found.classes == ("cat", "dog")
    boxes, labels, _ = of_seed(found, 2)
    np.testing.assert_allclose(boxes[1], [8 / 20, 16 / 40, 12 / 20, 24 / 40], atol=1e-6)
    assert labels.tolist() == [1, 0] and len(of_seed(found, 3)[0]) == 1
    said = "; ".join(found.notes)
    for remark in ("with polygons", "with circles or ellipses", "with turned boxes", "with a box of no area"):
        assert remark in said


def test_what_is_wrong_in_cvat_is_said_of_its_picture(tmp_path):
    for i in range(10):
        write(tmp_path / f"{i}.png", i)
    wrong = {
        4: '<box xtl="4" ytl="5" xbr="12" ybr="15"/>',
        5: '<box label="dog" xtl="x" ytl="5" xbr="12" ybr="15"/>',
    }
    cvat(tmp_path, lambda i, shapes: wrong.get(i, shapes), 10)
    with open(tmp_path / "annotations.xml", "a") as file:
        file.write("<!-- -->")
    assert find_kind(tmp_path).says.startswith(
        "CVAT: 8 photos, 9 boxes in 2 classes; 1 box of no area set aside; 2"
    )
    assert {entry.file: entry.reason for entry in read(tmp_path).quarantined} == {
        "4.png": "its shape number 1 has no label",
        "5.png": "its shape number 1 has a side that is no number",
    }
    (tmp_path / "annotations.xml").write_text('<annotations><image id="0" name="0.png">')
    assert message(tmp_path).startswith("expected a CVAT file, received 'annotations.xml': no XML (")


BROKEN = {
    "project.json": ('{"rectanglelabels": 1}', "expected a Label Studio file, a list of tasks, received"),
    "min.json": ('[{"image": "0.png", "label": [{"rectanglelabels": []}]}]', "its region 1 has no label"),
    "ml.json": (
        '[{"image": "0.png", "annotations": [{"coordinates": {}}]}]',
        "its annotation number 1 has no label",
    ),
}


@pytest.mark.parametrize("file", BROKEN)
def test_broken_files_of_other_tools_are_told_in_a_line(tmp_path, file):
    text, wrong = BROKEN[file]
    write(tmp_path / "0.png", 0)
    write_text(tmp_path / file, text)
    assert wrong in message(tmp_path)


@pytest.mark.parametrize("orientation", [1, 5, 6, 7, 8])
def test_boxes_of_a_photo_before_exif_turns_it_are_turned_with_it(tmp_path, orientation):
    """The box is of the picture as it lies in the file; its pixels are white."""
    height, width = SIZE
    box = {"xmin": 4, "ymin": 5, "xmax": 12, "ymax": 15}
    sides = "".join(f"<{name}>{value}</{name}>" for name, value in box.items())
    for i in range(COUNT):
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[5:15, 4:12], pixels[0, 0] = 255, i
        exif = Image.Exif()
        exif[274] = orientation
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{i}.png", exif=exif)
        write_text(
            tmp_path / "annotations" / f"{i}.xml",
            f"<annotation><size><width>{width}</width><height>{height}</height></size>"
            f"<object><name>dog</name><bndbox>{sides}</bndbox></object></annotation>",
        )
    found = read(tmp_path)
    for image, boxes in zip(found.images["train"], found.boxes["train"], strict=True):
        ((top, left, bottom, right),) = boxes * np.float32([height, width, height, width])
        inside = np.zeros((height, width), bool)
        inside[round(top) : round(bottom), round(left) : round(right)] = True
        is_white = image[..., 0] > 127
        assert (inside & is_white).sum() > 0.9 * (inside | is_white).sum()
    assert ("before EXIF turns" in "".join(found.notes)) == (orientation != 1)


def test_lists_of_parts_may_lie_deeper(tmp_path):
    root = tmp_path / "VOCdevkit" / "VOC2012"
    for i in range(12):
        write(root / "JPEGImages" / f"{i}.png", i)
        box = "<xmin>4</xmin><ymin>5</ymin><xmax>12</xmax><ymax>15</ymax>"
        thing = f"<object><name>dog</name><bndbox>{box}</bndbox></object>"
        write_text(root / "Annotations" / f"{i}.xml", f"<annotation>{thing}</annotation>")
    for part, rows in (("train", range(8)), ("val", range(8, 12))):
        write_text(root / "ImageSets" / "Main" / f"{part}.txt", "".join(f"{i}\n" for i in rows))
    found = read(tmp_path)
    assert {file for file, part in found.files.items() if part == "validation"} == {
        f"VOCdevkit/VOC2012/JPEGImages/{i}.png" for i in range(8, 12)
    }


def write_mask(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_odd_masks(tmp_path):
    mask = np.zeros(SIZE, np.uint8)
    mask[5:15, 4:12] = 1
    alpha = np.zeros((*SIZE, 4), np.uint8)
    alpha[..., 3] = 255 * mask
    cases = {
        "brackets": (lambda i: ("set", f"leaf ({i})_mask"), 255 * mask, ("background", "foreground")),
        "larger": (
            lambda i: ("masks", f"leaf ({i})"),
            mask.repeat(3, 0).repeat(3, 1),
            ("background", "class 1"),
        ),
        "lbl": (lambda i: ("lbl", f"leaf ({i})"), mask, ("background", "class 1")),
        "masks_machine": (lambda i: ("masks_machine", f"leaf ({i})"), mask, ("background", "class 1")),
        "alpha": (lambda i: ("masks", f"leaf ({i})"), alpha, ("background", "foreground")),
        "named": (lambda i: ("set", f"leaf ({i})_mask"), mask, ("soil", "leaf")),
    }
    for name, (place, pixels, classes) in cases.items():
        root = tmp_path / name
        for i in range(COUNT):
            folder, stem = place(i)
            photos = "set" if folder == "set" else "img"
            write(root / photos / f"leaf ({i}).png", i)
            write_mask(root / folder / f"{stem}.png", pixels)
        if name == "named":
            write_text(root / "set" / "_classes.csv", "Pixel Value, Class\n0, soil\n1, leaf\n")
        assert find_kind(root).task == "segmenter", name
        found = read_segmentation_folder(root, 0, SIZE)
        assert found.classes == classes and not found.quarantined and not found.unread, name
        assert all((each == mask).all() for each in found.masks["train"]), name
        assert (name == "larger") == ("larger mask of the same shape" in "".join(found.notes))


def test_parts_of_masks_are_those_of_image_sets(tmp_path):
    for i in range(12):
        write(tmp_path / "JPEGImages" / f"{i}.png", i)
        write_mask(tmp_path / "SegmentationClass" / f"{i}.png", np.uint8(noise(i, SIZE)[..., 0] > 127))
    for part, rows in (("train", range(8)), ("val", range(8, 11))):
        write_text(tmp_path / "ImageSets" / "Segmentation" / f"{part}.txt", "".join(f"{i}\n" for i in rows))
    found = read_segmentation_folder(tmp_path, 0, SIZE)
    assert {file for file, part in found.files.items() if part == "validation"} == {
        f"JPEGImages/{i}.png" for i in range(8, 11)
    }
    assert reasons(found) == {"JPEGImages/11.png": "in no list of ImageSets/Segmentation"}


def test_folders_of_cities_are_no_classes(tmp_path):
    mask = np.zeros(SIZE, np.uint8)
    mask[5:15] = 7
    for part in ("train", "val"):
        for i in range(COUNT):
            city = f"{part}/aachen/aachen_{i}"
            write(tmp_path / "leftImg8bit" / f"{city}_leftImg8bit.png", i + 50 * (part == "val"))
            write_mask(tmp_path / "gtFine" / f"{city}_gtFine_labelIds.png", mask)
    assert find_kind(tmp_path).task == "segmenter"
