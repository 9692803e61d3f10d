"""Whether a classifier's probabilities are as often right as they say, and the temperature that mends it."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize_scalar

from suite.evaluation.plots import COLORS, MUTED, STYLE, new_figure

BINS = 15
_LEAST = 1e-38  # probability whose logarithm is taken: about the smallest normal float32
_MOST_LOG_TEMPERATURE = 3.0  # either way: temperatures from 0.05 to 20


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Sorts answers into bins of equal width by the probability of the best class.

    Args:
        probabilities: `(n, K)` float in [0, 1], n >= 1.
        labels: `(n,)` int in [0, K).
        bins: Of (0, 1].

    Returns:
        `(m, 3)` float64, a row a bin with answers: their number, mean probability, and share of right ones.
    """
    sure = np.max(probabilities, axis=1).astype(np.float64)
    right = np.argmax(probabilities, axis=1) == labels
    place = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    some = np.maximum(counts, 1)
    rows = [
        counts,
        np.bincount(place, sure, minlength=bins) / some,
        np.bincount(place, right, minlength=bins) / some,
    ]
    return np.stack(rows, axis=1)[counts > 0]


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """How far the probability of the best class is from the share of right answers, over 15 bins of it.

    The mean over bins of equal width of the distance between both, weighted by the answers in the bin. With
    few answers a bin has a handful, and the number is too large even for a calibrated model.

    Args:
        probabilities: `(n, K)` float in [0, 1], n >= 1.
        labels: `(n,)` int in [0, K).
        bins: Number of bins.

    Returns:
        A number in [0, 1], 0 for a calibrated model.

    Reference:
        Naeini, Cooper, Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian binning;
        Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, equation 3.
    """
    counts, sure, right = reliability(probabilities, labels, bins).T
    return float(np.sum(counts * np.abs(sure - right)) / len(labels))


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """The softmax of the logits divided by a temperature: the order of the classes stays.

    Args:
        probabilities: `(n, K)` float in [0, 1], of a softmax.
        temperature: > 0; above 1 it makes the probabilities less sure.

    Returns:
        `(n, K)` of the same dtype.
    """
    if temperature == 1:
        return probabilities
    scaled = _logs(probabilities) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(probabilities.dtype)


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that minimizes the cross-entropy of held-out examples.

    Where every answer is right, the cross-entropy falls towards temperature 0 without end; a normal prior of
    its logarithm (mean 0, standard deviation 1), worth less than an answer, keeps it near 1.

    Args:
        probabilities: `(n, K)` float in [0, 1] of examples that the model was not trained on.
        labels: `(n,)` int in [0, K).

    Returns:
        A number in [0.05, 20]; 1 where there is no example.

    Reference:
        Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, section 4.2.
    """
    if not len(labels):
        return 1.0
    logits = _logs(probabilities)

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        surprise = np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(labels)), labels]
        return float(surprise.sum() + log_temperature**2 / 2)

    bounds = (-_MOST_LOG_TEMPERATURE, _MOST_LOG_TEMPERATURE)
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def _logs(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.asarray(probabilities, np.float64), _LEAST))


def reliability_diagram(before: np.ndarray, after: np.ndarray, labels: np.ndarray, title: str) -> Figure:
    """Draws how often answers are right against how sure they are, before and after a temperature.

    Args:
        before: `(n, K)` float in [0, 1], n >= 1.
        after: `(n, K)`, with the temperature.
        labels: `(n,)` int in [0, K).
        title: Title of the figure.

    Returns:
        The figure; the area of a point is the share of the answers in its bin.
    """
    figure, axes = new_figure(title, 5.6, 5.4)
    bins = BINS if len(labels) >= 20 * BINS else 5  # of a handful of answers each, bins would only show noise
    with matplotlib.rc_context(STYLE):
        axes.plot((0, 1), (0, 1), "--", color=MUTED, linewidth=1, label="as sure as right")
        for name, values, color in (("before", before, COLORS[1]), ("after", after, COLORS[0])):
            counts, sure, right = reliability(values, labels, bins).T
            error = expected_calibration_error(values, labels)
            axes.plot(sure, right, color=color, linewidth=1.2, label=f"{name}, error {error:.3f}")
            axes.scatter(sure, right, 15 + 300 * counts / len(labels), color=color, alpha=0.75)
        figure.legend(loc="outside lower center", ncols=3)
    axes.set(xlabel="probability of the best class", ylabel="share of right answers")
    axes.set(xlim=(-0.02, 1.04), ylim=(-0.04, 1.06))
    return figure
