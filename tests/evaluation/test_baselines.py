import numpy as np
import pytest

from suite.evaluation.baselines import Baseline, implied, most_frequent_class, unigrams


def test_a_baseline_is_beaten_by_what_is_better_alone():
    accuracy = Baseline("test_accuracy", 0.6, "always 'a'", examples=100)
    assert [accuracy.is_beaten_by(value) for value in (0.59, 0.6, 0.61, float("nan"))] == [0, 0, 1, 0]
    loss = Baseline("test_perplexity", 20, "how often each occurs", higher_is_better=False)
    assert [loss.is_beaten_by(value) for value in (19.9, 20, 21, float("nan"))] == [1, 0, 0, 0]


def test_where_every_answer_is_right_there_was_nothing_to_gain():
    assert Baseline("test_accuracy", 1.0, "always 'a'", examples=5).is_beaten_by(1.0)
    assert not Baseline("test_mean_iou", 1.0, "always 'a'").is_beaten_by(1.0)


def test_wilsons_interval_tells_what_may_be_chance():
    # statsmodels' proportion_confint(83, 100, method="wilson") = 0.7445, 0.8911; of 1000: 0.8055, 0.8520
    assert Baseline("test_accuracy", 0.75, "a", examples=100).may_be_chance(0.83)
    assert not Baseline("test_accuracy", 0.74, "a", examples=100).may_be_chance(0.83)
    assert not Baseline("test_accuracy", 0.75, "a", examples=1000).may_be_chance(0.83)
    assert not Baseline("test_mean_iou", 0.75, "a").may_be_chance(0.83)


def test_the_class_of_training_is_measured_on_held_out_labels():
    found = most_frequent_class(np.array([0, 1, 1]), np.array([0, 0, 0, 1]), ("ham", "spam"))
    assert (found.value, found.says, found.examples) == (0.25, "always 'spam'", 4)


def test_unigrams_are_those_of_training():
    found = unigrams(np.array([2, 2, 2, 3]), np.array([2, 3, 5]))
    counts = np.array([1, 1, 3, 1, 1, 1])  # each token of the held-out text counts at least once
    expected = np.exp(-np.mean(np.log(counts / counts.sum())[[2, 3, 5]]))
    assert found.value == pytest.approx(expected) and not found.higher_is_better
    assert unigrams(np.array([2, 3]), np.array([2]), "n", in_nats=True).value == pytest.approx(np.log(4))


def test_what_follows_from_what_a_model_is_judged_by():
    labels = np.array([1, 1, 0])
    assert implied("test_accuracy", labels, ("a", "b")) == Baseline(
        "test_accuracy", pytest.approx(2 / 3), "always 'b'", examples=3
    )
    assert implied("test_accuracy", labels).says == "always '1'"
    assert implied("test_r2", labels).value == 0
    assert implied("test_accuracy", np.eye(3)) is None and implied("test_bleu_4", labels) is None
