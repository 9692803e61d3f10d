"""Probabilities that mean what they say: a temperature for the last layer, and a threshold for an answer."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from suite.evaluation.calibration import fit_temperature, reliability_diagram, with_temperature
from suite.evaluation.coverage import (
    ACCURACY,
    FEWEST_ANSWERED,
    Coverage,
    choose_threshold,
    coverage_curve,
    coverage_table,
)
from suite.evaluation.table import Table
from suite.finetuning.estimate import FEW, FoldEstimate
from suite.keras_internals import producer_of
from suite.linear.untrained import is_untrained


class Evidence(NamedTuple):
    """Answers to photos that the answering model was not trained on.

    Attributes:
        probabilities: `(n, K)` float32, before the temperature.
        labels: `(n,)` int.
        says: Which photos, in words.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    says: str


def evidence(
    part: str, probabilities: np.ndarray | None, labels: np.ndarray, estimate: FoldEstimate | None
) -> Evidence | None:
    """The answers to a held-out part; where these are few, those of the head to its folds, if there are any.

    Args:
        part: "validation" or "test".
        probabilities: `(n, K)`, the model's; None where n is 0.
        labels: `(n,)` int.
        estimate: The answers by folds, where they were made.

    Returns:
        None where nothing was held out.
    """
    if estimate is not None and len(labels) < FEW:
        known = estimate.known
        says = f"the head's answers to {known.sum():,} photos of folds that it was not trained on"
        return Evidence(estimate.probabilities[known], estimate.labels[known], says)
    if probabilities is None:
        return None
    return Evidence(probabilities, labels, f"the answers to {len(labels):,} {part} photos")


def calibrate(model: keras.Model, chosen_on: Evidence | None) -> float:
    """Divides the logits of a classifier by the temperature that fits held-out answers best.

    The last layer's kernel and bias are divided, so that the model has no further operation and ranks the
    classes as before.

    Args:
        model: Ends in a dense softmax, or is left as it is; is changed.
        chosen_on: What the temperature is chosen on; on fewer than 50 answers none is.

    Returns:
        The temperature; 1 where the model was left as it is.
    """
    last, _ = producer_of(model.outputs[0])
    is_softmax = isinstance(last, keras.layers.Dense) and last.activation is keras.activations.softmax
    if not is_softmax or chosen_on is None or len(chosen_on.labels) < FEW:
        return 1.0
    temperature = fit_temperature(chosen_on.probabilities, chosen_on.labels)
    kernel, *biases = last.get_weights()
    # A class that was never trained keeps the bias that says so.
    biases = [np.where(is_untrained(bias), bias, bias / temperature) for bias in biases]
    last.set_weights([kernel / temperature, *biases])
    return temperature


def trust(
    measured_on: Evidence | None, temperature: float
) -> tuple[dict[str, Any], tuple[Table, ...], dict[str, Any]]:
    """What the bundle says of how far to trust a probability.

    Args:
        measured_on: Held-out answers, before the temperature.
        temperature: Of the model.

    Returns:
        Figures by name; the table of thresholds; and the entry "none_of_these" of the record's data.
    """
    if measured_on is None:
        return {}, (), {"threshold": None, "measured_on": "nothing: no photo was held out"}
    before, labels, says = measured_on
    after = with_temperature(before, temperature)
    chosen = choose_threshold(after, labels, "photos")
    figures = {
        "reliability": reliability_diagram(
            before, after, labels, f"Reliability, temperature {temperature:.2f}"
        ),
        "coverage": coverage_curve(after, labels, "Accuracy of the surest answers", chosen),
    }
    note = (
        f"Measured on {says}. {_threshold_in_words(chosen)} All these photos are of the classes above: how "
        "many other pictures a threshold turns away, only such pictures tell."
    )
    table = coverage_table(after, labels, "photos", note)
    return figures, (table,), dict(_entry(chosen), measured_on=says)


def _threshold_in_words(chosen: Coverage | None) -> str:
    if chosen is None or chosen.interval is None:
        return (
            f"No threshold that {FEWEST_ANSWERED} photos reach makes {ACCURACY:.0%} of the answers right: "
            "more held-out photos, or a better model, would."
        )
    if not chosen.threshold:
        return f"Without a threshold {chosen.interval.beside(chosen.accuracy)} are right."
    return (
        f"From a probability of {chosen.threshold:.4f} on, {chosen.interval.beside(chosen.accuracy)} are "
        f'right, and {chosen.answered:.1%} are answered; below it, say "none of these".'
    )


def _entry(chosen: Coverage | None) -> Mapping[str, Any]:
    if chosen is None or chosen.interval is None:
        return {"threshold": None}
    numbers = {
        "answered": chosen.answered,
        "accuracy": chosen.accuracy,
        "low": chosen.interval.low,
        "high": chosen.interval.high,
    }
    rounded = {name: round(value, 4) for name, value in numbers.items()}
    return {"threshold": chosen.threshold, **rounded, "examples": chosen.interval.examples}
