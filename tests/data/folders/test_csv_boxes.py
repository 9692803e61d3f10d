import numpy as np
import pytest

from tests.data.folders.boxes import message, of_seed, read, write, write_text
from tests.data.noise import reasons, sizes

pytestmark = pytest.mark.usefixtures("quiet")

HEAD = "filename,width,height,class,xmin,ymin,xmax,ymax"


def rows(seeds, folder=""):
    return [
        row
        for seed in seeds
        for row in (f"{folder}{seed}.png,40,20,dog,4,5,12,15", f"{folder}{seed}.png,40,20,cat,0,0,40,5")
    ]


@pytest.fixture
def table(tmp_path):
    root = tmp_path / "set"
    for i in range(20):
        write(root / "images" / f"{i}.png", i)
    write_text(root / "labels.csv", "\n".join([HEAD, *rows(range(20))]))
    return root


def check(found):
    assert sum(sizes(found)) == 20 and found.classes == ("cat", "dog") and not found.quarantined
    boxes, labels, _ = of_seed(found, 3)
    np.testing.assert_allclose(boxes, [[0.25, 0.1, 0.75, 0.3], [0, 0, 0.25, 1]])
    assert labels.tolist() == [1, 0]


def test_csv(table):
    found = read(table)
    check(found)
    assert sizes(found) == [14, 3, 3] and found.notes == found.unread == ()


def of_all(line, dog, cat):
    """A line for the boxes of each picture."""
    return [line.format(i=i, thing=thing) for i in range(20) for thing in (dog, cat)]


def of_model_maker():
    parts = ["TRAIN"] * 12 + ["VALIDATE"] * 4 + ["TEST"] * 4
    things = "dog,0.1,0.25,,,0.3,0.75,,", "cat,0,0,,,1,0.25,,"
    return [f"{part},gs://cloud/{i}.png,{thing}" for i, part in enumerate(parts) for thing in things]


@pytest.mark.parametrize(
    "lines",
    [
        ["image;label;x1;y1;x2;y2", *of_all("{i}.png;{thing}", "dog;4;5;12;15", "cat;0;0;40;5")],
        [
            "ImageID,LabelName,XMin,XMax,YMin,YMax",
            *of_all("{i},{thing}", "dog,0.1,0.3,0.25,0.75", "cat,0,1,0,0.25"),
        ],
        of_model_maker(),
        of_all("/home/me/images/{i}.png,{thing}", "4,5,12,15,dog", "0,0,40,5,cat"),
    ],
    ids=["names", "open images", "model maker", "retinanet"],
)
def test_tables_as_other_programs_write_them(table, lines, request):
    write_text(table / "labels.csv", "\r\n".join(lines))
    found = read(table)
    check(found)
    assert sizes(found) == ([12, 4, 4] if "model maker" in request.node.name else [14, 3, 3])


def test_a_table_a_part(tmp_path):
    for part, seeds in (("train", range(6)), ("test", range(6, 8))):
        for seed in seeds:
            write(tmp_path / "images" / part / f"{seed}.png", seed)
        write_text(tmp_path / "data" / f"{part}_labels.csv", "\n".join([HEAD, *rows(seeds)]))
    assert sizes(read(tmp_path)) == [5, 1, 2]
    for part in ("train", "test"):
        (tmp_path / "data" / f"{part}_labels.csv").rename(tmp_path / "images" / part / "_annotations.csv")
    assert sizes(read(tmp_path)) == [5, 1, 2]


def test_ten_broken_rows(table):
    broken = {
        "0.png,40,20,dog,4,5,12": "row in line 42 of labels.csv has 7 cells for 8 columns",
        "1.png,40,20,dog,4,5,12,15,7": "row in line 43 of labels.csv has 9 cells for 8 columns",
        "2.png,40,20,,4,5,12,15": "row in line 44 of labels.csv has no class",
        "3.png,40,20,dog,a,5,12,15": "row in line 45 of labels.csv has a side that is no number",
        "4.png,40,20,dog,,5,12,15": "row in line 46 of labels.csv has a side that is no number",
        "5.png,40,20,dog,nan,5,12,15": "row in line 47 of labels.csv has a side that is no number",
        "6.png,40,20,dog,4,5,inf,15": "box in line 48 has a box with a side that is no finite number",
        "7.png,40,20,dog,4,5,60,15": "box in line 49 has a box that reaches out of the image",
        "8.png,40,20,dog,12,5,4,15": "box in line 50 has a box that ends before it begins",
    }
    more = ["missing.png,40,20,dog,4,5,12,15"] * 2 + [",40,20,dog,4,5,12,15", "9.png,40,20,dog,4,5,4,15"]
    write_text(table / "labels.csv", "\n".join([HEAD, *rows(range(20)), *broken, *more]))
    found = read(table)
    assert reasons(found) == {
        **{f"images/{number}.png": f"its {reason}" for number, reason in enumerate(broken.values())},
        "missing.png": "the image file is missing",
        "labels.csv:53": "the image file is missing",
    }
    assert len(found.quarantined) == len(broken) + 2 and sum(sizes(found)) == 20 - len(broken)
    assert found.notes == ("1 picture with a box of no area, which is left out: images/9.png",)


def test_pictures_that_a_table_gives_no_box(table):
    text = "\n".join([HEAD, *rows(range(19)), "19.png,40,20,,,,,"])
    write_text(table / "labels.csv", text)
    assert len(of_seed(read(table), 19)[0]) == 0


def test_a_table_of_other_columns_is_none(table):
    write_text(table / "labels.csv", "filename,class\n0.png,dog")
    assert message(table).startswith("expected ")
