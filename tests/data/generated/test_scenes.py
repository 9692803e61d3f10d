import numpy as np
import pytest
from PIL import Image
from skimage.measure import regionprops

from suite.data.generated import scenes
from suite.data.generated.scenes import Scene, Thing
from suite.data.sets import detection_sets, segmentation_sets
from suite.evaluation.segmentation import mean_iou

SIZE = (64, 80)


@pytest.fixture(scope="module")
def drawing():
    return scenes.draw_scenes("train", 60, seed=1, size=SIZE)


def test_same_arguments_same_scenes_others_others(drawing):
    again = scenes.draw_scenes("train", 5, seed=1, size=SIZE)
    assert again.scenes == drawing.scenes[:5]
    np.testing.assert_array_equal(again.images, drawing.images[:5])
    for part, seed in (("test", 1), ("train", 2)):
        assert scenes.draw_scenes(part, 5, seed, SIZE).scenes != again.scenes


def test_shapes_dtypes_ranges(drawing):
    assert drawing.images.shape == (60, *SIZE, 3) and drawing.images.dtype == np.uint8
    assert drawing.instances.shape == (60, *SIZE) and drawing.instances.dtype == np.uint8
    assert {len(scene.things) for scene in drawing.scenes} == {1, 2, 3}
    things = [thing for scene in drawing.scenes for thing in scene.things]
    assert {thing.shape for thing in things} == set(scenes.SHAPES)
    assert {thing.color for thing in things} == set(scenes.COLORS)
    assert {scene.background for scene in drawing.scenes} == {"brick", "grass", "gravel"}


def test_every_thing_is_seen_where_its_mask_and_its_box_are(drawing):
    boxes, labels = scenes.boxes(drawing)
    masks = scenes.class_masks(drawing)
    for index, scene in enumerate(drawing.scenes):
        assert boxes[index].dtype == np.float32 and len(boxes[index]) == len(scene.things)
        regions = regionprops(drawing.instances[index].astype(int))  # an outside reference for the boxes
        for region, box, label, thing in zip(regions, boxes[index], labels[index], scene.things, strict=True):
            np.testing.assert_allclose(box * np.array([*SIZE, *SIZE]), region.bbox)
            assert scenes.SHAPES[label] == thing.shape
            seen = drawing.instances[index] == region.label
            assert set(masks[index][seen]) == {label + 1}
        assert np.all((masks[index] == 0) == (drawing.instances[index] == 0))


def test_shapes_have_the_area_of_the_circle_and_at_least_their_share_is_seen(drawing):
    for shape in scenes.SHAPES:
        x, y = scenes.outline(shape).T
        area = 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
        assert area == pytest.approx(np.pi, rel=1e-9)
    for instances, scene in zip(drawing.instances, drawing.scenes, strict=True):
        for index, thing in enumerate(scene.things):
            whole = np.pi * (thing.radius * min(SIZE)) ** 2
            seen = np.sum(instances == index + 1)
            assert 0.45 * whole < seen < 1.15 * whole  # parts may lie beyond the border of the image


def test_later_things_lie_over_earlier_ones():
    rng = np.random.default_rng(0)
    below, above = (
        Thing(shape, "red", "large", (0.5, 0.5), radius, 0.0)
        for shape, radius in (("circle", 0.3), ("square", 0.1))
    )
    photos = {name: np.full((100, 100), 128, np.uint8) for name in scenes.BACKGROUNDS}
    covers = [scenes._cover(thing, SIZE) for thing in (below, above)]
    image, instances = scenes._paint(Scene("grass", (below, above)), covers, photos, rng)
    assert instances[32, 40] == 2 and instances[32, 55] == 1 and instances[2, 2] == 0
    assert image.dtype == np.uint8


def test_a_rule_on_single_pixels_fails(drawing):
    """The best class for each of 512 colors, even fitted to the very pixels it is judged on."""
    masks = scenes.class_masks(drawing)
    bins = np.ravel_multi_index(np.moveaxis(drawing.images // 32, -1, 0), (8, 8, 8))
    votes = np.zeros((512, 5))
    np.add.at(votes, (bins.ravel(), masks.ravel()), 1)
    assert mean_iou(votes.argmax(axis=1)[bins], masks, 5) < 0.4  # measured 0.27


def test_descriptions_go_from_left_to_right():
    star = Thing("star", "red", "small", (0.5, 0.8), 0.1, 0.0)
    circle = Thing("circle", "blue", "large", (0.5, 0.2), 0.2, 0.0)
    square = Thing("square", "white", "small", (0.5, 0.5), 0.2, 0.0)
    assert scenes.describe(Scene("grass", (star,))) == "a small red star on grass"
    both = "a large blue circle and a small red star on brick"
    assert scenes.describe(Scene("brick", (star, circle))) == both
    three = "a large blue circle, a small white square and a small red star on brick"
    assert scenes.describe(Scene("brick", (star, circle, square))) == three


def test_sets(monkeypatch):
    for module in (detection_sets, segmentation_sets):
        monkeypatch.setattr(module, "COUNTS", {"train": 4, "validation": 2, "test": 3})
    segmentation = segmentation_sets.draw_segmentation_set(0, (32, 32))
    assert segmentation.classes == ("background", *scenes.SHAPES)
    assert segmentation.masks["test"].shape == (3, 32, 32)
    assert segmentation.describe()["train"] == 4
    detection = detection_sets.draw_detection_set(0, (32, 32), things=(1, 1))
    assert [len(boxes) for boxes in detection.boxes["train"]] == [1, 1, 1, 1]
    assert detection.classes == scenes.SHAPES and detection.describe()["test"] == 3


def test_shapes_are_written_as_class_folders(tmp_path):
    root = scenes.write_shapes(tmp_path / "shapes", {"train": 12, "test": 3}, seed=1, size=(32, 40))
    for part, count in (("train", 12), ("test", 3)):
        drawing = scenes.draw_scenes(part, count, 1, (32, 40), (1, 1))
        files = sorted(root.glob(f"{part}/*/*.png"), key=lambda file: file.name)
        assert [file.parent.name for file in files] == [scene.things[0].shape for scene in drawing.scenes]
        for file, image in zip(files, drawing.images, strict=True):
            with Image.open(file) as written:
                np.testing.assert_array_equal(np.asarray(written), image)
