"""Masks of every kind that people have, as one folder with its labels."""

import json

import numpy as np
import pytest
from PIL import Image

from suite.data.sets.segmentation_sets import IGNORED, load, read_segmentation_folder
from suite.data.source import Source
from tests.data.noise import noise, reasons, sizes

pytestmark = pytest.mark.usefixtures("quiet")

SIZE = (12, 16)
COLORS = np.array([(0, 0, 0), (0, 176, 0), (255, 0, 0)], np.uint8)
LIST = "0 0 0 background\n0 176 0 leaf\n255 0 0 spot\n"


def labels(seed, num_classes=3):
    return np.random.default_rng(seed).integers(0, num_classes, SIZE, dtype=np.uint8)


def read(root, **options):
    return read_segmentation_folder(root, 0, SIZE, **options)


def check(found, num_classes=3, count=8, expected=lambda labels: labels):
    assert sum(sizes(found)) == count and not found.quarantined, found.quarantined
    for part, images in found.images.items():
        for image, mask in zip(images, found.masks[part], strict=True):
            [seed] = [seed for seed in range(count) if (noise(seed, SIZE) == image).all()]
            np.testing.assert_array_equal(mask, expected(labels(seed, num_classes)))


def save(root, name, image):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    image.save(root / name)


def make(root, images, masks, image_of, count=8, num_classes=3):
    for seed in range(count):
        save(root, images.format(seed), Image.fromarray(noise(seed, SIZE)))
        save(root, masks.format(seed), image_of(labels(seed, num_classes)))


def indices(values):
    return Image.fromarray(values)


def colored(values):
    return Image.fromarray(COLORS[values])


def black_and_white(values):
    return Image.fromarray(values * np.uint8(255))


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images/{}.png", "masks/{}.png"),
        ("image/{}.png", "label/{}.png"),
        ("JPEGImages/{}.png", "SegmentationClass/{}.png"),
        ("train/{}.png", "trainannot/{}.png"),
        ("images/train/{}.png", "annotations/train/{}_mask.png"),
        ("training/images/{}_training.png", "training/1st_manual/{}_manual1.png"),
        ("701_raw/a_{}.png", "labeled/a_{}_L.png"),
        ("{}.png", "{}_mask.png"),
        ("photos/{}.png", "photos/mask_{}.png"),
        ("images/{}.png", "masks/{}.tif"),
        ("images/{}.png", "masks/{}.bmp"),
        ("images/{}.png", "masks/{}.png.png"),
    ],
)
def test_masks_wherever_they_lie(tmp_path, images, masks):
    make(tmp_path, images, masks, indices)
    found = read(tmp_path)
    check(found)
    assert found.classes == ("background", "class 1", "class 2") and not found.unread and not found.notes


def test_beside_the_field_of_view_the_manual_mask_counts(tmp_path):
    make(tmp_path, "images/{}_test.png", "1st_manual/{}_manual1.gif", black_and_white, num_classes=2)
    for seed in range(8):
        save(tmp_path, f"mask/{seed}_test_mask.gif", Image.fromarray(np.full(SIZE, 255, np.uint8)))
    check(read(tmp_path), num_classes=2)


@pytest.mark.parametrize(
    ("masks", "image_of"),
    [
        ("masks/{}.png", black_and_white),
        ("masks/{}.gif", black_and_white),
        ("masks/{}.png", lambda values: black_and_white(values).convert("1")),
        ("masks/{}.tif", lambda values: black_and_white(values).convert("1")),
        ("masks/{}.png", lambda values: black_and_white(values).convert("RGB")),
        ("masks/{}.png", lambda values: black_and_white(values).convert("RGBA")),
        ("masks/{}.png", lambda values: Image.fromarray(values.astype(np.uint16) * np.uint16(65535))),
        ("masks/{}.gif", lambda values: Image.fromarray(values).convert("P")),
    ],
)
def test_black_and_white(tmp_path, masks, image_of):
    make(tmp_path, "images/{}.png", masks, image_of, num_classes=2)
    found = read(tmp_path)
    check(found, num_classes=2)
    assert len(found.classes) == 2 and found.classes[0] == "background"


def test_one_name_is_that_of_white(tmp_path):
    make(tmp_path, "images/{}.png", "masks/{}.png", black_and_white, num_classes=2)
    (tmp_path / "classes.txt").write_text("vessel\n")
    found = read(tmp_path)
    check(found, num_classes=2)
    assert found.classes == ("background", "vessel")


def test_black_and_white_in_jpeg(tmp_path):
    square = np.zeros(SIZE, np.uint8)
    square[:8, :8] = 255
    for seed in range(8):
        save(tmp_path, f"images/{seed}.png", Image.fromarray(noise(seed, SIZE)))
        save(tmp_path, f"masks/{seed}.jpg", Image.fromarray(square if seed else square * 0))
    found = read(tmp_path)
    assert sum(sizes(found)) == 8 and found.classes == ("background", "foreground")
    assert sum((mask == square // 255).all() for masks in found.masks.values() for mask in masks) == 7
    assert found.notes[0].startswith("8 pictures with a mask in JPEG, whose grays are taken for black")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", LIST),
        ("masks/label_colors.txt", LIST),
        ("info.json", json.dumps({"colors": COLORS.tolist(), "class_names": ["background", "leaf", "spot"]})),
    ],
)
def test_colors_with_a_list(tmp_path, name, text):
    make(tmp_path, "images/{}.png", "masks/{}.png", colored)
    save(tmp_path, "images/8.png", Image.fromarray(noise(8, SIZE)))
    save(
        tmp_path,
        "masks/8.png",
        Image.fromarray(COLORS[labels(8)]).convert("P", palette=Image.Palette.ADAPTIVE),
    )
    (tmp_path / name).write_text(text)
    found = read(tmp_path)
    check(found, count=9)
    assert found.classes == ("background", "leaf", "spot") and not found.notes and not found.unread
    save(tmp_path, "masks/3.png", Image.fromarray(COLORS[labels(3)] + np.uint8(1)))
    listed = name.split("/")[-1]
    assert reasons(read(tmp_path)) == {
        "images/3.png": f"its mask has the color #01b101, which {listed} does not list"
    }


