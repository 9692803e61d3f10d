from collections import Counter

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from suite.data.sets.segmentation_sets import IGNORED, load, read_segmentation_folder
from suite.data.source import Source
from tests.data.noise import noise, reasons, sizes

SIZE = (12, 16)


pytestmark = pytest.mark.usefixtures("quiet")


def mask(seed, size=SIZE, num_classes=3):
    return np.random.default_rng(seed).integers(0, num_classes, size, dtype=np.uint8)


def save(path, values, mode=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values)
    if mode == "P":
        image.putpalette(list(np.random.default_rng(0).integers(0, 256, 768)))  # values stay indices
    image.save(path, **options)


def write(root, name, seed, values=None, images="images", masks="masks", mode=None):
    save(root / images / f"{name}.png", noise(seed, SIZE))
    save(root / masks / f"{name}.png", mask(seed) if values is None else values, mode)


@pytest.fixture
def root(tmp_path):
    for i in range(20):
        write(tmp_path / "set", f"{i}", i)
    return tmp_path / "set"


def read(root, seed=0, size=SIZE):
    return read_segmentation_folder(root, seed, size)


def test_a_folder_is_split_and_every_mask_stays_with_its_image(root):
    found = read(root)
    assert sizes(found) == [14, 3, 3]
    assert found.classes == ("background", "class 1", "class 2")
    seen = []
    for part in found.images:
        assert found.images[part].shape[1:] == (*SIZE, 3) and found.masks[part].shape[1:] == SIZE
        assert found.images[part].dtype == found.masks[part].dtype == np.uint8
        for image, labels in zip(found.images[part], found.masks[part], strict=True):
            [seed] = [seed for seed in range(20) if (noise(seed, SIZE) == image).all()]
            np.testing.assert_array_equal(labels, mask(seed))
            seen.append(seed)
    assert sorted(seen) == list(range(20))
    described = found.describe()
    assert Counter(described.pop("files").values()) == {"train": 14, "validation": 3, "test": 3}
    assert described == {
        "source": str(root),
        "classes": ["background", "class 1", "class 2"],
        "train": 14,
        "validation": 3,
        "test": 3,
        "quarantined": [],
    }


def test_the_split_is_a_function_of_the_seed(root):
    a, b, c = read(root, 3), read(root, 3), read(root, 4)
    np.testing.assert_array_equal(a.images["test"], b.images["test"])
    assert (a.images["test"] != c.images["test"]).any()


def test_images_are_stretched_bilinearly_and_masks_to_the_nearest(root):
    found = read(root, size=(24, 8))
    assert found.images["train"].shape == (14, 24, 8, 3)
    assert set(np.unique(found.masks["train"])) == {0, 1, 2}


def test_palette_masks_with_void_pixels(root):
    values = mask(50)
    values[:3] = IGNORED
    write(root, "voc", 50, values, mode="P")
    (root / "classes.txt").write_text("sky\nground\n\ntree\n")
    found = read(root)
    assert found.classes == ("sky", "ground", "tree") and not found.quarantined
    assert any((labels == values).all() for part in found.masks.values() for labels in part)


def test_black_and_white_masks(tmp_path):
    for i in range(8):
        write(tmp_path, f"{i}", i, mask(i, num_classes=2) * np.uint8(255))
    write(tmp_path, "bits", 8, mask(8, num_classes=2) > 0)
    write(tmp_path, "all white", 9, np.full(SIZE, 255, np.uint8))
    found = read(tmp_path)
    assert found.classes == ("background", "foreground") and not found.quarantined
    assert {int(value) for part in found.masks.values() for value in np.unique(part)} == {0, 1}
    (tmp_path / "classes.txt").write_text("a\nb\nc")
    assert reasons(read(tmp_path))["images/all white.png"] == "its mask has only ignored pixels (255)"


@pytest.mark.parametrize("layout", ["{part}/{kind}", "{kind}/{part}"])
def test_given_parts(tmp_path, layout):
    def folder(part, kind):
        return layout.format(part=part, kind=kind)

    for part, count in (("train", 6), ("val", 2)):
        for i in range(count):
            seed = len(part) * 10 + i
            write(tmp_path, f"{i}", seed, images=folder(part, "images"), masks=folder(part, "masks"))
    assert sizes(read(tmp_path)) == [5, 2, 1]
    write(tmp_path, "x", 90, images=folder("test", "images"), masks=folder("test", "masks"))
    found = read(tmp_path)
    assert sizes(found) == [6, 2, 1]
    np.testing.assert_array_equal(found.images["test"][0], noise(90, SIZE))
    twin = (tmp_path / folder("test", "images") / "x.png").read_bytes()
    (tmp_path / folder("train", "images") / "0.png").write_bytes(twin)
    assert reasons(read(tmp_path)) == {
        f"{folder('train', 'images')}/0.png": "the same picture as "
        f"'{folder('test', 'images')}/x.png', which is kept for test"
    }


