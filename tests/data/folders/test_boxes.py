import numpy as np
import tensorflow as tf

from suite.data.sets.boxes import box_examples, random_mirror
from suite.data.sets.detection_sets import DetectionSet


def test_examples_leave_crowds_out_and_keep_images_without_boxes():
    rows = [np.float32([(0, 0, 0.5, 0.5), (0.2, 0.2, 1, 1)]), np.zeros((0, 4), np.float32)]
    data = DetectionSet(
        images={"train": np.arange(2, dtype=np.uint8).reshape(2, 1, 1, 1) * np.ones((2, 4, 4, 3), np.uint8)},
        boxes={"train": rows},
        labels={"train": [np.array([3, 1]), np.zeros(0, np.int64)]},
        is_crowd={"train": [np.array([True, False]), np.zeros(0, bool)]},
        classes=tuple("abcd"),
        source="none",
    )
    (first, boxes, labels), (second, no_boxes, no_labels) = box_examples(data, "train").as_numpy_iterator()
    assert first.max() == 0 and second.max() == 1
    np.testing.assert_allclose(boxes, [(0.2, 0.2, 1, 1)])
    assert labels.tolist() == [1] and no_boxes.shape == (0, 4) and no_labels.shape == (0,)
    assert len(list(box_examples(data, "train", limit=1))) == 1


def test_boxes_follow_what_is_in_them():
    tf.random.set_seed(0)
    image = np.zeros((10, 20, 1), np.uint8)
    image[1:4, 2:12] = 1  # rows 0.1 to 0.4, columns 0.1 to 0.6
    seen = set()
    for _ in range(40):
        mirrored, box = random_mirror(tf.constant(image), tf.constant([0.1, 0.1, 0.4, 0.6]))
        rows, columns, _ = np.nonzero(mirrored.numpy())
        bounds = rows.min() / 10, columns.min() / 20, (rows.max() + 1) / 10, (columns.max() + 1) / 20
        np.testing.assert_allclose(box, bounds, atol=1e-6)
        seen.add(bounds)
    assert len(seen) == 4
    assert random_mirror(tf.constant(image), tf.zeros((3, 4)))[1].shape == (3, 4)
