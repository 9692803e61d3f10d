"""Metrics on the outputs of a model in any runtime: NumPy in, one number out."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from suite import console

_ROUNDING = 1e-6  # of float32, relative: a few of its steps of 1.2e-7


class Metric(NamedTuple):
    """A number by which a model, and each of its exported artifacts, is judged.

    Attributes:
        name: Metric name with its split, such as "test_accuracy".
        function: Maps `(outputs, targets)`, outputs being arrays by output name with one row an example, to a
            float.
        tolerance: How much worse a reduced-precision artifact may be than the Keras model, in the metric's
            unit.
        higher_is_better: Whether a larger value is better.
    """

    name: str
    function: Callable[[Mapping[str, np.ndarray], Any], float]
    tolerance: float = 0.015
    higher_is_better: bool = True

    def loss_against(self, value: float, reference: float) -> float:
        """Tells how much worse `value` is than `reference`; negative where it is better."""
        return reference - value if self.higher_is_better else value - reference


def choose(scores: Mapping[str, float], metric: str, higher_is_better: bool = True) -> str:
    """Chooses the model to export by a metric of the validation part, and says so.

    Args:
        scores: The metric by model, the simplest first: of equal ones the first is taken.
        metric: What it is, in words.
        higher_is_better: Whether a larger value is better.
    """
    sign = 1 if higher_is_better else -1
    best = max(scores, key=lambda name: sign * np.nan_to_num(scores[name], nan=-sign * np.inf))
    found = ", ".join(f"{name} {score:.4g}" for name, score in scores.items())
    console.say(f"exporting {best}, the best on validation by {metric}: {found}")
    return best


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Gives the share of examples whose most probable class is the right one.

    Args:
        probabilities: `(n, num_classes)` float, in any increasing scale of probability.
        labels: `(n,)` int, in [0, num_classes).

    Returns:
        A number in [0, 1].

    Raises:
        ValueError: There is no example.
    """
    _check_some(labels)
    return float(np.mean(np.argmax(probabilities, axis=-1) == labels))


def masked_accuracy(probabilities: np.ndarray, labels: np.ndarray, mask: np.ndarray) -> float:
    """Gives the share of the counted places, of all sequences together, whose most probable class is right.

    The right ones are added up over all sequences and divided once: a long sequence counts for more than a
    short one, and padding not at all.

    Args:
        probabilities: `(n, length, num_classes)` float, in any increasing scale of probability.
        labels: `(n, length)` int; any where the mask is False.
        mask: `(n, length)` bool, which places count.

    Returns:
        A number in [0, 1].

    Raises:
        ValueError: The mask counts no place.
    """
    if not np.any(mask):
        raise ValueError(f"expected a mask that counts some place, received {np.shape(mask)} of False")
    return float(np.sum((np.argmax(probabilities, axis=-1) == labels) & mask) / np.sum(mask))


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Gives the mean negative log-probability of the right class, in nats per example.

    Args:
        probabilities: `(n, num_classes)` float in [0, 1]; clipped at 1e-7 as Keras does.
        labels: `(n,)` int, in [0, num_classes).

    Returns:
        A number >= 0.

    Raises:
        ValueError: There is no example.
    """
    _check_some(labels)
    right = np.asarray(probabilities, np.float64)[np.arange(len(labels)), labels]
    return float(abs(np.mean(np.log(np.clip(right, 1e-7, 1.0)))))  # abs: no -0.0 for a perfect model


def r2(predictions: np.ndarray, targets: np.ndarray) -> float:
    """Gives the share of the targets' variance that the predictions explain.

    Args:
        predictions: Array of any shape.
        targets: Array of the same number of elements.

    Returns:
        1 for a perfect fit, 0 for the mean, negative where the mean does better. Of targets that do not vary
        by more than float32 rounds: 1 where the predictions do not differ from them by more, else 0.

    Raises:
        ValueError: There is no target.
    """
    _check_some(targets)
    targets = np.asarray(targets, np.float64).ravel()
    lost = np.sum((targets - np.asarray(predictions, np.float64).ravel()) ** 2)
    total = np.sum((targets - targets.mean()) ** 2)
    rounding = _ROUNDING**2 * np.sum(targets**2)
    return float(lost <= rounding) if total <= rounding else float(1 - lost / total)


def _check_some(values: Any) -> None:
    if not np.size(values):
        raise ValueError("expected at least one example, received none")


def agreement(reference: Mapping[str, np.ndarray]) -> Metric:
    """Makes the metric for a model without labels: the worst R-squared of its outputs to the Keras model's.

    Args:
        reference: The Keras model's outputs by name.

    Returns:
        A metric that ignores its targets; 1 is perfect agreement.
    """

    def worst(outputs: Mapping[str, np.ndarray], _: Any) -> float:
        return min(r2(outputs[name], values) for name, values in reference.items())

    return Metric("agreement", worst, tolerance=0.05)
