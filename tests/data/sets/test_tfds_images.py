import pytest
import tensorflow_datasets as tfds

from suite.data.pictures.images import decode
from suite.data.sets.tfds_images import write_image_dataset


def test_a_tfds_set_becomes_a_users_folder(tmp_path):
    with tfds.testing.mock_data(num_examples=60):
        root = write_image_dataset("tf_flowers", tmp_path / "flowers", limit=50)
    assert len(list(root.rglob("*.png"))) == 50
    assert {path.name for path in root.iterdir()} == {"dandelion", "daisy", "tulips", "sunflowers", "roses"}
    assert decode(next(root.rglob("*.png"))).shape[2] == 3


def test_a_set_without_labels_is_refused(tmp_path):
    with tfds.testing.mock_data(num_examples=1), pytest.raises(ValueError, match="features image and label"):
        write_image_dataset("tiny_shakespeare", tmp_path)


def test_a_set_that_cannot_be_had(tmp_path, monkeypatch):
    def offline(*args, **kwargs):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(tfds, "builder", offline)
    with pytest.raises(ValueError, match="expected the TFDS set 'tf_flowers' under TFDS_DATA_DIR") as failure:
        write_image_dataset("tf_flowers", tmp_path)
    assert "\n" not in str(failure.value)
