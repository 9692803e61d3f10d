import time

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, jaccard_score

from suite.evaluation.segmentation import (
    IGNORED,
    boundary_counts,
    boundary_iou,
    class_iou,
    iou_counts,
    mean_iou,
    mean_ratio,
)


def random_labels(seed, shape=(6, 20, 26), num_classes=4, ignored=0.1):
    """Blobs with edges, predictions that are mostly right, and some pixels ignored."""
    rng = np.random.default_rng(seed)
    n, height, width = shape
    coarse = rng.integers(0, num_classes, (n, height // 4 + 1, width // 4 + 1))
    targets = coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :height, :width]
    predictions = np.where(
        rng.random(shape) < 0.1, rng.integers(0, num_classes, shape), np.roll(targets, 1, 2)
    )
    return predictions, np.where(rng.random(shape) < ignored, IGNORED, targets)


def test_mean_iou_by_hand():
    targets = np.array([[[0, 0, 1], [0, 1, 1]], [[1, 1, 2], [2, 2, 2]]])
    predictions = np.array([[[0, 1, 1], [0, 0, 1]], [[1, 2, 2], [2, 2, 2]]])
    # class 0: 2 common of 4; class 1: 3 of 6; class 2: 4 of 5; class 3 nowhere
    np.testing.assert_allclose(class_iou(predictions, targets, 4), [2 / 4, 3 / 6, 4 / 5, np.nan])
    assert mean_iou(predictions, targets, 4) == pytest.approx((0.5 + 0.5 + 0.8) / 3)


def test_sums_come_before_the_division():
    targets = np.array([[[1, 1, 1, 1]], [[0, 0, 0, 1]]])
    predictions = np.array([[[1, 1, 1, 1]], [[0, 0, 1, 0]]])
    # class 1: 4 common of 6 over both images; the mean of 4/4 and 0/2 would be 1/2
    np.testing.assert_allclose(class_iou(predictions, targets, 2), [2 / 4, 4 / 6])


def test_a_class_that_is_only_predicted_counts_as_0():
    targets, predictions = np.zeros((1, 2, 2), int), np.array([[[0, 0], [0, 2]]])
    np.testing.assert_allclose(class_iou(predictions, targets, 3), [3 / 4, np.nan, 0])
    assert mean_iou(predictions, targets, 3) == pytest.approx(3 / 8)


def test_ignored_pixels_count_for_nothing():
    targets = np.array([[[0, 0, IGNORED], [1, 1, IGNORED]]], np.uint8)
    for guess in (0, 1, 2):
        predictions = np.array([[[0, 1, guess], [1, 1, guess]]])
        np.testing.assert_allclose(class_iou(predictions, targets, 3), [1 / 2, 2 / 3, np.nan])


@pytest.mark.parametrize("seed", range(5))
def test_mean_iou_is_that_of_scikit_learn(seed):
    predictions, targets = random_labels(seed)
    valid = targets != IGNORED
    expected = jaccard_score(targets[valid], predictions[valid], average=None)
    np.testing.assert_allclose(class_iou(predictions, targets, 4), expected, rtol=1e-12)
    assert mean_iou(predictions, targets, 4) == pytest.approx(expected.mean(), rel=1e-12)


def test_counts_of_images_add_up_to_the_mean_iou_of_all():
    predictions, targets = random_labels(0)
    counts = iou_counts(predictions, targets, 4)
    for row, prediction, target in zip(counts, predictions, targets, strict=True):
        known = target != IGNORED
        matrix = confusion_matrix(target[known], prediction[known], labels=range(4))
        np.testing.assert_array_equal(row[0], np.diag(matrix))
        np.testing.assert_array_equal(row[1], matrix.sum(0) + matrix.sum(1) - np.diag(matrix))
    assert mean_ratio(counts) == mean_iou(predictions, targets, 4)
    assert mean_ratio(counts[[1, 1]]) == mean_iou(predictions[[1, 1]], targets[[1, 1]], 4)
    assert mean_ratio(boundary_counts(predictions, targets, 4)) == boundary_iou(predictions, targets, 4)


def square(top, left, side=5, size=9):
    labels = np.zeros((1, size, size), int)
    labels[0, top : top + side, left : left + side] = 1
    return labels


def test_boundary_iou_by_hand():
    targets, predictions = square(2, 2), square(2, 3)
    # Class 1: two rings of 16 pixels, one a column further. Their rows share 4 pixels each, their columns (2
    # and 6, 3 and 7) none: 8 common of 24.
    # Class 0: the border of the image, 32 pixels, and a ring of 24 around each square, of which the
    # prediction's has its last 7 on the border. Common: the border, and 6 pixels in each of rows 1 and 7: 44
    # of 56 + 49 - 44.
    assert boundary_iou(predictions, targets, 2, distance=1) == pytest.approx((8 / 24 + 44 / 61) / 2)
    # From distance 3 on a square of 5 is all contour: 20 common of 30.
    assert boundary_iou(predictions, targets, 2, distance=9) == pytest.approx(
        mean_iou(predictions, targets, 2)
    )


def test_the_border_of_the_image_is_contour():
    targets = np.zeros((1, 6, 6), int)
    predictions = targets.copy()
    predictions[0, 2:4, 2:4] = 1
    # One class fills the target: its contour at distance 1 is the border, 20 pixels. The prediction's contour
    # is the border and the ring of 12 around the wrong pixels.
    assert boundary_iou(predictions, targets, 2, distance=1) == pytest.approx((20 / 32 + 0) / 2)
    assert boundary_iou(targets, targets, 2, distance=1) == 1


def test_ignored_pixels_cut_both_masks():
    targets = np.full((1, 8, 8), 1)
    targets[0, :, 4:] = IGNORED
    predictions = np.full((1, 8, 8), 1)
    predictions[0, :, 6:] = 0
    assert boundary_iou(predictions, targets, 2, distance=1) == 1
    predictions[0, 3, 2] = 0
    # The 8 x 4 strip has a ring of 20 pixels; the hole's 8 neighbors add those in columns 1 and 2 (5), and
    # the hole is class 0, which the target has nowhere.
    assert boundary_iou(predictions, targets, 2, distance=1) == pytest.approx((20 / 25 + 0) / 2)


def contour_by_definition(mask, distance):
    """Pixels of a mask with a pixel outside it (or outside the image) within `distance`, one by one."""
    height, width = mask.shape
    contour = np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        for down in range(-distance, distance + 1):
            for right in range(-distance, distance + 1):
                r, c = row + down, column + right
                if not (0 <= r < height and 0 <= c < width and mask[r, c]):
                    contour[row, column] = True
    return contour


@pytest.mark.parametrize("distance", [1, 2, 4])
def test_boundary_iou_by_definition(distance):
    predictions, targets = random_labels(7, shape=(3, 18, 14), num_classes=3, ignored=0.02)
    common, together = np.zeros(3), np.zeros(3)
    for prediction, target in zip(predictions, targets, strict=True):
        for label in range(3):
            a = contour_by_definition((prediction == label) & (target != IGNORED), distance)
            b = contour_by_definition(target == label, distance)
            common[label] += (a & b).sum()
            together[label] += (a | b).sum()
    expected = np.mean(common / together)
    assert boundary_iou(predictions, targets, 3, distance) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("size", "distance"), [(96, 3), (80, 2), (60, 2), (10, 1)])
