import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from suite import console
from suite.data.generated import scenes
from suite.data.sets import caption_sets
from suite.data.sets.caption_sets import load
from suite.data.source import Source
from suite.data.splits import SPLITS
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
    seen = {part: [kinds(text) for (text,) in found.captions[part]] for part in SPLITS}
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
    found = load(Source.parse(tmp_path), 0, SIZE, most=3)
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
    for part in SPLITS:
        for image, captions in zip(found.images[part], found.captions[part], strict=True):
            name = captions[0].rpartition(" ")[2]
            assert captions == (f"caption 0 of {name}", f"caption 1 of {name}")
            np.testing.assert_array_equal(image, noise(int(name[2:-4]), SIZE))


def test_given_parts(tmp_path):
    names = [f"train/{i}.png" for i in range(8)] + ["val/8.png", "test/9.png", "test/10.png"]
    write(tmp_path, [(name, name) for name in names], names)
    found = load(Source.parse(tmp_path), 0, SIZE, most=3)
    assert {part: [text for (text,) in found.captions[part]] for part in SPLITS} == {
        "train": sorted(names[:8]),
        "validation": names[8:9],
        "test": sorted(names[9:]),
    }


def draw(folder, numbers, suffix="png"):
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        Image.fromarray(noise(number, SIZE)).save(folder / f"{number}.{suffix}")


def captions_of(found):
    """By the number of the picture, which its captions name; and the pictures are right."""
    every = {}
    for part in SPLITS:
        for image, captions in zip(found.images[part], found.captions[part], strict=True):
            number = int(captions[0].split()[0])
            np.testing.assert_array_equal(image, noise(number, SIZE))
            every[number] = captions
    return every


@pytest.mark.parametrize(
    ("name", "header", "row"),
    [
        ("captions.txt", "", "{}.png,{} dogs, running, fast"),
        ("captions.txt", "image,caption", '{}.png,"{} dogs, running, fast"'),
        ("captions.tsv", "", "{}.png\t{} dogs, running, fast"),
        ("captions.csv", "image_name| comment_number| comment", "{}.png| 0| {} dogs, running, fast"),
        ("results.csv", "image_name| comment_number| comment", "{}.png| 0| {} dogs, running, fast"),
        ("Flickr8k.token.txt", "", "{}.png#0\t{} dogs, running, fast"),
        ("captions.csv", "caption,file", '"{1} dogs, running, fast",{0}.png'),
        ("captions.csv", "file,caption", "images/{}.png,{} dogs, running, fast"),
    ],
)
def test_tables_as_people_publish_them(name, header, row, tmp_path, capsys):
    draw(tmp_path / "images", range(10))
    lines = [header] * bool(header) + [row.format(n, n) for n in range(10)]
    (tmp_path / name).write_text("\n".join(lines))
    found = load(Source.parse(tmp_path), 0, SIZE, most=3)
    assert captions_of(found) == {n: (f"{n} dogs, running, fast",) for n in range(10)}
    assert sizes(found) == [6, 2, 2] and reasons(found) == {} and "images/3.png" in found.files
    told = "the first line is data, not names of columns; its first column is taken for the pictures"
    assert (told in capsys.readouterr().err) == (not header)


def test_a_table_beside_the_folder_of_pictures(tmp_path, capsys):
    draw(tmp_path / "images", range(10))
    (tmp_path / "captions.csv").write_text(
        "\n".join(["file,caption", *(f"{n}.png,{n} x" for n in range(10))])
    )
    console.set_quiet(False)
    found = load(Source.parse(tmp_path / "images"), 0, SIZE, most=3)
    assert len(captions_of(found)) == 10 and found.source == str(tmp_path / "images")
    assert "captions.csv, beside the pictures" in capsys.readouterr().out.replace("\n", " ")


def test_the_lists_of_the_owners_split_are_kept(tmp_path):
    draw(tmp_path / "Flicker8k_Dataset", range(12))
    rows = [f"{n}.png#{i}\t{n} words, {i}" for n in range(12) for i in range(2)]
    (tmp_path / "Flickr8k.token.txt").write_text("\n".join(rows))
    for part, numbers in {"train": range(7), "dev": (7, 8), "test": (9, 10)}.items():
        names = "\n".join(f"{n}.png" for n in numbers)
        (tmp_path / f"Flickr_8k.{part}Images.txt").write_text(f"{names}\n")
    found = load(Source.parse(tmp_path), 0, SIZE, most=3)
    assert sizes(found) == [7, 2, 2]
    numbers = [sorted(int(captions[0].split()[0]) for captions in found.captions[part]) for part in SPLITS]
    assert numbers == [[0, 1, 2, 3, 4, 5, 6], [7, 8], [9, 10]]
    assert captions_of(found)[3] == ("3 words, 0", "3 words, 1")
    assert reasons(found) == {"Flicker8k_Dataset/11.png": "in none of the lists of the split"}


def test_names_that_are_in_two_folders_and_two_tables(tmp_path):
    draw(tmp_path / "a", range(8))
    draw(tmp_path / "b", (7,))
    (tmp_path / "captions.csv").write_text("\n".join(["file,caption", *(f"{n}.png,{n} x" for n in range(8))]))
    assert reasons(load(Source.parse(tmp_path), 0, SIZE, most=3)) == {
        "captions.csv:9": "7.png is in 2 folders", "a/7.png": "no caption", "b/7.png": "no caption",
    }  # fmt: skip
    (tmp_path / "captions.txt").write_text("")
    with pytest.raises(
        ValueError, match="^expected one table of captions in .*, received captions.csv, captions.txt"
    ):
        load(Source.parse(tmp_path), 0, SIZE, most=3)


def test_what_is_no_set(tmp_path):
    def message():
        with pytest.raises(ValueError, match="^expected ") as raised:
            load(Source.parse(tmp_path), 0, SIZE, most=3)
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
        found = load(Source.parse("tfds"), 0, SIZE, most=4)
    assert sizes(found) == [4, 4, 4] and found.source == "coco_captions"
    assert found.images["train"].shape == (4, *SIZE, 3)
    assert found.captions["validation"] == [tuple(f"caption {i} of val" for i in range(5))] * 4


def test_another_tfds_set_is_refused():
    with pytest.raises(ValueError, match="^expected --data tfds, which is coco_captions, received 'tfds:x'"):
        load(Source.parse("tfds:x"), 0, SIZE, most=4)
