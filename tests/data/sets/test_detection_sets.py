import numpy as np
import pytest
import tensorflow_datasets as tfds

from suite.data.folders.box_files import FORMS
from suite.data.sets.detection_sets import load
from suite.data.source import Source
from tests.data.folders.boxes import SIZE, message, write, write_text
from tests.data.noise import sizes

pytestmark = pytest.mark.usefixtures("quiet")


def test_folders_that_are_none(tmp_path):
    expected = "expected a folder of pictures with boxes, received 'ROOT'"
    assert message(tmp_path / "no") == f"{expected}, which does not exist; check the path"
    (tmp_path / "other" / "images").mkdir(parents=True)
    assert message(tmp_path / "other") == (
        f"expected boxes as {', '.join(form.name for form in FORMS)} or Darknet have them in 'ROOT', "
        "received images/; put the pictures in images/ and a YOLO label file for each in labels/, or a COCO "
        "file in annotations/"
    )


def test_too_few_are_an_error(tmp_path):
    for seed in range(5):
        write(tmp_path / "images" / f"{seed}.png", seed)
    write_text(tmp_path / "labels" / "4.txt", "none\n")
    write_text(tmp_path / "classes.txt", "cat\n")
    assert message(tmp_path) == (
        "expected at least 5 for train, 1 for validation, 1 for test usable pictures in 'ROOT', received 2 "
        "for train, 1 for validation, 1 for test (1 set aside, as 'images/4.png': line 1 of its label file "
        "has 1 fields, not the 5 of class cx cy w h); mend those or add others"
    )


def test_voc():
    def as_dataset(self, *args, **kwargs):
        import tensorflow as tf

        objects = {
            "bbox": np.float32([[0, 0.1, 0.5, 1]] * 2),
            "label": [3, 19],
            "is_difficult": [False, True],
        }
        one = {"image": np.zeros((9, 7, 3), np.uint8), "objects": objects}
        return tf.data.Dataset.from_tensors(one).repeat(6).apply(tf.data.experimental.assert_cardinality(6))

    with tfds.testing.mock_data(num_examples=6, as_dataset_fn=as_dataset):
        found = load(Source.parse("tfds"), 0, SIZE)
    assert sizes(found) == [6, 6, 6] and found.source == "voc/2007"
    assert len(found.classes) == 20 and found.classes[19] == "tvmonitor"
    np.testing.assert_array_equal(found.boxes["test"][0], np.float32([[0, 0.1, 0.5, 1]] * 2))
    assert found.labels["test"][0].tolist() == [3, 19]
    assert found.is_crowd["validation"][0].tolist() == [False, True]
    assert found.images["train"].shape == (6, *SIZE, 3)


def test_another_tfds_set_is_refused():
    with pytest.raises(ValueError, match="^expected --data tfds, which is voc/2007, received 'tfds:coco'"):
        load(Source.parse("tfds:coco"), 0, SIZE)
