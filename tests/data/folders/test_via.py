import json

import numpy as np
import pytest

from tests.data.folders.boxes import message, of_seed, read, write, write_text
from tests.data.noise import reasons, sizes

pytestmark = pytest.mark.usefixtures("quiet")


def region(label="dog", **shape):
    attributes = {"class": label, "sure": "yes"} if label else {}
    shape = shape or {"name": "rect", "x": 4, "y": 5, "width": 8, "height": 10}
    return {"shape_attributes": shape, "region_attributes": attributes}


def entry(name, *regions):
    return {"filename": name, "size": 99, "regions": list(regions), "file_attributes": {}}


def write_via(path, entries, is_project=False):
    content = {f"{each['filename']}99": each for each in entries}
    write_text(
        path, json.dumps({"_via_img_metadata": content, "_via_settings": {}} if is_project else content)
    )


@pytest.fixture
def via(tmp_path):
    root = tmp_path / "set"
    for i in range(20):
        write(root / "photos" / f"{i}.png", i)
    cat = region("cat", name="rect", x=0, y=0, width=40, height=5)
    write_via(root / "via_project.json", [entry(f"{i}.png", region(), cat) for i in range(20)], True)
    return root


def change(root, edit):
    path = root / "via_project.json"
    content = json.loads(path.read_text())
    edit(content["_via_img_metadata"])
    path.write_text(json.dumps(content))


def test_via(via):
    def edit(entries):
        entries["3.png99"]["regions"] = [
            region(name="polygon", all_points_x=[4, 12, 8], all_points_y=[15, 5, 10]),
            region(name="circle", cx=20, cy=10, r=5),
            region(name="ellipse", cx=20, cy=10, rx=4, ry=2),
        ]
        entries["4.png99"]["regions"] = {"0": region()}  # as version 1 has them
        entries["5.png99"]["regions"] = []
        entries["6.png99"]["regions"][0]["region_attributes"]["class"] = {"dog": True, "cat": False}

    change(via, edit)
    found = read(via)
    assert sizes(found) == [14, 3, 3] and found.classes == ("cat", "dog")
    assert not found.quarantined and not found.unread
    boxes, labels, _ = of_seed(found, 6)
    np.testing.assert_allclose(boxes, [[0.25, 0.1, 0.75, 0.3], [0, 0, 0.25, 1]])
    assert labels.tolist() == [1, 0]
    expected = [[0.25, 0.1, 0.75, 0.3], [0.25, 0.375, 0.75, 0.625], [0.4, 0.4, 0.6, 0.6]]
    np.testing.assert_allclose(of_seed(found, 3)[0], expected)
    assert len(of_seed(found, 4)[0]) == 1 and len(of_seed(found, 5)[0]) == 0


def test_regions_without_a_class_in_parts(tmp_path):
    for part, seeds in (("train", range(6)), ("val", range(6, 8))):
        for seed in seeds:
            write(tmp_path / part / f"{seed}.png", seed)
        write_via(
            tmp_path / part / "via_region_data.json", [entry(f"{seed}.png", region("")) for seed in seeds]
        )
    found = read(tmp_path)
    assert sizes(found) == [5, 2, 1] and found.classes == ("object",)
    assert found.notes[0].startswith("8 pictures whose regions have no class, taken as 'object': ")


def rect(x=4, y=5, width=8, height=10):
    return region(name="rect", x=x, y=y, width=width, height=height)


def test_ten_broken_entries(via):
    no_corner = region(name="polygon", all_points_x=[1, 2], all_points_y=[1])
    broken = [
        ([region("")], "region 1 has no class"),
        ([region(name="rect", x=4, y=5, width=8)], "region 1 has a side that is no number"),
        ([rect(x="a")], "region 1 has a side that is no number"),
        ([rect(width=60)], "region 1 has a box that reaches out of the image"),
        ([rect(width=-3)], "region 1 has a box that ends before it begins"),
        ([region(), region(name="point", cx=1, cy=2)], "region 2 is a point, which has no box"),
        ([no_corner], "region 1 is a polygon, which has no box"),
        ([{"region_attributes": {"class": "dog"}}], "region 1 has no shape"),
        (["no region"], "region 1 has no class"),
    ]

    def edit(entries):
        for number, (regions, _) in enumerate(broken):
            entries[f"{number}.png99"]["regions"] = regions
        entries |= {"a": entry("missing.png", region()), "b": {"regions": []}, "c": 7}
        entries["d"] = entry("12.png", region())

    change(via, edit)
    found = read(via)
    assert reasons(found) == {
        **{f"photos/{number}.png": f"its {reason}" for number, (_, reason) in enumerate(broken)},
        "missing.png": "the image file is missing",
        "via_project.json": "picture number 23 has no filename",
        "12.png": "the image file is listed twice; its first entry is used",
    }
    assert len(found.quarantined) == len(broken) + 4 and sum(sizes(found)) == 20 - len(broken)


@pytest.mark.parametrize(
    "text", ['{"regions": "filename"', '["regions", "filename", 1', '"regions" "filename"']
)
def test_broken_files_are_refused_in_a_line(via, text):
    write_text(via / "via_project.json", text)
    assert message(via).startswith("expected a VIA file of valid JSON, received 'via_project.json': ")
