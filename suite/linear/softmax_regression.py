"""Softmax (multinomial logistic) regression with an L2 penalty, solved to convergence by TFP's L-BFGS.

The objective is convex; what makes it slow on the features of a network is its shape: correlated columns, and
a curvature that fades as the predictions become sure. Both are taken away by changes of variables, which
leave the objective and its minimum as they are: the features are centered and turned to their principal axes
(at most `min(n, d)` of them carry anything), and each coordinate is measured in units of its curvature,
which is taken anew every few iterations. Float32 then converges in 15 to 60 iterations, to within 1e-7 of the
minimum.

Features in a `RowFile` may be larger than memory: sums over examples are then taken chunk by chunk, and the
centered and turned rows are in a temporary file of the same size beside it.
"""

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from sklearn.model_selection import StratifiedKFold

from suite import console
from suite.data.row_file import RowFile
from suite.linear.softmax_solver import chunk_rows, loss_and_gradient, solve
from suite.linear.untrained import UNTRAINED_BIAS

_TOLERANCE = {"float32": 3e-5, "float64": 1e-7}  # largest gradient entry, in units of curvature
_SEARCH_TOLERANCE = 1e-3  # enough to compare penalties


def fit_softmax_regression(
    features: ArrayLike | RowFile,
    labels: ArrayLike,
    num_classes: int,
    *,
    l2: float,
    sample_weight: ArrayLike | None = None,
    initial: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Minimizes `mean(cross-entropy) + l2 / 2 * sum(kernel**2)` over kernel and bias.

    The penalty is on the kernel for the features as given (scikit-learn's with C = 1 / (l2 * n)), so scale
    features of different units first; the bias is not penalized. Logits are `features @ kernel + bias`.

    Args:
        features: `(n, d)` finite, an array, or a `RowFile` of float32 or float64; float64 is solved in
            float64, anything else in float32.
        labels: `(n,)` integers 0..num_classes - 1, each present.
        num_classes: K >= 2.
        l2: Strength of the penalty, > 0; the mean makes it independent of n.
        sample_weight: `(n,)` >= 0, or None for equal weights; the mean is weighted by it.
        initial: (kernel, bias) to start from, or None for zeros; changes the time, not the answer.

    Returns:
        kernel `(d, K)`, its rows adding up to 0, and bias `(K,)`, adding up to 0, in the dtype solved in.

    Raises:
        ValueError: Arguments out of range, of the wrong shape or not finite, or a class without examples.

    Reference:
        Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, section 4.4;
        Nocedal, Wright (2006), Numerical Optimization, algorithm 7.5.
    """
    features, labels, weights = _checked(features, labels, num_classes, sample_weight)
    absent = _absent_classes(labels, weights, num_classes)
    if absent.any():
        raise ValueError(
            f"expected an example of each of the {num_classes} classes, received none of class "
            f"{int(np.argmax(absent))}; add some, or number the classes without gaps"
        )
    mean, axes, rotated = _principal_axes(features)
    kernel, bias = _checked_initial(initial, features.shape[1], num_classes)
    start = np.concatenate([axes.T @ kernel, (bias + mean @ kernel)[None]])
    tolerance = _TOLERANCE[features.dtype.name]
    (solution,) = solve(rotated, labels, weights[None], _positive(l2), start[None], tolerance)
    kernel = axes @ solution[:-1].astype(np.float64)
    kernel -= kernel.mean(axis=1, keepdims=True)  # 0 already but for rounding, which `mean` would magnify
    bias = solution[-1] - mean @ kernel
    return kernel.astype(features.dtype), (bias - bias.mean()).astype(features.dtype)


def choose_l2(
    features: ArrayLike,
    labels: ArrayLike,
    num_classes: int,
    *,
    candidates: Sequence[float],
    fold_of_row: np.ndarray | None = None,
    sample_weight: ArrayLike | None = None,
    margin: float = 0.0,
) -> tuple[float, dict[float, float]]:
    """Chooses the L2 strength of `fit_softmax_regression` by stratified k-fold cross-validation.

    Args:
        features: As for `fit_softmax_regression`, but in memory.
        labels: As there, but a class may be absent. A held-out row whose class the other folds lack is not
            scored: no strength could help it.
        num_classes: As there.
        candidates: Strengths to try, each > 0.
        fold_of_row: `(n,)` as `deal_folds` gives it; None for its defaults.
        sample_weight: As for `fit_softmax_regression`.
        margin: Nats. Where two strengths in a row are worse than the best by more, the weaker ones, which
            take longest, are not tried. 0: all are.

    Returns:
        The best candidate, and the mean held-out cross-entropy in nats by candidate, strongest first.

    Raises:
        ValueError: Arguments out of range or of the wrong shape.
    """
    features, labels, weights = _checked(features, labels, num_classes, sample_weight)
    strengths = sorted({_positive(candidate) for candidate in candidates}, reverse=True)
    if not strengths:
        raise ValueError("expected at least one candidate for l2, received none")
    fold_of_row = deal_folds(labels) if fold_of_row is None else fold_of_row
    if fold_of_row.shape != labels.shape:
        raise ValueError(f"expected fold_of_row of shape {labels.shape}, received {fold_of_row.shape}")
    _, axes, rotated = _principal_axes(features)
    held_out = fold_of_row == np.arange(fold_of_row.max() + 1)[:, None]  # (folds, n)
    training = np.where(held_out, 0, weights)
    absent = np.stack([_absent_classes(labels, fold, num_classes) for fold in training])  # (folds, K)
    scored = np.where(held_out & ~absent[:, labels], weights, 0)
    solutions = np.zeros((len(training), axes.shape[1] + 1, num_classes))
    solutions[:, -1][absent] = UNTRAINED_BIAS
    table = {}
    for strength in console.track(strengths, "choosing the L2 strength by cross-validation"):
        # The strong penalty is the easy problem, and its solution starts the next.
        solutions = solve(rotated, labels, training, strength, solutions, _SEARCH_TOLERANCE)
        losses, _ = loss_and_gradient(rotated, labels, scored.astype(features.dtype), solutions)
        table[strength] = float(np.sum(losses) / scored.sum())
        if margin and min(list(table.values())[-2:]) > min(table.values()) + margin:
            break
    return min(table, key=lambda strength: table[strength]), table


def predict_held_out(
    features: ArrayLike, labels: ArrayLike, num_classes: int, *, l2: float, fold_of_row: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Class probabilities of every row by a `fit_softmax_regression` to the other folds.

    Classes weigh the same in each fit, however many of their rows it has.

    Args:
        features: `(n, d)` finite, in memory.
        labels: `(n,)` integers 0..num_classes - 1.
        num_classes: K >= 2.
        l2: Strength of the penalty, > 0.
        fold_of_row: `(n,)` int from 0 on, at least two folds.

    Returns:
        Probabilities `(n, K)` float32; and `(n,)` bool, whether the other folds have the row's class at all:
        the probability of a class that they lack is 0.

    Raises:
        ValueError: Arguments out of range or of the wrong shape.
    """
    features, labels, _ = _checked(features, labels, num_classes, None)
    _, axes, rotated = _principal_axes(features)
    rows = np.asarray(rotated)
    held_out = fold_of_row == np.arange(fold_of_row.max() + 1)[:, None]  # (folds, n)
    counts = np.stack([np.bincount(labels[~fold], minlength=num_classes) for fold in held_out])
    absent = counts == 0
    training = np.where(held_out, 0, (1 / np.maximum(counts, 1))[:, labels])
    start = np.zeros((len(training), axes.shape[1] + 1, num_classes))
    start[:, -1][absent] = UNTRAINED_BIAS
    solutions = solve(rotated, labels, training, _positive(l2), start, _TOLERANCE[features.dtype.name])
    probabilities = np.zeros((len(labels), num_classes), np.float32)
    for fold, solution in zip(held_out, solutions, strict=True):
        logits = rows[fold] @ solution[:-1] + solution[-1]
        probabilities[fold] = tf.nn.softmax(logits).numpy()
    return probabilities, ~absent[fold_of_row, labels]


def _checked(
    features: ArrayLike | RowFile, labels: ArrayLike, num_classes: int, sample_weight: ArrayLike | None
) -> tuple[np.ndarray | RowFile, np.ndarray, np.ndarray]:
    if not isinstance(features, RowFile) or len(list(_chunks(features))) == 1:
        features = np.asarray(features)
        features = features.astype(np.float64 if features.dtype == np.float64 else np.float32, copy=False)
    labels = np.asarray(labels)
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(
            f"expected features as a non-empty matrix (rows, columns), received {features.shape}"
        )
    if not all(np.isfinite(features[rows]).all() for rows in _chunks(features)):
        raise ValueError("expected finite features, received NaN or infinity; drop or impute those rows")
    if labels.shape != features.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"expected integer labels of shape {features.shape[:1]}, received {labels.dtype} {labels.shape}"
        )
    if num_classes < 2 or labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"expected labels from 0 to num_classes - 1 and num_classes >= 2, received labels from "
            f"{labels.min()} to {labels.max()} and num_classes {num_classes}"
        )
    weights = np.ones(len(labels)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    if weights.shape != labels.shape or not np.isfinite(weights).all() or weights.min() < 0:
        raise ValueError(
            f"expected sample_weight of shape {labels.shape}, finite and >= 0, received shape "
            f"{weights.shape} with values from {weights.min()} to {weights.max()}"
        )
    return features, labels.astype(np.int64), weights


def _checked_initial(
    initial: tuple[np.ndarray, np.ndarray] | None, rows: int, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    if initial is None:
        return np.zeros((rows, num_classes)), np.zeros(num_classes)
    kernel, bias = (np.asarray(part, np.float64) for part in initial)
    if kernel.shape != (rows, num_classes) or bias.shape != (num_classes,):
        raise ValueError(
            f"expected an initial kernel {(rows, num_classes)} and bias {(num_classes,)}, received "
            f"{kernel.shape} and {bias.shape}"
        )
    return kernel, bias


def _positive(l2: float) -> float:
    if not (np.isfinite(l2) and l2 > 0):
        raise ValueError(f"expected l2 > 0 and finite, received {l2}; without it separable classes diverge")
    return float(l2)


def _absent_classes(labels: np.ndarray, weights: np.ndarray, num_classes: int) -> np.ndarray:
    return np.bincount(labels, weights, minlength=num_classes) == 0


def deal_folds(
    labels: np.ndarray, groups: ArrayLike | None = None, folds: int = 5, seed: int = 0
) -> np.ndarray:
    """Deals rows to folds, stratified over groups, so that a class with k groups is in k folds.

    Args:
        labels: `(n,)` integers.
        groups: `(n,)` what a row is a view of, such as the image behind augmented copies; the rows of a group
            share their label and are never on both sides. None: every row is its own group.
        folds: Number of folds, >= 2; lowered to the number of groups of the largest class.
        seed: Of the shuffle before the folds are dealt.

    Returns:
        `(n,)` int64, the fold of each row.

    Raises:
        ValueError: Arguments out of range, a group with two labels, or no class with two groups.
    """
    groups = np.arange(len(labels)) if groups is None else np.asarray(groups)
    if groups.shape != labels.shape:
        raise ValueError(f"expected groups of shape {labels.shape}, received {groups.shape}")
    _, first_row, group_of_row = np.unique(groups, return_index=True, return_inverse=True)
    group_labels = labels[first_row]
    mixed = np.flatnonzero(group_labels[group_of_row] != labels)
    if len(mixed):
        raise ValueError(f"expected one label per group, received several in group {groups[mixed[0]]!r}")
    largest = int(np.bincount(group_labels).max())
    if folds < 2 or largest < 2:
        raise ValueError(
            f"expected at least 2 folds and a class with at least 2 groups, received {folds} folds and "
            f"{largest} at most"
        )
    splitter = StratifiedKFold(min(folds, largest), shuffle=True, random_state=seed)
    fold_of_group = np.zeros(len(group_labels), np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer groups than folds is handled
        for fold, (_, held_out) in enumerate(splitter.split(group_labels, group_labels)):
            fold_of_group[held_out] = fold
    return fold_of_group[group_of_row]


def _chunks(features: np.ndarray | RowFile) -> Iterator[slice]:
    """The rows of a file, as many at a time as may be in memory; those of an array all at once."""
    rows = chunk_rows(features) if isinstance(features, RowFile) else max(1, len(features))
    return (slice(start, start + rows) for start in range(0, len(features), rows))


def _principal_axes(features: np.ndarray | RowFile) -> tuple[np.ndarray, np.ndarray, tf.Tensor | RowFile]:
    """Mean `(d,)`, orthonormal axes `(d, r)`, r = min(n, d), and the centered rows along them `(n, r)`."""
    total = sum(features[rows].sum(axis=0, dtype=np.float64) for rows in _chunks(features))
    mean = (total / len(features)).astype(features.dtype)
    if len(features) < features.shape[1]:
        # A basis of the rows, turned to their axes: half the time of a singular value decomposition.
        basis, coordinates = np.linalg.qr((features[:] - mean).astype(np.float64).T)
        axes = basis @ np.linalg.eigh(coordinates @ coordinates.T)[1]
    else:
        products = 0
        for rows in _chunks(features):
            centered = features[rows] - mean
            products = products + (centered.T @ centered).astype(np.float64)
        axes = np.linalg.eigh(products)[1]
    return mean.astype(np.float64), axes, _rotated(features, mean, axes.astype(features.dtype))


def _rotated(features: np.ndarray | RowFile, mean: np.ndarray, axes: np.ndarray) -> tf.Tensor | RowFile:
    if not isinstance(features, RowFile):
        return tf.constant((features - mean) @ axes)
    folder = features.path and features.path.parent
    rotated = RowFile.temporary((len(features), axes.shape[1]), features.dtype, folder)
    for rows in _chunks(features):
        rotated.write(rows.start, (features[rows] - mean) @ axes)
    return rotated
