import json

import numpy as np
import pytest

from tests.data.folders.boxes import of_seed, read, write, write_text
from tests.data.noise import reasons, sizes

pytestmark = pytest.mark.usefixtures("quiet")


def shape(kind="rectangle", points=((4, 5), (12, 15)), label="dog"):
    return {"label": label, "points": [list(point) for point in points], "shape_type": kind}


def text(*shapes, height=20, width=40, **more):
    content = {"version": "5.0", "shapes": list(shapes), "imagePath": "x.png"}
    return json.dumps(content | {"imageHeight": height, "imageWidth": width} | more)


@pytest.fixture
def labelme(tmp_path):
    for i in range(20):
        write(tmp_path / "set" / f"{i}.png", i)
        write_text(
            tmp_path / "set" / f"{i}.json", text(shape(), shape(label="cat", points=((40, 0), (0, 5))))
        )
    return tmp_path / "set"


def test_labelme(labelme):
    polygon = shape("polygon", ((4, 15), (12, 5), (8, 10)))
    write_text(labelme / "3.json", text(polygon, shape("circle", ((20, 10), (23, 14)), "cat")))
    write_text(labelme / "4.json", text(shape(), shape("point", ((3, 3),)), shape("line", ((3, 3), (9, 9)))))
    write_text(labelme / "5.json", text())
    found = read(labelme)
    assert sizes(found) == [14, 3, 3] and found.classes == ("cat", "dog")
    assert not found.quarantined and not found.unread
    boxes, labels, _ = of_seed(found, 2)
    np.testing.assert_allclose(boxes, [[0.25, 0.1, 0.75, 0.3], [0, 0, 0.25, 1]])
    assert labels.tolist() == [1, 0]
    np.testing.assert_allclose(of_seed(found, 3)[0], [[0.25, 0.1, 0.75, 0.3], [0.25, 0.375, 0.75, 0.625]])
    assert len(of_seed(found, 4)[0]) == 1 and len(of_seed(found, 5)[0]) == 0
    assert set(found.notes) == {
        "1 picture with circles or ellipses, of which the box around each is taken: 3.png",
        "1 picture with polygons, of which the box around each is taken: 3.png",
        "1 picture with a box of no area, which is left out: 4.png",
        "1 picture without an annotation, taken as background: 5.png",
    }


def test_pictures_and_json_in_folders_of_their_own_and_in_parts(tmp_path):
    for part, seeds in (("train", range(6)), ("val", range(6, 8))):
        for seed in seeds:
            write(tmp_path / part / "images" / f"{seed}.png", seed)
            write_text(tmp_path / part / "labels" / f"{seed}.json", text(shape()))
    found = read(tmp_path)
    assert sizes(found) == [5, 2, 1] and not found.quarantined and not found.unread


def test_ten_broken_files(labelme):
    broken = {
        "{": "its annotation file NAME is no JSON (Expecting property name enclosed in double quotes: line 1 "
        "column 2 (char 1))",
        "": "its annotation file NAME is no JSON (Expecting value: line 1 column 1 (char 0))",
        "[1]": "its annotation file NAME has no list of shapes",
        '{"shapes": 3}': "its annotation file NAME has no list of shapes",
        text("no shape"): "its shape number 1 is no shape",
        text(shape(), {"points": [[0, 0], [1, 1]]}): "its shape number 2 has no label",
        text(shape(points=((1, 2, 3),))): "its shape number 1 has no points of x and y",
        text(shape(points=(("a", 2), (3, 4)))): "its shape number 1 has a side that is no number",
        text(shape("polygon", ((1, 2), (3, 4)))): "its shape number 1 is a polygon of 2 points",
        text(shape(points=((30, 5), (80, 15)))): "its shape number 1 has a box that reaches out of the image",
        text(shape(), width=80): "40 x 20 pixels upright, but its annotations say 80 x 20",
    }
    for number, content in enumerate(broken):
        write_text(labelme / f"{number}.json", content)
    found = read(labelme)
    assert reasons(found) == {
        f"{number}.png": reason.replace("NAME", f"{number}.json")
        for number, reason in enumerate(broken.values())
    }
    assert sum(sizes(found)) == 20 - len(broken) and not found.unread
