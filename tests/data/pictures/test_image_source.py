"""Pictures in batches: order, augmentation, what is kept on disk, going on after an interruption."""

import errno

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from suite.data.pictures.augmentation import augment
from suite.data.pictures.image_source import ImageSource
from suite.data.pictures.images import load_image
from tests.data.noise import noise


@pytest.fixture
def source(tmp_path):
    files = []
    for i in range(7):
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(noise(i, (20, 30))).save(files[-1])
    return ImageSource(files, list(range(10, 17)), size=(16, 24))


def epoch(source, batch_size=3, **options):
    batches = list(source.batches(batch_size, **options).as_numpy_iterator())
    return np.concatenate([images for images, _ in batches]), np.concatenate(
        [labels for _, labels in batches]
    )


def test_batches_hold_every_picture_once_in_order_with_the_rest_in_the_last(source):
    batches = list(source.batches(3).as_numpy_iterator())
    assert [images.shape for images, _ in batches] == [(3, 16, 24, 3), (3, 16, 24, 3), (1, 16, 24, 3)]
    images, labels = epoch(source)
    assert images.dtype == np.uint8 and labels.dtype == np.int32
    assert labels.tolist() == list(range(10, 17))
    for file, image in zip(source.files, images, strict=True):
        np.testing.assert_array_equal(image, load_image(file, (16, 24)))


def test_batches_tell_their_shape_and_number(source):
    dataset = source.batches(3, order_seed=0, augment_seed=0)
    assert dataset.cardinality() == 3
    assert dataset.element_spec == (
        tf.TensorSpec((None, 16, 24, 3), tf.uint8),
        tf.TensorSpec((None,), tf.int32),
    )


def test_the_order_of_an_epoch_is_a_function_of_its_seed(source):
    images, labels = epoch(source, order_seed=5)
    assert sorted(labels) == list(range(10, 17)) and labels.tolist() != list(range(10, 17))
    for image, label in zip(images, labels, strict=True):
        np.testing.assert_array_equal(image, load_image(source.files[label - 10], (16, 24)))
    np.testing.assert_array_equal(epoch(source, order_seed=5)[1], labels)
    assert epoch(source, order_seed=6)[1].tolist() != labels.tolist()


def test_an_augmented_epoch_is_a_function_of_its_seed_alone(source):
    fresh = ImageSource(source.files, source.labels, size=(16, 24), disk_limit=0)
    images, labels = epoch(source, order_seed=5, augment_seed=5)
    epoch(source, order_seed=6, augment_seed=6)
    again = epoch(source, order_seed=5, augment_seed=5)
    elsewhere = epoch(fresh, batch_size=2, order_seed=5, augment_seed=5)
    for other_images, other_labels in (again, elsewhere):
        np.testing.assert_array_equal(other_images, images)
        np.testing.assert_array_equal(other_labels, labels)
    example = augment(load_image(source.files[labels[0] - 10], (16, 24)), (5, labels[0] - 10))
    np.testing.assert_array_equal(images[0], example)


def test_each_epoch_is_augmented_anew_and_the_kept_pictures_stay_as_they_are(source):
    plain = epoch(source)[0]
    first, first_labels = epoch(source, order_seed=1, augment_seed=1)
    second, second_labels = epoch(source, order_seed=2, augment_seed=2)
    for i, j in zip(first_labels.argsort(), second_labels.argsort(), strict=True):
        assert (first[i] != second[j]).any()
    np.testing.assert_array_equal(epoch(source)[0], plain)


@pytest.mark.parametrize(("disk_limit", "decoded"), [(2**20, 7), (0, 14), (3 * 16 * 24 * 3, 11)])
def test_what_fits_on_disk_is_decoded_once(source, tmp_path, disk_limit, decoded):
    calls = []

    def counted(path, size):
        calls.append(path)
        return load_image(path, size)

    before = sorted(tmp_path.iterdir())
    limited = ImageSource(
        source.files, source.labels, size=(16, 24), load=counted, folder=tmp_path, disk_limit=disk_limit
    )
    assert not calls
    passes = [epoch(limited)[0] for _ in range(2)]
    assert len(calls) == decoded
    np.testing.assert_array_equal(passes[1], passes[0])
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_costs_only_time(source, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    expected = epoch(source)[0]
    monkeypatch.setattr("os.pwrite", full)
    fresh = ImageSource(source.files, source.labels, size=(16, 24))
    for _ in range(2):
        np.testing.assert_array_equal(epoch(fresh)[0], expected)


def test_an_interrupted_pass_goes_on_where_it_stopped(source):
    images, labels = epoch(source, order_seed=5, augment_seed=5)
    rest, rest_labels = epoch(source, order_seed=5, augment_seed=5, start=3)
    np.testing.assert_array_equal(rest, images[3:])
    np.testing.assert_array_equal(rest_labels, labels[3:])


def test_no_pictures_give_no_batches():
    assert len(ImageSource([], [], size=(8, 8))) == 0
    assert list(ImageSource([], [], size=(8, 8)).batches(4)) == []


def test_wrong_arguments_are_named(source):
    with pytest.raises(ValueError, match="expected a label per file, received 7 files and 1 labels"):
        ImageSource(source.files, [0], size=(8, 8))