def test_copies_stay_together(root):
    for i in range(12):
        write(root, f"copy of {i}", i)
    for seed in range(5):
        found = read(root, seed)
        assert sum(sizes(found)) == 32
        digests = [{image.tobytes() for image in part} for part in found.images.values()]
        assert sum(map(len, digests)) == 20


def test_what_has_to_be_set_aside(root):
    mend = "save it as a PNG with a palette or in gray whose values are the class indices"
    exact = "as photos or smoothed masks have; save it with an exact color or a class index for each class"
    save(root / "images" / "alone.png", noise(60, SIZE))
    save(root / "masks" / "lonely.png", mask(61))
    write(root, "colors", 62, noise(62, SIZE))
    write(root, "see through", 63, np.dstack([noise(63, SIZE), mask(63)]))
    write(root, "small", 64, mask(64, (6, 8)))
    write(root, "void", 65, np.full(SIZE, 255, np.uint8))
    write(root, "beyond", 66, mask(66) + np.uint8(3))
    write(root, "deep", 67, mask(67).astype(np.uint16) + np.uint16(300))
    save(root / "images" / "lossy.png", noise(68, SIZE))
    save(root / "masks" / "lossy.jpg", mask(68))
    save(root / "images" / "scan.png", noise(69, SIZE))
    save(root / "masks" / "scan.tif", mask(69))
    write(root, "broken mask", 70)
    (root / "masks" / "broken mask.png").write_bytes(b"\x89PNG but not really")
    write(root, "broken", 71)
    (root / "images" / "broken.png").write_bytes((root / "images" / "0.png").read_bytes()[:200])
    (root / "images" / "folder").mkdir()
    (root / "images" / ".hidden").write_text("x")
    (root / "classes.txt").write_text("a\nb\nc\nd\n")
    found = read(root)
    assert sum(sizes(found)) == 21
    assert reasons(found) == {
        "images/alone.png": "no mask alone.png for it",
        "masks/lonely.png": "no image for it",
        "images/colors.png": f"its mask has 192 colors, {exact}",
        "images/see through.png": f"its mask has 192 colors, {exact}",
        "images/small.png": "16 x 12 pixels upright, but its mask is 8 x 6; "
        "save the mask at the size of the image",
        "images/void.png": "its mask has only ignored pixels (255)",
        "images/beyond.png": "its mask has class 5, but classes.txt names 4 (0 to 3)",
        "images/deep.png": "its mask has values up to 302; class indices are at most 254",
        "images/lossy.png": f"its mask is a JPEG, which changes labels; {mend}",
        "images/broken mask.png": f"its mask cannot be decoded; {mend}",
        "images/broken.png": "truncated",
        "images/folder": "a folder, where a file is expected",
    }
    assert [entry.file for entry in found.quarantined] == sorted(reasons(found))


