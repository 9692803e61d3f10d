"""What is said of the head where few photos are held out, on made-up features and pictures."""

import numpy as np
import pytest

from suite.data.pictures.image_source import ImageSource
from suite.finetuning.estimate import FoldEstimate, estimate_by_folds, has_few, held_out_part
from suite.finetuning.head import PlainFeatures

SIDE = 4


def paint(color, size):
    return np.full((*size, 3), color, np.uint8)


def open_source(colors, labels):
    return ImageSource(list(colors), list(labels), (SIDE, SIDE), load=paint)


def sources_of(train, validation, test):
    sizes = {"train": train, "validation": validation, "test": test}
    return {part: open_source(range(size), [0] * size) for part, size in sizes.items()}


def apart(labels, spread=0.1):
    """Features by which the classes are easily told."""
    noise = np.random.default_rng(0).normal(0, spread, (len(labels), 6))
    return (3 * np.eye(6)[labels] + noise).astype(np.float32)


def test_which_part_is_measured_and_whether_it_is_few():
    assert held_out_part(sources_of(9, 5, 5)) == "test"
    assert held_out_part(sources_of(9, 5, 0)) == "validation"
    assert held_out_part(sources_of(9, 0, 0)) == "train"
    assert not has_few(sources_of(9, 50, 50)) and not has_few(sources_of(9, 50, 0))
    assert all(map(has_few, (sources_of(9, 50, 49), sources_of(9, 49, 50), sources_of(99, 0, 0))))


def test_every_photo_is_answered_by_a_head_of_the_other_folds():
    labels = np.arange(60) % 3
    parts = [open_source(range(40), labels[:40]), open_source(range(40, 60), labels[40:])]
    features = apart(labels)
    features[7] = 3 * np.eye(6)[(labels[7] + 1) % 3]  # looks like another class
    found = estimate_by_folds(PlainFeatures(features, 1e-3), parts, 3, seed=1)
    assert found.probabilities.shape == (60, 3) and found.known.all() and found.folds == 5
    wrong = np.flatnonzero(found.probabilities.argmax(axis=1) != labels)
    assert wrong.tolist() == [7]
    np.testing.assert_array_equal(found.labels, labels)
    assert str(found) == "by 5 folds of the head over all 60 photos"


def test_copies_are_in_one_fold():
    """Labels at random: who finds a copy on the other side is right, the others guess."""
    rng = np.random.default_rng(3)
    different, labels = rng.normal(0, 1, (60, 40)).astype(np.float32), rng.integers(0, 4, 60)
    parts = [open_source([*range(60), *range(60)], np.tile(labels, 2))]
    plain = PlainFeatures(np.tile(different, (2, 1)), 1e-3)
    found = estimate_by_folds(plain, parts, 4, seed=0)
    assert np.mean(found.probabilities.argmax(axis=1) == found.labels) < 0.45
    apart_ = [open_source(range(120), np.tile(labels, 2))]  # the same features of pictures that differ
    leaked = estimate_by_folds(plain, apart_, 4, seed=0)
    assert np.mean(leaked.probabilities.argmax(axis=1) == leaked.labels) > 0.7


@pytest.mark.parametrize("per_class", [2, 3])
def test_few_photos_are_left_out_one_by_one(per_class):
    labels = np.repeat(np.arange(3), per_class)
    found = estimate_by_folds(
        PlainFeatures(apart(labels), 1e-3), [open_source(range(len(labels)), labels)], 3, seed=0
    )
    assert found.folds == len(labels) and found.known.all()
    np.testing.assert_array_equal(found.probabilities.argmax(axis=1), labels)
    assert str(found) == f"by {len(labels)} folds of the head over all {len(labels)} photos"


def test_a_class_with_a_single_photo_counts_as_wrong_and_is_named():
    labels = np.array([0, 0, 0, 1, 1, 1, 2])
    found = estimate_by_folds(PlainFeatures(apart(labels), 1e-3), [open_source(range(7), labels)], 3, seed=0)
    assert found.single_classes == 1 and found.known.tolist() == [True] * 6 + [False]
    assert found.probabilities[6, 2] == 0
    assert np.mean(found.probabilities.argmax(axis=1) == labels) == pytest.approx(6 / 7)
    assert str(found) == (
        "by 7 folds of the head over all 7 photos; 1 class has a single photo, which counts as wrong: "
        "nothing else shows the class"
    )
    copies = open_source([0, 1, 2, 3, 4, 5, 6, 6], [*labels, 2])
    of_copies = estimate_by_folds(PlainFeatures(apart(np.append(labels, 2)), 1e-3), [copies], 3, seed=0)
    assert of_copies.single_classes == 1 and not of_copies.known[6:].any() and of_copies.folds == 7


def test_without_two_photos_of_any_class_there_is_no_estimate():
    labels = np.arange(4)
    plain = PlainFeatures(apart(labels), 1e-3)
    assert estimate_by_folds(plain, [open_source(range(4), labels)], 4, seed=0) is None


def test_of_a_large_folder_some_are_dealt(monkeypatch):
    monkeypatch.setattr("suite.finetuning.estimate.MOST", 40)
    labels = np.arange(90) % 3
    plain = PlainFeatures(apart(labels), 1e-3)
    found = estimate_by_folds(plain, [open_source(range(90), labels)], 3, seed=0)
    np.testing.assert_array_equal(found.probabilities.argmax(axis=1), found.labels)
    assert str(found) == "by 5 folds of the head over 40 of the 90 photos"


def test_more_classes_with_a_single_photo_are_counted():
    estimate = FoldEstimate(np.zeros((5, 3)), np.zeros(5, int), np.ones(5, bool), 5, 5, 2)
    assert "; 2 classes have a single photo, which counts as wrong" in str(estimate)
