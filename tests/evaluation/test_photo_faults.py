import numpy as np
import pytest

from suite.evaluation.photo_faults import LEAST_TOLD, blurred, suspected_labels, told_by


def clusters(per_class=30, classes=3, seed=0):
    """Features about a center a class, and probabilities by the distance to it."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    features = (np.eye(classes, 8) * 4)[labels] + random.standard_normal((len(labels), 8)) * 0.6
    logits = features[:, :classes]
    return features, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), labels


def test_wrong_labels_are_found_and_right_ones_are_not():
    features, probabilities, labels = clusters()
    alone = np.arange(len(labels))
    assert len(suspected_labels(probabilities, features, labels, alone)[0]) == 0
    given = labels.copy()
    given[[4, 40]] = 2, 0
    suspects, likely = suspected_labels(probabilities, features, given, alone)
    assert dict(zip(suspects.tolist(), likely.tolist(), strict=True)) == {4: 0, 40: 1}
    sure = probabilities[suspects, given[suspects]]
    assert (np.diff(sure) >= 0).all()


def test_both_witnesses_are_needed():
    features, probabilities, labels = clusters()
    alone = np.arange(len(labels))
    mistaken = probabilities.copy()
    mistaken[5] = mistaken[70]  # the model is wrong about it, its neighbors are not
    assert len(suspected_labels(mistaken, features, labels, alone)[0]) == 0
    given = labels.copy()
    given[5] = 1
    unsure = probabilities.copy()
    unsure[5] = 1 / 3  # the neighbors say so, the model does not
    assert len(suspected_labels(unsure, features, given, alone)[0]) == 0


def test_a_copy_is_no_witness():
    """Five copies of a picture with one wrong label would defend each other."""
    features, probabilities, labels = clusters()
    given = labels.copy()
    given[:6] = 2
    best = probabilities[:30, 0].argmax()
    features[:6], probabilities[:6] = features[best], probabilities[best]
    alone = np.arange(len(labels))
    assert len(suspected_labels(probabilities, features, given, alone)[0]) == 0
    groups = np.where(alone < 6, 0, alone)
    assert suspected_labels(probabilities, features, given, groups)[0].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_property_that_tells_a_class():
    labels = np.repeat([0, 1, 2], 20)
    assert told_by(["PNG"] * 20 + ["JPEG"] * 40, labels, 3).tolist() == [1, 0.75, 0.75]
    assert told_by(["PNG", "JPEG"] * 30, labels, 3).max() < LEAST_TOLD
    assert told_by(["JPEG"] * 60, labels, 3).max() < LEAST_TOLD


def test_a_value_of_its_own_tells_nothing():
    assert told_by([str(index) for index in range(40)], np.repeat([0, 1], 20), 2).max() < LEAST_TOLD


@pytest.mark.parametrize("per_class", [8, 12, 20])
@pytest.mark.parametrize("values", [2, 4])
def test_chance_stays_below_the_threshold(per_class, values):
    """Of a thousand random mixes, less than one in a hundred would be taken for a fault of the set."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), per_class)
    told = [told_by(random.integers(values, size=len(labels)), labels, 3).max() for _ in range(1000)]
    assert np.mean(np.array(told) >= LEAST_TOLD) < 0.01


def test_few_exceptions_do_not_hide_it():
    labels = np.repeat([0, 1], 50)
    values = ["PNG"] * 47 + ["JPEG"] * 3 + ["JPEG"] * 48 + ["PNG"] * 2
    assert told_by(values, labels, 2) == pytest.approx([0.95, 0.95])
    values = ["PNG"] * 35 + ["JPEG"] * 65
    assert told_by(values, labels, 2).max() == pytest.approx(0.85)  # most, not nearly all


def test_a_small_class_is_not_judged():
    assert told_by(["PNG"] * 7 + ["JPEG"] * 20, np.repeat([0, 1], [7, 20]), 2).tolist() == [0, 0]


def test_blurred():
    random = np.random.default_rng(0)
    sharp = np.exp(random.normal(0, 0.4, 200))
    assert blurred(sharp).tolist() == []
    assert blurred(np.concatenate([sharp, [0.01, 0.001]])).tolist() == [201, 200]
    varied = np.exp(random.normal(0, 1.5, 200))  # no picture is unlike the others where all differ
    assert blurred(np.append(varied, 0.01)).tolist() == []
    assert blurred(np.ones(9)).tolist() == [] and blurred(np.zeros(0)).tolist() == []
