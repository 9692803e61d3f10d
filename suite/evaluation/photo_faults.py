"""Rules that find what is odd about labeled photos, on arrays: wrong labels, give-away properties, blur."""

from collections.abc import Sequence

import numpy as np

NEIGHBORS = 5
LEAST_TOLD = 0.9  # balanced accuracy at which a property gives a class away; guessing gets 0.5
FEWEST_TO_TELL = 8  # pictures, in a class and outside of it
_ROBUST = 1.4826  # a standard deviation in units of the median absolute deviation
_DEVIATIONS = 4.5
_TIMES_BLURRED = 8  # less sharp than the median


def suspected_labels(
    probabilities: np.ndarray, features: np.ndarray, labels: np.ndarray, group_of_row: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Finds pictures that are probably in the wrong class, by two witnesses.

    The first is confident learning: the out-of-fold probability of another class is at least the mean that
    pictures labeled so get. The second is the picture's five nearest neighbors in the features: some are in
    that other class, and none in its own. A picture that is merely difficult rarely has both against it.

    Args:
        probabilities: `(n, K)`, each row from a model that has not seen it.
        features: `(n, d)`.
        labels: `(n,)` integers in [0, K).
        group_of_row: `(n,)`; rows of one group are copies and no neighbors of each other.

    Returns:
        Indices of the pictures, the surest first, and the class that each looks like.

    Reference:
        Northcutt, Jiang, Chuang (2021), Confident learning: estimating uncertainty in dataset labels.
    """
    classes = probabilities.shape[1]
    usual = np.array(
        [probabilities[labels == k, k].mean() if (labels == k).any() else 1 for k in range(classes)]
    )
    confident = np.where(probabilities >= usual, probabilities, 0)
    likely = confident.argmax(axis=1)
    doubted = np.flatnonzero((confident.max(axis=1) > 0) & (likely != labels))
    directions = features - features.mean(axis=0)
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
    found = []
    for row in doubted:
        similar = directions @ directions[row]
        similar[group_of_row == group_of_row[row]] = -np.inf
        near = labels[np.argsort(-similar, kind="stable")[:NEIGHBORS]]
        if np.sum(near == likely[row]) >= 2 and not np.any(near == labels[row]):
            found.append(row)
    rows = np.array(found, np.int64)
    order = np.argsort(probabilities[rows, labels[rows]], kind="stable")
    return rows[order], likely[rows[order]]


def told_by(values: Sequence[str], labels: np.ndarray, num_classes: int) -> np.ndarray:
    """How well each class is told from all others by one property alone.

    A picture is said to be of the class where that is more common, in shares, among the other pictures of its
    value than among all: it does not vote for itself, so that a value of its own tells nothing.

    Args:
        values: n, such as the formats of the files.
        labels: `(n,)` integers in [0, num_classes).
        num_classes: K.

    Returns:
        Balanced accuracies `(K,)` in [0, 1], of which always naming the most frequent answer gets 0.5; 0 for
        a class of fewer than 8 pictures, or with fewer outside of it.
    """
    _, value_of_row = np.unique(np.asarray(values), return_inverse=True)
    told = np.zeros(num_classes)
    for label in range(num_classes):
        inside = labels == label
        size, rest = int(inside.sum()), int((~inside).sum())
        if min(size, rest) < FEWEST_TO_TELL:
            continue
        counts = np.bincount(value_of_row, inside)[value_of_row] - inside
        others = np.bincount(value_of_row, ~inside)[value_of_row] - ~inside
        share, share_of_rest = counts / (size - inside), others / (rest - ~inside)
        right = np.where(inside, share > share_of_rest, share < share_of_rest)
        told[label] = (right[inside].mean() + right[~inside].mean()) / 2
    return told


def blurred(sharpness: np.ndarray) -> np.ndarray:
    """Finds pictures that are far less sharp than the others.

    Args:
        sharpness: `(n,)` >= 0, as `suite.data.pictures.facts.sharpness` gives it.

    Returns:
        Indices, the most blurred first: an eighth of the median or less, and 4.5 robust standard deviations
        of the logarithm below it.
    """
    if len(sharpness) == 0:
        return np.zeros(0, np.int64)
    logs = np.log(np.maximum(sharpness, 1e-9))
    below = np.median(logs) - logs
    least = max(_DEVIATIONS * _ROBUST * np.median(np.abs(below)), np.log(_TIMES_BLURRED))
    found = np.flatnonzero(below >= least)
    return found[np.argsort(-below[found], kind="stable")]