def test_the_default_distance_is_2_percent_of_the_diagonal(size, distance):
    targets, predictions = (square(1, left, side=8, size=size) for left in (1, 2))
    value = boundary_iou(predictions, targets, 2)
    assert value == boundary_iou(predictions, targets, 2, distance)
    assert value != boundary_iou(predictions, targets, 2, distance + 1)


def test_a_shift_shows_more_along_the_boundary():
    predictions, targets = square(20, 20, side=50, size=96), square(20, 22, side=50, size=96)
    assert boundary_iou(predictions, targets, 2) < 0.75 < 0.9 < mean_iou(predictions, targets, 2)


def test_300_images_take_less_than_a_second():
    predictions, targets = random_labels(1, (300, 96, 96), num_classes=5)
    for function in (mean_iou, boundary_iou):
        start = time.process_time()
        function(predictions, targets, 5)
        assert time.process_time() - start < 1  # 0.04 and 0.12 s measured


ZEROS = np.zeros((2, 3, 4), int)


@pytest.mark.parametrize("function", [mean_iou, class_iou, boundary_iou])
@pytest.mark.parametrize(
    ("predictions", "targets", "num_classes", "message"),
    [
        (ZEROS, ZEROS[1:], 2, r"of one shape \(n, height, width\), received \(2, 3, 4\) and \(1, 3, 4\)$"),
        (ZEROS[0], ZEROS[0], 2, r"of one shape \(n, height, width\), received \(3, 4\) and \(3, 4\)$"),
        (ZEROS, ZEROS, 256, "^expected 1 to 255 classes, received 256$"),
        (ZEROS, ZEROS, 0, "^expected 1 to 255 classes, received 0$"),
        (ZEROS * 1.0, ZEROS, 2, "predictions of class indices, received float64; take the argmax first$"),
        (
            ZEROS + 2,
            ZEROS,
            2,
            r"predictions in \[0, 2\), received 2 to 2; mark target pixels of no class by 255",
        ),
        (ZEROS + IGNORED, ZEROS, 2, r"predictions in \[0, 2\), received 255 to 255"),
        (ZEROS, ZEROS - 1, 2, r"targets in \[0, 2\), received -1 to -1"),
    ],
)
def test_what_does_not_fit_is_refused(function, predictions, targets, num_classes, message):
    with pytest.raises(ValueError, match=message):
        function(predictions, targets, num_classes)


def test_a_distance_below_1_and_nothing_to_compare_are_refused():
    with pytest.raises(ValueError, match="^expected a distance of at least 1 pixel, received 0$"):
        boundary_iou(ZEROS, ZEROS, 2, distance=0)
    nothing = ZEROS + IGNORED
    assert np.isnan(class_iou(ZEROS, nothing, 2)).all()
    for function in (mean_iou, boundary_iou):
        with pytest.raises(
            ValueError, match="^expected at least one pixel that is not ignored, received none$"
        ):
            function(ZEROS, nothing, 2)
