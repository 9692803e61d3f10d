import numpy as np
import pytest
import tensorflow as tf

from suite.evaluation.detection import box_iou
from suite.training.box_losses import center_focal_loss, generalized_iou, per_thing


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 1, 1), (0, 0, 1, 1), 1.0),
        ((0, 0, 0.5, 0.5), (0, 0, 1, 0.5), 0.5),  # inside: the box around is the larger one
        ((0, 0, 0.2, 0.2), (0.8, 0.8, 1, 1), -0.92),  # 0 - (1 - 0.08) / 1
        ((0, 0, 0.4, 1), (0.2, 0, 0.6, 1), 1 / 3),  # side by side: nothing around is uncovered
    ],
)
def test_hand_cases(a, b, expected):
    value = generalized_iou(tf.constant(a, tf.float32), tf.constant(b, tf.float32))
    assert float(value) == pytest.approx(expected, abs=1e-6)


def test_it_is_the_iou_less_the_uncovered_share():
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 0.5, (2, 200, 2))
    a, b = np.float32(np.concatenate([corners, corners + rng.uniform(0.05, 0.5, (2, 200, 2))], axis=-1))
    values = generalized_iou(tf.constant(a), tf.constant(b)).numpy()
    overlaps = np.diag(box_iou(a, b))
    around = np.prod(np.maximum(a[:, 2:], b[:, 2:]) - np.minimum(a[:, :2], b[:, :2]), axis=1)
    areas = sum(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b))
    united = areas / (1 + overlaps)
    np.testing.assert_allclose(values, overlaps - (around - united) / around, atol=1e-5)


def test_boxes_apart_are_drawn_together():
    box = tf.Variable([0.0, 0.0, 0.2, 0.2])
    with tf.GradientTape() as tape:
        value = generalized_iou(box, tf.constant([0.6, 0.6, 0.9, 0.9]))
    gradient = tape.gradient(value, box).numpy()
    assert np.all(gradient[2:] > 0)


def test_center_focal_loss_is_equation_1():
    rng = np.random.default_rng(0)
    heat = rng.random((2, 3, 4, 2))
    heat[0, 1, 2, 0] = heat[1, 0, 0, 1] = heat[1, 2, 3, 0] = 1
    logits = rng.normal(size=heat.shape) * 3
    p = 1 / (1 + np.exp(-logits))
    terms = np.where(heat == 1, (1 - p) ** 2 * np.log(p), (1 - heat) ** 4 * p**2 * np.log(1 - p))
    loss = center_focal_loss(tf.constant(heat), tf.constant(logits))
    np.testing.assert_allclose(loss, -terms.sum(axis=(1, 2, 3)) / 1.5, rtol=1e-9)
    assert np.mean(loss) == pytest.approx(-terms.sum() / 3, rel=1e-9)
    assert np.isfinite(center_focal_loss(tf.zeros((1, 2, 2, 1)), tf.fill((1, 2, 2, 1), 200.0))).all()


def test_a_sum_is_divided_by_what_the_batch_holds():
    sums = tf.constant([3.0, 1.0])
    np.testing.assert_allclose(per_thing(sums, tf.constant(8.0), least=1), sums * 2 / 8)
    np.testing.assert_allclose(per_thing(sums, tf.constant(0.25), least=0.1), sums * 2 / 0.25)
    np.testing.assert_allclose(per_thing(sums, tf.constant(0.0), least=0.1), sums * 2 / 0.1)
