import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from suite.data import caption_sets, scenes
from suite.data.caption_sets import load
from suite.data.layout import PARTS
from tests.data.noise import noise, reasons, sizes

pytestmark = pytest.mark.usefixtures("quiet")

SIZE = (24, 32)
COUNTS = {"train": 500, "validation": 30, "test": 30}


def kinds(caption):
    """Sizes, colors and shapes in a caption."""
    return {tuple(thing.split()[-3:]) for thing in caption.rpartition(" on ")[0].split(" and ")}


@pytest.mark.parametrize("seed", range(3))
def test_each_part_has_kinds_of_its_own(seed):
    found = caption_sets.draw_captioned_scenes(seed, SIZE, COUNTS)
    assert sizes(found) == [500, 30, 30] and found.images["test"].shape == (30, *SIZE, 3)
    seen = {part: [kinds(text) for (text,) in found.captions[part]] for part in PARTS}
    trained = set().union(*seen["train"])
    assert len(trained) == 40  # of 48
    assert {color for _, color, _ in trained} == set(scenes.COLORS)
    assert {shape for _, _, shape in trained} == set(scenes.SHAPES)
    new = {part: set().union(*seen[part]) - trained for part in ("validation", "test")}
    assert not new["validation"] & new["test"]
    for part, own in new.items():
        assert {shape for _, _, shape in own} == set(scenes.SHAPES) and len(own) == 4
        assert all(these & own for these in seen[part])


def test_the_order_of_things_can_be_seen(monkeypatch):
    drawings = []

    def draw(*arguments, original=scenes.draw_scenes):
        drawings.append(original(*arguments))
        return drawings[-1]

    monkeypatch.setattr(scenes, "draw_scenes", draw)
    caption_sets.draw_captioned_scenes(0, SIZE, {"test": 40})
    columns = [[thing.center[1] for thing in scene.things] for scene in drawings[0].scenes]
    assert sum(len(row) == 2 for row in columns) > 10
    assert all(abs(row[0] - row[1]) >= caption_sets.LEAST_GAP for row in columns if len(row) == 2)


def write(root, rows, pictures=()):
    for name in pictures:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        seed = int("".join(filter(str.isdigit, name)))
        Image.fromarray(noise(seed, SIZE)).save(root / name)
    lines = ["file,caption", *(",".join(row) for row in rows)]
    (root / "captions.csv").write_text("\n".join(lines), encoding="utf-8")


def test_a_users_folder(tmp_path):
    names = [f"a/{i}.png" for i in range(12)]
    rows = [(name, f"caption {i} of {name}") for name in names for i in range(2)]
    broken = [
        ("a/12.png", "there is none"),
        ("a/3.png", ""),
        ("a/3.png",),
        ("../x.png", "out"),
        rows[0],
        ("a/text.png", "a text"),
    ]
    write(tmp_path, [*rows, *broken], [*names, "13.png"])
    (tmp_path / "a" / "text.png").write_text("text")
    found = load(str(tmp_path), 0, SIZE, most=3)
    assert sizes(found) == [8, 2, 2] and found.source == str(tmp_path)
    described = found.describe()
    assert described["train"] == 8 and set(described["files"]) == set(names)
    assert reasons(found) == {
        "captions.csv:26": "a/12.png is missing",
        "captions.csv:27": "no caption",
        "captions.csv:28": "1 cells for 2 columns",
        "captions.csv:29": "../x.png is not in the folder",
        "captions.csv:30": "a/0.png has the same caption before",
        "13.png": "no caption",
        "a/text.png": "corrupt",
    }
    for part in PARTS:
        for image, captions in zip(found.images[part], found.captions[part], strict=True):
            name = captions[0].rpartition(" ")[2]
            assert captions == (f"caption 0 of {name}", f"caption 1 of {name}")
            np.testing.assert_array_equal(image, noise(int(name[2:-4]), SIZE))


def test_given_parts(tmp_path):
    names = [f"train/{i}.png" for i in range(8)] + ["val/8.png", "test/9.png", "test/10.png"]
    write(tmp_path, [(name, name) for name in names], names)
    found = load(str(tmp_path), 0, SIZE, most=3)
    assert {part: [text for (text,) in found.captions[part]] for part in PARTS} == {
        "train": sorted(names[:8]),
        "validation": names[8:9],
        "test": sorted(names[9:]),
    }


def test_what_is_no_set(tmp_path):
    def message():
        with pytest.raises(ValueError) as raised:
            load(str(tmp_path), 0, SIZE, most=3)
        return str(raised.value).replace(str(tmp_path), "ROOT")

    assert message() == (
        "expected a folder with pictures and a table of captions, such as captions.csv, received 'ROOT', "
        "which is empty; put them in it"
    )
    (tmp_path / "photos").mkdir()
    assert message() == (
        "expected captions.csv in 'ROOT', received photos/; write one with columns file and caption, a row "
        "for each caption"
    )
    (tmp_path / "captions.csv").write_text("title,caption\n")
    assert message() == (
        "expected columns file and caption in the first line of ROOT/captions.csv, received title, caption; "
        "name them"
    )
    write(tmp_path, [("0.png", "one")], ["0.png"])
    assert message() == (
        "expected at least 5 for train, 1 for validation, 1 for test usable pictures in 'ROOT', received 0 "
        "for train, 1 for validation, 0 for test; add pictures"
    )


def test_coco():
    def as_dataset(self, *args, **kwargs):
        import tensorflow as tf

        texts = [f"caption {i} of {kwargs.get('split')}" for i in range(5)]
        one = {"image": np.zeros((9, 7, 3), np.uint8), "captions": {"id": range(5), "text": texts}}
        return tf.data.Dataset.from_tensors(one).repeat(6).apply(tf.data.experimental.assert_cardinality(6))

    with tfds.testing.mock_data(num_examples=6, as_dataset_fn=as_dataset):
        found = load("tfds", 0, SIZE, most=4)
    assert sizes(found) == [4, 4, 4] and found.source == "coco_captions"
    assert found.images["train"].shape == (4, *SIZE, 3)
    assert found.captions["validation"] == [tuple(f"caption {i} of val" for i in range(5))] * 4


def test_another_tfds_set_is_refused():
    with pytest.raises(ValueError, match="^expected --data tfds, which is coco_captions, received 'tfds:x'"):
        load("tfds:x", 0, SIZE, most=4)