def test_gray_masks_of_4_bits_are_not_misread(root):
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = SIZE
    rows = b"".join(b"\0" + b"\x12" * (width // 2) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 4, 0, 0, 0, 0)
    write(root, "4 bits", 72)
    (root / "masks" / "4 bits.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    assert reasons(read(root)) == {
        "images/4 bits.png": "its mask is gray of 2 or 4 bits; save it in gray of 8 bits or with a palette"
    }


def test_sizes_are_compared_upright(root):
    for name, shape in (("upright", SIZE), ("raw", SIZE[::-1])):
        exif = Image.Exif()
        exif[0x0112] = 6
        save(root / "images" / f"{name}.jpg", noise(80 + len(name), SIZE[::-1]), exif=exif)
        save(root / "masks" / f"{name}.png", mask(80, shape))
    found = read(root)
    assert reasons(found) == {
        "images/raw.jpg": "16 x 12 pixels upright, but its mask is 12 x 16; "
        "save the mask at the size of the image"
    }


def test_smoothed_masks_are_an_error(root):
    write(root, "smooth", 90, np.full(SIZE, 200, np.uint8))
    with pytest.raises(ValueError, match="^expected ") as raised:
        read(root)
    assert str(raised.value) == (
        "expected at most 64 classes in masks without a classes.txt, received the class index 200; name the "
        "classes in classes.txt, or save masks without smoothing"
    )


def message(root):
    with pytest.raises(ValueError, match="^expected ") as raised:
        load(Source.parse(root), 0, SIZE)
    assert "\n" not in str(raised.value)
    return str(raised.value).replace(str(root), "ROOT")


def test_folders_that_are_none(tmp_path):
    expected = "expected a folder with images/ and masks/, received 'ROOT'"
    assert message(tmp_path / "no") == f"{expected}, which does not exist; check the path"
    (tmp_path / "file").write_text("x")
    assert message(tmp_path / "file") == f"{expected}, which is a file; check the path"
    (tmp_path / "empty").mkdir()
    assert message(tmp_path / "empty") == f"{expected}, which is empty; put them in it"
    for i in range(8):
        (tmp_path / "other" / f"{i}").mkdir(parents=True)
    assert message(tmp_path / "other") == (
        "expected images/ and masks/ in 'ROOT', received 0/, 1/, 2/, 3/, 4/, 5/ and 2 more; put the pictures "
        "in images/ and the mask of each, a PNG of the same name, in masks/"
    )


def test_too_few_are_an_error(tmp_path):
    for i in range(6):
        write(tmp_path, f"{i}", i)
    needed = "expected at least 5 for train, 1 for validation, 1 for test usable pictures in 'ROOT', received"
    assert message(tmp_path) == f"{needed} 4 for train, 1 for validation, 1 for test; add pictures"
    save(tmp_path / "images" / "alone.png", noise(60, SIZE))
    assert message(tmp_path) == (
        f"{needed} 4 for train, 1 for validation, 1 for test (1 set aside, as 'images/alone.png': no mask "
        "alone.png for it); mend those or add others"
    )
    write(tmp_path, "6", 6)
    assert sizes(read(tmp_path)) == [5, 1, 1]


def test_pets():
    with tfds.testing.mock_data(num_examples=20):
        found = load(Source.parse("tfds"), 0, SIZE)
    assert sizes(found) == [18, 2, 20]
    assert found.classes == ("background", "pet") and found.source == "oxford_iiit_pet"
    assert set(np.unique(found.masks["train"])) <= {0, 1, IGNORED}
    assert found.images["test"].shape == (20, *SIZE, 3)


def test_the_trimaps_of_pets():
    trimap = np.array([[1, 2, 3, 1]], np.uint8).repeat(2, 0)[..., None]

    def as_dataset(self, *args, **kwargs):
        import tensorflow as tf

        one = {"image": np.zeros((2, 4, 3), np.uint8), "segmentation_mask": trimap}
        return tf.data.Dataset.from_tensors(one).repeat(10).apply(tf.data.experimental.assert_cardinality(10))

    with tfds.testing.mock_data(num_examples=10, as_dataset_fn=as_dataset):
        found = load(Source.parse("tfds"), 0, (2, 4))
    np.testing.assert_array_equal(found.masks["test"][0], [[1, 0, IGNORED, 1]] * 2)


def test_pets_that_cannot_be_had(monkeypatch):
    def offline(*args, **kwargs):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(tfds, "builder", offline)
    with pytest.raises(ValueError, match="^expected ") as raised:
        load(Source.parse("tfds"), 0, SIZE)
    assert str(raised.value) == (
        "expected the TFDS set 'oxford_iiit_pet' under TFDS_DATA_DIR or a network to download it from, "
        "received no route; or give the path of your own folder"
    )


def test_another_tfds_set_is_refused():
    with pytest.raises(ValueError, match="^expected --data tfds, which is oxford_iiit_pet, received"):
        load(Source.parse("tfds:x"), 0, SIZE)


def test_masks_are_found_in_any_case_and_what_nobody_reads_is_listed(tmp_path):
    for index, (image, name) in enumerate(
        [("0.JPG", "0.PNG"), ("IMG_1.png", "img_1.png"), ("2.png", "2.png.png")]
        + [(f"{index}.png", f"{index}.png") for index in range(3, 8)]
    ):
        save(tmp_path / "Images" / image, noise(index, SIZE), format="PNG")
        save(tmp_path / "Masks" / name, mask(index), format="PNG")
    save(tmp_path / "masks_old" / "0.png", mask(0))
    save(tmp_path / "Masks" / "3.tif", mask(3))
    (tmp_path / "Classes.txt").write_bytes("Äpfel\r\nb\r\nc\r\n".encode("cp1252"))
    found = read(tmp_path)
    assert found.classes == ("Äpfel", "b", "c") and sum(sizes(found)) == 8
    assert reasons(found) == {"Masks/3.tif": "another mask is used"}
    assert found.unread == ("masks_old/0.png",) and found.describe()["unread"] == ["masks_old/0.png"]
    for part, images in found.images.items():
        for image, labels in zip(images, found.masks[part], strict=True):
            [seed] = [seed for seed in range(8) if (noise(seed, SIZE) == image).all()]
            np.testing.assert_array_equal(labels, mask(seed))


def test_pictures_and_masks_that_are_tiffs_turned_by_exif(root):
    exif = Image.Exif()
    exif[0x0112] = 6
    save(root / "images" / "turned.tif", noise(80, SIZE[::-1]), exif=exif)
    save(root / "masks" / "turned.png", mask(80))
    assert read(root).quarantined == ()
