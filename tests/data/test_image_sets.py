import numpy as np
import pytest
import tensorflow_datasets as tfds
from sklearn import datasets

from suite.data import image_sets


def test_digits_are_split_and_keep_their_levels():
    digits = image_sets.load("embedded", seed=0)
    assert digits.describe() == {
        "source": "digits",
        "classes": list("0123456789"),
        "train": 1258,
        "validation": 269,
        "test": 270,
    }
    for part in image_sets.PARTS:
        assert digits.images[part].dtype == np.uint8 and digits.labels[part].dtype == np.int64
        assert digits.images[part].shape == (len(digits.labels[part]), 8, 8, 1)
    # every image of the source once, with its label, whatever the order
    source = datasets.load_digits()
    pairs = sorted(
        (int(label), *np.rint(image.ravel() * 16 / 255).astype(int))
        for part in image_sets.PARTS
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
        images = image_sets.load("tfds", seed=0, name=name)
    assert {part: len(labels) for part, labels in images.labels.items()} == {
        "train": 36,
        "validation": 4,
        "test": 40,
    }
    for part in image_sets.PARTS:
        assert images.images[part].shape[1:] == shape and images.images[part].dtype == np.uint8
        assert images.labels[part].dtype == np.int64
    assert len(images.classes) == 10 and images.source == name


def test_unknown_source_and_set():
    message = "^expected --data embedded or tfds, received 'photos/'; this recipe takes no others$"
    with pytest.raises(ValueError, match=message):
        image_sets.load("photos/", seed=0)
    with pytest.raises(ValueError, match="^expected the TFDS set 'no_such_set' under TFDS_DATA_DIR or"):
        image_sets.load("tfds", seed=0, name="no_such_set")
