"""What a classifier gains by not answering where it is unsure: "none of these"."""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from suite.evaluation.intervals import Interval, wilson
from suite.evaluation.plots import COLORS, MUTED, new_figure
from suite.evaluation.table import Table

ACCURACY = 0.95  # that the answered ones are to have
FEWEST_ANSWERED = 20  # of fewer, no share of right ones can be told from 0.95
SHOWN = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_STEPS = 10_000  # a threshold has four decimals


class Coverage(NamedTuple):
    """What comes of answering only where the probability of the best class is at least the threshold.

    Attributes:
        threshold: In [0, 1].
        answered: Share of the examples that are answered.
        accuracy: Share of right answers among them; NaN where there is none.
        interval: Of the accuracy; None where there is none.
    """

    threshold: float
    answered: float
    accuracy: float
    interval: Interval | None


def coverage(probabilities: np.ndarray, labels: np.ndarray, threshold: float, unit: str) -> Coverage:
    """Counts the answers at a threshold.

    Args:
        probabilities: `(n, K)` float in [0, 1], n >= 1.
        labels: `(n,)` int in [0, K).
        threshold: Of the probability of the best class.
        unit: What the examples are: "photos".
    """
    answered = np.max(probabilities, axis=1) >= threshold
    count = int(answered.sum())
    if not count:
        return Coverage(threshold, 0.0, float("nan"), None)
    accuracy = float(np.mean((np.argmax(probabilities, axis=1) == labels)[answered]))
    return Coverage(threshold, count / len(labels), accuracy, wilson(accuracy, count, unit))


def choose_threshold(
    probabilities: np.ndarray, labels: np.ndarray, unit: str, accuracy: float = ACCURACY
) -> Coverage | None:
    """The lowest threshold above which the answers are right often enough.

    Args:
        probabilities: `(n, K)` float in [0, 1] of held-out examples.
        labels: `(n,)` int in [0, K).
        unit: What the examples are: "photos".
        accuracy: That the answered ones are to have at least.

    Returns:
        The threshold, of four decimals, and what it gives; None where no threshold that at least 20 examples
        reach gives as much.

    Reference:
        Geifman, El-Yaniv (2017), Selective classification for deep neural networks.
    """
    best = np.max(probabilities, axis=1).astype(np.float64)
    # 0 where everything may be answered; else each place where one more is not.
    for threshold in [0.0, *np.unique(np.floor(best * _STEPS) / _STEPS)]:
        found = coverage(probabilities, labels, float(threshold), unit)
        if found.interval is None or found.interval.examples < FEWEST_ANSWERED:
            break
        if found.accuracy >= accuracy:
            return found
    return None


def coverage_table(probabilities: np.ndarray, labels: np.ndarray, unit: str, note: str) -> Table:
    """The table of some thresholds, with what is answered and how much of it is right.

    Args:
        probabilities: `(n, K)` float in [0, 1], n >= 1.
        labels: `(n,)` int in [0, K).
        unit: What the examples are: "photos".
        note: What they are, and which threshold was found, in sentences.
    """
    rows = [coverage(probabilities, labels, threshold, unit) for threshold in SHOWN]
    cells = [
        (
            f"{row.threshold:.2f}",
            f"{row.answered:.1%}",
            row.interval.beside(row.accuracy) if row.interval else "none answered",
        )
        for row in rows
    ]
    return Table("None of these", ("threshold", "answered", "accuracy of the answered"), cells, note)


def coverage_curve(
    probabilities: np.ndarray, labels: np.ndarray, title: str, chosen: Coverage | None = None
) -> Figure:
    """Draws the accuracy of the answers against the share that is answered, the surest first.

    Args:
        probabilities: `(n, K)` float in [0, 1], n >= 1.
        labels: `(n,)` int in [0, K).
        title: Title of the figure.
        chosen: A threshold to mark.

    Returns:
        The figure; the shade is the 95 % interval at each share.
    """
    best = np.max(probabilities, axis=1)
    order = np.argsort(-best, kind="stable")
    right = (np.argmax(probabilities, axis=1) == labels)[order]
    counts = np.arange(1, len(right) + 1)
    # Equally sure answers are given together; of thousands, 200 places are enough to draw.
    ends = np.flatnonzero(np.append(best[order][:-1] > best[order][1:], True))
    ends = ends[np.unique(np.linspace(0, len(ends) - 1, 200).astype(int))]
    accuracies = (np.cumsum(right) / counts)[ends]
    intervals = [wilson(share, int(counts[end])) for share, end in zip(accuracies, ends, strict=True)]
    figure, axes = new_figure(title, 6.4, 4.2)
    answered = counts[ends] / len(labels)
    lows, highs = [each.low for each in intervals], [each.high for each in intervals]
    axes.fill_between(answered, lows, highs, color=COLORS[0], alpha=0.15, linewidth=0)
    axes.plot(answered, accuracies, color=COLORS[0], marker="o" if len(ends) <= 30 else None)
    axes.axhline(ACCURACY, color=MUTED, linestyle="--", linewidth=1)
    if chosen:
        axes.plot(chosen.answered, chosen.accuracy, "o", markersize=8, color=COLORS[1])
        axes.annotate(
            f"threshold {chosen.threshold:.2f}", (chosen.answered, chosen.accuracy), (-6, -16),
            textcoords="offset points", ha="right", color=COLORS[1],
        )  # fmt: skip
    axes.set(xlabel="share answered", ylabel="accuracy of the answered", xlim=(0, 1.03))
    axes.set_ylim(max(0, min(lows[len(lows) // 4 :]) - 0.05), 1.02)
    return figure
