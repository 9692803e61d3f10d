import numpy as np
import pytest

from tests.data.folders.boxes import message, of_seed, read, write, write_text
from tests.data.noise import reasons, sizes

pytestmark = pytest.mark.usefixtures("quiet")

SIZE_40_20 = "<size><width>40</width><height>20</height><depth>3</depth></size>"


def thing(name="dog", box=(4, 5, 12, 15), difficult=0):
    sides = "".join(
        f"<{side}>{value}</{side}>" for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>{sides}</bndbox></object>"


def xml(*things, size=SIZE_40_20):
    return f"<annotation><filename>other.jpg</filename>{size}{''.join(things)}</annotation>"


@pytest.fixture
def voc(tmp_path):
    root = tmp_path / "voc"
    for i in range(20):
        write(root / "JPEGImages" / f"{i}.png", i)
        write_text(root / "Annotations" / f"{i}.xml", xml(thing(), thing("car 2", (0, 0, 40, 5), i % 2)))
    return root


def test_voc(voc):
    found = read(voc)
    assert sizes(found) == [14, 3, 3] and found.classes == ("car 2", "dog")
    assert not found.quarantined and found.notes == found.unread == ()
    boxes, labels, is_crowd = of_seed(found, 3)
    np.testing.assert_allclose(boxes, [[0.25, 0.1, 0.75, 0.3], [0, 0, 0.25, 1]])
    assert labels.tolist() == [1, 0] and is_crowd.tolist() == [False, True]
    assert of_seed(found, 4)[2].tolist() == [False, False]


@pytest.mark.parametrize(
    "text",
    [
        xml(thing(box=("4.0", "5,0", " 12 ", "15")), size=""),
        xml(thing(), size="<size><width>0</width><height>0</height></size>"),
        '\ufeff<?xml version="1.0" encoding="UTF-8"?>\r\n' + xml(thing()).replace("><", ">\r\n<"),
    ],
)
def test_annotations_as_other_programs_write_them(voc, text):
    (voc / "Annotations" / "3.xml").rename(voc / "Annotations" / "3.XML")
    (voc / "Annotations" / "3.XML").write_bytes(text.encode("utf-8"))
    found = read(voc)
    np.testing.assert_allclose(of_seed(found, 3)[0], [[0.25, 0.1, 0.75, 0.3]])
    assert not found.quarantined


def test_names_in_the_encoding_of_a_windows_editor(voc):
    (voc / "Annotations" / "3.xml").write_bytes(xml(thing("Bär")).encode("cp1252"))
    assert read(voc).classes == ("Bär", "car 2", "dog")


def test_what_is_set_aside(voc):
    for name, text in {
        "0": xml(thing(box=(12, 5, 4, 15))),
        "1": xml(thing(box=(4, "x", 12, 15))),
        "2": xml(thing(), "<object><name>dog</name></object>"),
        "3": xml(thing(name=" ")),
        "4": xml(thing(), size="<size><width>80</width><height>20</height></size>"),
        "5": "<annotation>",
        "6": xml(),
        "alone": xml(thing()),
    }.items():
        write_text(voc / "Annotations" / f"{name}.xml", text)
    (voc / "Annotations" / "7.xml").unlink()
    write_text(voc / "test.csv", "a")
    found = read(voc)
    assert reasons(found) == {
        "JPEGImages/0.png": "its object number 1 has a box that ends before it begins",
        "JPEGImages/1.png": "its object number 1 has no bndbox of four numbers",
        "JPEGImages/2.png": "its object number 2 has no bndbox of four numbers",
        "JPEGImages/3.png": "its object number 1 has no name",
        "JPEGImages/4.png": "40 x 20 pixels upright, but its annotations say 80 x 20",
        "JPEGImages/5.png": "its annotation file 5.xml is no XML (no element found: line 1, column 12)",
        "Annotations/alone.xml": "no image for it",
        "JPEGImages/7.png": "no annotation file for it",
    }
    assert found.notes == (
        "1 picture with an annotation file of no object, taken as background: JPEGImages/6.png",
    )
    assert found.unread == ("test.csv",)


def test_ten_broken_files(voc):
    not_read = "its annotation file NAME cannot be read: which is "
    broken = {
        b"": "its annotation file NAME is no XML (no element found: line 1, column 0)",
        b"<annotation><object>": "its annotation file NAME is no XML (no element found: line 1, column 20)",
        b"\x1f\x8b\x08": f"{not_read}compressed (gzip); unpack it",
        b"PK\x03\x04": f"{not_read}a spreadsheet (XLSX) or another ZIP file; save it as CSV in UTF-8",
        b"<a>\0\0</a>": "its annotation file NAME cannot be read: with a zero byte (the first is "
        "number 4), so it is no text; save it in UTF-8",
        b'{"shapes": []}': "its annotation file NAME is no XML (not well-formed (invalid token): line 1, "
        "column 0)",
        xml(thing(box=("nan", 5, 12, 15))).encode(): "its object number 1 has no bndbox of four numbers",
        xml(thing(box=("inf", 5, 12, 15))).encode(): "its object number 1 has a box with a side that is no "
        "finite number",
        xml(
            thing(box=(4, 5, 400, 15))
        ).encode(): "its object number 1 has a box that reaches out of the image",
        xml(thing(box=(4, 15, 12, 5))).encode(): "its object number 1 has a box that ends before it begins",
        xml(thing(name="")).encode(): "its object number 1 has no name",
    }
    for number, content in enumerate(broken):
        (voc / "Annotations" / f"{number}.xml").write_bytes(content)
    found = read(voc)
    assert reasons(found) == {
        f"JPEGImages/{number}.png": reason.replace("NAME", f"{number}.xml")
        for number, reason in enumerate(broken.values())
    }
    assert sum(sizes(found)) == 20 - len(broken) and not found.unread


def test_the_lists_of_voc_divide_the_pictures(voc):
    lists = {"train": range(12), "val": range(12, 15), "test": range(15, 18), "trainval": range(15)}
    for name, stems in lists.items():
        write_text(voc / "ImageSets" / "Main" / f"{name}.txt", "\n".join(f"{stem}  1" for stem in stems))
    found = read(voc)
    assert sizes(found) == [12, 3, 3] and found.files["JPEGImages/13.png"] == "validation"
    assert reasons(found) == dict.fromkeys(
        ("JPEGImages/18.png", "JPEGImages/19.png"), "in no list of ImageSets/Main"
    )
    assert found.unread == ("ImageSets/Main/trainval.txt",)


def test_parts_with_pictures_and_annotations_side_by_side(tmp_path):
    for part, seeds in (("train", range(6)), ("valid", range(6, 8))):
        for seed in seeds:
            write(tmp_path / part / f"{seed}.png", seed)
            write_text(tmp_path / part / f"{seed}.xml", xml(thing()))
    found = read(tmp_path)
    assert sizes(found) == [5, 2, 1] and not found.quarantined and found.unread == ()


def test_annotations_of_no_object_are_refused(voc):
    for i in range(20):
        write_text(voc / "Annotations" / f"{i}.xml", xml())
    assert message(voc).startswith(
        "expected boxes in the train pictures of 'ROOT', received none in 14 pictures (20 pictures with an "
        "annotation file of no object, taken as background: JPEGImages/0.png, "
    )
