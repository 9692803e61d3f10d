import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from sklearn import datasets

from suite.data.sets import image_sets
from suite.data.source import EMBEDDED, Source
from suite.data.splits import SPLITS


def test_digits_are_split_and_keep_their_levels():
    digits = image_sets.load(EMBEDDED, seed=0)
    assert digits.describe() == {
        "source": "digits",
        "classes": list("0123456789"),
        "train": 1258,
        "validation": 269,
        "test": 270,
    }
    for part in SPLITS:
        assert digits.images[part].dtype == np.uint8 and digits.labels[part].dtype == np.int64
        assert digits.images[part].shape == (len(digits.labels[part]), 8, 8, 1)
    # every image of the source once, with its label, whatever the order
    source = datasets.load_digits()
    pairs = sorted(
        (int(label), *np.rint(image.ravel() * 16 / 255).astype(int))
        for part in SPLITS
        for image, label in zip(digits.images[part].astype(float), digits.labels[part], strict=True)
    )
    assert pairs == sorted(
        (int(label), *image.ravel().astype(int))
        for image, label in zip(source.images, source.target, strict=True)
    )
    assert digits.images["train"].max() == 255


def test_split_depends_on_the_seed():
    first, again, other = (image_sets.load_digits(seed).labels["test"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(("name", "shape"), [("mnist", (28, 28, 1)), ("cifar10", (32, 32, 3))])
def test_tfds(name, shape, tmp_path):
    with tfds.testing.mock_data(num_examples=40, data_dir=str(tmp_path)):
        images = image_sets.load(Source.parse("tfds"), seed=0, name=name)
        named = image_sets.load(Source.parse(f"tfds:{name}"), seed=0, name="emnist")
    assert {part: len(labels) for part, labels in images.labels.items()} == {
        "train": 36,
        "validation": 4,
        "test": 40,
    }
    for part in SPLITS:
        assert images.images[part].shape[1:] == shape and images.images[part].dtype == np.uint8
        assert images.labels[part].dtype == np.int64
    assert len(images.classes) == 10 and images.source == named.source == name


def test_images_without_labels_and_of_many_sizes():
    with tfds.testing.mock_data(num_examples=40):
        faces = image_sets.load(Source.parse("tfds:lfw"), seed=0, labeled=False, largest=24)
        message = r"^expected a TFDS set of images of one size with class labels, received 'lfw' with"
        with pytest.raises(ValueError, match=message):
            image_sets.load(Source.parse("tfds:lfw"), seed=0)
        with pytest.raises(ValueError, match="^expected a TFDS set of images of one size, received 'cats_vs"):
            image_sets.load(Source.parse("tfds:cats_vs_dogs"), seed=0, labeled=False)
        animals = image_sets.load(Source.parse("tfds:cats_vs_dogs"), seed=0, largest=24)
        digits = image_sets.load(Source.parse("tfds"), seed=0, largest=24)
        small = image_sets.load(Source.parse("tfds"), seed=0, largest=64)
    assert faces.classes == ("image",) and faces.images["test"].shape == (40, 24, 24, 3)
    assert faces.images["test"].dtype == np.uint8 and 100 < np.mean(faces.images["test"]) < 150
    assert animals.classes == ("cat", "dog") and animals.images["train"].shape[1:] == (24, 24, 3)
    assert digits.images["train"].shape[1:] == (24, 24, 1) and small.images["train"].shape[1:] == (28, 28, 1)


def test_a_set_without_a_test_split(tmp_path, monkeypatch):
    for index in range(20):
        folder = tmp_path / "train" / ("cat", "dog")[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (10, 12), (10 * index, 0, 0)).save(folder / f"{index}.png")
    monkeypatch.setattr(image_sets, "tfds_builder", lambda name: tfds.ImageFolder(str(tmp_path)))
    images = image_sets.load_tfds("mine", seed=0, largest=6)
    assert {part: len(labels) for part, labels in images.labels.items()} == {
        "train": 15,
        "validation": 2,
        "test": 3,
    }
    shades = np.concatenate([images.images[part][:, 3, 3, 0] // 10 for part in SPLITS])
    assert sorted(shades) == list(range(20))  # each in one part
    np.testing.assert_array_equal(shades % 2, np.concatenate([*images.labels.values()]))


def test_a_folder_of_pictures(tmp_path):
    for index in range(22):
        folder = tmp_path / ("ant", "bee")[index % 2]
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (20, 30), (10 * index, 0, 0)).save(folder / f"{index}.png")
    (tmp_path / "ant" / "copy.png").write_bytes((tmp_path / "ant" / "0.png").read_bytes())
    source = Source.parse(tmp_path)
    pictures = image_sets.load(source, seed=0, labeled=False, largest=8)
    described = pictures.describe()
    assert {part: described[part] for part in SPLITS} == {"train": 16, "validation": 3, "test": 3}
    assert described["classes"] == ["ant", "bee"] and len(described["quarantined"]) == 1
    assert pictures.images["train"].shape == (16, 8, 8, 3) and pictures.images["train"].dtype == np.uint8
    shades = np.concatenate([pictures.images[part][:, 4, 4, 0] // 10 for part in SPLITS])
    assert sorted(shades) == list(range(22))  # each in one part
    np.testing.assert_array_equal(shades % 2, np.concatenate([pictures.labels[part] for part in SPLITS]))
    with pytest.raises(ValueError, match="this recipe takes no others$"):
        image_sets.load(source, seed=0, largest=8)


def test_unknown_source_and_set():
    message = "^expected --data embedded or tfds, received '/photos'; this recipe takes no others$"
    with pytest.raises(ValueError, match=message):
        image_sets.load(Source.parse("/photos"), seed=0)
    with pytest.raises(ValueError, match="^expected the TFDS set 'no_such_set' under TFDS_DATA_DIR or"):
        image_sets.load(Source.parse("tfds"), seed=0, name="no_such_set")


def dot(row: int, column: int) -> np.ndarray:
    images = np.zeros((200, 9, 13, 1), np.float32)
    images[:, row, column] = 1
    return images


def centers(images) -> np.ndarray:
    """(row, column) of the mean brightness of each image."""
    images = np.asarray(images)[..., 0]
    weights = images / images.sum(axis=(1, 2), keepdims=True)
    return np.stack(
        [(weights.sum(axis=2) * range(9)).sum(axis=1), (weights.sum(axis=1) * range(13)).sum(axis=1)]
    )


def test_random_affine_turns_and_zooms_around_the_center():
    keras.utils.set_random_seed(0)
    still = {"turn": 0.0, "zoom": 0.0, "shift": 0.0}
    np.testing.assert_array_equal(image_sets.random_affine(dot(2, 9), **still), dot(2, 9))
    for part in ("turn", "zoom"):
        moved = image_sets.random_affine(dot(4, 6), **still | {part: 0.3})
        np.testing.assert_allclose(centers(moved), np.full((2, 200), [[4], [6]]), atol=1e-3)
    row, column = centers(image_sets.random_affine(dot(4, 9), **still | {"turn": 0.3}))
    assert row.min() < 3.4 and row.max() > 4.6 and np.abs(column - 9).max() < 0.3
    row, column = centers(image_sets.random_affine(dot(4, 9), **still | {"zoom": 0.3}))
    assert column.min() < 8.6 and column.max() > 9.6 and np.abs(row - 4).max() < 1e-3


def test_random_affine_shifts_by_a_share_of_each_side():
    keras.utils.set_random_seed(0)
    row, column = centers(image_sets.random_affine(dot(4, 6), turn=0.0, zoom=0.0, shift=0.25))
    assert 2 < np.abs(row - 4).max() <= 2.25 and 2.9 < np.abs(column - 6).max() <= 3.25
    assert np.unique(np.round(row, 4)).size > 100


def test_random_affine_takes_the_smaller_last_batch_of_a_pass():
    images = np.tile(dot(4, 6)[:1], (5, 1, 1, 1))
    moved = list(tf.data.Dataset.from_tensor_slices(images).batch(2).map(image_sets.random_affine))
    assert [len(batch) for batch in moved] == [2, 2, 1]
    assert len(np.unique(np.concatenate(moved), axis=0)) == 5


def test_samples_are_disjoint_within_a_draw_and_differ_between_draws():
    digits = image_sets.load_digits(0)
    sizes = {"train": 100, "stopping": 50}
    samples = image_sets.draw_samples(digits, sizes, draws=3, seed=1)
    assert {name: pixels.shape for name, (pixels, _) in samples.items()} == {
        "train": (3, 100, 64), "stopping": (3, 50, 64), "validation": (3, 269, 64),
    }  # fmt: skip
    source = {
        image.tobytes(): label
        for image, label in zip(digits.images["train"], digits.labels["train"], strict=True)
    }
    pixels, labels = (np.concatenate([samples[name][k] for name in sizes], axis=1) for k in (0, 1))
    for draw in range(3):
        images = np.rint(pixels[draw] * 255).astype(np.uint8)
        assert len({image.tobytes() for image in images}) == 150
        assert [source[image.tobytes()] for image in images] == labels[draw].tolist()
    assert not np.array_equal(labels[0], labels[1])
    np.testing.assert_array_equal(samples["validation"][1], [digits.labels["validation"]] * 3)
    again = image_sets.draw_samples(digits, sizes, draws=3, seed=1)
    np.testing.assert_array_equal(again["train"][0], samples["train"][0])


def test_some_examples_of_the_samples_are_mislabeled_and_no_validation_example_is():
    digits = image_sets.load_digits(0)
    right, wrong = (
        image_sets.draw_samples(digits, {"train": 1258}, draws=1, seed=1, mislabeled=share)
        for share in (0.0, 0.25)
    )
    np.testing.assert_array_equal(right["train"][0], wrong["train"][0])
    assert 0.21 < np.mean(right["train"][1] != wrong["train"][1]) < 0.29
    np.testing.assert_array_equal(right["validation"][1], wrong["validation"][1])
    assert set(np.unique(wrong["train"][1])) == set(range(10))


def test_too_large_samples():
    with pytest.raises(ValueError, match="^expected at most 1258 examples in the samples.*received 1300$"):
        image_sets.draw_samples(image_sets.load_digits(0), {"train": 1200, "more": 100}, draws=1, seed=0)


def test_a_batch_is_moved_at_random():
    """By each number of pixels up to the margin, and nothing is cut off."""
    images = image_sets.on_canvas(np.full((2, 1, 1, 1), 9, np.uint8), 1)
    places = set()
    for _ in range(200):
        moved, labels = image_sets.moved_at_random(tf.constant(images), tf.constant([4, 5]), margin=1)
        assert moved.dtype == tf.uint8 and labels.numpy().tolist() == [4, 5]
        assert np.sum(moved) == 18 and np.array_equal(moved[0], moved[1])
        places.add(int(np.argmax(moved[0])))
    assert places == set(range(9))


def test_images_on_a_canvas():
    image = np.arange(1, 7, dtype=np.uint8).reshape(1, 2, 3, 1)
    canvas = image_sets.on_canvas(image, 2, (-2, 1))
    assert canvas.shape == (1, 6, 7, 1) and canvas.dtype == np.uint8 and canvas.sum() == 21
    np.testing.assert_array_equal(canvas[0, :2, 3:6, 0], image[0, ..., 0])
    np.testing.assert_array_equal(image_sets.on_canvas(image, 1)[0, 1:3, 1:4, 0], image[0, ..., 0])
    with pytest.raises(ValueError, match=r"^expected shifts of at most 2 pixels, received \(3, 0\)$"):
        image_sets.on_canvas(image, 2, (3, 0))


def test_gravel_lies_behind_the_digits_and_no_stone_is_in_two_parts():
    digits = image_sets.load(EMBEDDED, 0).images["test"][:50]
    ground = {part: image_sets.on_gravel(np.zeros((400, 8, 8, 1), np.uint8), part, 0) for part in SPLITS}
    assert (
        ground["train"].dtype == np.uint8
        and 150 < ground["train"].max() <= 179
        and ground["train"].min() == 0
    )
    pieces = {part: {piece.tobytes() for piece in images} for part, images in ground.items()}
    assert len(pieces["train"]) > 380
    assert not (pieces["train"] & pieces["test"]) and not (pieces["train"] & pieces["validation"])
    both = image_sets.on_gravel(digits, "test", 0)
    alone = image_sets.on_gravel(np.zeros_like(digits), "test", 0)
    np.testing.assert_array_equal(both, np.minimum(np.int64(digits) + alone, 255))
    assert not np.array_equal(both, image_sets.on_gravel(digits, "test", 1))
    np.testing.assert_array_equal(image_sets.on_gravel(digits, "test", 0, contrast=0), digits)
