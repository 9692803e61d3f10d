"""What a code keeps of an image, how selective its units are, and what it is worth where labels are few."""

from collections.abc import Callable, Mapping

import numpy as np
from sklearn.linear_model import LogisticRegression

PENALTIES = (0.1, 1.0, 10.0)  # inverse strengths to choose from


def few_labels_accuracy(
    codes: Mapping[str, np.ndarray],
    labels: Mapping[str, np.ndarray],
    seed: int,
    count: int = 100,
    draws: int = 10,
) -> float:
    """Accuracy on test of linear classifiers that learn from a few labeled examples each, the mean of them.

    All representations of the same examples see the same draws, so that their accuracies can be subtracted.

    Args:
        codes: Per part of "train", "validation", "test": `(n, features)` float, of any scale.
        labels: Per part: `(n,)` int.
        seed: Of the draws.
        count: Labeled examples of a draw, from the training part.
        draws: How many.

    Returns:
        The accuracy in [0, 1], at that strength of the L2 penalty which is best on validation.

    Raises:
        ValueError: The training part has fewer examples than a draw takes.
    """
    if len(labels["train"]) < count:
        raise ValueError(f"expected at least {count} training examples, received {len(labels['train'])}")
    mean, scale = codes["train"].mean(axis=0), codes["train"].std() or 1.0  # one for all: no direction gains
    scaled = {part: (values - mean) / scale for part, values in codes.items()}
    rng = np.random.default_rng(seed)
    rows = [rng.permutation(len(labels["train"]))[:count] for _ in range(draws)]
    scores = []
    for strength in PENALTIES:
        fitted = [
            LogisticRegression(C=strength, max_iter=300).fit(scaled["train"][draw], labels["train"][draw])
            for draw in rows
        ]
        held_out, test = (
            float(np.mean([each.score(scaled[part], labels[part]) for each in fitted]))
            for part in ("validation", "test")
        )
        scores.append((held_out, test))
    return max(scores)[1]


def explained(made: np.ndarray, images: np.ndarray, mean: np.ndarray | None = None) -> float:
    """Gives the share of the mean image's squared error that reconstructions take away.

    Args:
        made: `(n, ...)` reconstructions of the images, of the same scale.
        images: `(n, ...)`, what they should be.
        mean: `(...)`, the image of the trivial answer; None: the mean of `images`.

    Returns:
        1 for perfect ones, 0 for those as bad as the mean image, negative for worse ones.
    """
    trivial = images.mean(axis=0) if mean is None else mean
    return float(1 - np.mean((made - images) ** 2) / np.mean((images - trivial) ** 2))


def overlaps(codes: np.ndarray, labels: np.ndarray, seed: int, pairs: int = 4000) -> tuple[float, float]:
    """Tells whether the same units are active for all examples, from random pairs of them.

    The overlap of two codes is the sum of the smaller activations over that of the larger ones, unit by unit;
    it does not depend on the scale.

    Args:
        codes: `(n, units)` float, at least 0.
        labels: `(n,)` int.
        seed: Of the pairs.
        pairs: How many.

    Returns:
        The mean overlap in [0, 1], and that of pairs of one class over that of pairs of two.
    """
    one, other = np.random.default_rng(seed).integers(len(codes), size=(2, pairs))
    one, other = one[one != other], other[one != other]
    smaller, larger = (ufunc(codes[one], codes[other]).sum(axis=1) for ufunc in (np.minimum, np.maximum))
    shared, same = smaller / larger, labels[one] == labels[other]
    return float(shared.mean()), float(shared[same].mean() / shared[~same].mean())


def along_over_across(
    encode: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray, seed: int, length: float = 0.5
) -> float:
    """How far codes move for a step towards the nearest neighbor, over that in a random direction.

    Args:
        encode: From inputs to codes, `(n, units)`.
        inputs: `(n, features)` float32; their distances are held in memory at once.
        seed: Of the random directions.
        length: Of each step.

    Returns:
        Above 1 where the code notices changes as they occur in the data more than others.
    """
    squares = np.sum(inputs**2, axis=1)
    distances = squares[:, None] + squares - 2 * inputs @ inputs.T
    np.fill_diagonal(distances, np.inf)
    noise = np.random.default_rng(seed).normal(size=inputs.shape).astype(inputs.dtype)
    codes, moves = np.asarray(encode(inputs)), []
    for step in (inputs[distances.argmin(axis=1)] - inputs, noise):
        norms = np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-12)  # 0 between equal inputs
        moves.append(np.linalg.norm(encode(inputs + length * step / norms) - codes, axis=1).mean())
    return float(moves[0] / moves[1])


def mended_linearly(spoiled: np.ndarray, clean: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The trivial way to mend images: the best linear map from spoiled ones to clean ones, by least squares.

    Args:
        spoiled: `(n, ...)` training images.
        clean: `(n, ...)`, what they were.
        others: `(m, ...)` images to mend.

    Returns:
        `(m, ...)` float64.
    """

    def columns(images: np.ndarray) -> np.ndarray:
        return np.c_[images.reshape(len(images), -1), np.ones(len(images))].astype(np.float64)

    weights = np.linalg.lstsq(columns(spoiled), columns(clean)[:, :-1])[0]
    return (columns(others) @ weights).reshape(others.shape)
