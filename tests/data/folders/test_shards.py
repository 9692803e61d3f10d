import io
from itertools import chain

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from suite.data.folders.labeled import read_folder
from suite.data.folders.shards import find_shards, load_record, read_shards, write_shards
from suite.data.pictures.image_source import ImageSource
from suite.data.pictures.images import load_image
from tools import write_shards as write_shards_tool

SIZE = (20, 24)


@pytest.fixture
def photos(tmp_path):
    """Two classes of 8 and 12 pictures, and a file that is none."""
    random = np.random.default_rng(0)
    for name, count in (("cats", 8), ("dogs ü", 12)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(count):
            pixels = random.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{index}.png")
    (tmp_path / "photos" / "cats" / "notes.txt").write_text("a note")
    return tmp_path / "photos"


def png(seed, size=SIZE):
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def example(**features):
    def feature(value):
        if isinstance(value, bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    content = {key.replace("_", "/"): feature(value) for key, value in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=content)).SerializeToString()


def write(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


def reasons(folder):
    return {entry.file: entry.reason for entry in folder.quarantined}


def pictures(folder, root):
    """By part, the pixels and the class of each picture."""
    return {
        part: sorted(
            (folder.load(str(root / file), SIZE).tobytes(), folder.classes[label]) for file, label in files
        )
        for part, files in folder.splits.items()
    }


def test_there_and_back_again(photos, tmp_path):
    written, aside = write_shards(photos, tmp_path / "shards", shards=3)
    assert written == 20 and [entry.file for entry in aside] == ["cats/notes.txt"]
    names = [f"train-{index:05}-of-00003.tfrecord" for index in range(3)]
    assert [path.name for path in find_shards(tmp_path / "shards")] == names
    assert find_shards(photos) == []
    folder, expected = read_shards(tmp_path / "shards"), read_folder(photos)
    assert folder.classes == expected.classes and folder.quarantined == ()
    ours, theirs = pictures(folder, tmp_path / "shards"), pictures(expected, photos)
    assert sorted(chain(*ours.values())) == sorted(chain(*theirs.values()))
    assert {part: len(files) for part, files in ours.items()} == {"train": 14, "validation": 3, "test": 3}
    assert read_shards(tmp_path / "shards", seed=1) != folder == read_shards(tmp_path / "shards")


def test_given_parts_stay(tmp_path):
    for seed, part in enumerate(("train", "val", "test")):
        for name in ("a", "b"):
            (tmp_path / "photos" / part / name).mkdir(parents=True)
            for index in range(6):
                content = png(100 * seed + 10 * (name == "b") + index)
                (tmp_path / "photos" / part / name / f"{index}.png").write_bytes(content)
    write_shards(tmp_path / "photos", tmp_path / "shards", shards=2)
    folder = read_shards(tmp_path / "shards")
    assert pictures(folder, tmp_path / "shards") == pictures(
        read_folder(tmp_path / "photos"), tmp_path / "photos"
    )


def test_the_layout_of_tensorflow_datasets(tmp_path):
    for part, first in (("train", 0), ("test", 100)):
        records = [example(image=png(first + index), label=index % 2) for index in range(12)]
        write(tmp_path / f"tf_flowers-{part}.tfrecord-00000-of-00001", records)
    (tmp_path / "label.labels.txt").write_text("tulip\nrose\n")
    (tmp_path / "features.json").write_text("{}")
    folder = read_shards(tmp_path)
    assert folder.classes == ("rose", "tulip") and len(folder.splits["test"]) == 12
    file, label = folder.splits["test"][0]
    assert file == "tf_flowers-test.tfrecord-00000-of-00001@0" and folder.classes[label] == "tulip"
    np.testing.assert_array_equal(
        load_record(str(tmp_path / file), SIZE), load_image(io.BytesIO(png(100)), SIZE)
    )


def test_the_layout_of_the_imagenet_tools(tmp_path):
    for part, first in (("train", 0), ("validation", 100)):
        records = []
        for index in range(10):
            label = index % 2 + 9
            record = {"image_encoded": png(first + index), "image_class_label": label}
            records.append(example(**record))
        write(tmp_path / part / f"{part}-00000-of-00001", records)
    folder = read_shards(tmp_path)
    assert folder.classes == ("9", "10")  # by number
    assert [len(files) for files in folder.splits.values()] == [10, 10, 0]


def test_bad_records_are_set_aside_and_the_rest_goes_on(tmp_path):
    good = [example(image_encoded=png(index), label=b"ab"[index % 2 : index % 2 + 1]) for index in range(12)]
    bad = {
        "not a tf.train.Example": b"\xff\xff\xff",
        "no picture under image/encoded or image": example(label=b"a"),
        "no class under image/class/text, image/class/label, label": example(image=png(50)),
        "not an image": example(image=b"no picture", label=b"a"),
        "zero bytes": example(image=b"", label=b"a"),
        "truncated": example(image=png(51)[:-400], label=b"a"),
        "only 24 x 9 pixels, less than 16 on a side": example(image=png(52, (9, 24)), label=b"a"),
        "corrupt: its checksum does not fit": example(image=png(53), label=b"a"),
    }
    path = write(tmp_path / "some.tfrecord", [*good, *bad.values()])
    content = bytearray(path.read_bytes())
    content[-100] ^= 1  # in the last record
    path.write_bytes(content)
    places = np.cumsum([0] + [len(record) + 16 for record in [*good, *bad.values()]])
    cut = write(tmp_path / "cut.tfrecord", [example(image=png(60), label=b"b"), good[0]])
    cut.write_bytes(cut.read_bytes()[:-10])
    (tmp_path / "text.tfrecord").write_text("no record at all")
    folder = read_shards(tmp_path)
    found = reasons(folder)
    second = 16 + len(example(image=png(60), label=b"b"))
    assert found.pop("cut.tfrecord") == f"truncated: the record at byte {second} is not whole"
    assert found.pop("text.tfrecord") == "no TFRecord from byte 0 on; it must not be compressed"
    assert found == {
        f"some.tfrecord@{place}": reason for place, reason in zip(places[len(good) :], bad, strict=False)
    }
    assert sum(len(files) for files in folder.splits.values()) == len(good) + 1


def test_a_file_of_no_part_is_set_aside_where_others_have_one(tmp_path):
    write(tmp_path / "train.tfrecord", [example(image=png(index), label=index % 2) for index in range(12)])
    write(tmp_path / "more.tfrecord", [example(image=png(99), label=0)])
    folder = read_shards(tmp_path)
    assert reasons(folder) == {"more.tfrecord": "not a train, validation or test file"}
    assert sum(len(files) for files in folder.splits.values()) == 12


def test_copies_under_two_classes_are_set_aside(tmp_path):
    records = [example(image=png(index), label=index % 2) for index in range(12)]
    write(tmp_path / "a.tfrecord", [*records, example(image=png(0), label=1)])
    assert {reason[:28] for reason in reasons(read_shards(tmp_path)).values()} == {
        "the same picture as 'a.tfrec"
    }


def test_a_source_reads_records_in_any_order(photos, tmp_path):
    write_shards(photos, tmp_path / "shards", shards=2)
    folder = read_shards(tmp_path / "shards")
    files, labels = zip(*folder.splits["train"], strict=True)
    paths = [str(tmp_path / "shards" / file) for file in files]
    source = ImageSource(paths, labels, SIZE, load=folder.load)
    images, shuffled = next(source.batches(len(files), order_seed=1, augment_seed=1).as_numpy_iterator())
    again, _ = next(source.batches(len(files), order_seed=1, augment_seed=1).as_numpy_iterator())
    np.testing.assert_array_equal(images, again)
    assert sorted(shuffled) == sorted(labels) and list(shuffled) != list(labels)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: [], "expected TFRecord files in"),
        (lambda root: [(root / "a.tfrecord", [example(image=png(0), label=1)])], "received '1'; add records"),
        (
            lambda root: [(root / "a.tfrecord", [b"\xff"])],
            "received none (1 set aside, as 'a.tfrecord@0': not a tf",
        ),
        (
            lambda root: [(root / "a.tfrecord", [example(image=png(i), label=i) for i in range(2)])],
            "received 1 in '0', 1 in '1'; add pictures",
        ),
        (
            lambda root: [
                (root / "train.tfrecord", [example(image=png(i), label=i % 2) for i in range(10)]),
                (root / "test.tfrecord", [example(image=png(99), label=7)]),
            ],
            "in its test part, received only others, as '7'",
        ),
    ],
)
def test_shards_that_cannot_be_trained_on(tmp_path, make, message):
    for path, records in make(tmp_path):
        write(path, records)
    with pytest.raises(ValueError, match="^expected") as failure:
        read_shards(tmp_path)
    assert message in str(failure.value) and "\n" not in str(failure.value)


