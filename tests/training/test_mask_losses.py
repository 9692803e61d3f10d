import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import jaccard_score, log_loss

from suite.data.sets.segmentation_sets import IGNORED
from suite.training.mask_losses import LARGEST_WEIGHT, class_weights, mask_loss


def masks_and_probabilities(classes=3):
    rng = np.random.default_rng(0)
    masks = rng.integers(0, classes, (2, 5, 6)).astype(np.uint8)
    return masks, rng.dirichlet(np.ones(classes), masks.shape).astype(np.float32)


def test_rare_classes_weigh_more_and_a_pixel_weighs_1_on_average():
    weights = class_weights(np.array([810, 90, 0]))
    assert weights[1] / weights[0] == pytest.approx(3)
    assert weights[0] * 0.9 + weights[1] * 0.1 == pytest.approx(1)
    assert weights[2] == 0
    assert class_weights(np.array([10**9, 1]))[1] == LARGEST_WEIGHT
    with pytest.raises(ValueError, match="^expected pixels of some class, received none$"):
        class_weights(np.zeros(3))


def test_the_cross_entropy_is_that_of_scikit_learn():
    masks, probabilities = masks_and_probabilities()
    weights = np.array([1, 2, 5], np.float32)
    values = mask_loss(weights)(masks, probabilities).numpy()
    iou_part = mask_loss(np.zeros(3, np.float32))(masks, probabilities).numpy()
    assert iou_part[0] == iou_part[1]
    for mask, p, value in zip(masks, probabilities, values - iou_part, strict=True):
        of_pixels = weights[mask.ravel()]
        expected = log_loss(mask.ravel(), p.reshape(-1, 3), sample_weight=of_pixels) * of_pixels.mean()
        assert value == pytest.approx(expected, rel=1e-5)


def test_of_sure_answers_the_iou_part_is_that_of_scikit_learn():
    masks, _ = masks_and_probabilities()
    answers = np.roll(masks, 1, axis=2)
    sure = np.eye(3, dtype=np.float32)[answers]
    value = mask_loss(np.zeros(3, np.float32))(masks, sure).numpy()
    expected = 1 - jaccard_score(masks.ravel(), answers.ravel(), average="macro")
    np.testing.assert_allclose(value, expected, atol=1e-5)


def test_ignored_pixels_have_no_gradient_and_absent_classes_no_share():
    masks, probabilities = masks_and_probabilities()
    masks[masks == 2] = IGNORED
    p = tf.Variable(probabilities)
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(mask_loss(np.ones(3, np.float32))(masks, p))
    gradient = tape.gradient(value, p).numpy()
    assert not gradient[masks == IGNORED].any() and gradient[masks != IGNORED].any(axis=-1).all()
    right = np.eye(3, dtype=np.float32)[np.where(masks == IGNORED, 0, masks)]
    np.testing.assert_allclose(mask_loss(np.ones(3, np.float32))(masks, right), 0, atol=1e-5)
    nothing = np.full_like(masks, IGNORED)
    assert np.isfinite(mask_loss(np.ones(3, np.float32))(nothing, probabilities)).all()
