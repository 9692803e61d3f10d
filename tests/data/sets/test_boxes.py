import numpy as np
import pytest

from suite.data.sets.boxes import single_boxes
from suite.data.sets.detection_sets import DetectionSet

BOXES = [np.float32([[0, 0, 0.5, 0.5]]), np.zeros((0, 4), np.float32), np.float32([[0.1, 0.2, 0.3, 0.4]] * 2)]
BOXES += [np.float32([[0.5, 0.25, 1, 0.75]]), np.float32([[0, 0, 1, 1]])]
CROWDS = [np.zeros(len(rows), bool) for rows in BOXES[:4]] + [np.array([True])]


def detection_set(rows):
    return DetectionSet(
        images={"test": np.arange(5, dtype=np.uint8)[rows][:, None, None, None]},
        boxes={"test": [BOXES[row] for row in rows]},
        labels={"test": [np.full(len(BOXES[row]), row) for row in rows]},
        is_crowd={"test": [CROWDS[row] for row in rows]},
        classes=tuple("abcde"),
        source="a folder",
    )


def test_images_with_one_box_are_kept_with_it():
    images, boxes, labels = single_boxes(detection_set([0, 1, 2, 3, 4]), "test")
    assert images.ravel().tolist() == labels.tolist() == [0, 3]
    np.testing.assert_array_equal(boxes, np.float32([[0, 0, 0.5, 0.5], [0.5, 0.25, 1, 0.75]]))


def test_without_any_it_is_refused():
    with pytest.raises(ValueError, match="^expected test images with one box in a folder, received none$"):
        single_boxes(detection_set([1, 2, 4]), "test")
