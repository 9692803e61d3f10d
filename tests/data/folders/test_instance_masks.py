"""Several masks a photo, one for each thing."""

import numpy as np
import pytest
from PIL import Image

from suite.data.folders.annotations import find_kind
from suite.data.folders.instance_masks import find_instance_masks
from suite.data.sets.segmentation_sets import read_segmentation_folder
from tests.data.noise import noise, reasons, sizes

pytestmark = pytest.mark.usefixtures("quiet")

SIZE, COUNT = (12, 16), 8
HASH = "0e548d0af63ab451616f082eb56bde13eb71f73dfda92a03fbe88ad42ebb4881"


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def thing(number, seed):
    mask = np.zeros(SIZE, np.uint8)
    mask[2 + 4 * number : 5 + 4 * number, seed : seed + 4] = 255
    return mask


def make(root, image, mask, names=("leaf", "spot")):
    """Two things in each photo but the first, which has one."""
    for seed in range(COUNT):
        save(root / image.format(seed=seed), noise(seed, SIZE))
        for number, name in enumerate(names[: 1 + (seed > 0)]):
            place = mask.format(seed=seed, number=number, name=name, hash=f"{HASH[number:]}{seed}")
            save(root / place, thing(number, seed))


LAYOUTS = {
    "images/photo_{seed}.png": (
        "masks/photo_{seed}_mask{number}.png",
        "masks/photo_{seed}/{number}.png",
        "instances/photo_{seed}-{number}.png",
    ),
    "photo_{seed}.png": ("photo_{seed}_mask{number}.png", "photo_{seed}_instance_{number}.png"),
    "photo_{seed}/images/photo_{seed}.png": ("photo_{seed}/masks/{hash}.png",),
}
NAMED = (
    "masks/photo_{seed}_{name}_{number}.png",
    "masks/photo_{seed}_{name}_mask{number}.png",
    "masks/{name}/photo_{seed}_{number}.png",
    "masks/photo_{seed}/{name}_{number}.png",
)


@pytest.mark.parametrize(("image", "mask"), [(a, b) for a, some in LAYOUTS.items() for b in some])
def test_things_without_a_class_are_foreground(tmp_path, image, mask):
    make(tmp_path, image, mask)
    kind = find_kind(tmp_path)
    says = "masks of single things: 8 photos with 15 masks of foreground"
    assert kind.task == "segmenter" and str(kind) == says
    check(tmp_path, ("background", "foreground"), (1, 1))


@pytest.mark.parametrize("mask", NAMED)
def test_names_of_files_and_folders_say_the_class(tmp_path, mask):
    make(tmp_path, "images/photo_{seed}.png", mask)
    assert str(find_kind(tmp_path)).endswith("15 masks of leaf, spot")
    check(tmp_path, ("background", "leaf", "spot"), (1, 2))


def check(root, classes, labels):
    found = read_segmentation_folder(root, 0, SIZE)
    assert found.classes == classes and sum(sizes(found)) == COUNT and not found.quarantined
    assert found.notes == ("15 masks of single things in 8 photos are painted as their class",)
    for part, images in found.images.items():
        for image, mask in zip(images, found.masks[part], strict=True):
            [seed] = [seed for seed in range(COUNT) if (noise(seed, SIZE) == image).all()]
            expected = np.zeros(SIZE, np.uint8)
            for number, label in enumerate(labels[: 1 + (seed > 0)]):
                expected[thing(number, seed) > 0] = label
            np.testing.assert_array_equal(mask, expected)


def test_classes_txt_names_the_one_class_and_parts_are_kept(tmp_path):
    for part in ("train", "val", "test"):
        make(tmp_path, f"{part}/images/{part}{{seed}}.png", f"{part}/masks/{part}{{seed}}_{{number}}.png")
    (tmp_path / "classes.txt").write_text("nucleus\n")
    things = find_instance_masks(tmp_path)
    assert things.classes == ("background", "nucleus")
    assert {part for _, part in things.files} == {"train", "validation", "test"}


def test_what_cannot_be_used_is_set_aside_with_its_reason(tmp_path):
    make(tmp_path, "images/photo_{seed}.png", "masks/photo_{seed}_mask{number}.png")
    folder = tmp_path / "masks"
    several = thing(0, 1)
    several[0, 0] = 100
    save(folder / "photo_1_mask0.png", several)
    save(folder / "photo_2_mask1.png", thing(0, 2)[:-1])
    (folder / "photo_3_mask0.png").write_bytes(b"no picture")
    save(folder / "photo_90_mask0.png", thing(0, 0))
    save(tmp_path / "images" / "alone.png", noise(50, SIZE))
    for seed in range(10, 14):
        save(tmp_path / "images" / f"photo_{seed}.png", noise(seed, SIZE))
        save(folder / f"photo_{seed}_mask0.png", thing(0, 1))
    found = reasons(read_segmentation_folder(tmp_path, 0, SIZE))
    assert found.pop("images/photo_3.png").startswith("its mask cannot be decoded")
    assert found == {
        "images/photo_1.png": "its mask 'photo_1_mask0.png' has 3 values, where that of one thing has two; "
        "give each thing its file, or the photo one mask with its name",
        "images/photo_2.png": "its mask 'photo_2_mask1.png' has another size than the others",
        "masks/photo_90_mask0.png": "no image for it",
        "images/alone.png": "no mask for it",
    }


def test_one_mask_a_photo_is_read_as_before(tmp_path):
    make(tmp_path, "images/photo_{seed}.png", "masks/photo_{seed}.png", names=("leaf",))
    save(tmp_path / "masks" / "photo_1_0.png", thing(1, 1))  # of several, that with the photo's name
    assert find_instance_masks(tmp_path) is None
    assert str(find_kind(tmp_path)).startswith("masks: 8 photos with a mask, of images/ in masks/")


def test_photos_are_no_masks(tmp_path):
    for seed in range(COUNT):
        for place in ("cat/photo_{}.png", "mask/photo_{}_1.png", "mask/photo_{}_2.png"):
            save(tmp_path / place.format(seed), noise(seed, (12, 16)))
    assert find_instance_masks(tmp_path) is None
    assert find_kind(tmp_path).task == "classifier"
