import numpy as np
import pytest

from suite.evaluation.calibration import (
    expected_calibration_error,
    fit_temperature,
    reliability,
    reliability_diagram,
    with_temperature,
)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def calibrated():
    """Logits of 4000 answers, and labels that are drawn from their softmax."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 5))
    labels = (softmax(logits).cumsum(axis=1) < rng.uniform(size=(4000, 1))).sum(axis=1).clip(0, 4)
    return logits, labels


def of_two(*sure):
    return np.array([(each, 1 - each) for each in sure])


def test_the_error_of_a_planted_case_by_hand():
    """Of 10 bins: 0.61, 0.69 and 0.65 in one, two of three right; 0.95 in another, wrong."""
    probabilities, labels = of_two(0.61, 0.69, 0.65, 0.95), np.array([0, 0, 1, 1])
    np.testing.assert_allclose(reliability(probabilities, labels, 10), [[3, 0.65, 2 / 3], [1, 0.95, 0]])
    expected = (3 * (2 / 3 - 0.65) + 1 * 0.95) / 4
    assert expected_calibration_error(probabilities, labels, 10) == pytest.approx(expected)


def test_ends_of_bins_belong_to_the_bin_below():
    """As in the paper: ((m - 1) / M, m / M]."""
    assert reliability(of_two(1.0, 0.625, 0.63, 0.9), np.zeros(4, int), 8)[:, 0].tolist() == [1, 1, 2]


def test_a_calibrated_model_has_a_small_error_and_keeps_its_temperature(calibrated):
    logits, labels = calibrated
    assert fit_temperature(softmax(logits), labels) == pytest.approx(1, abs=0.05)
    assert expected_calibration_error(softmax(logits), labels) < 0.02


@pytest.mark.parametrize("planted", [3.0, 1 / 3])
def test_the_temperature_recovers_a_planted_miscalibration(calibrated, planted):
    logits, labels = calibrated
    wrong = softmax(planted * logits)
    found = fit_temperature(wrong, labels)
    assert found == pytest.approx(planted, rel=0.05)
    assert expected_calibration_error(wrong, labels) > 0.1
    mended = with_temperature(wrong, found)
    assert expected_calibration_error(mended, labels) < 0.02
    np.testing.assert_array_equal(mended.argmax(axis=1), wrong.argmax(axis=1))


def test_a_temperature_divides_the_logits():
    logits = np.random.default_rng(1).normal(0, 3, (20, 4))
    np.testing.assert_allclose(with_temperature(softmax(logits), 2.5), softmax(logits / 2.5), rtol=1e-4)
    given = softmax(logits)
    assert with_temperature(given, 1.0) is given


def test_answers_that_are_all_right_do_not_make_the_model_certain():
    found = fit_temperature(np.repeat(of_two(0.9), 60, axis=0), np.zeros(60, int))
    assert 0.3 < found < 1
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, int)) == 1


def test_a_probability_of_zero_has_a_logarithm():
    probabilities = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    assert 1 < fit_temperature(probabilities, np.array([0, 1, 1])) <= 20.1


def test_the_diagram_shows_both(calibrated):
    logits, labels = calibrated
    figure = reliability_diagram(softmax(3 * logits), softmax(logits), labels, "Temperature 3.00")
    (axes,) = figure.axes
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    before, after = (expected_calibration_error(softmax(k * logits), labels) for k in (3, 1))
    assert names == ["as sure as right", f"before, error {before:.3f}", f"after, error {after:.3f}"]
    np.testing.assert_allclose(axes.lines[1].get_ydata(), reliability(softmax(3 * logits), labels)[:, 2])
