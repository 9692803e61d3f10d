"""What the report of a classifier shows, from its probabilities on held-out examples."""

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from suite.evaluation.table import Table

_MISTAKES_SHOWN = 10


def classification_tables(
    probabilities: np.ndarray, labels: np.ndarray, classes: Sequence[str]
) -> tuple[Table, ...]:
    """Makes the table of every class, and the table of the commonest mistakes where there are any.

    Args:
        probabilities: `(n, K)` float, in any increasing scale of probability.
        labels: `(n,)` int in [0, K), the true classes.
        classes: K class names.

    Returns:
        "Classes": precision, recall and F1 in [0, 1] (0 where undefined) and the number of examples, with the
        unweighted mean in the last row. "Most frequent mistakes": up to 10 pairs of a class and what it was
        taken for.

    Raises:
        ValueError: The shapes do not fit each other, or a label is out of range.
    """
    _check(probabilities, labels, len(classes))
    scores = precision_recall_fscore_support(
        labels, np.argmax(probabilities, axis=1), labels=range(len(classes)), zero_division=0
    )
    rows = [_row(name, *numbers) for name, *numbers in zip(classes, *scores, strict=True)]
    precision, recall, f1 = np.mean(scores[:3], axis=1)
    rows.append(_row("all classes (mean)", precision, recall, f1, len(labels)))
    note = (
        "Precision: how much of what was given this name has it. Recall: how much of what has this name was "
        "given it. F1: their harmonic mean."
    )
    table = Table("Classes", ("class", "precision", "recall", "F1", "examples"), rows, note)
    matrix = confusion(probabilities, labels, len(classes))
    mistakes = _mistakes(matrix, classes)
    columns = ("class", "taken for", "examples", "share of the class")
    return (table, Table("Most frequent mistakes", columns, mistakes)) if mistakes else (table,)


def _row(name: str, precision: float, recall: float, f1: float, examples: int) -> tuple[str, ...]:
    return name, f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}", f"{examples}"


def _mistakes(matrix: np.ndarray, classes: Sequence[str]) -> list[tuple[str, ...]]:
    wrong = matrix - np.diag(np.diag(matrix))
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    pairs = sorted(np.argwhere(wrong), key=lambda pair: -wrong[tuple(pair)])[:_MISTAKES_SHOWN]
    return [
        (classes[true], classes[guess], f"{wrong[true, guess]}", f"{shares[true, guess]:.1%}")
        for true, guess in pairs
    ]


def confusion(probabilities: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts how often each class was taken for each.

    Args:
        probabilities: `(n, num_classes)` float, in any increasing scale of probability.
        labels: `(n,)` int in [0, num_classes), the true classes.
        num_classes: Number of classes, those without examples included.

    Returns:
        `(num_classes, num_classes)` int, one row a true class and one column a predicted one.

    Raises:
        ValueError: The shapes do not fit each other, or a label is out of range.
    """
    _check(probabilities, labels, num_classes)
    return confusion_matrix(labels, np.argmax(probabilities, axis=1), labels=range(num_classes))


def most_wrong(probabilities: np.ndarray, labels: np.ndarray, n: int) -> np.ndarray:
    """Finds the mistakes that the classifier was surest of: the least probability for the true class first.

    Args:
        probabilities: `(examples, K)` float, in any increasing scale of probability.
        labels: `(examples,)` int in [0, K), the true classes.
        n: How many to give at most.

    Returns:
        `(m,)` int indices of wrongly classified examples, m <= n; equal ones in the order given.

    Raises:
        ValueError: The shapes do not fit each other, or a label is out of range.
    """
    _check(probabilities, labels, np.shape(probabilities)[-1])
    wrong = np.flatnonzero(np.argmax(probabilities, axis=1) != labels)
    return wrong[np.argsort(probabilities[wrong, labels[wrong]], kind="stable")][:n]


def mistakes_table(
    texts: Sequence[str], probabilities: np.ndarray, labels: np.ndarray, classes: Sequence[str], n: int = 10
) -> Table:
    """The texts that the classifier is most wrong about, see `most_wrong`, cut off after 200 letters.

    Args:
        texts: The examples.
        probabilities: `(examples, K)` float.
        labels: `(examples,)` int in [0, K), the true classes.
        classes: K class names.
        n: How many to show at most.

    Raises:
        ValueError: The shapes do not fit each other, or a label is out of range.
    """
    rows = [
        (
            texts[row][:200],
            classes[labels[row]],
            f"{classes[probabilities[row].argmax()]} {probabilities[row].max():.2f}",
        )
        for row in most_wrong(probabilities, labels, n)
    ]
    return Table("Surest mistakes", ("text", "label", "taken for"), rows)


def _check(probabilities: np.ndarray, labels: np.ndarray, num_classes: int) -> None:
    if not len(labels) or np.shape(probabilities) != (len(labels), num_classes):
        raise ValueError(
            f"expected one row per label and one column per class, received {np.shape(probabilities)} for "
            f"{len(labels)} labels and {num_classes} classes"
        )
    if np.min(labels) < 0 or np.max(labels) >= num_classes:
        raise ValueError(
            f"expected labels in [0, {num_classes}), received {np.min(labels)} to {np.max(labels)}"
        )
