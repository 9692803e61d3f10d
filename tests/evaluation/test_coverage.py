import numpy as np
import pytest

from suite.evaluation.coverage import choose_threshold, coverage, coverage_curve, coverage_table


def answers(sure, right):
    sure = np.asarray(sure, np.float64)
    return np.stack([sure, 1 - sure], axis=1), np.where(right, 0, 1)


@pytest.fixture
def planted():
    """40 answers of 0.97, 39 of them right; 40 of 0.855, 35 right; 20 of 0.6, half of them right."""
    sure = np.repeat([0.97, 0.855, 0.6], [40, 40, 20])
    right = np.concatenate([np.arange(40) < 39, np.arange(40) < 35, np.arange(20) < 10])
    return answers(sure, right)


def test_the_table_by_hand(planted):
    table = coverage_table(*planted, "photos", "a note")
    assert table.note == "a note" and table.columns == ("threshold", "answered", "accuracy of the answered")
    assert table.rows == [
        ("0.00", "100.0%", "0.840 (0.76 to 0.90, 100 photos)"),
        ("0.50", "100.0%", "0.840 (0.76 to 0.90, 100 photos)"),
        ("0.60", "100.0%", "0.840 (0.76 to 0.90, 100 photos)"),
        ("0.70", "80.0%", "0.925 (0.85 to 0.97, 80 photos)"),
        ("0.80", "80.0%", "0.925 (0.85 to 0.97, 80 photos)"),
        ("0.90", "40.0%", "0.975 (0.87 to 1.00, 40 photos)"),
        ("0.95", "40.0%", "0.975 (0.87 to 1.00, 40 photos)"),
        ("0.99", "0.0%", "none answered"),
    ]


def test_the_lowest_threshold_that_is_right_often_enough(planted):
    found = choose_threshold(*planted, "photos")
    assert found == coverage(*planted, 0.97, "photos")
    assert (found.threshold, found.answered, found.accuracy) == (0.97, 0.4, 0.975)
    assert choose_threshold(*planted, "photos", accuracy=0.9).threshold == 0.855
    assert choose_threshold(*planted, "photos", accuracy=0.8).threshold == 0
    assert choose_threshold(*planted, "photos", accuracy=0.98) is None


def test_no_threshold_is_chosen_on_a_handful():
    probabilities, labels = answers([0.99] * 19 + [0.6] * 19, [True] * 19 + [False] * 19)
    assert choose_threshold(probabilities, labels, "photos") is None
    probabilities, labels = answers([0.99] * 20 + [0.6] * 19, [True] * 20 + [False] * 19)
    assert choose_threshold(probabilities, labels, "photos").threshold == 0.99


def test_float32_probabilities_reach_their_own_threshold():
    """0.9 in float32 is above 0.9, 0.7 below: four decimals are rounded down."""
    probabilities, labels = answers(np.full(20, 0.7), np.ones(20, bool))
    wrong, more = answers(np.full(20, 0.6), np.zeros(20, bool))
    found = choose_threshold(
        np.concatenate([probabilities, wrong]).astype(np.float32), np.append(labels, more), "photos"
    )
    assert found.interval.examples == 20 and found.threshold in (0.6999, 0.7)


def test_the_curve_gives_equally_sure_answers_together(planted):
    (axes,) = coverage_curve(*planted, "title", choose_threshold(*planted, "photos")).axes
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0.4, 0.8, 1.0])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.975, 0.925, 0.84])
    assert axes.texts[0].get_text() == "threshold 0.97"