def test_colors_that_are_found(tmp_path):
    make(tmp_path, "images/{}.png", "masks/{}.gif", colored)
    save(tmp_path, "masks/0.gif", Image.fromarray(np.zeros((*SIZE, 3), np.uint8)))
    found = read(tmp_path)
    assert found.classes == ("background", "#00b000", "#ff0000") and sum(sizes(found)) == 8
    assert found.notes == (
        "masks are 3 colors, #000000, #00b000, #ff0000; name them in classes.txt, a line each, as "
        "'255 0 0 leaf'",
    )


def test_smoothed_colors_are_refused_one_by_one_or_together(tmp_path):
    make(tmp_path, "images/{}.png", "masks/{}.png", colored)
    save(tmp_path, "masks/3.png", Image.fromarray(noise(3, SIZE)))
    assert reasons(read(tmp_path)) == {
        "images/3.png": "its mask has 192 colors, as photos or smoothed masks have; save it with an exact "
        "color or a class index for each class"
    }
    for seed in range(8):
        few = noise(seed, SIZE)
        few[3:] = 0
        save(tmp_path, f"masks/{seed}.png", Image.fromarray(few))
    with pytest.raises(
        ValueError, match=r"^expected at most 64 colors in masks without a list of them, received 3"
    ):
        read(tmp_path)


def test_gray_levels(tmp_path):
    make(tmp_path, "images/{}.png", "masks/{}.png", lambda values: Image.fromarray(values * np.uint8(127)))
    found = read(tmp_path)
    check(found)
    assert found.classes == ("background", "gray 127", "gray 254")
    assert found.notes == ("masks are 3 gray levels, 0, 127, 254",)


def test_a_class_named_void_is_none(tmp_path):
    make(tmp_path, "images/{}.png", "masks/{}.png", colored)
    (tmp_path / "classes.txt").write_text(LIST.replace("background", "Void"))
    found = read(tmp_path)
    check(found, expected=lambda values: np.array([IGNORED, 0, 1])[values])
    assert found.classes == ("leaf", "spot") and found.notes == ("pixels of 'Void' are ignored",)


@pytest.mark.parametrize("ignore", ["spot", "SPOT ", "2"])
def test_classes_that_are_ignored(tmp_path, ignore):
    make(tmp_path, "images/{}.png", "masks/{}.png", indices)
    (tmp_path / "classes.txt").write_text("background\nleaf\nspot\nstem\n")
    found = read(tmp_path, ignore=[ignore])
    check(found, expected=lambda values: np.array([0, 1, IGNORED])[values])
    assert found.classes == ("background", "leaf")
    assert found.notes == ("1 class without a pixel, left out: 'stem'", "pixels of 'spot' are ignored")


@pytest.mark.parametrize("ignore", ["#ff0000", "255,0,0"])
def test_colors_that_are_ignored(tmp_path, ignore):
    make(tmp_path, "images/{}.png", "masks/{}.png", colored)
    check(read(tmp_path, ignore=[ignore]), expected=lambda values: np.array([0, 1, IGNORED])[values])


def test_what_cannot_be_ignored(tmp_path):
    make(tmp_path, "images/{}.png", "masks/{}.png", indices)
    with pytest.raises(
        ValueError, match=r"^expected ignore to name classes or values of the masks, received 'x'; "
    ):
        read(tmp_path, ignore=["x"])
    with pytest.raises(
        ValueError, match=r"^expected pixels of at least two classes in the masks of .* 'class 1' alone"
    ):
        read(tmp_path, ignore=["0", "2"])


def test_pictures_and_masks_that_lie_in_files(tmp_path):
    make(tmp_path / "set", "images/{}.png", "masks/{}.png", colored)
    found, plain = read(tmp_path / "set", work=tmp_path), read(tmp_path / "set")
    for part in plain.images:
        assert not isinstance(found.images[part], np.ndarray) and not isinstance(
            found.masks[part], np.ndarray
        )
        np.testing.assert_array_equal(found.images[part], plain.images[part])
        np.testing.assert_array_equal(found.masks[part], plain.masks[part])
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_all_problems_are_told_at_once(tmp_path):
    make(
        tmp_path,
        "images/{}.png",
        "masks/{}.png",
        lambda values: Image.fromarray(values * np.uint8(100) + np.uint8(3)),
    )
    save(tmp_path, "masks/3.png", Image.fromarray(np.arange(192, dtype=np.uint8).reshape(SIZE)))
    save(tmp_path, "images/alone.png", Image.fromarray(noise(9, SIZE)))
    with pytest.raises(ValueError, match="^expected at most 64 classes") as raised:
        load(Source.parse(tmp_path), 0, SIZE)
    assert str(raised.value).endswith("(1 set aside, as 'images/alone.png': no mask alone.png for it)")
