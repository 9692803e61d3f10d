"""What the trivial answer gets: a model that is no better has learned nothing, whatever its number."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from suite.evaluation.detection import Truths, average_precisions
from suite.evaluation.intervals import wilson


class Baseline(NamedTuple):
    """The metric of an answer that takes no model, which the model has to beat.

    Attributes:
        metric: Key of `Result.metrics`: that of the exported model on held-out data.
        value: The same metric of the trivial answer, on the same data.
        says: The trivial answer: "always 'ham'".
        higher_is_better: Whether a larger value is better.
        examples: Where the metric is a share of right answers: how many there were; else None.
    """

    metric: str
    value: float
    says: str
    higher_is_better: bool = True
    examples: int | None = None

    def is_beaten_by(self, measured: float) -> bool:
        """Tells whether the model is better; NaN never is.

        Where every answer is right, the model's and the trivial one, nothing better was to be had.
        """
        if self.examples and measured == self.value == 1:
            return True
        return measured > self.value if self.higher_is_better else measured < self.value

    def may_be_chance(self, measured: float) -> bool:
        """Tells whether the 95 % interval (Wilson's) of a share of right answers holds the trivial one's."""
        if not self.examples or not 0 <= measured <= 1:
            return False
        interval = wilson(measured, self.examples)
        return interval.low <= self.value <= interval.high


def most_frequent_class(
    known: np.ndarray, labels: np.ndarray, classes: Sequence[str], metric: str = "test_accuracy"
) -> Baseline:
    """The accuracy of always giving the class that training has most of.

    Args:
        known: `(n,)` int, labels of training.
        labels: `(m,)` int, those that the model is measured on.
        classes: Their names.
        metric: The model's accuracy.
    """
    best = int(np.bincount(known).argmax())
    share = float(np.mean(np.asarray(labels) == best))
    return Baseline(metric, share, f"always {str(classes[best])!r}", examples=len(labels))


def constant_boxes(
    known: Truths, truths: Truths, num_classes: int, metric: str, thresholds: Sequence[float]
) -> tuple[Baseline, np.ndarray]:
    """The mean average precision of one answer to every image.

    For each class it is its mean box of training, or the whole image; what training has more of has the
    higher score.

    Args:
        known: Of training.
        truths: Of the images that the model is measured on.
        num_classes: Number of classes.
        metric: The model's mean average precision.
        thresholds: IoUs, as for `mean_average_precision`.

    Returns:
        The baseline, and its average precision by class, `(num_classes,)`.
    """
    boxes, labels = np.concatenate(known.boxes), np.concatenate(known.labels)
    if known.is_crowd is not None:
        is_thing = ~np.concatenate(known.is_crowd)
        boxes, labels = boxes[is_thing], labels[is_thing]
    classes, counts = np.unique(labels, return_counts=True)

    def score(answer: np.ndarray) -> np.ndarray:
        found = {"boxes": answer, "scores": counts / counts.sum(), "labels": classes}
        everywhere = {name: np.stack([value] * len(truths.boxes)) for name, value in found.items()}
        return average_precisions(everywhere, truths, num_classes, thresholds).mean(axis=0)

    means = np.stack([boxes[labels == label].mean(axis=0) for label in classes])
    by_class = {
        "the mean box of each class": score(means),
        "the whole image as each class": score(np.tile([0.0, 0.0, 1.0, 1.0], (len(classes), 1))),
    }
    best = max(by_class, key=lambda name: float(np.nanmean(by_class[name])))
    return Baseline(metric, float(np.nanmean(by_class[best])), f"{best}, in every image"), by_class[best]


def unigrams(
    known: np.ndarray, ids: np.ndarray, metric: str = "test_perplexity", in_nats: bool = False
) -> Baseline:
    """The perplexity of a text by how often each token occurs in training, whatever stands before it.

    A token that does not occur there counts as if it occurred once.

    Args:
        known: `(n,)` int, the tokens of training.
        ids: `(m,)` int, the tokens that the model is measured on.
        metric: The model's perplexity.
        in_nats: Whether that is in nats a token, whose exp is the perplexity.
    """
    counts = np.maximum(np.bincount(known, minlength=int(np.max(ids)) + 1), 1)
    nats = -float(np.log(counts / counts.sum())[ids].mean())
    value = nats if in_nats else float(np.exp(nats))
    return Baseline(metric, value, "how often each occurs", higher_is_better=False)


def implied(metric: str, targets: Any, labels: Sequence[str] = ()) -> Baseline | None:
    """The trivial answer that follows from what an exported model is judged by, where one does.

    Args:
        metric: Name of the metric; the most frequent class stands against an accuracy, the mean against an
            R-squared.
        targets: What the outputs are compared with.
        labels: Class names.
    """
    if metric.endswith("_r2"):
        return Baseline(metric, 0.0, "always the mean")
    is_class = isinstance(targets, np.ndarray) and targets.ndim == 1 and targets.dtype.kind in "iu"
    if not metric.endswith("_accuracy") or not is_class or not len(targets):
        return None
    names = labels or [str(label) for label in range(int(targets.max()) + 1)]
    return most_frequent_class(targets, targets, names, metric)
