import numpy as np
import pytest
import tensorflow as tf

from suite.data.sets import box_views
from suite.data.sets.box_views import random_window, repeats_of, view_batches, view_order
from suite.data.sets.detection_sets import DetectionSet


def marked(boxes, size=(60, 80)):
    """A black photo with white rectangles."""
    photo = np.zeros((*size, 3), np.uint8)
    for top, left, bottom, right in np.round(np.array(boxes) * (*size, *size)).astype(int):
        photo[top:bottom, left:right] = 255
    return photo


def test_boxes_follow_the_window():
    """The white pixels of a view are where its boxes are, whatever the window and the mirror."""
    box = np.float32([[0.2, 0.3, 0.6, 0.7]])
    photo, seen = marked(box), set()
    for seed in range(30):
        view, moved, is_visible = random_window(photo, box, 64, tf.constant([seed, 7], tf.int64))
        if not is_visible[0]:
            continue
        white = np.argwhere(view.numpy()[..., 0] > 191)  # the gray around a photo is 127
        found = np.concatenate([white.min(axis=0), white.max(axis=0) + 1]) / 64
        np.testing.assert_allclose(found, moved[0], atol=1.5 / 64)
        seen.add(bool(moved[0, 1] < 0.1) or bool(moved[0, 3] > 0.9))
    assert seen == {True, False}  # boxes at the border, and inside


def test_a_window_is_a_function_of_its_seed():
    photo, box = marked([[0.2, 0.3, 0.6, 0.7]]), np.float32([[0.2, 0.3, 0.6, 0.7]])
    one, again, other = (
        random_window(photo, box, 32, tf.constant([seed, 0], tf.int64)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one[0], again[0])
    assert not np.array_equal(one[1], other[1])


def test_what_is_hardly_visible_is_left_out():
    box = np.float32([[0.0, 0.0, 0.2, 0.2]])
    shares = []
    for seed in range(40):
        _, moved, is_visible = random_window(marked(box), box, 32, tf.constant([seed, 1], tf.int64))
        shares.append((float(np.prod(moved[0, 2:] - moved[0, :2])), bool(is_visible[0])))
    assert not any(is_visible for area, is_visible in shares if area == 0)
    assert {is_visible for _, is_visible in shares} == {True, False}


def test_rare_classes_are_seen_more_often():
    labels = [np.array([0])] * 8 + [np.array([1])] * 8 + [np.array([0, 2])]
    repeats = repeats_of(labels, 3)
    # class 0 is in 9 photos, 1 in 8, 2 in 1: the median is 8
    assert repeats[:8] == pytest.approx(1.0) and repeats[8:16] == pytest.approx(1.0)
    assert repeats[16] == pytest.approx(np.sqrt(8))
    assert max(repeats_of([np.array([0])] * 99 + [np.array([1])], 2)) == box_views.MOST_REPEATS
    order = view_order(repeats, 10_000, seed=0)
    assert np.mean(order == 16) / np.mean(order == 0) == pytest.approx(np.sqrt(8), rel=0.1)


def test_the_order_of_a_longer_training_begins_alike_and_passes_have_every_photo():
    order = view_order(np.ones(7), 21, seed=1)
    np.testing.assert_array_equal(order[:10], view_order(np.ones(7), 10, seed=1))
    for start in (0, 7, 14):
        assert sorted(order[start : start + 7]) == list(range(7))


def test_crowds_and_empty_photos():
    data = DetectionSet(
        images={"train": np.zeros((2, 40, 40, 3), np.uint8)},
        boxes={"train": [np.float32([[0, 0, 1, 1], [0.3, 0.3, 0.6, 0.6]]), np.zeros((0, 4), np.float32)]},
        labels={"train": [np.array([0, 1]), np.zeros(0, np.int64)]},
        is_crowd={"train": [np.array([True, False]), np.zeros(0, bool)]},
        source="made",
        classes=("a", "b"),
    )
    batches = view_batches(
        data, np.array([1, 0, 0]), first=0, side=32, batch_size=3, seed=0,
        targets=lambda boxes, labels: {"count": tf.shape(boxes)[0], "sum": tf.reduce_sum(labels)},
    )  # fmt: skip
    ((images, targets),) = batches
    assert images.shape == (3, 32, 32, 3) and images.dtype == tf.uint8
    assert targets["count"][0] == 0 and max(targets["count"]) == 1
    assert set(targets["sum"].numpy()) <= {0, 1}