def test_the_tool(photos, tmp_path, capsys):
    given = [str(photos), str(tmp_path / "out"), "--shards"]
    assert write_shards_tool.main([*given, "2"]) == 0
    assert f"20 pictures in {tmp_path}/out, 1 files set aside" in capsys.readouterr().out
    assert len(find_shards(tmp_path / "out")) == 2
    for shards, message in (("2", "expected a new folder"), ("0", "expected at least 1 shard, received 0")):
        assert write_shards_tool.main([*given, shards]) == 2
        assert message in capsys.readouterr().err


def test_records_are_decoded_as_files_are(tmp_path):
    """By the one decoder: what is turned, deep, of inks or of a phone has the same pixels from a record."""
    from suite.data.pictures.images import decode

    exif = Image.Exif()
    exif[0x0112] = 6
    noise = np.random.default_rng(5).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    deep = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    ways = {
        "JPEG": (Image.fromarray(noise), {"exif": exif}),
        "TIFF": (Image.fromarray(noise).convert("CMYK"), {}),
        "PNG": (deep, {}),
        "HEIF": (Image.fromarray(noise), {}),
        "AVIF": (Image.fromarray(noise), {}),
    }
    contents = []
    for name, (image, options) in ways.items():
        image.save(tmp_path / f"picture.{name}", name, **options)
        contents.append((tmp_path / f"picture.{name}").read_bytes())
    fillers = [example(image=png(seed), label=seed % 2) for seed in range(20)]
    video = example(image=b"\0\0\0\x18ftypmp42" + bytes(40), label=0)
    write(
        tmp_path / "shards" / "a.tfrecord",
        [*(example(image=content, label=0) for content in contents), video, *fillers],
    )
    folder = read_shards(tmp_path / "shards")
    assert list(reasons(folder).values()) == ["a video; save frames of it as JPEG or PNG"]
    files = sorted(
        (file for part in folder.splits.values() for file, _ in part),
        key=lambda file: int(file.split("@")[1]),
    )
    for name, file in zip(ways, files, strict=False):
        size = decode(tmp_path / f"picture.{name}").shape[:2]
        record = load_record(str(tmp_path / "shards" / file), size)
        np.testing.assert_array_equal(record, load_image(tmp_path / f"picture.{name}", size))
        batches = ImageSource([tmp_path / f"picture.{name}"], [0], size).batches(1)
        np.testing.assert_array_equal(next(iter(batches))[0][0].numpy(), record)
        if name != "JPEG":
            np.testing.assert_array_equal(record, decode(tmp_path / f"picture.{name}"))
